# ---
# title: Imbalance
# part: 2 Measure
# objectives:
#   - weight classes and individual rows, and explain what Keras does with the weights and what it leaves alone
#   - choose weights that do not change the size of the training steps
#   - choose between weights, repeated rows and another threshold, and compute the threshold from what errors cost
#   - tell a real difference between two models from chance, with a paired bootstrap over the test rows
#   - explain what weights do to probabilities, and undo it
#   - judge advice on rare classes, and spot the data that no weight can help
# prerequisites:
#   - "lesson 03 (Classification): cross-entropy, stratified splits"
#   - "lesson 06 (Metrics): why a mean over batches may be wrong"
#   - "lesson 07 (Per-class metrics): precision, recall, F1"
# data: [hypothyroid, abalone, mnist]
# vary: {wrong_share: [0.5, 0.6, 0.7]}
# reading:
#   - "Chollet, *Imbalanced classification: credit card fraud detection*, keras.io/examples/structured_data/imbalanced_classification"
#   - "TensorFlow authors, *Classification on imbalanced data*, tensorflow.org/tutorials/structured_data/imbalanced_data"
#   - "Efron, Tibshirani, *An introduction to the bootstrap*, 1993 (intervals from resampling the rows)"
#   - "Elkan, *The foundations of cost-sensitive learning*, IJCAI 2001 (weights, thresholds and costs)"
#   - "Saerens, Latinne, Decaestecker, *Adjusting the outputs of a classifier to new a priori probabilities*, Neural Computation 14, 2002, doi:10.1162/089976602753284446 (undoing the weights)"
#   - "Byrd, Lipton, *What is the effect of importance weighting in deep learning?*, ICML 2019, arXiv:1812.03372 (networks that separate their training rows)"
#   - "Quinlan, *Thyroid disease*, UCI Machine Learning Repository, doi:10.24432/C5D010 (the patients)"
# ---

# %% [markdown]
# One patient in twenty has the disease. A program that tells every patient "you are well" is right nineteen times out
# of twenty, and useless. The usual advice is a single argument: `class_weight`. In this lesson you will see what that
# argument does to each row, what you could do instead, and what it does to the probabilities. Then you will put two
# famous notebooks to the test.
#
# The text quotes results of full mode; your run prints its own beside them.

# %% tags=["parameters"]
seed: int = 0  # seed of split, initial weights, order and wrong labels, 0 to 1000000
fast: bool = False  # fewer epochs and digits
parts: int = 4  # parts of the patients, each predicted once, 3 to 10, fast 3
few_epochs: int = 3  # passes where ways to weight are compared, 1 to 20, fast 1
epochs: int = 15  # passes of the network over the patients, 15 to 50
more_epochs: int = 85  # passes after these, 1 to 200, fast 3
thresholds: int = 20  # thresholds tried to tune one, 10 to 100, fast 10
resamples: int = 1_000  # draws of the bootstrap, 100 to 5000, fast 200
noise_rows: int = 10_000  # digits, half labeled carelessly, 1000 to 10000, fast 2000
noise_epochs: int = 15  # passes over these digits, 3 to 100, fast 3
wrong_share: float = 0.6  # share of wrong labels in the careless half, 0.3 to 0.8

# %%
from course.lesson import begin

begin("09_imbalance", globals())

# %% [markdown]
# This lesson builds on two terms from lesson 07, recall and precision. Here they are again. A model gives each patient
# a risk, and a threshold turns risks into alarms.

# %%
from course.topics import imbalance

imbalance.alarms()

# %% [markdown]
# ## One in twenty
#
# The table holds blood tests and histories of patients; the last column says who has an underactive thyroid. Some
# rows are exact copies of others. We drop the copies, because a model would otherwise be tested on rows that it was
# trained on. We also drop a few of the last rows, all healthy, so that the patients can be cut into equal parts.

# %%
from course.data import table

everyone = table("hypothyroid")
patients = everyone.drop_duplicates()
print(f"{len(everyone) - len(patients)} copies dropped")
patients = patients[: len(patients) - len(patients) % parts]
y = patients.pop("hypothyroid").to_numpy()
negatives, positives = (y == 0).sum(), (y == 1).sum()
print(f"{positives} of {len(y)} are ill: {positives / len(y):.2%}")
print(f"first labels: {y[:8]}")
print(f"accuracy of 'nobody is ill': {negatives / len(y):.4f}")

# %% [markdown]
# So a high accuracy is no achievement. Note also that all the ill patients come first. If you take the last rows for
# validation, there is not a single ill patient among them (lesson 03).
#
# If a fifth of the patients were test rows, the recall would rest on some thirty ill patients. So we cut the patients
# into parts (the folds of lesson 02) with equal shares of the ill. Each part is the test part once, while a model
# trains on the others. In the end every patient has been predicted once, by a model that had never seen them.

# %%
import numpy as np


def split(y, parts):
    """Return each row's part, at random, with equally many positives in each."""
    # negatives first, each class shuffled
    order = np.lexsort((np.random.default_rng(seed).random(len(y)), y))
    part = np.empty(len(y), int)
    part[order] = np.arange(len(y)) % parts
    return part


part = split(y, parts)
np.bincount(part, weights=y).astype(int)

# %% [markdown]
# Another seed splits the *same* patients differently. So the ranges over seeds in this lesson show the luck of the
# split and of the initial weights, not what other patients would have shown. A section below asks about other patients.
#
# Blood values are skewed, so we take logarithms, and scale with the mean and the standard deviation of the training
# rows. A missing value becomes the mean. Text columns become 1 for "t", "y" or "F" (true, yes, female) and 0 otherwise.

# %%
values = np.log1p(patients.select_dtypes("number").to_numpy())
flags = patients.select_dtypes(exclude="number").isin(["t", "y", "F"]).to_numpy()


def inputs(training):
    """All rows as inputs, scaled by the rows of `training`."""
    mean = np.nanmean(values[training], axis=0)
    spread = np.nanstd(values[training], axis=0)
    return np.column_stack([np.nan_to_num((values - mean) / spread), flags])


training = part != 0
x_training = inputs(training)[training]
y_training = y[training]

# %% [markdown]
# ## What class_weight is
#
# Unless you tell it otherwise, Keras multiplies the loss of every row by a weight and takes the mean over the $N$ rows
# of the batch:
#
# $$\frac{1}{N} \sum_i w_i \, \ell_i$$
#
# `sample_weight` gives the $w_i$ as an array, one per row. (For sequences it may be (rows, times), one weight for
# each time step.) `class_weight` gives one per class, and Keras makes the array. A class that is not named gets 1.
# The usual choice is $w = \text{negatives} / \text{positives}$, so that both classes weigh the same in total.
#
# What the weights do is easiest to see in the smallest model there is: one unit with a sigmoid, that is, logistic
# regression. We train it often, so we compile it once. Before each training `reinitialize`, from this course, resets
# its weights.

# %%
import keras
from keras.optimizers import SGD, Adam


def one_unit(optimizer):
    """One sigmoid unit, compiled."""
    sigmoid = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.Input(x_training.shape[1:]), sigmoid])
    settings = {"loss": "binary_crossentropy", "metrics": ["accuracy"]}
    model.compile(optimizer, jit_compile=False, **settings)
    return model


model = one_unit(Adam(0.1))

# %% [markdown]
# `shuffled_batches` reshuffles the rows in every epoch, which `fit` with arrays and a fixed seed does not (lesson 03).

# %%
from course.training.batches import shuffled_batches
from course.training.reinitialize import reinitialize


def trained(model, *arrays, **fit_arguments):
    """Train from the initial weights on (x, y) or (x, y, sample_weight); return all
    weights."""
    reinitialize(model, seed)
    batches = shuffled_batches(*arrays, batch_size=256, seed=seed)
    model.fit(batches, shuffle=False, epochs=few_epochs, verbose=0, **fit_arguments)
    return np.concatenate(model.get_weights(), axis=None)


# %%
balance = negatives / positives
print(f"weight of an ill patient: {balance:.2f}")

by_class = trained(model, x_training, y_training, class_weight={1: balance})
weights = np.where(y_training == 1, balance, 1.0).astype("float32")
by_row = trained(model, x_training, y_training, weights)

# %%
from course.claims import bound, fact, spread

fact(
    "09.same_training",
    "weights trained by class and by row are equal (to a millionth)",
    np.abs(by_class - by_row).max() <= 1e-6,
)

# %% [markdown]
# The two training runs are equivalent: both models end up with the same values in every layer. But what if a row has
# two reasons for its weight, its class and, say, a measurement that you trust less?

# %%
trust = np.ones(len(y_training))
try:
    model.fit(x_training, y_training, class_weight={1: balance}, sample_weight=trust)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ### Exercise 09.1: both
#
# Write the function that Keras lacks: it makes one array of weights from a dictionary of class weights and an array of
# row weights. For example, a row whose class weighs 2 and whose own weight is 0.5 gets a weight of 1. Labels may come
# as (rows,) or as (rows, 1). Do not change the arrays that you are given.


# %% tags=["solution"]
def combined(y, class_weight, sample_weight):
    """Return one weight per row, (rows,): the weight of its class (1 if the class is
    not named) times its own weight."""
    return (
        np.array([class_weight.get(int(label), 1.0) for label in np.ravel(y)])
        * sample_weight
    )


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close


def draw(rng):
    y = rng.integers(0, 4, rng.integers(1, 8))
    named = {
        label: float(rng.uniform(0.5, 4)) for label in range(4) if rng.random() < 0.6
    }
    own = rng.uniform(0.5, 3, len(y))
    return (y[:, None] if rng.random() < 0.5 else y), named, own


@exercise("09.1", combined, draw=draw)
def check(combined):
    labels, own = np.array([0, 1, 2, 1]), np.array([1.0, 0.5, 3.0, 2.0])
    answer = np.asarray(combined(labels, {0: 4.0, 1: 2.0, 2: 1.5}, own))
    kept = np.array_equal(labels, [0, 1, 2, 1]) and np.array_equal(
        own, [1.0, 0.5, 3.0, 2.0]
    )
    expect(
        kept, "Your function has changed an array that it was given. Work on a copy."
    )
    expect(
        answer.shape == (4,),
        f"Return one weight per row, not an array of shape {answer.shape}.",
    )
    mistakes = {
        (
            "You added the two. A row trusted half as much must count half as much, "
            "whatever its class."
        ): [
            5,
            2.5,
            4.5,
            4,
        ],
        (
            "These are the weights of the classes alone. Each row has a weight of its "
            "own, too."
        ): [
            4,
            2,
            1.5,
            2,
        ],
    }
    expect_close(
        answer,
        [4, 1, 4.5, 4],
        f"For labels {labels} the weights came out as {answer}.",
        mistakes
        | {
            "These are the weights of the rows alone. Each class has one, too.": own,
            "Every row got the weight of the same class. Look up its own label.": own
            * 2,
        },
    )
    try:
        unnamed = np.asarray(combined(labels, {1: 2.0}, own))
    # as class_weight[label] and class_weight.get(label) * ... give
    except (KeyError, TypeError):
        expect(
            False,
            "Your function finds no weight for a class that is not named. In Keras its"
            " weight is 1.",
        )
    expect(
        unnamed[0] != 0,
        "A class that is not named vanished from the training. In Keras its weight"
        " is 1.",
    )
    expect(
        np.allclose(unnamed, [1, 1, 3, 4]),
        "A class that is not named has a weight other than 1. With only class 1"
        f" named, the weights came out as {unnamed}.",
    )
    try:
        column = np.asarray(combined(labels[:, None], {1: 2.0}, own))
    except (TypeError, IndexError, ValueError):
        expect(
            False,
            "Your function breaks on labels of shape (4, 1), where each label is an"
            " array of its own. Flatten them first.",
        )
    expect(
        column.shape == (4,),
        f"Labels of shape (4, 1) gave weights of shape {column.shape}. Flatten them"
        " first.",
    )
    expect(
        np.allclose(column, unnamed),
        "Labels of shape (rows, 1) must give the same weights.",
    )


# %% tags=["wrong"] hint="You added the two"
def combined(y, class_weight, sample_weight):
    return (
        np.array([class_weight.get(int(label), 1.0) for label in np.ravel(y)])
        + sample_weight
    )


# %% tags=["wrong"] hint="weights of the classes alone"
def combined(y, class_weight, sample_weight):
    return np.array([class_weight.get(int(label), 1.0) for label in np.ravel(y)])


# %% tags=["wrong"] hint="finds no weight for a class"
def combined(y, class_weight, sample_weight):
    return np.array([class_weight[label] for label in np.ravel(y)]) * sample_weight


# %% tags=["wrong"] hint="finds no weight for a class"
def combined(y, class_weight, sample_weight):
    return np.array([class_weight.get(label) for label in np.ravel(y)]) * sample_weight


# %% tags=["wrong"] hint="vanished from the training"
def combined(y, class_weight, sample_weight):
    return (
        np.array([class_weight.get(int(label), 0.0) for label in np.ravel(y)])
        * sample_weight
    )


# %% tags=["wrong"] hint="changed an array that it was given"
def combined(y, class_weight, sample_weight):
    for label, weight in class_weight.items():
        sample_weight[np.ravel(y) == label] *= weight
    return sample_weight


# %% tags=["wrong"] hint="Flatten them first"
def combined(y, class_weight, sample_weight):
    weights = np.ones(y.shape)
    for label, weight in class_weight.items():
        weights[y == label] = weight
    return weights * sample_weight


# %% [markdown]
# ## What if both classes weigh ten?

# %% [markdown] tags=["predict"]
# Give *both* classes a weight of 10. Nothing is favored, so should anything change? With plain SGD? With Adam?

# %%
ones, tens = {0: 1.0, 1: 1.0}, {0: 10.0, 1: 10.0}
sgd = one_unit(SGD(0.01))
distance = {}
for name, unit in {"SGD": sgd, "Adam": model}.items():
    with_ones = trained(unit, x_training, y_training, class_weight=ones)
    with_tens = trained(unit, x_training, y_training, class_weight=tens)
    distance[name] = np.abs(with_tens - with_ones).mean()
print({name: round(float(value), 5) for name, value in distance.items()})

# %%
bound(
    "09.sgd_ten",
    "SGD: mean difference of the weights",
    distance["SGD"],
    at_least={"full": 0.03},
)

# %%
bound(
    "09.adam_over_sgd",
    "Adam's mean difference over that of SGD",
    distance["Adam"] / distance["SGD"],
    at_most=0.1,
)

# %% [markdown] tags=["answer"]
# With **SGD** you get a different model: the values in its layer differ by {{09.sgd_ten}} on average. With **Adam**,
# which divides each step by the size of the gradients, the difference is less than {{09.adam_over_sgd:limit}} times as
# large.

# %% [markdown]
# Look at the formula again: Keras divides the sum by the number of rows, not by the sum of the weights. So multiplying
# the weights by ten should do the same as multiplying the learning rate by ten. Let us check that:

# %%
with_tens = trained(sgd, x_training, y_training, class_weight=tens)
sgd.optimizer.learning_rate = 0.1
ten_times_faster = trained(sgd, x_training, y_training, class_weight=ones)
sgd.optimizer.learning_rate = 0.01  # as it was
print(f"largest difference: {np.abs(with_tens - ten_times_faster).max():.1e}")

# %% [markdown]
# The two training runs agree, up to rounding. Now make the weights small instead of large. The imbalance example on
# keras.io gives each class the weight 1 / (its number of rows), which makes the mean weight tiny. That example trains
# with Adam. What would happen with SGD?

# %%
counts = np.bincount(y_training)
half = len(y_training) / 2
mean_one = {0: half / counts[0], 1: half / counts[1]}
one_over_count = {0: 1 / counts[0], 1: 1 / counts[1]}

# %%
reinitialize(sgd, seed)
start = np.concatenate(sgd.get_weights(), axis=None)
moved = {}
for name, weight in {"mean 1": mean_one, "1 / count": one_over_count}.items():
    end = trained(sgd, x_training, y_training, class_weight=weight)
    moved[name] = np.abs(end - start).max()
print({name: round(float(value), 5) for name, value in moved.items()})

# %%
bound(
    "09.sgd_ten_or_rate",
    "SGD, ten times the weights or the rate: largest difference",
    np.abs(with_tens - ten_times_faster).max(),
    at_most=1e-5,
)

# %%
bound(
    "09.one_over_count",
    "how far SGD gets with 1 / count, over how far with a mean of 1",
    moved["1 / count"] / moved["mean 1"],
    at_most=0.01,
    digits=4,
)

# %% [markdown]
# With SGD the model all but stands still: it moves less than {{09.one_over_count:limit}} times as far as with a mean
# weight of 1. So if you compare "weighted" with "unweighted" under SGD, you also compare two learning rates. The cure
# is to scale the weights so that their mean over the rows is 1. (A loss object with
# `reduction="mean_with_sample_weight"` divides by the sum of the weights in each batch instead.) With Adam, which
# trains the network below, the plain ratio will do.

# %% [markdown]
# ### Exercise 09.2: balanced, with a mean of 1
#
# Return class weights such that every class weighs the same in total *and* the mean weight over all rows is 1. They
# must work for any number of classes.


# %% tags=["solution"]
def balanced(y):
    """Return a dictionary class -> weight for labels (rows,)."""
    classes, counts = np.unique(y, return_counts=True)
    return {
        int(c): len(y) / (len(classes) * count)
        for c, count in zip(classes, counts, strict=True)
    }


# %% tags=["check"]
def draw(rng):
    return (rng.choice(rng.integers(0, 9, rng.integers(1, 5)), rng.integers(1, 30)),)


@exercise("09.2", balanced, draw=draw)
def check(balanced):
    for labels in (
        np.repeat([0, 1], [90, 10]),
        np.repeat([0, 1, 2], [50, 30, 20]),
        np.array([3, 1, 3, 3]),
    ):
        weights = balanced(labels)
        classes = np.unique(labels)
        expect(
            isinstance(weights, dict),
            "Return a dictionary, as fit takes it: class -> weight.",
        )
        expect(
            set(weights) == set(classes.tolist()),
            f"The labels hold the classes {classes.tolist()}; your dictionary holds"
            f" {sorted(weights)}.",
        )
        totals = np.array([weights[c] * np.sum(labels == c) for c in classes.tolist()])
        expect(
            np.allclose(totals, totals[0]),
            f"The classes weigh {totals.round(2)} in total, and should weigh the same:"
            " rare ones need more per row.",
        )
        mean = totals.sum() / len(labels)
        expect(
            np.isclose(mean, 1),
            f"The classes are balanced, but the mean weight is {mean:.3g}: the steps"
            " would change size.",
        )


# %% tags=["wrong"] hint="the mean weight is"
def balanced(y):
    return {0: 1.0, 1: np.sum(y == 0) / np.sum(y == 1)}


# %% tags=["wrong"] hint="the mean weight is"
def balanced(y):
    return {int(c): len(y) / np.sum(y == c) for c in np.unique(y)}


# %% tags=["wrong"] hint="rare ones need more per row"
def balanced(y):
    return {int(c): len(np.unique(y)) * np.sum(y == c) / len(y) for c in np.unique(y)}


# %% [markdown]
# ## What the log tells you
#
# A trick shows what the weights do to the log, without any training: with a learning rate of 0 the model stands still.
# We use the same rows for training, with weights, and for validation, without.

# %% [markdown] tags=["predict"]
# The model and the rows are the same on both sides. Which of the four logged numbers will agree: `loss` with
# `val_loss`? `accuracy` with `val_accuracy`?

# %%
model.optimizer.learning_rate = 0.0
same = (x_training, y_training)
logs = model.fit(
    *same, class_weight={1: balance}, validation_data=same, batch_size=512, verbose=0
).history
model.optimizer.learning_rate = 0.1  # as it was

# %% tags=["varies"]
for name, value in logs.items():
    print(f"{name:12} {value[0]:.4f}")

# %%
fact(
    "09.same_accuracy",
    "accuracy and val_accuracy are equal (to a millionth)",
    abs(logs["accuracy"][0] - logs["val_accuracy"][0]) <= 1e-6,
)

# %%
bound(
    "09.loss_gap",
    "loss and val_loss differ by",
    abs(logs["loss"][0] - logs["val_loss"][0]),
    at_least=0.01,
)

# %% [markdown] tags=["answer"]
# The accuracies agree, the losses do not. `class_weight` enters the training loss **and nothing else**. It enters no
# metric (unless you list that metric under `weighted_metrics`) and no part of validation. This has two consequences:
#
# - The gap between the two loss curves of a weighted run does not measure overfitting.
# - Early stopping on `val_loss` watches the *unweighted* loss, which weighted training does not minimize. If you want
#   it weighted, pass the weights yourself: `validation_data=(x, y, weights)`.

# %% [markdown]
# ## Recall, while training
#
# To watch a rare class you need its recall. Until 2017 Keras had a function for it. The author of Keras removed it,
# because such metrics "were approximated batch-wise, which is more misleading than helpful" (F. Chollet,
# keras-team/keras, issue 5794). It has been copied ever since. Here it is in today's Keras. (It also rounded the
# labels. We left that out, since it changes nothing for labels of 0 and 1.)

# %%
from keras import ops


def copied_recall(y_true, y_pred):
    found = ops.sum(ops.round(ops.clip(y_true * y_pred, 0, 1)))
    return found / (ops.sum(y_true) + keras.config.epsilon())


# %% [markdown]
# Keras calls such a function on every batch and takes the mean of what comes back (lesson 06). Let us do the same for
# one model, on patients that it has not seen, with batches of three sizes.

# %%
trained(model, x_training, y_training, class_weight={1: balance})
unseen = np.random.default_rng(seed).permutation(np.flatnonzero(part == 0))
risk = ops.convert_to_numpy(model(inputs(training)[unseen]))[:, 0]
truth = y[unseen].astype("float32")

recalls = {"all rows at once": float(copied_recall(truth, risk))}
for size in (128, 32, 8):
    cuts = range(size, len(truth), size)
    batches = zip(np.split(truth, cuts), np.split(risk, cuts), strict=True)
    by_batch = [float(copied_recall(*batch)) for batch in batches]
    recalls[f"mean over batches of {size}"] = np.mean(by_batch)

# %% tags=["varies"]
from course import plots

plots.bars(recalls, title="One model, four recalls", label="recall (share)")

# %%
bound(
    "09.copied_lack_8",
    "recall of all rows minus the mean over batches of 8",
    recalls["all rows at once"] - recalls["mean over batches of 8"],
    at_least=0.3,
)

# %% [markdown]
# With batches of 8 the copied function reports a recall that is too low by {{09.copied_lack_8}}. A batch without an ill
# patient counts as a recall of 0, and most small batches have none. Large batches come closer. They may even come out
# too high, because a batch with two ill patients counts as much as one with ten. So use `keras.metrics.Recall`, which
# counts over all batches and divides once.

# %% [markdown]
# ## Two models, with and without weights
#
# Now we predict every patient with two models. The first is the unit again, this time fitted by scikit-learn: it runs
# until the loss can fall no further, so the number of epochs plays no part. (A large `C` all but removes its penalty.)

# %%
from sklearn.linear_model import LogisticRegression


def unit_with(weight):
    """Logistic regression with a class weight for the ill."""
    return LogisticRegression(
        C=1e4, solver="newton-cholesky", class_weight={1: weight}, max_iter=200
    )


def by_unit(x, y, weight, x_new):
    """Risks for `x_new` by the unit, trained on x and y."""
    return unit_with(weight).fit(x, y).predict_proba(x_new)[:, 1]


# %% [markdown]
# The second is a small network with two hidden layers. It returns logits, and we turn them into risks in 64-bit
# arithmetic, since in 32 bits the highest risks would all round to exactly 1. The next cells train the network once for
# each part of the patients. They keep its predictions after several epochs, listed in `watched`. Most results below use
# the epoch set by `epochs`; the variable `now` is its place in that list.

# %%
from scipy.special import expit

from course.training.fast_fit import fast_fit  # an epoch as one program (lesson 05)

total = epochs + more_epochs
watched = np.union1d(np.geomspace(1, total, 8).astype(int), epochs)
now = int(np.searchsorted(watched, epochs))  # the place of `epochs` among them

# %%
hidden = [keras.layers.Dense(64, activation="relu") for _ in range(2)]
network = keras.Sequential(
    [keras.Input(x_training.shape[1:]), *hidden, keras.layers.Dense(1)]
)
loss = keras.losses.BinaryCrossentropy(from_logits=True)
network.compile(Adam(0.01), loss=loss, jit_compile=False)
_ = fast_fit(network, seed=seed, xla_from=0)  # compiling pays off: many fits use it


# %%
def risks_of(network, x):
    """Risks for x, (rows,), from the network's logits."""
    logits = ops.convert_to_numpy(network(x))[:, 0]
    return expit(logits.astype("float64"))


# %%
class Snapshots(keras.callbacks.Callback):
    """Keep the risks that the model gives to `x` after each epoch."""

    def __init__(self, x):
        super().__init__()
        self.x = x
        self.risks = {}

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 in watched:
            self.risks[epoch + 1] = risks_of(self.model, self.x)


# %%
def by_network(x, y, weight, x_new, bias=0.0, last=total):
    """Risks for `x_new` after each of the `watched` epochs, (watched, rows); after
    `last` the training ends and they stay."""
    reinitialize(network, seed)
    network.layers[-1].bias.assign([bias])
    snapshots = Snapshots(x_new)
    settings = {"batch_size": 32, "epochs": last, "callbacks": [snapshots]}
    network.fit(x, y, class_weight={1: weight}, verbose=0, **settings)
    return [snapshots.risks[min(epoch, last)] for epoch in watched]


# %%
def predict_all(fit, weight=1.0, **settings):
    """The risk of every patient after each of the `watched` epochs, (watched, rows)."""
    risks = np.zeros((len(watched), len(y)))
    for test in range(parts):
        training = part != test
        x = inputs(training)
        risks[:, ~training] = fit(
            x[training], y[training], weight, x[~training], **settings
        )
    return risks


# %%
plain_unit = predict_all(by_unit)[0]  # the unit has no epochs
weighted_unit = predict_all(by_unit, balance)[0]
plain_network = predict_all(by_network)
weighted_network = predict_all(by_network, balance)

# %%
pairs = {
    "unit": (plain_unit, weighted_unit),
    "network": (plain_network[now], weighted_network[now]),
}

# %% [markdown] tags=["predict"]
# An unweighted model decides at the usual threshold of one half. What will the balanced weights do to its recall, its
# precision and its accuracy? Up or down? And will the unit and the network agree?

# %%
import pandas as pd
from sklearn.metrics import average_precision_score

from course.training.metrics import scores_at  # lesson 08


def judged(risk):
    """Scores at the threshold one half, and average precision, which needs none."""
    scores = scores_at([0.5], y, risk)
    kept = ("recall", "precision", "f1", "accuracy")
    figures = {name: float(scores[name][0]) for name in kept}
    return figures | {"average precision": average_precision_score(y, risk)}


# %%
without = {name: judged(plain) for name, (plain, _) in pairs.items()}
with_weights = {name: judged(weighted) for name, (_, weighted) in pairs.items()}

# %% tags=["varies"]
tables = {"unweighted": pd.DataFrame(without), "weighted": pd.DataFrame(with_weights)}
pd.concat(tables, axis=1).T.round(3)

# %%
changes = pd.DataFrame(with_weights) - pd.DataFrame(without)
limits = {"recall": {"at_least": {"full": 0}}, "precision": {"at_most": {"full": 0}}}
for name, change in changes.items():
    words = f"of the {name}, weighted minus unweighted"
    for score, limit in limits.items():
        bound(f"09.{score}_{name}", f"{score} {words}", change[score], **limit)
    spread(f"09.accuracy_{name}", f"accuracy {words}", change["accuracy"])

# %% [markdown] tags=["answer"]
# Recall goes up, for the unit by {{09.recall_unit}} and for the network by {{09.recall_network}}. That is why weights
# are recommended. (We had hoped for a gain of 0.15 with every split of the patients. In our runs the unit reaches it;
# for the network it is **not reached**.) Precision pays for it, since many more alarms are false. Accuracy falls as
# well: for the network, the difference (weighted minus unweighted) is {{09.accuracy_network:sign}}. Unit and network
# agree.

# %% [markdown]
# Has the weighted model learned more about the ill, or does it only say "ill" more often?

# %% [markdown]
# ## Or move the threshold
#
# A model that gives probabilities can also be made to say "ill" more often without training it again: lower the
# threshold. Each threshold is one point on the **precision-recall curve**, which is the picture to look at when the
# positives are rare.
#
# A formula says which threshold should do what the weight does. Take patients among whom a share $p$ is ill. The
# weighted loss counts the ill as $w p$ against $1 - p$ for the healthy. So weighting multiplies the odds $p / (1 - p)$
# by $w$. A weighted probability of one half means odds of 1. Without the weight the odds are $1 / w$, that is, a
# probability of $1 / (1 + w)$.

# %% tags=["varies"]
imbalance.precision_recall(
    y,
    {"one unit": pairs["unit"], "network": pairs["network"]},
    moved=1 / (1 + balance),
    title="Precision and recall, by threshold and by weights",
)

# %%
alike = {}
for name, (plain, weighted) in pairs.items():
    by_threshold, by_weights = plain > 1 / (1 + balance), weighted > 0.5
    alike[name] = np.sum(by_threshold & by_weights) / np.sum(by_threshold | by_weights)
f1_moved = scores_at([1 / (1 + balance)], y, plain_unit)["f1"][0]

# %%
for name, share in alike.items():
    bound(
        f"09.alike_{name}",
        f"of all alarms by threshold or weights, the share that both give, {name}",
        share,
        at_least=0.5,
    )

# %%
spread(
    "09.f1_moved_gain",
    "F1 of the unit, threshold moved minus weighted",
    f1_moved - with_weights["unit"]["f1"],
)

# %% [markdown]
# The square (the moved threshold) must lie on the curve. The triangle (the weighted model) need not, but it lies near
# the curve of a model that never saw a weight. So the weights chose another point on nearly the same curve. The alarms
# also go mostly to the same patients. Of all patients who get an alarm from the moved threshold or from the weights,
# the share who get one from both is {{09.alike_unit}} with the unit and {{09.alike_network}} with the network.
#
# The match is not perfect. We had hoped that the F1 of the unit would be the same within 0.03, but moved minus weighted
# is {{09.f1_moved_gain}}: **not reached**. The formula is exact for a model flexible enough to fit the weighted
# probability of every patient. A linear model such as the unit is not: if it fits the heavy rows better, it fits other
# rows worse.
#
# You can also let scikit-learn search for a threshold. `TunedThresholdClassifierCV` wraps a classifier and chooses the
# threshold with the best score, here F1, by cross-validation within the training rows. We let both units choose.

# %%
from sklearn.model_selection import TunedThresholdClassifierCV


def by_tuned_unit(x, y, weight, x_new):
    """Decisions, 0 or 1, for `x_new`, at a threshold chosen within x and y."""
    settings = {"scoring": "f1", "thresholds": thresholds, "cv": 3}
    tuned = TunedThresholdClassifierCV(unit_with(weight), **settings)
    return tuned.fit(x, y).predict(x_new)


tuned_plain = predict_all(by_tuned_unit)[0]
tuned_weighted = predict_all(by_tuned_unit, balance)[0]

# %% tags=["varies"]
decisions = {
    "unweighted, at 0.5": plain_unit,
    "weighted, at 0.5": weighted_unit,
    "unweighted, tuned": tuned_plain,
    "weighted, tuned": tuned_weighted,
}
scores = {name: judged(risk) for name, risk in decisions.items()}
pd.DataFrame(scores).T.drop(columns="average precision").round(3)

# %% [markdown]
# Is the difference between the two tuned units more than chance? You will see below. First, there is a third way to
# make the ill count more.

# %% [markdown]
# ## Or repeat the rows
#
# **Oversampling** shows the ill more often. Let each of them occur 21 times in the training rows, or give each a weight
# of 21: what is the difference?

# %%
copies = round(balance)
ill_rows = np.flatnonzero(y_training == 1)
added = np.repeat(ill_rows, copies - 1)
repeated = np.concatenate([np.arange(len(y_training)), added])

by_copies = by_unit(x_training[repeated], y_training[repeated], 1.0, x_training)
by_weight = by_unit(x_training, y_training, float(copies), x_training)
print(f"largest difference of a risk: {np.abs(by_copies - by_weight).max():.1e}")

# %%
fact(
    "09.copies_are_weights",
    "copies and weights give equal risks (to a millionth)",
    np.abs(by_copies - by_weight).max() <= 1e-6,
)

# %% [markdown]
# None. For a fit that sees all rows at once, copies *are* weights. Everything that this lesson says about weights holds
# for oversampling as well, including the effect on probabilities. When you train in batches there is a difference; we
# come back to it below.

# %% [markdown]
# ## More than chance?
#
# The two tuned units above differ a little in F1. More seeds cannot tell you whether that means anything, since they
# only split the same ill patients again. You want to know what *other* patients would have shown.
#
# There are no others, but there is a trick. Pretend that your patients are the whole world, and draw as many of them as
# there are, with replacement: some come up twice, others not at all. Compute the result for those drawn. Do that a
# thousand times, and the results scatter roughly as they would if the same model met other test patients. That is the
# **bootstrap**, in a few lines:

# %%
rng = np.random.default_rng(seed)
draws = rng.integers(0, len(y), size=(resamples, len(y)))
recalls = [(plain_unit > 0.5)[rows][y[rows] == 1].mean() for rows in draws]

low, high = np.quantile(recalls, [0.005, 0.995])  # an interval that holds 99% of them
print(
    f"recall {(plain_unit > 0.5)[y == 1].mean():.2f}, between {low:.2f} and {high:.2f}"
)

# %%
bound(
    "09.recall_width", "width of the interval of the recall", high - low, at_least=0.1
)

# %% [markdown]
# The interval is more than {{09.recall_width:limit}} wide. With so few ill patients, you know little about the recall.
#
# You can compare two models better than that. Draw the *same* patients for both, and look at the difference. A
# patient who is hard for one model is hard for the other, and most of that luck cancels. This is the **paired
# bootstrap**. `course.evidence.paired_bootstrap` does it with `scipy.stats.bootstrap` and returns the ends of the 99%
# interval. If 0 lies outside, we say that the difference is more than chance.
#
# We ask about three scores: recall, F1, and *average precision*, which judges how the model ranks the patients, without
# any threshold (lesson 08; 1 is perfect). (The risks come from several models, one for each part of the patients. So
# such a ranking also depends on how similarly these models scale their risks.)


# %%
def recall(y, alarm):
    return alarm[y == 1].mean()


def f1(y, alarm):
    return 2 * alarm[y == 1].sum() / (alarm.sum() + y.sum())


def average_precision(y, risk):
    """The mean, over the ill, of the precision of a threshold at their own risk."""
    # like scikit-learn's, but faster: the bootstrap calls it once per draw
    ill = y[np.argsort(-risk)]  # the highest risks first
    return (ill.cumsum() / np.arange(1, len(y) + 1))[ill == 1].mean()


# %%
from course.evidence import paired_bootstrap


def compare(score, first, second):
    """Score of the first model minus that of the second, and its 99% interval."""

    def difference(y, first, second):
        return score(y, first) - score(y, second)

    interval = paired_bootstrap(difference, y, first, second, resamples=resamples)
    return difference(y, first, second), interval


# %% [markdown] tags=["predict"]
# Five differences follow. Which intervals will leave out 0?
#
# - recall at one half, unit, weighted minus unweighted
# - F1 at the tuned thresholds, unit, unweighted minus weighted
# - average precision of the unit, unweighted minus weighted
# - average precision of the network, unweighted minus weighted
# - average precision, unweighted, network minus unit

# %%
of_recall = compare(recall, weighted_unit > 0.5, plain_unit > 0.5)
of_f1 = compare(f1, tuned_plain, tuned_weighted)
of_unit = compare(average_precision, *pairs["unit"])
of_network = compare(average_precision, *pairs["network"])
of_both = compare(average_precision, plain_network[now], plain_unit)

# %%
differences = {
    "recall at 0.5, unit:\nweighted - unweighted": of_recall,
    "F1 tuned, unit:\nunweighted - weighted": of_f1,
    "average precision, unit:\nunweighted - weighted": of_unit,
    "average precision, network:\nunweighted - weighted": of_network,
    "average precision, unweighted:\nnetwork - unit": of_both,
}

# %% tags=["varies"]
imbalance.intervals(
    differences,
    title="What other patients might have shown",
    label="difference, with its 99% interval (share)",
)

# %%
bound(
    "09.recall_low",
    "recall, weighted minus unweighted: interval begins at",
    of_recall[1].low,
    at_least=0,
)

# %%
for short, words, (_, interval) in (
    ("f1", "F1 tuned, unit", of_f1),
    ("ranking_unit", "ranking, unit", of_unit),
    ("ranking_network", "ranking, network", of_network),
    ("network_and_unit", "ranking, network and unit", of_both),
):
    spread(f"09.{short}_low", f"{words}: begins at", interval.low)
    spread(f"09.{short}_high", f"{words}: ends at", interval.high)
spread("09.network_lead", "average precision, network minus unit", of_both[0])

# %% [markdown] tags=["answer"]
# Only the first, as a rule. The gain in recall is real: its interval leaves out 0 with every split. By F1 and average
# precision, **these data cannot tell whether the weighted or the unweighted model is better**, neither for the unit nor
# for the network. They cannot even tell whether the network ranks better than the unit: its lead of {{09.network_lead}}
# may be chance. That is a result, too. If you want to know more, you need more patients, not more seeds.

# %% [markdown] tags=["quiz"]
# A report says: "with class weights, recall rose from 0.6 to 0.9, so the weighted network is better." What would
# you ask first?
#
# - [ ] Whether the weights were scaled to a mean of 1.
#   The scale changes the steps, not what is compared. The conclusion is in doubt with any weights.
# - [x] What recall the old network reaches at a threshold with the same number of false alarms.
#   Any model reaches any recall, at some threshold. Compare two models at equal false alarms (or equal precision, or
#   over the whole curve); otherwise you compare thresholds.
# - [ ] Whether the accuracy rose as well.
#   With few positives, accuracy hardly moves when all of them are missed. It cannot settle this.
# - [ ] Whether an even larger weight was tried.
#   It would raise recall once more, for the same reason: more alarms. That says nothing about which model is better.

# %% [markdown]
# ## When training goes on
#
# So far we have looked at the network after a few epochs. We have its predictions from later epochs, too.

# %% [markdown] tags=["predict"]
# As the training goes on, will the recalls of the weighted and the unweighted network move apart, keep their
# distance, or come together?

# %%
recall_after = {
    name: [recall(y, risk > 0.5) for risk in risks]
    for name, risks in {
        "weighted": weighted_network,
        "unweighted": plain_network,
    }.items()
}
gap = np.subtract(recall_after["weighted"], recall_after["unweighted"])

# %% tags=["varies"]
plots.lines(
    watched,
    recall_after,
    title="Recall of the network at one half",
    x_label="epoch (log scale)",
    y_label="recall (share of the ill)",
    log="x",
)

# %%
spread(
    "09.gap_lost",
    "recall, weighted minus unweighted: early minus late",
    gap[now] - gap[-1],
)
spread("09.gap_late", "recall, weighted minus unweighted, at the end", gap[-1])

# %% [markdown] tags=["answer"]
# They come together: a gap of {{09.gap_late}} is left at the end. (The gap in recall that you saw earlier, minus this
# one, is {{09.gap_lost:sign}}. In fast mode, training stops too early for them to come together.) A network that
# separates its training rows is confident about each of them, and then it hardly matters how much a row weighs. Byrd
# and Lipton showed this for large networks: in the long run the weights of the rows lose their effect, unless a penalty
# keeps the network's own weights small.

# %% [markdown]
# ## What happens to the probabilities
#
# "Your risk is 30%": a patient will take that for a frequency. Among people who are told this, 30 in 100 should be ill.
# The *reliability curve* checks just that: sort the patients by their risk into bins, 0 to 0.1, 0.1 to 0.2 and so on,
# and count the ill in each. On the diagonal a model keeps its word. (The vertical bars are 99% intervals; bins with
# fewer than five patients are left out.)

# %% [markdown] tags=["predict"]
# Take the patients whose risk is near 0.5 according to the weighted model. Will about half of them be ill, clearly
# more, or clearly fewer? And does the *unweighted* model keep its word where its risks are highest?

# %% tags=["varies"]
panels = {}
for name, (plain, weighted) in pairs.items():
    panels |= {f"{name}, unweighted": plain, f"{name}, weighted": weighted}
imbalance.reliability(y, panels, title="Which model keeps its word?")

# %%
bound(
    "09.above_nine_tenths",
    "risks above 0.9, unweighted unit: mean risk minus share who are ill",
    (plain_unit - y)[plain_unit > 0.9].mean(),
    at_least=0.02,
)

# %% [markdown] tags=["answer"]
# **Clearly fewer.** The weighted models give the risks of a world in which half of the patients are ill, since that is
# what their weights describe. So their curves lie below the diagonal. (Where a bin holds few patients, its interval may
# still reach the diagonal.)
#
# The unweighted models do much better, but are not perfect either. Where the unit is surest, with risks above 0.9, its
# risks are on average {{09.above_nine_tenths}} too high: such patients are ill less often than it says.

# %% [markdown]
# You know by which factor the weights multiplied the odds, so you can divide the odds by it:
#
# $$p \;\leftarrow\; \frac{p}{p + w\,(1 - p)}$$
#
# `course.training.metrics.undo_weighting` does this. To judge the result by one number, we use the **Brier score**, the
# mean of $(p - y)^2$ over the patients; smaller is better.


# %%
def brier(y, risk):
    """The mean squared distance of the risks from what came true."""
    return ((risk - y) ** 2).mean()


# %%
from course.training.metrics import undo_weighting

scores = {}
for name, (plain, weighted) in pairs.items():
    corrected = undo_weighting(weighted, balance)
    three = {"unweighted": plain, "weighted": weighted, "corrected": corrected}
    scores[name] = {key: brier(y, risk) for key, risk in three.items()}
damage = {
    name: compare(brier, weighted, plain) for name, (plain, weighted) in pairs.items()
}

# %% tags=["varies"]
pd.DataFrame(scores).T.round(4)

# %%
for name, (difference, _) in damage.items():
    spread(
        f"09.brier_{name}",
        f"Brier score of the {name}, weighted minus unweighted",
        difference,
        digits=4,
    )

# %%
for name, (_, interval) in damage.items():
    spread(
        f"09.brier_low_{name}",
        f"the same for the {name}: interval begins at",
        interval.low,
        digits=4,
    )

# %%
for name, score in scores.items():
    bound(
        f"09.brier_restored_{name}",
        f"share of the damage that the correction undoes, {name}",
        100 * (score["weighted"] - score["corrected"]) / damage[name][0],
        at_least={"full": 50},
        unit="%",
        digits=0,
    )

# %% [markdown]
# With weights the Brier score is worse, and other patients would most likely show the same: the 99% interval of the
# difference begins at {{09.brier_low_unit}} for the unit and at {{09.brier_low_network}} for the network.
#
# The correction undoes {{09.brier_restored_unit}} of the damage for the unit, and {{09.brier_restored_network}} for the
# network. (More than 100% means that the corrected model is even better than the unweighted one.) So a weighted model
# is still usable, as long as you know the weight.

# %% [markdown] tags=["quiz"]
# A model was trained with `class_weight={1: 20}` and gives a patient a probability of 0.5. What is the best estimate
# of the patient's risk?
#
# - [ ] 0.5
#   That is the answer of a model that takes the odds of a positive for 20 times what they are.
# - [ ] 0.5 / 20 = 0.025
#   Odds are divided by the weight, not probabilities. For small probabilities that is nearly the same; for 0.5 it is
#   not.
# - [x] 0.5 / (0.5 + 20 * 0.5) = 0.048
#   The *odds* are divided by 20: from 1 to 1/20, which is a probability of 1/21.
# - [ ] You cannot tell without training again.
#   You know the weight, and what it did to the odds. You can undo that without any training.

# %% [markdown]
# ## What should the threshold be?
#
# Where a threshold was tuned so far, F1 chose it, but F1 is only a convention. Where errors have a cost, the best
# threshold follows from the costs and needs no search.

# %% [markdown]
# ### Exercise 09.3: decide by cost
#
# A miss (an ill patient sent home) costs `miss`, a false alarm costs `alarm`, and a right decision costs nothing.
# Return for each patient whether to raise the alarm, so that the expected cost is lowest. The probabilities are
# calibrated.


# %% tags=["solution"]
def decide(probability, miss, alarm):
    """Return True where the alarm is to be raised, (rows,)."""
    return probability * miss > (1 - probability) * alarm


# %% tags=["check"]
def draw(rng):
    return rng.random(rng.integers(1, 9)), *rng.uniform(0.5, 9, 2).tolist()


@exercise("09.3", decide, draw=draw)
def check(decide):
    p = np.array([0.01, 0.04, 0.051, 0.22, 0.3, 0.45, 0.55, 0.7, 0.85, 0.96])
    for miss, alarm in ((19, 1), (3, 2), (1, 4), (1, 1)):
        answer = np.asarray(decide(p.copy(), miss, alarm))
        expect(
            answer.shape == p.shape,
            f"Return one decision per patient, not an array of shape {answer.shape}.",
        )
        fair = alarm / (miss + alarm)
        costs = f"a miss costs {miss} and a false alarm {alarm}"
        mistakes = {
            f"Where {costs} you decide as if both cost the same.": 0.5,
            (
                f"Where {costs}, you have it the wrong way round: costly misses ask "
                "for *more* alarms."
            ): (1 - fair),
            (
                "The threshold is not the ratio of the costs. Ratios belong to odds, "
                "p / (1 - p), not to p."
            ): (alarm / miss),
            f"Where {costs}, you decide as if a false alarm cost 1.": 1 / (1 + miss),
        }
        expect(
            not np.array_equal(answer, p < fair),
            "You raise the alarm for those who are probably well. Turn the comparison"
            " around.",
        )
        for hint, threshold in mistakes.items():
            expect(
                np.array_equal(answer, p > fair)
                or not np.array_equal(answer, p > threshold),
                hint,
            )
        expect(
            np.array_equal(answer, p > fair),
            f"Where {costs}, the decisions for {p} came out as {answer}.",
            general=True,
        )


# %% tags=["wrong"] hint="as if both cost the same"
def decide(probability, miss, alarm):
    return probability > 0.5


# %% tags=["wrong"] hint="wrong way round"
def decide(probability, miss, alarm):
    return probability * alarm > (1 - probability) * miss


# %% tags=["wrong"] hint="wrong way round"
def decide(probability, miss, alarm):
    return probability >= miss / (miss + alarm)


# %% tags=["wrong"] hint="as if a false alarm cost 1"
def decide(probability, miss, alarm):
    return probability > 1 / (1 + miss)


# %% tags=["wrong"] hint="Ratios belong to odds"
def decide(probability, miss, alarm):
    return probability > alarm / miss


# %% [markdown]
# If the costs change tomorrow, with calibrated probabilities you just move the threshold. If you put the costs into a
# weight and decide at one half, you have to train again.

# %% [markdown]
# ## Two famous notebooks
#
# Many people meet imbalance in one of two notebooks about credit card fraud: "Imbalanced classification" on keras.io
# and "Classification on imbalanced data" on tensorflow.org. Both show what happened with their data, which this course
# cannot ship, and readers take the results for general advice. Do they hold for our patients and our network, too? You
# have already tested two points:
#
# - keras.io gives each class the weight 1 / (its number of rows). With SGD, training then all but stands still. (The
#   example uses Adam, which hardly feels the size of the weights.)
# - keras.io reports what the weighted model catches at one half, without an unweighted model beside it, and concludes:
#   "In the real world, one would put an even higher weight on class 1, so as to reflect that False Negatives are more
#   costly than False Positives." Exercise 09.3 reflects these costs without any weight.
#
# TensorFlow's notebook has a baseline, scales its weights, and warns that SGD may fail when weights change the range of
# the loss. Three of its statements are left to test, one by one.

# %% [markdown]
# ### A higher AUC?
#
# With weights, TensorFlow's notebook says, "the recall and AUC are higher because the model also found more true
# positives". AUC is the chance that a random ill patient ranks above a random healthy one. Like average precision it
# needs no threshold, so more alarms alone cannot raise it.

# %% [markdown] tags=["predict"]
# Will the AUC be higher with weights for our patients? For the unit, for the network, for both, or for neither?


# %%
def auc(y, risk):
    """The share of pairs, ill and healthy, in which the ill has the higher risk."""
    # from the sum of the ills' ranks (Mann and Whitney); equal risks rank in any order
    rank = np.argsort(np.argsort(risk))
    ill = y.sum()
    return (rank[y == 1].sum() - ill * (ill - 1) / 2) / (ill * (len(y) - ill))


# %%
auc_gained = {
    name: compare(auc, weighted, plain) for name, (plain, weighted) in pairs.items()
}

# %% tags=["varies"]
imbalance.intervals(
    auc_gained,
    title="AUC, weighted minus unweighted",
    label="difference, with its 99% interval (share)",
)

# %%
for name, (gained, interval) in auc_gained.items():
    words = f"AUC of the {name}, weighted minus plain"
    spread(f"09.auc_{name}", words, gained, digits=4)
    spread(f"09.auc_high_{name}", f"{words}: ends at", interval.high, digits=4)

# %% [markdown] tags=["answer"]
# | AUC, weighted minus unweighted | size | direction over the seeds |
# | --- | --- | --- |
# | unit | {{09.auc_unit}} | {{09.auc_unit:sign}} |
# | network | {{09.auc_network}} | {{09.auc_network:sign}} |
#
# **For neither.** These data show no higher AUC with weights; for the unit it is lower with every split. The sign tests
# speak of other splits of these patients. Only the intervals in your figure speak of other patients: where one leaves
# out 0, the difference is more than chance by the rule from above. That of the unit ends at {{09.auc_high_unit}}, so
# the split decides whether it leaves out 0.

# %% [markdown]
# ### A smoother gradient, an easier training?
#
# About oversampling, the notebook says: "the oversampled data provides a smoother gradient signal", which "makes it
# easier to train the model".
#
# How smooth is a gradient? For the unit with all its weights at zero, every risk is one half, and the gradient of a row
# is $(0.5 - y)\,x$. We compare how far the gradients of single rows scatter around the mean gradient, once with
# weighted rows and once with rows drawn with probability proportional to their weight.
#
# And is the training easier? We train the unit by plain SGD, 500 steps with batches of 32 rows, at a low and at a high
# learning rate. Either all rows have the same chance of being drawn and are weighted, or the ill are drawn more often.
# We judge by the weighted loss on all training rows.

# %% [markdown] tags=["predict"]
# With which of the two does the gradient scatter less, and about how many times less? And will the training then reach
# a lower loss, at the low learning rate and at the high one?

# %%
gradients = (0.5 - y_training)[:, None] * x_training
weight = np.where(y_training == 1, mean_one[1], mean_one[0])
mean_gradient = (weight[:, None] * gradients).mean(axis=0)

off_mean = weight[:, None] * gradients - mean_gradient
weighted_scatter = (off_mean**2).sum(axis=1).mean()
drawn_scatter = (weight * ((gradients - mean_gradient) ** 2).sum(axis=1)).mean()
variance_ratio = weighted_scatter / drawn_scatter
print(
    f"variance of the weighted gradient over the oversampled one: {variance_ratio:.1f}"
)

# %%
with_one = np.column_stack([x_training, np.ones(len(x_training))])  # for the bias


def after_step(own, rows, rate, row_weight):
    """The unit's weights after one SGD step that starts from `own` and uses `rows`."""
    error = row_weight[rows] * (expit(with_one[rows] @ own) - y_training[rows])
    return own - rate * with_one[rows].T @ error / 32


# %%
from sklearn.metrics import log_loss


def sgd_losses(rate, chance, row_weight):
    """The weighted loss after every tenth step."""
    rng = np.random.default_rng(seed)
    own, losses = np.zeros(with_one.shape[1]), []
    for step in range(1, 501):
        rows = rng.choice(len(y_training), 32, p=chance)
        own = after_step(own, rows, rate, row_weight)
        if step % 10 == 0:
            risk = expit(with_one @ own)
            losses.append(log_loss(y_training, risk, sample_weight=weight))
    return losses


# %%
ways = {
    "weighted": (None, weight),
    "oversampled": (weight / weight.sum(), np.ones_like(weight)),
}
training_loss = {
    rate: {name: sgd_losses(rate, *way) for name, way in ways.items()}
    for rate in (0.1, 1.0)
}

# %% tags=["varies"]
plots.lines(
    np.arange(10, 501, 10),
    training_loss[1.0],
    title="SGD with a high learning rate",
    x_label="step",
    y_label="weighted loss on the training rows (nats)",
)

# %%
bound(
    "09.smoother",
    "variance, weighted over oversampled",
    variance_ratio,
    at_least=5,
    digits=1,
)

# %%
for rate, curves in training_loss.items():
    spread(
        f"09.oversampling_{'low' if rate < 1 else 'high'}",
        f"training loss at rate {rate}, second half: weighted minus oversampled",
        np.mean(curves["weighted"][25:]) - np.mean(curves["oversampled"][25:]),
        digits=4,
    )

# %% [markdown] tags=["answer"]
# | training loss, weighted minus oversampled | size | direction over the seeds |
# | --- | --- | --- |
# | at the low rate | {{09.oversampling_low}} | {{09.oversampling_low:sign}} |
# | at the high rate | {{09.oversampling_high}} | {{09.oversampling_high:sign}} |
#
# The gradient *is* smoother with oversampling: at the start, its variance with weights is {{09.smoother}} times that
# with oversampling. That is a real insight, and worth knowing when batches are small and steps are large: at the high
# rate the weighted training jumps, and stays behind. At the low rate, too, it stays behind with most splits, but by so
# little that a plot for that rate would not show it.

# %% [markdown]
# ### A careful initial bias?
#
# With an initial bias of $\log(\text{pos} / \text{neg})$, even an untrained model predicts the right share of
# positives. TensorFlow's notebook says: "In terms of validation loss, on this problem, this careful initialization
# gives a clear advantage."

# %% [markdown] tags=["predict"]
# Will the unweighted network have a lower loss on patients that it was not trained on, if it begins with this bias?
# After one epoch, at the end of its training, both, or neither?

# %%
first_bias = np.log(positives / negatives)
careful = predict_all(by_network, bias=first_bias, last=epochs)

# %%
losses = {
    "initial bias 0": [log_loss(y, risk) for risk in plain_network[: now + 1]],
    "initial bias log(pos / neg)": [log_loss(y, risk) for risk in careful[: now + 1]],
}

# %% tags=["varies"]
plots.lines(
    watched[: now + 1],
    losses,
    title="With and without a careful initial bias",
    x_label="epoch",
    y_label="loss on patients not trained on (nats)",
)

# %%
for short, place in {"early": 0, "late": now}.items():
    spread(
        f"09.bias_{short}",
        f"loss, bias 0 minus careful, {short}",
        losses["initial bias 0"][place] - losses["initial bias log(pos / neg)"][place],
        digits=4,
    )

# %% [markdown] tags=["answer"]
# | loss, without the careful bias minus with it | size | direction over the seeds |
# | --- | --- | --- |
# | after one epoch | {{09.bias_early}} | {{09.bias_early:sign}} |
# | at the end of this training | {{09.bias_late}} | {{09.bias_late:sign}} |
#
# These data show no advantage of the initial bias. After one epoch, the careful bias even gives a higher loss with most
# splits; at the end, these splits cannot tell the two apart. (One epoch is already dozens of steps, and our learning
# rate is ten times TensorFlow's; we did not test whether that is why.)

# %% [markdown]
# None of this says that the statements fail for credit cards, and TensorFlow itself limits the last one to "this
# problem". It says that they need not hold for other data: test them on your own, with a baseline and an interval.

# %% [markdown]
# ## When neither weights nor thresholds help
#
# Abalones are sea snails. Rings in the shell tell their age, like those of a tree. Which of them have *exactly*
# nineteen rings, judged by size and weight? (The package imbalanced-learn offers this very question as a benchmark,
# `abalone_19`.)

# %%
shells = table("abalone")
old = (shells["rings"] == 19).to_numpy().astype(int)
sex = np.column_stack([shells["sex"] == name for name in "MF"])
sizes = shells.drop(columns=["rings", "sex"])
x_shells = np.column_stack([(sizes - sizes.mean()) / sizes.std(), sex])
print(f"{old.sum()} of {len(old)}: {old.mean():.2%}")

# %% [markdown]
# We train the unit on one half of the shells, test it on the other, and swap. (With next to no penalty it does not
# matter that all rows are scaled together.)

# %%
half = split(old, 2)
weights = {"unweighted": 1.0, "weighted": (old == 0).sum() / old.sum()}
found = {name: np.zeros(len(old)) for name in weights}
for name, weight in weights.items():
    for test in (half == 0, half == 1):
        found[name][test] = by_unit(x_shells[~test], old[~test], weight, x_shells[test])

# %% tags=["varies"]
rows = {name: scores_at([0.5], old, risk) for name, risk in found.items()}
shell_scores = {
    name: {score: values[0] for score, values in row.items()}
    for name, row in rows.items()
}
pd.DataFrame(shell_scores).T.drop(columns="specificity").round(3)

# %%
at_any = scores_at(np.unique(found["unweighted"]), old, found["unweighted"])
ranking = max(average_precision_score(old, risk) for risk in found.values())

# %%
bound(
    "09.shells_recall",
    "recall, unweighted",
    rows["unweighted"]["recall"][0],
    at_most=0.05,
)
spread("09.shells_recall_weighted", "recall, weighted", rows["weighted"]["recall"][0])

# %%
bound(
    "09.shells_precision",
    "precision, weighted",
    rows["weighted"]["precision"][0],
    at_most=0.05,
)

# %%
bound(
    "09.shells_best_f1",
    "best F1 of any threshold, unweighted",
    at_any["f1"].max(),
    at_most=0.2,
)
bound("09.shells_ranking", "better average precision of the two", ranking, at_most=0.1)

# %% [markdown]
# Without weights, almost no shell is found. With weights the recall is {{09.shells_recall_weighted}}, and a report that
# stops here is a success story. But of a hundred alarms fewer than five are right. And the threshold? Even the most
# flattering one, chosen on the very shells that judge it, gives an F1 below {{09.shells_best_f1:limit}}. The average
# precision is below {{09.shells_ranking:limit}} for both. Why?

# %%
print({rings: int((shells["rings"] == rings).sum()) for rings in range(16, 23)})

# %% [markdown]
# The reason is that these data hardly answer the question. A shell with nineteen rings looks like one with eighteen or
# twenty. There are more of those, and they count as negatives. No weight adds information. (Besides, a linear model
# cannot single out a band in the middle. *Try next* asks whether a flexible model can.) What would help is another
# question ("how many rings?", as in lesson 02), better measurements, or more old snails.

# %% [markdown]
# ## Weights for trust
#
# There is a use of weights that no threshold can replace: rows that deserve less trust. Suppose that half of our
# digits were labeled by somebody careless. Many of those labels are wrong, and you know only *whose* labels they are,
# not which are wrong.

# %%
from course.data import load

digits = load("mnist", fast=fast)
x_digits = digits.x_train[:noise_rows].reshape(-1, 784).astype("float32") / 255
x_validation = digits.x_validation.reshape(-1, 784).astype("float32") / 255
true = digits.y_train[:noise_rows].astype(int)

rng = np.random.default_rng(seed)
careless = rng.random(len(true)) < 0.5
wrong = careless & (rng.random(len(true)) < wrong_share)
labels = np.where(wrong, (true + rng.integers(1, 10, len(true))) % 10, true)

# %% [markdown]
# In the other half all labels are right, and so are the validation labels. We train three times: with the careless
# half at full weight, at a tenth, and left out with weights of zero. The weights are scaled to a mean of 1, so that
# the steps keep their size. The learning rate is high, to finish in few epochs.

# %% [markdown] tags=["predict"]
# Which of the three will read the fewest validation digits correctly at the end? Will the three curves have the same
# shape?

# %%
keras.utils.set_random_seed(seed)
hidden = keras.layers.Dense(64, activation="relu")
output = keras.layers.Dense(10, activation="softmax")
reader = keras.Sequential([keras.Input((784,)), hidden, output])
loss = "sparse_categorical_crossentropy"
reader.compile(SGD(0.3), loss=loss, metrics=["accuracy"], jit_compile=False)
_ = fast_fit(reader, seed=seed)

# %%
settings = {
    "validation_data": (x_validation, digits.y_validation),
    "validation_batch_size": 1_000,
    "batch_size": 100,
    "epochs": noise_epochs,
    "verbose": 0,
}

# %%
curves = {}
for name, weight in {"full weight": 1.0, "a tenth": 0.1, "left out": 0.0}.items():
    trust = np.where(careless, weight, 1.0)
    trust = (trust / trust.mean()).astype("float32")
    reinitialize(reader, seed)
    run = reader.fit(x_digits, labels, sample_weight=trust, **settings)
    curves[name] = 100 * np.array(run.history["val_accuracy"])

# %% tags=["varies"]
plots.lines(
    range(1, noise_epochs + 1),
    {f"careless half: {name}": curve for name, curve in curves.items()},
    title="How much to trust a careless half",
    x_label="epoch",
    y_label="validation accuracy (%)",
)

# %%
full, tenth, none = curves.values()

# %%
for name, words, gain, least in (
    ("trust_gain", "a tenth minus full, last epoch", tenth[-1] - full[-1], 1),
    ("trust_none", "left out minus full, last epoch", none[-1] - full[-1], 0),
    ("trust_best", "a tenth minus full, best epochs", tenth.max() - full.max(), 1),
):
    bound(f"09.{name}", words, gain, at_least={"full": least}, unit="points", digits=1)

# %%
over_none = tenth.max() - none.max()
words = "a tenth minus left out, best epochs"
spread("09.trust_over_none", words, over_none, unit="points", digits=1)

# %% [markdown] tags=["answer"]
# At the end, full weight is the worst: a tenth gains {{09.trust_gain}} over it. But read the curves before you quote
# that. With full weight the accuracy rises first and then falls: networks tend to learn simple patterns first and to
# memorize wrong labels later (Arpit et al., arXiv:1706.05394). (In fast mode, training ends before the fall.) So
# stopping in time is a remedy of its own. If each training may stop at its best epoch (picked on these same digits,
# which favors all three), a tenth gains {{09.trust_best}} over full weight. We had hoped for 2 points there with every
# seed: **not reached**. Compared with leaving the careless half out, again at the best epochs, a tenth gains only
# {{09.trust_over_none}}: {{09.trust_over_none:sign}}.

# %% [markdown]
# ## Weights or threshold?
#
# - **The classes are rare, the labels are good:** start without weights; look at the precision-recall and the
#   reliability curve; set the threshold by cost, or let cross-validation choose it.
# - **You need weights** when the training itself has to choose. There are three such cases:
#   - The model will be used with `argmax`, and nobody can set a threshold.
#   - Some groups of rows are more or less frequent in the sample than in the world. (If these groups are the classes,
#     you can correct the odds afterwards.)
#   - Some rows deserve less trust.
# - **Before anyone reads a probability**, undo weights (or copies) that only favor the rare class. Leave the other
#   weights alone: those that give each group its true share, and those that say whom to trust.
# - **A flexible network** that is trained for long loses much of the effect of class weights.
# - **With very few positives**, ask for more data, or for another question.

# %% [markdown]
# ## What you have learned
#
# - `class_weight` is `sample_weight` by class. Keras takes only one of them; to use both, pass their product as
#   `sample_weight`. `class_weight` enters the training loss and nothing else.
# - The weights are not normalized: with SGD they scale the steps. A mean of 1 over the rows prevents that.
# - Balanced weights raise recall at the price of precision. Copies do the same, and so, nearly, does another threshold,
#   without any training. Costs give the threshold: alarm / (miss + alarm).
# - A paired bootstrap over the test rows tells a difference from chance. More seeds do not, since they split the same
#   rows again.
# - Weighting multiplies the odds by $w$. The Brier score shows the damage, and $p / (p + w (1 - p))$ undoes most of it.
# - Famous advice deserves a baseline and an interval, too. Where the data hold no answer, neither weights nor
#   thresholds find one; a low average precision is the sign. Where labels deserve less trust, sample weights can say
#   so.
#
# ## Try next
#
# - Throw away healthy patients until both classes are equally frequent (*undersampling*), and fit the unit to what is
#   left. What does that do to the ranking?
# - Compile the network with `keras.losses.BinaryFocalCrossentropy(from_logits=True)`, which favors hard rows, and call
#   `predict_all(by_network)`. Is its average precision better? Does it keep its word?
# - Ask scikit-learn's `RandomForestClassifier` for the shells with nineteen rings. Is its average precision better?
# - Give the careless half systematic errors: every wrong label is the true one plus 1, that is, `(true + 1) % 10`.
#   Which of the three training runs suffers most?
