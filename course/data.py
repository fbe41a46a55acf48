"""The data sets of the course: loaded by name, checked against their sums, always split the same way.

Everything lies in data/ (see data/DATASETS.md for source, licence and units); nothing is downloaded. A test set
is touched once, at the end; the split is fixed so that no lesson leaks into another.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from course import ROOT

DATA = ROOT / "data"
IMAGES = {
    "mnist": 50_000,
    "fashion_mnist": 8_000,
}  # the rest of the training file is for validation
TABLES = {
    "auto_mpg": "mpg",
    "concrete": "strength",
    "yacht": "resistance",
    "linreg_plane": "y",
    "penguins": "species",
    "wine_quality": "quality",
    "hypothyroid": "hypothyroid",
    "abalone": "rings",
    "debian_programs": "tags",
    "debian_checked": "applies",
}
COMPRESSED = {"debian_programs"}  # tables stored as .csv.gz
CLASSES = {"penguins", "hypothyroid"}  # tables whose split keeps the share of every class
FAST_ROWS = 0.1  # images kept in fast mode


class DataError(RuntimeError):
    """A data file that is missing, cut short or altered."""


@dataclass(frozen=True)
class Dataset:
    """A data set in three parts that share no row.

    Images: `x_*` uint8 (rows, 28, 28), 0 is background, 255 full ink; `y_*` uint8 (rows,), classes 0 to 9.
    Tables: `x_*` DataFrame (rows, features) in the units of data/DATASETS.md, NaN where missing; `y_*` Series (rows,).
    """

    x_train: Any
    y_train: Any
    x_validation: Any
    y_validation: Any
    x_test: Any
    y_test: Any


def load(name: str, *, fast: bool = False) -> Dataset:
    """Load data set `name`; `fast` keeps a tenth of the rows of each part of an image set.

    Of rows of a table that are exact copies the first is kept.

    Raises DataError when a file is missing or not the one that the course ships, ValueError for an unknown name.
    """
    if name in IMAGES:
        return _load_images(name, FAST_ROWS if fast else 1.0)
    from sklearn.model_selection import (
        train_test_split,
    )  # slow to import, and images do not need it

    frame = table(
        name
    ).drop_duplicates()  # a copy in training and test would be known before it is asked
    x = frame.drop(columns=TABLES[name])
    y = frame[TABLES[name]]
    classes = y if name in CLASSES else None
    x_rest, x_test, y_rest, y_test = train_test_split(
        x, y, test_size=0.2, random_state=0, stratify=classes
    )
    classes = y_rest if name in CLASSES else None
    x_train, x_val, y_train, y_val = train_test_split(
        x_rest, y_rest, test_size=0.25, random_state=0, stratify=classes
    )
    return Dataset(x_train, y_train, x_val, y_val, x_test, y_test)


def table(name: str) -> pd.DataFrame:
    """Load the whole of table `name`, rows in the order of the file, target column included."""
    if name not in TABLES:
        raise ValueError(f"data set {name!r}: must be one of {', '.join([*IMAGES, *TABLES])}")
    ending = ".csv.gz" if name in COMPRESSED else ".csv"
    return pd.read_csv(verified(f"tables/{name}{ending}"))


@cache
def verified(file: str) -> Path:
    """Return the path of `file` in data/ after comparing its sha256 with data/SHA256SUMS, once a process.

    Raises DataError with the expected and the found sum and how to get the file back.
    """
    path = DATA / file
    expected = sums().get(file)
    if expected is None:
        raise DataError(f"data/{file}: has no sum in data/SHA256SUMS; {_cure('SHA256SUMS')}")
    if not path.is_file():
        raise DataError(f"data/{file}: missing (expected sha256 {expected}); {_cure(file)}")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise DataError(f"data/{file}: expected sha256 {expected}, found {found}; {_cure(file)}")
    return path


def sums() -> dict[str, str]:
    """Return the sha256 of every file in data/ by its name, as data/SHA256SUMS has them.

    Raises DataError when that file is missing or not such a list.
    """
    path = DATA / "SHA256SUMS"
    if not path.is_file():
        raise DataError(f"data/SHA256SUMS: missing; {_cure(path.name)}")
    lines = [
        line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    if not all(len(line) == 2 for line in lines):
        raise DataError(f"data/SHA256SUMS: must hold a sum and a name a line; {_cure(path.name)}")
    return {name: digest for digest, name in lines}


def _cure(file: str) -> str:
    return f"get it back with: git restore data/{file}"


def _load_images(name: str, share: float) -> Dataset:
    x = _read_idx(f"{name}/train-images-idx3-ubyte.gz")
    y = _read_idx(f"{name}/train-labels-idx1-ubyte.gz")
    x_test = _read_idx(f"{name}/t10k-images-idx3-ubyte.gz")
    y_test = _read_idx(f"{name}/t10k-labels-idx1-ubyte.gz")
    split = IMAGES[name]
    parts = (x[:split], y[:split], x[split:], y[split:], x_test, y_test)
    return Dataset(*(part[: round(len(part) * share)] for part in parts))


def _read_idx(file: str) -> np.ndarray:
    """Read an IDX file: two zero bytes, type 8 (uint8), the number of axes, each length, then the values."""
    content = gzip.decompress(verified(file).read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">i4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
