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
