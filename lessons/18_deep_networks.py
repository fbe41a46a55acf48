# ---
# title: Deep networks that train
# part: 5 Text, depth and choice
# objectives:
#   - explain what keeps a deep network from training, and measure at which layer the gradient is lost
#   - derive how widely the initial weights of a layer must spread, and check Keras' initializers against it
#   - build residual connections, batch normalization and layer normalization, and say what each does to the gradient
#   - clip gradients, and recognize when clipping hides a fault
#   - write a learning-rate schedule that warms up and then falls, and distinguish weight decay from L2 in Adam
#   - train in mixed precision, and with a batch that is larger than memory
# prerequisites:
#   - "lesson 03 (Classification): softmax and cross-entropy"
#   - "lesson 05 (Digits): networks of several layers, SGD and Adam"
#   - "lesson 16 (Hardware): float16, bfloat16 and why the loss is scaled"
#   - the chain rule, mean and variance
# data: [mnist]
# reading:
#   - "Glorot, Bengio, *Understanding the difficulty of training deep feedforward neural networks*, AISTATS 2010"
#   - "He, Zhang, Ren, Sun, *Delving deep into rectifiers*, 2015, arXiv:1502.01852 (the factor of two for ReLU)"
#   - "He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2015, arXiv:1512.03385"
#   - "Zhang, Dauphin, Ma, *Fixup initialization: residual learning without normalization*, 2019, arXiv:1901.09321"
#   - "Ioffe, Szegedy, *Batch normalization*, 2015, arXiv:1502.03167"
#   - "Ba, Kiros, Hinton, *Layer normalization*, 2016, arXiv:1607.06450"
#   - "Pascanu, Mikolov, Bengio, *On the difficulty of training recurrent neural networks*, 2013, arXiv:1211.5063 (clipping by the norm)"
#   - "Loshchilov, Hutter, *Decoupled weight decay regularization*, 2019, arXiv:1711.05101"
#   - "Micikevicius et al., *Mixed precision training*, 2018, arXiv:1710.03740"
# ---

# %% [markdown]
# A network with more layers can compute more. So why not stack twenty layers? For a long time such networks were hard
# to train. In this lesson you will find the cause with one line of algebra. Every layer multiplies the signal by a
# factor $f$, and twenty layers multiply it by $f^{20}$. Many of the remedies in use today bring that factor close to 1.
#
# The text quotes results of full mode; your run prints its own beside them. With `fast`, most networks have four hidden
# layers and train for only a few steps. Several differences then vanish, and one changes sign.

# %% tags=["parameters"]
seed: int = 0  # seed of the initial weights and the order of the digits, 0 to 1000000
fast: bool = False  # fewer digits, passes and layers
depth: int = 20  # hidden layers of the deep networks that are trained, 4 to 30, fast 4
rows: int = 4_000  # training digits, 500 to 50000, fast 500
epochs: int = 5  # passes over these digits in each training, 1 to 50, fast 1
watched_steps: int = 100  # steps in the section on clipping, 20 to 200, fast 20

# %%
from course.lesson import begin

begin("18_deep_networks", globals())

# %% [markdown]
# ## Twenty layers
#
# The data are the digits of lesson 05. We shift and scale all pixels by one mean and one standard deviation, so that
# the inputs have a mean square of 1. Later you will follow this mean square from layer to layer.

# %%
from course.data import load

digits = load("mnist", fast=fast)
pixels = digits.x_train[:rows].reshape(-1, 784).astype("float32") / 255
mean, deviation = pixels.mean(), pixels.std()
x_train = (pixels - mean) / deviation
y_train = digits.y_train[:rows].astype("int32")

pixels = digits.x_validation.reshape(-1, 784).astype("float32") / 255
x_validation = (pixels - mean) / deviation
y_validation = digits.y_validation
print(len(x_train), "training digits,", len(x_validation), "validation digits")

# %% [markdown]
# Every network that you train in this lesson has hidden layers of 64 units. One function makes a *plain* layer:
# weighted sums, then an activation. A second one, `network`, stacks layers. You pass it the function that makes a
# layer, so the same `network` also works for the other kinds of layers below.
#
# Note the `clone`. A Keras initializer draws the same numbers whenever it is called. Layers that share one initializer
# would all begin with the same weights.

# %%
import keras
import numpy as np
from keras import layers

width = 64


def weighted(x, initializer):
    """Weighted sums of x, by weights of their own."""
    initializer = keras.initializers.get(initializer).clone()
    return layers.Dense(width, kernel_initializer=initializer)(x)


def plain(x, activation="relu", initializer="glorot_uniform"):
    """A dense layer on top of x."""
    return layers.Activation(activation)(weighted(x, initializer))


# %%
def network(layer=plain, hidden=depth, **options):
    """A classifier with `hidden` layers, of which all but the first are made by
    `layer`."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((784,))
    x = plain(inputs, **options)
    for _ in range(hidden - 1):
        x = layer(x, **options)
    return keras.Model(inputs, layers.Dense(10)(x))


# %%
initializer = keras.initializers.HeUniform()
first, second = initializer((width, width)), initializer((width, width))
drawn_again = np.array_equal(first, second)
other_numbers = not np.array_equal(first, initializer.clone()((width, width)))

# %%
from course.claims import bound, fact, spread

fact("18.drawn_again", "an initializer repeats its numbers", drawn_again)
fact("18.clone_differs", "its clone draws others", other_numbers)

# %% [markdown]
# The output layer returns ten numbers without a softmax. The loss applies the softmax itself (`from_logits=True`), with
# less rounding error. `fast_fit`, from this course, makes `fit` several times faster (lesson 05).

# %%
from course.training.fast_fit import fast_fit

cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled(model, optimizer):
    """Compile `model` for `fast_fit`."""
    model.compile(optimizer, loss=cross_entropy, jit_compile=False)
    # spares `fit` a second translation of its first step (lesson 05)
    optimizer.build(model.trainable_variables)
    return fast_fit(model, seed=seed)


# %%
def train(model):
    """Fit to the training digits; return the mean loss of each epoch."""
    settings = {"batch_size": 50, "epochs": epochs, "verbose": 0}
    return model.fit(x_train, y_train, **settings).history["loss"]


def accuracy(model):
    """The share of validation digits read correctly."""
    return np.mean(np.argmax(model(x_validation), axis=1) == y_validation)


# %% [markdown] tags=["predict"]
# Two networks with sigmoids are trained by plain SGD, for the same number of steps: one with two hidden layers, one
# with twenty. The second has more parameters. Which reads more validation digits correctly, and about how many?

# %%
from keras.optimizers import SGD

read, loss = {}, {}
for name, hidden in {"shallow": 2, "sigmoid": depth}.items():
    model = compiled(network(hidden=hidden, activation="sigmoid"), SGD(0.1))
    loss[name] = train(model)[-1]
    read[name] = accuracy(model)
    print(f"{hidden:2} layers: training loss {loss[name]:.2f}, read {read[name]:.3f}")

# %%
bound("18.shallow", "accuracy, 2 layers", read["shallow"], at_least={"full": 0.8})
bound("18.sigmoid", "accuracy, 20 layers", read["sigmoid"], at_most={"full": 0.2})
bound(
    "18.sigmoid_loss",
    "last training loss, 20 layers",
    loss["sigmoid"],
    at_least={"full": 2.2},
)

# %% [markdown] tags=["answer"]
# With two layers {{18.shallow}} of the digits are read correctly. With twenty it is {{18.sigmoid}}, which is what you
# get by always naming the same digit. This is not overfitting: the deep network does not learn its *training* digits
# either. Its training loss is {{18.sigmoid_loss}}, and guessing costs $\ln 10 = 2.303$. Yet if its upper layers only
# passed on what they receive, it could compute nearly what the shallow network computes. Gradient descent does not find
# such weights.

# %% [markdown]
# ## Where the gradient is lost
#
# Gradient descent moves each weight by the learning rate times its gradient. So look at the gradients, layer by layer,
# before the first step. For each layer we take the *root mean square* of the gradients of its weights: a typical size.
# Then we compare two layers. The backward pass starts at the loss. So it reaches the last hidden layer first and the
# first hidden layer, next to the pixels, last.

# %%
import tensorflow as tf


def gradient_sizes(model, x=x_train[:500], y=y_train[:500]):
    """The typical gradient in the weights of each hidden layer, the first layer
    first."""
    kernels = [each.kernel for each in model.layers if isinstance(each, layers.Dense)]
    with tf.GradientTape() as tape:
        loss = cross_entropy(y, model(x, training=True))
    gradients = tape.gradient(loss, kernels[:-1])
    return [float(np.sqrt(np.mean(np.square(each)))) for each in gradients]


# %% [markdown] tags=["predict"]
# The slope of a sigmoid is at most 1/4. A gradient comes from the loss at the top, and on its way down it is multiplied
# by the slope of each layer that it passes. About how many times smaller is it next to the pixels than next to the
# loss?

# %%
from_loss_to_pixels = gradient_sizes(network(hidden=20, activation="sigmoid"))
lost = from_loss_to_pixels[0] / from_loss_to_pixels[-1]

# %%
from course import plots

plots.lines(
    range(1, 21),
    {"20 layers of sigmoids": from_loss_to_pixels},
    title="The gradient on its way down, before training",
    x_label="hidden layer (1 is next to the pixels)",
    y_label="typical gradient of a weight",
    log="y",
)

# %%
bound(
    "18.gradient_lost",
    "log10 of the gradient next to the pixels over that next to the loss, sigmoids",
    np.log10(lost),
    at_most=-4,
    digits=1,
)

# %% [markdown] tags=["answer"]
# Divide the gradient next to the pixels by the one next to the loss: the ratio is a power of ten, and its exponent is
# {{18.gradient_lost}}. Between the two layers lie nineteen slopes. If each were 1/4, the largest possible value, they
# would give $4^{-19}$, that is, $10^{-11.4}$. With such gradients the first layers keep their random weights.
#
# **This is the vanishing gradient.** Note that the figure is a straight line on a logarithmic axis. So each layer
# contributes about the same factor, and the trouble is not any one layer, but the *number* of them. A factor of 1 would
# be harmless at any depth.

# %% [markdown]
# ## One factor per layer
#
# What decides the factor? Follow the signal up through a layer. A sum $z = \sum_i w_i a_i$ adds the outputs $a_i$ of
# the $n$ units below. When weights are drawn independently with mean 0 and variance $v$, the products with different
# $i$ are uncorrelated. So their mean squares add up:
#
# $$\mathrm{E}[z^2] = n \, v \, \mathrm{E}[a^2]$$
#
# For a ReLU, $a = \max(z, 0)$. If the weights are drawn symmetrically around 0, as they are here, then $z$ is symmetric
# around 0, too. So the values below 0, which ReLU removes, make up half of the mean square:
# $\mathrm{E}[a^2] = \mathrm{E}[z^2] / 2$. A layer therefore multiplies the mean square of the sums by
#
# $$n_{\text{in}} \, v \cdot \tfrac{1}{2}$$
#
# On the way down the same happens with the gradient $\delta$ of the loss with respect to the sums. Each unit adds up
# what comes from the $n_{\text{out}}$ units above, and multiplies it by its slope $f'(z)$. So a layer multiplies the mean
# square of $\delta$ by
#
# $$n_{\text{out}} \, v \cdot \mathrm{E}[f'(z)^2]$$
#
# The slope of a ReLU is 1 or 0, each half of the time, so the last factor is again one half. The sketch shows both
# factors for ReLU.

# %%
from course.topics.depth_figures import factor_by_layer

factor_by_layer()

# %% [markdown]
# The two most widely used rules for initial weights follow from this:
#
# | rule | variance $v$ | what gets a factor of 1 |
# | --- | --- | --- |
# | Glorot and Bengio (2010) | $2 / (n_{\text{in}} + n_{\text{out}})$ | a compromise between up and down, for activations with a slope near 1, such as tanh near 0 |
# | He et al. (2015) | $2 / n_{\text{in}}$ | the way up, with ReLU |
#
# `Dense` uses Glorot's rule unless you tell it otherwise. First, do Keras' initializers follow the rules?

# %%
rules = {
    "glorot": (keras.initializers.GlorotUniform(seed), 2 / (600 + 200)),
    "he": (keras.initializers.HeNormal(seed), 2 / 600),
}
variances = {
    name: np.var(initializer((600, 200))) / variance
    for name, (initializer, variance) in rules.items()
}

# %%
for name, ratio in variances.items():
    bound(
        f"18.rule_{name}",
        f"variance of Keras' weights over that of the rule, {name}",
        ratio,
        at_least=0.95,
        at_most=1.05,
    )

# %% [markdown]
# They do: the variances are {{18.rule_glorot}} and {{18.rule_he}} times those of the rules. Now for the factors. We
# send random inputs up through random networks, and random gradients down, in NumPy. All layers have the same number of
# units, so Glorot's rule becomes $v = 1/n$.


# %%
def upward(x, weights, activation):
    """The sums of every layer, for inputs x (rows, units)."""
    sums = []
    for each in weights:
        sums.append(x @ each)
        x = activation(sums[-1])
    return sums


# %%
def downward(gradient, weights, sums, slope):
    """The loss's gradients by every layer's sums, given that by the last outputs."""
    found = [gradient * slope(sums[-1])]
    for each, below in zip(weights[:0:-1], sums[-2::-1], strict=True):
        found.append(found[-1] @ each.T * slope(below))
    return found[::-1]


# %%
from scipy.special import expit


def relu(z):
    return np.maximum(z, 0)


def relu_slope(z):
    return (z > 0).astype(float)


def sigmoid_slope(z):
    return expit(z) * (1 - expit(z))


# %% [markdown]
# For each network we keep the mean squares of its layers. For the sigmoid, the formula needs $\mathrm{E}[f'(z)^2]$. A
# sum of many terms is nearly normal, so we take that mean over a normal distribution with the variance that the sums
# have.

# %%
units = 100


def mean_squares(activation, slope, variance):
    """Mean squares of sums and gradients in 40 networks, each (networks, layers)."""
    rng = np.random.default_rng(seed)
    up, down = [], []
    for _ in range(40):
        weights = rng.normal(0, np.sqrt(variance), (20, units, units))
        sums = upward(rng.normal(size=(50, units)), weights, activation)
        gradients = downward(rng.normal(size=(50, units)), weights, sums, slope)
        up.append([np.mean(each**2) for each in sums])
        down.append([np.mean(each**2) for each in gradients])
    return np.array(up), np.array(down)


# %% [markdown] tags=["predict"]
# A ReLU network gets its initial weights by Glorot's rule, Keras' default. By which factor does the mean square of its
# sums change from the first layer to the twentieth? And what is left of the gradient on its way down?

# %%
kinds = {
    "ReLU, Glorot": (relu, relu_slope, 1 / units),
    "ReLU, He": (relu, relu_slope, 2 / units),
    "sigmoid, Glorot": (expit, sigmoid_slope, 1 / units),
}
measured = {name: mean_squares(*kind) for name, kind in kinds.items()}

# %%
normal = np.random.default_rng(seed).normal(size=100_000)
spread_of_sums = np.sqrt(measured["sigmoid, Glorot"][0][:, 1:].mean())
expected = {
    "ReLU, Glorot": 1 / 2,
    "ReLU, He": 2 * 1 / 2,
    "sigmoid, Glorot": np.mean(sigmoid_slope(spread_of_sums * normal) ** 2),
}

# %%
from course.topics.depth_figures import up_and_down

up_and_down(measured, expected, title="What twenty layers make of a signal")

# %%
factors = {}
for name, (up, down) in measured.items():
    factors[name, "up"] = np.mean(up[:, 1:] / up[:, :-1])
    factors[name, "down"] = np.mean(down[:, :-1] / down[:, 1:])

# %%
for name, short in {"ReLU, Glorot": "glorot", "ReLU, He": "he"}.items():
    bound(
        f"18.up_{short}",
        f"{name}: factor of the sums, measured over formula",
        factors[name, "up"] / expected[name],
        at_least=0.95,
        at_most=1.05,
    )

# %%
shorts = {"ReLU, Glorot": "glorot", "ReLU, He": "he", "sigmoid, Glorot": "sigmoid"}
for name, short in shorts.items():
    bound(
        f"18.down_{short}",
        f"{name}: factor of the gradient, measured over formula",
        factors[name, "down"] / expected[name],
        at_least=0.95,
        at_most=1.05,
    )

# %%
spread(
    "18.sigmoid_factor",
    "factor of the mean squared gradient, sigmoid",
    factors["sigmoid, Glorot", "down"],
    digits=4,
)

# %% [markdown] tags=["answer"]
# Glorot's rule with ReLU **halves** the mean square in every layer, upward and downward. From the first layer to the
# twentieth that leaves $2^{-19}$, two millionths, and so about a thousandth of the typical size. With He's rule the
# factor is 1. Divided by the formula's factors, the measured ones are {{18.up_glorot}} and {{18.up_he}} upward, and
# {{18.down_glorot}} and {{18.down_he}} downward.
#
# With the sigmoid a layer leaves {{18.sigmoid_factor}} of the mean squared gradient. That is {{18.down_sigmoid}} times
# what the formula says, and below $(1/4)^2 = 0.0625$, the most that Glorot's rule allows here. The *sums* of the
# sigmoid network do not vanish, since a sigmoid returns about one half for small sums. So you cannot see its trouble on
# the way up.
#
# The bands in the figure widen from layer to layer. The formula describes the mean over many networks. In a single
# network, each layer's factor is a little off, and these errors multiply. Wider layers are off by less.

# %% [markdown] tags=["quiz"]
# A layer of 100 units sits on top of a layer of 400 units with ReLU. Its sums should have the same mean square as those
# of the layer below. Which variance must its weights have?
#
# - [ ] 1/400
#   That holds the mean square only without an activation. ReLU then halves it.
# - [x] 2/400
#   A sum adds one product for each of the 400 *inputs*, and ReLU keeps half of the square. The number of units does not
#   enter on the way up.
# - [ ] 2/100
#   That is the rule for the way down, where each input adds up what comes from 100 units.
# - [ ] 2/500
#   That is Glorot's compromise between the two ways, and it leaves out ReLU.

# %% [markdown]
# ### Exercise 18.1: the power
#
# Write a function that returns the factor by which the mean square of the sums changes from one layer to the one
# `depth` layers above it. Each layer has `inputs` inputs and weights of variance `variance`. The activation is "relu"
# or "linear" (none at all). For example, 2 layers with 100 inputs, a variance of 0.02 and "linear" multiply it by 4.


# %% tags=["solution"]
def growth(depth, inputs, variance, activation):
    """Return the factor on the mean square of the sums after `depth` layers."""
    kept = {"relu": 0.5, "linear": 1.0}
    return (inputs * variance * kept[activation]) ** depth


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close


def draw(rng):
    inputs = int(rng.integers(2, 500))
    variance = rng.uniform(0.5, 3) / inputs
    return (
        int(rng.integers(1, 8)),
        inputs,
        variance,
        str(rng.choice(["relu", "linear"])),
    )


@exercise("18.1", growth, draw=draw)
def check(growth):
    for activation, kept in {"linear": 1.0, "relu": 0.5}.items():
        found = growth(3, 100, 0.03, activation)
        true = (3 * kept) ** 3
        mistakes = {
            "Layers multiply: three layers with a factor of 3 give 27, not 9.": 9
            * kept,
            "This is the factor of one layer. There are `depth` of them.": 3 * kept,
            "This is the typical size. The mean square is its square.": true**0.5,
            "The number of inputs is missing: a sum adds one product for each.": (
                (0.03 * kept) ** 3
            ),
            "`variance` is a variance already. Do not square it.": (
                (100 * 0.03**2 * kept) ** 3
            ),
        }
        if activation == "linear":
            mistakes["Without an activation nothing is cut away."] = 1.5**3
        else:
            mistakes["ReLU cuts half of the square away, in every layer."] = 3.0**3
            mistakes["ReLU cuts half away in *every* layer, not once."] = 3.0**3 / 2
        expect_close(
            found,
            true,
            f"For 3 layers, 100 inputs, variance 0.03, {activation}: {found}.",
            mistakes,
        )


# %% tags=["wrong"] hint="ReLU cuts half of the square away"
def growth(depth, inputs, variance, activation):
    return (inputs * variance) ** depth


# %% tags=["wrong"] hint="Layers multiply"
def growth(depth, inputs, variance, activation):
    kept = {"relu": 0.5, "linear": 1.0}
    return inputs * variance * kept[activation] * depth


# %% tags=["wrong"] hint="in *every* layer, not once"
def growth(depth, inputs, variance, activation):
    kept = {"relu": 0.5, "linear": 1.0}
    return (inputs * variance) ** depth * kept[activation]


# %% tags=["wrong"] hint="This is the typical size"
def growth(depth, inputs, variance, activation):
    kept = {"relu": 0.5, "linear": 1.0}
    return np.sqrt(inputs * variance * kept[activation]) ** depth


# %% [markdown]
# ## Initial weights that fit
#
# A factor of 1 at the start does not guarantee that training works. So we train. We say that a network *trains* if it
# reads at least half of the validation digits correctly. We compare ReLU networks with Glorot's and with He's rule,
# trained by plain SGD. A rate that suits one network need not suit the other. So each is trained at two learning rates,
# and its better result counts. (We choose it by the validation digits, which flatters both a little.)
#
# Before each training the network gets its initial weights back, so that you need not compile it again for each rate.
# (That is enough for plain SGD, which keeps nothing else from step to step. Adam also keeps averages of the gradients.)

# %% [markdown] tags=["predict"]
# Will the network with Glorot's rule train? Remember that its gradients are a thousand times too small, but not as tiny
# as those of the sigmoids.

# %%
rates = (0.01, 0.1)
TRAINS = {"full": 0.5}  # the accuracy from which, in full mode, a network "trains"


# %%
def at_each_rate(model):
    """The accuracy that `model` reaches at each rate, and the losses of the best."""
    reached, curves = [], []
    first_weights = model.get_weights()
    for rate in rates:
        model.set_weights(first_weights)
        model.optimizer.learning_rate = rate
        curves.append(train(model))
        reached.append(accuracy(model))
    return reached, curves[int(np.argmax(reached))]


# %%
reached, losses, sizes = {}, {}, {}
for name, rule in {"glorot": "glorot_uniform", "he": "he_uniform"}.items():
    model = compiled(network(initializer=rule), SGD(0.1))
    sizes[name] = gradient_sizes(model)
    reached[name], losses[name] = at_each_rate(model)
    print(f"{name:9}", np.round(reached[name], 3), "at", rates)

# %%
plots.lines(
    range(1, depth + 1),
    {"ReLU, Glorot": sizes["glorot"], "ReLU, He": sizes["he"]},
    title="Typical gradients before training",
    x_label="hidden layer (1 is next to the pixels)",
    y_label="typical gradient of a weight",
    log="y",
)

# %%
bound(
    "18.best_glorot",
    "accuracy, ReLU and Glorot",
    max(reached["glorot"]),
    at_most={"full": 0.5},
)

# %%
bound("18.best_he", "accuracy, ReLU and He", max(reached["he"]), at_least=TRAINS)
bound(
    "18.gain_he",
    "He's rule minus Glorot's",
    100 * (max(reached["he"]) - max(reached["glorot"])),
    at_least={"full": 20},
    unit="points",
    digits=1,
)

# %% [markdown] tags=["answer"]
# At its better rate the network with Glorot's rule reads {{18.best_glorot}} of the digits correctly, less than half of
# them (in fast mode, it can be more). Look at the range: it *lags*, and how far depends on the seed. With most seeds it
# has learned something, unlike the network of sigmoids. Gradients that are a thousand times too small still move
# weights, and as the weights grow, so do the gradients. With He's rule the network reads {{18.best_he}} of the digits,
# so it trains with every seed that was measured. The difference is {{18.gain_he}}, at least 20 points.
#
# Note that the line of Glorot's rule in the figure is *flat*, but low. The gradient of a weight is the signal below it
# times the gradient above it. The mean square of the signal is halved in each layer on the way up, and that of the
# gradient in each layer on the way down. So a layer higher up gets less signal and, by the same factor, more gradient:
# their product is the same everywhere. So a flat line alone is no proof of health: look at its height, too.

# %% [markdown]
# ## A way past the layer
#
# The second remedy changes the network. A **residual connection** adds the input of a layer to its output,
#
# $$x_{l+1} = x_l + f(W_l x_l)$$
#
# so that a layer need only learn what to *change*. The gradient takes two paths down: through the layer, and past it.
# The second path has a factor of exactly 1.

# %%
from course.topics.depth_figures import four_layers

four_layers()


# %%
def residual(x, **options):
    return layers.add([x, plain(x, **options)])


# %% [markdown]
# There is a price. The mean square now *grows*, because the layer adds its output, the *branch*, to what is there. With
# He's rule both parts have about the same size, so the mean square roughly doubles from layer to layer. In fact it more
# than doubles: ReLU returns no negative numbers, so the two parts are correlated. One cure is to start with small
# branches, that is, with small $W_l$. Another, found in most residual networks in use, is to normalize within the
# branch. Here we take small branches. `VarianceScaling` takes the `scale` in $v = \text{scale} / n_{\text{in}}$. With a
# scale of $2 / 20$ instead of 2, the branch by itself adds 5% to the mean square in each layer. With the correlation,
# the mean square grows by 19 to 29%, as the course's tests measure. Over twenty layers, that makes a great difference:


# %%
def grown(scale):
    """Mean square of layer 20 over that of layer 1, with residual connections."""
    rng = np.random.default_rng(seed)
    first = relu(rng.normal(size=(50, units)))
    x = first
    for _ in range(19):
        weights = rng.normal(0, np.sqrt(scale / units), (units, units))
        x = x + relu(x @ weights)
    return np.mean(x**2) / np.mean(first**2)


# %%
with_he, with_small = grown(2), grown(2 / 20)
print(f"layer 20 over layer 1: {with_he:.2g} times with a scale of 2,")
print(f"{with_small:.2g} times with a scale of 2/20")

# %%
words = "log10 of the mean square, layer 20 over layer 1"
bound("18.grown_he", f"{words}, scale 2", np.log10(with_he), at_least=7, digits=1)
bound(
    "18.grown_small",
    f"{words}, scale 2/20",
    np.log10(with_small),
    at_most=2.3,
    digits=1,
)

# %% [markdown]
# With a scale of 2, the mean square grows from the first layer to the twentieth by a factor of 10 to the power of
# {{18.grown_he}}. With small branches, the exponent is {{18.grown_small}}.

# %% [markdown]
# ## Measured and corrected
#
# The third remedy does not trust initial weights at all. It measures the mean and variance while the network runs, and
# corrects them:
#
# $$\hat z = \gamma \, \frac{z - \mu}{\sqrt{\sigma^2 + \varepsilon}} + \beta$$
#
# Two kinds of layers do so, and they differ in what they average over. **Batch normalization** computes $\mu$ and
# $\sigma^2$ for each unit, over the rows of the batch. **Layer normalization** computes them for each row, over the
# units of the layer. In both, each unit has a $\gamma$ and a $\beta$ of its own, and they are trained. The small
# $\varepsilon$ keeps the root from being 0.

# %%
rng = np.random.default_rng(seed)
sums = rng.normal(3, 2, (8, 5)).astype("float32")


def normalized(z, axis):
    """Shift and scale to mean 0 and variance 1 along an axis."""
    centered = z - z.mean(axis, keepdims=True)
    return centered / np.sqrt(z.var(axis, keepdims=True) + 1e-3)


# %%
by_batch = layers.BatchNormalization()(sums, training=True)
by_layer = layers.LayerNormalization()(sums)
difference = max(
    np.abs(by_batch - normalized(sums, axis=0)).max(),
    np.abs(by_layer - normalized(sums, axis=1)).max(),
)

# %%
fact("18.normalized", "Keras' two layers equal NumPy's to 1e-5", difference <= 1e-5)

# %% [markdown]
# One consequence is easily forgotten. With batch normalization, the output for a row depends on *the other rows of its
# batch*. When the network is used, a row may come alone. So Keras then uses running averages of the mean and the
# variance, which it updated during training. These averages follow slowly: with Keras' default `momentum=0.99` they
# need a few hundred steps to forget the start. We use 0.9. Layer normalization has no such averages, and does the same
# in training and in use.

# %%
alone = layers.BatchNormalization()(sums[:1], training=True)
row_changes = {
    "batch": np.abs(alone - by_batch[:1]).max() > 0.01,
    "layer": np.abs(layers.LayerNormalization()(sums[:1]) - by_layer[:1]).max() > 1e-6,
}

# %%
fact("18.batch_matters", "batch normalization sees other rows", row_changes["batch"])
fact(
    "18.layer_alone",
    "layer normalization sees no other rows",
    not row_changes["layer"],
)


# %%
def batch_normalized(x, activation="relu", initializer="glorot_uniform"):
    sums = layers.BatchNormalization(momentum=0.9)(weighted(x, initializer))
    return layers.Activation(activation)(sums)


def layer_normalized(x, activation="relu", initializer="glorot_uniform"):
    sums = layers.LayerNormalization()(weighted(x, initializer))
    return layers.Activation(activation)(sums)


# %% [markdown] tags=["predict"]
# We now put each remedy into the network that lagged, the one with Glorot's rule. Nothing else changes, with one
# exception: the residual network gets small initial weights, as above. Which of them train, and which reads the most
# digits?

# %%
small = keras.initializers.VarianceScaling(2 / depth, "fan_in", "uniform")
remedies = {
    "residual": network(residual, initializer=small),
    "batch": network(batch_normalized),
    "layer": network(layer_normalized),
}
for name, model in remedies.items():
    sizes[name] = gradient_sizes(model)
    reached[name], losses[name] = at_each_rate(compiled(model, SGD(0.1)))
    print(f"{name:9}", np.round(reached[name], 3), "at", rates)

# %%
names = {
    "glorot": "plain",
    "he": "He's rule",
    "residual": "residual",
    "batch": "batch norm",
    "layer": "layer norm",
}

# %%
plots.lines(
    range(1, epochs + 1),
    {words: losses[name] for name, words in names.items()},
    title=f"{depth} layers of ReLU, each at the better of two rates",
    x_label="epoch",
    y_label="mean training loss in the epoch (nats)",
    log="y",
)

# %%
plots.lines(
    range(1, depth + 1),
    {words: sizes[name] for name, words in names.items()},
    title="Typical gradients before training, with each remedy",
    x_label="hidden layer (1 is next to the pixels)",
    y_label="typical gradient of a weight",
    log="y",
)

# %%
for name in ("residual", "batch", "layer"):
    best = max(reached[name])
    gain = 100 * (best - max(reached["glorot"]))
    bound(f"18.best_{name}", f"accuracy, {names[name]}", best, at_least=TRAINS)
    spread(
        f"18.gain_{name}", f"{names[name]} minus plain", gain, unit="points", digits=1
    )

# %%
others = max(max(reached[name]) for name in ("he", "batch", "layer"))
spread(
    "18.residual_ahead",
    "residual minus the best other remedy",
    100 * (max(reached["residual"]) - others),
    unit="points",
    digits=1,
)

# %%
change = {name: np.log10(each[0] / each[-1]) for name, each in sizes.items()}
for name in ("he", "residual", "batch", "layer"):
    bound(
        f"18.change_{name}",
        f"{names[name]}: log10 of the gradient, next to pixels over next to loss",
        change[name],
        at_least=-2,
        at_most=2,
        digits=1,
    )

# %% [markdown] tags=["answer"]
# | remedy | accuracy | minus plain | direction over the seeds | gradient next to the pixels over that next to the loss, exponent of 10 |
# | --- | --- | --- | --- | --- |
# | He's rule | {{18.best_he}} | {{18.gain_he}} | {{18.gain_he:sign}} | {{18.change_he}} |
# | residual connections | {{18.best_residual}} | {{18.gain_residual}} | {{18.gain_residual:sign}} | {{18.change_residual}} |
# | batch normalization | {{18.best_batch}} | {{18.gain_batch}} | {{18.gain_batch:sign}} | {{18.change_batch}} |
# | layer normalization | {{18.best_layer}} | {{18.gain_layer}} | {{18.gain_layer:sign}} | {{18.change_layer}} |
#
# **All four train**, with every seed that was measured. The last column holds the exponent that was
# {{18.gradient_lost}} for the sigmoids: over twenty layers none of the four changes the gradient by more than a factor
# of a hundred. Yet the factor of a layer is not exactly 1. With batch normalization the gradient *grows* on its way to
# the pixels.
#
# The accuracy of the residual network minus that of the best of the other three is {{18.residual_ahead}},
# {{18.residual_ahead:sign}}. But keep in mind what was compared: few steps, two rates, one width. A remedy that is best
# here need not be best for your network.

# %% [markdown]
# ## Clipping
#
# When the factor is above 1, the gradient *explodes*. The usual answer is **gradient clipping**: when the norm of the
# gradient, over all weights together, exceeds a limit $c$, multiply the gradient by $c$ over its norm. Its direction
# stays the same. In Keras, this is `global_clipnorm=c`. (`clipnorm=c` clips the gradient of each array of weights by
# itself. Then the direction of the whole gradient changes.)
#
# We make a network explode. It gets He's rule with weights one and a half times as large, so each layer multiplies the
# mean square by $1.5^2 = 2.25$. Then we take a few steps by hand, to see the loss and the norm at every step.


# %%
def one_step(model, optimizer):
    """Return a function that takes a step and returns its loss and gradient norm."""
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = cross_entropy(y, model(x))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return tf.stack([loss, tf.linalg.global_norm(gradients)])

    return step


# %%
large = keras.initializers.VarianceScaling(2 * 1.5**2, "fan_in", "uniform")
large_weights = network(hidden=20, initializer=large).get_weights()
he_weights = network(hidden=20, initializer="he_uniform").get_weights()


# %%
def watch(step, model, weights):
    """Loss and norm of the gradient, (steps, 2), from these first weights."""
    model.set_weights(weights)
    order = np.random.default_rng(seed).permutation(len(x_train))
    batches = np.resize(order, (watched_steps, 20))
    seen = np.array([step(x_train[batch], y_train[batch]) for batch in batches])
    return np.where(np.isfinite(seen), seen, np.nan)


# %% [markdown] tags=["predict"]
# One network has large weights and is trained with clipping. Another has He's weights and is trained without. After
# these steps, which loss is lower, and by much or by little? And is either of them below 2.303, the cost of guessing?

# %%
limit = 10.0
model = network(hidden=20)
plain_step = one_step(model, SGD(0.05))
clipped_step = one_step(model, SGD(0.05, global_clipnorm=limit))
seen = {
    "large weights": watch(plain_step, model, large_weights),
    "large weights, clipped": watch(clipped_step, model, large_weights),
    "He's weights": watch(plain_step, model, he_weights),
}
broken_at = int(np.argmax(np.isnan(seen["large weights"][:, 0]))) + 1


# %%
def draw_steps(column, title, y_label, **options):
    plots.lines(
        range(1, watched_steps + 1),
        {name: values[:, column] for name, values in seen.items()},
        title=title,
        x_label="step",
        y_label=y_label,
        log="y",
        **options,
    )


breaks = {"step where large weights break": broken_at}
draw_steps(0, "The loss", "loss (nats)", marked=breaks)

# %%
draw_steps(1, "The gradient before it is clipped", "norm of the gradient")

# %%
broken = np.isnan(seen["large weights"]).any()
clipped = np.mean(seen["large weights, clipped"][:, 1] > limit)
above = np.mean(seen["He's weights"][:, 1] > limit)
last = {name: np.median(each[-10:, 0]) for name, each in seen.items()}

# %%
fact("18.exploded", "without clipping, a loss that is no number", broken)
bound("18.steps_clipped", "share of steps clipped", clipped, at_least=0.9, digits=2)
spread("18.he_above", "He's weights: share of steps above the limit", above, digits=2)

# %%
spread(
    "18.clipped_last",
    "last losses, clipped",
    last["large weights, clipped"],
    digits=2,
)
spread("18.he_last", "last losses, He's weights", last["He's weights"], digits=2)

# %% [markdown] tags=["answer"]
# Without clipping, the loss soon stops being a number at all. With clipping, it stays finite, and it falls. But in the
# last ten steps it is still {{18.clipped_last}}. With every seed that was measured, that is more than guessing would
# cost, $\ln 10 = 2.303$. With He's weights, the loss has fallen to {{18.he_last}}. The share of clipped steps is
# {{18.steps_clipped}}. (With He's weights, {{18.he_above}} of the steps exceed the same limit.)
#
# **Clipping has hidden the fault, not fixed it**: the norm before clipping stays far above the limit. When nearly every
# step is clipped, each has the same length, rate times limit, however large the gradient is. So clip if rare batches
# have large gradients, and *record how often*. If most steps are clipped, look for the factor.

# %% [markdown]
# ### Exercise 18.2: clip all together
#
# Write clipping by the global norm. `gradients` is a list of arrays of any shapes, `limit` a number. Return a list of
# new arrays. Gradients whose norm, over all arrays together, is within the limit stay as they are.


# %% tags=["solution"]
def clip_together(gradients, limit):
    """Return the gradients, scaled down to a norm of `limit` if theirs is larger."""
    norm = np.sqrt(sum(np.sum(each**2) for each in gradients))
    factor = min(1.0, limit / norm) if norm > 0 else 1.0
    return [factor * each for each in gradients]


# %% tags=["check"]
def draw(rng):
    shapes = [(3,), (2, 2), (4, 1)][: rng.integers(1, 4)]
    size = 10 ** rng.uniform(-1, 1)
    return [rng.normal(0, size, shape) for shape in shapes], float(rng.uniform(0.5, 4))


@exercise("18.2", clip_together, draw=draw)
def check(clip):
    # norms 3 and 4, together 5
    given = [np.array([3.0, 0.0]), np.array([[0.0], [4.0]])]
    kept = [each.copy() for each in given]
    found = clip(given, 2.5)
    expect(found is not None, "Your function returns nothing. Does it end in a return?")
    expect(
        all(map(np.array_equal, given, kept)),
        "Your function has changed the arrays that it was given. Make new ones.",
    )
    expect(
        [np.shape(each) for each in found] == [(2,), (2, 1)],
        "Return a list with one array for each given array, of the same shape.",
    )
    flat = np.concatenate([np.ravel(each) for each in found])
    mistakes = {
        "You clipped each array by itself. Take one norm over all of them.": (
            [2.5, 0, 0, 2.5]
        ),
        "Nothing was clipped. The norm over both arrays is 5.": [3, 0, 0, 4],
        "You scaled to a norm of 1. Scale to the limit.": [0.6, 0, 0, 0.8],
        "You divided by the square of the norm. Take its root.": [0.3, 0, 0, 0.4],
        "You divided by the sum of the norms. Add squares, then take the root.": (
            [7.5 / 7, 0, 0, 10 / 7]
        ),
    }
    expect_close(
        flat, [1.5, 0, 0, 2], f"For norms 3 and 4, limit 2.5: {flat}.", mistakes
    )
    within = np.concatenate([np.ravel(each) for each in clip(given, 10.0)])
    expect(
        np.allclose(within, [3, 0, 0, 4]),
        "Gradients within the limit must stay as they are. Yours grew up to it.",
    )
    (small,) = clip([np.array([0.3, 0.4])], 0.25)
    expect_close(small, [0.15, 0.2], f"For a norm of 0.5, limit 0.25: {small}.")
    with np.errstate(all="ignore"):
        zeros = clip([np.zeros(2)], 1.0)
    expect(
        np.array_equal(zeros[0], [0, 0]),
        "Gradients of 0 must stay 0. Mind the division.",
    )


# %% tags=["wrong"] hint="each array by itself"
def clip_together(gradients, limit):
    clipped = []
    for each in gradients:
        norm = np.sqrt(np.sum(each**2))
        clipped.append(each * min(1.0, limit / norm) if norm > 0 else 1.0 * each)
    return clipped


# %% tags=["wrong"] hint="Yours grew up to it"
def clip_together(gradients, limit):
    norm = np.sqrt(sum(np.sum(each**2) for each in gradients))
    return [limit / norm * each for each in gradients]


# %% tags=["wrong"] hint="each array by itself"
def clip_together(gradients, limit):
    return [np.clip(each, -limit, limit) for each in gradients]


# %% tags=["wrong"] hint="changed the arrays"
def clip_together(gradients, limit):
    norm = np.sqrt(sum(np.sum(each**2) for each in gradients))
    for each in gradients:
        each *= min(1.0, limit / norm) if norm > 0 else 1.0
    return gradients


# %% [markdown] tags=["quiz"]
# A training run with `global_clipnorm=1` goes smoothly, and its log says that 98% of its steps were clipped. What would
# you do first?
#
# - [ ] Lower the limit, so that the rest is clipped as well.
#   Then rate and limit alone decide how far each step goes. The cause of the large gradients remains.
# - [x] Measure the gradient of each layer before training.
#   If it grows from layer to layer, the initial weights are at fault, and that can be fixed. Clipping is for rare
#   batches.
# - [ ] Nothing: a smooth loss means that all is well.
#   A clipped training run is smooth because its steps cannot be long. It may still be far slower than it could be.
# - [ ] Raise the learning rate by a factor of ten.
#   That lengthens the clipped steps as well. It may or may not help, and it leaves the cause in place.

# %% [markdown]
# ## Warm up, then cool down
#
# In the first steps a large rate can do the most harm: the weights are random, and Adam's averages rest on a few
# batches. A **warm-up** starts with a small learning rate and raises it in a straight line. Toward the end, small steps
# help the weights settle, so the rate falls, often along half a *cosine* wave. Keras has both in `CosineDecay`. Its
# first two arguments are the rate at step 0 and the length of the fall in steps, `decay_steps`. For a warm-up, add
# `warmup_target`, the rate at the top, and `warmup_steps`. Note that `decay_steps` counts from the end of the warm-up,
# not from step 0.

# %%
from keras.optimizers.schedules import CosineDecay

total = epochs * (len(x_train) // 50)
warmup = total // 5
schedules = {
    "constant": 0.005,
    "cosine": CosineDecay(0.005, total),
    "warm-up, cosine": CosineDecay(
        0.0, total - warmup, warmup_target=0.005, warmup_steps=warmup
    ),
}

# %% [markdown]
# ### Exercise 18.3: the rate at a step
#
# Write this schedule. At step 0 the rate is 0. It rises in a straight line to `peak` at step `warmup`. Then it falls
# along half a cosine, to 0 at step `total`, and stays there. `warmup` is at least 1 and below `total`.


# %% tags=["solution"]
def rate_at(step, warmup, total, peak):
    """Return the learning rate at a step, 0 or above."""
    if step < warmup:
        return peak * step / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return peak * 0.5 * (1 + np.cos(np.pi * progress))


# %% tags=["check"]
def draw(rng):
    warmup = int(rng.integers(1, 20))
    total = warmup + int(rng.integers(1, 60))
    return int(rng.integers(0, total + 10)), warmup, total, float(rng.uniform(0.1, 2))


@exercise("18.3", rate_at, draw=draw)
def check(rate_at):
    found = [rate_at(step, 10, 50, 0.2) for step in (0, 5, 10, 20, 30, 50, 70)]
    expect(None not in found, "Your function returns nothing. Does it end in a return?")
    expect_close(found[0], 0.0, "At step 0 the rate must be 0.")
    expect_close(found[1], 0.1, "Halfway through the warm-up: half of the peak.")
    expect_close(found[2], 0.2, "At the end of the warm-up the rate is the peak.")
    late = np.cos(np.pi / 4) / 2 + 0.5
    expect_close(
        found[3],
        0.2 * late,
        f"A quarter down the cosine the rate is {found[3]}, not {0.2 * late:.4f}.",
        {
            "Your cosine counts from step 0. It begins where the warm-up ends.": (
                0.1 * (1 + np.cos(np.pi * 20 / 50))
            ),
            "This part falls in a straight line. It should fall along a cosine.": 0.15,
            "It falls along a quarter of the wave. Half a wave goes from 1 to -1.": (
                0.2 * np.cos(np.pi / 8)
            ),
            "Your cosine takes `total` steps after the warm-up. It ends at `total`.": (
                0.1 * (1 + np.cos(np.pi * 10 / 50))
            ),
        },
    )
    expect_close(found[4], 0.1, "Halfway down the rate is half of the peak.")
    expect_close(found[5], 0.0, "At step `total` the rate must be 0.")
    expect_close(found[6], 0.0, "After `total` it must stay 0. A cosine rises again.")


# %% tags=["wrong"] hint="counts from step 0"
def rate_at(step, warmup, total, peak):
    if step < warmup:
        return peak * step / warmup
    if step == warmup:
        return peak
    return peak * 0.5 * (1 + np.cos(np.pi * min(1.0, step / total)))


# %% tags=["wrong"] hint="A cosine rises again"
def rate_at(step, warmup, total, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * 0.5 * (1 + np.cos(np.pi * (step - warmup) / (total - warmup)))


# %% tags=["wrong"] hint="falls in a straight line"
def rate_at(step, warmup, total, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * max(0.0, (total - step) / (total - warmup))


# %% tags=["wrong"] hint="At step 0"
def rate_at(step, warmup, total, peak):
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = min(1.0, (step - warmup) / (total - warmup))
    return peak * 0.5 * (1 + np.cos(np.pi * progress))


# %% [markdown] tags=["predict"]
# The plain network with He's rule is trained by Adam, whose peak rate of 0.005 is five times Keras' default. With which
# of the three schedules does it read the most digits: constant, cosine, or warm-up and cosine?

# %%
scheduled, curves = {}, {}
for name, schedule in schedules.items():
    model = network(initializer="he_uniform")
    compiled(model, keras.optimizers.Adam(schedule))
    curves[name] = train(model)
    scheduled[name] = accuracy(model)
print({name: round(float(share), 3) for name, share in scheduled.items()})

# %%
plots.lines(
    range(1, epochs + 1),
    curves,
    title="Three schedules with the same peak",
    x_label="epoch",
    y_label="mean training loss in the epoch (nats)",
)

# %%
gained = {name: 100 * (scheduled[name] - scheduled["constant"]) for name in scheduled}
spread("18.cosine", "cosine minus constant", gained["cosine"], unit="points", digits=1)
spread(
    "18.warmup",
    "warm-up and cosine minus cosine alone",
    gained["warm-up, cosine"] - gained["cosine"],
    unit="points",
    digits=1,
)

# %% [markdown] tags=["answer"]
# | difference in accuracy | size | direction over the seeds |
# | --- | --- | --- |
# | cosine minus constant | {{18.cosine}} | {{18.cosine:sign}} |
# | warm-up and cosine minus cosine alone | {{18.warmup}} | {{18.warmup:sign}} |
#
# **The cosine helps with most seeds, though not with all. These seeds cannot tell whether a warm-up adds anything.**
# This is one peak rate, one network and one length of training: other choices may order the three differently. With a
# low peak there is little for a warm-up to protect. (With `fast` the training is one short epoch, and the constant rate
# is ahead of the cosine with nearly every seed.)

# %% [markdown]
# ## Weight decay and L2
#
# Two ways to keep weights small look alike. **L2** adds $\lambda \sum w^2$ to the loss, which adds $2 \lambda w$ to
# each gradient. **Weight decay** leaves the loss alone and removes a share of every weight in each step, $w \leftarrow
# w - \eta \lambda' w$. With plain SGD, they are the same when $\lambda' = 2 \lambda$. And with Adam?
#
# Take a weight of 1 on which the loss does not depend, so that only the penalty moves it.


# %%
def after_one_step(optimizer, penalty):
    """A weight that was 1, after one step in which L2 is the whole gradient."""
    weight = keras.Variable([1.0])
    optimizer.apply([2 * penalty * weight], [weight])
    return float(weight[0])


# %% [markdown] tags=["predict"]
# You lower the $\lambda$ of the L2 penalty to a hundredth, from 0.01 to 0.0001. How much smaller does Adam's first step
# become?

# %%
from keras.optimizers import Adam, AdamW

moved = {}
for penalty in (0.01, 0.0001):
    by_sgd = 1 - after_one_step(SGD(0.1), penalty)
    by_adam = 1 - after_one_step(Adam(0.1), penalty)
    by_decay = 1 - after_one_step(AdamW(0.1, weight_decay=2 * penalty), 0.0)
    moved[penalty] = by_sgd, by_adam, by_decay
    print(f"{penalty}: SGD {by_sgd:.6f}, Adam {by_adam:.6f}, AdamW {by_decay:.6f}")

# %%
sgd, adam, decay = np.array(list(moved.values())).T

# %%
fact("18.sgd_same", "L2 in SGD equals decay", np.allclose(sgd, decay, atol=1e-6))
fact("18.adam_same", "Adam's steps differ by 2% at most", adam[0] / adam[1] < 1.02)

# %% [markdown] tags=["answer"]
# **Hardly at all**, by 2% at most. Adam divides each gradient by its usual size. Here the penalty *is* the whole
# gradient, so the step has the length of the learning rate, whatever $\lambda$ is. (The small difference is due to the
# $\varepsilon$ that Adam adds to avoid dividing by 0.) SGD removes a share of $2 \eta \lambda$ of the weight. AdamW
# with $\lambda' = 2 \lambda$ removes the same share.

# %% [markdown]
# In a real network the loss has gradients too, and Adam divides the penalty by *their* size. So L2 shrinks the weights
# with large gradients least. Weight decay (`AdamW`) shrinks all weights by the same share. Here are two thousand
# weights, all 1 at the start. Their gradients are noise, small for the first half and large for the second:

# %%
noise = np.repeat([0.01, 1.0], 1_000)


def shrunk(optimizer, penalty, steps=30):
    """The mean weight of either half after some steps with noise for a gradient."""
    rng = np.random.default_rng(seed)
    weights = keras.Variable(np.ones(2_000, "float32"))
    for _ in range(steps):
        gradient = noise * rng.normal(size=2_000) + 2 * penalty * weights
        optimizer.apply([gradient], [weights])
    return np.mean(np.reshape(weights, (2, 1_000)), axis=1)


# %%
left = {
    "L2 in Adam": shrunk(Adam(0.01), 0.005),
    "weight decay": shrunk(AdamW(0.01, weight_decay=0.5), 0.0),
}
for name, (small_noise, large_noise) in left.items():
    print(f"{name:13} small gradients {small_noise:.3f}, large {large_noise:.3f}")

# %%
bound(
    "18.l2_uneven",
    "L2: mean weight, large minus small gradients",
    left["L2 in Adam"][1] - left["L2 in Adam"][0],
    at_least=0.05,
)

# %%
bound(
    "18.decay_even",
    "weight decay: mean weight, large minus small gradients, without sign",
    abs(left["weight decay"][1] - left["weight decay"][0]),
    at_most=0.01,
)

# %% [markdown]
# With L2 in Adam, the weights with large gradients end higher than those with small ones, by {{18.l2_uneven}} on
# average. With weight decay the two means differ by {{18.decay_even}}. This is arithmetic. Whether your network reads
# more digits because of it is another question, which we did not test here.

# %% [markdown]
# ## A batch larger than memory
#
# Some networks need large batches, and some batches do not fit in memory. **Gradient accumulation** computes the
# gradients of several small batches, and takes one step with their mean. In Keras that is one argument of every
# optimizer, `gradient_accumulation_steps`.

# %% [markdown] tags=["predict"]
# One network takes one step with a batch of 80 digits. A copy of it accumulates the gradients of four batches of 20 and
# then takes its step. Do both end with the same weights? And what if the network has batch normalization?


# %%
def weights_after(optimizer, layer, size):
    """All trained weights after 80 digits in batches of `size`."""
    model = network(layer, hidden=2, initializer="he_uniform")
    model.compile(optimizer, cross_entropy, run_eagerly=True)
    for start in range(0, 80, size):
        batch = slice(start, start + size)
        model.train_on_batch(x_train[batch], y_train[batch])
    return np.concatenate([np.ravel(each) for each in model.trainable_variables])


# %%
apart = {}
for layer in (plain, layer_normalized, batch_normalized):
    at_once = weights_after(SGD(0.1), layer, 80)
    in_four = weights_after(SGD(0.1, gradient_accumulation_steps=4), layer, 20)
    apart[layer.__name__] = np.abs(at_once - in_four).max()
    print(f"{layer.__name__:17} greatest difference {apart[layer.__name__]:.1e}")

# %%
fact("18.accumulated", "plain: equal to 1e-6", apart["plain"] <= 1e-6)
fact("18.accumulated_layer", "layers: to 1e-6", apart["layer_normalized"] <= 1e-6)
fact("18.accumulated_batch", "batch: apart", apart["batch_normalized"] > 1e-4)

# %% [markdown] tags=["answer"]
# **The same weights**, to a millionth, for the plain network and with layer normalization. The loss of a batch is the
# mean over its rows, so the mean of four gradients of 20 rows is the gradient of all 80. **With batch normalization
# they differ**: each small batch is normalized by its own 20 rows, which makes its loss a different function of the
# weights.
#
# The mean of the batches' means is the mean over all rows only when the batches are equally large: Keras does not
# weight them by their number of rows. And if the number of batches in an epoch is not a multiple of the accumulation
# steps, the gradients left over wait for the next epoch.

# %% [markdown]
# ### Exercise 18.4: batches of different sizes
#
# Write accumulation that is also right when batches differ in size. `gradients` holds one array for each batch, the
# gradient of the *mean* loss over its rows; `rows` holds the number of rows of each batch. Return the gradient of the
# mean loss over all rows.


# %% tags=["solution"]
def accumulated(gradients, rows):
    """Return the gradient of all batches together, an array like each of them."""
    return np.average(gradients, axis=0, weights=rows)


# %% tags=["check"]
def draw(rng):
    batches = int(rng.integers(1, 6))
    shape = (batches, *rng.integers(1, 4, rng.integers(1, 3)))
    return list(rng.normal(size=shape)), rng.integers(1, 50, batches).tolist()


@exercise("18.4", accumulated, draw=draw)
def check(accumulated):
    gradients, rows = [np.array([1.0, 8.0]), np.array([5.0, 0.0])], [30, 10]
    found = accumulated([each.copy() for each in gradients], list(rows))
    mistakes = {
        "This is the plain mean. A batch of 30 rows counts three times one of 10.": (
            [3.0, 4.0]
        ),
        "This is the sum over the batches. The loss is a mean over the rows.": (
            [6.0, 8.0]
        ),
        "This is the gradient of the *sum* over the rows. Divide by all rows.": (
            [80.0, 240.0]
        ),
        "You divided by the number of batches. Divide by the number of rows.": (
            [40.0, 120.0]
        ),
        "The shares are swapped: the larger batch counts for more.": [4.0, 2.0],
        "A single number came back. Each weight has its own gradient.": 4.0,
    }
    expect_close(
        found, [2.0, 6.0], f"For batches of 30 and 10 rows: {found}.", mistakes
    )


# %% tags=["wrong"] hint="This is the plain mean"
def accumulated(gradients, rows):
    return np.mean(gradients, axis=0)


# %% tags=["wrong"] hint="gradient of the *sum*"
def accumulated(gradients, rows):
    return sum(n * each for n, each in zip(rows, gradients, strict=True))


# %% tags=["wrong"] hint="Divide by the number of rows"
def accumulated(gradients, rows):
    return sum(n * each for n, each in zip(rows, gradients, strict=True)) / len(rows)


# %% tags=["wrong"] hint="A single number came back"
def accumulated(gradients, rows):
    return np.average(gradients, axis=0, weights=rows).mean()


# %% [markdown]
# ## Half the bits
#
# Lesson 16 explained mixed precision: layers compute in 16 bits, variables stay in 32, and with `float16` the loss is
# scaled so that small gradients survive. (`bfloat16` has the range of `float32`, so its loss needs no scaling.) Here
# you train with both. Set the policy *before* you make the model. It holds for the whole model, but the output layer
# should answer in `float32`, since the loss takes exponentials.
#
# A processor without 16-bit arithmetic has to imitate it. So we ask what the precision does to the *loss*, not to the
# time.

# %% [markdown] tags=["predict"]
# A network with four layers and He's rule is trained in three precisions, from the same seed. `bfloat16` has 8
# significant bits, `float16` has 11 and `float32` has 24. Will the losses differ by more than the losses of two seeds
# do?


# %%
def in_precision(policy):
    """A compiled network of 4 layers that computes in the precision of `policy`."""
    keras.config.set_dtype_policy(policy)
    model = network(hidden=4, initializer="he_uniform")
    outputs = layers.Activation("linear", dtype="float32")(model.outputs[0])
    model = keras.Model(model.inputs, outputs)
    model.compile(SGD(0.02), cross_entropy, jit_compile=False)  # wraps SGD for float16
    keras.config.set_dtype_policy("float32")
    return fast_fit(model, seed=seed)


# %%
final, optimizers = {}, {}
for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
    model = in_precision(policy)
    final[policy] = train(model)[-1]
    optimizers[policy] = type(model.optimizer).__name__
    print(f"{policy:15} {optimizers[policy]:18} last loss {final[policy]:.4f}")

# %%
fact(
    "18.scaled",
    "the loss is scaled with float16 alone",
    list(optimizers.values()) == ["SGD", "LossScaleOptimizer", "SGD"],
)

# %%
spread("18.loss_float32", "last loss, float32", final["float32"])
for bits in () if fast else ("float16", "bfloat16"):  # a few steps tell too little
    bound(
        f"18.loss_{bits}",
        f"last loss, {bits} minus float32",
        final[f"mixed_{bits}"] - final["float32"],
        at_least=-0.015,
        at_most=0.015,
    )

# %% [markdown] tags=["answer"]
# | precision | last loss | direction over the seeds |
# | --- | --- | --- |
# | `float32` | {{18.loss_float32}} | |
# | `float16` minus `float32` | {{18.loss_float16}} | {{18.loss_float16:sign}} |
# | `bfloat16` minus `float32` | {{18.loss_bfloat16}} | {{18.loss_bfloat16:sign}} |
#
# **Usually not.** The first row shows how far the losses of different seeds lie apart. Rounding changes every step a
# little, and the changes add up. So the precisions end at different losses. But with every seed that was measured, a
# 16-bit format changed the loss by less than the typical difference between two seeds. (Two seeds may happen to end
# closer together.)

# %% [markdown]
# ## What you have learned
#
# - Each layer multiplies signal and gradient by a factor, and the depth is its exponent. Measure the gradient of each
#   layer before you train: a slope on the logarithmic axis is a sign of a fault, and so is a line that is flat but far
#   too low.
# - On the way up, the factor of the mean square is $n_{\text{in}} v / 2$ with ReLU; on the way down, it is
#   $n_{\text{out}} v / 2$. He's rule makes the first one 1. With Glorot's rule and layers of equal width, both are one
#   half, and a layer of sigmoids leaves at most 1/16 of the mean squared gradient.
# - A residual connection gives the gradient a way past the layer, with a factor of 1. Start with small branches. Batch
#   and layer normalization measure the signal on its way up and rescale it. Only with batch normalization does the
#   output for a row depend on the other rows.
# - Clip by the global norm, and record how often. When most steps are clipped, clipping hides a fault.
# - In `CosineDecay`, `decay_steps` does not include the warm-up. L2 in Adam is not weight decay: Adam divides
#   the penalty by the size of the gradient.
# - Mixed precision is set for the whole model before it is made, and scales the loss with `float16` only. Accumulation
#   equals the large batch if its batches are equally large and no layer looks across the rows of a batch.
#
# ## Try next
#
# - Give the network of sigmoids residual connections: `network(residual, activation="sigmoid")`. Does it train?
# - Let Adam train the plain network with Glorot's rule. It divides gradients by their size; does it need He's rule?
# - Give the plain network with Glorot's rule ten times as many epochs. Try two seeds. Does it train in the end?
# - Set the limit of `global_clipnorm` to 1 and the rate to 0.5. What do you expect of the losses, and why?
# - Leave `momentum` of batch normalization at 0.99, train for one epoch, and compare `model(x_validation)` with
#   `model(x_validation, training=True)`.
