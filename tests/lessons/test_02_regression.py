"""What lesson 02 must reach, asserted on its measured bands."""


def test_keras_finds_the_least_squares_plane_within_1e_2(full):
    assert full("02.plane_distance").high < 1e-2
    assert full("02.log_difference").high <= 1e-4


def test_layers_without_activation_end_at_the_line_and_relu_leaves_it(full):
    assert full("02.no_activation_from_line").high < 0.3 < full("02.relu_from_line").low


def test_the_network_beats_linear_regression_and_comes_within_ten_percent_of_boosting_on_the_cars(full):
    assert full("02.rmse_network").high < 3.38
    assert full("02.rmse_network").high < full("02.rmse_line").low
    assert full("02.rmse_network").high < 1.1 * 2.71
    assert full("02.network_minus_boosting").high < 0.1 * full("02.rmse_boosting").low


def test_a_logarithm_brings_a_part_of_what_the_network_gains_and_in_most_runs_either_rival_wins_a_fold(full):
    assert full("02.rmse_network").high < full("02.rmse_log_line").low
    assert full("02.rmse_log_line").high < full("02.rmse_line").low
    assert full("02.least_gap").high < 0 < full("02.greatest_gap").median


def test_dealing_whole_mixtures_gives_the_larger_error_to_models_that_can_remember(full):
    for model in ("boosting", "network"):
        assert full(f"02.{model}_by_mixture").low > full(f"02.{model}_by_row").high
    assert full("02.line_by_mixture").high < 1.05 * full("02.line_by_row").low
