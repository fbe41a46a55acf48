"""What the lessons must reach, asserted on the measured bands: every seed, in full mode, not the median alone."""

from course.claims import bands


def worst(name: str) -> float:
    """The greatest result of any seed."""
    return bands()[name]["full"]["high"]


def test_01_a_gradient_norm_stop_ends_within_1e_4_of_least_squares():
    assert worst("01.distance_gradient_rule") <= 1e-4
    assert worst("01.distance_yacht") <= 1e-4


def test_01_a_smaller_rate_stops_farther_from_the_solution_when_the_change_is_watched():
    assert bands()["01.distance_change_rule_slow"]["full"]["low"] > 5 * worst("01.distance_change_rule")


def test_01_the_predicted_stability_limit_is_right_to_one_percent():
    assert worst("01.limit_off") < 1


def test_01_divergence_is_caught_within_50_iterations():
    assert worst("01.iterations_until_caught") < 50


def test_03_the_network_is_at_or_above_logistic_regression_on_the_penguins():
    assert bands()["03.penguins_network"]["full"]["low"] >= 0.983
    assert bands()["03.penguins_margin"]["full"]["low"] >= 0


def test_03_three_spellings_of_a_model_have_one_loss():
    assert worst("03.spellings_difference") == 0


def test_03_a_sorted_split_validates_on_unseen_classes_and_a_stratified_one_does_not():
    assert bands()["03.sorted_training"]["full"]["low"] > 0.8
    assert worst("03.sorted_validation") < 0.01
    assert bands()["03.stratified_validation"]["full"]["low"] > 0.8
