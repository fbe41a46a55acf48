"""Batches in an order of its own for every epoch, since `fit` of arrays repeats one order (lesson 03)."""

from collections.abc import Callable
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
    count = _rows(arrays, batch_size)
    order = tf.data.Dataset.range(count).shuffle(count, seed=seed)
    return order.batch(batch_size).map(_pick(arrays)).prefetch(tf.data.AUTOTUNE)


def by_seed(*arrays: Any, batch_size: int) -> Callable[[tf.Tensor], tf.data.Dataset]:
    """Return a function that deals the rows into batches in an order that a seed decides, an int64 scalar.

    Raises ValueError where the arrays differ in rows, or where batch_size is below 1.
    """
    count = _rows(arrays, batch_size)
    pick = _pick(arrays)

    def batches(seed: tf.Tensor) -> tf.data.Dataset:
        rows = tf.random.experimental.stateless_shuffle(tf.range(count), tf.stack([seed, 0]))
        order = tf.data.Dataset.from_tensor_slices(rows)
        return order.batch(batch_size).map(pick, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    return batches


def by_epoch(
    make: Callable[[tf.Tensor], tf.data.Dataset], *, seed: int, epoch: tf.Variable
) -> tf.data.Dataset:
    """Return the data of `make(epoch_seed)`, made anew at every pass from a seed by `seed` and the value of `epoch`."""

    def this_epoch(_: tf.Tensor) -> tf.data.Dataset:
        seeds = tf.stack([tf.cast(seed, tf.int64), epoch])
        return make(tf.random.stateless_uniform([], seeds, 0, tf.int64.max, tf.int64))

    batches = make(tf.constant(0, tf.int64)).cardinality()
    dataset = tf.data.Dataset.from_tensors(0).flat_map(this_epoch)
    if batches < 0:  # unknown or infinite
        return dataset
    return dataset.apply(tf.data.experimental.assert_cardinality(batches))


def _rows(arrays: Any, batch_size: int) -> int:
    if batch_size < 1:
        raise ValueError(f"batch_size = {batch_size}: must be at least 1")
    rows = [len(array) for array in keras.tree.flatten(arrays)]
    if len(set(rows)) != 1:
        raise ValueError(f"arrays have {rows} rows: must be the same number")
    return rows[0]


def _pick(arrays: Any) -> Callable[[tf.Tensor], Any]:
    tensors = keras.tree.map_structure(tf.convert_to_tensor, arrays)
    return lambda rows: keras.tree.map_structure(lambda each: tf.gather(each, rows), tensors)
