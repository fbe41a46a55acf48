# ---
# title: Saving models
# part: 3 Keep
# objectives:
#   - name the four parts of a model in training, and state which of them each file format keeps
#   - test a format yourself, by resuming a training run and comparing every weight with an uninterrupted run
#   - load weights into another model by an explicit map of layer names
#   - detect a file that was cut short or altered before you load it
#   - explain which files can carry code, and load a stranger's model without running its code
# prerequisites:
#   - "lesson 03 (Classification): build, compile and fit a classifier"
#   - "lesson 05 (Digits): dropout, Adam"
# data: [penguins]
# vary: {more: [3, 4, 5, 6]}
# reading:
#   - "Keras developers, *Save, serialize, and export models*, https://keras.io/guides/serialization_and_saving/"
#   - "CVE-2021-37678: code execution through a Keras model in YAML (the end of to_yaml), nvd.nist.gov/vuln/detail/CVE-2021-37678"
#   - "CVE-2024-3660: code execution through Lambda layers (the hole that safe_mode closes), nvd.nist.gov/vuln/detail/CVE-2024-3660"
#   - "CVE-2025-1550: safe_mode was bypassed by a function named in a .keras file (fixed in Keras 3.9), nvd.nist.gov/vuln/detail/CVE-2025-1550"
#   - "GHSA-36rr-ww3j-vrjv, 2025: safe_mode was ignored for .h5 files (fixed in Keras 3.11.3), github.com/advisories/GHSA-36rr-ww3j-vrjv"
#   - "CVE-2026-1462: safe_mode was bypassed with a TFSMLayer, nvd.nist.gov/vuln/detail/CVE-2026-1462"
#   - "CVE-2026-1669: arrays in HDF5 that read other files on the reader's disk (Keras 3.0.0 to 3.13.1), nvd.nist.gov/vuln/detail/CVE-2026-1669"
# ---

# %% [markdown]
# "Save the model" sounds like one thing. But a model in training has several parts. Three are easy to name: its
# **structure** (which layers there are and how they are connected), its **weights**, and the state of its **optimizer**
# (Adam remembers two numbers for every weight). Each file format keeps some parts and drops others, mostly without a
# word.
#
# In this lesson you find out which ones, by a test: save, load, train on, and compare every weight with that of a
# training run that was never interrupted. If a format loses nothing, the difference is 0, not just small.
#
# The text quotes results of full mode; your run prints its own beside them.

# %% tags=["parameters"]
seed: int = 0  # seed of initial weights, order and dropout, 0 to 1000000
fast: bool = False  # fewer and larger batches, fewer epochs
batches: int = 9  # batches in an epoch, 1 to 100, fast 3
epochs: int = 10  # passes over the penguins before the model is saved, 1 to 200, fast 2
more: int = 10  # passes after it was saved, 1 to 200, fast 2

# %%
from course.lesson import begin

begin("10_saving_models", globals())

# %%
from course.topics import saving

saving.format_test()

# %% [markdown]
# ## A training run that can be repeated
#
# What a file loses does not depend on the size of the model, so a small one will do. Ours tells three species of
# penguins apart by four measurements.

# %%
from course.data import table

MEASUREMENTS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
birds = table("penguins").dropna(subset=MEASUREMENTS)
x = (
    (birds[MEASUREMENTS] - birds[MEASUREMENTS].mean()) / birds[MEASUREMENTS].std()
).to_numpy("float32")
y = birds["species"].astype("category").cat.codes.to_numpy()

# %%
import keras
from keras.layers import Dense, Dropout


def build(dropout=0.0):
    """A classifier of penguins, not compiled; always the same initial weights."""
    keras.utils.set_random_seed(seed)
    hidden = Dense(32, activation="relu", name="hidden")
    species = Dense(3, activation="softmax", name="species")
    dropped = Dropout(dropout, name="dropout")
    return keras.Sequential([keras.Input((4,)), hidden, dropped, species])


# %%
def compiled(model):
    """The same model, ready to be trained by Adam."""
    settings = {"run_eagerly": fast, "jit_compile": False}
    optimizer = keras.optimizers.Adam(0.003)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", **settings)
    return model


# %% [markdown]
# Two settings only save time. With `jit_compile=False`, Keras does not spend seconds on a GPU compiling so small a
# model. With `run_eagerly=fast`, the few steps of fast mode run as Python code.
#
# The order in which `fit` shuffles the rows is stored in *no* file. We want to test the files and nothing else. So
# `epoch_order` computes the order from the seed and the epoch, and we take each step ourselves with `train_on_batch`.
# (If you change `batches`, choose a number that divides the 342 penguins. Otherwise Keras compiles the step once more,
# for a batch of another size.)

# %%
import numpy as np


def flat(model):
    """All weights of a model, one after the other."""
    return np.concatenate([weights.ravel() for weights in model.get_weights()])


# %%
from course.training.fast_fit import epoch_order


def train(model, first, last):
    """Train from epoch `first` to epoch `last`; return all weights after each epoch."""
    after = []
    for epoch in range(first, last):
        for rows in np.array_split(epoch_order(len(x), seed, epoch), batches):
            model.train_on_batch(x[rows], y[rows])
        after.append(flat(model))
    return np.array(after)


# %%
def distance(weights, others):
    """The largest difference of any weight."""
    return float(np.abs(weights - others).max())


# %% [markdown]
# ## Save it four ways
#
# We train, save, and then keep training without interruption. A run that resumes from a file should repeat that second
# half exactly.

# %%
import tempfile
from pathlib import Path

from course.files import empty_folder

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %%
model = compiled(build())
train(model, 0, epochs)
at_save = flat(model)

model.save(folder / "model.keras")  # the whole model
model.save_weights(folder / "model.weights.h5")  # weights alone
(folder / "model.json").write_text(model.to_json())  # structure alone

uninterrupted = train(model, epochs, epochs + more)

# %% [markdown]
# Those are three files; the fourth format, an old one, gets a section of its own. A `.keras` file is an ordinary zip
# archive:

# %%
import zipfile

with zipfile.ZipFile(folder / "model.keras") as archive:
    print(*archive.namelist(), sep="\n")

# %% [markdown]
# It holds the structure as JSON, the versions, and the numbers in HDF5, a format for arrays. The `model.weights.h5`
# that we saved on its own has the same form as the member of that name in the archive. Here are some of its arrays:

# %%
import h5py

with h5py.File(folder / "model.weights.h5") as file:
    for name in ("layers/dense/vars/0", "layers/dense_1/vars/0", "optimizer/vars/0"):
        print(f"{name:22}", file[name].shape)
    print(len(file["optimizer/vars"]), "arrays of the optimizer")

# %% [markdown]
# So even the file of "weights alone" holds the optimizer: its step counter, its learning rate, and two arrays for each
# of the four arrays of weights. And it calls the layers `dense` and `dense_1`, not `hidden` and `species`. You will
# need both facts.

# %% [markdown]
# ### Whole model: .keras
#
# Keras speaks through Python warnings and through a log. From here on `quoted` prints both, if there is anything to
# print.


# %%
def resume(model):
    """Train on after loading; return the weights after each epoch."""
    return train(model, epochs, epochs + more)


from course.topics.saving import quoted

with quoted():
    loaded = keras.models.load_model(folder / "model.keras")
print("loaded:", distance(flat(loaded), at_save))

resumed = {".keras": resume(loaded)}

# %%
from course.claims import bound, fact

fact(
    "10.keras_resumes",
    "resumed from .keras: 0 away from the uninterrupted training",
    distance(resumed[".keras"], uninterrupted),
    equals=0.0,
)

# %% [markdown]
# The difference is 0, after every epoch and to the last bit. For this model a `.keras` file has everything.
#
# The 0 also says that training repeats itself on this processor. On a GPU it may not. In that case first measure how
# far apart two uninterrupted training runs are.

# %% [markdown]
# ### Weights alone: .weights.h5

# %% [markdown] tags=["predict"]
# We build the same model and compile it with the same optimizer. We load `model.weights.h5`, which holds the
# optimizer's arrays, as you saw, and train on. Will the largest difference from the uninterrupted training be 0?

# %%
loaded = compiled(build())
with quoted():
    loaded.load_weights(folder / "model.weights.h5")
print("loaded:", distance(flat(loaded), at_save))
resumed[".weights.h5"] = resume(loaded)

# %%
bound(
    "10.weights_only",
    "resumed from .weights.h5: largest difference of any weight",
    distance(resumed[".weights.h5"], uninterrupted),
    at_least=0.001,
)

# %% [markdown] tags=["answer"]
# The weights are right, and yet the resumed training takes another course: at least one weight ends up
# {{10.weights_only}} away. (Rounding alone would stay far below {{10.weights_only:limit}}.) The warning says why. A
# fresh optimizer has only its counter and its learning rate. Its arrays are created at the first step. So Keras has
# nowhere to put the arrays from the file, and skips the whole optimizer, the counter included. In a long log you easily
# miss that line.

# %% [markdown]
# The cure is one line, *before* loading:

# %%
loaded = compiled(build())
loaded.optimizer.build(loaded.trainable_variables)
loaded.load_weights(folder / "model.weights.h5")

resumed["optimizer.build, then .weights.h5"] = resume(loaded)

# %%
fact(
    "10.weights_and_build",
    "the same after optimizer.build: 0 away",
    distance(resumed["optimizer.build, then .weights.h5"], uninterrupted),
    equals=0.0,
)

# %%
strayed = {
    name: np.abs(weights - uninterrupted).max(axis=1)
    for name, weights in resumed.items()
}

# %%
from course import plots

plots.lines(
    range(epochs + 1, epochs + more + 1),
    strayed,
    title="How far a resumed training strays from the uninterrupted one",
    x_label="epoch",
    y_label="largest difference of any weight",
)

# %% [markdown]
# Two of the three lines lie on 0, one on top of the other. The line of `.weights.h5` without `optimizer.build` leaves 0
# in the first epoch after loading: without its state, Adam takes different steps. (That gives different weights, not
# necessarily worse ones.)

# %% [markdown] tags=["quiz"]
# You train with Adam and a learning rate that falls on a schedule, and save `.weights.h5` each night. The machine dies.
# You build, compile, load, and train on. What do you lose besides Adam's two numbers for every weight?
#
# - [ ] Nothing: `compile` sets the schedule, and it goes on where it left off.
#   `compile` brings back the schedule itself. But the schedule reads the optimizer's step counter, and the counter is
#   skipped with the rest.
# - [x] The step counter: the learning rate starts again at its first, large value.
#   The schedule comes back with `compile`, but its counter does not. Weights that had nearly settled now take steps as
#   large as the first ones.
# - [ ] The weights of the last layer.
#   All the model's weights are in the file. What is skipped is the optimizer's part.
# - [ ] The loss, which must be trained again.
#   A loss is a function of weights and data. Nothing in it is trained.

# %% [markdown]
# ### Structure alone: JSON

# %%
import json


def structure(model):
    """Layers, their settings and connections, as text that can be compared."""
    return json.dumps(model.get_config(), sort_keys=True)


# %%
loaded = keras.models.model_from_json((folder / "model.json").read_text())
print("same structure:", structure(loaded) == structure(model))
print("same weights:  ", np.array_equal(flat(loaded), at_save))
optimizer = loaded.optimizer
print("optimizer:     ", type(optimizer).__name__)
print("its steps:     ", int(optimizer.iterations))
resumed["JSON"] = resume(loaded)

# %% [markdown]
# JSON brings back the structure and the arguments of `compile`: which optimizer, which loss. But the weights are new,
# and Adam has taken no step. JSON is text, so you can read it, compare it, and put it under version control.

# %% [markdown]
# ## The old format: .h5
#
# Countless programs and tutorials say `model.save("model.h5")`. It still works. We save the model as it was after the
# first half.

# %%
old = keras.models.load_model(folder / "model.keras")
with quoted():
    old.save(folder / "model.h5")

# %% [markdown]
# Keras calls the format *legacy*, but the file holds structure, weights and optimizer. So we load it and train on.
# (What Keras then says about metrics does no harm.)

# %%
with quoted():
    loaded = keras.models.load_model(folder / "model.h5")
print("loaded:", distance(flat(loaded), at_save))


# %%
import textwrap


def attempt(action, *arguments, **options):
    """Call `action` and print the first line of an error; return whether it worked."""
    try:
        action(*arguments, **options)
        return True
    except Exception as error:
        text = str(error).strip().splitlines()[0].replace(str(folder), "folder")
        print(textwrap.shorten(f"{type(error).__name__}: {text}", 160))
        return False


# %%
def resume_h5():
    resumed[".h5"] = resume(loaded)


print("trains on:", attempt(resume_h5))

# %% [markdown]
# You can predict with the loaded model, but you cannot train it. The fault is in `load_model`: it sets up the optimizer
# for an empty list of weights. So the optimizer has no place for the state in the file. All you can do is compile
# again, without that state:

# %%
loaded = compiled(keras.models.load_model(folder / "model.h5", compile=False))
print(
    "difference from weights alone:", distance(resume(loaded), resumed[".weights.h5"])
)

# %% [markdown]
# To the last bit, this is the same training as from `.weights.h5` without `optimizer.build`.
#
# Something stranger happened to the model in memory, the one that we *saved* as `.h5`. We save it again, now as
# `.keras`:

# %%
old.save(folder / "after_h5.keras")
with quoted():
    loaded = keras.models.load_model(folder / "after_h5.keras")

print("the model in memory is trained by:", type(old.optimizer).__name__)
print("the file's model is trained by:   ", type(loaded.optimizer).__name__)

# %% [markdown]
# When you save `.h5`, Keras removes the optimizer from the stored settings of the model in memory. The next `.keras`
# file of this model therefore names no optimizer, and loading falls back on the default of `compile`. So a training run
# with Adam goes on with RMSprop. There is no error, only a warning about an `rm_sprop` that nobody asked for. Never
# write `.h5` while you are still training.

# %% [markdown]
# ## The same with dropout
#
# Now the same model with dropout. Dropout draws its random numbers from a **seed state**: a starting number and a
# counter. This state belongs to the layer, and the counter moves on with every batch.

# %% [markdown] tags=["predict"]
# Resuming from a `.keras` file gave a difference of exactly 0 above. Will it do so with dropout?


# %%
def seed_of(model):
    """A copy of the seed state of the model's dropout."""
    state = model.get_layer("dropout").seed_generator.state
    return keras.ops.convert_to_numpy(state).copy()


dropped = compiled(build(dropout=0.3))
train(dropped, 0, epochs)
dropped.save(folder / "dropout.keras")
dropped.save_weights(folder / "dropout.weights.h5")
seed_state = seed_of(dropped)
uninterrupted_dropout = resume(dropped)

# %%
loaded = keras.models.load_model(folder / "dropout.keras")
print("same seed state:", np.array_equal(seed_of(loaded), seed_state))
resumed_dropout = resume(loaded)

# %%
bound(
    "10.dropout_keras",
    "with dropout, resumed from .keras: largest difference",
    distance(resumed_dropout, uninterrupted_dropout),
    at_least=0.001,
)

# %% [markdown] tags=["answer"]
# It does not. At least one weight ends up {{10.dropout_keras}} away, far more than rounding explains. The loaded layer
# begins a new sequence of random numbers, so the training goes on with different masks.

# %% [markdown]
# Is the seed state really all that is missing? Put it back by hand and see:

# %%
loaded = keras.models.load_model(folder / "dropout.keras")
loaded.get_layer("dropout").seed_generator.state.assign(seed_state)
resumed_with_seed = resume(loaded)

# %%
fact(
    "10.dropout_and_seed",
    "the same with the seed state put back: 0 away",
    distance(resumed_with_seed, uninterrupted_dropout),
    equals=0.0,
)

# %% [markdown]
# The difference is 0 again, to the last bit: nothing else was missing. (`Dropout(0.3, seed=7)` does not help. The 7 is
# kept, but the counter is not. So the layer would repeat the masks with which the training began.)

# %% [markdown]
# ### Exercise 10.1: keep the seed states
#
# Write the two functions that Keras lacks. `seed_states(model)` returns a dictionary: layer name -> seed state.
# `restore_seed_states(model, states)` puts such states into another model of the same structure. Layers that draw
# random numbers have an attribute `seed_generator`; the others do not. All layers belong directly to the model; none is
# nested in another. Return the states as NumPy arrays (`keras.ops.convert_to_numpy`), ready for `np.savez`.


# %% tags=["solution"]
def seed_states(model):
    """Return layer name -> seed state (a NumPy array) of each layer that has one."""
    random = [layer for layer in model.layers if hasattr(layer, "seed_generator")]
    return {
        layer.name: keras.ops.convert_to_numpy(layer.seed_generator.state)
        for layer in random
    }


def restore_seed_states(model, states):
    """Put the states back into the layers of those names."""
    for name, state in states.items():
        model.get_layer(name).seed_generator.state.assign(state)


# %% tags=["helper"]
from course.exercises import exercise, expect


def with_dropout():
    layers = [
        Dense(4, name="a"),
        Dropout(0.5, name="b"),
        Dropout(0.5, seed=7, name="c"),
    ]
    return keras.Sequential([keras.Input((50,)), Dropout(0.5, name="first"), *layers])


def masks(model):
    """What each layer with a seed draws next."""
    ones = np.ones((4, 50), "float32")
    return [
        keras.ops.convert_to_numpy(model.get_layer(name)(ones, training=True))
        for name in ("first", "b", "c")
    ]


# %% tags=["check"]
@exercise("10.1", seed_states, restore_seed_states)
def check(seed_states, restore_seed_states):
    model, other = with_dropout(), with_dropout()
    masks(model)  # the counters move on
    kept = seed_states(model)
    expect(
        isinstance(kept, dict),
        "seed_states must return a dictionary: layer name -> state.",
    )
    expect(
        set(kept) == {"first", "b", "c"},
        f"It holds {list(kept)}; the layers with seeds are b, c and first.",
    )
    copies = all(isinstance(state, np.ndarray) for state in kept.values())
    expect(
        copies,
        "The variable itself moves on with the training. Keep a copy of each state, as"
        " a NumPy array.",
    )
    true = masks(model)  # what must come next
    restore_seed_states(other, kept)
    states = [
        getattr(other.get_layer(name).seed_generator, "state", None) for name in kept
    ]
    replaced = (
        "A state is a variable of its layer. Give it the value by assign; do not put an"
        " array in its place."
    )
    expect(all(hasattr(state, "assign") for state in states), replaced)
    found = masks(other)
    again = (
        "Layer c draws its first mask again: its seed is kept, but"
        " the counter that has moved on is not."
    )
    expect(not np.array_equal(found[-1], masks(with_dropout())[-1]), again)
    same = all(map(np.array_equal, found, true))
    expect(
        same,
        "After restoring, the layers must draw the masks that the saved model would"
        " have drawn next.",
    )


# %% tags=["wrong"] hint="Keep a copy"
def seed_states(model):
    return {
        layer.name: layer.seed_generator.state
        for layer in model.layers
        if hasattr(layer, "seed_generator")
    }


# %% tags=["wrong"] hint="the counter that has moved on is not"
def restore_seed_states(model, states):
    for layer in model.layers:
        if layer.name in states:
            layer.seed_generator.state.assign([int(states[layer.name][0]), 0])


# %% tags=["wrong"] hint="do not put an array in its place"
def restore_seed_states(model, states):
    for name, state in states.items():
        model.get_layer(name).seed_generator.state = state


# %% tags=["wrong"] hint="the layers with seeds are b, c and first"
def seed_states(model):
    random = [
        layer for layer in model.layers if getattr(layer, "seed", None) is not None
    ]
    return {
        layer.name: keras.ops.convert_to_numpy(layer.seed_generator.state)
        for layer in random
    }


# %% [markdown]
# ## The table
#
# Here are all these results in one place, computed by your version of Keras. Each row is a way to get from a file back
# to a model:


# %%
def from_keras(name):
    return keras.models.load_model(folder / f"{name}.keras")


def from_weights(name, ready=False):
    model = compiled(build(dropout=0.3 if name == "dropout" else 0.0))
    if ready:
        model.optimizer.build(model.trainable_variables)
    model.load_weights(folder / f"{name}.weights.h5")
    return model


# %%
def from_h5(name):
    return keras.models.load_model(folder / f"{name}.h5")


def from_json(name):
    return keras.models.model_from_json((folder / f"{name}.json").read_text())


# %%
from functools import partial

dropped_at_save = keras.models.load_model(folder / "dropout.keras")
# .keras has dropped the seed state: put it back, so that the others can save it
dropped_at_save.get_layer("dropout").seed_generator.state.assign(seed_state)
(folder / "dropout.json").write_text(dropped_at_save.to_json())
with quoted(known="legacy"):  # what Keras said about .h5 files above
    dropped_at_save.save(folder / "dropout.h5")

# %%
built = partial(from_weights, ready=True)
ways = {
    ".keras": (".keras", from_keras),
    ".weights.h5": (".weights.h5", from_weights),
    "optimizer.build, then .weights.h5": (".weights.h5", built),
    ".h5": (".h5", from_h5),
    "JSON": (".json", from_json),
}

# %% [markdown]
# For each way we ask four questions, one for each column of the table:
#
# - Does the file alone, without any code of ours, give the structure?
# - Are the weights equal after loading?
# - Did the resumed training above end with exactly the same weights? (For `.h5` it could not even begin.)
# - Is the seed state of dropout the one that the model had?


# %%
def has_structure(suffix):
    """Whether the file alone, without any code of ours, gives the structure."""
    load = from_json if suffix == ".json" else keras.models.load_model
    try:
        alone = load("model" if suffix == ".json" else folder / f"model{suffix}")
    except ValueError:
        return False
    return structure(alone) == structure(model)


# %%
def kept_by(name):
    suffix, way = ways[name]
    return {
        "structure": has_structure(suffix),
        "weights": np.array_equal(flat(way("model")), at_save),
        "optimizer": name in resumed and np.array_equal(resumed[name], uninterrupted),
        "dropout seed": np.array_equal(seed_of(way("dropout")), seed_state),
    }


# %%
import contextlib
import io

import pandas as pd

# the warnings are those from above
with contextlib.redirect_stdout(io.StringIO()), quoted():
    kept = {name: kept_by(name) for name in ways}
pd.DataFrame(kept).T.map(lambda yes: "kept" if yes else "-")

# %% [markdown]
# - **None of these formats keeps the seed state of dropout**, and none keeps the order of the rows. If training must
#   resume exactly, keep the seed state beside the file and compute the order from the epoch, as here. Lesson 11 has a
#   callback for both.
# - **`.keras` keeps all the rest**, and is the one to use.
# - **`.weights.h5` keeps weights and optimizer**, but you get the optimizer back only after `optimizer.build`.
# - **`.h5`** is enough for predicting and for passing weights on, but not for resuming.
# - **JSON** is for reading and comparing, not for training.

# %% [markdown]
# ## Weights for another model
#
# Often you want just some of the weights. Suppose that you build a model for another question, with two outputs, and
# want its hidden layer to start with the weights of the penguin model. Layers of the same name should get the same
# weights. For that, old programs use `by_name=True`:


# %%
def other(hidden="hidden"):
    """A model for two classes whose hidden layer is the penguins'."""
    layers = [
        Dense(32, activation="relu", name=hidden),
        Dense(2, activation="softmax", name="answer"),
    ]
    return keras.Sequential([keras.Input((4,)), *layers])


# %%
for suffix in (".weights.h5", ".keras", ".h5"):
    print(f"{suffix:12}", end=" ")
    if attempt(other().load_weights, folder / f"model{suffix}", by_name=True):
        print("loaded")

# %% [markdown]
# Only the legacy format can be loaded by names, and that has a trap. Watch what happens when the hidden layer's name
# begins with a capital:

# %%
target = other(hidden="Hidden")
before = flat(target)
with quoted():
    target.load_weights(folder / "model.h5", by_name=True)
print("nothing was loaded:", np.array_equal(flat(target), before))

# %% [markdown]
# There is no error and no warning: Keras skips each layer for which the file has no layer of that name. You believe
# that the model starts from pretrained weights, but it starts from random ones.

# %% [markdown] tags=["predict"]
# Now a `.weights.h5` file, without `by_name`. A model has two layers of equal size, `left` and `right`, that both read
# the input. We save its weights and load them into a model that is the same, except that `right` comes first. What
# happens: an error, the correct weights in each layer, or the wrong ones?


# %%
def twins(*names):
    """Two dense layers of the same size side by side, in the order of their names."""
    inputs = keras.Input((4,))
    sides = [Dense(5, name=name)(inputs) for name in names]
    return keras.Model(inputs, keras.layers.Concatenate()(sides))


# %%
keras.utils.set_random_seed(seed)
first, second = twins("left", "right"), twins("right", "left")
first.save_weights(folder / "twins.weights.h5")
second.load_weights(folder / "twins.weights.h5")

kernel = second.get_layer("left").get_weights()[0]
for name in ("left", "right"):
    original = first.get_layer(name).get_weights()[0]
    print(f"second's left equals first's {name}:", np.array_equal(kernel, original))

# %% [markdown] tags=["answer"]
# Each layer gets the weights of the other, and nobody tells you. The file does not use the names that you gave. It
# calls the layers `dense` and `dense_1`, after their class and position. Where shapes differ, Keras raises an error.
# Where they agree, only you can know what belongs where.

# %% [markdown]
# So tell Keras what belongs where:

# %%
source = keras.models.load_model(folder / "model.keras")
target = other(hidden="Hidden")
names = {"Hidden": "hidden"}  # layer of the target: layer of the source

for to, origin in names.items():
    target.get_layer(to).set_weights(source.get_layer(origin).get_weights())
copied = target.get_layer("Hidden").get_weights()[0]
print(np.array_equal(copied, source.get_layer("hidden").get_weights()[0]))

# %% [markdown]
# A name that does not exist is now an error, whether in the source or in the target.

# %% [markdown]
# ### Exercise 10.2: all or nothing
#
# One flaw is left. If the second entry of the map is wrong, the first has been copied already, and the target is
# half old, half new. Write `transfer(source, target, names)` that checks *all* entries first. An entry does not fit if
# one of the two models has no such layer, or if the shapes of the weights differ. For the first entry that does not
# fit, `transfer` raises a `ValueError` whose text names the layer of the target, and the target stays as it was. With
# `{"answer": "nowhere"}` it might say: layer 'answer': the source has no layer 'nowhere'.
#
# You may let `fitting` check a single entry and call it from `transfer`. Only `transfer` is judged.


# %% tags=["solution"]
def fitting(source, target, to, origin):
    """Return layer `to` of the target and the weights of layer `origin` of the source;
    raise a ValueError that names `to` if they do not fit."""
    try:
        layer = target.get_layer(to)
        weights = source.get_layer(origin).get_weights()
    except ValueError as error:
        raise ValueError(f"layer {to!r}, weights of {origin!r}: {error}") from error
    if [w.shape for w in layer.get_weights()] != [w.shape for w in weights]:
        raise ValueError(f"layer {to!r}: the weights of {origin!r} have other shapes")
    return layer, weights


# %% tags=["solution"]
def transfer(source, target, names):
    """Copy weights into `target`, all of them or none; `names` maps each layer of the
    target to its layer of the source."""
    pairs = [fitting(source, target, *entry) for entry in names.items()]
    for layer, weights in pairs:
        layer.set_weights(weights)


# %% tags=["helper"]
def stack(**widths):
    layers = [Dense(width, name=name) for name, width in widths.items()]
    return keras.Sequential([keras.Input((3,)), *layers])


def holds(model, name, weights):
    """Whether the layer of that name has these weights."""
    return all(map(np.array_equal, model.get_layer(name).get_weights(), weights))


# %% tags=["check"]
@exercise("10.2", transfer)
def check(transfer):
    source, target = stack(one=3, two=3, wide=5), stack(a=3, b=3, answer=2)
    one, two, answer = (
        layer.get_weights() for layer in (*source.layers[:2], target.layers[2])
    )
    untouched, reads = (
        flat(source),
        "In the map, each key is a target layer, its value a source layer.",
    )
    try:
        transfer(source, target, {"a": "two", "b": "one"})
    except (LookupError, ValueError):
        expect(False, f"Both entries fit, and yet it raises an error. {reads}")
    expect(np.array_equal(flat(source), untouched), f"The source has changed. {reads}")
    crossed = (
        "The map says that a gets the weights of two. Go by the names, not by the order"
        " of the layers."
    )
    expect(holds(target, "a", two), crossed)
    expect(holds(target, "b", one), "The map has two entries. Copy both.")
    expect(
        holds(target, "answer", answer),
        "The layer answer is not in the map; its weights must stay as they were.",
    )
    for culprit, origin in (
        ("answer", "wide"),
        ("missing", "two"),
        ("answer", "nowhere"),
    ):
        names, before, message = {"a": "one", culprit: origin}, flat(target), None
        try:
            transfer(source, target, names)
        except ValueError as error:
            message = str(error)
        except (AssertionError, LookupError) as error:
            expect(
                False,
                f"{names}: it raises {type(error).__name__}. Raise a ValueError that"
                f" names {culprit}.",
            )
        expect(
            message is not None,
            f"{names}: {culprit} does not fit, and nobody is told. Raise a ValueError.",
        )
        expect(
            culprit in message,
            f"{names}: the error does not name {culprit}, the layer of the target.",
        )
        expect(
            np.array_equal(flat(target), before),
            "An entry was copied already. Check all entries first, then copy.",
        )


# %% tags=["wrong"] hint="was copied already"
def transfer(source, target, names):
    for to, origin in names.items():
        layer, weights = target.get_layer(to), source.get_layer(origin).get_weights()
        if [w.shape for w in layer.get_weights()] != [w.shape for w in weights]:
            raise ValueError(f"layer {to!r} does not fit")
        layer.set_weights(weights)


# %% tags=["wrong"] hint="the error does not name answer"
def transfer(source, target, names):
    pairs = [
        (target.get_layer(to), source.get_layer(origin).get_weights())
        for to, origin in names.items()
    ]
    for layer, weights in pairs:
        if [w.shape for w in layer.get_weights()] != [w.shape for w in weights]:
            raise ValueError(f"layer {layer.name!r} does not fit")
    for layer, weights in pairs:
        layer.set_weights(weights)


# %% tags=["wrong"] hint="Go by the names"
def transfer(source, target, names):
    for layer, origin in zip(target.layers, source.layers, strict=False):
        if layer.name in names:
            layer.set_weights(origin.get_weights())


# %% tags=["wrong"] hint="nobody is told"
def transfer(source, target, names):
    for to, origin in names.items():
        with contextlib.suppress(ValueError):
            target.get_layer(to).set_weights(source.get_layer(origin).get_weights())


# %% tags=["wrong"] hint="Both entries fit"
def transfer(source, target, names):
    for origin, to in names.items():
        target.get_layer(to).set_weights(source.get_layer(origin).get_weights())


# %% tags=["wrong"] hint="it raises KeyError"
def transfer(source, target, names):
    theirs, ours = (
        {layer.name: layer for layer in model.layers} for model in (source, target)
    )
    for to, origin in names.items():
        if [w.shape for w in ours[to].get_weights()] != [
            w.shape for w in theirs[origin].get_weights()
        ]:
            raise ValueError(f"layer {to!r} does not fit")
    for to, origin in names.items():
        ours[to].set_weights(theirs[origin].get_weights())


# %% tags=["wrong"] hint="The source has changed"
def transfer(source, target, names):
    for to, origin in names.items():
        source.get_layer(origin).set_weights(target.get_layer(to).get_weights())


# %% [markdown]
# ## Damaged files
#
# Disks fill up while a model is saved, downloads stop halfway, and now and then a bit flips. Does Keras notice? We
# damage each file in two ways: we cut it in half, and we flip one bit of one weight.

# %%
files = ["model.keras", "model.weights.h5", "model.h5"]
intact_model = keras.models.load_model(folder / "model.keras")
weight = intact_model.get_layer("species").get_weights()[0]


def cut(content):
    return content[: len(content) // 2]


def flipped(content):
    """The same bytes, but for one bit in the exponent of one weight."""
    changed = bytearray(content)
    changed[content.index(weight.tobytes()) + 3] ^= 0b01000000
    return bytes(changed)


# %%
damaged = empty_folder(folder / "damaged")
for file in files:
    content = (folder / file).read_bytes()
    (damaged / f"cut_{file}").write_bytes(cut(content))
    (damaged / f"flipped_{file}").write_bytes(flipped(content))

# %% [markdown] tags=["predict"]
# Which of the three halves will Keras refuse? And will its message tell you what is wrong with the file?


# %%
def open_model(path):
    """The model in any of the three files, for predicting."""
    if not path.name.endswith(".weights.h5"):
        return keras.models.load_model(path, compile=False)
    model = build()
    model.load_weights(path)
    return model


# %%
with quoted():
    for path in sorted(damaged.glob("cut_*")):
        print(f"{path.name:27}", end=" ")
        if attempt(open_model, path):
            print("loaded")

# %% [markdown] tags=["answer"]
# Keras refuses all three halves. But look at the messages. A zip archive has its list of contents at the end, so Keras
# does not recognize half of one. It says that the file was not *found*, although it is right there. HDF5 notices that
# bytes are missing, but its message does not say in which file.

# %% [markdown] tags=["predict"]
# Now the flipped bit. Nothing is missing from these files, but one number in each is wrong. Which of the three will
# Keras refuse?

# %% tags=["varies"]
for path in sorted(damaged.glob("flipped_*")):
    print(f"{path.name:27}", end=" ")
    if attempt(open_model, path):
        changed = open_model(path).get_layer("species").get_weights()[0]
        print("loaded: a weight of", weight[0, 0], "is now", changed[0, 0])

# %% [markdown] tags=["answer"]
# Keras loads the HDF5 files as if nothing had happened, with a weight changed beyond all recognition. A zip archive
# keeps a checksum of each member. But when the checksum fails, Keras tries again and reads the member in pieces.
# Whether Python then compares the checksum depends on its version. So of the six damaged files, three or four are
# refused: the three halves, and with some versions of Python the `.keras` file with the flipped bit.

# %% [markdown]
# You need not wait for Keras to notice. Ask the archive itself, and it names the bad member:

# %%
for name in ("model.keras", "damaged/flipped_model.keras"):
    with zipfile.ZipFile(folder / name) as archive:
        print(f"{name:27}", archive.testzip())

# %% [markdown]
# ### A checksum beside every file
#
# One remedy works for all formats. After you save a file, record the SHA-256 sum of its bytes; before you load it,
# compare the sums. (Lesson 12 adds the other half: how to save so that a crash leaves a whole file behind.)

# %%
import hashlib


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


sums = {file: digest(folder / file) for file in files}


# %%
def open_verified(path, expected):
    """The model in the file; ValueError if its bytes are not those that were saved."""
    if digest(path) != expected:
        problem = "not the file that was saved (its SHA-256 sum differs)"
        raise ValueError(f"{path.name}: {problem}; restore it from a copy")
    return open_model(path)


# %%
intact = [attempt(open_verified, folder / file, sums[file]) for file in files]
refused = [
    not attempt(open_verified, damaged / f"{kind}_{file}", sums[file])
    for kind in ("cut", "flipped")
    for file in files
]

# %%
fact("10.intact_loaded", "intact files that were loaded", sum(intact), equals=3)
fact("10.damaged_refused", "damaged files that were refused", sum(refused), equals=6)

# %% [markdown]
# ### Exercise 10.3: look after a folder
#
# Write a tool that checks a folder of saved models. `audit(folder, sums)` takes a `Path` and a dictionary: file name ->
# expected sum. It returns a dictionary with one entry for each file that is *not* in order: file name -> `"missing"`,
# `"altered"` or `"unexpected"` (in the folder, but without a sum). You may use `digest`.


# %% tags=["solution"]
def audit(folder, sums):
    """Return file name -> "missing", "altered" or "unexpected", where not in order."""
    present = {path.name for path in folder.iterdir()}
    found = dict.fromkeys(present - sums.keys(), "unexpected")
    for name, expected in sums.items():
        if name not in present:
            found[name] = "missing"
        elif digest(folder / name) != expected:
            found[name] = "altered"
    return found


# %% tags=["check"]
@exercise("10.3", audit)
def check(audit):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        contents = {
            "a": b"one" * 9,
            "b": b"two" * 9,
            "c": b"three" * 9,
            "d": b"four" * 9,
        }
        for name, content in contents.items():
            (place / name).write_bytes(content)
        sums = {name: digest(place / name) for name in contents}
        found = audit(place, dict(sums))
        expect(found == {}, f"All files are in order, and it returns {found}.")
        (place / "b").write_bytes(b"twO" * 9)  # same size
        (place / "c").unlink()
        (place / "d").write_bytes(contents["d"] + b" ")
        (place / "new").write_bytes(b"five")
        try:
            found = audit(place, dict(sums))
        except FileNotFoundError:
            expect(
                False,
                "A file that is gone has no sum. Check whether it is there before you"
                " read it.",
            )
        except KeyError:
            expect(
                False,
                "A file may be in the folder but not in sums. Check whether it has a"
                " sum before you compare.",
            )
        expect(
            found.get("c") == "missing",
            "File c is gone, and nobody is told. Go through the sums, too.",
        )
        expect(
            found.get("b") == "altered",
            "File b has the same size as before, but other bytes.",
        )
        expect(found.get("d") == "altered", "File d has grown by one byte.")
        expect(
            found.get("new") == "unexpected",
            "A file without a sum lies in the folder: it is unexpected.",
        )
        expect(
            "a" not in found, "File a is in order and does not belong in the report."
        )


# %% tags=["wrong"] hint="Go through the sums, too"
def audit(folder, sums):
    found = {}
    for path in folder.iterdir():
        if path.name not in sums:
            found[path.name] = "unexpected"
        elif digest(path) != sums[path.name]:
            found[path.name] = "altered"
    return found


# %% tags=["wrong"] hint="Check whether it is there"
def audit(folder, sums):
    found = {
        path.name: "unexpected" for path in folder.iterdir() if path.name not in sums
    }
    return found | {
        name: "altered" for name in sums if digest(folder / name) != sums[name]
    }


# %% tags=["wrong"] hint="Check whether it has a sum"
def audit(folder, sums):
    found = {
        path.name: "altered"
        for path in folder.iterdir()
        if digest(path) != sums[path.name]
    }
    return found | {name: "missing" for name in sums if not (folder / name).exists()}


# %% tags=["wrong"] hint="it is unexpected"
def audit(folder, sums):
    found = {}
    for name, expected in sums.items():
        if not (folder / name).exists():
            found[name] = "missing"
        elif digest(folder / name) != expected:
            found[name] = "altered"
    return found


# %% [markdown] tags=["quiz"]
# A stranger's page offers `model.keras` and, beside it, the SHA-256 sum. You download both and the sum matches. What
# do you know?
#
# - [ ] The model contains no harmful code.
#   A sum says which bytes these are, not what they do. The author may have put in anything.
# - [ ] The file has not been changed since its author saved it.
#   Whoever can change the file on the page can change its sum as well.
# - [x] The file arrived as the page offers it, no more.
#   A sum detects accidents. To detect tampering, the sum has to reach you by a different route than the file. Even
#   then it
#   says nothing about what the author put in.
# - [ ] Nothing: two files may have the same sum.
#   No two files with the same SHA-256 sum are known.

# %% [markdown]
# ## Files that run code
#
# Is loading a model like opening a picture, or like starting a program? A `Lambda` layer holds any Python function.
# If that is a nameless function (a `lambda`), Keras stores it in the file as compiled code.

# %% [markdown] tags=["predict"]
# The function below creates an empty file named `code_ran` and then passes its input on. We load the model, without
# using it: first with the defaults of Keras, then with the option `safe_mode=False`. In which of the two cases will
# that file be created: in both, in one, or in neither?

# %%
layer = keras.layers.Lambda(lambda inputs: inputs, name="harmless")
trap = keras.Sequential([keras.Input((4,)), layer, Dense(1)])
# saved, never called here
layer.function = lambda inputs: __import__("pathlib").Path("code_ran").touch() or inputs

stranger = empty_folder(folder / "stranger")
trap.save(stranger / "trap.keras")
(stranger / "trap.json").write_text(trap.to_json())
with quoted(known="legacy"):
    trap.save(stranger / "trap.h5")

# %% [markdown]
# This code is our own and harmless, so we can load the files here, in a temporary folder. First we load all three as
# Keras does by default. Then we load one of them with `safe_mode=False`:


# %%
def open_stranger(load, *arguments, **options):
    (stranger / "code_ran").unlink(missing_ok=True)
    with contextlib.chdir(stranger):
        loaded = attempt(load, *arguments, **options)
    print("   loaded:", loaded, "  code has run:", (stranger / "code_ran").exists())


open_stranger(keras.models.load_model, "trap.keras")
open_stranger(keras.models.load_model, "trap.h5")
open_stranger(keras.models.model_from_json, (stranger / "trap.json").read_text())

# %%
open_stranger(keras.models.load_model, "trap.keras", safe_mode=False)

# %% [markdown] tags=["answer"]
# By default Keras refuses all three files, and nothing runs. With `safe_mode=False` **the code ran while the model was
# being loaded**, because Keras calls each layer once to build a model. Here the code created an empty file. It could
# have deleted all your files.

# %% [markdown]
# How far can you trust this refusal? There is a history. Keras could once save a structure as YAML, and reading such a
# file could run code (CVE-2021-37678). Keras dropped that format:

# %%
print("to_yaml:", hasattr(keras.Model, "to_yaml"))
print("model_from_yaml:", hasattr(keras.models, "model_from_yaml"))

# %% [markdown]
# Lambda layers were the next hole (CVE-2024-3660), and `safe_mode` closed it. But `safe_mode` had holes of its own:
#
# - before Keras 3.9, a `.keras` file got past it by naming a function from any module (CVE-2025-1550);
# - up to Keras 3.11.2, it was silently ignored for `.h5` files (GHSA-36rr-ww3j-vrjv);
# - later, another kind of layer, `TFSMLayer`, was found to get past it (CVE-2026-1462).
#
# And a pickle (many files named `.pkl` or `.pt`) *is* a program: to unpickle it is to run it. (Since version 2.6
# PyTorch by default loads only tensors and plain values from such a file.)
#
# A file that describes a structure can describe one that does harm. This is true of `.keras`, `.h5` and JSON. A
# `.weights.h5` file holds arrays and no code. The structure comes from *your* code. (Even an array was a danger once.
# An HDF5 array may declare that its numbers are in another file. So a stranger's file could make Keras read a file on
# your disk. Keras now refuses such arrays: CVE-2026-1669.)
#
# So if you get a model from a stranger, take the weights and write the structure yourself. (Or load the file with an
# up-to-date Keras, with `safe_mode` on, in a process that cannot reach your files or the network.) A `.keras` file has
# its weights in a member of their own:

# %%
with zipfile.ZipFile(stranger / "trap.keras") as archive:
    archive.extract("model.weights.h5", stranger)

ours = keras.Sequential([keras.Input((4,)), Dense(1)])  # without the Lambda
open_stranger(ours.load_weights, "model.weights.h5")
print("same weights:", np.array_equal(flat(ours), flat(trap)))

# %% [markdown]
# In your own models, use named functions. A registered function is stored by its name, and its code stays in your
# program:


# %%
@keras.saving.register_keras_serializable(package="lesson")
def halve(inputs):
    return inputs / 2


named = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(halve), Dense(1)])
named.save(folder / "named.keras")
print("loaded:", attempt(keras.models.load_model, folder / "named.keras"))

# %% [markdown]
# ## What you have learned
#
# - A model in training has a structure, weights, an optimizer's state, and the seed state of dropout. `.keras` keeps
#   the first three. `.weights.h5` keeps the weights and, if you load it after `optimizer.build`, the optimizer. JSON
#   keeps the structure. From `.h5` you get structure and weights back, but no optimizer that works. None of the four
#   keeps the seed state.
# - The test of a format is a resumed training run whose weights differ from an uninterrupted one by exactly 0.
# - Put weights into another model by an explicit map of names, and check all of it before you copy. Loading by name
#   skips silently; loading by place swaps silently.
# - Keras refuses half a file, but its error either misleads or does not name the file. It may not notice a flipped bit
#   at all. A SHA-256 sum notices both.
# - A file that holds a structure can hold code. Leave `safe_mode` on, and from strangers take weights rather than
#   structures.
#
# ## Try next
#
# - Put `keras.layers.BatchNormalization(momentum=0.9)` after the hidden layer. Its running means are weights that are
#   not trained; does `.keras` still give 0.0? Does the name map copy them?
# - Compile with a learning rate that falls, such as `keras.optimizers.schedules.CosineDecay(0.003, 100)`. What does a
#   lost step counter do now?
# - Shuffle with `np.random.permutation(len(x))`, whose state is in no file, and resume from `.keras` once more. How
#   large does the difference become?
# - Save with `model.export(folder / "exported")` for TensorFlow Serving and see which of the four parts are in there.
