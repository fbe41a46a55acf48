"""What Keras and scikit-learn leave open: per-class metrics inside `fit`, exact match, thresholds, undone weights.

A metric is right only if it streams counts and divides once, at the end: the mean of the batches' recalls is not
the recall. `ConfusionMatrix` therefore keeps one table of counts and reads every per-class figure from it.

Not here, since others have it: Hamming accuracy is `keras.metrics.BinaryAccuracy`; the Brier score and the
reliability curve are `brier_score_loss` and `calibration_curve` of scikit-learn.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike, NDArray


@keras.saving.register_keras_serializable(package="course")
class ConfusionMatrix(keras.metrics.Metric):
    """Precision, recall and F1 of every class, from one streamed table of counts (true class, predicted class).

    `y_true` (rows,) or (rows, 1): class numbers 0, 1, ...; `y_pred` (rows, classes): probabilities or logits. The
    result is a dictionary: "precision_NAME", "recall_NAME" and "f1_NAME" of every class, "f1_macro" (their mean)
    and "f1_worst" (the least), so that the history holds each as a number and a callback can watch each. What
    would divide by zero is 0, as with scikit-learn's `zero_division=0`. `counts` is the table itself.

    Raises ValueError for a wrong shape or a label outside the range (InvalidArgumentError within `fit`). What XLA
    compiles cannot raise: there such a label turns the figures into NaN, as it does the loss.
    """

    def __init__(self, class_names: Sequence[str], name: str = "confusion_matrix", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.class_names = [str(class_name) for class_name in class_names]
        size = len(self.class_names)
        if len(set(self.class_names)) < max(size, 2):
            raise ValueError(f"class_names = {self.class_names}: must be two or more different names")
        # float32 stops counting at 2**24 = 16,777,216 rows; float64 goes on to 2**53 and holds weights as well.
        self.counts = self.add_variable((size, size), initializer="zeros", dtype="float64", name="counts")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch to the counts; `sample_weight` (rows,) counts each row that many times."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        size = len(self.class_names)
        _check_shape("y_pred", y_pred, ("rows", size))
        labels = _column("y_true", y_true, y_pred.shape[0])
        sound = _labels_sound(labels, size - 1)
        true = ops.one_hot(ops.cast(labels, "int32"), size, dtype="float64")
        if sample_weight is not None:
            weight = _column("sample_weight", ops.convert_to_tensor(sample_weight), y_pred.shape[0])
            true = true * ops.cast(weight, "float64")[:, None]
        predicted = ops.one_hot(ops.argmax(y_pred, axis=-1), size, dtype="float64")
        batch = ops.matmul(ops.transpose(true), predicted)
        self.counts.assign_add(ops.where(sound, batch, np.nan))

    def result(self) -> dict[str, Any]:
        """Return the figures of all rows seen since the last reset."""
        counts = ops.convert_to_tensor(self.counts)
        right, true, predicted = ops.diagonal(counts), ops.sum(counts, axis=1), ops.sum(counts, axis=0)
        figures = {
            "precision": ops.divide_no_nan(right, predicted),
            "recall": ops.divide_no_nan(right, true),
            "f1": ops.divide_no_nan(2 * right, true + predicted),
        }
        result = {
            f"{figure}_{class_name}": value
            for figure, values in figures.items()
            for class_name, value in zip(self.class_names, ops.unstack(values), strict=True)
        }
        return result | {"f1_macro": ops.mean(figures["f1"]), "f1_worst": ops.min(figures["f1"])}

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` needs to make this metric again after loading."""
        return super().get_config() | {"class_names": self.class_names}


@keras.saving.register_keras_serializable(package="course")
class ExactMatch(keras.metrics.MeanMetricWrapper):
    """Share of rows of which every label is right (scikit-learn's `accuracy_score` on multilabel rows).

    `y_true` (rows, labels): 0 or 1; `y_pred` (rows, labels): probabilities; a label is predicted where its
    probability exceeds `threshold`: one number, or one for each label. Raises ValueError for wrong shapes.
    """

    def __init__(self, threshold: ArrayLike = 0.5, name: str = "exact_match", dtype: Any = "float64") -> None:
        super().__init__(self._match, name=name, dtype=dtype)
        self.threshold = np.asarray(threshold, dtype="float64")
        if self.threshold.ndim > 1:
            raise ValueError(f"threshold has shape {self.threshold.shape}: must be one number or one for each label")

    def _match(self, y_true: Any, y_pred: Any) -> Any:
        _check_shape("y_pred", y_pred, ("rows", self.threshold.size if self.threshold.ndim else "labels"))
        _check_shape("y_true", y_true, tuple(y_pred.shape))
        predicted = ops.greater(ops.cast(y_pred, "float64"), self.threshold)
        match = ops.cast(ops.all(ops.equal(ops.cast(y_true, "bool"), predicted), axis=-1), "float64")
        return ops.where(_labels_sound(y_true, 1), match, np.nan)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` needs to make this metric again after loading."""
        return {"name": self.name, "dtype": self.dtype, "threshold": self.threshold.tolist()}


def scores_at(thresholds: ArrayLike, y_true: ArrayLike, probability: ArrayLike) -> dict[str, NDArray]:
    """Precision, recall (sensitivity), specificity, F1 and accuracy of "positive above t" for every threshold t.

    `y_true` (rows,): 0 or 1; `probability` (rows,). What would divide by zero is 0. Raises ValueError.
    """
    true, probability = _binary(y_true, probability)
    order = np.argsort(probability)
    # Rows at or below each threshold; running sums over the sorted rows make this n log n for any number of them.
    below = np.searchsorted(probability[order], np.asarray(thresholds, dtype=float), side="right")
    missed = np.concatenate([[0], np.cumsum(true[order])])[below]
    positive, rows = true.sum(), true.size
    hits, passed = positive - missed, below - missed
    predicted = rows - below
    return {
        "precision": _share(hits, predicted),
        "recall": _share(hits, positive),
        "specificity": _share(passed, rows - positive),
        "f1": _share(2 * hits, positive + predicted),
        "accuracy": _share(hits + passed, rows),
    }


def choose_threshold(y_true: ArrayLike, probability: ArrayLike, *, score: str = "f1") -> Any:
    """Return the threshold, 0 to 1, with the best `score` (a name in `scores_at`), on validation, never test rows.

    Of equally good thresholds the nearest to 0.5 wins: it is left only for a gain. `y_true` and `probability`
    (rows,) give one number, (rows, labels) an array (labels,). Raises ValueError for wrong shapes or labels.
    """
    if np.ndim(y_true) == 2 and np.shape(y_true) == np.shape(probability):
        columns = zip(np.transpose(y_true), np.transpose(probability), strict=True)
        return np.array([choose_threshold(*column, score=score) for column in columns])
    y_true, probability = _binary(y_true, probability)
    known = np.unique(probability)
    # Halfway between neighbors, so that ">" and ">=" agree and a new row is not cut off by a rounding.
    candidates = np.concatenate([[0.5, known[0] / 2], (known[1:] + known[:-1]) / 2, [(known[-1] + 1) / 2]])
    scores = scores_at(candidates, y_true, probability)
    if score not in scores:
        raise ValueError(f"score = {score!r}: must be one of {', '.join(scores)}")
    best = candidates[scores[score] >= scores[score].max()]
    return float(best[np.argmin(np.abs(best - 0.5))])


def undo_weighting(probability: ArrayLike, weight: float) -> NDArray:
    """Return what a model trained with weight 1 would say: p / (p + w (1 - p)).

    `probability` (any shape) is of the class whose rows were weighted `weight` times the others. Weighting
    multiplies the odds by w (Bayes' rule with the priors that the weights make); this divides them again.
    """
    if not 0 < weight < np.inf:
        raise ValueError(f"weight = {weight}: must be a positive number")
    probability = _probabilities(probability)
    return probability / (probability + weight * (1 - probability))


def _probabilities(values: ArrayLike) -> NDArray:
    values = np.asarray(values, dtype=float)
    wrong = values[~((values >= 0) & (values <= 1))]  # NaN, too
    if wrong.size:
        raise ValueError(f"probability = {wrong[0]}: must be between 0 and 1")
    return values


def _share(part: NDArray, whole: Any) -> NDArray:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.greater(whole, 0))


def _binary(y_true: ArrayLike, probability: ArrayLike) -> tuple[NDArray, NDArray]:
    true, probability = np.asarray(y_true), _probabilities(probability)
    if true.ndim != 1 or not true.size or true.shape != probability.shape:
        raise ValueError(
            f"y_true has shape {true.shape}, probability {probability.shape}: both must be (rows,), one or more"
        )
    wrong = true[~np.isin(true, (0, 1))]
    if wrong.size:
        raise ValueError(f"label {wrong[0]} in y_true: must be 0 or 1")
    return true.astype(int), probability


def _labels_sound(labels: Any, highest: int) -> Any:
    """True where every label is a whole number from 0 to `highest`; where an error can be raised, it is."""
    fits = ops.logical_and(labels >= 0, labels <= highest)
    if keras.backend.is_float_dtype(labels.dtype):
        fits = ops.logical_and(fits, ops.equal(labels, ops.floor(labels)))
    allowed = f"must be a whole number from 0 to {highest}"
    if tf.executing_eagerly() and not ops.all(fits):
        raise ValueError(f"label {np.asarray(labels)[~np.asarray(fits)][0]} in y_true: {allowed}")
    # Raises in a graph, and is left out by XLA: hence the answer.
    fit = ops.all(fits)
    tf.raw_ops.Assert(condition=fit, data=["y_true: each label", allowed, "but they are", labels], summarize=1000)
    return fit


def _column(name: str, values: Any, rows: int | None) -> Any:
    """Flatten (rows,) or (rows, 1); any other shape would broadcast to a wrong count without a word."""
    if len(values.shape) == 2:
        _check_shape(name, values, (rows or "rows", 1))
        return values[:, 0]
    _check_shape(name, values, (rows or "rows",))
    return values


def _check_shape(name: str, values: Any, allowed: tuple[int | str | None, ...]) -> None:
    """Raise ValueError for another shape than `allowed`, where a word stands for any size."""
    shape = tuple(values.shape)  # a size is None while a step is being compiled
    sizes = zip(shape, allowed, strict=False)
    if len(shape) != len(allowed) or any(isinstance(a, int) and s not in (a, None) for s, a in sizes):
        wanted = ", ".join(map(str, allowed)) + ("," if len(allowed) == 1 else "")
        raise ValueError(f"{name} has shape {shape}: must be ({wanted})")
