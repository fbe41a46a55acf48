"""What lesson 13 must show, asserted on its measured bands: averaging helps where training is noisy, and only there."""


def test_the_weight_average_gains_at_least_a_point_in_the_noisy_regime_in_every_study(full):
    assert full("13.noisy_gain").low >= 1


def test_it_wins_in_at_least_eight_of_ten_runs_of_the_noisy_regime_in_every_study(full):
    assert full("13.noisy_wins").low >= 8


def test_it_changes_less_than_half_a_point_in_the_converged_regime(full):
    assert full("13.converged_gain").low > -0.5
    assert full("13.converged_gain").high < 0.5


def test_averaging_the_weights_of_networks_trained_apart_ruins_them(full):
    assert full("13.weights_apart").high < 0.55


def test_an_ensemble_of_noisy_networks_gains_at_least_a_point_and_one_of_converged_networks_does_not(full):
    assert full("13.noisy_ensemble").low >= 1
    assert full("13.converged_ensemble").high < 0.5
