"""Kill the PyTorch runs of lesson 11, resume them in both ways, and store how far they end from the run left alone.

    python -m benchmarks.pytorch_resume

The functions are the lesson's own, taken out of its cells, and so are digits, batches and epochs (full mode). Lesson 11
shows what is stored, since PyTorch does not belong to the course's environment (`python bootstrap.py torch` adds it).
A test says when the cells have changed since.
"""

import argparse
import hashlib
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from course.authoring.source import read
from course.catalog import parameters_of
from course.data import load
from course.files import write_whole
from course.parameters import defaults
from course.topics.checkpointing import IN_PYTORCH
from course.training.fast_fit import epoch_order

LESSON = "11_checkpointing"
HEAD = "# Written by `python -m benchmarks.pytorch_resume`; not to be edited by hand.\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=8, help="seeds from 0 up (default: 8)")
    seeds = parser.parse_args().seeds
    import torch

    runs = [distances(seed) for seed in range(seeds)]
    for seed, run in enumerate(runs):
        print(f"seed {seed}:", ", ".join(f"{way}: {away:.3g}" for way, away in run.items()))
    values = {way: [run[way] for run in runs] for way in runs[0]}
    machine = {"torch": torch.__version__.partition("+")[0], "processor": platform.machine()}
    record = {"cells": digest(), **machine, "distances": values}
    write_whole(IN_PYTORCH, HEAD + tomli_w.dumps(record))


def cells() -> str:
    """Return the lesson's cells that define what PyTorch needs."""
    return "\n\n".join(cell.source for cell in read(LESSON).cells if "def pytorch_" in cell.source)


def digest() -> str:
    """Return a sum of these cells, by which a later change is found."""
    return hashlib.sha256(cells().encode()).hexdigest()[:16]


def distances(seed: int) -> dict[str, float]:
    """Return how far a resumed run ends from the one left alone, by the way of saving, with the lesson's settings."""
    settings = defaults(parameters_of(LESSON), fast=False)
    digits = load("mnist")
    x = digits.x_train[: settings["rows"], ..., None].astype("float32") / 255
    batch_size = min(64, len(x) // 4)
    per_epoch = -(-len(x) // batch_size)
    names: dict[str, Any] = {
        "seed": seed,
        "x": x,
        "y": digits.y_train[: len(x)],
        "batch_size": batch_size,
        "per_epoch": per_epoch,
        "every": -(-per_epoch // 2),
        "last": min(settings["epochs"], 3) * per_epoch,
        "epoch_order": epoch_order,
        "distance": farthest,
    }
    exec(cells(), names)
    with tempfile.TemporaryDirectory() as folder:
        return names["pytorch_distances"](Path(folder))


def farthest(weights: list[np.ndarray], others: list[np.ndarray]) -> float:
    """Return the largest difference of any weight."""
    pairs = zip(weights, others, strict=True)
    return max(float(np.abs(one - other).max()) for one, other in pairs)


if __name__ == "__main__":
    main()
