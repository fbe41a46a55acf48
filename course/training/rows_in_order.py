"""Rows in the order of seed and epoch, batch by batch: what `fast_fit` has for other backends than TensorFlow."""

import math
from typing import Any

import keras
import numpy as np

from course.training.order import epoch_order


class RowsInOrder(keras.utils.PyDataset):
    """Batches of arrays, such as (x, y), in an order that `begin_epoch` sets; without `seed` as the rows stand.

    Give it to `fit` with `shuffle=False`, and `begin_epoch` as what a callback does when an epoch begins. On TensorFlow
    the next epoch's first batches may be taken before that.
    """

    def __init__(self, arrays: tuple, *, batch_size: int, seed: int | None) -> None:
        super().__init__()
        self.arrays = arrays
        self.batch_size = batch_size
        self.seed = seed
        self.order = np.arange(len(keras.tree.flatten(arrays)[0]))

    @property
    def num_batches(self) -> int:
        return math.ceil(len(self.order) / self.batch_size)

    def begin_epoch(self, epoch: int, logs: Any = None) -> None:
        """Set the order of the rows in an epoch."""
        if self.seed is not None:
            self.order = epoch_order(len(self.order), self.seed, epoch)

    def __getitem__(self, batch: int) -> Any:
        start = batch * self.batch_size
        rows = self.order[start : start + self.batch_size]
        return keras.tree.map_structure(lambda array: array[rows], self.arrays)
