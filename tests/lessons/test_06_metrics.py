"""Lesson 06: what relates its results seed by seed, and what it states of Keras, tried on Keras itself."""

import keras
import numpy as np
import pytest
from keras import ops

ROWS = 7
TARGETS = np.array([1, 2, 4, 8, 16, 32, 64], "float32")[:, None]
INPUTS = TARGETS / 64
MISSES = 64 * INPUTS - TARGETS + np.array([1, 2, 0, 5, 0, 1, 9], "float32")[:, None]


def test_with_every_seed_less_is_missing_when_more_rows_share_a_batch(full):
    assert (np.array(full("06.too_low_at_1").values) > full("06.too_low_at_10").values).all()


def root_of_batch(y_true, y_pred):
    return ops.sqrt(ops.mean(ops.square(y_pred - y_true)))


def per_row(y_true, y_pred):
    return ops.abs(y_pred - y_true)[:, 0]


class Seen(keras.metrics.Metric):
    """The number of rows since the last reset."""

    def __init__(self, name="seen"):
        super().__init__(name=name)
        self.rows = self.add_variable((), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.rows.assign_add(ops.cast(ops.shape(y_pred)[0], "float32"))

    def result(self):
        return ops.convert_to_tensor(self.rows)


def passing_on(metrics=None, weighted_metrics=None, loss="mse"):
    """A model that answers with its input."""
    layer = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
    model = keras.Sequential([keras.Input((1,)), layer])
    options = {"weighted_metrics": weighted_metrics, "jit_compile": False, "run_eagerly": True}
    model.compile(keras.optimizers.SGD(0.01), loss=loss, metrics=metrics, **options)
    return model


def reported(metric, size, targets=TARGETS):
    """What `evaluate` reports for predictions that miss the column of targets by MISSES."""
    model = passing_on([metric])
    logs = model.evaluate(TARGETS + MISSES, targets, batch_size=size, verbose=0, return_dict=True)
    return logs[metric.name if hasattr(metric, "name") else metric.__name__]


@pytest.mark.parametrize("size", [1, 3, 7])
def test_keras_calls_the_function_once_per_batch_and_reports_the_mean_of_what_it_returned(size):
    batches = [MISSES[start : start + size] for start in range(0, ROWS, size)]
    roots = [np.sqrt(np.mean(batch**2)) for batch in batches]  # a short last one counts as much
    assert reported(root_of_batch, size) == pytest.approx(np.mean(roots), rel=1e-5)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_of_one_value_per_row_keras_adds_up_those_values_and_counts_them(size):
    assert reported(per_row, size) == pytest.approx(np.abs(MISSES).mean(), rel=1e-5)


def test_the_variables_are_set_back_to_zero_before_each_epoch_and_each_evaluation():
    model = passing_on([Seen()])
    told = model.fit(INPUTS, TARGETS, batch_size=3, epochs=3, verbose=0).history["seen"]
    assert told == [ROWS] * 3
    for _ in range(2):
        logs = model.evaluate(INPUTS, TARGETS, batch_size=3, verbose=0, return_dict=True)
        assert logs["seen"] == ROWS


class Unweighted(Seen):
    """A metric whose method does not accept `sample_weight`."""

    def update_state(self, y_true, y_pred):
        super().update_state(y_true, y_pred)


def test_keras_always_passes_sample_weight_so_the_method_must_accept_it():
    passing_on([Seen()]).train_on_batch(INPUTS, TARGETS)
    with pytest.raises(TypeError, match="sample_weight"):
        passing_on([Unweighted()]).train_on_batch(INPUTS, TARGETS)


def test_metrics_only_report_and_the_weights_end_the_same():
    ends = []
    for metrics in (None, ["mae", per_row]):
        model = passing_on(metrics)
        model.fit(INPUTS, TARGETS, batch_size=3, epochs=2, shuffle=False, verbose=0)
        ends.append(model.get_weights()[0])
    np.testing.assert_array_equal(*ends)


def test_compiling_a_model_again_changes_its_metrics_and_keeps_its_weights():
    model = passing_on(["mae"])
    model.fit(INPUTS, TARGETS, verbose=0)
    before = model.get_weights()[0]
    model.compile(loss="mse", metrics=["mape"])
    np.testing.assert_array_equal(model.get_weights()[0], before)
    logs = model.evaluate(INPUTS, TARGETS, verbose=0, return_dict=True)
    assert set(logs) == {"loss", "mape"}


def test_the_loss_and_the_metrics_that_come_with_keras_align_the_shapes_and_yours_gets_what_you_passed():
    flat = TARGETS[:, 0]
    model = passing_on([keras.metrics.RootMeanSquaredError(name="rmse"), "mae", root_of_batch])
    logs = model.evaluate(TARGETS + MISSES, flat, verbose=0, return_dict=True)
    assert logs["loss"] == pytest.approx(np.mean(MISSES**2), rel=1e-5)
    assert logs["rmse"] == pytest.approx(np.sqrt(np.mean(MISSES**2)), rel=1e-5)
    assert logs["mae"] == pytest.approx(np.mean(np.abs(MISSES)), rel=1e-5)
    table = TARGETS + MISSES - flat
    assert logs["root_of_batch"] == pytest.approx(np.sqrt(np.mean(table**2)), rel=1e-5)


def test_if_the_numbers_of_entries_differ_reshape_raises_an_error():
    with pytest.raises(Exception, match="reshape"):
        ops.reshape(ops.zeros((3,)), (4, 1))


def stop_early(metric, monitor, **options):
    callback = keras.callbacks.EarlyStopping(monitor=monitor, **options)
    passing_on([metric]).fit(INPUTS, TARGETS, epochs=2, verbose=0, callbacks=[callback])


def test_callbacks_know_the_direction_of_keras_own_metrics_and_yours_needs_a_mode():
    stop_early("mae", "mae")
    with pytest.raises(ValueError, match="Pass `mode='max'`"):
        stop_early(per_row, "per_row")
    stop_early(per_row, "per_row", mode="min")


LABELS = np.array([0, 1, 2, 1])
SHARES = np.array([[0.4, 0.3, 0.3], [0.1, 0.8, 0.1], [0.6, 0.1, 0.3], [0.3, 0.6, 0.1]], "float32")


@pytest.mark.parametrize(
    ("outputs", "labels", "chosen"),
    [
        (SHARES[:, :1], (SHARES[:, :1] > 0.35).astype("float32"), "BinaryAccuracy"),
        (SHARES, LABELS, "SparseCategoricalAccuracy"),
        (SHARES, np.eye(3)[LABELS], "CategoricalAccuracy"),
    ],
)
def test_keras_chooses_accuracy_by_the_shapes_alone(outputs, labels, chosen):
    model = keras.Sequential([keras.Input(outputs.shape[1:]), keras.layers.Activation("linear")])
    model.compile(loss="mse", metrics=["accuracy"], run_eagerly=True)
    model.compute_metrics(None, ops.convert_to_tensor(labels), ops.convert_to_tensor(outputs))
    metrics = [each for part in model.metrics for each in getattr(part, "metrics", [part])]
    assert chosen in [type(metric).__name__ for metric in metrics]


def test_accuracy_asks_whether_a_probability_equals_the_label():
    assert float(keras.metrics.Accuracy()([[0.0, 1.0]], [[0.1, 1.0]])) == 0.5


def test_with_one_probability_above_a_half_in_every_row_binary_accuracy_hides_a_third():
    sure = SHARES[1:]
    one_hot = np.eye(3)[LABELS[1:]]
    accuracy = np.mean(sure.argmax(axis=1) == LABELS[1:])
    binary = float(keras.metrics.BinaryAccuracy()(one_hot, sure))
    assert accuracy == pytest.approx(2 / 3)
    assert binary == pytest.approx(1 - 2 / 3 * (1 - accuracy))
