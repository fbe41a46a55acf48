"""What Keras and scikit-learn leave open: per-class metrics inside `fit`, exact match, thresholds, undone weights.

A metric is right only if it streams counts and divides once, at the end: the mean of the batches' recalls is not
the recall. `ConfusionMatrix` therefore keeps one table of counts and reads every per-class figure from it.

Not here, since others have it: Hamming accuracy is `keras.metrics.BinaryAccuracy`; the Brier score and the
reliability curve are `brier_score_loss` and `calibration_curve` of scikit-learn.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike, NDArray

from course.training.backend import need_tensorflow


@keras.saving.register_keras_serializable(package="course")
class ConfusionMatrix(keras.metrics.Metric):
    """Precision, recall and F1 of every class, from one streamed table of counts (true class, predicted class).

    `y_true` (rows,) or (rows, 1): class numbers 0, 1, ...; `y_pred` (rows, classes): probabilities or logits. The
    result is a dictionary: "NAME_precision_CLASS", "NAME_recall_CLASS" and "NAME_f1_CLASS" of every class,
    "NAME_macro_f1" (the mean F1) and "NAME_worst_f1" (the least), so that the history holds each as a number and a
    callback can watch each. What would divide by zero is 0, as with scikit-learn's `zero_division=0`. `counts` is
    the table itself.

    NAME is the metric's `name`. Each metric of a model needs a name of its own, also if they belong to different
    outputs: of a result that is a dictionary Keras logs the keys as they are, without the output's name and without
    "weighted_". A compiled step in which two metrics report the same key raises ValueError.

    Raises ValueError for a wrong shape or a label outside the range (InvalidArgumentError within `fit`). What XLA
    compiles cannot raise: there such a label turns the figures into NaN, as it does the loss. So does a prediction
    that is NaN, everywhere. A row of weight 0 counts for nothing, whatever its label. Raises BackendError where Keras
    does not run on TensorFlow: JAX counts in float32, and raises nothing within a compiled step.
    """

    def __init__(self, class_names: Sequence[str], name: str, **kwargs: Any) -> None:
        need_tensorflow("ConfusionMatrix")
        super().__init__(name=name, **kwargs)
        self.class_names = [str(class_name) for class_name in class_names]
        size = len(self.class_names)
        if len(set(self.class_names)) < max(size, 2):
            raise ValueError(
                f"class_names = {self.class_names}: must be two or more different names"
            )
        # float32 stops counting at 2**24 = 16,777,216 rows; float64 goes on to 2**53 and holds weights as well.
        self.counts = self.add_variable(
            (size, size), initializer="zeros", dtype="float64", name="counts"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch to the counts; `sample_weight` (rows,) counts each row that many times."""
        size = len(self.class_names)
        y_pred = _numbers(f"{self}: y_pred", y_pred)
        _check_shape(f"{self}: y_pred", y_pred, ("rows", size))
        y_true = _numbers(f"{self}: y_true", y_true)
        shape = tuple(y_true.shape)
        if shape[1:] == (size,):
            shapes = f"shape {shape}: must be ({shape[0]}, 1)"
            raise ValueError(
                f"{self}: y_true has {shapes}; of one-hot rows pass np.argmax(y_true, axis=1)"
            )
        labels = _column(f"{self}: y_true", y_true, y_pred.shape[0])
        weight = _weight(f"{self}: sample_weight", sample_weight, y_pred)
        sound = _rows_sound(f"{self}", labels[:, None], size - 1, y_pred, weight)
        likeliest = ops.argmax(y_pred, axis=-1)
        true = ops.one_hot(ops.cast(labels, "int32"), size, dtype="float64")
        predicted = ops.one_hot(likeliest, size, dtype="float64")
        weighted = true * weight[:, None]
        batch = ops.matmul(ops.transpose(weighted), predicted)
        self.counts.assign_add(ops.where(ops.all(sound), batch, np.nan))

    def result(self) -> dict[str, Any]:
        """Return the figures of all rows seen since the last reset."""
        counts = ops.convert_to_tensor(self.counts)
        right = ops.diagonal(counts)
        true = ops.sum(counts, axis=1)
        predicted = ops.sum(counts, axis=0)
        f1 = ops.divide_no_nan(2 * right, true + predicted)
        figures = {
            "precision": ops.divide_no_nan(right, predicted),
            "recall": ops.divide_no_nan(right, true),
            "f1": f1,
        }
        result = {}
        for figure, values in figures.items():
            for class_name, value in zip(self.class_names, ops.unstack(values), strict=True):
                result[f"{self.name}_{figure}_{class_name}"] = value
        result[f"{self.name}_macro_f1"] = ops.mean(f1)
        result[f"{self.name}_worst_f1"] = ops.min(f1)
        self._refuse_keys_of_others(result)
        return result

    def _refuse_keys_of_others(self, keys: Iterable[str]) -> None:
        """Raise ValueError if another metric reports one of `keys` in the step that TensorFlow is tracing."""
        if tf.executing_eagerly():
            return
        reported = tf.compat.v1.get_collection_ref("course.metrics: reported keys")
        taken = {key for metric, others in reported if metric is not self for key in others}
        common = sorted(taken.intersection(keys))
        if common:
            raise ValueError(
                f"{self}: another metric of this model reports {common[0]!r}, too, and one would overwrite the other: "
                "give each a name of its own, such as ConfusionMatrix(class_names, name='weighted')"
            )
        reported.append((self, list(keys)))

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` needs to make this metric again after loading."""
        return super().get_config() | {"class_names": self.class_names}


@keras.saving.register_keras_serializable(package="course")
class ExactMatch(keras.metrics.Mean):
    """Share of rows of which every label is right (scikit-learn's `accuracy_score` on multilabel rows).

    `y_true` (rows, labels): 0 or 1; `y_pred` (rows, labels): probabilities; a label is predicted where its
    probability exceeds `threshold`: one number, or one for each label. Errors, NaN and rows of weight 0 as with
    `ConfusionMatrix`.
    """

    def __init__(
        self, threshold: ArrayLike = 0.5, name: str = "exact_match", dtype: Any = "float64"
    ) -> None:
        need_tensorflow("ExactMatch")
        super().__init__(name=name, dtype=dtype)
        self.threshold = np.asarray(threshold, dtype="float64")
        if self.threshold.ndim > 1:
            raise ValueError(
                f"threshold has shape {self.threshold.shape}: must be one number or one for each label"
            )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch to the share; `sample_weight` (rows,) counts each row that many times."""
        y_pred = _numbers(f"{self}: y_pred", y_pred)
        labels = self.threshold.size if self.threshold.ndim else "labels"
        _check_shape(f"{self}: y_pred", y_pred, ("rows", labels))
        y_true = _numbers(f"{self}: y_true", y_true)
        _check_shape(f"{self}: y_true", y_true, tuple(y_pred.shape))
        weight = _weight(f"{self}: sample_weight", sample_weight, y_pred)
        sound = _rows_sound(f"{self}", y_true, 1, y_pred, weight)
        right = ops.equal(y_true == 1, y_pred > self.threshold)
        match = ops.cast(ops.all(right, axis=-1), "float64")
        super().update_state(ops.where(sound, match, np.nan), weight)

    def get_config(self) -> dict[str, Any]:
        """Return what `__init__` needs to make this metric again after loading."""
        return super().get_config() | {"threshold": self.threshold.tolist()}


def scores_at(
    thresholds: ArrayLike, y_true: ArrayLike, probability: ArrayLike
) -> dict[str, NDArray]:
    """Precision, recall (sensitivity), specificity, F1 and accuracy of "positive above t" for every threshold t.

    `y_true` (rows,): 0 or 1; `probability` (rows,). What would divide by zero is 0. Raises ValueError.
    """
    true, probability = _binary(y_true, probability)
    thresholds = np.asarray(thresholds, dtype=float)
    order = np.argsort(probability)
    # Rows at or below each threshold; running sums over the sorted rows make this n log n for any number of them.
    below = np.searchsorted(probability[order], thresholds, side="right")
    positives_up_to = np.concatenate([[0], np.cumsum(true[order])])
    missed = positives_up_to[below]
    positive = true.sum()
    rows = true.size
    hits = positive - missed
    passed = below - missed
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
    between = (known[1:] + known[:-1]) / 2
    lowest = known[0] / 2
    highest = (known[-1] + 1) / 2
    candidates = np.concatenate([[0.5, lowest], between, [highest]])
    scores = scores_at(candidates, y_true, probability)
    if score not in scores:
        raise ValueError(f"score = {score!r}: must be one of {', '.join(scores)}")
    values = scores[score]
    best = candidates[values >= values.max()]
    distance = np.abs(best - 0.5)
    return float(best[np.argmin(distance)])


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
    allowed = (values >= 0) & (values <= 1)  # NaN is not
    wrong = values[~allowed]
    if wrong.size:
        raise ValueError(f"probability = {wrong[0]}: must be between 0 and 1")
    return values


def _share(part: NDArray, whole: Any) -> NDArray:
    zeros = np.zeros(np.shape(part))
    return np.divide(part, whole, out=zeros, where=np.greater(whole, 0))


def _binary(y_true: ArrayLike, probability: ArrayLike) -> tuple[NDArray, NDArray]:
    true = np.asarray(y_true)
    probability = _probabilities(probability)
    if true.ndim != 1 or not true.size or true.shape != probability.shape:
        raise ValueError(
            f"y_true has shape {true.shape}, probability {probability.shape}: both must be (rows,), one or more; "
            "np.ravel flattens (rows, 1)"
        )
    wrong = true[~np.isin(true, (0, 1))]
    if wrong.size:
        raise ValueError(f"label {wrong.tolist()[0]!r} in y_true: must be 0 or 1, as a number")
    return true.astype(int), probability


def _numbers(what: str, values: Any) -> Any:
    """Return `values`, such as lists, truth values or whole numbers, as a tensor of float64."""
    try:
        tensor = ops.convert_to_tensor(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} is not an array of numbers: {error}") from error
    kind = tf.as_dtype(tensor.dtype)
    if not (kind.is_floating or kind.is_integer or kind.is_bool):
        raise ValueError(
            f"{what} is of type {kind.name}: must be numbers; number the classes 0, 1, ..."
        )
    return ops.cast(tensor, "float64")


def _weight(what: str, values: Any, y_pred: Any) -> Any:
    if values is None:
        return ops.ones(ops.shape(y_pred)[:1], dtype="float64")
    return _column(what, _numbers(what, values), y_pred.shape[0])


def _rows_sound(what: str, labels: Any, highest: int, y_pred: Any, weight: Any) -> Any:
    """Where a row counts for nothing, or has allowed `labels` (rows, ...) and no NaN in `y_pred` (rows, ...).

    Where an error about labels can be raised, it is.
    """
    wrong = (
        (labels < 0) | (labels > highest) | (labels != ops.floor(labels))
    )  # the last is true of NaN
    counts = weight != 0
    wrong = wrong & counts[:, None]
    allowed = f"must be a whole number from 0 to {highest}"
    if tf.executing_eagerly() and ops.any(wrong):
        first, *_ = np.asarray(labels)[np.asarray(wrong)]
        raise ValueError(f"{what}: label {first:g} in y_true: {allowed}")
    # Raises in a graph, and is left out by XLA: hence the answer.
    message = [f"{what}: each label in y_true", allowed, "but they are", ops.ravel(labels)]
    tf.raw_ops.Assert(condition=~ops.any(wrong), data=message, summarize=1000)
    unclear = ops.any(ops.isnan(y_pred), axis=-1) & counts
    return ~(ops.any(wrong, axis=-1) | unclear)


def _column(what: str, values: Any, rows: int | None) -> Any:
    """Flatten (rows,) or (rows, 1); any other shape would broadcast to a wrong count without a word."""
    if len(values.shape) == 2:
        _check_shape(what, values, (rows or "rows", 1))
        return values[:, 0]
    _check_shape(what, values, (rows or "rows",))
    return values


def _check_shape(what: str, values: Any, allowed: tuple[int | str | None, ...]) -> None:
    """Raise ValueError for another shape than `allowed`, where a word stands for any size."""
    shape = tuple(values.shape)
    fits = len(shape) == len(allowed)
    for size, wanted in zip(shape, allowed, strict=False):
        if isinstance(wanted, int) and size not in (
            wanted,
            None,
        ):  # None while a step is being compiled
            fits = False
    if not fits:
        sizes = ", ".join(map(str, allowed))
        comma = "," if len(allowed) == 1 else ""
        raise ValueError(f"{what} has shape {shape}: must be ({sizes}{comma})")
