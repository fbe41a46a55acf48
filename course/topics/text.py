"""Lesson 17's programs: dealt in families, so that no text is tested on its sibling, and scored tag by tag."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray


class Split(NamedTuple):
    """Numbers of the rows of each part, (rows,), in ascending order."""

    train: NDArray
    validation: NDArray
    test: NDArray


def families(programs: pd.Series) -> pd.Series:
    """Return the family of each program: its name up to the first hyphen."""
    return programs.str.split("-").str[0]


def split_by_family(programs: pd.Series, seed: int) -> Split:
    """Deal about three, one and one fifth of the programs; all of a family go to the same part."""
    from sklearn.model_selection import GroupShuffleSplit  # slow to import

    groups = families(programs).to_numpy()

    def deal(rows: NDArray, share: float) -> tuple[NDArray, NDArray]:
        splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
        ((kept, dealt),) = splitter.split(rows, groups=groups[rows])
        return rows[kept], rows[dealt]

    rest, test = deal(np.arange(len(programs)), 0.2)
    train, validation = deal(rest, 0.25)
    return Split(train, validation, test)


def f1_by_tag(true: ArrayLike, predicted: ArrayLike) -> NDArray:
    """Return the F1 of each tag, (tags,), of two arrays (rows, tags) of 0 and 1; 0 where neither has the tag."""
    true = np.asarray(true, dtype=bool)
    predicted = np.asarray(predicted, dtype=bool)
    hits = np.sum(true & predicted, axis=0)
    total = np.sum(true, axis=0) + np.sum(predicted, axis=0)
    return 2 * hits / np.maximum(total, 1)
