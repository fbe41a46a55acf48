# ---
# title: Classification
# part: 1 Fit
# objectives:
#   - write a function that takes X and y, builds, compiles and fits, and returns a classifier
#   - explain what epochs, batch_size, validation_data, callbacks and verbose do, and count the steps of a fit
#   - compare a network with logistic regression on the same folds
#   - write one model as Sequential, functional and subclass, and test that the three are the same
#   - detect a validation split that holds classes which training never saw, and split by class instead
#   - recognize old spellings that Keras 3 rejects or ignores
# prerequisites:
#   - "lesson 02 (Regression with Keras): build, compile, fit, evaluate, predict; cross-validation"
#   - Python functions and classes
# data: [penguins, mnist]
# reading:
#   - "Horst, Hill, Gorman, *palmerpenguins*, 2020, doi:10.5281/zenodo.3960218 (the penguins)"
#   - "LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, Proceedings of the IEEE 86, 1998, doi:10.1109/5.726791 (the digits)"
#   - "Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.3 (softmax and cross-entropy)"
# ---

# %% [markdown]
# Lesson 02 predicted numbers. Now the answer is one of a few names: which species, which digit? Little changes in
# the program, and what can go wrong changes a lot.
#
# Results in the text are those of full mode; your run prints its own.

# %% tags=["parameters"]
seed: int = 0  # seed of first weights, order of rows and folds, 0 to 1000000
fast: bool = False  # fewer epochs, folds and digits
epochs: int = 8  # passes, for penguins and for digits, 5 to 100, fast 5
most_epochs: int = 40  # passes that early stopping is to shorten, 12 to 300, fast 12
folds: int = 5  # parts in the cross-validation, 2 to 10, fast 2
digits_per_class: int = 400  # images of each digit, 100 to 400, fast 100

# %%
from course.lesson import begin

begin("03_classification", globals())

# %% [markdown]
# ## Three kinds of penguins
#
# Adelie, Chinstrap or Gentoo? Four measurements were taken of each penguin: length and depth of the bill and length
# of the flipper (in mm), and body mass (in g). Two penguins escaped measuring; we leave them out.

# %%
from course.data import load, table

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
birds = table("penguins").dropna(subset=MEASUREMENTS)
birds["species"].value_counts()

# %% [markdown]
# A network computes with numbers, so each species gets one: its place in alphabetical order, 0, 1 or 2. The
# numbers are mere names. That 2 is more than 1 must not matter.

# %%
import numpy as np

species, y = np.unique(birds["species"], return_inverse=True)
X = birds[MEASUREMENTS].to_numpy()
print(dict(enumerate(species.tolist())))

# %% [markdown]
# ## From scores to probabilities
#
# The network has three outputs, one per species: scores $z_k$, which may be any number. **Softmax** makes them
# probabilities: $p_k = e^{z_k} / \sum_j e^{z_j}$. Each is positive, and they add up to 1.

# %%
scores = np.array([2.0, 1.0, -1.0])
probabilities = np.exp(scores) / np.exp(scores).sum()
print(probabilities.round(3), "sum:", probabilities.sum().round(6))

# %% [markdown]
# The loss is the **cross-entropy**: minus the natural logarithm of the probability that the model gave to the *true*
# class, as a mean over the rows. Its unit is the nat. Sure and right costs nearly 0; sure and wrong costs dearly.
# With labels as whole numbers, Keras calls it `sparse_categorical_crossentropy`.

# %%
for p in (0.99, 0.5, 1 / 3, 0.01):
    print(f"probability of the true class {p:.2f}: loss {-np.log(p):.2f}")

# %% [markdown]
# ### Exercise 03.1: cross-entropy
#
# Write the loss in NumPy, for a table of probabilities, (rows, classes), and whole-number labels, (rows,).


# %% tags=["solution"]
def cross_entropy(probabilities, y):
    """Return the mean over the rows of minus the log of the true class's
    probability."""
    return -np.mean(np.log(probabilities[np.arange(len(y)), y]))


# %% tags=["check"]
from course.exercises import exercise, expect, generators


def draw(rng):
    rows, classes = rng.integers(1, 7), rng.integers(2, 6)
    return rng.dirichlet(np.ones(classes), rows), rng.integers(0, classes, rows)


@exercise("03.1", cross_entropy, draw=draw)
def check(cross_entropy):
    table = np.array(
        [
            [0.1, 0.6, 0.2, 0.1],
            [0.1, 0.2, 0.4, 0.3],
            [0.5, 0.1, 0.3, 0.1],
            [0.7, 0.1, 0.1, 0.1],
            [0.2, 0.3, 0.1, 0.4],
        ]
    )
    labels = np.array([1, 2, 2, 0, 3])
    true, likeliest = np.array([0.6, 0.4, 0.3, 0.7, 0.4]), table.max(axis=1)
    expected = -np.log(true).mean()
    answer = cross_entropy(table, labels)
    expect(np.ndim(answer) == 0, "One number must come back: the mean over the rows.")
    mistakes = {
        "This is the sum over the rows. Keras takes the mean.": 5 * expected,
        (
            "A row that was predicted wrong cost little. Look up the true class, not"
            " the most probable one."
        ): -np.log(likeliest).mean(),
        (
            "The loss is negative. A log of a probability is below 0; the loss is minus"
            " that."
        ): -expected,
        (
            "You took the log of a mean. Take the log in each row, that of the true"
            " class; then the mean."
        ): -np.log(true.mean()),
        "Another logarithm was taken. Keras uses the natural one.": [
            -np.log2(true).mean(),
            -np.log10(true).mean(),
        ],
        (
            "All probabilities of the table were counted. In each row only that of the"
            " true class does."
        ): [-np.log(table).mean(), -np.log(table).sum(axis=1).mean()],
        ("These are probabilities without a logarithm. Take minus the log of each."): [
            true.mean(),
            -true.mean(),
            true.sum(),
            1 - true.mean(),
        ],
        (
            "Each log is weighted by its probability. That is the entropy; here each"
            " row counts once."
        ): [-(true * np.log(true)).mean(), -(table * np.log(table)).sum(axis=1).mean()],
    }
    for hint, losses in mistakes.items():
        expect(not np.isclose(answer, losses).any(), hint)
    expect(
        np.isclose(answer, expected),
        "In each row take minus the natural log of one probability, that of the true"
        " class; then take the mean.",
        general=True,
    )


# %% tags=["wrong"] hint="Keras takes the mean"
def cross_entropy(probabilities, y):
    return -np.sum(np.log(probabilities[np.arange(len(y)), y]))


# %% tags=["wrong"] hint="not the most probable one"
def cross_entropy(probabilities, y):
    return -np.mean(np.log(probabilities.max(axis=1)))


# %% tags=["wrong"] hint="that of the true class"
def cross_entropy(probabilities, y):
    return -np.log(np.mean(probabilities[np.arange(len(y)), y]))


# %% [markdown]
# ## X and y in, classifier out
#
# `classifier` does it all: build and compile (in a function of their own, for later), fit, return. Whatever else it is
# told, it hands on to `fit`. The metric `accuracy` is the share of rows whose most probable class is the true one.

# %%
import keras


def network(features, classes, *, hidden, rate):
    """Build and compile a network with one hidden layer."""
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Dense(hidden, activation="relu"),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    model = keras.Sequential([keras.Input((features,)), *layers])
    loss, optimizer = "sparse_categorical_crossentropy", keras.optimizers.Adam(rate)
    model.compile(
        optimizer=optimizer, loss=loss, metrics=["accuracy"], jit_compile=False
    )
    optimizer.build(model.trainable_variables)
    return model


def classifier(X, y, *, hidden=16, rate=0.03, **fit_arguments):
    """Build, compile and fit a network; returns it with its `history`."""
    model = network(X.shape[1], int(y.max()) + 1, hidden=hidden, rate=rate)
    model.fit(X, y, **fit_arguments)
    return model


# %% [markdown]
# (`jit_compile=False` and `optimizer.build` only save time: no XLA compilation where there is a GPU, no step prepared
# twice.)
#
# The course splits every table the same way into rows to train, to validate and to test. Mean and deviation come
# from the training rows alone, as in lesson 02.

# %%
parts = load("penguins")
islands = np.unique(birds["island"])


def measured(x, labels):
    """Measurements, species numbers and island numbers of the penguins that were
    measured."""
    known = x[MEASUREMENTS].notna().all(axis=1)
    x, labels = x[known], labels[known]
    return (
        x[MEASUREMENTS].to_numpy(),
        np.searchsorted(species, labels),
        np.searchsorted(islands, x["island"]),
    )


x_train, y_train, island_train = measured(parts.x_train, parts.y_train)
x_val, y_val, island_val = measured(parts.x_validation, parts.y_validation)
mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
x_train, x_val = (x_train - mean) / deviation, (x_val - mean) / deviation
print(len(x_train), "penguins to train,", len(x_val), "to validate")

# %% [markdown]
# - `epochs`: passes over the training rows.
# - `batch_size`: rows that share a step. Twice the size, about half the steps.
# - `validation_data`: rows to judge by. They take no part in any step.
# - `verbose`: 0 prints nothing, 1 draws a bar for every epoch, 2 prints one line per epoch.
# - `callbacks`: objects that `fit` calls at fixed moments, such as every epoch's end; they may look, save or stop.

# %% tags=["varies"]
model = classifier(
    x_train, y_train, epochs=3, batch_size=16, validation_data=(x_val, y_val), verbose=2
)
print(
    "steps taken:",
    model.optimizer.iterations.numpy(),
    " epochs in the history:",
    len(model.history.epoch),
)

# %% [markdown]
# The 205 rows make 13 batches an epoch, the last with only 13 rows; three epochs are 39 steps. The training figures are
# means over an epoch in which the weights still change, the validation figures come from its end: that is why
# validation may look better at first.

# %% [markdown]
# ## When to stop
#
# How many epochs are enough? For the species a few: they are so easy to tell apart that there is hardly anything to
# get wrong. So here is a harder question about the same penguins: on which of three islands was each measured?
# Adelies live on all three, and look alike on each.

# %% [markdown] tags=["predict"]
# The network has 64 hidden units, and the training loss will fall and fall. What will the validation
# loss do: follow it, level off or turn?

# %% [markdown]
# The rows come as `tf.data` sets of batches, dealt anew in each pass. As in lesson 02 that is for speed: with arrays,
# `fit` takes longer to begin an epoch than to train in it, and here are many short epochs.


# %%
import tensorflow as tf


def batches(X, y):
    """The rows as tf.data, in batches of 16, in another order in each pass."""
    return (
        tf.data.Dataset.from_tensor_slices((X.astype("float32"), y))
        .shuffle(len(X))
        .batch(16)
    )


to_judge = batches(x_val, island_val)
whole = network(4, len(islands), hidden=64, rate=0.01)
# they come shuffled
settings = {
    "epochs": most_epochs,
    "validation_data": to_judge,
    "shuffle": False,
    "verbose": 0,
}
_ = whole.fit(batches(x_train, island_train), **settings)

# %%
from course import plots

plots.learning_curves(
    whole.history,
    title="Which island? A fit to the end",
    y_label="cross-entropy (nats)",
)

# %% [markdown] tags=["answer"]
# The training loss goes on falling; the validation loss soon turns and climbs. What the network learns late is true
# of the training penguins only: this is **overfitting**.

# %% [markdown]
# A callback can end a fit early. `EarlyStopping` watches `val_loss`; when that has not improved for five epochs, it
# stops the fit, and here it puts back the weights of the best epoch.
#
# Is the stop worth it? The validation rows choose the epoch, so they are no fair judges of it. The test rows are, and
# they judge the fit to the end first, since the next fit is to use its network again.

# %%
x_test, _, island_test = measured(parts.x_test, parts.y_test)
x_test = (x_test - mean) / deviation
to_test = batches(x_test, island_test)
whole_loss, whole_accuracy = whole.evaluate(to_test, verbose=0)


def penguin_losses(model):
    """The cross-entropy of each test penguin."""
    probabilities = keras.ops.convert_to_numpy(model(x_test))
    return -np.log(probabilities[np.arange(len(island_test)), island_test])


whole_losses = penguin_losses(whole)

# %% [markdown]
# `reinitialize` takes a compiled network back to its first weights, with an optimizer that remembers nothing: a new
# network, without the time to compile one.

# %%
from course.training.reinitialize import reinitialize

stop = keras.callbacks.EarlyStopping(
    monitor="val_loss", patience=5, restore_best_weights=True
)
stopped = reinitialize(whole, seed)
_ = stopped.fit(batches(x_train, island_train), **settings, callbacks=[stop])

# %%
from course.evidence import paired_bootstrap

stopped_loss, stopped_accuracy = stopped.evaluate(to_test, verbose=0)
saved = whole_loss - stopped_loss
others = paired_bootstrap(
    lambda whole, stopped: np.mean(whole - stopped),
    whole_losses,
    penguin_losses(stopped),
)

# %%
from course.claims import bound, fact, spread

bound(
    "03.epochs_stopped",
    "epochs until the stop",
    len(stopped.history.epoch),
    at_most={"full": 20},
    digits=0,
)
spread("03.best_epoch", "best epoch", stop.best_epoch + 1, digits=0)
spread("03.whole_loss", "test loss, fit to the end", whole_loss, unit="nats", digits=2)
spread("03.stopped_loss", "test loss, stopped", stopped_loss, unit="nats", digits=2)
bound(
    "03.loss_saved",
    "test loss saved by the stop",
    saved,
    at_least={"full": 0},
    unit="nats",
)

# %%
spread(
    "03.loss_saved_low", "saved with other penguins, low end", others.low, unit="nats"
)
spread(
    "03.loss_saved_high",
    "saved with other penguins, high end",
    others.high,
    unit="nats",
)
spread(
    "03.accuracy_gain",
    "test accuracy gained by the stop",
    stopped_accuracy - whole_accuracy,
    digits=2,
)

# %% [markdown]
# In full mode the fit stopped after epoch {{03.epochs_stopped}}, five after the best: most of the epochs were saved. On
# the test penguins its loss is {{03.stopped_loss}}, and that of the fit to the end is {{03.whole_loss}}. So on these
# penguins stopping also made the better probabilities, with every seed. (In fast mode the fit to the end is itself
# short, and there is little to save.)
#
# Would other penguins say the same? Every seed has the same 68, so the ranges show the luck of weights and order, not
# that of the penguins. The bootstrap of lesson 02 draws them anew: the loss saved then goes from
# {{03.loss_saved_low}} to {{03.loss_saved_high}}. **Sixty-eight penguins cannot tell.** What stopping surely saves is
# time.
#
# The accuracy changed by {{03.accuracy_gain}}, stopped minus whole, and one test penguin is a 68th, or 0.015: no gain
# to rely on. Accuracy asks only which island is the most probable; the loss asks how probable the true one is.

# %% [markdown]
# ### Exercise 03.2: count the steps
#
# `validation_split=0.2` is the lazy way to get validation rows: `fit` keeps `floor(rows * (1 - split))` rows to
# train and the rest to validate. How many steps does such a fit take?

# %%
import math


# %% tags=["solution"]
def steps(rows, validation_split, batch_size, epochs):
    """Return the number of optimizer steps that `fit` takes."""
    training = math.floor(rows * (1 - validation_split))
    return math.ceil(training / batch_size) * epochs


# %% tags=["check"]
def draw(rng):
    rows, split = int(rng.integers(8, 200)), float(rng.choice([0, 0.125, 0.25, 0.5]))
    return rows, split, int(rng.integers(1, 40)), int(rng.integers(1, 6))


@exercise("03.2", steps, draw=draw)
def check(steps):
    expect(
        steps(100, 0.0, 10, 3) == 30,
        "Without validation rows, 100 rows in batches of 10 make 10 steps an epoch.",
    )
    expect(
        steps(100, 0.5, 10, 3) == 15,
        "Validation rows take no part in any step: they must be taken off first.",
    )
    expect(
        steps(105, 0.0, 10, 1) == 11,
        "The last batch may be smaller, and it is a step, too.",
    )
    expect(
        steps(105, 0.0, 10, 2) == 22,
        "Every epoch ends with its own small batch: round in the epoch, not at the"
        " end.",
    )
    expect(
        steps(342, 0.25, 16, 7) == 112,
        "Of 342 rows, floor(256.5) = 256 train, in 16 batches.",
    )
    expect(
        steps(321, 0.25, 16, 7) == 105,
        "Of 321 rows, floor(240.75) = 240 train: cut the fraction off.",
    )


# %% tags=["wrong"] hint="must be taken off first"
def steps(rows, validation_split, batch_size, epochs):
    return math.ceil(rows / batch_size) * epochs


# %% tags=["wrong"] hint="The last batch may be smaller"
def steps(rows, validation_split, batch_size, epochs):
    return math.floor(rows * (1 - validation_split)) // batch_size * epochs


# %% tags=["wrong"] hint="round in the epoch"
def steps(rows, validation_split, batch_size, epochs):
    return math.ceil(math.floor(rows * (1 - validation_split)) * epochs / batch_size)


# %% [markdown] tags=["quiz"]
# You change `batch_size` from 16 to 64 and leave `epochs` as it is. What happens to the number of steps?
#
# - [ ] It stays, since the epochs stay.
#   The epochs say how often all rows are seen, not in how many steps.
# - [x] It falls to about a quarter.
#   An epoch is a pass over the rows, however they are grouped. Four times the rows in a step means a quarter of the
#   steps, so a comparison of batch sizes at equal epochs is one at unequal steps.
# - [ ] It grows fourfold.
#   It is the other way around: a larger batch holds more rows, so fewer batches make an epoch.

# %% [markdown]
# ## Is the network any better?
#
# Logistic regression is this network without its hidden layer; scikit-learn's also has a penalty on large weights. It
# is the rival to beat, on the same folds: for each, both are fitted to the other folds, scaled by those alone. The
# network is `model`, the first of this lesson, taken back to its start for each fold.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

splits = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, y))
by_network, by_logistic = np.empty_like(y), np.empty_like(y)
for train, test in splits:
    scaler = StandardScaler().fit(X[train])
    known, unknown = scaler.transform(X[train]), scaler.transform(X[test])
    reinitialize(model, seed).fit(
        known, y[train], epochs=epochs, batch_size=16, verbose=0
    )
    by_network[test] = np.argmax(model(unknown), axis=1)
    by_logistic[test] = LogisticRegression().fit(known, y[train]).predict(unknown)

# %%
network_accuracy, logistic_accuracy = (
    np.mean(by_network == y),
    np.mean(by_logistic == y),
)
margin = paired_bootstrap(
    lambda y, a, b: np.mean(a == y) - np.mean(b == y), y, by_network, by_logistic
)

# %%
bound("03.penguins_network", "accuracy of the network", network_accuracy, at_least=0.97)
bound(
    "03.penguins_logistic",
    "accuracy of logistic regression",
    logistic_accuracy,
    at_least=0.97,
)
spread(
    "03.penguins_margin",
    "network minus logistic regression",
    network_accuracy - logistic_accuracy,
    digits=4,
)
spread("03.margin_low", "the same with other penguins, low end", margin.low, digits=4)
spread(
    "03.margin_high", "the same with other penguins, high end", margin.high, digits=4
)

# %%
counts = np.zeros((3, 3), dtype=int)
np.add.at(counts, (y, by_network), 1)
plots.confusion_matrix(counts, species.tolist(), title="Penguins, each held out once")

# %% [markdown]
# The table is the network's: off its diagonal are the mistakes, few enough to count. Straight cuts separate these
# species almost completely: the network gets {{03.penguins_network}} of the penguins right, and logistic regression
# {{03.penguins_logistic}}.
#
# Is the network any better? Its accuracy differs from that of logistic regression by {{03.penguins_margin}}:
# {{03.penguins_margin:sign}}. "Never behind" is not reached, since with some seeds it is behind. One penguin is a
# 342nd, or 0.003, so all this is about a few penguins. And every seed deals the same penguins anew. With others, says
# the bootstrap of lesson 02, the difference may lie anywhere from {{03.margin_low}} to {{03.margin_high}}. **These
# penguins cannot tell** whether the network is better. If it is, part of the gain may come from the missing penalty
# rather than from the hidden layer (see "Try next").

# %% [markdown]
# ## One model, three spellings
#
# Keras knows three ways to write a model. `Sequential` is a list of layers:

# %%
sequential = keras.Sequential(
    [
        keras.Input((4,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ]
)

# %% [markdown]
# The **functional** way calls each layer on the output of the one before, so layers may branch and join:

# %%
inputs = keras.Input((4,))
hidden = keras.layers.Dense(16, activation="relu")(inputs)
functional = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))


# %% [markdown]
# A **subclass** spells out the computation in `call`. It has no weights until it has seen the shape of a batch:


# %%
class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(16, activation="relu")
        self.out = keras.layers.Dense(3, activation="softmax")

    def call(self, batch):
        return self.out(self.hidden(batch))


subclass = Subclass()
print("weights before the first batch:", len(subclass.weights))
subclass(x_train[:1])
print("weights after it:              ", len(subclass.weights))

# %% [markdown] tags=["predict"]
# By hand: how many parameters do four inputs, 16 hidden units and three outputs need? And if the weights of one
# model are copied into the other two, how far apart are the three losses: 0, about 1e-7, or more?

# %%
models = {"Sequential": sequential, "functional": functional, "subclass": subclass}
loss_of = keras.losses.SparseCategoricalCrossentropy()
losses = []
for name, each in models.items():
    each.set_weights(sequential.get_weights())
    losses.append(float(loss_of(y_train, each(x_train))))
    fact(
        f"03.parameters_{name.lower()}",
        f"parameters of the {name} model",
        each.count_params(),
        equals=131,
    )

# %%
fact(
    "03.spellings_equal",
    "the three losses are equal to the last bit",
    min(losses) == max(losses),
)

# %% [markdown] tags=["answer"]
# Each model has $4 \cdot 16 + 16 + 16 \cdot 3 + 3 = 131$ parameters, and the three losses are the same to the last bit.
# Which spelling you choose changes how the program reads, not what it computes. Take the shortest one that can say
# what you need.

# %% [markdown]
# ## The last rows
#
# Now digits, in the order of a program that reads ten folders one after another: all zeros, then all ones, and so on.
# `validation_split=0.2` is to hold back a fifth.

# %%
images = load("mnist", fast=fast)
rows = np.concatenate(
    [np.flatnonzero(images.y_train == digit)[:digits_per_class] for digit in range(10)]
)
digits, labels = (
    images.x_train[rows].reshape(-1, 784).astype("float32") / 255,
    images.y_train[rows].astype(int),
)
print(len(digits), "digits; the first and the last:", labels[:3], labels[-3:])

# %% [markdown] tags=["predict"]
# `fit` shuffles the rows. So does the order of the file matter? Guess training and validation
# accuracy after some epochs: both near 0.9, or something else?

# %%
training = {"epochs": epochs, "batch_size": 128, "verbose": 0}
reader = classifier(
    digits, labels, hidden=64, rate=0.005, validation_split=0.2, **training
)

# %%
history = reader.history.history
plots.learning_curves(
    history,
    metric="accuracy",
    title="Digits sorted by class, validation_split=0.2",
    y_label="accuracy (share)",
)

# %%
bound(
    "03.sorted_training",
    "training accuracy, sorted rows",
    history["accuracy"][-1],
    at_least=0.8,
)
bound(
    "03.sorted_validation",
    "validation accuracy, sorted rows",
    history["val_accuracy"][-1],
    at_most=0.01,
)

# %% [markdown] tags=["answer"]
# Training accuracy {{03.sorted_training}}, validation accuracy {{03.sorted_validation}}. **`validation_split` takes
# the last rows, before anything is shuffled**; only the rest is shuffled.

# %% [markdown]
# Which digits were held back?

# %%
held_back = labels[round(len(labels) * 0.8) :]
print("to train:   ", np.unique(labels[: len(labels) - len(held_back)]))
print("to validate:", np.unique(held_back))

# %%
last = -len(held_back) + np.arange(0, len(held_back), len(held_back) // 10)[:10]
guesses = np.argmax(reader(digits[last]), axis=1)
plots.images(
    digits[last].reshape(-1, 28, 28),
    guesses,
    title="Held back, and what the model takes them for",
)

# %% [markdown]
# All eights and nines were held back. The model never saw either and learned to give them no probability, so it takes
# each for another digit. The cure is to choose the validation rows at random and class by class: a **stratified**
# split.

# %%
from sklearn.model_selection import train_test_split

x_fit, x_judge, y_fit, y_judge = train_test_split(
    digits, labels, test_size=0.2, stratify=labels, random_state=seed
)
fixed = (
    reinitialize(reader, seed)
    .fit(x_fit, y_fit, validation_data=(x_judge, y_judge), **training)
    .history
)

# %%
plots.learning_curves(
    fixed,
    metric="accuracy",
    title="The same digits, split by class",
    y_label="accuracy (share)",
)

# %%
spread(
    "03.stratified_training", "training accuracy, split by class", fixed["accuracy"][-1]
)
bound(
    "03.stratified_validation",
    "validation accuracy, split by class",
    fixed["val_accuracy"][-1],
    at_least=0.8,
)

# %% [markdown]
# Same digits, same network: validation accuracy {{03.stratified_validation}} instead of {{03.sorted_validation}}
# (mind the axis, which does not start at 0 here).
# Shuffling once before `validation_split` would nearly do as well; stratifying also keeps the share of rare classes.

# %% [markdown] tags=["quiz"]
# The rows of a table are sorted by date, oldest first. What does `validation_split=0.1` hold back?
#
# - [ ] A random tenth.
#   Nothing is drawn: `validation_split` cuts the table before any shuffling.
# - [x] The latest tenth.
#   The last rows in the order of the table. If the model is to predict the future, that may be just what you want.
# - [ ] A tenth of every month.
#   Keras does not know of months. It takes the end of the table as one piece.

# %% [markdown]
# ### Exercise 03.3: split by class
#
# Write the split yourself. Of every class take the share `share` of its rows, chosen at random with `rng`
# (a NumPy generator), for validation. Return the indices of the rows to train and of those to validate.


# %% tags=["solution"]
def stratified(y, share, rng):
    """Return two arrays of row numbers, to train and to validate;
    together they hold every row once."""
    chosen = []
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        chosen.append(rows[: round(len(rows) * share)])
    validation = np.concatenate(chosen)
    return np.setdiff1d(np.arange(len(y)), validation), validation


# %% tags=["check"]
@exercise("03.3", stratified)
def check(split):
    def parts(y, share, seed):
        given = y.copy()
        found = split(given, share, np.random.default_rng(seed))
        expect(
            np.array_equal(given, y),
            "The labels that you were given have changed. Work on a copy.",
        )
        expect(
            found is None or len(list(found)) == 2,
            "Two parts must come back: the rows to train and those to validate.",
        )
        return [np.array(list(part), dtype=int) for part in found]

    for rng in generators():
        classes = rng.choice(9, rng.integers(2, 5), replace=False)
        counts = 4 * rng.integers(1, 8, len(classes))
        targets = rng.permutation(np.repeat(classes, counts))
        share = float(rng.choice([0.25, 0.5]))
        train, validate = parts(targets, share, seed=1)
        expect(
            np.array_equal(
                np.sort(np.concatenate([train, validate])), np.arange(len(targets))
            ),
            "Together the two parts must hold the number of every row exactly once.",
        )
        taken = [(targets[validate] == label).sum() for label in classes]
        expect(
            np.array_equal(taken, share * counts)
            or not np.array_equal(taken, counts - share * counts),
            "The two parts are exchanged. First come the rows to train.",
        )
        expect(
            np.array_equal(taken, share * counts),
            "The classes do not have their share among the validation rows. Choose"
            f" within each class: of {counts.tolist()} rows a share of {share:g} each,"
            f" not {list(map(int, taken))}.",
        )
        expect(
            set(validate) == set(parts(targets, share, seed=1)[1]),
            "The same generator chose other rows. Choose with `rng` alone, so that a"
            " seed repeats the split.",
        )
    targets = np.repeat([0, 1], 20)  # sorted, as tables often are
    validate, *others = (set(parts(targets, 0.25, seed)[1]) for seed in range(8))
    expect(
        any(validate != other for other in others),
        "Another generator chose the same rows. Choose at random with `rng`, not the"
        " first or last.",
    )
    first = [np.sort([row for row in other if row < 20]) for other in others]
    expect(
        any(np.ptp(rows) >= len(rows) for rows in first),
        "The rows of a class come in one block. Choose them one by one.",
    )


# %% tags=["wrong"] hint="Choose within each class"
def stratified(y, share, rng):
    rows = np.arange(len(y))
    return rows[: round(len(y) * (1 - share))], rows[round(len(y) * (1 - share)) :]


# %% tags=["wrong"] hint="the number of every row exactly once"
def stratified(y, share, rng):
    parts = [rng.permutation(np.flatnonzero(y == label)) for label in np.unique(y)]
    return np.arange(len(y)), np.concatenate(
        [rows[: round(len(rows) * share)] for rows in parts]
    )


# %% tags=["wrong"] hint="not the first or last"
def stratified(y, share, rng):
    parts = [np.flatnonzero(y == label) for label in np.unique(y)]
    validation = np.concatenate([rows[: round(len(rows) * share)] for rows in parts])
    return np.setdiff1d(np.arange(len(y)), validation), validation


# %% [markdown]
# ## Old spellings
#
# Much code on the web was written for earlier versions of Keras. What do its spellings do now?

# %%
import importlib
import warnings


def attempt(spelling, action):
    """Print what an old spelling does now: nothing, a warning or an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            action()
            outcome = caught[0].message if caught else "works"
        except (AttributeError, ImportError, TypeError, ValueError) as error:
            outcome = f"{type(error).__name__}: {error}"
    print(f"{spelling:22} {outcome}")


# %%
attempt("SGD(lr=0.1)", lambda: keras.optimizers.SGD(lr=0.1))
attempt("SGD(0.1, decay=0.01)", lambda: keras.optimizers.SGD(0.1, decay=0.01))
attempt("fit(nb_epoch=2)", lambda: stopped.fit(x_train, y_train, nb_epoch=2))
attempt("model.fit_generator", lambda: stopped.fit_generator)
attempt("model.predict_classes", lambda: stopped.predict_classes)
attempt("keras.utils.np_utils", lambda: importlib.import_module("keras.utils.np_utils"))

# %% [markdown]
# The error messages are honest. The dangerous one is `decay`: it only warns, and then trains at a constant rate. A
# schedule does what `decay` did, and these are the other spellings of today:

# %%
schedule = keras.optimizers.schedules.InverseTimeDecay(
    0.1, decay_steps=1, decay_rate=0.01
)
print(
    "rate at steps 0, 100, 300:",
    [round(float(schedule(step)), 4) for step in (0, 100, 300)],
)
print(
    "classes:",
    np.argmax(stopped(x_val[:5]), axis=1).shape,
    " one-hot:",
    keras.utils.to_categorical([0, 2], 3)[1],
)

# %% [markdown]
# - `lr=` is `learning_rate=`, `nb_epoch=` is `epochs=`.
# - `decay=` is a schedule in place of the rate.
# - `fit_generator` is `fit`, which takes generators.
# - `predict_classes` is `predict`, then `argmax(axis=1)`.
# - `keras.utils.np_utils.to_categorical` is `keras.utils.to_categorical`.
#
# ## What you have learned
#
# - A classifier is one function: build with one softmax output per class, compile with cross-entropy, fit, return.
# - An epoch is a pass, a batch the rows of one step; the last batch, perhaps small, counts too. Validation rows take
#   part in no step, and `verbose` prints.
# - Validation loss that climbs while training loss falls is overfitting. A callback may stop the fit, which saves
#   epochs; whether it saves test loss takes more than 68 rows to tell.
# - Compare with logistic regression on the same folds, over several seeds, and say how many rows the difference
#   amounts to.
# - Sequential, functional and subclass are spellings of one model: equal parameters, equal loss at equal weights.
# - `validation_split` takes the last rows, unshuffled. When validation is near 0 and training near 1, look first
#   for classes that training never saw; split by class.
# - Of the old spellings tried, `decay=` is ignored with a warning; the others are errors.
#
# ## Try next
#
# - Sort the digits the other way around, nines first. Which digits are held back now?
# - Set `hidden=1` in `classifier`: how many penguins does a single hidden unit tell apart?
# - Give logistic regression a weaker penalty, `LogisticRegression(C=100)`. What is left of the difference?
