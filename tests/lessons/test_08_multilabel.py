"""What lesson 08 must reach, asserted on its measured bands."""


def test_all_figures_equal_those_of_scikit_learn_in_every_seed(full):
    assert full("08.difference").high < 1  # in millionths


def test_chosen_thresholds_gain_three_points_of_exact_match_after_weighting_in_every_seed(full):
    assert full("08.test_gain").low >= 3


def test_a_network_that_finds_nothing_has_a_binary_accuracy_near_eight_tenths(full):
    assert 0.75 < full("08.nothing_binary").low <= full("08.nothing_binary").high < 0.85


def test_the_string_accuracy_of_that_network_is_the_share_of_canvases_with_a_0(full):
    assert full("08.accuracy_less_share_of_0").high < 1e-6


def test_class_weight_leaves_most_nines_without_their_weight(full):
    assert full("08.unheard_nines").low > 0.5


def test_chosen_thresholds_gain_more_after_weighting_than_without_in_every_seed(full):
    assert full("08.test_gain").low > full("08.test_gain_plain").high


def test_weighting_gains_no_three_points_over_the_plain_network_in_any_seed(full):
    assert full("08.test_behind").low > -3


def test_the_ranges_of_average_precision_with_and_without_weights_overlap(full):
    plain, weighted = full("08.ap_plain"), full("08.ap_weighted")
    assert plain.low <= weighted.high
    assert weighted.low <= plain.high
