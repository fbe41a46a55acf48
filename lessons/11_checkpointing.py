# ---
# title: Checkpointing
# part: 3 Keep
# objectives:
#   - choose how often a training run saves, and which of its checkpoints stay
#   - detect what a resumed training has lost, by comparing it with one that was never killed
#   - explain why weights alone, and BackupAndRestore, do not bring a run back
#   - resume a run bit for bit, at the end of an epoch and within one, in Keras, TensorFlow and PyTorch
# prerequisites:
#   - "lesson 04 (Training history): overfitting, early stopping"
#   - "lesson 05 (Digits): dropout, Adam"
#   - "lesson 10 (Saving models): what a file of weights holds"
# data: [mnist]
# reading:
#   - "Keras developers, *mnist_cnn.py*, an example of Keras 1 and 2, https://github.com/keras-team/keras/blob/2.3.1/examples/mnist_cnn.py (the network and its published accuracy)"
#   - "TensorFlow developers, *Training checkpoints*, https://www.tensorflow.org/guide/checkpoint"
#   - "PyTorch developers, *Reproducibility*, https://pytorch.org/docs/stable/notes/randomness.html"
#   - "Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011, doi:10.1145/2063384.2063405 (random numbers as a function of a counter)"
# ---

# %% [markdown]
# A process can die: the power fails, the cluster takes its machine back, memory runs out. A **checkpoint** is what a
# training run writes down so that it can go on. Saving the weights is easy. Going on *as if nothing had happened* is
# not, and that is how we will judge each way of saving: kill a run, start it again, and compare its last weights with
# those of a run that was left alone. The only good difference is 0. (So the same run twice must give the same bits. On
# our CPU it does; on a GPU one has to ask for it: `tf.config.experimental.enable_op_determinism()`.)
#
# Results in the text are those of full mode; your run prints its own beside them.

# %% tags=["parameters"]
seed: int = 0  # seed of first weights, order and dropout, 0 to 1000000
fast: bool = False  # fewer digits, fewer epochs
rows: int = 640  # digits to learn from, 64 to 50000, fast 70
judged: int = 1000  # validation digits, 100 to 1000, fast 100
epochs: int = 4  # epochs of a run that is killed half-way, 2 to 50, fast 2
long_epochs: int = 18  # epochs of the run whose best model is wanted, 3 to 200, fast 3

# %%
from course.lesson import begin

begin("11_checkpointing", globals())

# %% [markdown]
# ## The network, and what a checkpoint of it weighs
#
# Our network is a well-known one: the convolutional network of Keras' own example for MNIST, with 32 and 64 filters
# and 128 hidden units. Its heading says "Gets to 99.25% test accuracy after 12 epochs".

# %%
import keras
from keras import layers


def network(filters, more_filters, hidden, dropout=True):
    """A classifier of digits, compiled; always the same first weights."""
    keras.utils.clear_session(free_memory=False)  # names count from the start again
    keras.utils.set_random_seed(seed)
    parts = [keras.Input((28, 28, 1)), layers.Conv2D(filters, 3, activation="relu")]
    parts += [layers.Conv2D(more_filters, 3, activation="relu"), layers.MaxPooling2D()]
    parts += [layers.Dropout(0.25)] * dropout + [
        layers.Flatten(),
        layers.Dense(hidden, activation="relu"),
    ]
    parts += [layers.Dropout(0.5)] * dropout + [layers.Dense(10, activation="softmax")]
    model = keras.Sequential(parts)
    model.compile(
        keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        jit_compile=False,
    )
    return model


# %%
parameters = network(32, 64, 128).count_params()
by_hand = (9 + 1) * 32 + (9 * 32 + 1) * 64 + (12 * 12 * 64 + 1) * 128 + (128 + 1) * 10
print(f"{parameters:,} parameters, by hand {by_hand:,}")
print(
    f"weights: {4 * parameters / 1e6:.1f} MB; with Adam's two memories of each:"
    f" {12 * parameters / 1e6:.1f} MB"
)

# %% [markdown]
# How often should a run save? A kill comes at any moment, so it costs half an interval on average, and an interval at
# worst. Three regimes:
#
# - **short** (minutes): save at the end; who loses the run runs it again;
# - **regular** (hours): save after every epoch;
# - **long** (days, or epochs that take hours): save within the epoch, every so many batches.
#
# For the twelve epochs of the example, 60,000 digits in batches of 128 (a kill costs batches to train again):

# %%
batches = -(-60_000 // 128)
for regime, interval in {
    "short": 12 * batches,
    "regular": batches,
    "long": 100,
}.items():
    saves = 12 * batches // interval
    print(
        f"{regime:8} a save every {interval:5,} batches: {saves:3} saves, a kill costs"
        f" {interval / 2:6,.1f} on average"
    )

# %% [markdown]
# More saves, less lost work; but each save takes time, and each file kept takes space. What a save costs is the
# subject of lesson 12. Here the question is what must be in it, and a network of an eighth of the width, on a few of
# the digits, answers it as well.

# %%
import tempfile
from pathlib import Path

import numpy as np

from course.data import load
from course.files import empty_folder

digits = load("mnist", fast=fast)
x, y = digits.x_train[:rows, ..., None].astype("float32") / 255, digits.y_train[:rows]
validation = (
    digits.x_validation[:judged, ..., None].astype("float32") / 255,
    digits.y_validation[:judged],
)
# at least four batches an epoch: later on a run dies within one
batch_size = min(64, rows // 4)
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %% [markdown]
# ## Keep one, keep all, keep the best
#
# Keras' `ModelCheckpoint` can do all three. We train without dropout, so that the network soon overfits.


# %%
saved = folder / "saved"


def saver(name, **options):
    """A callback that saves the weights after every epoch."""
    return keras.callbacks.ModelCheckpoint(
        saved / name, save_weights_only=True, **options
    )


def keep_best():
    # by val_loss, unless `monitor` says otherwise
    return saver("best.weights.h5", save_best_only=True)


def fit(model, callbacks, **options):
    """Train on our digits; the validation digits go in one batch."""
    options |= {"validation_data": validation, "validation_batch_size": judged}
    return model.fit(
        x, y, batch_size=batch_size, verbose=0, callbacks=callbacks, **options
    )


# %%
# here and below, an experiment begins without the files of an earlier run
empty_folder(saved)
model = network(4, 8, 16, dropout=False)
# Adam's memory (lesson 10); made within a step, it takes longer
model.optimizer.build(model.trainable_variables)
savers = [saver("last.weights.h5"), saver("epoch-{epoch:03}.weights.h5"), keep_best()]
first = fit(model, savers, epochs=long_epochs).history

# %%
losses = np.array(first["val_loss"])
for name in ("last", "best", "epoch-*"):
    files = list(saved.glob(f"{name}.weights.h5"))
    print(
        f"{name:8} {len(files):3} files,"
        f" {sum(file.stat().st_size for file in files) / 1e6:5.2f} MB"
    )

# %%
from course import plots

killed = 2 * long_epochs // 3
plots.lines(
    np.arange(1, long_epochs + 1),
    {"validation loss": losses},
    title="When is the model at its best?",
    x_label="epoch",
    y_label="cross-entropy (nats)",
    marked={"the best": int(losses.argmin()) + 1, "the kill, see below": killed},
)

# %% [markdown]
# No later model beats the one at the dotted line. "Last" is one file, overwritten again and again; "all" takes a file
# for every epoch; "best" is one file too, and the one to *use*. To *go on* one needs the last. So keep the last few, in
# case one of them is damaged, and the best.

# %% [markdown]
# ### Exercise 11.1: what may be deleted
#
# Epochs count from 1. Given the validation loss after each epoch so far, say which checkpoints stay: the last few, and
# the best. Among equals the earliest is the best. An epoch whose loss is NaN is never the best, and all may be NaN.


# %% tags=["solution"]
def to_keep(losses, last):
    """Return the set of epochs whose checkpoints stay:
    the `last` ones, and the one with the least loss."""
    kept = set(range(max(1, len(losses) - last + 1), len(losses) + 1))
    if not np.isnan(losses).all():
        kept.add(int(np.nanargmin(losses)) + 1)
    return kept


# %% tags=["check"]
from course.exercises import exercise, expect


def draw(rng):
    losses = rng.choice([1.0, 2.0, 3.0, np.nan], rng.integers(1, 8))
    return losses.tolist(), int(rng.integers(1, 5))


@exercise("11.1", to_keep, draw=draw)
def check(to_keep):
    nan = float("nan")
    kept = to_keep([3.0, 1.0, 2.0, 2.5, 2.6], 2)
    expect(
        kept is None or np.iterable(kept),
        f"Return a set of the epochs that stay, not {kept!r}.",
    )
    kept = set(kept)
    expect(
        4 in kept and 5 in kept,
        f"Of five epochs the last two are 4 and 5; you keep {set(kept)}.",
    )
    expect(
        2 in kept,
        "The best epoch was 2, and its checkpoint is gone. It stays, however old"
        " it is.",
    )
    expect(
        set(kept) == {2, 4, 5},
        f"Too many or too few stay: {set(kept)} instead of 2, 4 and 5.",
    )
    expect(
        set(to_keep([3.0, 1.0], 5)) == {1, 2},
        "While there are fewer epochs than are to be kept, all of them stay.",
    )
    expect(
        set(to_keep([1.0, 2.0, 1.0, 3.0], 1)) == {1, 4},
        "Epochs 1 and 3 are equally good: the earliest counts.",
    )
    found = set(to_keep([nan, 3.0, 1.0, nan, 2.0], 1))
    expect(
        found == {3, 5},
        f"Of nan, 3, 1, nan, 2 you keep {found}, not 3 and 5. NaN compares with"
        " nothing: it must be left out.",
    )
    expect(
        set(to_keep([nan, nan, nan], 1)) == {3},
        "If all losses are NaN there is no best; the last stay.",
    )


# %% tags=["wrong"] hint="however old it is"
def to_keep(losses, last):
    return set(range(max(1, len(losses) - last + 1), len(losses) + 1))


# %% tags=["wrong"] hint="NaN compares with nothing"
def to_keep(losses, last):
    return {
        *range(max(1, len(losses) - last + 1), len(losses) + 1),
        int(np.argmin(losses)) + 1,
    }


# %% tags=["wrong"] hint="NaN compares with nothing"
def to_keep(losses, last):
    kept = set(range(max(1, len(losses) - last + 1), len(losses) + 1))
    return kept if np.isnan(losses).all() else kept | {losses.index(min(losses)) + 1}


# %% [markdown]
# ## What weights forget
#
# Now let that run die at the mark of the kill. Many programs then build the model again, load the newest weights, give
# `fit` the number of epochs done, and the same callback that keeps the best. So do we, but to save time we compile no
# other model: the first one loads the file, `reinitialize` empties it of all that it knows, and only the weights are
# put back. (Adam's memory is in the file, too, but a model just built would have skipped it, as lesson 10 shows.)

# %% [markdown] tags=["predict"]
# `best.weights.h5` holds the best model of the first life. What will it hold at the end of the second: the best of
# both lives, or something worse?

# %%
from course.training.reinitialize import reinitialize

model.load_weights(saved / f"epoch-{killed:03}.weights.h5")
weights = model.get_weights()
reinitialize(model, seed).set_weights(weights)
second = fit(model, [keep_best()], initial_epoch=killed, epochs=long_epochs).history

# %%
best = int(losses[:killed].argmin()) + 1
restarted = [*losses[best - 1 : killed], *second["val_loss"]]
plots.lines(
    np.arange(best, long_epochs + 1),
    {"left alone": losses[best - 1 :], "killed, restarted from weights": restarted},
    title="The second life of a run that got only its weights back",
    x_label="epoch",
    y_label="validation cross-entropy (nats)",
    marked={"best before the kill": best, "the kill": killed},
)

# %%
from course.claims import bound, fact, spread

model.load_weights(saved / f"epoch-{best:03}.weights.h5")
old_best = model.get_weights()
model.load_weights(saved / "best.weights.h5")
gone = not all(map(np.array_equal, model.get_weights(), old_best))
before, after = (
    losses[:killed].min(),
    model.evaluate(*validation, batch_size=judged, verbose=0),
)

# %%
fact("11.old_best_gone", "best.weights.h5 no longer holds the first life's best", gone)
spread("11.best_before_the_kill", "its validation loss before the kill", before)
spread("11.best_after", "its validation loss after the second life", after)
spread("11.best_lost", "how much higher its loss is now", after - before)

# %% [markdown] tags=["answer"]
# **Something else, and often something worse.** The file held a loss of {{11.best_before_the_kill}} before the kill and
# now holds {{11.best_after}}. The new callback had never heard of the old best. It wrote the first model of the second
# life over it, whatever its loss (in your figure: the first point after the kill), and later only what was better than
# that. So the best model of the first life is gone, with every seed. Whether a better one follows is luck: the loss in
# the file changed by {{11.best_lost}}, {{11.best_lost:sign}}. (With `fast` the run is too short to overfit, and the
# second life often goes on to better models.)

# %% [markdown]
# And the curve takes its own path: Adam starts without its memory, and its first step moves each weight with a
# gradient, however small, by about the learning rate. If such a jolt undoes some of the overfitting, that is luck.
#
# For this one value there is a remedy, `initial_value_threshold=`, if you remember it. But what about the patience of
# `EarlyStopping`, the rate that `ReduceLROnPlateau` had come to, the history, the number that we typed into
# `initial_epoch`?

# %% [markdown] tags=["quiz"]
# A run with `EarlyStopping(patience=5)` dies four epochs after its best. It is restarted from its weights, with
# `initial_epoch` right. From now on its loss only grows. When does it stop?
#
# - [ ] After one more epoch, as the run left alone would have.
#   The run left alone had counted four bad epochs. That count lived in the callback, which died with the process.
# - [x] After six more epochs: the callback begins anew.
#   The count died with the process, and so did the best value: the first epoch of the second life counts as an
#   improvement. So it takes six epochs, not five.
# - [ ] At once.
#   Nothing stops it at once: the new callback has seen no epoch yet.
# - [ ] Never: `EarlyStopping` needs a history.
#   It needs only what it has seen itself, and it starts to look again.

# %% [markdown]
# ## BackupAndRestore
#
# Keras has a callback for this very purpose. `BackupAndRestore` saves weights, optimizer and epoch, and at the start of
# `fit` puts them back. To test it we need death without a dead notebook, so an exception stands in for it:


# %%
class Killed(Exception):
    """Stands in for the end of the process."""


class Kill(keras.callbacks.Callback):
    """Ends training before a batch, counted from 0."""

    def __init__(self, epoch, batch=0):
        super().__init__()
        self.moment = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.moment:
            raise Killed


# %% [markdown]
# Many runs follow, and each has to start as in a new process. To save time we compile one network, keep a copy of
# everything in it that training changes, and put that back at every start.

# %%
from course.training.state import capture, restore

model = network(4, 8, 16)
model.optimizer.build(model.trainable_variables)
dropouts = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]
untrained = capture(model, metrics=False)  # weights, Adam's memory, dropout's seeds


def born():
    """The network as a new process builds it."""
    restore(untrained, model, metrics=False, source="the untrained network")
    # BackupAndRestore leaves its epoch here, and no other run may find it
    model._initial_epoch = None
    return model


# %%
from contextlib import suppress
from types import SimpleNamespace


def life(*callbacks, seeds=None, **data):
    """Train from birth until the last epoch or death;
    return what there is then. `seeds`: states for dropout."""
    born()
    if not data:
        # Keras shuffles arrays by it; `data` come with an order of their own
        keras.utils.set_random_seed(seed)
    if seeds:
        for layer, state in zip(dropouts, seeds, strict=True):
            layer.seed_generator.state.assign(state)
    given = data or {"x": x, "y": y, "batch_size": batch_size}
    with suppress(Killed):
        model.fit(**given, epochs=epochs, verbose=0, callbacks=callbacks)
    states = [layer.seed_generator.state for layer in dropouts]
    return SimpleNamespace(
        weights=model.get_weights(),
        seeds=[keras.ops.convert_to_numpy(state) for state in states],
        steps=int(model.optimizer.iterations),
        history=model.history,
    )


# %%
def distance(weights, others):
    """The largest difference of any weight."""
    return max(float(np.abs(a - b).max()) for a, b in zip(weights, others, strict=True))


# %% [markdown] tags=["predict"]
# The network has dropout again, and dies between two epochs. What will be the largest difference of any weight between
# the run left alone and the one that `BackupAndRestore` brought back: 0, about 1e-6, or more than 0.01?

# %%
import shutil

whole = life()
backup = empty_folder(folder / "backup")
dead = life(keras.callbacks.BackupAndRestore(backup), Kill(epochs // 2))
copied = empty_folder(folder / "copied")  # a run that ends deletes its backup
shutil.copytree(backup, copied, dirs_exist_ok=True)
resumed = life(keras.callbacks.BackupAndRestore(backup))

# %%
strays = {"BackupAndRestore": distance(resumed.weights, whole.weights)}
bound(
    "11.backup_and_restore",
    "brought back by BackupAndRestore: largest difference",
    strays["BackupAndRestore"],
    at_least=0.01,
)
print("epochs in the history:", len(resumed.history.epoch), "of", epochs)

# %% [markdown] tags=["answer"]
# {{11.backup_and_restore}}, **more than {{11.backup_and_restore:limit}}**: another run. The history has only the
# epochs of the second life, and no other callback gets its memory back.

# %% [markdown]
# Lesson 10 gives one suspect: dropout's seed states. Put them back by hand:

# %%
shutil.copytree(copied, empty_folder(backup), dirs_exist_ok=True)
resumed = life(keras.callbacks.BackupAndRestore(backup), seeds=dead.seeds)
strays["+ dropout's seeds"] = distance(resumed.weights, whole.weights)

# %%
fact(
    "11.backup_and_seeds",
    "with dropout's seeds put back: 0 away",
    strays["+ dropout's seeds"],
    equals=0.0,
)

# %% [markdown]
# 0. But wait: what about the *order* of the digits? It is random, too, and nobody saved it. Spy on `fit`:

# %%
seen = []


class Spy(keras.Model):
    """Learns nothing; notes the rows of each batch."""

    def train_step(self, data):
        seen.append(data[0].numpy().ravel().tolist())
        return {"loss": keras.ops.zeros(())}


def orders(**data):
    """The order of the rows in each of three epochs of fit, in one batch."""
    seen.clear()
    keras.utils.set_random_seed(seed)
    spy = Spy()
    spy.compile(run_eagerly=True)
    spy.fit(**data, epochs=3, verbose=0)
    return seen


# %%
import tensorflow as tf

numbers = np.arange(12)
for epoch in orders(x=numbers, y=numbers, batch_size=12):
    print(epoch)

# %% [markdown]
# A surprise: after `keras.utils.set_random_seed`, this version of Keras shuffles arrays **in the same way in every
# epoch**. (The operation that shuffles is made anew with every pass, from the same seed.) So there was no order to
# lose, by luck. With `tf.data` the order changes, as it should:

# %%
dealt = (
    tf.data.Dataset.from_tensor_slices((numbers, numbers))
    .shuffle(12, seed=seed)
    .batch(12)
)
for epoch in orders(x=dealt, shuffle=False):
    print(epoch)


# %% [markdown]
# And then the order is lost:


# %%
def pipeline():
    data = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=seed)
    return {"x": data.batch(batch_size), "shuffle": False}


whole = life(**pipeline())
print("two lives left alone:", distance(life(**pipeline()).weights, whole.weights))
backup = empty_folder(folder / "order")
dead = life(keras.callbacks.BackupAndRestore(backup), Kill(epochs // 2), **pipeline())
resumed = life(keras.callbacks.BackupAndRestore(backup), seeds=dead.seeds, **pipeline())
strays["tf.data, + dropout's seeds"] = distance(resumed.weights, whole.weights)

# %%
bound(
    "11.backup_and_order",
    "the same with tf.data: largest difference",
    strays["tf.data, + dropout's seeds"],
    at_least=0.01,
)

# %% [markdown]
# Dropout's seeds are back, and still the difference is {{11.backup_and_order}}: a new process makes a new pipeline, and
# the second life begins again with the order of the first epoch.
#
# Last, with `save_freq=` a number, `BackupAndRestore` saves after every so many batches: here about twice an epoch. How
# many batches does a run take that dies in the middle of its second epoch?

# %%
batches = -(-len(x) // batch_size)  # in an epoch
every = -(-batches // 2)
backup = empty_folder(folder / "batches")
life(keras.callbacks.BackupAndRestore(backup, save_freq=every), Kill(1, every + 1))
resumed = life(keras.callbacks.BackupAndRestore(backup, save_freq=every))
print(f"{resumed.steps} steps; the run left alone takes {epochs * batches}")

# %%
fact(
    "11.steps_repeated",
    "the restarted run takes more steps",
    resumed.steps > epochs * batches,
)

# %% [markdown]
# Too many: it writes down the batch, but does not read it. The epoch begins again from its first batch, on weights that
# have seen those batches already.

# %% [markdown]
# ### Exercise 11.2: the rest of an epoch
#
# The cure for the lost order: do not save it, make it a *function* of seed and epoch. The course has
# `epoch_order(rows, seed, epoch)` for that, a permutation. Return the batches (arrays of row numbers) that an epoch has
# left after `done` of them.

# %%
from course.training.fast_fit import epoch_order

print(epoch_order(10, 0, 0), epoch_order(10, 0, 1))


# %% tags=["solution"]
def batches_left(rows, batch_size, seed, epoch, done):
    """Return the list of batches of row numbers that are left after `done` batches of
    that epoch."""
    order = epoch_order(rows, seed, epoch)
    return [
        order[start : start + batch_size]
        for start in range(done * batch_size, rows, batch_size)
    ]


# %% tags=["check"]
def draw(rng):
    rows, size = int(rng.integers(1, 20)), int(rng.integers(1, 8))
    done = int(rng.integers(0, -(-rows // size) + 1))
    return rows, size, int(rng.integers(9)), int(rng.integers(5)), done


@exercise("11.2", batches_left, draw=draw)
def check(batches_left):
    for rows, size, epoch in ((20, 5, 0), (23, 5, 3), (7, 10, 1)):
        true = epoch_order(rows, 4, epoch)
        found = list(batches_left(rows, size, 4, epoch, 0))
        expect(
            all(map(np.ndim, found)),
            "Return a list of batches, each of them an array of row numbers.",
        )
        whole = [list(batch) for batch in found]
        expect(
            sum(map(len, whole)) == rows,
            f"With done=0 all {rows} rows come, those of a last, smaller batch too.",
        )
        sizes = [len(batch) for batch in whole]
        full = max(sizes) <= size and {*sizes[:-1]} <= {size}
        expect(
            full,
            f"Every batch but the last has {size} rows, and the last no more; yours"
            f" have {sizes}.",
        )
        flat = [row for batch in whole for row in batch]
        expect(
            flat == list(true),
            "With done=0 all batches must come, in the order of epoch_order for that"
            " seed and epoch.",
        )
        for done in range(len(whole) + 1):
            left = [list(batch) for batch in batches_left(rows, size, 4, epoch, done)]
            expect(
                all(left) or done == 0,
                f"With {done} of {len(whole)} batches done an empty one comes back. An"
                " empty batch is no batch: leave it out.",
            )
            expect(
                len(left) == len(whole) - done,
                f"{done} of {len(whole)} batches done, and {len(left)} left? `done`"
                " counts batches, not rows.",
            )
            expect(
                left == whole[done:],
                "What is left must be what the epoch would have come to, in that same"
                " order.",
            )


# %% tags=["wrong"] hint="counts batches, not rows"
def batches_left(rows, batch_size, seed, epoch, done):
    order = epoch_order(rows, seed, epoch)[done:]
    return [
        order[start : start + batch_size] for start in range(0, len(order), batch_size)
    ]


# %% tags=["wrong"] hint="Every batch but the last"
def batches_left(rows, batch_size, seed, epoch, done):
    return np.array_split(epoch_order(rows, seed, epoch), -(-rows // batch_size))[done:]


# %% tags=["wrong"] hint="in that same order"
def batches_left(rows, batch_size, seed, epoch, done):
    order = epoch_order(rows, seed, epoch)
    if done:
        order = order[done * batch_size :][
            epoch_order(max(rows - done * batch_size, 0), seed, epoch)
        ]
    return [
        order[start : start + batch_size] for start in range(0, len(order), batch_size)
    ]


# %% [markdown]
# ## A checkpoint that forgets nothing
#
# `course/training/checkpoints.py` has a callback that does it all. It saves the variables of model and optimizer, the
# seed states, the running metrics, what the callbacks in its list remember (here `ReduceLROnPlateau`), the history, and
# the generators of Python and NumPy. The order is a function of seed and epoch (`run.shuffled`). To resume *within* an
# epoch, it lets the first batches of it pass without training on them.


# %%
from course.training.checkpoints import Checkpoints


def our_life(name, *killers):
    """As `life`, with our callback."""
    run = Checkpoints(
        name,
        [keras.callbacks.ReduceLROnPlateau("loss", patience=1)],
        save_freq=every,
        keep=2,
        monitor="loss",
    )
    data = run.shuffled(x, y, batch_size=batch_size, seed=seed)
    return life(run, *killers, x=data, shuffle=False)


# %% [markdown]
# This run dies twice: between two epochs, and in the last epoch, one batch after a save.

# %%
from contextlib import chdir

with chdir(empty_folder(folder / "ours")):  # so that the messages need not name it
    whole = our_life("whole")
    our_life("killed", Kill(epochs // 2))
    our_life("killed", Kill(epochs - 1, every + 1))
    resumed = our_life("killed")

# %%
strays["Checkpoints"] = distance(resumed.weights, whole.weights)

# %%
fact(
    "11.ours",
    "killed twice, resumed by Checkpoints: 0 away",
    strays["Checkpoints"],
    equals=0.0,
)
fact(
    "11.ours_history",
    "the same history",
    resumed.history.history == whole.history.history,
)
fact(
    "11.ours_seeds", "the same seed states", np.array_equal(resumed.seeds, whole.seeds)
)

# %%
plots.bars(
    strays,
    title="How far a resumed run strays from the one left alone",
    label="largest difference of any weight",
)

# %% [markdown]
# Two bars have no length: these distances are 0, to the last bit. The upper zero is luck, because arrays keep one
# order; the lower one is earned. What does a file hold, and which files are there?

# %%
from course.training.checkpoint_files import read

state = read(max((folder / "ours/killed").glob("*.npz"))).state
print(*state)
print(*list(state["model"]["variables"])[:4], sep="\n")

# %% tags=["varies"]
print(*sorted(path.name for path in (folder / "ours/killed").glob("*.npz")), sep="\n")

# %% [markdown]
# The last two (and the best, unless it is among them). A name says what is done, whole epochs and batches of the next,
# and ends with a hash of the content. A file is written under another name first, forced to the disk and then renamed,
# so under its own name it is whole or absent. Damage that comes later shows in the hash; a run started then says so,
# and goes on from the file before.
#
# After an exception, though, Python still tidies up. SIGKILL (on Windows, TerminateProcess) ends a process where it
# stands. A program without Keras starts in a moment, so let us kill one for real. It trains five weights by
# stochastic gradient descent with momentum, keeps its checkpoints as our callback does, and draws each row as a
# function of the step.

# %%
PROGRAM = """
import sys
import numpy as np
from course.training.checkpoint_files import CheckpointFolder, Position

checkpoints = CheckpointFolder(sys.argv[1], keep=2, asynchronous=False)
checkpoints.open()
found = checkpoints.newest()
state = found.state if found else {"weights": np.zeros(5), "velocity": np.zeros(5)}
for step in range(found.position.batch if found else 0, 60):
    row = np.random.default_rng(step).normal(size=5)
    error = row @ state["weights"] - row.sum()
    velocity = 0.9 * state["velocity"] - 0.01 * error * row
    state = {"weights": state["weights"] + velocity, "velocity": velocity}
    checkpoints.save(Position(epoch=0, batch=step + 1), state, best=None)
    print(step + 1, flush=True)
print(state["weights"].tobytes().hex())
"""

# %% tags=["varies"]
import subprocess
import sys
import time

rng = np.random.default_rng(seed)
command = [sys.executable, "-c", PROGRAM]
shot = empty_folder(folder / "shot")
for _ in range(2):
    with subprocess.Popen([*command, shot], stdout=subprocess.PIPE, text=True) as child:
        reports = [child.stdout.readline() for _ in range(rng.integers(1, 10))]
        time.sleep(rng.uniform(0, 0.01))
        child.kill()
    print(
        "killed after step", reports[-1].strip(), "with exit status", child.returncode
    )

# %%
going_on = empty_folder(folder / "going on")
shutil.copytree(shot, going_on, dirs_exist_ok=True)
places = [going_on, empty_folder(folder / "alone")]
children = [
    subprocess.Popen([*command, place], stdout=subprocess.PIPE, text=True)
    for place in places
]
resumed, alone = (child.communicate()[0].split()[-1] for child in children)

# %%
fact(
    "11.killed_process",
    "killed twice for real: the same weights to the last bit",
    resumed == alone,
)

# %% [markdown]
# `python -m benchmarks.kill_and_resume` does the same to training in Keras: it kills fifty processes, aims half of the
# kills at a save, and counts what is lost or different. (No kill imitates a power failure, though.)

# %% [markdown] tags=["quiz"]
# A run saves into one file, `last.weights.h5`, in place, after every epoch. It is killed in the middle of a save. What
# can be loaded afterwards?
#
# - [ ] The new checkpoint.
#   It was still being written. A part of a file is no checkpoint.
# - [ ] The old checkpoint.
#   Its bytes have been overwritten from the first on: the same file holds both, in turn.
# - [x] Perhaps nothing: the old one has been overwritten, the new one is not complete.
#   The moment of danger is the save itself, and the more often one saves, the more often it comes. Write a new file,
#   and let it take the old one's name only when it is whole.
# - [ ] Both.
#   One name holds one content. For both you need two files.

# %% [markdown]
# ## The same in plain TensorFlow
#
# `tf.train.Checkpoint` saves what it is given by name, and whatever that holds. With a loop of our own we need no
# callback, and one number says where we are: the step. Epoch and batch follow from it, the order from the epoch.


# %%
def place(step):
    """Is this step worth a save, the first or the middle one of an epoch? And which
    rows are next?"""
    epoch, batch = divmod(step, batches)
    save = batch % every == 0
    return (
        save,
        epoch_order(len(x), seed, epoch)[batch_size * batch : batch_size * (batch + 1)],
    )


loss = keras.losses.SparseCategoricalCrossentropy()


@tf.function(
    input_signature=[
        tf.TensorSpec([None, *x.shape[1:]], x.dtype),
        tf.TensorSpec([None], y.dtype),
    ]
)
def train_step(inputs, labels):
    """One step of training, compiled at its first call for batches of any size."""
    with tf.GradientTape() as tape:
        value = loss(labels, model(inputs, training=True))
    model.optimizer.apply(
        tape.gradient(value, model.trainable_variables), model.trainable_variables
    )


# %%
def tensorflow_life(name, until, keep_seeds=True):
    """Go on from the newest checkpoint, if any, and die before step `until`; return the
    weights."""
    model, step = born(), tf.Variable(0)
    seeds = (
        [layer.seed_generator.state.value for layer in dropouts] if keep_seeds else []
    )
    checkpoint = tf.train.Checkpoint(
        model=model, optimizer=model.optimizer, step=step, seeds=seeds
    )
    manager = tf.train.CheckpointManager(
        checkpoint, folder / "tensorflow" / name, max_to_keep=2
    )
    checkpoint.restore(manager.latest_checkpoint)
    while step < until:
        save, chosen = place(int(step))
        if save:
            manager.save()
        train_step(x[chosen], y[chosen])
        step.assign_add(1)
    return model.get_weights()


# %% [markdown]
# It dies in the second epoch, one batch after a save.

# %% [markdown] tags=["predict"]
# `tf.train.Checkpoint(model=model, ...)` follows the model to all its layers. Does it find the seeds of dropout there,
# or does the argument `seeds` matter?

# %%
end = min(epochs, 3) * batches
empty_folder(folder / "tensorflow")
whole, away = tensorflow_life("whole run", end), {}
for keep_seeds in (True, False):
    for until in (batches + 1, end):
        resumed = tensorflow_life(f"killed {keep_seeds}", until, keep_seeds)
    away[keep_seeds] = distance(resumed, whole)

# %%
fact(
    "11.tensorflow",
    "resumed by tf.train.Checkpoint with the seeds: 0 away",
    away[True],
    equals=0.0,
)
bound(
    "11.tensorflow_without_seeds",
    "without the seeds: largest difference",
    away[False],
    at_least=0.01,
)

# %% [markdown] tags=["answer"]
# It matters: the difference is 0 with it and {{11.tensorflow_without_seeds}} without. TensorFlow follows objects of its
# own kind only, and Keras' `SeedGenerator` is none. The weights and Adam's memory come back in both cases, and nothing
# warns. The only way to find out what a tool saves is to resume a run and compare.

# %% [markdown]
# ## And in PyTorch
#
# There is no callback here, so one writes down all of it. Three things are easily missed.
#
# - Dropout draws from the *global* generator, whose state belongs in the file.
# - A `DataLoader` draws a number from the global generator whenever a pass over it begins. A pass more, after a kill
#   within an epoch, and all the dropout after it changes. Give the loader a generator of its own.
# - A `.pt` file is a pickle, which can run code (lesson 10). `weights_only=True` loads tensors, numbers and plain
#   containers only, and that is enough.


# %%
def pytorch_start(path):
    """Model, optimizer and step as they are in the checkpoint, if there is one."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 10)
    )
    adam, step = torch.optim.Adam(model.parameters(), lr=0.01), 0
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        adam.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["generator"])
        step = saved["step"]
    return model, adam, step


# %%
def pytorch_life(path, until):
    """As `tensorflow_life`, with a small network; returns all its weights."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    model, adam, step = pytorch_start(path)
    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y.astype("int64")))
    while step < until:
        epoch, done = divmod(step, batches)
        rows_left = epoch_order(len(x), seed, epoch)[batch_size * done :].tolist()
        for inputs, labels in DataLoader(
            data, batch_size=batch_size, sampler=rows_left, generator=torch.Generator()
        ):
            if step == until:
                break
            if step % batches % every == 0:
                state = {"model": model.state_dict(), "optimizer": adam.state_dict()}
                state |= {"step": step, "generator": torch.get_rng_state()}
                torch.save(state, path.with_suffix(".partial"))
                path.with_suffix(".partial").replace(path)  # whole or not at all
            adam.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs), labels).backward()
            adam.step()
            step += 1
    flat = [weights.detach().ravel() for weights in model.parameters()]
    return torch.cat(flat).numpy()


# %% tags=["varies"]
from importlib.util import find_spec

if find_spec("torch"):
    torch_files = empty_folder(folder / "pytorch")
    whole = pytorch_life(torch_files / "whole.pt", end)
    for until in (batches + 1, end):
        resumed = pytorch_life(torch_files / "killed.pt", until)
    print("largest difference:", abs(resumed - whole).max())
else:
    print(
        "PyTorch is not installed. `.venv/bin/uv pip install torch` gets it; without it"
        " the lesson goes on."
    )

# %% [markdown]
# With PyTorch installed this prints 0.0; a test of the course checks it.

# %% [markdown]
# ### Exercise 11.3: everything, and a copy of it
#
# A training without any framework, small enough to see all of it. Write the two functions that checkpoint it. A
# generator of NumPy gives and takes its state as `rng.bit_generator.state`.


# %%
class Trainer:
    """A linear model with momentum; each step draws a row at random."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.weights, self.velocity = np.zeros(3), np.zeros(3)
        self.steps = 0

    def step(self):
        row = self.rng.normal(size=3)
        self.velocity *= 0.9
        self.velocity -= (
            0.1 / (1 + self.steps) * (row @ (self.weights - [1.0, 2.0, 3.0])) * row
        )
        self.weights += self.velocity
        self.steps += 1


# %% tags=["solution"]
import copy


def snapshot(trainer):
    """Return all that the rest of the training depends on, as a dictionary."""
    return copy.deepcopy(vars(trainer) | {"rng": trainer.rng.bit_generator.state})


def resume(trainer, state):
    """Put a snapshot into another trainer, which may have any state."""
    state = copy.deepcopy(state)
    trainer.rng.bit_generator.state = state.pop("rng")
    vars(trainer).update(state)


# %% tags=["helper"]
def trained(trainer, steps):
    """The trainer, some steps further."""
    for _ in range(steps):
        trainer.step()
    return trainer


# %% tags=["check"]
@exercise("11.3", snapshot, resume)
def check(snapshot, resume):
    true, dying = trained(Trainer(5), 40).weights, trained(Trainer(5), 15)
    state = snapshot(dying)
    expect(isinstance(state, dict), "snapshot must return a dictionary.")
    snapshot(trained(Trainer(8), 2))  # what it keeps must be in what it returns
    unchanged = np.array_equal(trained(dying, 25).weights, true)
    expect(unchanged, "Taking a snapshot has changed the training. It must only look.")
    other = trained(Trainer(6), 3)
    before, place = other.weights.copy(), other.rng.bit_generator.state
    resume(other, state)
    expect(
        not np.array_equal(other.weights, before)
        or other.rng.bit_generator.state != place,
        "The trainer that resume was given has not changed. Change that one, not a new"
        " one.",
    )
    moved = np.array_equal(other.weights, dying.weights)
    expect(
        not moved,
        "The snapshot moved on with the training: arrays that change in place must be"
        " copied.",
    )
    same_place = (
        copy.deepcopy(other.rng).normal() == trained(Trainer(5), 15).rng.normal()
    )
    expect(
        same_place,
        "Wrong random numbers come next: save a copy of the generator's place, and put"
        " it back.",
    )
    same_steps = np.array_equal(trained(other, 25).weights, true)
    expect(
        same_steps,
        "Right rows, wrong steps: what else does step() read, and is it a copy if it"
        " changes in place?",
    )
    again = Trainer(7)
    resume(again, state)
    same_again = np.array_equal(trained(again, 25).weights, true)
    expect(
        same_again,
        "The second resume from one snapshot went wrong: copy in resume, too.",
    )


# %% tags=["wrong"] hint="arrays that change in place"
def snapshot(trainer):
    return vars(trainer) | {"rng": trainer.rng.bit_generator.state}


# %% tags=["wrong"] hint="the generator's place"
def snapshot(trainer):
    return copy.deepcopy(
        vars(trainer) | {"rng": np.random.default_rng(5).bit_generator.state}
    )


# %% tags=["wrong"] hint="what else does step() read"
def snapshot(trainer):
    state = {"weights": trainer.weights.copy(), "rng": trainer.rng.bit_generator.state}
    return copy.deepcopy(state)


# %% tags=["wrong"] hint="copy in resume"
def resume(trainer, state):
    trainer.rng.bit_generator.state = state["rng"]
    vars(trainer).update(
        {name: value for name, value in state.items() if name != "rng"}
    )


# %% [markdown]
# ## What you have learned
#
# - A kill costs half an interval on average. Save at the end in short runs, every epoch in regular ones, within the
#   epoch in long ones; keep the last few checkpoints and the best.
# - Whether a checkpoint is complete is decided by a run that was killed and resumed: its weights must differ from those
#   of the run left alone by 0.
# - Weights alone lose the optimizer, the epoch and what callbacks know, and a worse model can overwrite the best.
#   `BackupAndRestore` brings back optimizer and epoch, but not dropout's seeds, the order, the batch or the history.
# - Save the generators, and make the order a function of seed and epoch; then a run resumes bit for bit, in Keras,
#   TensorFlow and PyTorch, at any batch.
#
# ## Try next
#
# - Remove `torch.set_rng_state`, or the loader's own generator, and see the difference that each makes.
# - Put a `BatchNormalization` into the network. Its running means are not trained: does each way still keep them?
# - `Checkpoints(..., asynchronous=True)` writes while training goes on. Are the weights still the same? Lesson 12 asks
#   how much time that saves.
