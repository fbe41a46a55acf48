"""Batches in an order of its own for every epoch, since `fit` of arrays repeats one order (lesson 03)."""

from typing import Any

import keras
import tensorflow as tf


def shuffled_batches(*arrays: Any, batch_size: int, seed: int) -> tf.data.Dataset:
    """Return batches of x and y, or of x, y and sample weights, that every epoch of `fit` deals anew.

    Each array has one row per example. After the same `keras.utils.set_random_seed`, the same seed gives the same
    orders. Call `fit(..., shuffle=False)`: Keras warns otherwise that it leaves the order to the data set. Where
    training must go on exactly after a kill, use `Checkpoints.shuffled` (lesson 11).
    Raises ValueError where the arrays differ in rows, or where batch_size is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size = {batch_size}: must be at least 1")
    rows = [len(array) for array in keras.tree.flatten(arrays)]
    if len(set(rows)) != 1:
        raise ValueError(f"arrays have {rows} rows: must be the same number")
    tensors = keras.tree.map_structure(tf.convert_to_tensor, arrays)

    def pick(indices: tf.Tensor) -> Any:
        return keras.tree.map_structure(lambda tensor: tf.gather(tensor, indices), tensors)

    order = tf.data.Dataset.range(rows[0]).shuffle(rows[0], seed=seed)
    return order.batch(batch_size).map(pick).prefetch(tf.data.AUTOTUNE)
