# ---
# title: Classification
# part: 1 Fit
# objectives:
#   - write a function that takes X and y, builds, compiles and fits, and returns a classifier
#   - explain what epochs, batch_size, validation_data, callbacks and verbose do, and count the steps of a fit
#   - find out which rows `fit` puts into its batches, and choose their order yourself
#   - compare a network with logistic regression on the same folds
#   - write one model as Sequential, functional and subclass, and compare the three
#   - say which rows a validation split holds back, and choose them yourself
#   - recognize outdated names and arguments that Keras 3 rejects or ignores
# prerequisites:
#   - "lesson 02 (Regression with Keras): build, compile, fit, evaluate, predict; cross-validation"
#   - Python functions and classes
# data: [penguins, mnist]
# reading:
#   - "Horst, Hill, Gorman, *palmerpenguins*, 2020, doi:10.5281/zenodo.3960218 (the penguins)"
#   - "LeCun, Bottou, Bengio, Haffner, *Gradient-based learning applied to document recognition*, Proceedings of the IEEE 86, 1998, doi:10.1109/5.726791 (the digits)"
#   - "Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.3 (softmax and cross-entropy)"
#   - "Keras developers, *Model training APIs*, https://keras.io/api/models/model_training_apis/ (the arguments of `fit`)"
# ---

# %% [markdown]
# Lesson 02 predicted numbers. Now the answer is one of a few names: which species is this, which digit? The program
# changes only a little. What can go wrong changes a lot.
#
# Results quoted in the text come from full mode (`fast = False`). Your run prints its own beside them.

# %% tags=["parameters"]
seed: int = 0  # seed of initial weights, order of rows and folds, 0 to 1000000
fast: bool = False  # fewer epochs, folds and digits
epochs: int = 8  # passes over the penguins for species, 5 to 100, fast 5
most_epochs: int = 40  # passes that early stopping may cut, 12 to 300, fast 12
folds: int = 5  # parts in the cross-validation, 2 to 10, fast 2
order_epochs: int = 12  # passes when orders are compared, 2 to 50, fast 3
order_rows: int = 10000  # digits of that comparison, 1000 to 50000, fast 1000
digits_per_class: int = 400  # of each digit, when sorted, 100 to 400, fast 200

# %%
from course.lesson import begin

begin("03_classification", globals())

# %% [markdown]
# ## Three species of penguins
#
# Is it an Adelie, a Chinstrap or a Gentoo? Each penguin comes with four measurements: the length and the depth of its
# bill, the length of its flipper, and its body mass. Two penguins got away unmeasured, and we leave them out.

# %%
from course.data import table

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
birds = table("penguins").dropna(subset=MEASUREMENTS)
birds["species"].value_counts()

# %% [markdown]
# Before you train anything, look at the data. Every panel shows two of the four measurements.

# %%
from course.topics.classification import pair_plot

pair_plot(
    birds[MEASUREMENTS],
    birds["species"],
    title="342 penguins, two measurements at a time",
)

# %% [markdown]
# Gentoos stand apart in the three panels with bill depth. Adelies and Chinstraps overlap in the lower panels, but the
# length of the bill (upper panels) separates most of them. With bill length and one or two other measurements, straight
# cuts get almost all the penguins right. Keep that in mind when a network scores well here.
#
# A network computes with numbers, so each species gets one: its place in alphabetical order, 0, 1 or 2. These numbers
# are only labels. The network must not read anything into 2 being greater than 1.

# %%
import numpy as np

species, y = np.unique(birds["species"], return_inverse=True)
X = birds[MEASUREMENTS].to_numpy()
print(dict(enumerate(species.tolist())))

# %% [markdown]
# ## From scores to probabilities

# %%
from course.topics.classification import classifier_sketch

classifier_sketch("From four measurements to three probabilities")

# %% [markdown]
# The network has three outputs, one per species: scores $z_k$, which may be any number. **Softmax** turns them into
# probabilities, $p_k = e^{z_k} / \sum_j e^{z_j}$. Each one is positive, and they add up to 1.

# %%
scores = np.array([2.0, 1.0, -1.0])
probabilities = np.exp(scores) / np.exp(scores).sum()
print(probabilities.round(3), "sum:", probabilities.sum().round(6))

# %% [markdown]
# The loss is the **cross-entropy**: take minus the natural logarithm of the probability that the model gave to the
# *true* class, and average over the rows. Its unit is the nat. (At the bottom right of the picture you see it for one
# penguin.) Being confident and right costs almost nothing. Being confident and wrong is expensive. When labels are
# whole numbers, Keras calls this loss
# `sparse_categorical_crossentropy`.

# %%
for p in (0.99, 0.5, 1 / 3, 0.01):
    print(f"probability of the true class {p:.2f}: loss {-np.log(p):.2f}")

# %% [markdown]
# ### Exercise 03.1: cross-entropy
#
# Write the loss in NumPy, for a table of probabilities of shape (rows, classes) and whole-number labels of shape
# (rows,).


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
# ## Build, compile, fit
#
# The course splits every table the same way, into rows to train on, to validate on and to test on. The helper below
# takes one of these parts and returns measurements, species and islands (for later) as arrays.

# %%
from course.data import load

parts = load("penguins")
islands = np.unique(birds["island"])


# %%
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


# %%
raw_train, y_train, island_train = measured(parts.x_train, parts.y_train)
raw_val, y_val, island_val = measured(parts.x_validation, parts.y_validation)
print(len(y_train), "penguins to train on,", len(y_val), "to validate on")

# %% [markdown]
# As in lesson 02, the mean and the standard deviation of each column come from the training rows alone.

# %%
mean = raw_train.mean(axis=0)
deviation = raw_train.std(axis=0)


def scaled(x):
    """The measurements on the scale of the training rows."""
    return (x - mean) / deviation


x_train = scaled(raw_train)
x_val = scaled(raw_val)

# %% [markdown]
# Now make the network of the picture, with 16 hidden units where the picture has room for five. Two functions share the
# work. The first compiles. The metric `accuracy` is the share of rows whose most probable class is the true one.

# %%
import keras


def compiled(model, rate):
    """Make a classifier ready to train, with Adam at this learning rate."""
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    # This only saves time: `fit` need not prepare its first step twice.
    model.optimizer.build(model.trainable_variables)
    return model


# %% [markdown]
# The second builds: `add` puts one layer after another into an empty `Sequential` model.


# %%
def network(features, classes, *, hidden=(16,), rate=0.03):
    """Build and compile a network with a hidden layer for each number of units."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential()
    model.add(keras.Input((features,)))
    for units in hidden:
        model.add(keras.layers.Dense(units, activation="relu"))
    model.add(keras.layers.Dense(classes, activation="softmax"))
    return compiled(model, rate)


# %% [markdown]
# `fit` takes many arguments. These five you will use all the time:
#
# - `epochs`: passes over the training rows.
# - `batch_size`: rows that share a step, 32 unless you say otherwise.
# - `validation_data`: rows to judge by. They take part in no step.
# - `verbose`: what `fit` prints while it works, 0, 1 or 2.
# - `callbacks`: objects that `fit` calls at fixed moments, such as the end of each epoch. They may watch the fit, save
#   the model or end the fit early.
#
# You might expect a larger `verbose` to print more. Here are three epochs, one for each value:

# %% tags=["varies"]
model = network(4, 3)
for verbose in (0, 1, 2):
    print(f"verbose={verbose}:")
    model.fit(
        x_train,
        y_train,
        batch_size=16,
        validation_data=(x_val, y_val),
        verbose=verbose,
    )
print("steps so far:", int(model.optimizer.iterations.numpy()))

# %% [markdown]
# 0 prints nothing, 1 draws a progress bar that moves while you watch, and 2 prints one line per epoch. So 2 prints
# *less* than 1. Choose 1 when you watch, and 2 when the output goes to a file.
#
# The 205 rows make 13 batches per epoch, the last one with only 13 rows, so three epochs took 39 steps. (Validation may
# look better than training at first. Lesson 04 shows why.)

# %% [markdown]
# ### Exercise 03.2: count the steps
#
# `validation_split=0.2` is the quick way to get validation rows: `fit` keeps `floor(rows * (1 - split))` rows to
# train on and the rest to validate on. How many steps does such a fit take?

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
    hints = [
        "Count all the epochs. 100 rows in batches of 10 make 10 steps per epoch, so"
        " three epochs make 30.",
        "Validation rows take part in no step. Take them off first.",
        "The last batch may be smaller. It is a step, too.",
        "Every epoch ends with its own small batch. Round up in the epoch.",
        "Of 342 rows, floor(256.5) = 256 train, in 16 batches.",
        "Of 321 rows, floor(240.75) = 240 train. Cut the fraction off.",
    ]
    calls = [(100, 0.0, 10, 3), (100, 0.5, 10, 3), (105, 0.0, 10, 1), (105, 0.0, 10, 2)]
    calls += [(342, 0.25, 16, 7), (321, 0.25, 16, 7)]
    numbers = [30, 15, 11, 22, 112, 105]
    for hint, call, expected in zip(hints, calls, numbers, strict=True):
        found = steps(*call)
        expect(found == expected, f"{hint} Yours: {found}.")


# %% tags=["wrong"] hint="Validation rows take part in no step"
def steps(rows, validation_split, batch_size, epochs):
    return math.ceil(rows / batch_size) * epochs


# %% tags=["wrong"] hint="The last batch may be smaller"
def steps(rows, validation_split, batch_size, epochs):
    return math.floor(rows * (1 - validation_split)) // batch_size * epochs


# %% tags=["wrong"] hint="Every epoch ends with its own small batch"
def steps(rows, validation_split, batch_size, epochs):
    return math.ceil(math.floor(rows * (1 - validation_split)) * epochs / batch_size)


# %% [markdown] tags=["quiz"]
# You change `batch_size` from 16 to 64 and leave `epochs` as it is. What happens to the number of steps?
#
# - [ ] It stays the same, since the epochs stay the same.
#   The epochs say how often every row is seen, not in how many steps.
# - [x] It falls to about a quarter.
#   An epoch is a pass over the rows, however they are grouped. Four times the rows in a step means a quarter of the
#   steps, so if you compare batch sizes at equal epochs, you also compare different numbers of steps.
# - [ ] It grows fourfold.
#   It is the other way around: a larger batch holds more rows, so fewer batches make an epoch.

# %% [markdown]
# ## What is in a batch?
#
# `fit` has one more argument that few people touch: `shuffle`, which is `True` unless you say otherwise. Keras'
# documentation of `fit` says what it does: "whether to shuffle the training data before each epoch". You can watch it
# with the
# model below. It learns nothing and only notes the rows of every batch that `fit` hands to it:


# %%
class Recorder(keras.Model):
    """A model that notes the rows of each batch."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def call(self, batch):
        return batch

    def train_step(self, data):
        rows, _ = data
        self.batches.append(rows.numpy().ravel().tolist())
        return {"loss": keras.ops.zeros(())}


# %% [markdown] tags=["predict"]
# We hand the recorder twelve rows, numbered 0 to 11, in batches of four, for three epochs. In the second epoch, how
# many of the three batches of the first will come back with the same four rows: none, some, or all?


# %%
def batches_by_epoch(*data, **options):
    """The batches of a fit of three epochs, epoch by epoch."""
    recorder = Recorder()
    recorder.compile(run_eagerly=True)  # so that a batch has its numbers at hand
    recorder.fit(*data, epochs=3, verbose=0, **options)
    return [recorder.batches[start : start + 3] for start in (0, 3, 6)]


# %%
keras.utils.set_random_seed(seed)
rows = np.arange(12).reshape(12, 1)
by_fit = batches_by_epoch(rows, rows, batch_size=4)
for epoch in by_fit:
    print(epoch)
later_fit = batches_by_epoch(rows, rows, batch_size=4)
print("Does a later fit have the same batches?", later_fit == by_fit)

# %%
from course.claims import bound, fact, spread

fact(
    "03.fit_repeats",
    "fit of arrays: every epoch has the same batches",
    by_fit[0] == by_fit[1] == by_fit[2],
)

# %% [markdown] tags=["answer"]
# All of them. **After `set_random_seed`, `fit` repeats one shuffled order of the arrays in every epoch**, and in every
# later fit as well. So the three epochs of penguins above were made of the same 13 batches. That is how Keras 3.15.1
# works on TensorFlow: it shuffles again before each epoch, but the random numbers start again from your seed, so the
# same order comes out.

# %% [markdown]
# Without a seed the epochs differ, but then nobody can repeat your run. You want both: a new order in every epoch, and
# the same orders when the program runs again. TensorFlow's data sets give you that. Their `shuffle` takes a seed and
# still puts the rows into a new order in each pass:

# %%
import tensorflow as tf

data = tf.data.Dataset.from_tensor_slices((rows, rows))
data = data.shuffle(len(rows), seed=seed).batch(4)
by_tf_data = batches_by_epoch(data, shuffle=False)

# %% [markdown]
# (With a data set, `fit` leaves the order to the data set. `shuffle=False` spares you the warning that says so.) The
# course has a function that makes such a data set, `shuffled_batches`:

# %%
from course.topics.classification import batch_orders
from course.training.batches import shuffled_batches

data = shuffled_batches(rows, rows, batch_size=4, seed=seed)
by_shuffled_batches = batches_by_epoch(data, shuffle=False)
batch_orders(
    {"fit(arrays)": by_fit, "fit(shuffled_batches)": by_shuffled_batches},
    title="Twelve rows in batches of four, epoch by epoch",
)

# %%
fact(
    "03.batches_differ",
    "tf.data and shuffled_batches: new batches in each epoch",
    all(
        by_epoch[0] != by_epoch[1] != by_epoch[2] != by_epoch[0]
        for by_epoch in (by_tf_data, by_shuffled_batches)
    ),
)

# %% [markdown]
# Each box is a row, and four boxes side by side are a batch. On the left the three epochs are copies of each other. On
# the right every epoch groups the rows in another way. (`docs/keras_same_order_every_epoch.py` shows the same without
# any code of this course, as a report for the people who maintain Keras.)

# %% [markdown]
# ## Does the order matter?
#
# Twelve rows are a toy. Does the order matter on real images? We take handwritten digits and a network with two hidden
# layers of 128 units. It is compiled once and trained twice: `reinitialize`, from this course, takes a compiled network
# back to its initial weights, which saves compiling another one.

# %%
from course.training.reinitialize import reinitialize

images = load("mnist", fast=fast)


def pixels(pictures):
    """Each picture as a row of 784 numbers from 0 to 1."""
    return pictures.reshape(-1, 784).astype("float32") / 255


x_digits = pixels(images.x_train[:order_rows])
y_digits = images.y_train[:order_rows].astype(int)
validation_digits = (pixels(images.x_validation), images.y_validation.astype(int))

# %% [markdown] tags=["predict"]
# Two copies of the network start from the same weights and train on the same digits, for the same number of steps. One
# gets the same batches in every epoch, the other new ones. Which will end with the lower validation loss, or will it
# make no difference?


# %%
def digit_network():
    """A network for digits with two hidden layers, always from the same weights."""
    model = network(784, 10, hidden=(128, 128), rate=0.001)
    # All steps of an epoch in one call. This only saves time (lesson 05).
    model.steps_per_execution = math.ceil(len(x_digits) / 128)
    return model


# %%
settings = {"epochs": order_epochs, "verbose": 0, "validation_batch_size": 2000}
settings["validation_data"] = validation_digits
model = digit_network()
repeated = model.fit(x_digits, y_digits, batch_size=128, **settings).history
reinitialize(model, seed)
data = shuffled_batches(x_digits, y_digits, batch_size=128, seed=seed)
reshuffled = model.fit(data, shuffle=False, **settings).history

# %%
from course import plots

orders = {"the same batches in every epoch": repeated["val_loss"]}
orders["new batches in every epoch"] = reshuffled["val_loss"]
plots.lines(
    range(1, order_epochs + 1),
    orders,
    title="Two orders of the same digits",
    x_label="epoch",
    y_label="validation loss (nats)",
)

# %%
words = "validation loss saved by new batches"
saved = repeated["val_loss"][-1] - reshuffled["val_loss"][-1]
spread("03.order_loss_saved", words, saved, unit="nats")
words = "validation accuracy gained by new batches"
gain = 100 * (reshuffled["val_accuracy"][-1] - repeated["val_accuracy"][-1])
spread("03.order_accuracy_gain", words, gain, unit="points", digits=2)

# %% [markdown] tags=["answer"]
# New batches save {{03.order_loss_saved}} of validation loss: {{03.order_loss_saved:sign}}. In accuracy they gain
# {{03.order_accuracy_gain}}: {{03.order_accuracy_gain:sign}}. (As in lesson 02, p says how likely so many equal signs
# would be if each seed tossed a fair coin.) The gain is small, and one run may not show it at all. But the repeated
# order has no advantage to set against it, and the cure is one line. (All seeds share these digits and this network.
# "Try next" asks about others.) So from here on the course shuffles the rows anew in every epoch, unless it only
# measures time or shows the repeated order itself.

# %% [markdown]
# ## X and y in, classifier out
#
# You have all the pieces of a classifier now: build and compile (`network` does both), shuffle the rows into batches,
# and fit.

# %% [markdown]
# ### Exercise 03.3: a classifier of your own, and a penguin to name
#
# Write `classifier`. It makes a network with one input for each column of `X` and one output for each class in `y`
# (the classes are 0, 1, ... up to the largest). It fits the network in batches of 16, in a new order in every epoch,
# and returns it. It passes any other arguments on to `fit`.
#
# Then use it. A stranger walks by: its bill is 50 mm long and 19 mm deep, its flipper measures 196 mm, and it weighs
# 3,700 g. Train the classifier `mine` on `x_train` and `y_train` for `epochs` epochs. Let it name the species of the
# stranger, and store that name, such as "Adelie", in `guess`. (`scaled` will help.)

# %%
stranger = np.array([[50.0, 19.0, 196.0, 3700.0]])


# %% tags=["solution"]
def classifier(X, y, **fit_arguments):
    """Build, compile and fit a network; return it."""
    model = network(X.shape[1], int(y.max()) + 1)
    batches = shuffled_batches(X, y, batch_size=16, seed=seed)
    model.fit(batches, shuffle=False, **fit_arguments)
    return model


# %% tags=["solution"]
mine = classifier(x_train, y_train, epochs=epochs, verbose=0)
guess = species[mine.predict(scaled(stranger), verbose=0).argmax()]


# %% tags=["helper"]
from unittest.mock import patch


def given_to_fit(action):
    """What `action` returns, and what its calls of `fit` are given to train on."""
    given, plain = [], keras.Model.fit

    def fit(model, x=None, *arguments, **options):
        given.append(x)
        model.run_eagerly = True  # saves compiling, for so few steps
        return plain(model, x, *arguments, **options)

    with patch.object(keras.Model, "fit", fit):
        return action(), given


def first_rows(given):
    """How many rows the first batch of a fit has, where a Dataset deals them."""
    if given and isinstance(given[0], tf.data.Dataset):
        return len(next(iter(given[0]))[0])
    return None


def repeats(given):
    """Whether each epoch of one fit has the same batches."""
    if len(given) != 1:
        return False
    if not isinstance(given[0], tf.data.Dataset):
        return isinstance(given[0], (np.ndarray, tf.Tensor))
    passes = [[batch[0].numpy() for batch in given[0].take(3)] for _ in range(2)]
    return np.array_equal(*map(np.concatenate, passes))


# %% tags=["check"]
@exercise("03.3", classifier, mine, guess)
def check(classifier, mine, guess):
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = rng.normal(4 * y[:, None] - 2, 1, (40, 3))
    calls = []
    count = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: calls.append(1))
    options = {"epochs": 4, "verbose": 0, "callbacks": [count]}
    model, given = given_to_fit(lambda: classifier(X, y, **options))
    expect(
        not isinstance(model, keras.callbacks.History),
        "What comes back is the history of the fit. Return the model itself.",
    )
    expect(
        isinstance(model, keras.Model),
        "Return the model: build, compile and fit it first.",
    )
    expect(
        len(calls) == 4,
        f"A fit of epochs=4 with a callback called it {len(calls)} times. Pass"
        " `**fit_arguments` on to `fit`.",
    )
    steps = int(model.optimizer.iterations.numpy())
    expect(
        steps == 12,
        "The number of steps is off. Four epochs over 40 rows in batches of 16 take 12"
        f" steps, not {steps}.",
    )
    expect(
        not repeats(given),
        "Every epoch had the same batches. `fit` of arrays repeats one order; hand it"
        " `shuffled_batches(X, y, ...)` and `shuffle=False`.",
    )
    expect(
        first_rows(given) in (16, None),
        f"The first batch has {first_rows(given)} rows. Deal batches of 16.",
    )
    probabilities = np.asarray(model(X))
    expect(
        probabilities.shape == (40, 2),
        "The outputs have the wrong shape. Labels 0 and 1 need two outputs, not"
        f" {probabilities.shape[-1]}: count the classes in `y`.",
    )
    expect(
        (probabilities.argmax(axis=1) == y).mean() > 0.9,
        "Two clouds of points far apart were not told apart. Does each row keep its"
        " label?",
    )
    expect(
        isinstance(mine, keras.Model),
        "Let `classifier` train `mine`, on `x_train` and `y_train`.",
    )
    once = math.ceil(len(x_train) / 16)
    expect(
        int(mine.optimizer.iterations.numpy()) > once,
        "`mine` was trained for a single epoch. Pass `epochs=epochs` to `classifier`.",
    )
    expect(
        guess in species,
        f"{guess!r} is no species. Look it up: `species[number]` is a name.",
    )
    expect(
        guess == "Chinstrap",
        f"The stranger is no {guess}. Bring its measurements to the scale of the"
        " training rows first, with `scaled`.",
    )


# %% tags=["wrong"] hint="Return the model itself"
def classifier(X, y, **fit_arguments):
    model = network(X.shape[1], int(y.max()) + 1)
    return model.fit(X, y, batch_size=16, **fit_arguments)


# %% tags=["wrong"] hint="Pass `**fit_arguments` on"
def classifier(X, y, **fit_arguments):
    model = network(X.shape[1], int(y.max()) + 1)
    model.fit(X, y, batch_size=16, verbose=0)
    return model


# %% tags=["wrong"] hint="Every epoch had the same batches"
def classifier(X, y, **fit_arguments):
    model = network(X.shape[1], int(y.max()) + 1)
    model.fit(X, y, batch_size=16, **fit_arguments)
    return model


# %% tags=["wrong"] hint="Every epoch had the same batches"
def classifier(X, y, **fit_arguments):
    model = network(X.shape[1], int(y.max()) + 1)
    once = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(
        len(X), seed=seed, reshuffle_each_iteration=False
    )
    model.fit(once.batch(16), shuffle=False, **fit_arguments)
    return model


# %% tags=["wrong"] hint="Deal batches of 16"
def classifier(X, y, **fit_arguments):
    model = network(X.shape[1], int(y.max()) + 1)
    batches = shuffled_batches(X, y, batch_size=15, seed=seed)
    model.fit(batches, shuffle=False, **fit_arguments)
    return model


# %% tags=["wrong"] hint="count the classes in `y`"
def classifier(X, y, **fit_arguments):
    model = network(X.shape[1], 3)
    batches = shuffled_batches(X, y, batch_size=16, seed=seed)
    model.fit(batches, shuffle=False, **fit_arguments)
    return model


# %% tags=["wrong"] hint="for a single epoch"
mine = classifier(x_train, y_train, verbose=0)


# %% tags=["wrong"] hint="to the scale of the training rows"
guess = species[mine.predict(stranger, verbose=0).argmax()]


# %% [markdown]
# ## When to stop
#
# How many epochs are enough? For the species, a few epochs will do, because the species are so easy to tell apart. So
# here is a harder question about the same penguins: on which of three islands was each one measured? In these data
# Gentoos and Chinstraps live on one island each, but Adelies live on all three.
#
# What can be known without a network? Among the training penguins, count how often each species was measured on each
# island, and take the shares as probabilities. (We add one penguin to every count, so that no probability is 0.)

# %%
import pandas as pd

counts = np.ones((len(species), len(islands)))
np.add.at(counts, (y_train, island_train), 1)
shares = counts / counts.sum(axis=1, keepdims=True)
table_loss = {
    "training": -np.log(shares[y_train, island_train]).mean(),
    "validation": -np.log(shares[y_val, island_val]).mean(),
}
pd.DataFrame(shares.round(2), index=species, columns=islands)

# %% [markdown] tags=["predict"]
# The network gets the measurements and has 64 hidden units. Its training loss will fall and fall. What will the
# validation loss do: fall as well, level off, or turn and climb?


# %%
def island_batches():
    """The training penguins with their islands, in a new order in every epoch."""
    return shuffled_batches(x_train, island_train, batch_size=16, seed=seed)


whole = network(4, len(islands), hidden=(64,), rate=0.01)
settings = {"validation_data": (x_val, island_val), "shuffle": False, "verbose": 0}
curves = whole.fit(island_batches(), epochs=most_epochs, **settings).history
at_the_end = keras.models.clone_model(whole)  # a copy, since `whole` will train again
at_the_end.set_weights(whole.get_weights())

# %%
against_table = {
    "training": curves["loss"],
    "validation": curves["val_loss"],
    "species alone, training": np.full(most_epochs, table_loss["training"]),
    "species alone, validation": np.full(most_epochs, table_loss["validation"]),
}

# %%
plots.lines(
    range(1, most_epochs + 1),
    against_table,
    title="Which island? A fit to the end",
    x_label="epoch",
    y_label="cross-entropy (nats)",
    names_below=True,
)

# %% [markdown] tags=["answer"]
# The training loss goes on falling. In full mode the validation loss soon turns and climbs: what the network learns
# late is true of the training penguins only. This is **overfitting**.

# %% [markdown]
# The two level lines are the losses of the table, which knows the species alone. The validation loss of the network
# stays near the table's validation loss or above it. Its training loss falls far below the table's training loss. So
# what the network learns beyond the species shows in its training loss but, with these penguins, not in its validation
# loss.
#
# A callback can end a fit early. `EarlyStopping` watches `val_loss`. Here it ends the fit when `val_loss` has not
# improved for five epochs, and it restores the weights of the best epoch.

# %% tags=["varies"]
stop = keras.callbacks.EarlyStopping(
    monitor="val_loss", patience=5, restore_best_weights=True
)
stopped = reinitialize(whole, seed)
stopped.fit(island_batches(), epochs=most_epochs, callbacks=[stop], **settings)
print("epochs:", len(stopped.history.epoch), " best:", stop.best_epoch + 1)

# %% [markdown]
# Is the stop worth it? The validation rows chose the epoch, so they cannot judge it fairly. The test rows can.

# %%
x_test, species_test, island_test = measured(parts.x_test, parts.y_test)
x_test = scaled(x_test)
chances = {
    "species alone": shares[species_test],
    "fit to the end": at_the_end(x_test).numpy(),
    "stopped": stopped(x_test).numpy(),
}

# %% tags=["varies"]
by_penguin = {}
for way, probabilities in chances.items():
    by_penguin[way] = -np.log(probabilities[np.arange(len(x_test)), island_test])
    right = np.mean(probabilities.argmax(axis=1) == island_test)
    print(f"{way:15} loss {by_penguin[way].mean():.3f}, accuracy {right:.3f}")

# %%
plots.bars(
    {way: losses.mean() for way, losses in by_penguin.items()},
    title="Which island? The 68 test penguins",
    label="test cross-entropy (nats)",
)

# %% [markdown]
# The table's bar is the one to beat. As long as no network gets below it, nothing shows that the measurements tell more
# about the island than the species does. (The table is told the species, and the network is not. But you will see that
# a network reads the species off the measurements with hardly a mistake.) The accuracies may rank the three in another
# order. One penguin of 68 changes an accuracy by 0.015, so read them with care.
#
# One question is left. Would other penguins say the same? The **bootstrap**, which you know from lesson 02, draws 68
# penguins from these 68, with replacement, again and again. The interval that holds 99% of the differences tells you
# how far a difference would move with other test penguins and the same fitted networks. (Lesson 09 shows how it works.)

# %%
from course.evidence import paired_bootstrap


def mean_difference(worse, better):
    """How much lower the second loss is, on average over the penguins."""
    return np.mean(worse - better)


# %%
loss_saved = mean_difference(by_penguin["fit to the end"], by_penguin["stopped"])
saved_range = paired_bootstrap(
    mean_difference, by_penguin["fit to the end"], by_penguin["stopped"]
)
above_table = mean_difference(by_penguin["stopped"], by_penguin["species alone"])
table_range = paired_bootstrap(
    mean_difference, by_penguin["stopped"], by_penguin["species alone"]
)

# %%
bound(
    "03.epochs_stopped",
    "epochs until the stop",
    len(stopped.history.epoch),
    at_most={"full": 20},
    digits=0,
)
spread("03.best_epoch", "best epoch", stop.best_epoch + 1, digits=0)

# %%
bound(
    "03.loss_saved",
    "test loss saved by the stop",
    loss_saved,
    at_least={"full": 0},
    unit="nats",
)
spread("03.loss_saved_low", "saved, other penguins, low end", saved_range.low)
spread("03.loss_saved_high", "saved, other penguins, high end", saved_range.high)

# %%
words = "stopped network above the table"
spread("03.above_table", words, above_table, unit="nats")
words += ", other penguins"
spread("03.above_table_low", f"{words}, low end", table_range.low)
spread("03.above_table_high", f"{words}, high end", table_range.high)

# %% [markdown]
# In full mode the fit stopped after epoch {{03.epochs_stopped}}, five epochs after the best one. On the test penguins
# the stop saved {{03.loss_saved}} of loss, and it saved some with every seed. (In fast mode the full fit is itself so
# short that, with most seeds, stopping costs a little.) But every seed has the same 68 penguins. The bootstrap says how
# far the loss saved may move with others. The low end of its interval is {{03.loss_saved_low}}, and the high end is
# {{03.loss_saved_high}}. The interval includes 0, so **sixty-eight penguins cannot tell.** What stopping surely saves
# is time.
#
# And the table? The loss of the stopped network minus that of the table is {{03.above_table}}: {{03.above_table:sign}}.
# With other penguins, the interval has its low end at {{03.above_table_low}} and its high end at
# {{03.above_table_high}}. It includes 0, too. So nothing here shows that the measurements tell more than the species
# does. Give a network a simple rival before you call it good.

# %% [markdown]
# ## Is the network any better?
#
# Back to the species. Here the network's simple rival is **logistic regression**, which is this network without its
# hidden layer.
# scikit-learn's version also has a penalty on large weights, so it enters twice: once with the usual penalty (`C=1`)
# and once with a weak one (`C=100`; a larger `C` means a weaker penalty). All three models are fitted on the same
# folds, and scaled by the training rows of each fold.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

splits = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(X, y))
predicted = {name: np.empty_like(y) for name in ("network", "logistic", "weak")}

# %%
trained = network(4, 3)


def named_by_network(known, labels, unknown):
    """The species that a network names, fitted to the known penguins."""
    reinitialize(trained, seed)
    data = shuffled_batches(known, labels, batch_size=16, seed=seed)
    trained.fit(data, epochs=epochs, shuffle=False, verbose=0)
    return np.argmax(trained(unknown), axis=1)


# %%
for train, test in splits:
    scaler = StandardScaler().fit(X[train])
    known, unknown = scaler.transform(X[train]), scaler.transform(X[test])
    predicted["network"][test] = named_by_network(known, y[train], unknown)
    for rival, C in {"logistic": 1.0, "weak": 100.0}.items():
        regression = LogisticRegression(C=C, max_iter=1000).fit(known, y[train])
        predicted[rival][test] = regression.predict(unknown)

# %%
right = {model: np.mean(labels == y) for model, labels in predicted.items()}


def margin(y, by_network, by_logistic):
    """Accuracy of the network minus accuracy of logistic regression."""
    return np.mean(by_network == y) - np.mean(by_logistic == y)


other_penguins = paired_bootstrap(
    margin, y, predicted["network"], predicted["logistic"]
)

# %%
words = "accuracy of the network"
bound("03.penguins_network", words, right["network"], at_least=0.97)
words = "accuracy of logistic regression"
bound("03.penguins_logistic", words, right["logistic"], at_least=0.97)
words = "network minus logistic regression"
spread("03.penguins_margin", words, right["network"] - right["logistic"], digits=4)
words = "network minus logistic regression with a weak penalty"
spread("03.weak_margin", words, right["network"] - right["weak"], digits=4)

# %%
words = "network minus logistic, other penguins"
spread("03.margin_low", f"{words}, low end", other_penguins.low, digits=4)
spread("03.margin_high", f"{words}, high end", other_penguins.high, digits=4)

# %%
confusion = np.zeros((3, 3), dtype=int)
np.add.at(confusion, (y, predicted["network"]), 1)
title = "The network's answers for held-out penguins"
plots.confusion_matrix(confusion, species.tolist(), title=title)

# %% [markdown]
# The picture is a confusion matrix of the network: it counts, for each true species, what the network said. The
# mistakes stand off the diagonal, few enough to count. The network gets {{03.penguins_network}} of the penguins right,
# and logistic regression {{03.penguins_logistic}}. You saw why in the pair plot: straight cuts are nearly enough.
#
# Is the network any better? One penguin of 342 changes an accuracy by 0.003. This is the network's accuracy minus that
# of logistic regression:
#
# - with the usual penalty {{03.penguins_margin}}: {{03.penguins_margin:sign}};
# - with the weak penalty {{03.weak_margin}}: {{03.weak_margin:sign}}.
#
# (A sign test leaves out the seeds in which both are equal.) So the network is not always ahead. And every seed uses
# the same penguins. With the usual penalty, the bootstrap's interval has its low end at {{03.margin_low}} and its high
# end at {{03.margin_high}}. It includes 0, or ends there. **These penguins cannot tell** whether the network is better.

# %% [markdown]
# ## One model, three ways to write it
#
# Keras knows three ways to write a model. `Sequential` takes layers one by one, as `network` hands them over with
# `add`, or as a list:

# %%
sequential = keras.Sequential(
    [
        keras.Input((4,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ]
)

# %% [markdown]
# The **functional** way calls each layer on the output of the one before. Layers may branch and join:

# %%
inputs = keras.Input((4,))
hidden = keras.layers.Dense(16, activation="relu")(inputs)
functional = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))


# %% [markdown]
# A **subclass** spells out the computation in `call`. This one has no weights until it has seen the shape of a batch.
# (`len` counts arrays here: a matrix and a bias vector for each layer.)


# %%
class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(16, activation="relu")
        self.out = keras.layers.Dense(3, activation="softmax")

    def call(self, batch):
        return self.out(self.hidden(batch))


# %%
subclass = Subclass()
print("weights before the first batch:", len(subclass.weights))
subclass(x_train[:1])
print("weights after it:              ", len(subclass.weights))

# %% [markdown] tags=["predict"]
# By hand: how many parameters do four inputs, 16 hidden units and three outputs need? And if you copy the weights of
# one model into the other two, how far apart are the three losses: 0, about 1e-7, or more?

# %%
loss_of = keras.losses.SparseCategoricalCrossentropy()
losses, sizes = set(), set()
for each in (sequential, functional, subclass):
    each.set_weights(sequential.get_weights())
    losses.add(float(loss_of(y_train, each(x_train))))
    sizes.add(each.count_params())
print("parameters:", *sizes, " different losses:", len(losses))

# %%
fact("03.parameters", "parameters of each model", max(sizes), equals=131)
fact(
    "03.three_agree",
    "the three models agree in size and, to the last bit, in loss",
    len(losses) == len(sizes) == 1,
)

# %% [markdown] tags=["answer"]
# Each model has $4 \cdot 16 + 16 + 16 \cdot 3 + 3 = 131$ parameters, and the three losses are identical to the last
# bit. Which style you choose affects how the program reads, not what it computes. Take the shortest one that can say
# what you need.

# %% [markdown]
# ## Digits from ten folders
#
# Now take digits in the order in which a program reads them from ten folders: all the zeros first, then all the ones,
# and so on. `validation_split=0.2` will hold back a fifth of them.

# %%
numbered = images.y_train.astype(int)
chosen = [np.flatnonzero(numbered == digit)[:digits_per_class] for digit in range(10)]
chosen = np.concatenate(chosen)
digits, labels = pixels(images.x_train[chosen]), numbered[chosen]
print(len(digits), "digits; the first and the last:", labels[:3], labels[-3:])

# %% [markdown] tags=["predict"]
# `fit` shuffles the rows that it trains on. So does the order of the files matter? Guess training and validation
# accuracy after one epoch: both near 0.9, training near 0.9 and validation near 0.5, or training near 0.9 and validation
# near 0?

# %%
sorted_reader = network(784, 10, hidden=(64,), rate=0.005)
sorted_reader.fit(digits, labels, validation_split=0.2, batch_size=16, verbose=0)
by_order = sorted_reader.history.history

# %%
words = "accuracy, sorted rows"
bound("03.sorted_training", f"training {words}", by_order["accuracy"][-1], at_least=0.8)
words = "validation accuracy, sorted rows"
bound("03.sorted_validation", words, by_order["val_accuracy"][-1], at_most=0.01)

# %% [markdown] tags=["answer"]
# The training accuracy is {{03.sorted_training}}, and the validation accuracy {{03.sorted_validation}}.
# **`validation_split` takes the last rows, before anything is shuffled.** Only the rest is shuffled.

# %% [markdown]
# Here are ten of the digits that were held back, and what the model takes them for:

# %%
held_back = round(len(labels) * 0.8)
shown = np.linspace(held_back, len(labels) - 1, 10).astype(int)
plots.images(
    digits[shown].reshape(-1, 28, 28),
    np.argmax(sorted_reader(digits[shown]), axis=1),
    title="Held back, and what the model takes them for",
)

# %% [markdown]
# All the eights and nines were held back. The model never saw one, so it takes each for another digit. The cure is to
# choose the validation rows at random and class by class: a **stratified** split.

# %%
from sklearn.model_selection import train_test_split

x_fit, x_judge, y_fit, y_judge = train_test_split(
    digits, labels, test_size=0.2, stratify=labels, random_state=seed
)

# %%
from course.topics.classification import class_counts

class_counts(
    {
        "validation_split=0.2": (labels[:held_back], labels[held_back:]),
        "stratified": (y_fit, y_judge),
    },
    title="Which digits are held back?",
)

# %%
reader = reinitialize(sorted_reader, seed)
reader.fit(x_fit, y_fit, batch_size=16, verbose=0)
by_class = reader.evaluate(x_judge, y_judge, verbose=0)

# %%
words = "validation accuracy, split by class"
bound("03.stratified_validation", words, by_class[1], at_least=0.8)

# %% [markdown]
# With the same digits and the same network, the validation accuracy is {{03.stratified_validation}} instead of
# {{03.sorted_validation}}. If you shuffle the rows once yourself before `validation_split`, you should get nearly the
# same. A stratified split also keeps the share of rare classes.

# %% [markdown] tags=["quiz"]
# The rows of a table are sorted by date, oldest first. What does `validation_split=0.1` hold back?
#
# - [ ] A random tenth.
#   Nothing is drawn: `validation_split` cuts the table before any shuffling.
# - [x] The latest tenth.
#   The last rows in the order of the table. If the model is to predict the future, that may be just what you want.
# - [ ] A tenth of every month.
#   Keras does not know about months. It takes the end of the table as one piece.

# %% [markdown]
# ### Exercise 03.4: split by class
#
# Write the split yourself. For validation take the fraction `share` of the rows of every class, rounded to whole rows
# and chosen at random with `rng` (a NumPy generator). Return two arrays: the indices of the rows to train on, and those
# of the rows to validate on.


# %% tags=["solution"]
def stratified(y, share, rng):
    """Return two arrays of row numbers, to train on and to validate on;
    together they hold every row once."""
    chosen = []
    for label in np.unique(y):
        rows = rng.permutation(np.flatnonzero(y == label))
        chosen.append(rows[: round(len(rows) * share)])
    validation = np.concatenate(chosen)
    return np.setdiff1d(np.arange(len(y)), validation), validation


# %% tags=["check"]
@exercise("03.4", stratified)
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
            "Return two parts: the rows to train on and the rows to validate on.",
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
            "The two parts are swapped. The rows to train on come first.",
        )
        expect(
            np.array_equal(taken, share * counts),
            "The classes do not have their share among the validation rows. Choose"
            f" within each class: from {counts.tolist()} rows take a share of {share:g}"
            f" each, not {list(map(int, taken))}.",
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
        "A different generator chose the same rows. Choose at random with `rng`, not"
        " the first or last.",
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


# %% tags=["wrong"] hint="the first or last"
def stratified(y, share, rng):
    parts = [np.flatnonzero(y == label) for label in np.unique(y)]
    validation = np.concatenate([rows[: round(len(rows) * share)] for rows in parts])
    return np.setdiff1d(np.arange(len(y)), validation), validation


# %% [markdown]
# ## Outdated names
#
# Much code on the web was written for earlier versions of Keras. What do its names and arguments do now?

# %%
import warnings


def attempt(code, action):
    """Print what an outdated line does now: it works, warns or raises an error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            action()
            outcome = caught[0].message if caught else "works"
        except (AttributeError, ImportError, TypeError, ValueError) as error:
            outcome = f"{type(error).__name__}: {error}"
    print(f"{code:22} {outcome}")


# %%
import importlib

attempt("SGD(lr=0.1)", lambda: keras.optimizers.SGD(lr=0.1))
attempt("SGD(0.1, decay=0.01)", lambda: keras.optimizers.SGD(0.1, decay=0.01))
attempt("fit(nb_epoch=2)", lambda: stopped.fit(x_train, y_train, nb_epoch=2))
attempt("model.fit_generator", lambda: stopped.fit_generator)
attempt("model.predict_classes", lambda: stopped.predict_classes)
attempt("keras.utils.np_utils", lambda: importlib.import_module("keras.utils.np_utils"))

# %% [markdown]
# An error stops you, so it does no harm. The dangerous one is `decay`: it only warns, and then trains at a constant
# rate. A schedule does what `decay` did. And `to_categorical`, which `np_utils` used to hold, still makes one-hot rows:

# %%
schedule = keras.optimizers.schedules.InverseTimeDecay(
    0.1, decay_steps=1, decay_rate=0.01
)
rates = [round(float(schedule(step)), 4) for step in (0, 100, 300)]
print("rate at steps 0, 100 and 300:", rates)
print("one-hot:", keras.utils.to_categorical([0, 2], 3).tolist())

# %% [markdown]
# | then | now |
# | --- | --- |
# | `lr=` | `learning_rate=` |
# | `decay=` | `learning_rate=` with a schedule |
# | `nb_epoch=` | `epochs=` |
# | `fit_generator` | `fit`, which takes generators |
# | `predict_classes` | `predict`, then `argmax(axis=1)` |
# | `keras.utils.np_utils.to_categorical` | `keras.utils.to_categorical` |
#
# ## What you have learned
#
# - A classifier is one function: build with one softmax output per class, compile with cross-entropy, fit, return.
# - An epoch is a pass over the rows, and a batch holds the rows of one step. A small last batch is a step, too.
#   Validation rows take part in no step. `verbose=2` prints less than `verbose=1`.
# - After `set_random_seed`, `fit` repeats one order of your arrays in every epoch. `tf.data` and `shuffled_batches`
#   make a new order in every epoch, and the same orders in every run.
# - When validation loss climbs while training loss falls, the model overfits. A callback can stop the fit, which saves
#   epochs. You need more than 68 test rows to tell whether it saves test loss, too.
# - Compare with a simple rival, such as a table of counts or logistic regression on the same folds. Say how many rows
#   the difference amounts to.
# - Sequential, functional and subclass are three ways to write one model: equal parameters, and equal loss at equal
#   weights.
# - `validation_split` takes the last rows, unshuffled. When validation accuracy is near 0 and training accuracy is
#   high, look for classes that training never saw, and split by class.
# - Of the outdated lines tried here, `decay=` is ignored with a warning. The others are errors.
#
# ## Try next
#
# - Sort the digits the other way around, nines first. Which digits are held back now?
# - Replace `(128, 128)` in `digit_network` with `(64,)` and set `order_rows = 4000`. What is left of the gain from new
#   batches, over a few seeds?
# - Change the default `hidden=(16,)` of `network` to `(1,)`. How many of the penguins does a single hidden unit get
#   right?
