# ---
# title: Checkpoint storage
# part: 3 Keep
# objectives:
#   - measure what a save is made of, and identify the part that training has to wait for
#   - explain when saving in the background hides a slow disk, and when several files make it faster
#   - write a file so that a kill leaves the old one or the new one, never half of one
#   - keep checkpoints through the failure of a storage node
#   - compute the interval between saves that loses the least time, and plan the checkpoints of a large model
# prerequisites:
#   - "lesson 10 (Saving models): what is in a file; checksums that detect damage"
#   - "lesson 11 (Checkpointing): resuming with course.training.checkpoints"
#   - the mean of a random quantity, and what an exponential distribution is
# data: []
# vary: {kills: [3, 5, 6]}
# reading:
#   - "Young, *A first order approximation to the optimum checkpoint interval*, Communications of the ACM 17(9), 1974, doi:10.1145/361147.361115"
#   - "Daly, *A higher order estimate of the optimum checkpoint interval for restart dumps*, Future Generation Computer Systems 22(3), 2006, doi:10.1016/j.future.2004.11.016"
#   - "Llama team, *The Llama 3 herd of models*, 2024, arXiv:2407.21783 (section 3.3: storage, failures and restarts of a large training run)"
#   - "Pillai et al., *All file systems are not created equal*, OSDI 2014 (what is on the disk after a crash)"
#   - "Patterson, Gibson, Katz, *A case for redundant arrays of inexpensive disks (RAID)*, SIGMOD 1988, doi:10.1145/50202.50214 (copies and parity)"
#   - "Orbax developers, *Asynchronous checkpointing*, https://orbax.readthedocs.io"
# ---

# %% [markdown]
# Lesson 11 asked *what* a checkpoint must contain. This lesson asks what it costs. While a model is being saved,
# training waits. When a machine fails, the work since the last save is lost. So there is a best interval between saves.
# Even at that interval some time is lost. How much depends on the storage: how fast it writes and reads, how long
# training waits for it, and whether a checkpoint can still be read after a crash.
#
# Times differ from machine to machine: read your own. Other results in the text are those of full mode.

# %% tags=["parameters"]
seed: int = 0  # seed of arrays, kills and simulated failures, 0 to 1000000
fast: bool = False  # a smaller state, a quicker disk, fewer kills and failures
megabytes: int = 48  # size of the state that is saved, 1 to 400, fast 4
kills: int = 8  # processes killed for each way of writing, 2 to 100, fast 2
write_time: float = 0.2  # seconds for a state on the slow disk, 0.02 to 2, fast 0.1
failures: int = 1000000  # simulated failures per point, 1000 to 5000000, fast 100000

# %%
from course.lesson import begin

begin("12_checkpoint_storage", globals())

# %% [markdown]
# ## What a save is made of
#
# We save a dense network. It is trained with Adam for one batch, so that the optimizer has its state too.

# %%
import keras
import numpy as np

keras.utils.set_random_seed(seed)
weights = megabytes * 1e6 / 4 / 3  # 4 bytes a number, 3 numbers a weight
width = round((weights / 4) ** 0.5)  # 4 layers
layers = [keras.layers.Dense(width, activation="relu") for _ in range(4)]
model = keras.Sequential([keras.Input((width,)), *layers, keras.layers.Dense(1)])
model.compile("adam", "mse", jit_compile=False)
x = np.random.default_rng(seed).normal(size=(1024, width)).astype("float32")
first = model.fit(x[:64], x[:64, :1], verbose=0)


# %%
def copy_state():
    """Return a copy of the weights and of the optimizer's state."""
    variables = model.variables + model.optimizer.variables
    return [variable.numpy() for variable in variables]


state_bytes = sum(array.nbytes for array in copy_state())
weight_bytes = sum(weight.nbytes for weight in model.get_weights())
print(f"weights and optimizer are {state_bytes / weight_bytes:.2f} times the weights")

# %% [markdown]
# Adam keeps two running means for every weight, so the state is three times as large as the weights.
#
# A save has three parts: the numbers are **copied** out of the model, **packed** into a format, and **written**. Only
# the copy has to happen while training stands still, because nothing may change the numbers while they are being read.
# (Where training waits for the whole save, a program may read the numbers in place and leave out the copy.)

# %%
from course.topics import storage_figures

storage_figures.parts_of_a_save()

# %% [markdown]
# "Written" does not mean what it seems to mean. `write` returns when the operating system has the bytes in *its* memory.
# Only `os.fsync` waits until the disk has them.

# %%
import os
import tempfile
from pathlib import Path

from course.files import empty_folder

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)


# %%
def write(path, arrays, sync=True):
    """Write the bytes of all arrays one after the other, without any format."""
    with path.open("wb") as file:
        for array in arrays:
            file.write(array)
        file.flush()
        if sync:
            os.fsync(file.fileno())


# %% [markdown] tags=["predict"]
# Here are five ways to store the state: a `.keras` file, a `.weights.h5` file (Keras adds the optimizer), a copy in
# memory, a plain `write` of the bytes, and the same with `fsync`. Which is fastest, which is slowest, and by what
# factor?

# %%
import time


def seconds(action):
    """Return how long `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


# %%
arrays = copy_state()
ways = {
    ".keras": lambda: model.save(folder / "model.keras"),
    ".weights.h5": lambda: model.save_weights(folder / "model.weights.h5"),
    "write and fsync": lambda: write(folder / "bytes", arrays),
    "write": lambda: write(folder / "bytes", arrays, sync=False),
    "copy in memory": copy_state,
}

# %% [markdown]
# Other programs can only make a save take longer. So each way gets five turns, spread over the whole measurement, and
# the shortest time counts.

# %% tags=["varies"]
rounds = [[seconds(action) for action in ways.values()] for _ in range(5)]
took = dict(zip(ways, 1000 * np.min(rounds, axis=0), strict=True))
title = f"Saving {state_bytes / 1e6:.0f} MB in five ways"
storage_figures.milliseconds(took, title=title)

# %% [markdown] tags=["answer"]
# Four of the five ways do not wait for the disk. Of these, `.keras` took longest where this notebook was built; read
# the factor from your own bars. "Write and fsync" waits, and on a slow disk it may take longest of all. Which way is
# fastest depends on the machine. The bars "write" and "write and fsync" start with the copy already made. So the time
# of a save without any format is the sum of two bars, "copy in memory" and "write and fsync". Keras copies and writes
# as well, but without `fsync`, so its bytes may not be on the disk yet. Compare its bars with "copy in memory" plus
# "write", as a rough yardstick. What `.keras` takes beyond that sum is mostly the price of packing and of the
# structure. `.weights.h5` packs little, and its bar may even be shorter than the sum.
#
# A plain `write` may be about as fast as the copy, because it *is* a copy, into the memory of the operating system. If
# `fsync` seems to cost nothing, the disk is fast, or the disk only claims to be done, or the folder lies in memory, as
# `/tmp` does on some systems. "Write and fsync" does all that "write" does, and more. If its bar is shorter all the
# same, other programs were at work.

# %% [markdown]
# ## Let training go on
#
# With `asynchronous=True`, `course.training.checkpoints` copies the state and hands the copy to a thread. The thread
# packs, writes and syncs it while training goes on. How long does training stand still at the end of an epoch?

# %%
from course.topics.hardware import CLOCK
from course.training.checkpoints import Checkpoints

stalls = {"synchronous": [], "asynchronous": []}
working = {"synchronous": [], "asynchronous": []}


# %%
class Timed(Checkpoints):
    """Checkpoints that note how long each save stops training, and how long the
    processor works for it in the training thread (both in milliseconds)."""

    def on_epoch_end(self, epoch, logs=None):
        start = time.perf_counter()
        work = CLOCK()
        super().on_epoch_end(epoch, logs)
        stalls[self.name].append(1000 * (time.perf_counter() - start))
        working[self.name].append(1000 * (CLOCK() - work))


# %%
for name in stalls:
    place = empty_folder(folder / name)
    in_thread = name == "asynchronous"
    run = Timed(place, keep=1, monitor="loss", asynchronous=in_thread)
    run.name = name
    data = run.shuffled(x, x[:, :1], batch_size=32, seed=seed)
    model.fit(data, epochs=4, shuffle=False, verbose=0, callbacks=[run])

# %% tags=["varies"]
least = {name: min(times) for name, times in stalls.items()}
storage_figures.milliseconds(least, title="How long a save stops training")

# %% [markdown]
# With a save in the background, training still stops for the copy, and for the previous write if that is not finished.
# Other programs on the machine disturb such times, so we also count how long the processor works for a save in the
# training thread:

# %%
ratio = np.median(working["synchronous"]) / np.median(working["asynchronous"])

# %%
from course.claims import bound, fact, spread

spread(
    "12.stall_ratio",
    "work per save: synchronous over asynchronous",
    ratio,
    digits=1,
    timed=True,
)

# %% [markdown]
# In the background, a save takes less work in the training thread, by a factor of {{12.stall_ratio}}. We had aimed for
# a factor of 3 in every run, and did **not** reach it: the copy that remains is a good part of the work. Without
# `asynchronous=True` there is no copy, because nothing trains during the save. Nor is saving in the background free: the
# copy takes as much memory as the state, and the other thread takes processor time from training. `python -m
# benchmarks.checkpoint_stall` measures all of that, and compares it with Keras' own ways to save.

# %% [markdown]
# ## A slow disk
#
# A laptop's disk is fast; a file system that a thousand machines share may not be. To feel the difference,
# `course.topics.storage` slows a disk down with a **token bucket**. Tokens drip into a bucket at a fixed rate, and every
# byte costs one token. If the bucket is empty, you wait. A small stock of tokens lets a short burst through at full
# speed.

# %%
from course.topics.storage import TokenBucket

bucket = TokenBucket(rate=10, burst=20)
print([bucket.delay(10, now=now) for now in (0, 0, 0, 0, 100)])

# %% [markdown]
# The first twenty bytes pass at once. After that, every ten bytes wait one second longer. By time 100 the bucket is full
# again. `SlowDisk(rate)` puts one such bucket in front of all its files. Our disk needs `write_time` seconds for a
# state (here 2 MB of zeros), and training works for `work` seconds between two saves. (Training is only a pause here,
# as if an accelerator did the work.)

# %%
from concurrent.futures import ThreadPoolExecutor

from course.topics.storage import SlowDisk

small_state = np.zeros(2_000_000, "uint8")
bandwidth = len(small_state) / write_time  # bytes a second
slow_disk = SlowDisk(rate=bandwidth)


def put(array):
    """Write an array to the slow disk."""
    with slow_disk.open(folder / "slow") as file:
        file.write(array.tobytes())


# %%
def timed_save(writer, pending, asynchronous):
    """Start a write after the pending one; return it and the seconds this has taken."""
    start = time.perf_counter()
    if pending:
        pending.result()  # one write at a time
    pending = writer.submit(put, small_state.copy())
    if not asynchronous:
        pending.result()
    return pending, time.perf_counter() - start


# %%
def stall(work, asynchronous, saves=4):
    """Return the median seconds that a save stops training, after the first save."""
    pending = None
    waits = []
    with ThreadPoolExecutor(max_workers=1) as writer:
        for _ in range(saves):
            time.sleep(work)
            pending, waited = timed_save(writer, pending, asynchronous)
            waits.append(waited)
    return np.median(waits[1:])


# %% [markdown] tags=["predict"]
# Training saves in the background, and between two saves it works half as long as a write takes. How long does each save
# stop it: not at all, for half a write, or for a whole one? And if it works for one and a half writes?

# %%
from course import plots

works = np.array([0.25, 0.5, 1.0, 1.5])  # in write times
modes = {"waiting for the write": False, "in the background": True}

# %%
stopped = {}
for name, asynchronous in modes.items():
    times = [stall(work * write_time, asynchronous) for work in works]
    stopped[name] = np.array(times) / write_time

# %% tags=["varies"]
plots.lines(
    works,
    stopped,
    title="What a slow disk costs",
    x_label="work between two saves (write times)",
    y_label="training stopped by a save (write times)",
)

# %% [markdown] tags=["answer"]
# For half a write, and then not at all: a save in the background costs whatever is left of the previous write,
# $\max(0,\ \text{write} - \text{work})$. A save that waits costs a whole write. (The disk lets a first burst through at
# full speed, so both lines may lie a little below these values. The copy and the file system raise them, most of all if
# `write_time` is short.) Once the work between two saves is longer than a write, the slow disk is hidden. Before that
# it is not: **saving in the background hides time, but it does not create bandwidth**. Nor should you let writes queue
# up: each one holds a copy of the state in memory while it waits.

# %% [markdown]
# ### Exercise 12.1: hand it over
#
# Write the function that a training loop calls to save in the background, one write at a time. `state` is a dictionary
# of arrays that training goes on changing *in place*. `write(state)` writes it and takes a long time. `executor` is a
# `ThreadPoolExecutor`, as above: `executor.submit(f, x)` starts `f(x)` in a thread and returns a *future* at once.
# `pending` is what the previous call returned, `None` at first. If the previous write failed, the training loop must
# find out.


# %% tags=["solution"]
def hand_over(executor, write, state, pending):
    """Wait for the previous write, then start writing `state` in the background;
    return the new future."""
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
            "Return the future that submit returns: the next call waits for it.",
        )
        expect(
            not written,
            "Your function waits for its own write. Wait for the previous one only.",
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
            "Training goes on changing these arrays: copy each of them before you hand"
            " them over.",
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
            " until you call result().",
        )


# %% tags=["wrong"] hint="copy each of them"
def hand_over(executor, write, state, pending):
    if pending is not None:
        pending.result()
    return executor.submit(write, dict(state))


# %% tags=["wrong"] hint="before you hand"
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
# On a network, one open file rarely gets all of the bandwidth. So large checkpoints are **sharded**: cut into files
# that are written at the same time, usually one by each machine. Our next disk could write a state in `write_time`
# seconds, but each file gets only a quarter of that rate.

# %% [markdown] tags=["predict"]
# With one file, the save takes four times as long as the disk would need. How long does it take with 2, 4 and 8 files?

# %%
from course.topics.storage import load_sharded, save_sharded

named = {"kernel": np.arange(500_000, dtype="float32"), "step": np.int64(seed)}
counts = np.array([1, 2, 4, 8])

# %% tags=["varies"]
shard_folder = empty_folder(folder / "sharded")
sharded = []
for shards in counts:
    network_disk = SlowDisk(rate=bandwidth, stream_rate=bandwidth / 4)
    place = shard_folder / f"shards-{shards}"
    start = time.perf_counter()
    save_sharded(place, named, shards=shards, open_file=network_disk.open)
    sharded.append(time.perf_counter() - start)

# %% tags=["varies"]
plots.lines(
    counts,
    {"measured": sharded, "the disk's full rate": np.full(4, write_time)},
    title="Two megabytes in several files",
    x_label="files written at once (log scale)",
    y_label="time to save (seconds)",
    log="x",
)

# %% [markdown] tags=["answer"]
# By the rates alone, 2 files take twice the disk's time, and 4 or 8 files take exactly the disk's time. More files help
# until together they use the whole bandwidth; after that they help no more. (With few files your line may lie a little
# below that, because the disk lets a first burst through. With many it lies higher, because it also includes the
# checksums, the `fsync` of every file, and the manifest, which comes next. More files do not shrink that part.)

# %% [markdown]
# Eight files bring a new danger: a checkpoint with only seven of its files. So the last file to be written is a
# **manifest**, which names all the others with their checksums. It is written once they are all on the disk. A folder
# without a manifest is not a checkpoint.

# %%
same = load_sharded(shard_folder / "shards-8")
print("as saved:", all(np.array_equal(same[name], named[name]) for name in named))

# %%
import shutil

from course.training.checkpoint_files import CheckpointError

damaged = empty_folder(folder / "damaged") / "shards-8"
shutil.copytree(shard_folder / "shards-8", damaged)
for missing in ("shard-005.npz", "manifest.json"):
    (damaged / missing).unlink()
    try:
        load_sharded(damaged)
    except CheckpointError as error:
        message = str(error).replace(f"{damaged.parent}{os.sep}", "")
        print(message.replace(os.sep, "/"))

# %% [markdown]
# ## Reading it back
#
# After a failure, training waits for the checkpoint to be read. On shared storage, the number of readers matters,
# because they all start at the same moment.

# %% [markdown] tags=["predict"]
# Several workers restart and read the same checkpoint from one slow disk. With 8 workers, how much longer does it take
# than with one? And if every worker reads only its share, and gets the rest from the others?

# %%
whole_file = folder / "to be read"
size = whole_file.write_bytes(small_state.tobytes())
readers = np.array([1, 2, 4, 8])


# %%
def restore_all(workers, part):
    """Return the seconds until every worker has read `part` of the file's bytes."""
    shared_disk = SlowDisk(rate=bandwidth)
    starts = [number * part % size for number in range(workers)]
    begin = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda start: shared_disk.read(whole_file, start, part), starts))
    return time.perf_counter() - begin


# %% tags=["varies"]
plots.lines(
    readers,
    {
        "each reads the whole file": [restore_all(n, size) for n in readers],
        "each reads its share": [restore_all(n, size // n) for n in readers],
    },
    title="A restart on a shared disk",
    x_label="workers that restart",
    y_label="time to restore (seconds)",
)

# %% [markdown] tags=["answer"]
# By the rate alone, eight workers that each read everything take eight times as long: the disk has to deliver
# everything eight times. If each reads its share, the disk delivers everything once, and the time stays the same. (In a
# real restart the workers then exchange their shares, over a network that is usually much faster than the storage.) So
# plan for the restart, not only for the save.

# %% [markdown]
# ## Killed while writing
#
# The worst moment for a kill is during a save. Keras opens the file under its final name, which empties the file, and
# then fills it. What if Keras cannot finish? A layer that fails while it is being saved stands in for a full disk:


# %%
@keras.saving.register_keras_serializable("lesson12")
class FullDisk(keras.layers.Layer):
    full = False

    def save_own_variables(self, store):
        if FullDisk.full:
            raise OSError("No space left on device")
        super().save_own_variables(store)


# %%
FullDisk.full = False
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
# The second save failed and took the first one with it. A process that is killed at that moment leaves the same mess.
# To see it, we kill small programs that do nothing but save, in one of three ways. "Refilled" empties the file and
# fills it again, as Keras does. "Overwritten" writes new numbers over the old ones, as a memory map does. (This way
# pauses for a moment after each row, as if the state were much larger; otherwise few kills would fall into its save.)
# "Renamed" does what `course.training.checkpoints` does:
#
# 1. Write to a temporary name in the same folder, and `fsync`.
# 2. Rename it with `Path.replace`, which happens completely or not at all, and `fsync` the folder.
# 3. Keep a checksum, so that any later damage is found.
#
# The program has three parts: what it needs, how "overwritten" saves, and the loop.

# %%
START = """
import sys, time
from pathlib import Path
import numpy as np
from course.training.checkpoint_files import CheckpointFolder, Position

way, folder = sys.argv[1], Path(sys.argv[2])
checkpoints = CheckpointFolder(folder, keep=2, asynchronous=False)
checkpoints.open()
"""

# %%
OVERWRITE = """
def write_into(path, state):
    if not path.exists():
        np.save(path, state)
        return
    for row, numbers in zip(np.load(path, mmap_mode="r+"), state):
        row[:] = numbers
        time.sleep(0.0001)
"""

# %%
LOOP = """
for step in range(1, 10**6):
    state = np.full((100, 10_000), step)  # 8 MB, all the same number
    if way == "refilled":
        np.savez(folder / "state.npz", state=state)
    elif way == "overwritten":
        write_into(folder / "state.npy", state)
    else:
        checkpoints.save(Position(step, 0), {"state": state}, best=None)
    print(step, flush=True)
"""
WRITER = START + OVERWRITE + LOOP

# %%
import subprocess
import sys


def kill_one(way, delay):
    """Kill a writer `delay` seconds after its first save; return folder, last step."""
    place = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, "-c", WRITER, way, str(place)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    first = child.stdout.readline()
    time.sleep(delay)
    child.kill()  # SIGKILL, or its counterpart on Windows
    return place, int((first + child.communicate()[0]).split()[-1])


# %% [markdown]
# We sort what is left into four kinds. *Whole* is the last state that was reported as saved, or a later one.
# *Unreadable* cannot be loaded. *Mixed* can be loaded, but its numbers come from two steps. *Lost* is an older state.
# Our writers spend almost all of their time in a save, so the bad kinds come up far more often than in real training.
# What matters is whether they come up at all.

# %%
from course.training.checkpoint_files import read


def load_left(way, place):
    """Return the newest state that a killed writer has left."""
    if way == "renamed":
        newest = max(map(read, place.glob("*.npz")), key=lambda one: one.position)
        return newest.state["state"]
    if way == "refilled":
        return np.load(place / "state.npz")["state"]
    return np.load(place / "state.npy")


# %%
def verdict(way, place, reported):
    """Say what has become of the state."""
    try:
        state = load_left(way, place)
    except Exception:  # NumPy raises many kinds of errors for half a file
        return "unreadable"
    if state.min() < state.max():
        return "mixed"
    return "whole" if state[0, 0] >= reported else "lost"


# %% [markdown] tags=["predict"]
# Each way of writing is killed `kills` times, each time at a random moment within 0.2 seconds after the first save.
# Which verdict will each way get most often? And which of the four is the worst to have?

# %% tags=["varies"]
import random
from collections import Counter

rng = random.Random(seed)
found = {}
with ThreadPoolExecutor(max_workers=2) as pool:
    for way in ("refilled", "overwritten", "renamed"):
        delays = [rng.uniform(0, 0.2) for _ in range(kills)]
        ends = pool.map(kill_one, [way] * kills, delays)
        found[way] = Counter(verdict(way, *end) for end in ends)
        print(f"{way:11}", dict(found[way]))

# %% [markdown] tags=["answer"]
# Of eight kills for each way in full mode, "refilled" left an unreadable file after {{12.refilled_unreadable}}, and
# "overwritten" left a mixed one after {{12.overwritten_mixed}}. (On a slow or busy machine, other verdicts can be the
# most frequent.) *Mixed* is the worst of the four, because it loads without a word. "Renamed" left a whole file after
# every kill.

# %%
unreadable = found["refilled"]["unreadable"]
mixed = found["overwritten"]["mixed"]
not_whole = kills - found["renamed"]["whole"]
# when a kill comes is a matter of time
danger = {"at_least": {"full": 1}, "unit": "kills", "digits": 0, "timed": True}

# %%
bound(
    "12.refilled_unreadable",
    "the refilled file was unreadable after",
    unreadable,
    **danger,
)
bound("12.overwritten_mixed", "the overwritten file was mixed after", mixed, **danger)

# %%
fact(
    "12.renamed_not_whole",
    "kills after which the renamed file was not whole",
    not_whole,
    equals=0,
)

# %% [markdown]
# A few kills can show a danger, but never that there is none. `python -m benchmarks.kill_and_resume --kills 50` kills
# real training, as often as you like.

# %% [markdown] tags=["quiz"]
# A colleague leaves out `fsync`, kills her writer a thousand times, and never loses a checkpoint. What has she shown?
#
# - [ ] That `fsync` is not needed.
#   It is not needed against a kill. Against a power failure it may be, and she has tested none.
# - [x] That a killed *process* rarely or never loses one; about a power failure she knows nothing yet.
#   What a process has written lies in the memory of the operating system, which survives the process and writes it out
#   later. When the whole machine goes down, that memory is gone, and the new *name* may have reached the disk before the
#   bytes. That is what `fsync` is for, and our kills do not test it.
# - [ ] That her disk has no cache.
#   A kill never gets as far as the disk's cache: the operating system still has all the bytes. So she has learned
#   nothing about it.
# - [ ] That `replace` calls `fsync` itself.
#   It does not. `replace` changes a name and says nothing about when the bytes reach the disk.

# %% [markdown]
# ### Exercise 12.2: whole or not at all
#
# Write a file from `chunks`, an iterable of bytes. The iterable may raise an error halfway, and its chunks together may
# not fit into memory. So write each chunk as it comes, into a file in the folder of `path`. At every moment `path` must
# hold the old content or the new. After a failure the old content is there, no other file is left in the folder, and
# the error is raised. And the bytes must be on the disk (`os.fsync`) before the file gets its final name. (Leave out
# the `fsync` of the folder here.)


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
from inspect import unwrap
from unittest.mock import patch


@contextmanager
def watched(path, answer):
    """Collect what a reader of `path` meets at every call meanwhile (None:
    no file), and every file that is synced, by whatever name of os.fsync."""
    found, synced, sync = set(), [], os.fsync
    names = getattr(unwrap(answer), "__globals__", {})

    def fsync(descriptor):
        # with what has been met by then
        synced.append((os.fstat(descriptor), set(found)))
        sync(descriptor)

    sys.setprofile(lambda *_: found.add(path.read_bytes() if path.exists() else None))
    try:
        own = {name: fsync for name, value in names.items() if value is sync}
        with patch("os.fsync", fsync), patch.dict(names, own):
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
            "Write each chunk as it comes, to a file beside the old one.",
        )
        yield whole[-1:]

    for fail in (True, False):
        with watched(path, write_whole) as (found, synced), suppress(TimeoutError):
            write_whole(path, chunks(fail))
            ends.append(fail)
        expect(
            None not in found,
            "For a moment there is no file at all. Rename over the old one instead.",
        )
        expect(
            found <= {b"old", whole},
            "For a moment the file holds a part of the new content. Write beside it,"
            " then rename.",
        )
        expect(
            list(path.parent.iterdir()) == [path],
            "Another file is left behind. Remove it, after a failure too.",
        )
    expect(
        ends == [False],
        "You swallowed the error. The caller must learn that the save failed.",
    )
    expect(
        path.read_bytes() == whole, "The file does not hold all chunks in their order."
    )
    expect(
        synced,
        "The bytes were never forced to the disk. A new name alone helps against kills"
        " only; see os.fsync.",
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
# ## A storage node fails
#
# So far, it was the training process that died. But the storage consists of machines too, and one of them may fail
# while training goes on. Here is a storage node, reduced to what matters. When it fails, everything on it is gone.


# %%
class StorageNode:
    """Holds files by name; a dictionary stands in for its disk."""

    def __init__(self):
        self.files = {}
        self.answers = True

    def fail(self):
        self.files.clear()
        self.answers = False


# %%
def save_copies(nodes, name, content, copies):
    """Write to the first nodes that answer, as many as there shall be copies."""
    for node in [node for node in nodes if node.answers][:copies]:
        node.files[name] = content


# %% [markdown]
# A training process runs for 30 steps and saves after every 5. There are three nodes. One of them fails before some step,
# training goes on, and later the process dies as well. What is the newest checkpoint then?

# %%
interval = 5
last_step = 30


# %%
def steps_lost(copies, failing, node_fails, process_dies):
    """Return how many steps are lost when the process dies before a step."""
    nodes = [StorageNode() for _ in range(3)]
    for step in range(1, process_dies):
        if step == node_fails:
            nodes[failing].fail()
        if step % interval == 0:
            save_copies(nodes, step, f"the state after step {step}", copies)
    kept = [name for node in nodes for name in node.files]
    return process_dies - 1 - max(kept, default=0)


# %% [markdown] tags=["predict"]
# With one copy of every checkpoint, what is the largest number of steps that can be lost? And with two copies on two
# nodes? There are {{12.node_cases}} cases: each node, each step at which it fails, each later step at which the
# process dies.

# %%
cases = [
    (failing, node_fails, process_dies)
    for failing in range(3)
    for process_dies in range(2, last_step + 2)
    for node_fails in range(1, process_dies)
]

# %%
lost_steps = {}
for copies in (1, 2):
    lost_steps[copies] = [steps_lost(copies, *case) for case in cases]
    mean, most = np.mean(lost_steps[copies]), max(lost_steps[copies])
    print(f"copies: {copies}; {mean:.1f} steps lost on average, {most} at worst")

# %% [markdown] tags=["answer"]
# With one copy you can lose {{12.one_copy}} steps, which is nearly the whole run: the node that held every checkpoint
# fails, and the process dies before the next save. With two copies you never lose more than {{12.two_copies}}, the work
# since the last save. So with two copies, the failed node costs nothing. The means differ little, because in two of
# three cases the node that fails holds no checkpoint, and later saves go to another node. (Nothing here replaces the
# lost copy, so two copies survive only one failure.)

# %%
fact("12.node_cases", "cases tried", len(cases), equals=1395)
fact("12.one_copy", "one copy: most steps lost", max(lost_steps[1]), equals=29)
fact("12.two_copies", "two copies: most steps lost", max(lost_steps[2]), equals=4)

# %% [markdown]
# Two copies take twice the storage and twice the bandwidth. **Parity** needs only one and a half times the storage. Cut
# the state into two halves, store them on two nodes, and store the exclusive or of their bits on a third. Whichever
# node fails, its content can be computed from the other two. Real systems generalize this as erasure codes.


# %%
def with_parity(content):
    """Return two halves of the bytes and their parity."""
    first, second = np.split(np.frombuffer(content, "uint8"), 2)
    return [first, second, first ^ second]


# %%
def put_together(parts):
    """Return the bytes; one of the parts may be None."""
    first, second, parity = parts
    if first is None:
        first = second ^ parity
    if second is None:
        second = first ^ parity
    return np.concatenate([first, second]).tobytes()


# %%
content = named["kernel"].tobytes()
parts = with_parity(content)
rebuilt = []
for failing in range(3):
    left = [None if number == failing else part for number, part in enumerate(parts)]
    rebuilt.append(put_together(left) == content)
overhead = sum(part.nbytes for part in parts) / len(content)

# %%
fact("12.parity", "any one of three nodes fails: rebuilt bit for bit", all(rebuilt))
fact("12.parity_storage", "storage over the state", overhead, equals=1.5, digits=1)

# %% [markdown]
# ## How often?
#
# Let a save stop training for $c$ seconds, and let failures come at random, on average every $M$ seconds (the *mean
# time between failures*, MTBF). With $w$ seconds of work between two saves, saving takes a share of about $c / w$ of
# the time. A failure loses the work since the last save, on average half an interval, $w / 2$, and that happens once
# every $M$ seconds. Together:
#
# $$\text{share lost} \approx \frac{c}{w} + \frac{w}{2M} \qquad\text{least at}\qquad w = \sqrt{2\,c\,M}$$
#
# Young published this square root in 1974. It is an approximation: it leaves out that failures also strike during a
# save, and that several may strike one interval. Daly's formula (2006) includes both, and also the $r$ seconds of a
# restart, reading the checkpoint included. On average, this is how many seconds pass until one interval and its save
# have succeeded:
#
# $$M e^{r/M} \left(e^{(w + c)/M} - 1\right)$$
#
# Of this time, $w$ seconds are work that is kept. We compare both formulas with failures drawn at random from an
# exponential distribution, with $r = 0$.


# %%
def best_interval(cost, mtbf):
    """Return the seconds of work between two saves that lose the least time, by Young;
    good while the cost is far below the MTBF."""
    return (2 * cost * mtbf) ** 0.5


# %%
def expected_share_lost(interval, cost, mtbf, restart=0.0):
    """Return the share of all time that is not work kept, by Daly."""
    kept = interval * np.exp(-restart / mtbf)
    return 1 - kept / (mtbf * np.expm1((interval + cost) / mtbf))


# %%
def simulated_share_lost(interval, cost, running):
    """Return the same share, counted over the times `running` from failure to failure;
    a restart takes no time."""
    intervals_kept = np.floor(running / (interval + cost)).sum()
    return 1 - interval * intervals_kept / running.sum()


# %% [markdown] tags=["predict"]
# You save half as often as Young says, at twice the interval. Does the lost time grow by a quarter, grow by a half, or
# double?

# %%
cost = 60  # a minute a save
mtbf = 24 * 3600  # a failure a day
young = best_interval(cost, mtbf)
intervals = young * np.geomspace(1 / 8, 8, 121)
running = np.random.default_rng(seed).exponential(mtbf, failures)
shares = [simulated_share_lost(each, cost, running) for each in intervals]
share_lost = np.array(shares)

# %%
percent_lost = {
    "simulated": 100 * share_lost,
    "Daly": 100 * expected_share_lost(intervals, cost, mtbf),
    "c / w + w / 2M": 100 * (cost / intervals + intervals / 2 / mtbf),
}

# %%
plots.lines(
    intervals / 60,
    percent_lost,
    title="A minute a save, a failure a day",
    x_label="work between two saves (minutes, log scale)",
    y_label="time lost (%)",
    log="x",
    marked={"Young": young / 60},
)

# %% [markdown] tags=["answer"]
# By about **a quarter**: twice the interval loses {{12.twice_the_interval}} times as much, and half the interval nearly
# the same. The curve is surprisingly flat around its lowest point. At the best interval both terms of the formula are
# equal. With twice the interval one term halves and the other doubles, so their sum is $\frac{1}{2}(\frac{1}{2} + 2) =
# 1.25$ times what it was. Young's interval itself is within a tenth of the best simulated one, and loses
# {{12.lost_at_best}} of all time. (Daly's curve hides the simulated one. The simple formula is a little too high at
# both ends.)
#
# So **a rough guess of the MTBF is good enough**: if your guess is four times the true MTBF, your interval is only
# twice the best one. A wild guess is costly: an MTBF guessed 64 times too long gives eight times the interval, and that
# loses at least {{12.eight_times_the_interval:limit}} times as much.

# %%
multiples = (1 / 2, 1, 2, 8)
at = {times: np.interp(times * young, intervals, share_lost) for times in multiples}
over_best = young / intervals[np.argmin(share_lost)]
tenth = {"at_least": {"full": 0.9}, "at_most": {"full": 1.1}, "digits": 2}
quarter = {"at_least": 1.2, "at_most": 1.3, "digits": 2}

# %%
bound(
    "12.young_over_simulated",
    "Young's interval over the best simulated",
    over_best,
    **tenth,
)
spread(
    "12.lost_at_best", "time lost at Young's interval", 100 * at[1], unit="%", digits=2
)

# %%
bound(
    "12.twice_the_interval",
    "time lost at twice Young's interval, over that at Young's",
    at[2] / at[1],
    **quarter,
)

# %%
bound(
    "12.half_the_interval",
    "time lost at half Young's interval, over that at Young's",
    at[1 / 2] / at[1],
    **quarter,
)

# %%
bound(
    "12.eight_times_the_interval",
    "time lost at eight times Young's interval, over that at Young's",
    at[8] / at[1],
    at_least=3.5,
    digits=2,
)

# %% [markdown] tags=["quiz"]
# A run moves from 64 to 256 nodes, and any node that fails stops it. The time of a save stays the same. What happens to
# the best interval?
#
# - [ ] It stays the same; only the number of failures grows.
#   With more failures, each second of an interval is lost more often. So it pays to save more often.
# - [x] It is halved.
#   With four times the nodes, failures come four times as often: $M$ is a quarter, and the interval changes with its
#   square root.
# - [ ] It is a quarter.
#   That would be right if the interval were proportional to $M$. It changes with the square root.
# - [ ] It doubles, since four times as much work is done between two saves.
#   A failure also loses four times as much work, and failures come more often. Saves must come closer together.

# %% [markdown]
# ### Exercise 12.3: the interval of a background save
#
# A save in the background stops training for `stall` seconds, while the state is copied. The copy is on the disk
# `write` seconds later. If the run fails before that, it falls back to the previous save. So on average a failure loses
# half an interval and `write` seconds more. A new save cannot start before the previous one is written. The run has
# `nodes` nodes and stops when any of them fails; each node fails once in `node_mtbf` seconds on average. How long
# should training work between two saves, in seconds, so that the least time is lost?


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
            "This is the interval of one node. With many nodes, failures come many"
            " times as often.",
        )
        for cost in (write, stall + write):
            expect(
                not np.isclose(
                    answer, max(write, (2 * cost * node_mtbf / nodes) ** 0.5)
                ),
                "You counted the time of the write as a cost. How long does training"
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


# %% tags=["wrong"] hint="How long does training"
def background_interval(stall, write, node_mtbf, nodes):
    return max(write, (2 * write * node_mtbf / nodes) ** 0.5)


# %% tags=["wrong"] hint="How long does training"
def background_interval(stall, write, node_mtbf, nodes):
    return max(write, (2 * (stall + write) * node_mtbf / nodes) ** 0.5)


# %% tags=["wrong"] hint="interval of one node"
def background_interval(stall, write, node_mtbf, nodes):
    return max(write, (2 * stall * node_mtbf) ** 0.5)


# %% [markdown]
# ## A plan for a large model
#
# The Llama 3 team (2024) published what a real plan needs: 405 billion parameters on 16,384 accelerators, eight to a
# machine; 419 unexpected interruptions in 54 days; storage that sustains 2 TB a second. Three numbers are our own: 14
# bytes per parameter (2 for the weight, and 4 each for a master copy and Adam's two running means), ten checkpoints
# kept, and, as a guess, ten minutes from a failure until every machine can read the checkpoint. The plan itself is
# arithmetic. The best interval and the share of time lost follow from the cost of a save and the time between failures:


# %%
def best_times(cost, mtbf, restart):
    """Return the best interval in seconds, and the shares of time lost with it."""
    interval = best_interval(cost, mtbf)
    return {
        "interval": interval,
        "share_lost": expected_share_lost(interval, cost, mtbf, restart),
        "lost_by_restarts": -np.expm1(-restart / mtbf),
    }


# %% [markdown]
# The run waits for every save, and stops when any node fails. `restart` is the time that a restart takes besides
# reading the checkpoint.

# %%
from types import SimpleNamespace

from course.topics.storage import above_zero, refuse_slow


def plan(parameters, bytes_per_parameter, nodes, node_mtbf, bandwidth, restart, keep):
    """Return bytes, seconds and shares of time."""
    above_zero(**locals())
    state = parameters * bytes_per_parameter
    mtbf = node_mtbf / nodes
    refuse_slow(bandwidth, state=state, mtbf=mtbf)
    cost = state / bandwidth
    storage = (keep + 1) * state  # one more while it is being written
    times = best_times(cost, mtbf, restart + cost)  # reading takes as long as writing
    return SimpleNamespace(state=state, mtbf=mtbf, cost=cost, storage=storage, **times)


# %%
llama = {
    "parameters": 405e9,
    "bytes_per_parameter": 14,
    "nodes": 16_384 // 8,
    "restart": 600,
    "keep": 10,
}
llama["node_mtbf"] = 54 * 24 * 3600 / 419 * llama["nodes"]
# %%
made = plan(**llama, bandwidth=2e12)
print(f"one checkpoint        {made.state / 1e12:.2f} TB, written in {made.cost:.1f} s")
print(f"a failure every       {made.mtbf / 3600:.1f} hours")
print(f"a save every          {made.interval / 60:.1f} minutes")
print(f"room for checkpoints  {made.storage / 1e12:.0f} TB")

# %%
print(f"time lost             {100 * made.share_lost:.1f}%")
print(f"by restarts alone     {100 * made.lost_by_restarts:.1f}%")

# %% [markdown]
# The team reports that training ran for more than 90% of the time. Our plan agrees, but only because of our guess: with
# twice the time to restart it would not. With such fast storage, saves and repeated work are the small part, and most
# of the lost time goes into restarts. With slower storage, saves and repeated work become the large part:

# %%
bandwidths = np.geomspace(3e9, 2e12, 30)
plans = [plan(**llama, bandwidth=bandwidth) for bandwidth in bandwidths]
percent_lost = {
    "all losses": [100 * each.share_lost for each in plans],
    "restarts alone": [100 * each.lost_by_restarts for each in plans],
}

# %%
plots.lines(
    bandwidths / 1e9,
    percent_lost,
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
# Restarts cost more on slow storage as well, because the checkpoint has to be read. At 1 GB a second `plan` refuses: a
# save would take more than half of the time between two failures. There Young's square root no longer holds, and
# whatever the interval, most of the time would be lost.

# %% [markdown]
# ## Orbax
#
# In JAX, the usual library for this is **Orbax**. It does what this lesson has built: it copies first and writes in the
# background; every machine writes its own shards; and a checkpoint counts only once it is complete. It can also do what
# `course.training.checkpoints` cannot: write to cloud storage, and load a checkpoint on a different number of machines.
# It is an optional extra here. If it is installed, the next cell saves our state with it and prints how long training
# would have waited:


# %%
def orbax_save(checkpointer, place, state):
    """Save; return the seconds until training goes on, and until all is written."""
    start = time.perf_counter()
    checkpointer.save(place, state)
    stalled = time.perf_counter() - start
    checkpointer.wait_until_finished()
    return stalled, time.perf_counter() - start


# %%
def orbax_round_trip(place):
    """Save the state with Orbax; return two times, the files, and what comes back."""
    import orbax.checkpoint

    named = {f"{number:03}": array for number, array in enumerate(copy_state())}
    with orbax.checkpoint.StandardCheckpointer() as checkpointer:
        stalled, written = orbax_save(checkpointer, place, named)
        files = sorted(path.name for path in place.iterdir() if path.is_file())
        back = checkpointer.restore(place)
    same = all(np.array_equal(back[name], named[name]) for name in named)
    return stalled, written, files, same


# %% tags=["varies"]
from importlib.util import find_spec

if find_spec("orbax"):
    place = empty_folder(folder / "orbax") / "1"
    stalled, written, files, same = orbax_round_trip(place)
    print(f"training waits {1000 * stalled:.0f} ms;", end=" ")
    print(f"written after {1000 * written:.0f} ms")
    print("files:", *files)
    print("every number as saved:", same)
else:
    print("Orbax is not installed. This section is optional: the lesson goes on.")
    print("To get it: python bootstrap.py orbax")

# %% [markdown]
# While Orbax writes, the folder has a temporary name. It is renamed when everything is there, as our files are. On
# storage that cannot rename, a file `commit_success.txt` says that the checkpoint is complete, as our manifest does.
# Orbax's guide reports that saving in the background took about 40% off the saving time of a model of 300 million
# parameters, and about 97% off that of a model of 340 billion: the larger the state, the more there is to hide. `python
# -m benchmarks.checkpoint_stall` measures Keras' own `OrbaxCheckpoint` callback. Whatever you choose, test it as in
# lesson 11: resume, and compare every number.

# %% [markdown]
# ## What you have learned
#
# - A save is a copy, a packing and a write, and the bytes are on the disk only after `fsync`. Training has to wait only
#   for the copy.
# - A save in the background hides a slow disk as long as a write is shorter than the work between two saves. More files
#   help until they use the whole bandwidth; a manifest makes them one checkpoint. Reading counts too: let each worker
#   read its share.
# - Write beside the old file, `fsync`, then rename: a kill leaves the old file or the new. If you write under the old
#   name, a kill can leave half a file. If you write into the old file, it can leave a mixture that loads without a
#   word.
# - Keep two copies on two nodes, or parity on a third. Then the failure of one storage node costs nothing.
# - The interval that loses the least time is $\sqrt{2cM}$, and the curve is flat around it: twice the interval or half
#   of it costs about a quarter more. A plan follows from size, nodes, bandwidth and restarts.
#
# ## Try next
#
# - Failures of real machines come in clusters. Draw the times from a Weibull distribution with shape 0.7
#   (`rng.weibull`) and the same mean. How far does the best interval move, and why no further?
# - Let a save cost a tenth of the MTBF. How far is Young's interval from the best simulated one now, and does Daly's
#   curve still lie on the simulation?
# - Set `megabytes = 400`. Which of the five bars grow with the size, and which faster than the size?
# - Let two of the three storage nodes fail. How many copies do you need, and what could parity do?
