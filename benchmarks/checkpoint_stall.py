"""How long training stands still while a checkpoint is saved: ours and others, on one model in one run.

    python -m benchmarks.checkpoint_stall

Every writer saves in turn, after an epoch of training that has changed all weights; the table has the medians.
"stall" is the time until the save returns. An asynchronous save goes on after that and slows training down:
"epoch_after" is how long the next epoch takes, "epoch_without" one without a save. "lost" is what a save costs in the
end: by how many seconds an epoch with a save before it, and with the end of writing, takes longer than the epoch before
without one; "processor" is the same in seconds of all cores. "memory" is what the process grew by from the save's
beginning to the end of writing, in copies of the state. "ratio" is a stall over that of our asynchronous save.

Three aims follow, each with what was measured: our synchronous save takes at most 1.2 times as long as a raw write that
is forced to the disk; our asynchronous one loses at most half of what the best of Keras' own loses, and at most 5% of
an epoch with a save in each. No aim fails the command, since times vary with the disk. The last line is all as JSON.
"""

import argparse
import itertools
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import psutil

from course.training.checkpoints import Checkpoints

COLUMNS = ("stall", "epoch_without", "epoch_after", "lost", "processor", "memory")
KERAS = (".keras", ".weights.h5", "BackupAndRestore")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--megabytes", type=int, default=126, help="weights and optimizer together (default: 126)"
    )
    parser.add_argument(
        "--rounds", type=int, default=7, help="how often each writer saves (default: 7)"
    )
    arguments = parser.parse_args()
    model = network(arguments.megabytes)
    state = sum(variable.numpy().nbytes for variable in model.variables + model.optimizer.variables)
    with tempfile.TemporaryDirectory() as folder:
        results = measure(model, writers(model, Path(folder)), rounds=arguments.rounds, state=state)
    ours = results["course, asynchronous"]["stall"]
    print(f"state: {state / 1e6:.1f} MB")
    print(f"{'':20}", *(f"{column:>13}" for column in (*COLUMNS, "ratio")))
    for name, result in results.items():
        result["ratio"] = round(result["stall"] / ours, 2)
        print(f"{name:20}", *(f"{value:13}" for value in result.values()))
    if "Orbax" not in results:
        print("Orbax: not installed")
    found = aims(results)
    for aim, (measured, limit) in found.items():
        reached = "reached" if measured <= limit else "not reached"
        print(f"{aim}: {measured:.3f} s of {limit:.3f} s, {reached}")
    print(
        json.dumps(
            {"state_bytes": state, "rounds": arguments.rounds, "writers": results, "aims": found}
        )
    )


def aims(results: dict[str, dict]) -> dict[str, tuple[float, float]]:
    """Return what was aimed at: the seconds measured, and the most that reach each aim."""
    asynchronous = results["course, asynchronous"]
    least_of_keras = min(results[name]["lost"] for name in KERAS)
    return {
        "stall of a synchronous save, 1.2 raw writes": (
            results["course, synchronous"]["stall"],
            1.2 * results["raw write"]["stall"],
        ),
        "lost by an asynchronous save, half of Keras' least": (
            asynchronous["lost"],
            0.5 * least_of_keras,
        ),
        "lost by an asynchronous save, 5% of an epoch": (
            asynchronous["lost"],
            0.05 * asynchronous["epoch_without"],
        ),
    }


def network(megabytes: int) -> keras.Model:
    """A dense network that with Adam's two means has a state of about this size, trained for one step."""
    width = round((megabytes * 1e6 / 4 / 3 / 4) ** 0.5)
    layers = [keras.layers.Dense(width, "relu") for _ in range(4)]
    model = keras.Sequential([keras.Input((width,)), *layers, keras.layers.Dense(1)])
    model.compile("adam", "mse", jit_compile=False)
    train(model)
    return model


def train(model: keras.Model) -> float:
    """Four batches of training; returns the seconds they took."""
    x = np.ones((256, model.input_shape[1]), "float32")
    start = time.perf_counter()
    model.fit(x, x[:, :1], batch_size=64, verbose=0)
    return time.perf_counter() - start


class Writer(NamedTuple):
    """A way to save the model: `save` returns when training may go on, `finish` when all is written."""

    save: Callable[[], object]
    finish: Callable[[], object] = lambda: None


def writers(model: keras.Model, folder: Path) -> dict[str, Writer]:
    """All that are installed, by name."""
    backup = keras.callbacks.BackupAndRestore(folder / "backup")
    backup.set_model(model)
    found = {
        ".keras": Writer(lambda: model.save(folder / "model.keras")),
        ".weights.h5": Writer(lambda: model.save_weights(folder / "model.weights.h5")),
        "BackupAndRestore": Writer(lambda: backup.on_epoch_end(0)),
        "raw write": Writer(lambda: write_raw(model, folder / "raw")),
        "course, synchronous": ours(model, folder / "synchronous", asynchronous=False),
        "course, asynchronous": ours(model, folder / "asynchronous", asynchronous=True),
    }
    if find_spec("orbax"):
        orbax = keras.callbacks.OrbaxCheckpoint(folder / "orbax", monitor="loss")
        orbax.set_model(model)
        epochs = itertools.count()
        found["Orbax"] = Writer(lambda: orbax.on_epoch_end(next(epochs)), orbax.wait_until_finished)
    return found


def write_raw(model: keras.Model, path: Path) -> None:
    """Write the state as bytes and force it to the disk: the least that a save which outlives the machine can do."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        for variable in model.variables + model.optimizer.variables:
            file.write(memoryview(variable.numpy()))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def ours(model: keras.Model, folder: Path, *, asynchronous: bool) -> Writer:
    run = Checkpoints(folder, keep=1, monitor="loss", asynchronous=asynchronous)
    run.set_params({"epochs": 10**9, "steps": None})
    run.set_model(model)
    run.on_train_begin()
    epochs = itertools.count()
    return Writer(lambda: run.on_epoch_end(next(epochs), {"loss": 0.0}), lambda: run.best)


def measure(
    model: keras.Model, writers: dict[str, Writer], *, rounds: int, state: int
) -> dict[str, dict]:
    """Medians over the rounds, each of which takes the writers in turn."""
    samples: dict[str, list[tuple[float, ...]]] = {name: [] for name in writers}
    for _ in range(rounds):
        for name, writer in writers.items():
            _settle()
            train(model)
            start = _clocks()
            train(model)
            without = _clocks() - start
            start = _clocks()
            writer.save()
            stall, _ = _clocks() - start
            epoch = train(model)
            writer.finish()
            lost, processor = _clocks() - start - without
            _settle()
            train(model)
            growth = memory_growth(writer) / state
            samples[name].append((stall, without[0], epoch, lost, processor, growth))
    return {
        name: {
            column: round(statistics.median(values), 4)
            for column, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
        }
        for name, rows in samples.items()
    }


def _settle() -> None:
    """Have the system write what earlier writers left to it: who forces a file waits for that, too."""
    if hasattr(os, "sync"):  # Windows has none
        os.sync()


def _clocks() -> np.ndarray:
    """Seconds of the clock, and of the processors for this process."""
    return np.array([time.perf_counter(), time.process_time()])


def memory_growth(writer: Writer) -> int:
    """By how many bytes the process grows while it saves and writes, sampled every millisecond."""
    process = psutil.Process()
    sizes: list[int] = []
    done = threading.Event()

    def sample() -> None:
        while not done.wait(0.001):
            sizes.append(process.memory_info().rss)

    before = process.memory_info().rss
    sampler = threading.Thread(target=sample)
    sampler.start()
    writer.save()
    writer.finish()
    done.set()
    sampler.join()
    return max(sizes, default=before) - before


if __name__ == "__main__":
    main()
