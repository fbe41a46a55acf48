"""What lesson 07 says of its results over all seeds, and of Keras: each docstring quotes the sentence that it tests."""

import io
import re
import warnings
from contextlib import redirect_stdout

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from course.evidence import SIGNIFICANT, sign_test
from course.training.metrics import ConfusionMatrix

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = np.array([0, 1, 2, 0, 1, 2, 0, 1])


def small_model(kind=keras.Sequential):
    keras.utils.set_random_seed(0)
    model = kind([keras.Input((3,)), keras.layers.Dense(3, activation="softmax")])
    metrics = ["accuracy", ConfusionMatrix(["a", "b", "c"], name="class")]
    loss = "sparse_categorical_crossentropy"
    model.compile("sgd", loss, metrics=metrics, run_eagerly=True)
    return model


def fit(model, epochs=2, **settings):
    settings = {"validation_data": (X, Y), "verbose": 0} | settings
    return model.fit(X, Y, batch_size=4, epochs=epochs, **settings).history


def test_class_weights_do_not_reach_five_points_of_worst_f1_in_the_median(full):
    assert full("07.gain_worst_f1").median < 5


def test_these_data_cannot_tell_whether_the_weights_change_the_worst_f1(full):
    assert sign_test(full("07.gain_worst_f1").values) >= SIGNIFICANT


@pytest.mark.parametrize(
    ("name", "side"),
    [("gain_accuracy", -1), ("found_low", 1), ("invented_low", 1), ("optimism", 1)],
)
def test_what_is_said_of_almost_every_seed_is_more_than_chance(name, side, full):
    assert side * full(f"07.{name}").median > 0
    assert sign_test(full(f"07.{name}").values) < SIGNIFICANT


def test_the_accuracy_falls_with_all_measured_seeds(full):
    assert full("07.gain_accuracy").high < 0


def test_the_shirt_is_nearly_always_the_worst_class(full):
    shirt = full("07.gain_shirt_f1").values
    worst = full("07.gain_worst_f1").values
    equal = sum(a == b for a, b in zip(shirt, worst, strict=True))
    assert 0.8 * len(shirt) < equal < len(shirt)


def test_these_data_cannot_tell_whether_stopping_helps_the_worst_class(full):
    assert sign_test(full("07.stop_gain").values) >= SIGNIFICANT


def test_stopping_on_the_worst_class_ends_before_half_of_the_epochs_allowed(full):
    assert full("07.stopped_after").high < 200 / 2


class Advised(keras.Sequential):
    """Updates the metrics as the warning about `compiled_metrics` advises."""

    def train_step(self, data):
        x, y = data
        y_pred = self(x, training=True)
        for metric in self.metrics:
            metric.update_state(y, y_pred)
        return {}


@pytest.mark.parametrize("eagerly", [False, True])
def test_what_the_warning_advises_ends_fit_in_an_error(eagerly):
    """Do not take the advice [...]: `fit` then stops with an error."""
    model = small_model(Advised)
    model.run_eagerly = eagerly
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=r"[Rr]ank"):
        fit(model)


def test_the_tracker_of_the_loss_comes_first_and_takes_predictions_for_weights():
    """The first of these metrics is the tracker of the loss, a `Mean`."""
    model = small_model()
    fit(model, epochs=1)
    tracker = model.metrics[0]
    assert type(tracker) is keras.metrics.Mean
    assert tracker.name == "loss"
    tracker.reset_state()
    tracker.update_state([1.0, 3.0], [3.0, 1.0])
    assert float(tracker.result()) == 1.5


def test_without_mode_fit_raises_an_error():
    """Keras does not know whether `val_class_worst_f1` should rise or fall, so say `mode="max"`."""
    with pytest.raises(ValueError, match="mode"):
        fit(small_model(), callbacks=[keras.callbacks.EarlyStopping("val_class_worst_f1")])


def test_an_entry_that_does_not_exist_is_warned_of_and_never_stops():
    """If no such entry exists, Keras only warns, and never stops."""
    early = keras.callbacks.EarlyStopping("val_class_wurst_f1", mode="max", patience=0)
    with pytest.warns(UserWarning, match="not available"):
        history = fit(small_model(), epochs=4, callbacks=[early])
    assert len(history["loss"]) == 4


def test_early_stopping_ends_patience_epochs_after_the_best_with_the_best_weights():
    """It stops after `patience` epochs without a new best, and puts the best weights back into the model."""
    model = small_model()
    planned = iter([0.2, 0.5, 0.4, 0.4, 0.5, 0.1])
    kept = []

    class Planned(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs):
            logs["val_class_worst_f1"] = next(planned)
            kept.append(self.model.get_weights())

    early = keras.callbacks.EarlyStopping(
        "val_class_worst_f1", mode="max", patience=3, restore_best_weights=True
    )
    history = fit(model, epochs=6, callbacks=[Planned(), early])
    assert len(history["loss"]) == 5
    for found, best, last in zip(model.get_weights(), kept[1], kept[4], strict=True):
        assert np.array_equal(found, best)
        assert not np.array_equal(found, last)


def test_the_first_tracker_is_given_the_predictions_alone():
    """In Keras 3 `compiled_metrics.update_state` goes through `model.metrics`; a `Mean` receives `y_pred` alone."""
    model = small_model()
    fit(model, epochs=1)
    for metric in model.metrics:
        metric.reset_state()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.compiled_metrics.update_state(Y, 5 * np.ones((8, 3), "float32"))
    assert float(model.metrics[0].result()) == 5
    assert isinstance(model.metrics[0], keras.metrics.Mean)


def test_add_weight_with_the_name_first_is_refused():
    """Theirs calls `add_weight` in a way that Keras 3 refuses."""
    with pytest.raises((TypeError, ValueError)):
        keras.metrics.Mean().add_weight("total_cm", shape=(3, 3), initializer="zeros")


def test_two_names_for_a_batch_fail_on_sample_weights():
    """`x, y = data` fails on them (batches with sample weights)."""

    class TwoNames(keras.Sequential):
        def train_step(self, data):
            x, y = data
            return super().train_step((x, y))

    fit(small_model(TwoNames), epochs=1)
    with pytest.raises(ValueError, match="too many values"):
        fit(small_model(TwoNames), epochs=1, sample_weight=np.ones(8))


def test_compute_loss_adds_the_penalties():
    """`compute_loss` adds the penalties of regularized layers."""
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(3, "softmax", kernel_regularizer="l2")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    predicted = model(X)
    plain = np.mean(-np.log(np.asarray(predicted)[np.arange(8), Y]))
    penalty = 0.01 * np.sum(np.square(model.layers[0].kernel))
    found = float(model.compute_loss(X, ops.convert_to_tensor(Y), predicted))
    assert found == pytest.approx(plain + penalty, rel=1e-5)
    assert penalty > 0.001


def test_class_weight_is_fixed_when_fit_begins():
    """`class_weight` is fixed when `fit` begins."""
    weights = {0: 1.0, 1: 1.0, 2: 1.0}

    class Change(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.update({0: 100.0, 1: 100.0, 2: 100.0})

    changed = fit(small_model(), epochs=3, class_weight=weights, callbacks=[Change()])
    assert weights[0] == 100
    assert changed["loss"] == fit(small_model(), epochs=3)["loss"]


def test_the_progress_bar_ends_with_the_values_of_the_history():
    """Keras 3 ends each line of the progress bar with the values of the history."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        history = fit(small_model(), verbose=1)
    last_line = printed.getvalue().strip().split("\n")[-1].split("\r")[-1]
    for key in ("class_recall_a", "val_class_recall_b", "loss"):
        shown = re.findall(rf"\b{key}: ([\d.e+-]+)", last_line)
        assert float(shown[-1]) == pytest.approx(history[key][-1], abs=6e-5), last_line


def test_keras_sets_the_counts_back_at_the_start_of_each_epoch():
    """Keras sets them back to 0 at the start of each epoch."""
    table = ConfusionMatrix(["a", "b", "c"], name="class")
    model = small_model()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=[table], run_eagerly=True)
    rows = []
    count = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: rows.append(float(ops.sum(table.counts)))
    )
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[count])
    assert rows == [8, 8, 8]
