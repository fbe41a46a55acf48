# ---
# title: Checkpointing
# part: 3 Keep
# objectives:
#   - choose how often a training run saves, and which of its checkpoints to keep
#   - detect what a resumed run has lost, by comparing it with a run that was never killed
#   - state what part of a run weights, `.keras` files and BackupAndRestore each restore, and what they lose
#   - resume a run bit for bit, between epochs and within one, in Keras, TensorFlow and PyTorch
# prerequisites:
#   - "lesson 03 (Classification): fit on arrays repeats one order"
#   - "lesson 04 (Training history): overfitting, early stopping"
#   - "lesson 05 (Digits): dropout, Adam"
#   - "lesson 10 (Saving models): what a file of weights holds"
# data: [mnist]
# vary: {rows: [80, 96, 112, 128]}
# reading:
#   - "Keras developers, *mnist_cnn.py*, an example of Keras 1 and 2, https://github.com/keras-team/keras/blob/2.3.1/examples/mnist_cnn.py (the network and its published accuracy)"
#   - "Keras developers, *Multi-GPU distributed training with TensorFlow*, https://keras.io/guides/distributed_training_with_tensorflow/ (the program that is put to the test)"
#   - "TensorFlow developers, *Training checkpoints*, https://www.tensorflow.org/guide/checkpoint"
#   - "PyTorch developers, *Saving and loading a general checkpoint*, https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html"
#   - "PyTorch developers, *Reproducibility*, https://pytorch.org/docs/stable/notes/randomness.html"
#   - "Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011, doi:10.1145/2063384.2063405 (random numbers as a function of a counter)"
# ---

# %% [markdown]
# A training process can die at any moment: the power fails, memory runs out, the cluster takes its machine back. A
# **checkpoint** is what a training run writes to disk so that another process can go on. Saving the weights is easy.
# Going on *as if nothing had happened* is harder, and that is what this lesson tests. You will kill a run, start it
# again, and compare its final weights with those of a run that was left alone. A way of saving passes the test only if
# the largest difference is 0.
#
# The test needs runs that can be repeated. On one CPU, as here, our program gives the same bits every time it runs; on
# a GPU you have to ask for that with `tf.config.experimental.enable_op_determinism()`.
#
# Results in the text are those of full mode. Your run prints its own beside them.

# %% tags=["parameters"]
seed: int = 0  # seed of initial weights, order and dropout, 0 to 1000000
fast: bool = False  # fewer digits, fewer epochs
rows: int = 640  # digits to learn from, 64 to 50000, fast 70
judged: int = 1000  # validation digits, 100 to 1000, fast 100
epochs: int = 4  # epochs of a run that is killed halfway, 2 to 50, fast 2
long_epochs: int = 18  # epochs of the run whose best model is wanted, 3 to 200, fast 3

# %%
from course.lesson import begin

begin("11_checkpointing", globals())

# %%
from course.topics import checkpointing

checkpointing.kill_and_resume()

# %% [markdown]
# ## The network, and the size of its checkpoints
#
# We start from a famous network: the convolutional network of Keras' own MNIST example, with 32 and 64 filters and 128
# hidden units. The heading of that example says "Gets to 99.25% test accuracy after 12 epochs". (It trains with
# Adadelta; here we take Adam.)

# %%
import keras
from keras import layers


def add_convolutions(model, filters, more_filters, dropout):
    """Add the layers up to the flat features."""
    model.add(layers.Conv2D(filters, 3, activation="relu"))
    model.add(layers.Conv2D(more_filters, 3, activation="relu"))
    model.add(layers.MaxPooling2D())
    model.add(layers.Dropout(0.25 * dropout))
    model.add(layers.Flatten())


# %%
def network(filters, more_filters, hidden, dropout=1):
    """Build the classifier; `dropout=0` leaves dropout out."""
    keras.utils.clear_session(free_memory=False)  # layer names count from 1 again
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((28, 28, 1))])
    add_convolutions(model, filters, more_filters, dropout)
    model.add(layers.Dense(hidden, activation="relu"))
    model.add(layers.Dropout(0.5 * dropout))
    model.add(layers.Dense(10, activation="softmax"))
    return model


# %%
parameters = network(32, 64, 128).count_params()
print(f"{parameters:,} parameters")
print(f"weights: {4 * parameters / 1e6:.1f} MB")
print(f"with Adam's two running means of each: {12 * parameters / 1e6:.1f} MB")

# %% [markdown]
# How often should a run save? A kill can come at any moment, so on average it costs half the interval between two
# saves. A rule of thumb has three cases:
#
# - A run of **minutes** saves at the end. If it dies, start over.
# - A run of **hours** saves after every epoch.
# - A run of **days** saves within the epoch, every $n$ batches.
#
# Here are both costs for the twelve epochs of the example, with 60,000 digits in batches of 128:

# %%
per_epoch = -(-60_000 // 128)  # batches, rounded up
for name, interval in {"every epoch": per_epoch, "every 100 batches": 100}.items():
    print(f"a save {name}: {12 * per_epoch // interval} saves;", end=" ")
    print(f"a kill costs {interval / 2:g} batches on average")

# %% [markdown]
# Frequent saves lose less work, but each one takes time and each file takes space. Lesson 12 measures that cost. Here
# we ask what a checkpoint must contain. A small network can answer that. So from here on, the network is one eighth as
# wide and learns from a few hundred digits.

# %%
import numpy as np

from course.data import load

digits = load("mnist", fast=fast)
x = digits.x_train[:rows, ..., None].astype("float32") / 255
y = digits.y_train[:rows]
x_validation = digits.x_validation[:judged, ..., None].astype("float32") / 255
y_validation = digits.y_validation[:judged]
batch_size = min(64, len(x) // 4)  # at least four batches an epoch
print(len(x), "digits to learn from, in batches of", batch_size)

# %% [markdown]
# ## Keep one, keep all, keep the best
#
# Keras' `ModelCheckpoint` can do all three. We train without dropout, so that the network soon overfits. The rows are
# shuffled again in every epoch, as in lesson 03.


# %%
def compiled(model):
    """Compile a model with Adam, and create the optimizer's variables (lesson 10)."""
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(0.01), loss=loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


# %%
from course.training.batches import shuffled_batches


def fit(model, callbacks, **options):
    """Train on our digits and validate after every epoch; return the history."""
    data = shuffled_batches(x, y, batch_size=batch_size, seed=seed)
    options |= {"validation_batch_size": judged, "callbacks": callbacks, "verbose": 0}
    options["validation_data"] = (x_validation, y_validation)
    return model.fit(data, shuffle=False, **options).history


# %%
import tempfile
from pathlib import Path

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
saved = folder / "saved"


def save_weights(name, **options):
    """Return a callback that saves the weights after every epoch."""
    path = saved / f"{name}.weights.h5"
    return keras.callbacks.ModelCheckpoint(path, save_weights_only=True, **options)


# %%
from course.files import empty_folder

empty_folder(saved)  # every experiment starts from its own empty folder
model = compiled(network(4, 8, 16, dropout=0))
callbacks = [save_weights("last"), save_weights("epoch-{epoch:03}")]
callbacks.append(save_weights("best", save_best_only=True))  # by validation loss
losses = np.array(fit(model, callbacks, epochs=long_epochs)["val_loss"])

# %%
for name in ("last", "best", "epoch-*"):
    sizes = [file.stat().st_size for file in saved.glob(f"{name}.weights.h5")]
    print(f"{name:8} {len(sizes):3} files, {sum(sizes) / 1e6:5.2f} MB")

# %%
from course import plots

killed = 2 * long_epochs // 3
plots.lines(
    np.arange(1, long_epochs + 1),
    {"validation loss": losses},
    title="When is the model at its best?",
    x_label="epoch",
    y_label="cross-entropy (nats)",
    marked={"lowest loss": int(losses.argmin()) + 1, "the kill to come": killed},
)

# %% [markdown]
# The model is best where the validation loss is lowest; after that, if the run is long enough, it overfits. `last` is
# one file that every epoch overwrites. You need it to *go on*. `best` is one file too, and the one to *use*. `epoch-*`
# keeps everything, at the cost of space. Keep the last few checkpoints, in case one is damaged, and the best. (Each
# file is about three times as large as the weights, because it also holds Adam's two means: see lesson 10.)

# %% [markdown]
# ### Exercise 11.1: which checkpoints may go
#
# You are given the validation loss after each epoch so far; epochs are counted from 1. Return the epochs whose
# checkpoints stay: the newest `last` of them, and the best. If several epochs are equally good, the earliest counts as
# the best. An epoch whose loss is NaN is never the best, and all losses may be NaN.


# %% tags=["solution"]
def to_keep(losses, last):
    """Return the set of epochs whose checkpoints stay:
    the newest (`last` of them), and the one with the lowest loss."""
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
        "The best epoch was 2, and its checkpoint is gone. Keep it, however old it is.",
    )
    expect(
        set(kept) == {2, 4, 5},
        f"Too many stay: {set(kept)} instead of 2, 4 and 5.",
    )
    expect(
        set(to_keep([3.0, 1.0], 5)) == {1, 2},
        "While there are fewer epochs than you may keep, keep all of them.",
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
        "If all losses are NaN, no epoch is the best: keep only the last.",
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
# ## What weights alone forget
#
# Now let that run die after the epoch that the long-dashed line marks. A typical restart script rebuilds the model,
# loads the newest weights, passes `initial_epoch` to `fit`, and attaches the same save-the-best callback. It does not
# call `optimizer.build` before it loads, so Adam's means stay in the file (lesson 10). We do the same, with one
# shortcut that saves compile time: `reinitialize` resets the compiled model to its initial state, Adam included, and
# then we load the saved weights alone.

# %% [markdown] tags=["predict"]
# `best.weights.h5` holds the best model of the first process. What will it hold at the end of the second process: the
# best model of both, or possibly a worse one?

# %%
from course.training.reinitialize import reinitialize

model.load_weights(saved / f"epoch-{killed:03}.weights.h5")
weights = model.get_weights()
reinitialize(model, seed).set_weights(weights)
keep_best = [save_weights("best", save_best_only=True)]
resumed = fit(model, keep_best, initial_epoch=killed, epochs=long_epochs)["val_loss"]

# %%
best = int(losses[:killed].argmin()) + 1
from_the_best = {
    "left alone": losses[best - 1 :],
    "killed, restarted from weights": [*losses[best - 1 : killed], *resumed],
}

# %%
plots.lines(
    np.arange(best, long_epochs + 1),
    from_the_best,
    title="A run that got only its weights back",
    x_label="epoch",
    y_label="validation cross-entropy (nats)",
    marked={"best before the kill": best, "the kill": killed},
)

# %%
model.load_weights(saved / f"epoch-{best:03}.weights.h5")
old_best = model.get_weights()
model.load_weights(saved / "best.weights.h5")
same_model = all(map(np.array_equal, model.get_weights(), old_best))
change = min(resumed) - losses[:killed].min()

# %% [markdown] tags=["answer"]
# **Usually a worse one.** The new callback knows nothing about the old best. After its first epoch it overwrites the
# file, whatever the loss (the first point after the kill in your figure). From then on it keeps the best model of the
# second process only. So the old best was gone with every seed that we tried, and usually no better model followed. The
# validation loss of the model in the file, after minus before, is {{11.best_lost}}: {{11.best_lost:sign}}. (With `fast`
# the run dies before it overfits. Then the second process usually finds a better model, although the old best is
# forgotten all the same.)

# %%
from course.claims import bound, fact, spread

fact("11.old_best_gone", "best.weights.h5 lost the old best", not same_model)
spread("11.best_lost", "validation loss of best.weights.h5: change", change)

# %% [markdown]
# After the kill the curve takes a path of its own. Adam starts without its running means, so its first step moves every
# weight by about the learning rate; and the shuffled order starts over. Such a jolt can undo a little of the
# overfitting, and then the restarted run ends lower than the run left alone. Do not count on it.
#
# For the lost best value there is a remedy, the argument `initial_value_threshold=` of `ModelCheckpoint`. But you would
# also have to restore the patience of `EarlyStopping`, the learning rate that `ReduceLROnPlateau` had reached, the
# history, and the number that we passed as `initial_epoch`.

# %% [markdown] tags=["quiz"]
# A run with `EarlyStopping(patience=5)` dies four epochs after its best epoch. You restart it from its weights, with
# the right `initial_epoch`. From now on its validation loss only grows. When does it stop?
#
# - [ ] After one more epoch, as it would have without the kill.
#   The dead process had counted four bad epochs. That count lived in the callback and died with the process.
# - [x] After six more epochs, because the callback starts from scratch.
#   The count is gone, and so is the best value: the first epoch after the restart counts as an improvement. Five bad
#   epochs follow before training stops.
# - [ ] At once.
#   Nothing can stop it at once: the new callback has not seen an epoch yet.
# - [ ] Never, because `EarlyStopping` needs a history.
#   It needs only what it sees itself, and it starts looking again.

# %% [markdown]
# ## BackupAndRestore
#
# Keras has a callback for this very purpose. `BackupAndRestore` saves weights, optimizer and epoch, and at the start of
# `fit` it puts them back. To test it we need a death that leaves the notebook alive, so an exception plays that part:


# %%
class Killed(Exception):
    """Stands in for the end of the process."""


# %%
class Kill(keras.callbacks.Callback):
    """Ends training before a batch, counted from 0."""

    def __init__(self, epoch, batch=0):
        super().__init__()
        self.moment = (epoch, batch)

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.moment:
            raise Killed


# %% [markdown]
# Many runs follow, and each must start as if in a new process. To save time we compile one model, keep a copy of
# everything in it that training changes, and put that copy back before each run.

# %%
from course.training.state import capture, restore

model = compiled(network(4, 8, 16))
untrained = capture(model, metrics=False)


def fresh_model():
    """Return the model as a new process builds it."""
    restore(untrained, model, metrics=False, source="the untrained model")
    model._initial_epoch = None  # where BackupAndRestore leaves its epoch
    return model


# %%
from contextlib import suppress


def train_once(*callbacks, data=None):
    """Train a fresh model on the arrays, or on `data`, until it ends or is killed."""
    fresh_model()
    if data is None:
        keras.utils.set_random_seed(seed)  # Keras shuffles arrays by this seed
        options = {"x": x, "y": y, "batch_size": batch_size}
    else:
        options = {"x": data, "shuffle": False}
    with suppress(Killed):
        model.fit(**options, epochs=epochs, callbacks=callbacks, verbose=0)
    return model.get_weights()


# %%
def distance(weights, others):
    """Return the largest difference of any weight."""
    pairs = zip(weights, others, strict=True)
    return max(float(np.abs(one - other).max()) for one, other in pairs)


# %% [markdown] tags=["predict"]
# The network has dropout again, and the run dies between two epochs. What will be the largest difference of any weight
# between the run left alone and the one that `BackupAndRestore` brought back: 0, about 1e-6, or more than 0.01?

# %%
from keras.callbacks import BackupAndRestore

backup = empty_folder(folder / "backup")
alone = train_once()
train_once(BackupAndRestore(backup), Kill(epochs // 2))
resumed = train_once(BackupAndRestore(backup))
found = distance(resumed, alone)
print("epochs in the history:", len(model.history.epoch), "of", epochs)

# %% [markdown] tags=["answer"]
# **More than {{11.backup_and_restore:limit}}**: {{11.backup_and_restore}}. The run that came back is a different run.
# Its history holds only the epochs after the restart, and the other callbacks do not get their state back either.

# %%
bound("11.backup_and_restore", "BackupAndRestore: difference", found, at_least=0.01)

# %% [markdown]
# Lesson 10 suggests a suspect: the seed states of the dropout layers. Kill the run once more, note the states at that
# moment, and put them back by hand:

# %%
dropouts = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]


def dropout_seeds():
    """Return a copy of the states from which the two dropout layers draw."""
    return [layer.seed_generator.state.numpy() for layer in dropouts]


def put_back(states):
    """Return a callback that gives the dropout layers these states at the start."""

    def assign(logs):
        for layer, state in zip(dropouts, states, strict=True):
            layer.seed_generator.state.assign(state)

    return keras.callbacks.LambdaCallback(on_train_begin=assign)


# %%
empty_folder(backup)
train_once(BackupAndRestore(backup), Kill(epochs // 2))
seeds = dropout_seeds()
resumed = train_once(BackupAndRestore(backup), put_back(seeds))
found = distance(resumed, alone)

# %%
fact("11.backup_and_seeds", "and dropout's seeds: difference", found, equals=0.0)

# %% [markdown] tags=["predict"]
# The difference is now 0. But the order of the digits is random too, and nobody saved it. Suppose that the digits are
# shuffled again for every epoch, as `shuffled_batches` does. Will the difference still be 0?


# %%
def shuffled_anew():
    """Return the pipeline that a new process makes."""
    return shuffled_batches(x, y, batch_size=batch_size, seed=seed)


# %%
empty_folder(backup)
alone = train_once(data=shuffled_anew())
print("two runs left alone:", distance(train_once(data=shuffled_anew()), alone))
train_once(BackupAndRestore(backup), Kill(epochs // 2), data=shuffled_anew())
seeds = dropout_seeds()
how = {"data": shuffled_anew()}
resumed = train_once(BackupAndRestore(backup), put_back(seeds), **how)
found = distance(resumed, alone)
how_far = {"BackupAndRestore, with dropout's seeds": found}

# %% [markdown] tags=["answer"]
# **No**: it is {{11.backup_and_order}}. A new process makes a new pipeline, which starts again with the order of the
# first epoch. The 0 before was luck: `fit` on arrays repeats one order in every epoch (lesson 03), so there was no
# order to lose.

# %%
bound("11.backup_and_order", "dealt anew: difference", found, at_least=0.01)

# %% [markdown]
# One more test. With a number $n$ as `save_freq`, `BackupAndRestore` saves every $n$ batches, here about twice an
# epoch. A run dies in the middle of its second epoch and is resumed. How many batches has it trained on by its end?

# %%
per_epoch = -(-len(x) // batch_size)
every = -(-per_epoch // 2)
backup = empty_folder(folder / "batches")
train_once(BackupAndRestore(backup, save_freq=every), Kill(1, every + 1))
train_once(BackupAndRestore(backup, save_freq=every))
steps = int(model.optimizer.iterations)
print(f"{steps} batches; the run left alone takes {epochs * per_epoch}")

# %%
fact("11.steps_repeated", "the resumed run takes more", steps > epochs * per_epoch)

# %% [markdown]
# It has trained on too many. The callback saves the number of the batch but does not use it: the epoch starts again
# from its first batch, with weights that were already trained on the batches before the save.

# %% [markdown]
# ## The program from Keras' guide
#
# The guide to distributed training on keras.io saves the whole model after every epoch. At the start it loads the newest
# file, if there is one. This is the program, shortened and with our data:


# %%
def make_or_restore_model(checkpoints):
    """Load the newest model, or else make a new one."""
    keras.utils.set_random_seed(seed)
    files = list(checkpoints.glob("*.keras"))
    if not files:
        return fresh_model()
    return keras.models.load_model(max(files, key=lambda file: file.stat().st_ctime))


# %%
def run_training(model, checkpoints, *callbacks, **options):
    """Train and save the whole model after every epoch."""
    save = keras.callbacks.ModelCheckpoint(checkpoints / "ckpt-{epoch}.keras")
    options |= {"epochs": epochs, "callbacks": [save, *callbacks], "verbose": 0}
    with suppress(Killed):
        model.fit(shuffled_anew(), shuffle=False, **options)


# %% [markdown] tags=["predict"]
# The guide says: "Calling the same function again will resume from where we left off." The run is meant to last
# `epochs` epochs and dies after half of them. For how many epochs has the model been trained after the second call?

# %%
guide = empty_folder(folder / "guide")
run_training(make_or_restore_model(guide), guide, Kill(epochs // 2))
restored = make_or_restore_model(guide)
as_restored = capture(restored, metrics=False)
run_training(restored, guide)
trained_epochs = int(restored.optimizer.iterations) / per_epoch
print(f"{trained_epochs:g} epochs")

# %% [markdown] tags=["answer"]
# Half of them **and then all of them again**. The model comes back from its file, but `fit` counts epochs from 0, and
# `ckpt-1.keras` is overwritten by the model of a later epoch. (In the guide both calls ask for one epoch, and the
# second call trains one more. There it does not show.)

# %%
once_more = trained_epochs == epochs // 2 + epochs

# %%
fact("11.guide_epochs", "the second call trains all epochs once more", once_more)

# %% [markdown]
# `initial_epoch` repairs the count. Does the run then end with the weights of the run that was left alone? (We first
# put the model back into the state in which it was loaded.)

# %%
restore(as_restored, restored, metrics=False, source="the file")
run_training(restored, guide, initial_epoch=epochs // 2)
corrected = restored.get_weights()
found = distance(corrected, alone)
how_far["guide, with initial_epoch"] = found

# %%
bound("11.guide", "guide with initial_epoch: difference", found, at_least=0.01)

# %% [markdown]
# No: the difference is {{11.guide}}. The file holds weights and optimizer, but neither dropout's seeds nor the order.

# %% [markdown]
# ## What does it cost to stray?
#
# Is such a run worse than the one left alone? Compare their validation losses. As a yardstick, train once more without
# any kill, but with other seeds for dropout.


# %%
def validation_loss(weights):
    """Return the validation loss of the model with these weights."""
    fresh_model().set_weights(weights)
    return model.evaluate(x_validation, y_validation, batch_size=judged, verbose=0)


fresh_model()
other_seeds = [state + np.uint32(1) for state in dropout_seeds()]
other = train_once(put_back(other_seeds), data=shuffled_anew())
found = distance(other, alone)
how_far["never killed, other dropout seeds"] = found
cost = validation_loss(corrected) - validation_loss(alone)

# %%
bound("11.other_seeds", "other dropout seeds: difference", found, at_least=0.01)
spread("11.cost", "validation loss of the strayed run, minus that left alone", cost)

# %% [markdown]
# These runs do not show that straying makes a run worse. The validation loss changes by {{11.cost}}, {{11.cost:sign}}.
# A strayed run is another draw, such as you get from other seeds for dropout. The yardstick was never killed, and yet
# it ends {{11.other_seeds}} away: it strays from its first step on.
#
# So why insist on 0? Because no other number tells you what was lost: a dropout seed, which is harmless, or the
# learning-rate schedule, which is not. Only 0 shows that nothing was forgotten.

# %% [markdown]
# ### Exercise 11.2: the rest of an epoch
#
# There is a simple cure for a lost order: make the order a *function* of the seed and the epoch. Then nobody has to
# save the order. The course has such a function, `epoch_order(rows, seed, epoch)`, which returns a permutation of the
# row numbers. Write `batches_left`: when `done` batches of an epoch are finished, which batches are left? Return them
# as a list of arrays of row numbers. The last batch may be smaller than the others. After the whole epoch nothing is
# left: return an empty list.

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
            f"With done=0 return all {rows} rows, even those of a short last batch.",
        )
        sizes = [len(batch) for batch in whole]
        full = max(sizes) <= size and {*sizes[:-1]} <= {size}
        expect(
            full,
            f"Every batch but the last must have {size} rows, and the last at most"
            f" {size}; yours have {sizes}.",
        )
        flat = [row for batch in whole for row in batch]
        expect(
            flat == list(true),
            "With done=0 the rows must come in the order of epoch_order for that seed"
            " and epoch.",
        )
        for done in range(len(whole) + 1):
            left = [list(batch) for batch in batches_left(rows, size, 4, epoch, done)]
            expect(
                all(left) or done == 0,
                f"With {done} of {len(whole)} batches done you return an empty batch:"
                " leave it out.",
            )
            expect(
                len(left) == len(whole) - done,
                f"{done} of {len(whole)} batches done, and {len(left)} left? `done`"
                " counts batches, not rows.",
            )
            expect(
                left == whole[done:],
                "Return the batches that the epoch would have had next, in that same"
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
# The callback in `course/training/checkpoints.py` saves everything: the variables of model and optimizer, the seed
# states, the running metrics, the state of the callbacks in its list (here `ReduceLROnPlateau`), the history, and the
# random-number generators of Python and NumPy. The order is a function of seed and epoch (`run.shuffled`). To resume
# *within* an epoch, the callback draws the used batches once more, and skips them without training.


# %%
from course.training.checkpoints import Checkpoints


def our_run(name, *callbacks):
    """Train with checkpoints about twice an epoch; return the final weights."""
    slow_down = keras.callbacks.ReduceLROnPlateau("loss", patience=1)
    run = Checkpoints(name, [slow_down], save_freq=every, keep=2, monitor="loss")
    data = run.shuffled(x, y, batch_size=batch_size, seed=seed)
    return train_once(run, *callbacks, data=data)


# %% [markdown]
# This run dies twice: between two epochs, and in the last epoch, one batch after a save.

# %%
from contextlib import chdir

with chdir(empty_folder(folder / "ours")):  # so that messages show short names
    whole = our_run("alone")
    whole_history = model.history.history
    our_run("killed", Kill(epochs // 2))
    our_run("killed", Kill(epochs - 1, every + 1))
    resumed = our_run("killed")
    same_history = model.history.history == whole_history
found = distance(resumed, whole)
how_far["Checkpoints"] = found

# %%
fact("11.ours", "killed twice, resumed by Checkpoints: difference", found, equals=0.0)
fact("11.ours_history", "the same history", same_history)

# %%
checkpointing.distances(how_far, title="How far a run ends from the one left alone")

# %% [markdown]
# Of these four, only the run with `Checkpoints` ends where the run left alone ends. What is in one of its files, and
# which files are there?

# %%
from course.training.checkpoint_files import read

state = read(max((folder / "ours/killed").glob("*.npz"))).state
print(*state)
print(*list(state["model"]["variables"])[:4], sep="\n")

# %% tags=["varies"]
print(*sorted(path.name for path in (folder / "ours/killed").glob("*.npz")), sep="\n")

# %% [markdown]
# The first line lists the parts of the state: `memory` is what the callbacks remember, `moved` names what training has
# changed in the data, `validated` says whether the run has already validated, and `random` and `random_now` are states
# of the generators. `machine` says where the checkpoint was saved: a run resumed on another machine tells you that its
# last digits will differ. Below the line are the first variables of the model, by name.
#
# The last two checkpoints stay, and the best one as well, if it is not among them. A file's name first counts the whole
# epochs that are done, then the batches done in the next epoch. It ends with a hash of the content. The callback writes
# each file under a temporary name, forces it to disk and then renames it, so a file with its final name is complete. If
# it is damaged later, the hash no longer matches: the next run says so and uses the checkpoint before it.
#
# You can put the real network to the same test. `python -m benchmarks.mnist_cnn` trains it on 60,000 digits for twelve
# epochs, with two real kills, and prints its accuracy beside the published one. It takes about half an hour.

# %% [markdown]
# ## SIGKILL and SIGTERM
#
# After an exception Python still cleans up. A real kill, the signal SIGKILL, ends a process where it stands. Clusters
# are usually kinder: they first send SIGTERM and then wait, often for 30 seconds or more. That is time enough for one
# last checkpoint, if a save takes no longer. (Cheap cloud machines that can be taken back, called spot machines, give
# notice too; how they do it depends on the provider.) Here is a program in three parts. It does not need Keras, so it
# starts in a moment. First it installs a handler for SIGTERM and looks for the newest checkpoint:

# %%
START = """
import signal, sys, time
import numpy as np
from course.training.checkpoint_files import CheckpointFolder, Position

signals = []
signal.signal(signal.SIGTERM, lambda *_: signals.append("SIGTERM"))
checkpoints = CheckpointFolder(sys.argv[1], keep=2, asynchronous=False)
checkpoints.open()
found = checkpoints.newest()
"""

# %% [markdown]
# It trains a linear model, from that checkpoint or from zeros:

# %%
TRAINING = """
def trained(state, step):
    row = np.random.default_rng(step).normal(size=5)  # a function of the step
    gradient = (row @ state["weights"] - row.sum()) * row
    velocity = 0.9 * state["velocity"] - 0.01 * gradient
    time.sleep(0.005)  # a larger model takes longer
    return {"weights": state["weights"] + velocity, "velocity": velocity}

start = found.position.batch if found else 0
state = found.state if found else {"weights": np.zeros(5), "velocity": np.zeros(5)}
print("from step", start, flush=True)
"""

# %% [markdown]
# It saves every ten steps. When SIGTERM has come, it saves once more and ends.

# %%
LOOP = """
for step in range(start + 1, 81):
    state = trained(state, step)
    stop = bool(signals)
    if stop or step % 10 == 0:
        checkpoints.save(Position(epoch=0, batch=step), state, best=None)
    print("done", step, flush=True)
    if stop: sys.exit()
print(state["weights"].tobytes().hex())
"""
PROGRAM = START + TRAINING + LOOP


# %%
import subprocess
import sys


def start(name):
    """Start the program, which keeps its checkpoints in the folder `name`."""
    command = [sys.executable, "-c", PROGRAM, str(folder / name)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


# %% tags=["varies"]
rng = np.random.default_rng(seed)
empty_folder(folder / "ended")
for end in (subprocess.Popen.kill, subprocess.Popen.terminate):
    with start("ended") as child:
        lines = [child.stdout.readline() for _ in range(rng.integers(15, 25))]
        end(child)
        lines += child.stdout.readlines()
    print(f"{lines[0].strip()}, {lines[-1].strip()}, {end.__name__}")

# %% tags=["varies"]
import shutil

goes_on = empty_folder(folder / "goes on")
shutil.copytree(folder / "ended", goes_on, dirs_exist_ok=True)
empty_folder(folder / "left alone")
children = [start("goes on"), start("left alone")]
outputs = [child.communicate()[0].splitlines() for child in children]
same = outputs[0][-1] == outputs[1][-1]
print("third process:", outputs[0][0])

# %%
fact("11.killed_process", "killed and terminated: the same weights, bit for bit", same)

# %% [markdown]
# The kill cost the steps since the last multiple of ten; SIGTERM cost none. (Windows cannot send SIGTERM: there,
# `terminate` is a kill.) In spite of both, the run ended with the same bits as the run left alone. `python -m
# benchmarks.kill_and_resume` does this to training in Keras. It kills fifty processes, half of them during a save, and
# counts the checkpoints that are lost and the runs that end differently. No kill imitates a power failure, though;
# lesson 12 takes that up.

# %% [markdown] tags=["quiz"]
# A run saves into one file, `last.weights.h5`, after every epoch, always in place. It is killed in the middle of a
# save. What can you load afterwards?
#
# - [ ] The new checkpoint.
#   The process was still writing it, and half a file is not a checkpoint.
# - [ ] The old checkpoint.
#   Saving in place starts by overwriting the old bytes: both checkpoints use the same file.
# - [x] Perhaps nothing: the old checkpoint is overwritten and the new one is incomplete.
#   The save itself is the dangerous moment. Write a new file instead, and rename it once it is complete.
# - [ ] Both.
#   One file holds one checkpoint. To keep both you need two files.

# %% [markdown]
# ## The same in plain TensorFlow
#
# `tf.train.Checkpoint` saves the objects that you pass to it by name, and the TensorFlow objects inside them. It also
# takes the iterator of a data set: the file then holds the position that the iterator has reached. Our data set has an
# order that is a function of seed and epoch.


# %%
import tensorflow as tf


def one_epoch(epoch):
    """Return the batches of an epoch, in an order of its own."""
    seeds = tf.stack([tf.cast(seed, tf.int64), epoch])
    order = tf.random.experimental.stateless_shuffle(tf.range(len(x)), seeds)
    batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
    return batches.map(lambda rows: (tf.gather(x, rows), tf.gather(y, rows)))


endless = tf.data.Dataset.range(10**6).flat_map(one_epoch)  # epoch after epoch

# %%
loss = keras.losses.SparseCategoricalCrossentropy()


@tf.function(reduce_retracing=True)
def train_step(inputs, labels):
    """Take one step of training on a batch."""
    with tf.GradientTape() as tape:
        value = loss(labels, model(inputs, training=True))
    gradients = tape.gradient(value, model.trainable_variables)
    model.optimizer.apply(gradients, model.trainable_variables)


# %% [markdown] tags=["predict"]
# The run dies in its second epoch, one batch after a save. `tf.train.Checkpoint(model=model, ...)` follows the model to
# all its layers. Does it find the seeds of dropout there, or will the run stray unless you pass them as well?


# %%
def restored(name, leave_out):
    """Restore the newest checkpoint, if any; return its manager, step and iterator."""
    step, iterator = tf.Variable(0), iter(endless)
    parts = {"model": fresh_model(), "optimizer": model.optimizer}
    parts |= {"step": step, "iterator": iterator}
    parts["seeds"] = [layer.seed_generator.state.value for layer in dropouts]
    parts.pop(leave_out, None)
    checkpoint = tf.train.Checkpoint(**parts)
    manager = tf.train.CheckpointManager(checkpoint, folder / name, max_to_keep=2)
    checkpoint.restore(manager.latest_checkpoint)
    return manager, step, iterator


# %%
def tensorflow_run(name, until, leave_out=""):
    """Go on from the newest checkpoint, if any; die before step `until`."""
    manager, step, iterator = restored(name, leave_out)
    while step < until:
        if step % every == 0:
            manager.save()
        train_step(*next(iterator))
        step.assign_add(1)
    return model.get_weights()


# %%
last = min(epochs, 3) * per_epoch
empty_folder(folder / "tensorflow")
whole = tensorflow_run("tensorflow/alone", last)
away = {}
for left_out in ("", "seeds", "iterator"):
    name = f"tensorflow/without {left_out}"
    tensorflow_run(name, per_epoch + 1, left_out)  # dies here
    away[left_out] = distance(tensorflow_run(name, last, left_out), whole)

# %% [markdown] tags=["answer"]
# **It strays** if `seeds` is left out, by {{11.tensorflow_seeds}}. TensorFlow follows objects of its own kind, and
# Keras' `SeedGenerator` is not one of them. Weights and optimizer come back, and there is no warning. The sure way to
# find out what a tool saves is to resume a run and compare.

# %%
fact("11.tensorflow", "tf.train.Checkpoint: difference", away[""], equals=0.0)
bound("11.tensorflow_seeds", "no seeds: difference", away["seeds"], at_least=0.01)
bound(
    "11.tensorflow_iterator", "no iterator: difference", away["iterator"], at_least=0.01
)

# %% [markdown]
# Without the iterator the run strays too. Why did we not use `shuffled_batches` here and hand over its iterator? For
# two reasons. The file would hold the whole shuffle buffer, with every image that is in it. And restoring does not
# always work: in TensorFlow 2.21, a restored iterator of that pipeline finishes its epoch correctly, but may then
# shuffle the next epoch in another way. (A test of the course shows both.)

# %% [markdown]
# ## And in PyTorch
#
# PyTorch's tutorial saves the model, the optimizer, the epoch and the loss. Two things are missing:
#
# - **Generators.** Dropout draws from the global generator of its device. The CPU's state is `torch.get_rng_state()`. On
#   a GPU you also need `torch.cuda.get_rng_state_all()`.
# - **The order.** A `DataLoader` draws from the global CPU generator whenever a pass over it begins, even if it does not
#   shuffle. Give it a generator of its own, and make the order a function of the epoch. (`StatefulDataLoader` in the
#   package torchdata saves its position instead.)
#
# If you use a learning-rate scheduler or, with float16, a `GradScaler`, save their `state_dict()` as well. And load
# with `weights_only=True`, the default since PyTorch 2.6: a `.pt` file holds a pickle, which can run code (lesson 10).


# %%
def pytorch_model():
    """Return a new model and its optimizer."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    parts = [nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Dropout(0.5)]
    model = nn.Sequential(*parts, nn.Linear(16, 10))
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


# %%
def pytorch_start(path):
    """Return model, optimizer and step, as the checkpoint has them if there is one."""
    import torch

    model, adam = pytorch_model()
    if not path.exists():
        return model, adam, 0
    saved = torch.load(path, weights_only=True)
    model.load_state_dict(saved["model"])
    adam.load_state_dict(saved["optimizer"])
    if "generator" in saved:
        torch.set_rng_state(saved["generator"])
    return model, adam, saved["step"]


# %%
def pytorch_save(path, model, adam, step, complete):
    """Write a checkpoint, whole or not at all; `complete`: with the generator."""
    import torch

    state = {"model": model.state_dict(), "optimizer": adam.state_dict(), "step": step}
    if complete:
        state["generator"] = torch.get_rng_state()
    torch.save(state, path.with_suffix(".partial"))
    path.with_suffix(".partial").replace(path)


# %%
def pytorch_batches(epoch, done, complete):
    """Return the batches that are left of an epoch; the tutorial's way starts over."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    data = TensorDataset(torch.from_numpy(x), torch.from_numpy(y.astype("int64")))
    if not complete:
        return DataLoader(data, batch_size=batch_size, shuffle=True)
    left = epoch_order(len(x), seed, epoch)[batch_size * done :].tolist()
    own = torch.Generator()
    return DataLoader(data, batch_size=batch_size, sampler=left, generator=own)


# %%
def pytorch_steps(start, complete):
    """Yield the number of each step from `start` on, with its batch."""
    step = start
    while True:
        epoch, done = divmod(step, per_epoch)
        for inputs, labels in pytorch_batches(epoch, done, complete):
            yield step, inputs, labels
            step += 1


# %%
def pytorch_train_step(model, adam, inputs, labels):
    """Take one step of training on a batch."""
    from torch.nn.functional import cross_entropy

    adam.zero_grad()
    cross_entropy(model(inputs), labels).backward()
    adam.step()


# %%
def pytorch_run(path, until, complete=True):
    """Go on from the checkpoint, if any, and die before step `until`."""
    model, adam, start = pytorch_start(path)
    save_every = every if complete else per_epoch
    for step, inputs, labels in pytorch_steps(start, complete):
        if step == until:
            return [weights.detach().numpy() for weights in model.parameters()]
        if step % per_epoch % save_every == 0:
            pytorch_save(path, model, adam, step, complete)
        pytorch_train_step(model, adam, inputs, labels)


# %%
def pytorch_distances(files):
    """Kill a run and resume it, both ways; return how far it ends from one unkilled."""
    away = {}
    for complete, name in ((False, "the tutorial's way"), (True, "all of it")):
        whole = pytorch_run(files / f"{name}, alone.pt", last, complete)
        pytorch_run(files / f"{name}.pt", per_epoch + 1, complete)  # dies here
        away[name] = distance(pytorch_run(files / f"{name}.pt", last, complete), whole)
    return away


# %% [markdown]
# PyTorch is not part of the course's environment. So we ran these functions where it was installed, in full mode, with
# `python -m benchmarks.pytorch_resume`. The run dies in its second epoch, one batch after a save. This is what that
# program stored, the median and the range over its seeds:

# %%
checkpointing.measured_in_pytorch()

# %% [markdown]
# **The tutorial's way strays; with the generators and the order, PyTorch resumes bit for bit.** If PyTorch is
# installed, the next cell does the same with your seed.

# %% tags=["varies"]
from importlib.util import find_spec

if find_spec("torch"):
    for name, away_from in pytorch_distances(empty_folder(folder / "pytorch")).items():
        print(f"{name}: difference {away_from:.2g}")
else:
    print("PyTorch is not installed here. To get it: python bootstrap.py torch")

# %% [markdown]
# For models that are split across many machines, `torch.distributed.checkpoint` and Orbax save the parts in parallel
# and can load them on a different number of machines.

# %% [markdown]
# ### Exercise 11.3: everything, and a copy of it
#
# Here is a training loop without any framework, small enough to see everything in it. Write the two functions that
# checkpoint it. A snapshot must survive two things: the trainer keeps training after the snapshot was taken, and
# somebody resumes from it more than once. You can read and set the state of a NumPy generator as
# `rng.bit_generator.state`.


# %%
def descent(weights, steps, rng):
    """Return a step down the gradient at a random row; the steps become smaller."""
    row = rng.normal(size=3)
    error = row @ (weights - [1.0, 2.0, 3.0])
    return -0.1 / (1 + steps) * error * row


# %%
class Trainer:
    """A linear model with momentum; each step draws a row at random."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.weights = np.zeros(3)
        self.velocity = np.zeros(3)
        self.steps = 0

    def step(self):
        self.velocity *= 0.9
        self.velocity += descent(self.weights, self.steps, self.rng)
        self.weights += self.velocity
        self.steps += 1


# %% tags=["solution"]
import copy


def snapshot(trainer):
    """Return a dictionary of everything that the rest of the training depends on."""
    return copy.deepcopy(vars(trainer) | {"rng": trainer.rng.bit_generator.state})


def resume(trainer, state):
    """Put a snapshot into a trainer, whatever state that trainer is in."""
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
import copy


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
        "The trainer that you passed to resume has not changed. Change that one, not a"
        " new one.",
    )
    moved = np.array_equal(other.weights, dying.weights)
    expect(
        not moved,
        "The snapshot moved on with the training: copy arrays that change in place.",
    )
    same_place = (
        copy.deepcopy(other.rng).normal() == trained(Trainer(5), 15).rng.normal()
    )
    expect(
        same_place,
        "The next random numbers are wrong: save a copy of the generator's state, and"
        " put it back.",
    )
    same_steps = np.array_equal(trained(other, 25).weights, true)
    expect(
        same_steps,
        "The rows are right but the steps are wrong: what else does step() read, and"
        " did you copy it if it changes in place?",
    )
    again = Trainer(7)
    resume(again, state)
    same_again = np.array_equal(trained(again, 25).weights, true)
    expect(
        same_again,
        "The second resume from the same snapshot went wrong: copy in resume, too.",
    )


# %% tags=["wrong"] hint="arrays that change in place"
def snapshot(trainer):
    return vars(trainer) | {"rng": trainer.rng.bit_generator.state}


# %% tags=["wrong"] hint="the generator's state"
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
# - A kill costs half an interval on average. Save at the end of short runs, after every epoch in longer ones, and within
#   the epoch in the longest. Keep the last few checkpoints and the best.
# - To find out what a checkpoint has forgotten, kill a run, resume it, and compare its weights with those of a run left
#   alone. A strayed run need not be worse, but only a difference of 0 shows that nothing is missing.
# - Weights alone lose the optimizer, the epoch and the state of the callbacks; a worse model can overwrite the best.
#   `.keras` files bring back the optimizer too, and `BackupAndRestore` brings back the epoch as well. Neither brings
#   back dropout's seeds, the order, the batch or the history.
# - Save the generators, and make the order a function of seed and epoch. Then a run resumes bit for bit, in Keras,
#   TensorFlow and PyTorch, at any batch. On SIGTERM, save once more.
#
# ## Try next
#
# - If you have PyTorch: remove `torch.set_rng_state`, then the loader's own generator, and see what each costs.
# - Put a `BatchNormalization` layer into `network`. Its running means are not trained. Does each way still keep them?
# - Add `asynchronous=True` to `Checkpoints(...)`, which then writes while training goes on. Are the weights still the
#   same? Lesson 12 asks how much time that saves.
