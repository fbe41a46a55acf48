# ---
# title: Checkpoint storage
# part: 3 Keep
# objectives:
#   - measure what a save is made of, and say which part training has to wait for
#   - explain when saving in the background hides a slow disk, and when splitting into files makes it faster
#   - write a file so that a kill leaves the old one or the new one, never half of one
#   - compute the interval between saves that loses least time, and test it against random failures
#   - plan the checkpoints of a large model from its size, its nodes and its storage
# prerequisites:
#   - "lesson 10 (Saving models): what is in a file; sums that detect damage"
#   - "lesson 11 (Checkpointing): resuming with course.training.checkpoints"
#   - the mean of a random quantity, and what an exponential distribution is
# data: []
# reading:
#   - "Young, *A first order approximation to the optimum checkpoint interval*, Communications of the ACM 17(9), 1974, doi:10.1145/361147.361115"
#   - "Daly, *A higher order estimate of the optimum checkpoint interval for restart dumps*, Future Generation Computer Systems 22(3), 2006, doi:10.1016/j.future.2004.11.016"
#   - "Llama team, *The Llama 3 herd of models*, 2024, arXiv:2407.21783 (section 3.3: storage, failures and restarts of a large training run)"
#   - "Pillai et al., *All file systems are not created equal*, OSDI 2014 (what is on the disk after a crash)"
#   - "Orbax developers, *Asynchronous checkpointing*, https://orbax.readthedocs.io"
# ---

# %% [markdown]
# Lesson 11 asked *what* has to be in a checkpoint. This one asks what the checkpoint costs. While a model is being
# saved, training waits; when a machine fails, the work since the last save is gone. Between the two lies a best
# interval, and the storage decides how good it can be: how fast it writes, how much of the writing training notices,
# and whether what it holds after a crash can be read at all.
#
# Times differ from machine to machine: read your own. Other results in the text are those of full mode.

# %% tags=["parameters"]
seed: int = 0  # seed of arrays, kills and simulated failures, 0 to 1000000
fast: bool = False  # a smaller state, a quicker disk, fewer kills and failures
megabytes: int = 48  # size of the state that is saved, 1 to 400, fast 4
kills: int = 8  # processes killed for each way of writing, 2 to 100, fast 4
write_time: float = 0.15  # seconds a state on the slow disk, 0.02 to 2, fast 0.05
failures: int = 1000000  # simulated failures a point, 1000 to 5000000, fast 100000

# %%
from course.lesson import begin

begin("12_checkpoint_storage", globals())

# %% [markdown]
# ## What a save is made of
#
# A dense network, trained with Adam for one batch so that the optimizer has its state too.

# %%
import keras
import numpy as np

keras.utils.set_random_seed(seed)
# 4 bytes a number, 3 numbers a weight, 4 layers
width = round((megabytes * 1e6 / 4 / 3 / 4) ** 0.5)
layers = [keras.layers.Dense(width, activation="relu") for _ in range(4)]
model = keras.Sequential([keras.Input((width,)), *layers, keras.layers.Dense(1)])
model.compile("adam", "mse", jit_compile=False)
x = np.random.default_rng(seed).normal(size=(1024, width)).astype("float32")
first = model.fit(x[:64], x[:64, :1], verbose=0)


# %%
def copy_state():
    return [
        variable.numpy() for variable in model.variables + model.optimizer.variables
    ]


state_bytes = sum(array.nbytes for array in copy_state())
weight_bytes = sum(weight.nbytes for weight in model.get_weights())
print(
    f"weights and optimizer together are {state_bytes / weight_bytes:.2f} times the"
    " weights"
)

# %% [markdown]
# Adam keeps two running means for every weight, so the state is three times the weights: the first thing to know
# about the size of a checkpoint.
#
# A save has three parts: the numbers are **copied** out of the model, **packed** into a format, and **written**. And
# written does not mean what it seems to: `write` returns when the operating system has the bytes in *its* memory,
# and only `os.fsync` waits until the disk has them.

# %%
import os
import tempfile
from pathlib import Path

from course.files import empty_folder

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)


def write(path, arrays, sync=True):
    """Write the bytes of all arrays in a row, without any format."""
    with path.open("wb") as file:
        for array in arrays:
            file.write(array.tobytes())
        file.flush()
        if sync:
            os.fsync(file.fileno())


# %% [markdown] tags=["predict"]
# Five ways to put the state away: a `.keras` file, a `.weights.h5` file (with the optimizer; Keras adds it), a copy
# in memory, a plain `write` of the bytes, and the same with `fsync`. Which is quickest, and by what factor is
# `.keras` slower than it?

# %%
import statistics
import time

from course import plots


def seconds(action, repeats=3):
    """The median time of some runs of `action`."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


arrays = copy_state()
ways = {
    ".keras": lambda: model.save(folder / "model.keras"),
    ".weights.h5": lambda: model.save_weights(folder / "model.weights.h5"),
    "write and fsync": lambda: write(folder / "bytes", arrays),
    "write": lambda: write(folder / "bytes", arrays, sync=False),
    "copy in memory": copy_state,
}

# %% tags=["varies"]
took = {name: 1000 * seconds(action) for name, action in ways.items()}
plots.bars(
    took,
    title=f"Saving {state_bytes / 1e6:.0f} MB, five ways",
    label="median time (milliseconds)",
)

# %% [markdown] tags=["answer"]
# The third and fourth bars begin with the copy already made, so a save without a format takes the third and the last
# together: copy, then write and `fsync`. What the formats take beyond copy and plain `write` is the price of packing,
# and of the structure that `.keras` carries. (Neither calls `fsync`, so there is still the disk to come.) The plain
# `write` may be about as quick as the copy, since it *is* one, into the memory of the operating system. Where `fsync`
# seems to cost nothing, or less, the disk is quick, or only says that it is done, or the folder lies in memory, as
# `/tmp` does on some systems; the rest is chance, with three runs a bar.

# %% [markdown]
# Only the first copy has to happen while training stands still: nothing may change the numbers while they are read.

# %% [markdown]
# ## Let training go on
#
# With `asynchronous=True`, `course.training.checkpoints` copies the state and hands the copy to a thread, which packs,
# writes and syncs while training goes on. How long does training stand still at the end of an epoch?

# %%
from course.training.checkpoints import Checkpoints


class Timed(Checkpoints):
    """Checkpoints that note how long each save holds training up, and how long the
    processor works for it."""

    def on_epoch_end(self, epoch, logs=None):
        start, work = time.perf_counter(), time.thread_time()
        super().on_epoch_end(epoch, logs)
        stalls.setdefault(self.name, []).append(1000 * (time.perf_counter() - start))
        working.setdefault(self.name, []).append(time.thread_time() - work)


stalls, working = {}, {}
for name in ("synchronous", "asynchronous"):
    run = Timed(
        empty_folder(folder / name),
        keep=1,
        monitor="loss",
        asynchronous=name == "asynchronous",
    )
    run.name = name
    model.fit(x, x[:, :1], epochs=4, verbose=0, callbacks=[run])

# %% tags=["varies"]
plots.bars(
    stalls,
    title="How long a save holds training up",
    label="time per save (milliseconds)",
)

# %% [markdown]
# What remains is the copy, and any wait for a write that has not finished yet. Programs beside this one disturb such
# times, so we also count how long the processor worked in the training thread for its saves:

# %%
waiting, background = (
    statistics.median(working[name]) for name in ("synchronous", "asynchronous")
)

# %%
from course.claims import bound, fact, spread

spread(
    "12.stall_ratio",
    "work per save: waiting over background",
    waiting / background,
    digits=1,
    timed=True,
)

# %% [markdown]
# With the save in the background, the processor works less for it in training's own thread, by a factor of
# {{12.stall_ratio}}. We had hoped for 3 in every run: **not reached**, since the copy that remains is a good part of the
# work. And nothing is free: the copy needs as much memory as the state, and the other thread takes processor time from
# training. `python -m benchmarks.checkpoint_stall` measures all of it, beside Keras' own ways to save.

# %% [markdown]
# ## A slow disk
#
# A laptop's disk is quick; a file system that a thousand machines share may not be. To feel it, `course.topics.storage`
# slows a disk down with a **token bucket**: tokens drip into a bucket at a fixed rate, every byte costs one, and who
# finds the bucket empty waits. A small store of tokens lets a short burst through at full speed.

# %%
from course.topics.storage import TokenBucket

bucket = TokenBucket(rate=10, burst=20)
print([bucket.delay(10, now=now) for now in (0, 0, 0, 0, 100)])

# %% [markdown]
# The first twenty bytes pass at once; after that every ten wait a second more. By the time 100 the bucket is full
# again. `SlowDisk(rate)` puts one such bucket before all the files that it opens. Ours takes the state in
# `write_time` seconds, and training needs `work` seconds from one save to the next. (Training is a pause here, as if
# an accelerator did the work.)

# %%
from concurrent.futures import ThreadPoolExecutor

from course.topics.storage import SlowDisk

state = np.zeros(4_000_000, "uint8")
disk = SlowDisk(rate=len(state) / write_time)


def put(array):
    with disk.open(folder / "slow") as file:
        file.write(array.tobytes())


def stall(work, asynchronous, saves=3):
    """Mean seconds that training stands still at a save, after the first."""
    pending, waits = None, []
    with ThreadPoolExecutor(max_workers=1) as writer:
        for _ in range(saves):
            time.sleep(work)
            start = time.perf_counter()
            if pending:
                pending.result()  # one write at a time
            pending = writer.submit(put, state.copy())
            if not asynchronous:
                pending.result()
            waits.append(time.perf_counter() - start)
    return np.mean(waits[1:])


# %% [markdown] tags=["predict"]
# Training saves in the background, and works half as long between two saves as a write takes. How long does each save
# hold it up: not at all, half a write, or a whole one? And if it works for one and a half writes?

# %% tags=["varies"]
works = np.array([0.25, 0.5, 1.0, 1.5])  # in write times
modes = {"waiting for the write": False, "in the background": True}
plots.lines(
    works,
    {
        name: [stall(work * write_time, mode) / write_time for work in works]
        for name, mode in modes.items()
    },
    title="What a slow disk costs",
    x_label="work between two saves (times of a write)",
    y_label="standing still at a save (times of a write)",
)

# %% [markdown] tags=["answer"]
# A save in the background costs what is left of the previous write: $\max(0,\ \text{write} - \text{work})$. (Both lines
# also hold the copy, the file system, and whatever else keeps the machine busy: more, the shorter `write_time` is.)
# Once the work between two saves is longer than a write, the slow disk is hidden. Before that it is not: **saving in
# the background hides time, it does not make bandwidth**. (Do not let the writes queue up instead: each waits with a
# copy of the state in memory.)

# %% [markdown]
# ### Exercise 12.1: hand it over
#
# Write the save of a training loop. `state` is a dictionary of arrays that training goes on to change *in place*;
# `write(state)` writes it and takes long; `pending` is what the previous call returned, `None` at first. If that
# write failed, training must hear of it.


# %% tags=["solution"]
def hand_over(executor, write, state, pending):
    """Start writing `state` in the background, after the previous write; return the new
    future."""
    if pending is not None:
        pending.result()
    return executor.submit(write, {name: array.copy() for name, array in state.items()})


# %% tags=["helper"]
import threading


def slow_writer():
    """Return a write that takes a while, what it has written, and how many were writing
    as each began."""
    written, busy, together = [], [], []

    def slow(state):
        busy.append(None)
        together.append(len(busy))
        time.sleep(0.05)
        busy.pop()
        written.append({name: array.tolist() for name, array in state.items()})

    return slow, written, together


# %% tags=["check"]
from course.exercises import exercise, expect


@exercise("12.1", hand_over)
def check(hand_over):
    (slow, written, together), free = slow_writer(), threading.Event()
    with ThreadPoolExecutor(max_workers=2) as executor:
        for _ in range(2):
            executor.submit(free.wait, 2)  # no write begins before training has gone on
        state = {"a": np.zeros(2), "b": np.ones(3)}
        first = hand_over(executor, slow, state, None)
        expect(
            hasattr(first, "result"),
            "Return the future that executor.submit gives: the next call waits for it.",
        )
        expect(
            not written,
            "This waits for its own write. Only the previous one has to be over.",
        )
        state["a"] += 7
        free.set()
        hand_over(executor, slow, state, first).result()
        expect(
            2 not in together,
            "Two writes run at the same time. Wait for the previous one first.",
        )
        copied = written[0] == {"a": [0, 0], "b": [1, 1, 1]}
        expect(
            copied,
            "Training goes on in your arrays: copy each of them, before you hand them"
            " over.",
        )
        expect(
            written[1]["a"] == [7, 7],
            "The second file does not hold the state at the second save.",
        )
        try:
            hand_over(
                executor,
                slow,
                state,
                executor.submit((folder / "no such file").read_bytes),
            )
        except Exception:  # whichever error the answer makes of it
            return
        expect(
            False,
            "The previous write failed and nobody heard of it. A future keeps its error"
            " until result().",
        )


# %% tags=["wrong"] hint="copy each of them"
def hand_over(executor, write, state, pending):
    if pending is not None:
        pending.result()
    return executor.submit(write, dict(state))


# %% tags=["wrong"] hint="before you hand them over"
def hand_over(executor, write, state, pending):
    if pending is not None:
        pending.result()
    return executor.submit(
        lambda: write({name: array.copy() for name, array in state.items()})
    )


# %% tags=["wrong"] hint="Two writes run at the same time"
def hand_over(executor, write, state, pending):
    return executor.submit(write, {name: array.copy() for name, array in state.items()})


# %% tags=["wrong"] hint="Two writes run at the same time"
def hand_over(executor, write, state, pending):
    started = executor.submit(
        write, {name: array.copy() for name, array in state.items()}
    )
    if pending is not None:
        pending.result()
    return started


# %% tags=["wrong"] hint="nobody heard of it"
def hand_over(executor, write, state, pending):
    while pending is not None and not pending.done():
        time.sleep(0.001)
    return executor.submit(write, {name: array.copy() for name, array in state.items()})


# %% [markdown]
# ## Several files at once
#
# In a network, one open file rarely gets all the bandwidth. So large checkpoints are **sharded**: cut into files that
# are written at the same time, usually one by every machine. Our next disk takes a state in `write_time` seconds,
# but through one file it lets only a quarter of that rate.

# %% [markdown] tags=["predict"]
# With one file the state takes four times as long as the disk would need. How long with 2, 4 and 8 files?

# %% tags=["varies"]
from course.topics.storage import load_sharded, save_sharded

named = {"kernel": np.arange(1_000_000, dtype="float32"), "step": np.int64(seed)}
counts, sharded = np.array([1, 2, 4, 8]), []
shard_folder = empty_folder(folder / "sharded")
for shards in counts:
    disk = SlowDisk(rate=4e6 / write_time, stream_rate=1e6 / write_time)
    start = time.perf_counter()
    save_sharded(
        shard_folder / f"shards-{shards}", named, shards=shards, open_file=disk.open
    )
    sharded.append(time.perf_counter() - start)

# %% tags=["varies"]
plots.lines(
    counts,
    {
        "measured": sharded,
        "size / bandwidth": [write_time * max(1, 4 / count) for count in counts],
    },
    title="Four megabytes in several files",
    x_label="files written at once",
    y_label="time to save (seconds)",
)

# %% [markdown] tags=["answer"]
# Files help until together they use the whole bandwidth, then no more. (More files do not shrink what is measured
# above the second line: the sums, the `fsync` of every file, and the manifest.)

# %% [markdown]
# Eight files bring a new danger: a checkpoint of which seven exist. So a **manifest** that names all files, with
# their sums, is written when all of them are on the disk, and a folder without it is no checkpoint.

# %%
import shutil

from course.training.checkpoint_files import CheckpointError

same = load_sharded(shard_folder / "shards-8")
print("as saved:", all(np.array_equal(same[name], named[name]) for name in named))
damaged = shutil.copytree(
    shard_folder / "shards-8", empty_folder(folder / "damaged") / "shards-8"
)
for missing in ("shard-005.npz", "manifest.json"):
    (damaged / missing).unlink()
    try:
        load_sharded(damaged)
    except CheckpointError as error:
        print(str(error).replace(f"{damaged.parent}{os.sep}", "").replace(os.sep, "/"))

# %% [markdown]
# ## Killed while writing
#
# Now the worst moment. Keras opens the file under its final name, which empties it, and then fills it. What if it
# cannot finish? A layer that fails while it is saved stands for a full disk:


# %%
@keras.saving.register_keras_serializable("lesson12")
class FullDisk(keras.layers.Layer):
    full = False

    def save_own_variables(self, store):
        if FullDisk.full:
            raise OSError("No space left on device")
        super().save_own_variables(store)


path = folder / "only.keras"
small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), FullDisk()])
small.save(path)
keras.models.load_model(path)
print("saved and loaded")

# %%
FullDisk.full = True
for action in (small.save, keras.models.load_model):
    try:
        action(path)
    except Exception as error:
        print(f"{type(error).__name__} in {action.__name__}")

# %% [markdown]
# The second save failed, and with it went the first. A process that is killed meanwhile leaves the same. To see it, we
# kill small programs that do nothing but save. They save in three ways: a new file under the old name, as
# Keras does; new numbers into the old file, as a memory map does; and as `course.training.checkpoints` does it:
#
# 1. write to a temporary name in the same folder, and `fsync`;
# 2. give it its final name, with `Path.replace`, which happens at once or not at all, and `fsync` the folder;
# 3. keep a sum, so that damage of any other origin is found.

# %%
WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from course.training.checkpoint_files import CheckpointFolder, Position

way, folder = sys.argv[1], Path(sys.argv[2])
checkpoints = CheckpointFolder(folder, keep=2, asynchronous=False)
checkpoints.open()
for step in range(1, 10**6):
    state = np.full((100, 10_000), step)  # 8 MB that all say the same
    if way == "new file":
        np.savez(folder / "state.npz", state=state)
    elif way == "old file" and step > 1:
        mapped = np.load(folder / "state.npy", mmap_mode="r+")
        for row in mapped:
            row[:] = step
            time.sleep(0.0001)
    elif way == "old file":
        np.save(folder / "state.npy", state)
    else:
        checkpoints.save(Position(step, 0), {"state": state}, best=None)
    print(step, flush=True)
"""

# %%
import subprocess
import sys


def kill_one(way, delay):
    """Kill a writer `delay` seconds after its first save;
    return its folder and the last step it reported."""
    place = Path(tempfile.mkdtemp(dir=folder))
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, way, str(place)],
        stdout=subprocess.PIPE,
        text=True,
    )
    first = child.stdout.readline()
    time.sleep(delay)
    child.kill()  # SIGKILL, or what Windows has in its place
    return place, int((first + child.communicate()[0]).split()[-1])


# %% [markdown]
# What is left is sorted: the last state that was reported as saved, or a later one, is *whole*; *unreadable* is what
# cannot be loaded; *mixed* is what can, although the numbers are of two steps; *lost* is an older state. How often
# each comes depends on how much of its time a writer is inside a save (ours almost always, and the pause after
# each row makes the old file slower still). Whether it *can* come is the question.

# %%
from course.training.checkpoint_files import read


def verdict(way, place, reported):
    try:
        if way == "course":
            state = max(
                map(read, place.glob("*.npz")), key=lambda found: found.position
            ).state["state"]
        elif way == "new file":
            state = np.load(place / "state.npz")["state"]
        else:
            state = np.load(place / "state.npy")
    except Exception:  # there is no telling what half a file makes of NumPy
        return "unreadable"
    return (
        "mixed"
        if state.min() < state.max()
        else "whole"
        if state[0, 0] >= reported
        else "lost"
    )


# %% [markdown] tags=["predict"]
# Each way is killed `kills` times at a random moment of its first tenths of a second. Which verdict will each get
# most often? Which of the four is the worst to have?

# %% tags=["varies"]
import random
from collections import Counter

rng, found = random.Random(seed), {}
with ThreadPoolExecutor(max_workers=2) as pool:
    for way in ("new file", "old file", "course"):
        ends = pool.map(
            kill_one, [way] * kills, [rng.uniform(0, 0.2) for _ in range(kills)]
        )
        found[way] = Counter(verdict(way, *end) for end in ends)
        print(f"{way:9}", dict(found[way]))

# %%
unreadable, mixed, whole = (
    found["new file"]["unreadable"],
    found["old file"]["mixed"],
    found["course"]["whole"],
)
# the moments of kills are times
danger = {"at_least": {"full": 1}, "unit": "kills", "digits": 0, "timed": True}

# %%
bound(
    "12.new_file_unreadable",
    "new file under the old name: unreadable after",
    unreadable,
    **danger,
)
bound("12.old_file_mixed", "overwritten old file: mixed after", mixed, **danger)
fact(
    "12.course_not_whole",
    "kills that cost the course's writer its file",
    kills - whole,
    equals=0,
)

# %% [markdown] tags=["answer"]
# The new file under the old name was unreadable after {{12.new_file_unreadable}}. The old file that was overwritten
# was mixed after {{12.old_file_mixed}}, and that is the worst of all, since it loads without a word. Written aside
# and renamed, the file was whole after every kill.

# %% [markdown]
# A few kills can show a danger, never that there is none: `python -m benchmarks.kill_and_resume --kills 50` kills
# real training, as often as you like.

# %% [markdown] tags=["quiz"]
# A colleague leaves out `fsync`, kills her writer a thousand times, and never loses a checkpoint. What has she shown?
#
# - [ ] That `fsync` is not needed.
#   It is not needed against a kill. Against a power failure it may be, and she has tested none.
# - [x] That a killed *process* rarely or never loses one; about a power failure she knows nothing yet.
#   What a process has written lies in the memory of the operating system, which survives the process and writes it
#   out later. When the whole machine goes down, that memory goes too, and the new *name* may reach the disk before
#   the bytes do. `fsync` is for that case; our kills do not test it.
# - [ ] That her disk has no cache.
#   A kill never reaches the disk's cache: the operating system still has all the bytes. So nothing was learned about
#   it.
# - [ ] That `replace` calls `fsync` itself.
#   It does not. `replace` changes a name, and says nothing of when the bytes reach the disk.

# %% [markdown]
# ### Exercise 12.2: whole or not at all
#
# Write a file from `chunks`, an iterable of bytes that may fail half way and may not fit into memory: write each chunk
# when it comes, into the folder of `path`. At every moment `path` must hold the old content or the new; after a failure
# the old content is there, nothing else lies in the folder, and the error is raised; and the bytes are on the disk
# (`os.fsync`) before they get their name.


# %% tags=["solution"]
def write_whole(path, chunks):
    """Replace the content of `path` by the joined chunks, whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


# %% tags=["helper"]
from contextlib import contextmanager, suppress
from unittest.mock import patch


@contextmanager
def watched(path):
    """Collect what a reader of `path` meets at every call meanwhile (None:
    no file), and every file that is synced."""
    found, synced, sync = set(), [], os.fsync

    def fsync(descriptor):
        # with what has been met by then
        synced.append((os.fstat(descriptor), set(found)))
        sync(descriptor)

    sys.setprofile(lambda *_: found.add(path.read_bytes() if path.exists() else None))
    try:
        with patch("os.fsync", fsync):
            yield found, synced
    finally:
        sys.setprofile(None)


# %% tags=["check"]
@exercise("12.2", write_whole)
def check(write_whole):
    path, whole, ends = (
        Path(tempfile.mkdtemp(dir=folder)) / "state.bin",
        b"n" * 100_000 + b"w",
        [],
    )
    path.write_bytes(b"old")

    def chunks(fail):
        yield whole[:-1]
        if fail:
            raise TimeoutError("no more data came")
        expect(
            len(list(path.parent.iterdir())) == 2,
            "Nothing lies beside the old file. Write each chunk there.",
        )
        yield whole[-1:]

    for fail in (True, False):
        with watched(path) as (found, synced), suppress(TimeoutError):
            write_whole(path, chunks(fail))
            ends.append(fail)
        expect(
            None not in found,
            "For a moment there is no file at all. Rename over the old one instead.",
        )
        expect(
            found <= {b"old", whole},
            "For a moment there is a part of the new file. Write beside it, then"
            " rename.",
        )
        expect(
            list(path.parent.iterdir()) == [path],
            "Another file is left behind. Remove it, also after a failure.",
        )
    expect(
        ends == [False],
        "The error has been swallowed. Whoever saves has to know that the save failed.",
    )
    expect(
        path.read_bytes() == whole, "The file does not hold all chunks in their order."
    )
    expect(
        synced,
        "The bytes were never forced to the disk; a new name alone helps against kills"
        " only. See os.fsync.",
    )
    own = {
        file.st_size: before
        for file, before in reversed(synced)
        if file.st_ino == path.stat().st_ino
    }
    expect(
        own,
        "The file that now has the name was never synced itself. Rename the very file"
        " that you synced.",
    )
    expect(
        len(whole) in own,
        "At fsync some bytes were still in Python's own buffer: file.flush() comes"
        " first.",
    )
    expect(
        whole not in own[len(whole)],
        "The file got its name before its bytes were on the disk: first fsync.",
    )


# %% tags=["wrong"] hint="Write beside it"
def write_whole(path, chunks):
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


# %% tags=["wrong"] hint="left behind. Remove it"
def write_whole(path, chunks):
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


# %% tags=["wrong"] hint="no file at all. Rename over"
def write_whole(path, chunks):
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.remove(path)  # noqa: PTH107
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


# %% tags=["wrong"] hint="never forced to the disk"
def write_whole(path, chunks):
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


# %% tags=["wrong"] hint="Write beside it"
def write_whole(path, chunks):
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        path.write_bytes(partial.read_bytes())
    finally:
        partial.unlink(missing_ok=True)


# %% [markdown]
# ## How often?
#
# Let a save stop training for $c$ seconds, and let failures come at random, on average every $M$ seconds (the *mean
# time between failures*, MTBF). With $w$ seconds of work between two saves, the share of time that goes into saving
# is about $c / w$. A failure loses what was done since the last save, on average half an interval, $w / 2$, and that
# happens once in $M$ seconds. Together:
#
# $$\text{share lost} \approx \frac{c}{w} + \frac{w}{2M} \qquad\text{least at}\qquad w = \sqrt{2\,c\,M}$$
#
# Young published the square root in 1974. It is an approximation: it forgets that failures also strike while a save
# is written, and that several may strike one interval. Daly's formula (2006) leaves neither out, nor the $r$ seconds
# that a restart takes, which failures strike too. Until an interval and its save have gone well once,
#
# $$M e^{r/M} \left(e^{(w + c)/M} - 1\right)$$
#
# seconds pass on average, and $w$ of them are work kept. We hold both against failures drawn at random from an
# exponential distribution, with $r = 0$.


# %%
def best_interval(cost, mtbf):
    """Seconds of work between two saves that lose least, by Young; good while the cost
    is far below the MTBF."""
    return (2 * cost * mtbf) ** 0.5


def expected_share_lost(interval, cost, mtbf, restart=0.0):
    """Share of all time that is not work kept, by Daly."""
    return 1 - interval * np.exp(-restart / mtbf) / (
        mtbf * np.expm1((interval + cost) / mtbf)
    )


def simulated_share_lost(interval, cost, running):
    """The same, counted over the times `running` from failure to failure;
    a restart takes no time."""
    return 1 - interval * np.floor(running / (interval + cost)).sum() / running.sum()


# %% [markdown] tags=["predict"]
# Someone saves half as often as Young says: twice the interval. By what share does the lost time grow: by a quarter,
# by a half, or to the double?

# %%
cost, mtbf = 60, 24 * 3600  # a minute a save, a failure a day
young = best_interval(cost, mtbf)
intervals = young * np.geomspace(1 / 8, 8, 121)
running = np.random.default_rng(seed).exponential(mtbf, failures)
lost = np.array(
    [simulated_share_lost(interval, cost, running) for interval in intervals]
)

# %%
plots.lines(
    intervals / 60,
    {
        "simulated": 100 * lost,
        "Daly": 100 * expected_share_lost(intervals, cost, mtbf),
        "c / w + w / 2M": 100 * (cost / intervals + intervals / 2 / mtbf),
    },
    title="A minute a save, a failure a day",
    x_label="work between two saves (minutes)",
    y_label="time lost (%)",
    log="xy",
    marked={"Young": young / 60},
)

# %%
at = {share: np.interp(share * young, intervals, lost) for share in (1 / 2, 1, 2, 8)}
over_best = young / intervals[np.argmin(lost)]
tenth, quarter = (
    {"at_least": {"full": 0.9}, "at_most": {"full": 1.1}},
    {
        "at_least": 1.2,
        "at_most": 1.3,
    },
)

# %%
bound(
    "12.young_over_simulated",
    "Young's interval over the best simulated one",
    over_best,
    **tenth,
    digits=2,
)
spread(
    "12.lost_at_best", "time lost at Young's interval", 100 * at[1], unit="%", digits=2
)
bound(
    "12.twice_the_interval",
    "twice the interval: time lost over that",
    at[2] / at[1],
    **quarter,
    digits=2,
)
bound(
    "12.half_the_interval",
    "half the interval: time lost over that",
    at[1 / 2] / at[1],
    **quarter,
    digits=2,
)
bound(
    "12.eight_times_the_interval",
    "eight times: time lost over that",
    at[8] / at[1],
    at_least=3.5,
    digits=2,
)

# %% [markdown] tags=["answer"]
# Young's interval divided by the best of the simulated ones, which lie a few percent apart, is
# {{12.young_over_simulated}}, and with it {{12.lost_at_best}} of all time is lost. The surprise is how flat the valley
# is: twice the interval loses {{12.twice_the_interval}} times as much, half of it {{12.half_the_interval}} times. The
# formula says why: at the best interval both terms are equal; then one halves and the other doubles, so the sum is
# $\frac{1}{2}(\frac{1}{2} + 2) = 1.25$ times what it was. **A rough guess of the MTBF is good enough**: one that is
# four times too long makes the interval only twice too long. A wild one costs: eight times the interval, from an MTBF
# 64 times too long, loses {{12.eight_times_the_interval}} times as much.

# %% [markdown] tags=["quiz"]
# A run moves from 64 to 256 nodes, and any node that fails stops it. The time of a save stays what it was. What
# happens to the best interval?
#
# - [ ] It stays what it was; only the number of failures grows.
#   More failures mean that each interval costs more lost work. So it pays to save more often.
# - [x] It is halved.
#   With four times the nodes a failure comes four times as often: $M$ is a quarter, and the interval goes with its
#   square root.
# - [ ] It is a quarter.
#   That would be so if the interval were proportional to $M$. It goes with the square root.
# - [ ] It doubles, since four times as much work is done between two saves.
#   Four times as much work is lost by a failure as well, and failures come more often. Saves must come closer
#   together.

# %% [markdown]
# ### Exercise 12.3: the interval of a background save
#
# A save in the background stops training for `stall` seconds, the copy; then `write` seconds more pass until the disk
# has it, and a failure before that falls back to the save before. So a failure loses `write` more than half an
# interval, and a new save cannot begin before the last is written. Any of `nodes` nodes stops the run when it fails,
# each once in `node_mtbf` seconds on average. What is the best work between two saves?


# %% tags=["solution"]
def background_interval(stall, write, node_mtbf, nodes):
    """Return the seconds of work between two saves that lose least time."""
    return max(write, (2 * stall * node_mtbf / nodes) ** 0.5)


# %% tags=["check"]
def draw(rng):
    stall, write = rng.uniform(0.5, 5), rng.uniform(5, 300)
    return (
        float(stall),
        float(write),
        float(rng.uniform(1e5, 1e7)),
        int(rng.integers(1, 200)),
    )


@exercise("12.3", background_interval, draw=draw)
def check(interval):
    for stall, write, node_mtbf, nodes in [
        (2, 10, 1e6, 1),
        (2, 10, 1e6, 100),
        (1, 300, 1e6, 50),
        (0.5, 8, 1e7, 1000),
    ]:
        work = np.geomspace(write, 1e5, 20_001)  # no save before the last is written
        share = stall / work + (work / 2 + write) * nodes / node_mtbf
        best, answer = work[np.argmin(share)], interval(stall, write, node_mtbf, nodes)
        expect(
            nodes == 1
            or not np.isclose(answer, max(write, (2 * stall * node_mtbf) ** 0.5)),
            "This is the interval of one node. With many, a failure comes many times as"
            " often.",
        )
        for cost in (write, stall + write):
            expect(
                not np.isclose(
                    answer, max(write, (2 * cost * node_mtbf / nodes) ** 0.5)
                ),
                "You counted the time of the write as a cost. Which time does training"
                " stand still?",
            )
        expect(
            answer >= write * 0.999,
            f"For write = {write} it returns {answer:.4g}: the last save is not written"
            " yet.",
        )
        expect(
            abs(answer / best - 1) < 0.01,
            f"For stall = {stall}, write = {write}, node_mtbf = {node_mtbf:g}, nodes ="
            f" {nodes} it returns {answer:.4g}; trying many intervals finds"
            f" {best:.4g}.",
            general=True,
        )


# %% tags=["wrong"] hint="Which time does training stand still"
def background_interval(stall, write, node_mtbf, nodes):
    return max(write, (2 * write * node_mtbf / nodes) ** 0.5)


# %% tags=["wrong"] hint="Which time does training stand still"
def background_interval(stall, write, node_mtbf, nodes):
    return max(write, (2 * (stall + write) * node_mtbf / nodes) ** 0.5)


# %% tags=["wrong"] hint="interval of one node"
def background_interval(stall, write, node_mtbf, nodes):
    return max(write, (2 * stall * node_mtbf) ** 0.5)


# %% [markdown]
# ## A plan for a large model
#
# The Llama 3 team (2024) published what is needed for a real plan: 405 billion parameters on 16,384 accelerators,
# eight to a machine; 419 unexpected interruptions in 54 days; storage that sustains 2 TB a second. Three numbers are
# our own: 14 bytes a parameter (a weight of 2, and a master copy and Adam's two means of 4 each), ten checkpoints kept,
# and, a guess, ten minutes from a failure until training runs again. The plan itself is arithmetic:

# %%
from types import SimpleNamespace

from course.topics.storage import above_zero


def plan(
    *, parameters, bytes_per_parameter, nodes, node_mtbf, bandwidth, restart, keep
):
    """Plan a run that waits for every save and stops when any node fails;
    in bytes, seconds and a share of time."""
    above_zero(**locals())
    state, mtbf = parameters * bytes_per_parameter, node_mtbf / nodes
    cost = state / bandwidth
    if cost > mtbf / 2:
        least = f"must be at least {2 * state / mtbf:g}, so often a node fails"
        raise ValueError(f"bandwidth = {bandwidth:g}: {least}")
    interval = best_interval(cost, mtbf)
    storage = (keep + 1) * state  # one more while it is being written
    lost = expected_share_lost(interval, cost, mtbf, restart)
    return SimpleNamespace(
        state=state,
        cost=cost,
        mtbf=mtbf,
        interval=interval,
        share_lost=lost,
        storage=storage,
    )


# %%
llama = {
    "parameters": 405e9,
    "bytes_per_parameter": 14,
    "nodes": 16_384 // 8,
    "restart": 600,
    "keep": 10,
}
llama["node_mtbf"] = 54 * 24 * 3600 / 419 * llama["nodes"]
made = plan(**llama, bandwidth=2e12)
print(f"one checkpoint        {made.state / 1e12:.2f} TB, written in {made.cost:.1f} s")
print(f"a failure every       {made.mtbf / 3600:.1f} hours")
print(f"a save every          {made.interval / 60:.1f} minutes")
print(f"room for checkpoints  {made.storage / 1e12:.0f} TB")
# of all time; a restart may fail too
restarts = -np.expm1(-llama["restart"] / made.mtbf)
print(
    f"time lost             {100 * made.share_lost:.1f}%, by restarts alone"
    f" {100 * restarts:.1f}%"
)

# %% [markdown]
# The team reports that more than 90 % of the time was training. Our plan agrees, but only by our guess: with twice the
# time to start again it would not. With such storage, saves and the work done again are the small part: most of what is
# lost is the time to start again, unless that takes only a few minutes. With slower storage it is the other way round:

# %%
bandwidths = np.geomspace(3e9, 2e12, 30)
made = [plan(**llama, bandwidth=bandwidth) for bandwidth in bandwidths]
plots.lines(
    bandwidths / 1e9,
    {
        "all that is lost": [100 * each.share_lost for each in made],
        "by restarts": [100 * restarts] * len(made),
    },
    title="The same model on slower storage",
    x_label="bandwidth (GB a second)",
    y_label="time lost (%)",
    log="x",
)

# %%
try:
    plan(**llama, bandwidth=1e9)
except ValueError as error:
    print(error)

# %% [markdown]
# At 1 GB a second, about a laptop's disk, `plan` refuses: a save would take more than half of the time between two
# failures. There Young's square root no longer holds, and whatever the interval, most of the time would be lost.

# %% [markdown]
# ## What others use
#
# For training in JAX the usual library is **Orbax**, and it does what this lesson built up: a copy first, then writing
# in the background; each machine writes its own shards; and a checkpoint counts only when a temporary folder has been
# renamed, or, on stores that cannot rename, when a file `commit_success.txt` is there (our manifest). Its guide says
# that saving in the background took about 40 % off the saving time of a model of 300 million parameters, and about 97 %
# off that of 340 billion: the larger the state, the more there is to hide. It writes to cloud stores and loads on
# another number of machines, which `course.training.checkpoints` does not. Keras has `OrbaxCheckpoint` for it, which
# needs JAX even with TensorFlow as the backend; where it is installed, `benchmarks.checkpoint_stall` measures it too.
# Whatever you choose, test it as lesson 11 does: resume, and compare every number.

# %% [markdown]
# ## What you have learned
#
# - A save is a copy, a packing and a write, and written is not on the disk before `fsync`. Only the copy has to keep
#   training waiting.
# - A save in the background hides a slow disk as long as a write is shorter than the work between two saves. More
#   files help until they use the whole bandwidth; a manifest makes them one checkpoint.
# - Beside the old file, `fsync`, then rename: a kill leaves the old or the new. Under the old name it can leave half,
#   and in the old file a mixture that loads without a word.
# - The interval that loses least is $\sqrt{2cM}$, and the valley is flat: twice or half of it costs about a quarter
#   more.
# - A plan follows from size, nodes, bandwidth and restarts. With fast storage restarts can be most of the loss, with
#   slow storage saves and work done again are.
#
# ## Try next
#
# - Failures of real machines come in clusters. Draw the times from a Weibull distribution with shape 0.7
#   (`rng.weibull`) and the same mean. How far does the best interval move, and why no further?
# - Let a save cost a tenth of the MTBF. How far is Young's interval from the best simulated one now, and does Daly's
#   curve still lie on the simulation?
# - Set `megabytes = 400`. Which of the five bars grow with the size, and which faster?
# - Save only the weights in 16 bits every time, and everything else every tenth time. What does that do to the plan,
#   and what is lost after a failure?
