"""What lesson 13 says of several claims together, asserted on the stored values: averaging helps where noise is."""

import keras
import numpy as np
import pytest

from course.evidence import SIGNIFICANT, sign_test

GAINS = [
    "noisy_gain",
    "published_gain",
    "falling_rate",
    "averaged_predictions",
    "best_single_epoch",
    "stacking_gain",
    "stacking_new",
]


@pytest.mark.parametrize(
    "name", [*GAINS, "best_single_epoch_lead", "bn_stale_loss", "bn_averaged_loss", "linear_lead"]
)
def test_what_the_lesson_calls_a_gain_or_a_loss_has_its_sign_beyond_the_chance_of_the_seeds(
    full, name
):
    assert full(f"13.{name}").median > 0
    assert sign_test(full(f"13.{name}").values) < SIGNIFICANT


def test_the_noisy_regime_gains_a_point_and_wins_eight_of_ten_runs_in_the_median_only(full):
    assert full("13.noisy_gain").low < 1 < full("13.noisy_gain").median
    assert full("13.noisy_wins").low < 8 < full("13.noisy_wins").median


def test_these_seeds_cannot_order_the_first_three_cures(full):
    for name in ("falling_rate_lead", "averaged_predictions_lead"):
        assert sign_test(full(f"13.{name}").values) >= SIGNIFICANT


def test_in_the_median_the_published_recipe_gains_less_than_the_standard_error_of_one_test_set(
    full,
):
    assert full("13.published_gain").median < full("13.standard_error").median


def test_other_seeds_move_the_last_epoch_by_more_than_the_published_gains(full):
    last = full("13.published_test")
    assert last.high - last.low > 0.003


@pytest.mark.parametrize("swaps", [True, False])
def test_without_the_callback_every_val_accuracy_in_the_history_is_that_of_the_raw_weights(swaps):
    """The optimizer overwrites the weights with the average when fit ends, also without the callback. But without
    it, every val_accuracy in the history is that of the raw weights."""
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 2)).astype("float32")
    y = (x[:, 0] > 0).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, "mse", run_eagerly=True)
    raw = []
    callbacks = [keras.callbacks.SwapEMAWeights()] if swaps else []

    class Raw(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raw[:] = [np.array(array) for array in self.model.get_weights()]

    fit = model.fit(x, y, validation_data=(x, y), callbacks=[Raw(), *callbacks], verbose=0)
    validated = fit.history["val_loss"][-1]
    averaged = [np.array(variable) for variable in optimizer._model_variables_moving_average]
    for left, average in zip(model.get_weights(), averaged, strict=True):
        np.testing.assert_allclose(left, average, rtol=1e-6)

    def loss(kernel, bias):
        return np.mean((x @ kernel + bias - y[:, None]) ** 2)

    expected = averaged if swaps else raw
    assert loss(*averaged) != pytest.approx(loss(*raw), rel=1e-3)
    assert validated == pytest.approx(loss(*expected), rel=1e-4)


def test_one_linear_model_on_all_points_beats_stacking_with_every_seed(full):
    one_model = np.array(full("13.combined_linear_1100").values)
    assert (one_model - full("13.combined_stacked_validation").values).min() > 0
