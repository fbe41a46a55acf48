"""What lesson 13 says of several claims together, asserted on the stored values: averaging helps where noise is."""

import pytest

from course.evidence import SIGNIFICANT, sign_test

GAINS = [
    "noisy_gain",
    "published_gain",
    "falling_rate",
    "averaged_predictions",
    "best_single_epoch",
    "stacking_gain",
]


@pytest.mark.parametrize("name", [*GAINS, "bn_stale_loss", "linear_lead"])
def test_what_the_lesson_calls_a_gain_or_a_loss_has_its_sign_beyond_the_chance_of_the_seeds(
    full, name
):
    assert full(f"13.{name}").median > 0
    assert sign_test(full(f"13.{name}").values) < SIGNIFICANT


def test_in_the_median_the_noisy_regime_gains_a_point_in_eight_of_ten_runs(full):
    assert full("13.noisy_gain").median >= 1
    assert full("13.noisy_wins").median >= 8


def test_in_the_median_the_published_recipe_gains_less_than_the_standard_error_of_one_test_set(
    full,
):
    assert full("13.published_gain").median < full("13.standard_error").median


def test_other_seeds_move_the_last_epoch_by_more_than_the_published_gains(full):
    last = full("13.published_test")
    assert last.high - last.low > 0.003


def test_fitted_on_the_training_points_stacking_gains_less_than_on_new_ones_with_every_seed(full):
    seen, new = (
        full("13.combined_stacked_training").values,
        full("13.combined_stacked_validation").values,
    )
    assert all(a < b for a, b in zip(seen, new, strict=True))
