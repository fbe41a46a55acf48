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


def test_02_keras_finds_the_least_squares_plane_within_1e_2():
    assert worst("02.plane_distance") < 1e-2
    assert worst("02.log_difference") <= 1e-4


def test_02_layers_without_activation_end_at_the_line_and_relu_leaves_it():
    assert worst("02.no_activation_from_line") < 0.3 < bands()["02.relu_from_line"]["full"]["low"]


def test_02_the_network_beats_linear_regression_and_comes_within_ten_percent_of_boosting_on_the_cars():
    assert worst("02.rmse_network") < 3.38
    assert worst("02.rmse_network") < bands()["02.rmse_line"]["full"]["low"]
    assert worst("02.rmse_network") < 1.1 * 2.71
    assert worst("02.network_minus_boosting") < 0.1 * bands()["02.rmse_boosting"]["full"]["low"]


def test_02_dealing_whole_mixtures_gives_the_larger_error_to_models_that_can_remember():
    for model in ("boosting", "network"):
        assert bands()[f"02.{model}_by_mixture"]["full"]["low"] > worst(f"02.{model}_by_row")
    assert worst("02.line_by_mixture") < 1.05 * bands()["02.line_by_row"]["full"]["low"]


def test_05_the_chosen_recipe_reads_at_least_984_of_1000_test_digits():
    assert bands()["05.test_accuracy"]["full"]["median"] >= 0.984


def test_05_hidden_layers_beat_none_and_adam_beats_both_at_equal_epochs_in_every_seed():
    assert bands()["05.order"]["full"]["low"] == 1


def test_05_the_best_network_reaches_984_of_1000_test_digits():
    assert bands()["05.test_accuracy"]["full"]["median"] >= 0.984


def test_05_no_hidden_layer_is_beaten_by_hidden_layers_and_those_by_adam_on_every_seed():
    assert bands()["05.order"]["full"]["low"] == 1
