"""What lesson 08 says of several claims together, asserted seed by seed on the stored values."""

from course.evidence import SIGNIFICANT, sign_test


def test_on_the_plain_network_chosen_thresholds_do_not_reach_three_points_in_the_median(full):
    assert full("08.test_gain_plain").median < 3


def test_chosen_thresholds_gain_more_after_weighting_than_without_with_every_seed(full):
    gains = zip(full("08.test_gain").values, full("08.test_gain_plain").values, strict=True)
    assert all(weighted > plain for weighted, plain in gains)


def test_weighting_leaves_the_network_behind_beyond_the_chance_of_the_seeds(full):
    assert full("08.test_behind").median > 0
    assert sign_test(full("08.test_behind").values) < SIGNIFICANT


def test_the_seeds_cannot_tell_whether_weighting_changes_average_precision(full):
    assert sign_test(full("08.ap_gain").values) >= SIGNIFICANT
