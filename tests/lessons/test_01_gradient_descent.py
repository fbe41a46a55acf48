"""What lesson 01 must reach, asserted on its measured bands."""


def test_a_gradient_norm_stop_ends_within_1e_4_of_least_squares(full):
    assert full("01.distance_gradient_rule").high <= 1e-4
    assert full("01.distance_yacht").high <= 1e-4


def test_a_smaller_rate_stops_farther_from_the_solution_when_the_change_is_watched(full):
    assert full("01.distance_change_rule_slow").low > 5 * full("01.distance_change_rule").high


def test_the_predicted_stability_limit_is_right_to_one_percent(full):
    assert full("01.limit_off").high < 1


def test_divergence_is_caught_within_50_iterations(full):
    assert full("01.iterations_until_caught").high < 50
