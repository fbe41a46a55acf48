"""What lesson 07 says of its claims over all seeds, asserted on the stored values."""


def test_class_weights_do_not_reach_five_points_of_worst_f1_in_the_median(full):
    assert full("07.gain_worst_f1").median < 5


def test_stopping_on_the_worst_class_ends_far_below_the_epochs_allowed(full):
    assert full("07.stopped_after").high < 6 * 12 / 2
