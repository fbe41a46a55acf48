"""The arrays in a call of `fit`, taken as Keras takes them: split, weighted, and picked from by row."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def training_and_validation(call: dict[str, Any]) -> tuple[tuple, Any]:
    """Training data as (x, y, sample_weight) as far as given, and validation data, split off as Keras does."""
    given = (call["x"], call["y"], call["sample_weight"])
    training = tuple(part for part in given if part is not None)
    validation = call["validation_data"]
    if validation is None and call["validation_split"]:
        split = rows_to_train_on(call)
        validation = keras.tree.map_structure(lambda array: array[split:], training)
        training = keras.tree.map_structure(lambda array: array[:split], training)
    if call["class_weight"] is not None:  # they weight the training data only
        training = (*training, sample_weights(training[1], call["class_weight"]))
    return training, validation


def rows_to_train_on(call: dict[str, Any]) -> int:
    """Return the number of rows, without those that `validation_split` takes: as Keras counts, perhaps none."""
    share = 0.0 if call["validation_data"] is not None else call["validation_split"] or 0.0
    return math.floor(count_rows(call["x"]) * (1 - share))


def sample_weights(labels: Any, class_weight: dict[int, float]) -> np.ndarray:
    """Return the weight of each row's class, 1 for a class that is not named; labels (rows,), (rows, 1) or one-hot."""
    labels = np.asarray(labels)
    is_one_hot = labels.ndim > 1 and labels.shape[-1] > 1
    classes = labels.argmax(-1) if is_one_hot else labels.reshape(-1).round()
    weights = [class_weight.get(int(number), 1.0) for number in classes]
    return np.array(weights, keras.config.floatx())


def are_arrays(data: Any) -> bool:
    """Whether data are NumPy arrays or tensors, all with the same number of rows."""
    parts = [part for part in keras.tree.flatten(data) if part is not None]
    if not all(isinstance(part, np.ndarray | tf.Tensor) for part in parts):
        return False
    lengths = {len(part) for part in parts}
    return len(lengths) == 1


def count_rows(data: Any) -> int:
    return len(keras.tree.flatten(data)[0])


def pick(data: tuple, rows: Any) -> tuple:
    return keras.tree.map_structure(lambda array: tf.gather(array, rows), data)
