# ---
# title: Training history
# part: 1 Fit
# objectives:
#   - read the History of a fit, and say when each of its figures was measured
#   - explain why the logged training loss can lie above the validation loss, and compare the two fairly
#   - diagnose under-fitting, over-fitting and too high a learning rate, by eye and automatically
#   - stop at the best epoch, and test that the best weights really came back
#   - judge how far a curve from a single run can be trusted
#   - keep the history of a fit in a file that survives a crash
# prerequisites:
#   - "lesson 03 (Classification): cross-entropy, fit with validation data, callbacks"
#   - what a median is
# data: [breast_cancer (comes with scikit-learn)]
# reading:
#   - "Wolberg, Mangasarian, Street, Street, *Breast Cancer Wisconsin (Diagnostic)*, 1993, doi:10.24432/C5DW2B (the data)"
#   - "Prechelt, *Early stopping - but when?*, in *Neural Networks: Tricks of the Trade*, 1998, doi:10.1007/3-540-49430-8_3"
#   - "Guo, Pleiss, Sun, Weinberger, *On calibration of modern neural networks*, 2017, arXiv:1706.04599 (why the loss grows while the accuracy stays)"
# ---

# %% [markdown]
# `fit` hands back a table of numbers, which is soon plotted. What do the two curves mean: measured on which rows, by
# which weights, at which moment? Then this lesson uses the curves: to name what is wrong with a fit, to stop at the
# right epoch, and to know when a curve proves nothing.
#
# Results in the text are those of full mode (no range: all runs agree). Your run prints its own.

# %% tags=["parameters"]
seed: int = 0  # seed from which every run takes its own, 0 to 1000000
fast: bool = False  # fewer runs and epochs
runs: int = 5  # networks trained for each curve, from different seeds, 3 to 20, fast 3
epochs: int = 24  # passes over the training rows in each run, 12 to 200, fast 12

# %%
from course.lesson import begin

begin("04_training_history", globals())

# %% [markdown]
# ## Tumors, measured
#
# Cells were taken from 569 breast tumors with a fine needle, and ten properties of their nuclei measured: radius,
# texture, smoothness and so on. Mean, standard error and extreme of each make 30 inputs. Was the tumor malignant (0)
# or benign (1)? The table comes with scikit-learn.

# %%
from sklearn.datasets import load_breast_cancer

tumors = load_breast_cancer()
print(tumors.data.shape, " benign:", tumors.target.sum())

# %% [markdown]
# To see over-fitting well, we use only sixty tumors for **training** (in earnest it would be most of them). Of the
# others one half is for **validation**, to watch and to choose, and one half for the **test**, which waits until all
# is chosen. Each part keeps the share of the classes (lesson 03), and the inputs are standardized with mean and
# deviation of the training rows (lesson 02).

# %%
from sklearn.model_selection import train_test_split

x_train, x_rest, y_train, y_rest = train_test_split(
    tumors.data.astype("float32"),
    tumors.target,
    train_size=60,
    stratify=tumors.target,
    random_state=0,
)
x_validation, x_test, y_validation, y_test = train_test_split(
    x_rest, y_rest, train_size=0.5, stratify=y_rest, random_state=0
)
mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
x_train, x_validation, x_test = (
    (x - mean) / deviation for x in (x_train, x_validation, x_test)
)
print(
    len(x_train),
    "for training,",
    len(x_validation),
    "for validation,",
    len(x_test),
    "for the test",
)

# %% [markdown]
# ## What fit returns
#
# One network serves the whole lesson: two hidden layers of 64 units. Only its learning rate and two remedies against
# over-fitting change. **Dropout** sets a random share of the hidden units to 0, anew in every training step; when the
# network is used, nothing is dropped (lesson 05 builds it by hand). **Weight decay** shrinks every weight in each step,
# by the learning rate times `weight_decay`: 3 at a rate of 0.01 takes 3 % of it. (That is much: the 0.004 of Keras'
# `AdamW` would hardly be felt in such short fits.)

# %%
from functools import cache

import keras


@cache
def compiled(dropout=0.0, weight_decay=None):
    """A classifier of tumors with its optimizer, made once for each set of remedies."""
    layers = [keras.Input((30,))]
    for _ in range(2):
        layers += [
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(dropout),
        ]
    model = keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])
    optimizer = keras.optimizers.Adam(weight_decay=weight_decay)
    model.compile(
        optimizer, loss="binary_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    # a step that still has to make variables is translated twice, so
    optimizer.build(model.trainable_variables)
    # make those of optimizer and metrics first
    model.compute_metrics(None, y_train[:1], model(x_train[:1]))
    return model


# %% [markdown]
# Before the first epoch Keras translates the training step of a compiled model into a graph of TensorFlow, which can
# take longer than a short fit. So each set of remedies is compiled once (`@cache` keeps the model), and `reinitialize`
# from this course takes it back to before its training: fresh first weights from a seed, the optimizer's memory empty.

# %%
from course.training.reinitialize import reinitialize


def network(run, learning_rate=0.01, **remedies):
    """A network not yet trained;
    `run` decides its first weights and the order of the rows."""
    model = reinitialize(compiled(**remedies), seed * runs + run)
    model.optimizer.learning_rate = learning_rate
    return model


# %% [markdown]
# The rows come from a `tf.data.Dataset`, since Keras prepares arrays anew for every epoch. TensorFlow plans as often
# how to read a dataset fast, which pays for large data only: the two options leave that out.

# %%
import tensorflow as tf

options = tf.data.Options()
options.autotune.enabled = False
options.experimental_optimization.apply_default_optimizations = False


def dataset(x, y):
    """Rows that `fit` and `evaluate` can read, one by one: `batch` still has to group
    them."""
    return tf.data.Dataset.from_tensor_slices((x, y)).with_options(options)


# all rows as one batch
validation = dataset(x_validation, y_validation).batch(len(x_validation))


def fit(model, callbacks=()):
    """Train `model` and return the history, a dictionary of lists."""
    batches = dataset(x_train, y_train).shuffle(len(x_train)).batch(32)
    # the batches come shuffled
    settings = {"epochs": epochs, "shuffle": False, "verbose": 0}
    return model.fit(
        batches, validation_data=validation, callbacks=list(callbacks), **settings
    ).history


# %%
history = fit(network(run=0))
print({name: len(values) for name, values in history.items()})

# %% [markdown]
# Four lists, one number an epoch. `loss` and `accuracy` belong to the training rows, `val_loss` and `val_accuracy` to
# the validation rows. The names of metrics are what was passed to `compile`.
#
# That is one run. From now on each network is trained `runs` times, each from other first weights, and every plot
# shows the median of the runs with a band from the least to the greatest.

# %% [markdown]
# ## When is it measured?
#
# Two curves in one plot invite a comparison. We begin with the first epoch.

# %% [markdown] tags=["predict"]
# A network with both remedies (a dropout of 0.5 and weight decay) learns the training rows, and is judged on
# validation rows that it never saw. Which loss will be the lower one in the first epoch: training or validation?


# %%
import numpy as np


class Reevaluate(keras.callbacks.Callback):
    """Measures the training loss again after each epoch:
    weights at rest, nothing dropped."""

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        p = np.clip(self.model(x_train, training=False).numpy()[:, 0], 1e-7, 1 - 1e-7)
        self.losses.append(-np.mean(np.log(np.where(y_train == 1, p, 1 - p))))


def train(**settings):
    """Train a network for each run; return the histories, each with the training loss
    measured again."""
    histories = []
    for run in range(runs):
        model, again = network(run, **settings), Reevaluate()
        histories.append(fit(model, [again]) | {"loss_again": again.losses})
    return histories


dropped = train(dropout=0.5, weight_decay=3)

# %%
from course import plots

plots.learning_curves(
    dropped,
    title="With dropout: validation begins below training",
    y_label="loss (nats)",
)

# %% [markdown] tags=["answer"]
# In the first epoch the **validation** loss is by far the lower one. Are rows that the network never saw easier than
# those that it learns? No. The two curves are measured differently:
#
# - The logged training loss is a **running mean** over the batches of the epoch, each measured just *before* the
#   network learns from it. The first batch still meets the weights that the epoch began with. And it is measured
#   **with dropout on**.
# - The validation loss is measured *after* the epoch, with the weights that it ended with, and with dropout off.

# %% [markdown]
# To compare like with like, `Reevaluate` measured the training rows again at the end of every epoch. A network without
# the remedies (`plain`, for the table below) shows what a running mean does alone.

# %%
plain = train()


def stack(histories, name):
    """One figure of all histories as an array (runs, epochs)."""
    return np.array([history[name] for history in histories])


plots.lines(
    range(1, epochs + 1),
    {
        "training, as logged": stack(dropped, "loss"),
        "training, measured again": stack(dropped, "loss_again"),
        "validation": stack(dropped, "val_loss"),
    },
    title="With dropout: the training rows measured like the validation rows",
    x_label="epoch",
    y_label="loss (nats)",
)

# %% [markdown]
# Measured alike, the training rows begin where the validation rows do, and soon lie below: the usual order. How much
# of the logged loss was only the way of measuring?

# %%
from course.claims import bound, fact, spread


def excess(histories, epochs):
    """Logged training loss above the one measured again, mean over `epochs` (a slice),
    median of the runs."""
    difference = stack(histories, "loss") - stack(histories, "loss_again")
    return np.median(difference[:, epochs].mean(axis=1))


# %%
first_logged, first_validation = (
    np.median(stack(dropped, name)[:, 0]) for name in ("loss", "val_loss")
)
spread("04.first_logged", "first epoch, training as logged", first_logged, unit="nats")
spread("04.first_validation", "first epoch, validation", first_validation, unit="nats")
words = "first epoch, logged minus validation"

# %%
bound(
    "04.first_difference",
    words,
    first_logged - first_validation,
    at_least=0.1,
    unit="nats",
)

# %%
first, late = slice(0, 1), slice(-5, None)
words = "logged above measured again"
ratio = np.median(stack(dropped, "loss")[:, -5:] / stack(dropped, "loss_again")[:, -5:])
gap = np.median(
    (stack(dropped, "val_loss") - stack(dropped, "loss_again"))[:, late].mean(axis=1)
)

# %%
bound(
    "04.excess_first_plain",
    f"{words}, first epoch, plain",
    excess(plain, first),
    at_least=0.1,
    unit="nats",
)
bound(
    "04.excess_first_dropout",
    f"{words}, first epoch, dropout",
    excess(dropped, first),
    at_least=0.1,
    unit="nats",
)
bound(
    "04.excess_late_plain",
    f"{words}, last epochs, plain",
    excess(plain, late),
    at_most=0.001,
    unit="nats",
    digits=6,
)

# %%
spread(
    "04.excess_late_dropout",
    f"{words}, last epochs, dropout",
    excess(dropped, late),
    unit="nats",
)
bound(
    "04.late_logged_over_again",
    "the same as a ratio, dropout",
    ratio,
    at_least=1.2,
    digits=1,
)
bound(
    "04.gap_late",
    "validation above measured again, last epochs",
    gap,
    at_least=0,
    unit="nats",
)

# %% [markdown]
# In the first epoch of the network with dropout, {{04.first_logged}} are logged for training and
# {{04.first_validation}} for validation. How far the logged training loss lies above the one measured again:
#
# | logged above measured again | first epoch | last five epochs |
# | --- | --- | --- |
# | no remedy: the running mean | {{04.excess_first_plain}} | {{04.excess_late_plain}} |
# | both remedies: the running mean, and dropout on | {{04.excess_first_dropout}} | {{04.excess_late_dropout}} |
#
# In the first epoch the difference is large in both rows, with dropout or without: the running mean matters while the
# network learns fast, and fades as it settles (without a remedy the loss itself is by then close to 0). The effect of
# dropout stays, because the network in training is never the network in use. At the end its logged loss is still
# {{04.late_logged_over_again}} times the one measured again. (Neither contains the weight decay.)
# So the distance between the two logged curves is *not* the **gap** between rows that were learned and rows that were
# not. Measure both after the epoch, then subtract: over the last five epochs the gap is {{04.gap_late}}.

# %% [markdown]
# ### Exercise 04.1: the running mean
#
# Keras logs for an epoch the mean over all its *rows*, and knows only the mean loss of each batch. The last batch is
# often smaller than the others. Compute the number that Keras logs.


# %% tags=["solution"]
def logged(batch_losses, rows, batch_size):
    """Return the loss logged for an epoch of `rows` rows, given the mean loss of each
    batch, in order."""
    sizes = [min(batch_size, rows - first) for first in range(0, rows, batch_size)]
    return np.average(batch_losses, weights=sizes)


# %% tags=["check"]
from course.exercises import exercise, expect


def draw(rng):
    rows, size = int(rng.integers(1, 40)), int(rng.integers(1, 20))
    return rng.uniform(0.1, 1, -(-rows // size)).tolist(), rows, size


@exercise("04.1", logged, draw=draw)
def check(logged):
    for losses, rows, size in (
        ([0.8, 0.5, 0.2], 10, 4),
        ([0.9, 0.3], 65, 64),
        ([0.6, 0.4], 8, 4),
        ([0.7], 3, 32),
    ):
        judge = keras.metrics.Mean()
        for number, loss in enumerate(losses):
            judge.update_state(loss, sample_weight=min(size, rows - number * size))
        answer = logged(list(losses), rows, size)
        expect(
            answer is not None and np.ndim(answer) == 0, "One number must come back."
        )
        right = abs(answer - float(judge.result())) < 1e-6
        if len(losses) > 1:
            expect(
                right or abs(answer - losses[-1]) > 1e-9,
                "That is the loss of the last batch alone. The logged figure is a mean"
                " over the whole epoch.",
            )
            expect(
                right or abs(answer - np.mean(losses)) > 1e-9,
                f"With {rows} rows in batches of {size}, the last batch is smaller: its"
                " rows must not count for more.",
            )
        expect(
            right,
            f"For {losses}, {rows} rows and batches of {size} it returns {answer};"
            f" Keras logs {judge.result():.4f}.",
            general=True,
        )


# %% tags=["wrong"] hint="must not count for more"
def logged(batch_losses, rows, batch_size):
    return np.mean(batch_losses)


# %% tags=["wrong"] hint="the last batch alone"
def logged(batch_losses, rows, batch_size):
    return batch_losses[-1]


# %% tags=["wrong"] hint="Keras logs"
def logged(batch_losses, rows, batch_size):
    return np.sum(np.array(batch_losses) * batch_size) / rows


# %% [markdown]
# ## Three diseases and a healthy fit
#
# The network with dropout and weight decay learned, and its validation loss came down and stayed down. Three things
# often go wrong, and each has its own look. Here are the same network and the same rows, without the remedies.

# %% [markdown]
# ### Under-fitting
#
# The learning rate is a hundredth of before.

# %%
slow = [fit(network(run, learning_rate=1e-4)) for run in range(runs)]
plots.learning_curves(
    slow,
    title="Rate of 0.0001: both curves high and still falling",
    y_label="loss (nats)",
)

# %%
quarter = epochs // 4
for name, rows in {"loss": "training", "val_loss": "validation"}.items():
    fall = np.median(stack(slow, name)[:, -quarter] - stack(slow, name)[:, -1])
    bound(
        f"04.slow_{rows}_falls",
        f"rate 0.0001: late fall of the {rows} loss",
        fall,
        at_least=0,
        unit="nats",
    )

# %% [markdown]
# Training and validation agree, and both are still on their way down when the fit ends: it was cut off before it had
# learned. More epochs or a larger rate are the remedies (where the curves are high and *flat*, a larger network).
# More data are none.

# %% [markdown]
# ### Too high a rate
#
# And now 0.3, thirty times the first rate.

# %%
wild = [fit(network(run, learning_rate=0.3)) for run in range(runs)]
# a loss of 0 has no log
drawn = [
    {name: np.maximum(losses, 0.01) for name, losses in run.items()} for run in wild
]
title = "Rate of 0.3: thrown far off, landing anywhere (below 0.01 drawn as 0.01)"
plots.learning_curves(drawn, title=title, y_label="loss (nats)", log="y")

# %% [markdown]
# A model that says "one half" to everything has a loss of $\ln 2$, about 0.693, and fresh networks begin not far from
# it. How high does this fit climb, and where does its validation loss end, beside that of the first rate?

# %%
wild_highest, slow_highest = (
    np.median(stack(runs_of, "loss").max(axis=1)) for runs_of in (wild, slow)
)
limits = {"full": 7, "fast": 1.4}
learned = np.mean(stack(wild, "loss")[:, -1] < np.log(2))
wild_end, plain_end = (stack(runs_of, "val_loss")[:, -1] for runs_of in (wild, plain))
worse = np.mean(np.greater.outer(wild_end, plain_end))

# %%
bound(
    "04.wild_highest",
    "highest training loss, rate 0.3",
    wild_highest,
    at_least=limits,
    unit="nats",
    digits=0,
)
bound(
    "04.slow_highest",
    "highest training loss, rate 0.0001",
    slow_highest,
    at_most=1.4,
    unit="nats",
    digits=2,
)
spread("04.wild_learned", "share of runs below guessing, training", learned, digits=1)

# %%
spread(
    "04.wild_validation",
    "last validation loss, rate 0.3",
    np.median(wild_end),
    unit="nats",
    digits=0,
)
spread(
    "04.plain_validation",
    "last validation loss, rate 0.01",
    np.median(plain_end),
    unit="nats",
    digits=2,
)
bound(
    "04.wild_worse",
    "share of pairs in which 0.3 ends higher",
    worse,
    at_least=0.9,
    digits=2,
)

# %% [markdown]
# The sign is the *training* loss: its highest value in a run is {{04.wild_highest}}, far above guessing; at the low
# rate it was {{04.slow_highest}}. (The line in the figure can stay lower: where the runs peak in different epochs,
# their median hides it.) Adam moves each weight by about the rate, whatever the gradient, so the first steps throw the
# weights far away. It does not end in infinity as in lesson 01: a share of {{04.wild_learned}} of the runs even ends
# better than guessing on the training rows. But the weights have landed in a bad place: the validation loss ends at
# {{04.wild_validation}}, and at the first rate at {{04.plain_validation}}.

# %% [markdown]
# ### Over-fitting
#
# Last, the network without remedies at the first rate. A gap between the curves alone is no disease: rows that were
# learned are mostly the easier ones. The disease is that the validation loss *turns* while the training loss falls on.

# %% [markdown] tags=["predict"]
# Without the remedies, the training loss will fall towards 0. The validation loss first falls, then rises to a
# multiple of its least value. What will happen to the validation **accuracy** meanwhile: will it fall by more than 5
# points, by 2 or 3, or hardly change?

# %%
plots.learning_curves(
    plain, title="No remedy: one curve falls, one turns", y_label="loss (nats)"
)

# %%
plots.learning_curves(
    plain,
    metric="accuracy",
    title="The accuracy hardly notices",
    y_label="accuracy (share of rows)",
)

# %%
validation_loss, validation_accuracy = (
    stack(plain, "val_loss"),
    stack(plain, "val_accuracy"),
)
best = validation_loss.argmin(axis=1)
growth = validation_loss[:, -1] / validation_loss.min(axis=1)
lost = validation_accuracy[range(runs), best] - validation_accuracy[:, -1]
bound(
    "04.best_epoch",
    "best epoch without remedy",
    np.median(best + 1),
    at_most=6,
    digits=0,
)
limits = {"full": 2, "fast": 1.4}
bound(
    "04.validation_loss_growth",
    "growth of the validation loss",
    np.median(growth),
    at_least=limits,
    digits=2,
)
lost = 100 * np.median(lost)

# %%
bound(
    "04.accuracy_lost",
    "accuracy lost meanwhile",
    lost,
    at_least=-3,
    at_most=2,
    unit="points",
    digits=1,
)

# %% [markdown] tags=["answer"]
# From its best epoch ({{04.best_epoch}}) to the last, the validation loss grows by a factor of
# {{04.validation_loss_growth}}. The validation accuracy hardly changes: between the same two epochs it loses
# {{04.accuracy_lost}}, where a minus is a gain.
#
# Both are right. Accuracy asks on which side of one half a probability lies; the loss asks how sure it was. About as
# many tumors are wrong as before, but a network that over-fits becomes ever more certain, about those as well (Guo et
# al., below). If you use only the decision, you have lost next to nothing, and may do as well with a later epoch. If
# you use the probability, it misleads you. **Watch the loss**: it shows what the accuracy cannot.

# %% [markdown]
# ### A detector
#
# A program can read the curve for us. One high point proves nothing, so it compares the mean of the last epochs with
# the best epoch. It must fire at a network that over-fits, and at no other.


# %%
def overfits(history, factor=1.4):
    """Whether the validation loss has clearly turned:
    its last quarter lies above `factor` times its least value."""
    loss = np.array(history["val_loss"])
    return bool(loss[-(len(loss) // 4) :].mean() > factor * loss.min())


# %%
detected = {}
for name, histories in {
    "no remedy": plain,
    "both remedies": dropped,
    "rate 0.0001": slow,
}.items():
    detected[name] = np.mean([overfits(history) for history in histories])

# %%
bound(
    "04.detected_plain",
    "share detected, no remedy",
    detected["no remedy"],
    at_least=1,
    digits=1,
)
bound(
    "04.detected_dropout",
    "share detected, both remedies",
    detected["both remedies"],
    at_most=0,
    digits=1,
)
bound(
    "04.detected_slow",
    "share detected, rate 0.0001",
    detected["rate 0.0001"],
    at_most=0,
    digits=1,
)

# %% [markdown]
# It fires in every run without remedy, and in none with dropout and weight decay or with the low rate. The factor is
# a choice: with few validation rows the curve is rough, and a factor near 1
# would fire at noise. And these are easy cases, whose curves we had seen before; "Try next" has a harder one.

# %% [markdown] tags=["quiz"]
# Training loss 0.30, validation loss 0.31, both falling steadily in the last epoch. A colleague proposes dropout. What
# do you say?
#
# - [ ] Yes: the validation loss is above the training loss, so the network over-fits.
#   A small gap is no over-fitting. What counts is whether the validation loss still falls, and it does.
# - [ ] Yes: dropout lets a network train longer.
#   It makes the training longer, not better. Dropout is a remedy against over-fitting, which is not to be seen here.
# - [x] No: the fit was cut off; train longer first, or with a larger rate.
#   The two agree and both still fall: under-fitting. Dropout would slow this fit down further.
# - [ ] No: collect more data first.
#   More data help where training and validation drift apart. Here they agree, and the fit has not ended yet.

# %% [markdown]
# ### Exercise 04.2: a diagnosis
#
# Write a function that names the disease from a history with `loss` and `val_loss`. Ask in this order:
#
# 1. `"rate too high"`: in some epoch the training loss is not a finite number, or above 1.4, about twice guessing;
# 2. `"over-fit"`: the mean of `val_loss` over the last quarter of the epochs is above 1.4 times its least value;
# 3. `"under-fit"`: the training loss has not fallen to half of its first value;
# 4. otherwise `"sound"`.


# %% tags=["solution"]
def diagnose(history):
    """Return "rate too high", "over-fit", "under-fit" or "sound"."""
    training, validation = np.array(history["loss"]), np.array(history["val_loss"])
    if not (training <= 1.4).all():
        return "rate too high"
    if validation[-(len(validation) // 4) :].mean() > 1.4 * validation.min():
        return "over-fit"
    return "under-fit" if training[-1] > training[0] / 2 else "sound"


# %% tags=["check"]
def draw(rng):
    epoch = np.arange(rng.integers(4, 17))
    loss = 0.7 * rng.choice([0.7, 0.9, 0.97]) ** epoch
    val_loss = 0.6 * 0.6**epoch + rng.choice([0, 0.02, 0.05]) * epoch + 0.1
    loss[1] *= rng.choice([0.6, 1, 1])
    if rng.random() < 0.3:
        loss[rng.integers(len(loss))] = rng.choice([1.3, 1.4, 1.5, 6, np.inf, np.nan])
    if rng.random() < 0.3:
        val_loss[rng.integers(len(loss))] *= rng.choice([0.3, 1.5, 6])
    return ({"loss": loss.tolist(), "val_loss": val_loss.tolist()},)


@exercise("04.2", diagnose, draw=draw)
def check(diagnose):
    nan, epoch = float("nan"), np.arange(12)
    falling, slow = 0.7 * 0.7**epoch, 0.7 * 0.96**epoch
    thrown = np.array([0.9, 6.0, 4.0, 1.0, 0.5, 0.3, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
    turned = np.where(epoch < 4, 0.6 * 0.6**epoch, 0.1 + 0.05 * epoch)
    settled = 0.1 + 0.5 * 0.4**epoch
    ended, rough = (
        np.append(falling[:-1], nan),
        np.append(settled[:-1], 1.6 * settled[-1]),
    )
    for loss, val_loss, disease, hint in (
        (
            ended,
            settled,
            "rate too high",
            "The training loss ended in NaN. A comparison with NaN is always false.",
        ),
        (
            thrown,
            turned + thrown,
            "rate too high",
            "The training loss leapt far above guessing: ask in every epoch.",
        ),
        (
            falling,
            turned,
            "over-fit",
            'Training falls while validation has turned: that is "over-fit".',
        ),
        (
            settled * 0.2,
            settled,
            "sound",
            "Validation came down and stayed. That it lies higher is no disease.",
        ),
        (
            falling,
            rough,
            "sound",
            "The last epoch alone was high. Take the mean over the last quarter.",
        ),
        (
            slow,
            slow,
            "under-fit",
            (
                "The training loss has not even halved when the fit ends: that is"
                ' "under-fit".'
            ),
        ),
        (
            [0.8, 0.6, 0.5, 0.4],
            settled[:4],
            "sound",
            "The loss has fallen to just half of its first value, and that is enough.",
        ),
        (
            falling[:4],
            [0.5, 0.5, 0.5, 0.7],
            "sound",
            "Just 1.4 times the least value is not above it.",
        ),
        (
            slow,
            turned,
            "over-fit",
            "Both over-fit and under-fit hold here: ask in the order of the list.",
        ),
        (
            thrown,
            turned,
            "rate too high",
            (
                "Both over-fit and too high a rate hold here: ask in the order of the"
                " list."
            ),
        ),
    ):
        expect(diagnose({"loss": [*loss], "val_loss": [*val_loss]}) == disease, hint)


# %% tags=["wrong"] hint="always false"
def diagnose(history):
    training, validation = np.array(history["loss"]), np.array(history["val_loss"])
    if training.max() > 1.4:
        return "rate too high"
    if validation[-(len(validation) // 4) :].mean() > 1.4 * validation.min():
        return "over-fit"
    return "under-fit" if training[-1] > training[0] / 2 else "sound"


# %% tags=["wrong"] hint="no disease"
def diagnose(history):
    training, validation = np.array(history["loss"]), np.array(history["val_loss"])
    if not (training <= 1.4).all():
        return "rate too high"
    if training[-1] > training[0] / 2:
        return "under-fit"
    return "over-fit" if validation[-1] > 1.4 * training[-1] else "sound"


# %% tags=["wrong"] hint="mean over the last quarter"
def diagnose(history):
    training, validation = np.array(history["loss"]), np.array(history["val_loss"])
    if not (training <= 1.4).all():
        return "rate too high"
    if validation[-1] > 1.4 * validation.min():
        return "over-fit"
    return "under-fit" if training[-1] > training[0] / 2 else "sound"


# %% [markdown]
# ## Stop at the best epoch
#
# If the best epoch comes so early, why go on to the end? `EarlyStopping` (lesson 03) watches the validation loss and
# ends the fit when it has not improved for `patience` epochs.

# %% [markdown] tags=["predict"]
# `EarlyStopping(patience=4)` has ended a fit. Which weights does the model now have: those of the best epoch, or
# those of the last?


# %%
def stopped(run, restore):
    """Train without remedy until the validation loss has not improved for 4 epochs;
    return weights, history, loss."""
    model = network(run)
    stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=restore)
    history = fit(model, [stop])
    loss, _ = model.evaluate(validation, verbose=0)
    return model.get_weights(), history, loss


_, history, loss = stopped(run=0, restore=False)
print("the model in hand is that of the last epoch:", loss == history["val_loss"][-1])

# %% [markdown] tags=["answer"]
# Those of the **last**, `patience` epochs beyond the best. The best ones come back only with
# `restore_best_weights=True`.

# %% [markdown]
# `restore_best_weights=True` brings the best weights back. Do they come back exactly? The validation loss of the
# restored network must then be the least in its history, to the last bit.

# %%
restored = [stopped(run, restore=True) for run in range(runs)]
exactly = [loss == min(history["val_loss"]) for _, history, loss in restored]
fact(
    "04.restored_exactly", "every run has its least validation loss back", all(exactly)
)
saved = epochs - np.median([len(history["loss"]) for _, history, _ in restored])

# %%
bound(
    "04.epochs_saved",
    "epochs saved by the stop",
    saved,
    at_least={"full": 12},
    digits=0,
)

# %% [markdown]
# They do in every run, and {{04.epochs_saved}} of the epochs were saved. (`fit` and `evaluate` measured the rows in
# one batch. With another batch size the sums are rounded differently, and the last
# digit may change.)

# %% [markdown]
# ### Exercise 04.3: patience
#
# Write the rule of `EarlyStopping`: the fit ends with the epoch that is the `patience`-th in a row without a new best,
# or with the last one. A new best must be *lower* than the best so far; an equal value is none. Count epochs from 0,
# and return a tuple of two numbers.


# %% tags=["solution"]
def early_stop(val_loss, patience):
    """Return the number of the epoch after which the fit ends, and that of the best
    epoch until then."""
    best = 0
    for epoch, loss in enumerate(val_loss):
        if loss < val_loss[best]:
            best = epoch
        elif epoch - best >= patience:
            return epoch, best
    return epoch, best


# %% tags=["check"]
def draw(rng):
    losses = rng.integers(1, 8, rng.integers(1, 12)) / 8
    return losses.tolist(), int(rng.integers(1, 5))


@exercise("04.3", early_stop, draw=draw)
def check(early_stop):
    for text, patience, last, best, hint in (
        (
            "0.5 0.4 0.6 0.7 0.8 0.9",
            2,
            3,
            1,
            "It ends with the second bad epoch in a row, not with the one after.",
        ),
        (
            "0.5 0.6 0.4 0.5 0.6 0.3",
            2,
            4,
            2,
            "Two bad in all are not two in a row. None after the end can be best.",
        ),
        (
            "0.5 0.4 0.45 0.42 0.41 0.2",
            2,
            3,
            1,
            "Better than the epoch before is not enough: better than the best.",
        ),
        ("0.5 0.4 0.4 0.4 0.4 0.1", 2, 3, 1, "An equal loss is no improvement."),
        (
            "0.5 0.4 0.3 0.2",
            2,
            3,
            3,
            "A loss that always improves is never stopped: the last epoch is the best.",
        ),
        ("0.3 0.5 0.4 0.2", 2, 2, 0, "The first epoch can be the best as well."),
        (
            "0.5 0.4 0.6 0.6 0.6 0.1",
            3,
            4,
            1,
            "With a patience of 3 it ends at another epoch.",
        ),
    ):
        losses = [float(loss) for loss in text.split()]
        answer = early_stop(list(losses), patience)
        pair = isinstance(answer, tuple | list) and len(answer) == 2
        expect(pair, "Return two numbers: the last epoch and the best one.")
        expect(
            tuple(answer) != (last + 1, best + 1),
            "Count epochs from 0, as the callback does.",
        )
        right = tuple(answer) == (last, best)
        expect(
            right,
            f"{hint} For {losses} and a patience of {patience}: {answer}, not"
            f" {(last, best)}.",
        )


# %% tags=["wrong"] hint="better than the best"
def early_stop(val_loss, patience):
    bad = 0
    for epoch in range(1, len(val_loss)):
        bad = bad + 1 if val_loss[epoch] >= val_loss[epoch - 1] else 0
        if bad == patience:
            break
    return epoch, int(np.argmin(val_loss[: epoch + 1]))


# %% tags=["wrong"] hint="not with the one after"
def early_stop(val_loss, patience):
    best = 0
    for epoch, loss in enumerate(val_loss):
        if loss < val_loss[best]:
            best = epoch
        elif epoch - best > patience:
            break
    return epoch, best


# %% tags=["wrong"] hint="not two in a row"
def early_stop(val_loss, patience):
    best, bad = 0, 0
    for epoch, loss in enumerate(val_loss):
        if loss < val_loss[best]:
            best = epoch
        elif epoch > 0:
            bad += 1
            if bad == patience:
                break
    return epoch, best


# %% tags=["wrong"] hint="An equal loss"
def early_stop(val_loss, patience):
    best = 0
    for epoch, loss in enumerate(val_loss):
        if loss <= val_loss[best]:
            best = epoch
        elif epoch - best >= patience:
            break
    return epoch, best


# %% [markdown]
# ## One run proves little
#
# Do the remedies improve the *accuracy* of this network? Someone who trains each network once compares one run with
# one run. We have several of each, and compare each run of the one with each of the other.


# %%
def verdicts(first, second):
    """Shares of all pairs of runs in which `first` is higher, equal, lower than
    `second`."""
    difference = np.sign(np.subtract.outer(first, second))
    return {
        name: np.mean(difference == sign)
        for name, sign in (("higher", 1), ("equal", 0), ("lower", -1))
    }


cured, plainly = (
    stack(dropped, "val_accuracy")[:, -1],
    stack(plain, "val_accuracy")[:, -1],
)
found = verdicts(cured, plainly)

# %%
plots.bars(
    {"both remedies": 100 * (1 - cured), "no remedy": 100 * (1 - plainly)},
    title="Validation error after the last epoch, all runs",
    label="validation error (% of rows)",
    zero=False,
)

# %%
gain = 100 * (np.mean(cured) - np.mean(plainly))
losses = verdicts(stack(dropped, "val_loss")[:, -1], stack(plain, "val_loss")[:, -1])

# %%
spread(
    "04.pairs_better",
    "share of pairs more accurate with remedies",
    found["higher"],
    digits=2,
)
spread("04.pairs_equal", "share of pairs equally accurate", found["equal"], digits=2)
spread(
    "04.pairs_worse",
    "share of pairs less accurate with remedies",
    found["lower"],
    digits=2,
)

# %%
bound(
    "04.accuracy_gain",
    "accuracy gained by the remedies",
    gain,
    at_least=-2,
    at_most=2,
    unit="points",
    digits=1,
)
bound(
    "04.pairs_loss_lower",
    "share of pairs with the lower loss",
    losses["lower"],
    at_least=0.9,
    digits=2,
)

# %% [markdown]
# The dots are medians, the lines reach from the best run to the worst. A share of {{04.pairs_better}} of all pairs says
# that the remedies make the network more accurate, {{04.pairs_worse}} that they make it less accurate, and
# {{04.pairs_equal}} see no difference. If you train each network once, you tell the story that luck dealt. Even the
# mean over all runs changes by only {{04.accuracy_gain}}, a few of the validation tumors.
#
# About the *loss* the pairs agree: the remedies lower it in a share of {{04.pairs_loss_lower}}. Here they mend how sure
# the network is, not how it decides.
#
# And all runs share their validation rows. With 254 of them, a single row is worth 0.4 points of accuracy, so **these
# data cannot tell** whether the remedies change the accuracy. Other rows would add the standard error of an accuracy
# $p$ on $n$ rows, $\sqrt{p (1 - p) / n}$, to the spread of the runs:

# %%
for p in (0.95, 0.98):
    print(
        f"accuracy {p}: standard error"
        f" {100 * np.sqrt(p * (1 - p) / len(y_validation)):.1f} points"
    )

# %% [markdown] tags=["quiz"]
# Two networks, one run each, 254 validation rows: accuracies of 0.965 and 0.961. What do you conclude?
#
# - [ ] The first is better, by 0.4 points.
#   0.4 points of 254 rows are one row. Another seed, or other rows, may turn that around.
# - [ ] The first is better, but not by much.
#   One row is no evidence of even a small difference.
# - [x] Nothing: they differ by one row, and another seed may turn them around.
#   They differ by one row. More seeds make the luck of training small, more rows the luck of the rows.
# - [ ] They are equally good.
#   That would need evidence as well: one run each cannot tell equal from different.

# %% [markdown]
# ## The legend says "test"
#
# A widely copied way of plotting a history comes from the documentation of Keras 2 (its page
# "Visualization"), where `history` is what `fit(..., validation_split=0.25)` returned (title and axes left out here):
#
#     # Plot training & validation loss values
#     plt.plot(history.history['loss'])
#     plt.plot(history.history['val_loss'])
#     plt.legend(['Train', 'Test'], loc='upper left')
#
# Comment and legend disagree about the second curve. On which rows was it measured?

# %%
_, history, loss = restored[0]  # the loss was measured by evaluate(validation)
print(
    "the curve's least value is the loss on the validation rows:",
    min(history["val_loss"]) == loss,
)

# %% [markdown]
# On the **validation** rows: `fit` has never seen a test row. The word matters once the curve *chooses*. Our epoch at
# which to stop was taken from it, and the least value of a rough curve is partly luck: it is chosen for being low. Rows
# that have chosen cannot judge. Only now, with everything chosen, are the test rows opened, once, for the stopped
# networks.

# %%
test, model, tested = dataset(x_test, y_test).batch(len(x_test)), compiled(), []
for weights, _, _ in restored:
    model.set_weights(weights)
    tested.append(model.evaluate(test, verbose=0))
chosen = np.median([loss for _, _, loss in restored])
test_loss, test_accuracy = np.median(tested, axis=0)

# %%
spread(
    "04.chosen_validation_loss",
    "validation loss at the chosen epoch",
    chosen,
    unit="nats",
)
spread("04.test_loss", "test loss of the same networks", test_loss, unit="nats")
spread("04.test_accuracy", "test accuracy of the same networks", test_accuracy)

# %% [markdown]
# Validation loss in nats at the chosen epoch: {{04.chosen_validation_loss}}. Test loss of the same networks:
# {{04.test_loss}}, test accuracy {{04.test_accuracy}}. The two losses differ for two reasons that one split cannot tell
# apart: the luck of the choice, which always flatters the validation rows, and the luck of which tumors went where,
# which can favor either. Call the curve what it is, and report the test loss.

# %% [markdown]
# ## Keep it in a file
#
# A history lives in memory and dies with the process. `CSVLogger` writes each epoch to a file as it ends. We let a fit
# crash and look at what is left.


# %% tags=["varies"]
import tempfile
from pathlib import Path


class Crash(keras.callbacks.Callback):
    """Ends a fit in its fifth epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 4:
            raise RuntimeError("the fit has crashed")


with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "history.csv"
    logger = keras.callbacks.CSVLogger(path)
    try:
        fit(network(run=0), [logger, Crash()])
    except RuntimeError as error:
        print(error)
    text, log = path.read_text(), np.genfromtxt(path, delimiter=",", names=True)
    logger.on_train_end()  # closes the file; the end of a process would do it

print(text)

# %% [markdown]
# All five epochs are there. The same run went to its end as `plain[0]`. Does the file tell the truth?

# %%
same = [
    np.array_equal(log[name], plain[0][name][:5])
    for name in log.dtype.names
    if name != "epoch"
]
print(
    f"{sum(same)} of {len(same)} columns equal the history of the whole fit, to the"
    " last bit"
)

# %% [markdown]
# Nothing is lost or rounded. The file counts its epochs from 0, and a second fit overwrites it, unless you say
# `append=True`.
#
# **TensorBoard** shows the same curves in the browser while the fit runs: `keras.callbacks.TensorBoard(folder)` writes
# its files and `tensorboard --logdir folder` shows them. It does not come with this course (`pip install tensorboard`),
# and this lesson does not run it.

# %% [markdown]
# ## What you have learned
#
# - `fit` returns one number an epoch for the loss and each metric, for training and for validation.
# - The logged training loss is a running mean over the epoch, with dropout on; validation is measured after it, with
#   dropout off. Measure the training rows again before you compare the two.
# - Both high and still falling: under-fit. A training loss that leaps far above guessing: rate too high. Training falls
#   while validation turns: over-fit, and a few lines can detect it. The loss shows it; the accuracy may not.
# - `EarlyStopping` leaves you the last weights unless `restore_best_weights=True`; then the best come back exactly.
# - One run is an anecdote: draw several with median and band, and mind the number of validation rows.
# - The curve that common code calls "test" is validation. It chooses, so it cannot judge.
# - `CSVLogger` keeps every epoch, also of a fit that crashes.
#
# ## Try next
#
# - Train on 300 rows instead of 60. Does the detector still fire?
# - Leave out the weight decay and keep the dropout. Is one of the remedies enough, and over 200 epochs?
# - Pass the training rows as `validation_data`. Is `val_loss` then what `Reevaluate` measured?
# - Shuffle the labels of the training rows. What do the two curves look like when there is nothing to learn?
