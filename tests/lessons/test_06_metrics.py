"""What lesson 06 must reach, asserted on its measured bands."""


def test_a_metric_that_adds_first_equals_numpy_at_every_batch_size(full):
    assert full("06.from_numpy").high < 10  # millionths


def test_the_copied_function_is_the_mean_absolute_error(full):
    assert full("06.copied_from_mae").high <= 1  # millionths
    assert full("06.copied_too_low").low > 10


def test_the_mean_of_batch_roots_is_more_than_five_percent_too_low_and_more_so_where_batches_differ_more(full):
    assert full("06.too_low_at_10").low > 5
    assert full("06.sorted_adds").low > 0


def test_a_short_last_batch_can_make_it_too_high(full):
    assert full("06.validation_too_high").low > 0


def test_a_broadcast_error_does_not_see_that_the_network_has_learned(full):
    assert full("06.broadcast_ratio").low > 5


def test_a_broadcast_sensitivity_is_above_one_and_binary_accuracy_flatters(full):
    assert full("06.sensitivity").high <= 1 < full("06.sensitivity_broadcast").low
    assert full("06.binary_adds").low > 0
    assert full("06.exact_accuracy").high < 0.01
