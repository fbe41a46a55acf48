"""What lesson 14 says of several claims together, asserted on the stored values, and what it says of Keras."""

import keras
import numpy as np
import pytest

from course.evidence import SIGNIFICANT, has_margin, sign_test


def test_the_strong_backbone_beats_none_with_every_seed_and_a_new_seed_may_show_no_gain(full):
    """The gain has a direction, but no margin for a seed that was not measured: so it is no bound."""
    gains = np.array(full("14.strong_tuned").values) - full("14.scratch").values
    assert min(gains) > 0
    assert sign_test(gains) < SIGNIFICANT
    assert not has_margin(gains, at_least=0)


def test_names_are_what_pretraining_brings_beyond_the_chance_of_the_seeds(full):
    assert min(full("14.naming_gain").values) > 0
    assert sign_test(full("14.naming_gain").values) < SIGNIFICANT


@pytest.mark.parametrize("name", ["both", "backbone", "swap", "tuning", "pretraining"])
def test_the_seeds_cannot_tell_what_the_lesson_leaves_open(full, name):
    assert sign_test(full(f"14.gain_{name}").values) >= SIGNIFICANT


def test_both_changes_gain_in_the_median_but_not_with_every_seed(full):
    assert full("14.gain_both").median > 0
    assert min(full("14.gain_both").values) <= 0


def test_the_strong_backbone_is_ahead_in_the_median_but_not_in_three_runs_of_three_with_every_seed(
    full,
):
    assert full("14.gain_backbone").median > 0
    assert min(full("14.backbone_wins").values) < 3


def test_keras_default_momentum_is_99_and_the_averages_start_at_mean_0_and_variance_1():
    layer = keras.layers.BatchNormalization()
    layer.build((None, 3))
    assert layer.momentum == 0.99
    assert layer.moving_mean.numpy().tolist() == [0, 0, 0]
    assert layer.moving_variance.numpy().tolist() == [1, 1, 1]


@pytest.mark.parametrize("momentum", [0.99, 0.9])
def test_training_uses_the_statistics_of_the_batch_and_prediction_the_running_averages(momentum):
    """In training, batch normalization scales each feature by the mean and variance of the batch. For predictions it
    uses running averages; each step replaces 1 - momentum of them."""
    layer = keras.layers.BatchNormalization(momentum=momentum, epsilon=0.0)
    x = np.random.default_rng(0).normal(3, 2, (50, 1)).astype("float32")
    trained = layer(x, training=True).numpy()
    np.testing.assert_allclose(trained, (x - x.mean()) / x.std(), atol=1e-5)
    mean = (1 - momentum) * x.mean()
    variance = momentum + (1 - momentum) * x.var()
    used = layer(x, training=False).numpy()
    np.testing.assert_allclose(used, (x - mean) / np.sqrt(variance), atol=1e-4)
