"""What lesson 06 must reach, asserted on its measured bands."""

import pytest


@pytest.mark.parametrize("metric", ["rmse", "own", "mae"])
def test_a_metric_that_adds_first_equals_numpy_at_every_batch_size(full, metric):
    assert full(f"06.{metric}_from_numpy").high < 1e-5


def test_the_copied_function_is_the_mean_absolute_error(full):
    assert full("06.copied_from_mae").high <= 1e-6
    assert_below(full("06.copied"), full("06.rmse"))


def test_the_mean_of_batch_roots_is_more_than_five_percent_too_low_and_more_so_where_batches_differ_more(full):
    assert full("06.too_low_at_10").low > 5
    assert full("06.sorted_adds").low > 0


def test_a_broadcast_error_does_not_see_that_the_network_has_learned(full):
    assert full("06.broadcast").low > 5 * full("06.broadcast_truth").high


def test_a_broadcast_sensitivity_is_above_one_and_binary_accuracy_flatters(full):
    assert full("06.sensitivity").high <= 1 < full("06.sensitivity_broadcast").low
    assert_below(full("06.accuracy"), full("06.binary_accuracy"))
    assert full("06.exact_accuracy").high < 0.01


def assert_below(less, greater):
    """What is less with every seed has the lesser minimum, median and maximum, also where the bands overlap."""
    assert less.low < greater.low
    assert less.median < greater.median
    assert less.high < greater.high
