# ---
# title: Training history
# part: 1 Fit
# objectives:
#   - read what `fit` returns, and say when each of its figures was measured
#   - explain how the two losses in a history are measured, and compare them fairly
#   - recognize underfitting, overfitting and too high a learning rate, by eye and with a few lines of code
#   - stop at the best epoch, and test which weights you are left with
#   - judge how far you can trust a curve from a single run
#   - draw a learning curve yourself, and keep it in a file that survives a crash
# prerequisites:
#   - "lesson 03 (Classification): cross-entropy, fit with validation data, callbacks"
#   - what a median is
# data: [breast_cancer (comes with scikit-learn)]
# reading:
#   - "Wolberg, Mangasarian, Street, Street, *Breast Cancer Wisconsin (Diagnostic)*, 1993, doi:10.24432/C5DW2B (the data)"
#   - "Prechelt, *Early stopping - but when?*, in *Neural Networks: Tricks of the Trade*, 1998, doi:10.1007/3-540-49430-8_3"
#   - "Guo, Pleiss, Sun, Weinberger, *On calibration of modern neural networks*, 2017, arXiv:1706.04599 (why the loss grows while the accuracy stays)"
#   - "Keras developers, *Visualization*, a page of Keras 2, https://github.com/keras-team/keras/blob/2.3.1/docs/templates/visualization.md (the plot that says test)"
# ---

# %% [markdown]
# `fit` returns a table of numbers, and two lines of code turn it into a picture. But what do the two curves mean? On
# which rows were they measured, with which weights, and at which moment? Once you know, you can use the curves: to name
# what is wrong with a fit, to stop at the right epoch, and to notice when a curve proves nothing.
#
# The results in the text are those of full mode (`fast = False`). Your run prints its own.

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
# Doctors took cells from 569 breast tumors with a fine needle and measured ten properties of the nuclei: radius, texture,
# smoothness and so on. Three figures for each property make 30 inputs: the mean over the nuclei, its standard error,
# and the mean of the three largest values. The label says whether the tumor was malignant (0) or benign (1). The table
# comes with scikit-learn.

# %%
from sklearn.datasets import load_breast_cancer

tumors = load_breast_cancer()
print(tumors.data.shape, " benign:", tumors.target.sum())

# %% [markdown]
# To make overfitting easy to see, only sixty tumors are for **training**. (In practice you would use most of them.)
# Half of the others are for **validation**: you watch them and choose with them. The rest are for the **test**, and
# wait until everything is chosen. Each part keeps the share of the two classes (lesson 03). The inputs are standardized
# with the mean and the standard deviation of the training rows (lesson 02).

# %%
from sklearn.model_selection import train_test_split

x_train, x_rest, y_train, y_rest = train_test_split(
    tumors.data.astype("float32"),
    tumors.target,
    train_size=60,
    stratify=tumors.target,
    random_state=0,
)

# %%
x_validation, x_test, y_validation, y_test = train_test_split(
    x_rest, y_rest, train_size=0.5, stratify=y_rest, random_state=0
)

# %%
mean = x_train.mean(axis=0)
deviation = x_train.std(axis=0)
x_train, x_validation, x_test = (
    (x - mean) / deviation for x in (x_train, x_validation, x_test)
)
print("rows for training:", len(x_train))
print("for validation:   ", len(x_validation))
print("for the test:     ", len(x_test))

# %% [markdown]
# ## What fit returns
#
# The whole lesson uses one network: two hidden layers of 64 units. Two things change. One is its learning rate. The
# other is whether it has two remedies against overfitting:
#
# - **Dropout** sets a random share of the hidden units to 0 and scales up the rest. Every training step draws anew
#   which units. When the trained network is used, nothing is dropped. (You build it by hand in lesson 05.)
# - **Weight decay** takes away a share of every weight in each step. The share is the learning rate times
#   `weight_decay`, which we set to 3 below. At a rate of 0.01 that is 3% in each step. That is a lot: the default of
#   Keras' `AdamW`, 0.004, would hardly show in such short fits.

# %%
import keras


def tumor_network(dropout):
    """A network for 30 inputs with two hidden layers, each followed by dropout."""
    layers = [keras.Input((30,))]
    for _ in range(2):
        layers.append(keras.layers.Dense(64, activation="relu"))
        layers.append(keras.layers.Dropout(dropout))
    return keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])


# %%
from functools import cache

from course.topics.history import with_variables


@cache
def compiled(dropout=0.0, weight_decay=None):
    """A network for tumors with its optimizer, made once for each set of remedies."""
    model = tumor_network(dropout)
    optimizer = keras.optimizers.Adam(weight_decay=weight_decay)
    settings = {"loss": "binary_crossentropy", "metrics": ["accuracy"]}
    model.compile(optimizer, jit_compile=False, **settings)
    return with_variables(model, x_train[:1], y_train[:1])


# %% [markdown]
# Before the first epoch, Keras translates the training step of a compiled model into a TensorFlow graph. That can take
# longer than a short fit. So each set of remedies is compiled only once: `@cache` keeps the model, and `reinitialize`,
# from this course, gives it fresh initial weights and an empty optimizer state. (`with_variables` only spares a second
# translation.)

# %%
from course.training.reinitialize import reinitialize


def network(run, learning_rate=0.01, **remedies):
    """A network not yet trained; `run` decides its initial weights and the order of the
    rows."""
    model = reinitialize(compiled(**remedies), seed * runs + run)
    model.optimizer.learning_rate = learning_rate
    return model


# %% [markdown]
# The rows come from a `tf.data.Dataset`. Its `shuffle` puts the rows into a new order in every epoch, where `fit` with
# arrays would repeat one order after `set_random_seed` (lesson 03). Here `shuffle` gets no seed of its own, so it
# follows the one that `reinitialize` sets for each run. `dataset`, from this course, makes such a data set and leaves
# out optimizations that only pay for large data.

# %%
from course.topics.history import dataset

# all rows as one batch
validation = dataset(x_validation, y_validation).batch(len(x_validation))


# %%
def fit(model, callbacks=()):
    """Train `model` and return the history, a dictionary of lists."""
    batches = dataset(x_train, y_train).shuffle(len(x_train)).batch(32)
    # the batches come shuffled
    settings = {"epochs": epochs, "shuffle": False, "verbose": 0}
    fitted = model.fit(
        batches, validation_data=validation, callbacks=list(callbacks), **settings
    )
    return fitted.history


# %%
history = fit(network(run=0))
print({name: len(values) for name, values in history.items()})

# %% [markdown]
# The history has four lists, with one number for each epoch. `loss` and `accuracy` belong to the training rows, `val_loss`
# and `val_accuracy` to the validation rows. The metrics carry the names that were passed to `compile`.
#
# That was one run. From now on, each network is trained `runs` times, with other initial weights and another order of
# the rows each time. Most plots show the median of the runs, with a band from the lowest to the highest.

# %% [markdown]
# ## When is it measured?
#
# Two curves in one plot invite you to compare them. Begin with the first epoch.

# %% [markdown] tags=["predict"]
# A network with both remedies (a dropout of 0.5 and weight decay) learns the training rows. It is judged on validation
# rows that it never saw. Which loss will Keras log as the lower one for the first epoch, training or validation? And will
# the other be higher by a tenth, higher by half, or twice as high?

# %%
import numpy as np


class Reevaluate(keras.callbacks.Callback):
    """Measures the training loss again after each epoch, with the weights at rest and
    nothing dropped."""

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_epoch_end(self, epoch, logs=None):
        probability = keras.ops.convert_to_numpy(self.model(x_train, training=False))
        p = np.clip(probability[:, 0], 1e-7, 1 - 1e-7)
        self.losses.append(-np.mean(np.log(np.where(y_train == 1, p, 1 - p))))


# %%
def train(**settings):
    """Train a network for each run; return the histories, each with the training loss
    measured again."""
    histories = []
    for run in range(runs):
        again = Reevaluate()
        history = fit(network(run, **settings), [again])
        histories.append(history | {"loss_again": again.losses})
    return histories


# %%
with_remedies = train(dropout=0.5, weight_decay=3)

# %%
from course import plots

plots.learning_curves(
    with_remedies,
    title="Both remedies: the two curves that Keras logs",
    y_label="loss (nats)",
)

# %% [markdown] tags=["answer"]
# In the first epoch the **validation** loss is lower: {{04.first_validation}}, against {{04.first_logged}} for training,
# about **twice as high**. Are rows that the network never saw easier than those that it
# learns? No. The two curves are measured differently:
#
# - The logged training loss is a **running mean** over the batches of the epoch. Each batch is measured just *before* the
#   network learns from it, so the first batch still meets the weights from the beginning of the epoch. And it is measured
#   **with dropout on**.
# - The validation loss is measured *after* the epoch, with the weights that the last step left and with dropout off.

# %%
from course.topics.history import epoch_sketch

epoch_sketch()

# %% [markdown]
# To compare like with like, `Reevaluate` measured the loss of the training rows again at the end of every epoch. The
# next cell also trains a network without the remedies. That network will show what the running mean does alone.

# %%
without_remedies = train()


# %%
def stack(histories, name):
    """One figure of all histories as an array (runs, epochs)."""
    return np.array([history[name] for history in histories])


# %%
plots.lines(
    range(1, epochs + 1),
    {
        "training, as logged": stack(with_remedies, "loss"),
        "training, measured again": stack(with_remedies, "loss_again"),
        "validation": stack(with_remedies, "val_loss"),
    },
    title="Both remedies: the training rows measured like the validation rows",
    x_label="epoch",
    y_label="loss (nats)",
)

# %% [markdown]
# Measured in the same way, the two losses start about level, and soon the training loss lies below the validation loss.
# That is the usual order. How much of the logged loss was due to the way of measuring?


# %%
def excess(histories, epochs):
    """Logged training loss minus the one measured again, as a mean over `epochs` (a
    slice) and the median of the runs."""
    difference = stack(histories, "loss") - stack(histories, "loss_again")
    return np.median(difference[:, epochs].mean(axis=1))


# %%
first, late = slice(0, 1), slice(-5, None)
compared = {
    "plain": ("no remedy", without_remedies),
    "dropout": ("both remedies", with_remedies),
}

# %%
first_logged = np.median(stack(with_remedies, "loss")[:, 0])
first_validation = np.median(stack(with_remedies, "val_loss")[:, 0])
late_again = stack(with_remedies, "loss_again")[:, late]
late_ratio = np.median(stack(with_remedies, "loss")[:, late] / late_again)
late_gaps = stack(with_remedies, "val_loss")[:, late] - late_again
late_gap = np.median(late_gaps.mean(axis=1))

# %%
from course.claims import bound, fact, spread

spread("04.first_logged", "first epoch, training as logged", first_logged, unit="nats")
spread("04.first_validation", "first epoch, validation", first_validation, unit="nats")
bound(
    "04.first_difference",
    "first epoch, logged minus validation",
    first_logged - first_validation,
    at_least=0.1,
    unit="nats",
)

# %%
for name, (remedies, histories) in compared.items():
    bound(
        f"04.excess_first_{name}",
        f"logged above measured again, first epoch, {remedies}",
        excess(histories, first),
        at_least=0.1,
        unit="nats",
    )

# %%
bound(
    "04.excess_late_plain",
    "logged above measured again, last epochs, no remedy",
    excess(without_remedies, late),
    at_most=0.001,
    unit="nats",
    digits=6,
)

# %%
spread(
    "04.excess_late_dropout",
    "logged above measured again, last epochs, both remedies",
    excess(with_remedies, late),
    unit="nats",
)

# %%
bound(
    "04.late_logged_over_again",
    "logged over measured again, last epochs, both remedies",
    late_ratio,
    at_least=1.2,
    digits=1,
)

# %%
bound(
    "04.gap_late",
    "validation above measured again, last epochs",
    late_gap,
    at_least=0,
    unit="nats",
)

# %% [markdown]
# In the first epoch of the network with both remedies, Keras logs {{04.first_logged}} for training. For validation it logs
# {{04.first_validation}}. This is how far the logged training loss lies above the one measured again:
#
# | logged above measured again | first epoch | last five epochs |
# | --- | --- | --- |
# | no remedy: the running mean | {{04.excess_first_plain}} | at most {{04.excess_late_plain:limit}} |
# | both remedies: the running mean, and dropout on | {{04.excess_first_dropout}} | {{04.excess_late_dropout}} |
#
# In the first epoch the difference is large in both rows of the table. The running mean matters while the network
# learns fast, and fades as the network settles. (Without a remedy, the loss itself is close to 0 by then, so hardly any
# difference is possible.) The effect of dropout stays, because half of the hidden units are missing in every step of
# training, and none when the network is used. With both remedies, the logged loss of the last epochs is still
# {{04.late_logged_over_again}} times the one measured again. (Weight decay is no part of either loss.)
#
# What you want to know is the **gap**: how far the loss on new rows lies above the loss on rows that were learned. The
# distance between the two logged curves is *not* that gap. Measure both losses after the epoch, then subtract. For the
# network with both remedies, the gap over the last five epochs is {{04.gap_late}}.

# %% [markdown]
# ### Exercise 04.1: the running mean
#
# For an epoch, Keras logs the mean over all its *rows*, but it knows only the mean loss of each batch. The last batch is
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
# ## Three ways to go wrong
#
# With dropout and weight decay the network learned: its validation loss came down and stayed down. Three things often
# go wrong, and each leaves its own kind of curve. You will see them with the same rows and the same network, without
# the remedies.

# %% [markdown]
# ### Underfitting
#
# The first way is underfitting. Here the learning rate is 0.0001, a hundredth of the 0.01 used so far.

# %%
from course.topics.history import run_curves

slow = [fit(network(run, learning_rate=1e-4)) for run in range(runs)]
run_curves(slow, title="Rate of 0.0001: every run")

# %%
quarter = epochs // 4


def late_fall(name):
    """How far a loss falls in the last quarter of the epochs, median of the runs."""
    losses = stack(slow, name)
    return np.median(losses[:, -quarter] - losses[:, -1])


# %%
for name, rows in {"loss": "training", "val_loss": "validation"}.items():
    bound(
        f"04.slow_{rows}_falls",
        f"rate 0.0001: late fall of the {rows} loss",
        late_fall(name),
        at_least=0,
        unit="nats",
    )

# %% [markdown]
# Training and validation agree, and both still fall when the fit ends: it was cut off before it had learned. The cure
# is more epochs or a larger rate. (Where the curves are high and *flat*, try a larger network.) More data would not
# help: in the same number of steps the network would learn as little.

# %% [markdown]
# ### Too high a rate
#
# Now the rate is 0.3, thirty times the usual 0.01. The axis is logarithmic, since the losses differ so much. Two marks
# on each run show its highest loss and its last one.

# %%
wild = [fit(network(run, learning_rate=0.3)) for run in range(runs)]
run_curves(
    wild,
    title="Rate of 0.3: every run (below 0.01 drawn as 0.01)",
    lowest=0.01,
    mark=True,
)

# %% [markdown]
# A model that guesses, with a probability of one half for every row, has a loss of $\ln 2$, about 0.693. A fresh
# network starts near it. How high does the loss climb at a rate of 0.3? And where does the validation loss end,
# compared with a rate of 0.01?

# %%
wild_highest = np.median(stack(wild, "loss").max(axis=1))
slow_highest = np.median(stack(slow, "loss").max(axis=1))
learned = np.mean(stack(wild, "loss")[:, -1] < np.log(2))
wild_end = stack(wild, "val_loss")[:, -1]
first_rate_end = stack(without_remedies, "val_loss")[:, -1]
worse = np.mean(np.greater.outer(wild_end, first_rate_end))

# %%
bound(
    "04.wild_highest",
    "highest training loss, rate 0.3",
    wild_highest,
    at_least={"full": 7, "fast": 1.4},
    unit="nats",
    digits=0,
)

# %%
bound(
    "04.slow_highest",
    "highest training loss, rate 0.0001",
    slow_highest,
    at_most=1.4,
    unit="nats",
    digits=2,
)

# %%
spread("04.wild_learned", "share of runs below guessing, training", learned, digits=1)
spread(
    "04.wild_validation",
    "last validation loss, rate 0.3",
    np.median(wild_end),
    unit="nats",
    digits=0,
)

# %%
spread(
    "04.plain_validation",
    "last validation loss, rate 0.01",
    np.median(first_rate_end),
    unit="nats",
    digits=2,
)

# %%
bound(
    "04.wild_worse",
    "share of pairs in which 0.3 ends higher",
    worse,
    at_least=0.9,
    digits=2,
)

# %% [markdown]
# The sign to look for is a *training* loss that leaps up. Its highest value in a run is {{04.wild_highest}}, far above
# guessing. At the low rate it was {{04.slow_highest}}. Adam moves each weight by about the learning rate, whatever the
# size of the gradient, so the first steps throw the weights far away.
#
# The loss does not grow to infinity as in lesson 01. On the training rows, most runs even end better than guessing:
# their share is {{04.wild_learned}}. But the weights have landed in a bad place. The validation loss ends at
# {{04.wild_validation}}. At a rate of 0.01 it ended at {{04.plain_validation}}.

# %% [markdown]
# ### Overfitting
#
# Last comes the network without remedies at the usual rate of 0.01. A gap between the curves is no problem by itself,
# since a network usually does better on rows that it has learned. The problem is a validation loss that *turns* and
# climbs while the training loss keeps falling.

# %% [markdown] tags=["predict"]
# Without the remedies, the training loss falls towards 0. The validation loss first falls, then rises to a multiple of
# its lowest value. What happens to the validation **accuracy** meanwhile: does it fall by more than 5 points, by 2 to 5
# points, or does it hardly change?

# %%
plots.learning_curves(
    without_remedies,
    title="No remedy: one curve falls, one turns",
    y_label="loss (nats)",
)

# %%
plots.learning_curves(
    without_remedies,
    metric="accuracy",
    title="No remedy: the accuracy",
    y_label="accuracy (share of rows)",
)

# %%
validation_loss = stack(without_remedies, "val_loss")
validation_accuracy = stack(without_remedies, "val_accuracy")
best = validation_loss.argmin(axis=1)
best_epoch = np.median(best + 1)
growth = validation_loss[:, -1] / validation_loss.min(axis=1)
accuracy_at_best = validation_accuracy[range(runs), best]
change = 100 * np.median(validation_accuracy[:, -1] - accuracy_at_best)

# %%
bound("04.best_epoch", "best epoch without remedy", best_epoch, at_most=6, digits=0)
bound(
    "04.validation_loss_growth",
    "growth of the validation loss",
    np.median(growth),
    at_least={"full": 2, "fast": 1.4},
    digits=2,
)

# %%
bound(
    "04.accuracy_change",
    "change of the accuracy, last minus best epoch",
    change,
    at_least=-2,
    at_most=3,
    unit="points",
    digits=1,
)

# %% [markdown] tags=["answer"]
# From its best epoch ({{04.best_epoch}}) to the last, the validation loss grows by a factor of
# {{04.validation_loss_growth}}. The validation accuracy **hardly changes**: by {{04.accuracy_change}} from the best epoch
# to the last.
#
# Both curves are right. Accuracy asks on which side of one half a probability lies; the loss asks how certain it was.
# About as many tumors are misclassified as before, but an overfitting network becomes more and more certain, also about
# its errors (Guo et al., below). If you only use the decision, you have lost next to nothing. If you use the
# probability, it misleads you. So **watch the loss**: it shows what the accuracy cannot.

# %% [markdown]
# ### A detector
#
# A program can read the curve for you. One high point proves nothing, so it compares the mean of the last epochs with the
# best epoch. It should fire for a network that overfits, and for no other.


# %%
def turned(history):
    """How far the validation loss has turned: the mean of its last quarter, as a
    multiple of its lowest value."""
    loss = np.array(history["val_loss"])
    return loss[-(len(loss) // 4) :].mean() / loss.min()


def overfits(history, factor=1.4):
    """Whether the validation loss has clearly turned."""
    return bool(turned(history) > factor)


# %%
examined = {
    "no remedy": without_remedies,
    "both remedies": with_remedies,
    "rate 0.0001": slow,
}
for name, histories in examined.items():
    fires = sum(overfits(history) for history in histories)
    print(f"{name}: fires in {fires} of {runs} runs")

# %%
bound(
    "04.turned_plain",
    "end over lowest, no remedy: the run that turned least",
    min(turned(history) for history in without_remedies),
    at_least={"full": 1.4},
    digits=2,
)

# %%
for name, setting in {"dropout": "both remedies", "slow": "rate 0.0001"}.items():
    bound(
        f"04.turned_{name}",
        f"end over lowest, {setting}: the run that turned most",
        max(turned(history) for history in examined[setting]),
        at_most=1.4,
        digits=2,
    )

# %% [markdown]
# Without a remedy, the run that turned least ends at {{04.turned_plain}} times its lowest loss, so the detector fires
# in every run. (In fast mode, where runs are shorter, it can miss one.) With both remedies, the run that turned most
# ends at {{04.turned_dropout}} times its lowest loss, and at the low rate at {{04.turned_slow}} times: there the
# detector never fires. The factor of 1.4 is a choice: with few validation rows the curve is rough, and a factor near 1
# would fire at noise. And these are easy cases, whose curves you have already seen; "Try next" has a harder one. (At a
# rate of 0.3 the validation loss climbs, too, so the exercise below asks about the rate first.)

# %% [markdown] tags=["quiz"]
# Training loss 0.30, validation loss 0.31, both falling steadily in the last epoch. A colleague suggests dropout. What
# do you say?
#
# - [ ] Yes: the validation loss is above the training loss, so the network overfits.
#   A small gap is no overfitting. What counts is whether the validation loss still falls, and it does.
# - [ ] Yes: dropout lets a network train longer.
#   It makes the training longer, not better. Dropout is a remedy against overfitting, and there is no sign of that.
# - [x] No: the fit was cut off; train longer first, or with a larger rate.
#   The two losses agree and still fall, which is underfitting. Dropout would slow this fit down further.
# - [ ] No: collect more data first.
#   More data help where training and validation drift apart. Here they agree, and the fit has not ended yet.

# %% [markdown]
# ### Exercise 04.2: a diagnosis
#
# Write a function that says what is wrong, given a history with `loss` and `val_loss`. Ask in this order:
#
# 1. `"rate too high"`: the training loss of any epoch is not a finite number, or is above 1.4 (about twice the loss of
#    guessing);
# 2. `"over-fit"`: the mean of `val_loss` over the last quarter of the epochs (rounded down, as in `overfits`) is above
#    1.4 times its lowest value;
# 3. `"under-fit"`: the last training loss is above half of the first;
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
            "Validation came down and stayed down. Being above training is no disease.",
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
            "Exactly 1.4 times the lowest value is not above it.",
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
# If the best epoch comes so early, why train to the end? `EarlyStopping` (lesson 03) watches the validation loss and ends
# the fit when it has not improved for `patience` epochs.

# %% [markdown] tags=["predict"]
# `EarlyStopping(patience=4)` has ended a fit. Which weights does the model have now: those of the best epoch, or those of
# the last?


# %%
def stopped(run, restore):
    """Train without remedy until the validation loss has not improved for 4 epochs;
    return weights, history and the loss of the model as it is then."""
    model = network(run)
    stop = keras.callbacks.EarlyStopping(patience=4, restore_best_weights=restore)
    history = fit(model, [stop])
    loss, _ = model.evaluate(validation, verbose=0)
    return model.get_weights(), history, loss


# %%
_, history, loss = stopped(run=0, restore=False)
print("weights of the best epoch:", loss == min(history["val_loss"]))
print("weights of the last epoch:", loss == history["val_loss"][-1])

# %% [markdown] tags=["answer"]
# The model has the weights of the **last** epoch, `patience` epochs after the best one.

# %% [markdown]
# With `restore_best_weights=True` the best weights come back. Do they come back exactly? If so, the validation loss of
# the restored network equals the lowest in its history, to the last bit.

# %%
restored = [stopped(run, restore=True) for run in range(runs)]
exactly = [loss == min(history["val_loss"]) for _, history, loss in restored]
saved = epochs - np.median([len(history["loss"]) for _, history, _ in restored])

# %%
fact(
    "04.restored_exactly", "every run has its lowest validation loss back", all(exactly)
)
bound(
    "04.epochs_saved",
    "epochs saved by the stop",
    saved,
    at_least={"full": 12},
    digits=0,
)

# %% [markdown]
# They do in every run, and the stop saved {{04.epochs_saved}} epochs of a run (the median). (`fit` and `evaluate` both
# measured all rows in one batch. With another batch size the sums are rounded differently, and the last digit may
# change.)

# %% [markdown]
# ### Exercise 04.3: patience
#
# Write the rule of `EarlyStopping`. The fit ends with the `patience`-th epoch in a row without a new best, or with the
# last epoch. A new best must be *lower* than the best so far; an equal value does not count as one. Count epochs from
# 0, and return a tuple of two numbers.


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
            (
                "Two bad epochs in all are not two in a row, and no epoch after the end"
                " can be the best."
            ),
        ),
        (
            "0.5 0.4 0.45 0.42 0.41 0.2",
            2,
            3,
            1,
            (
                "A new best must be better than the best so far, not only better than"
                " the epoch before."
            ),
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


# %% tags=["wrong"] hint="better than the best so far"
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
# Do the remedies improve the *accuracy* of this network? If you train it once with them and once without, you compare
# one run with one run. Here you have several runs of each kind, so you can form all pairs: each run that had the
# remedies beside each run that did not.


# %%
def verdicts(first, second):
    """Shares of all pairs of runs in which `first` is higher, equal, lower than
    `second`."""
    difference = np.sign(np.subtract.outer(first, second))
    signs = {"higher": 1, "equal": 0, "lower": -1}
    return {name: np.mean(difference == sign) for name, sign in signs.items()}


# %%
accuracy_with = stack(with_remedies, "val_accuracy")[:, -1]
accuracy_without = stack(without_remedies, "val_accuracy")[:, -1]
accuracy_pairs = verdicts(accuracy_with, accuracy_without)
loss_with = stack(with_remedies, "val_loss")[:, -1]
loss_pairs = verdicts(loss_with, first_rate_end)
higher, equal, lower = accuracy_pairs.values()

# %%
from course.topics.history import run_dots

run_dots(
    {
        "both remedies": 100 * accuracy_with,
        "no remedy": 100 * accuracy_without,
    },
    title="Validation accuracy after the last epoch, a dot for each run",
    label="validation accuracy (% of rows)",
)

# %%
spread(
    "04.pairs_better", "share of pairs more accurate with remedies", higher, digits=2
)
spread("04.pairs_equal", "share of pairs equally accurate", equal, digits=2)
spread("04.pairs_worse", "share of pairs less accurate with remedies", lower, digits=2)

# %%
bound(
    "04.accuracy_gain",
    "accuracy gained by the remedies",
    100 * (np.mean(accuracy_with) - np.mean(accuracy_without)),
    at_least=-2,
    at_most=2,
    unit="points",
    digits=1,
)

# %%
bound(
    "04.pairs_loss_lower",
    "share of pairs with the lower loss",
    loss_pairs["lower"],
    at_least=0.9,
    digits=2,
)

# %% [markdown]
# What would you conclude from one run of each network? Here is what all pairs of runs say about the remedies:
#
# | the remedies make the network | share of pairs |
# | --- | --- |
# | more accurate | {{04.pairs_better}} |
# | equally accurate | {{04.pairs_equal}} |
# | less accurate | {{04.pairs_worse}} |
#
# (Each share is a median over the seeds, so the three need not add up to 1.)
#
# With one run of each, your answer would depend largely on luck. The pairs lean to "less accurate". So does the mean
# accuracy over all runs: it changes by {{04.accuracy_gain}}, {{04.accuracy_gain:sign}}. That is little: one of the 254
# validation tumors is worth 0.4 points.
#
# About the *loss* the pairs agree. The share of pairs in which the remedies lower it is {{04.pairs_loss_lower}}. What
# the remedies surely mend is how certain the network is.
#
# All runs also share their validation rows. Other rows would give other accuracies, so **these data cannot tell**
# whether the remedies change the accuracy on tumors in general. How far would an accuracy move? The standard error of
# an accuracy $p$ on $n$ rows is $\sqrt{p(1-p)/n}$, and it comes on top of the spread of the runs. (The difference of
# two networks on the same rows moves less, since both miss many of the same tumors.)

# %%
for p in (0.95, 0.98):
    error = 100 * np.sqrt(p * (1 - p) / len(y_validation))
    print(f"accuracy {p}: standard error {error:.1f} points")

# %% [markdown] tags=["quiz"]
# Two networks, one run each, 254 validation rows: accuracies of 0.965 and 0.961. What do you conclude?
#
# - [ ] The first is better, by 0.4 points.
#   0.4 points of 254 rows are one row. Another seed, or other rows, may turn that around.
# - [ ] The first is better, but not by much.
#   One row is no evidence of even a small difference.
# - [x] Nothing: they differ by one row, and another seed may turn them around.
#   More seeds would reduce the luck of the training, more rows the luck of the rows.
# - [ ] They are equally good.
#   That would need evidence as well: one run each cannot tell equal from different.

# %% [markdown]
# ## The legend says "test"
#
# Many people plot a history as the documentation of Keras 2 does (its page "Visualization"). There, `history` is what
# `fit(..., validation_split=0.25)` returned (title and axes left out here):
#
#     # Plot training & validation loss values
#     plt.plot(history.history['loss'])
#     plt.plot(history.history['val_loss'])
#     plt.legend(['Train', 'Test'], loc='upper left')
#
# The comment and the legend disagree about the second curve. On which rows was it measured?

# %%
_, history, loss = restored[0]  # the loss was measured by evaluate(validation)
print("lowest value of the curve is the loss on:")
print("the validation rows:", loss == min(history["val_loss"]))

# %% [markdown]
# The second curve was measured on the **validation** rows. `fit` has never seen a test row. The word matters as soon as
# you use the curve to *choose*. The epoch at which to stop was taken from this curve, and the lowest value of a rough
# curve is partly luck, because it was chosen for being low. Rows that helped to choose cannot judge. Only now, with
# everything chosen, do you open the test rows, once, for the stopped networks.

# %%
test = dataset(x_test, y_test).batch(len(x_test))
model = compiled()
tested = []
for weights, _, _ in restored:
    model.set_weights(weights)
    tested.append(model.evaluate(test, verbose=0))
test_loss, test_accuracy = np.median(tested, axis=0)
chosen_loss = np.median([loss for _, _, loss in restored])

# %%
spread(
    "04.chosen_validation_loss",
    "validation loss at the chosen epoch",
    chosen_loss,
    unit="nats",
)
spread("04.test_loss", "test loss of the same networks", test_loss, unit="nats")
spread("04.test_accuracy", "test accuracy of the same networks", test_accuracy)

# %% [markdown]
# The validation loss at the chosen epoch is {{04.chosen_validation_loss}}. The same networks have a test loss of
# {{04.test_loss}} and a test accuracy of {{04.test_accuracy}}. The two losses may differ for two reasons, and one split
# cannot tell them apart. First, the epoch was chosen for its low validation loss, which flatters the validation rows.
# Second, luck decided which tumors went into which part, and that can favor either. Call the curve what it is, and
# report the test loss.

# %% [markdown]
# ### Exercise 04.4: draw it yourself
#
# So far this course has drawn the curves. Now draw one with matplotlib's `pyplot` alone: the training and the validation
# loss of a history against the epoch, counted from 1. Name the two axes `epoch` and `loss`, name the curves `training`
# and `validation` in a legend, and return the axes. (`figure, axes = plt.subplots()` makes new ones.)


# %% tags=["solution"]
import matplotlib.pyplot as plt


def learning_curve(history):
    """Return axes with the training and the validation loss against the epoch."""
    _, axes = plt.subplots()
    epoch = range(1, len(history["loss"]) + 1)
    axes.plot(epoch, history["loss"], label="training")
    axes.plot(epoch, history["val_loss"], label="validation")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend()
    return axes


# %% tags=["helper"]
def read_off(axes):
    """What axes show: the curves by the names in the legend, and the labels."""
    legend = axes.get_legend()
    names = [] if legend is None else [text.get_text() for text in legend.get_texts()]
    curves = [line.get_xydata() for line in axes.get_lines()]
    labels = (axes.get_xlabel() + "|" + axes.get_ylabel()).lower()
    return curves, [name.lower() for name in names], labels


# %% tags=["check"]
import matplotlib.pyplot as plt


@exercise("04.4", learning_curve)
def check(learning_curve):
    history = {"loss": [0.7, 0.4, 0.2], "val_loss": [0.6, 0.5, 0.55]}
    try:
        axes = learning_curve(history)
        expect(
            hasattr(axes, "get_lines"),
            "Return the axes that you drew on. After plt.plot, they are plt.gca().",
        )
        curves, names, labels = read_off(axes)
    finally:
        plt.close("all")
    expect(len(curves) == 2, f"There must be two curves, and there are {len(curves)}.")
    expect(
        all(curve[0, 0] == 1 for curve in curves),
        "Your curves do not begin at epoch 1. Without an x, pyplot counts from 0.",
    )
    expect(
        all(curve[:, 0].tolist() == [1, 2, 3] for curve in curves),
        "The points do not stand at their epochs. Three losses belong at 1, 2 and 3.",
    )
    losses = [curve[:, 1].tolist() for curve in curves]
    expect(
        sorted(losses) == sorted(history.values()),
        "The curves must be the lists loss and val_loss of the history.",
    )
    expect(names, "There is no legend. Call axes.legend() after drawing.")
    expect(
        "test" not in names,
        "fit has never seen a test row. Call the second curve what it is.",
    )
    named = dict(zip(names, losses, strict=False))
    expect(
        named == {"training": history["loss"], "validation": history["val_loss"]},
        "The legend must name the loss training, and val_loss validation.",
    )
    expect(
        "epoch" in labels.split("|")[0] and "loss" in labels.split("|")[1],
        "The axes need names: epoch below, loss on the left.",
    )


# %% tags=["wrong"] hint="never seen a test row"
def learning_curve(history):
    _, axes = plt.subplots()
    epoch = [1, 2, 3]
    axes.plot(epoch, history["loss"], epoch, history["val_loss"])
    axes.legend(["train", "test"])
    return axes


# %% tags=["wrong"] hint="pyplot counts from 0"
def learning_curve(history):
    plt.figure()
    plt.plot(history["loss"], label="training")
    plt.plot(history["val_loss"], label="validation")
    plt.legend()
    return plt.gca()


# %% tags=["wrong"] hint="do not stand at their epochs"
def learning_curve(history):
    _, axes = plt.subplots()
    axes.plot([1, 10, 100], history["loss"], label="training")
    axes.plot([1, 10, 100], history["val_loss"], label="validation")
    axes.legend()
    return axes


# %% tags=["wrong"] hint="The axes need names"
def learning_curve(history):
    _, axes = plt.subplots()
    for name, key in {"training": "loss", "validation": "val_loss"}.items():
        axes.plot(range(1, 4), history[key], label=name)
    axes.legend()
    return axes


# %% [markdown]
# To see your curve, call `learning_curve(without_remedies[0])` in a cell of your own.

# %% [markdown]
# ## Keep it in a file
#
# A history lives in memory and is lost when the process dies. `CSVLogger` writes each epoch to a file as soon as it ends.
# Let a fit crash, and look at what is left.

# %%
import tempfile
from pathlib import Path


class Crash(keras.callbacks.Callback):
    """Ends a fit in its fifth epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 4:
            raise RuntimeError("the fit has crashed")


temporary = tempfile.TemporaryDirectory()  # goes when the kernel does
folder = Path(temporary.name)

# %% tags=["varies"]
path = folder / "history.csv"
logger = keras.callbacks.CSVLogger(path)
try:
    fit(network(run=0), [logger, Crash()])
except RuntimeError as error:
    print(error)
log = np.genfromtxt(path, delimiter=",", names=True)
logger.on_train_end()  # closes the file; the end of a process would do it
print(path.read_text())

# %% [markdown]
# All five epochs are there. `without_remedies[0]` is the history of the same run without the crash. Does the file hold
# the same numbers?

# %%
columns = [name for name in log.dtype.names if name != "epoch"]
equal = [np.array_equal(log[name], without_remedies[0][name][:5]) for name in columns]
print(f"{sum(equal)} of {len(equal)} columns equal the history, to the last bit")

# %% [markdown]
# Nothing is lost or rounded. The file counts its epochs from 0, and a second fit overwrites it, unless you say
# `append=True`.
#
# ### For TensorBoard
#
# **TensorBoard** shows curves in the browser while a fit runs. It reads *event files*, in which each number stands with
# its name and its step. The callback `keras.callbacks.TensorBoard(folder)` writes such files, if the package
# `tensorboard` is installed. TensorFlow itself can write events without that package, so a callback of your own takes
# only a few lines. (`scalars` tells TensorBoard that the numbers are to be drawn as curves.)

# %%
import tensorflow as tf

# the old name, since `tf.summary.scalar` needs the package tensorboard
scalars = tf.compat.v1.SummaryMetadata(plugin_data={"plugin_name": "scalars"})


# %%
class Events(keras.callbacks.Callback):
    """Writes the logs of each epoch to an event file for TensorBoard."""

    def on_train_begin(self, logs=None):
        self.writer = tf.summary.create_file_writer(str(folder / "events"))

    def on_epoch_end(self, epoch, logs=None):
        with self.writer.as_default(step=epoch):
            for name, value in logs.items():
                tf.summary.write(name, value, metadata=scalars)
        self.writer.flush()


# %%
history = fit(network(run=0), [Events()])

# %% [markdown]
# An event file is a sequence of records, one for each number. Read them back: do they hold the history?

# %%
newest = max((folder / "events").iterdir(), key=lambda path: path.stat().st_mtime_ns)
found = {name: [] for name in history}
for record in tf.data.TFRecordDataset(str(newest)).as_numpy_iterator():
    for value in tf.compat.v1.Event.FromString(record).summary.value:
        found[value.tag].append(float(tf.make_ndarray(value.tensor)))

# %%
equal = {name: np.allclose(found[name], history[name], rtol=1e-6) for name in history}
fact(
    "04.events_equal", "the events are the history, curve by curve", all(equal.values())
)

# %% [markdown]
# They do, up to the rounding to 32-bit numbers. Now let TensorBoard show them. It is an optional extra of this course;
# if it is installed, the next cell starts it and prints the address of its page.

# %% tags=["varies"]
from importlib.util import find_spec

if find_spec("tensorboard"):
    from tensorboard import program

    board = program.TensorBoard()
    # the fast way says that it is new
    board.configure(logdir=str(folder), load_fast="false")
    print("Open this address in your browser:", board.launch())
else:
    print("TensorBoard is not installed. The lesson goes on without it.")
    print("To get it: python bootstrap.py tensorboard")

# %% [markdown]
# The page has a plot for each of the four curves. TensorBoard runs until the kernel ends. From a terminal, `tensorboard
# --logdir FOLDER` does the same, also while a fit is still running.

# %% [markdown]
# ## What you have learned
#
# - `fit` returns one number an epoch for the loss and for each metric, for training and for validation.
# - The logged training loss is a running mean over the epoch, with dropout on. Validation is measured after the epoch,
#   with dropout off. Measure the training rows again before you compare the two.
# - If both losses are high and still falling, the network underfits. If the training loss leaps far above guessing, the
#   rate is too high. If the training loss falls while the validation loss turns and climbs, the network overfits, which
#   a few lines can detect. The loss shows it; the accuracy may not.
# - `EarlyStopping` leaves you the last weights unless you say `restore_best_weights=True`. Then the best come back
#   exactly.
# - One run is an anecdote. Draw several, and mind the number of validation rows.
# - The curve that common code calls "test" is validation. You choose with it, so it cannot judge.
# - A learning curve takes five lines of `pyplot`. `CSVLogger` keeps every epoch, also of a fit that crashes, and an event
#   file lets TensorBoard show it.
#
# ## Try next
#
# - Train on 300 rows instead of 60. Does the detector still fire?
# - Leave out the weight decay and keep the dropout. Is one of the remedies enough, also over 200 epochs?
# - Pass the training rows as `validation_data`. Is `val_loss` then what `Reevaluate` measured?
# - Shuffle the labels of the training rows. What do the two curves look like when there is nothing to learn?
