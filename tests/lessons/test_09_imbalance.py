"""What lesson 09 must reach, asserted on its measured bands."""


def test_class_weights_and_the_same_sample_weights_train_the_same_model(full):
    assert full("09.class_and_row_difference").high <= 1e-6


def test_ten_times_the_weights_are_ten_times_the_rate_with_sgd_but_hardly_matter_with_adam(full):
    assert full("09.sgd_ten_or_rate").high <= 1e-5
    assert full("09.adam_ten").high <= 0.1 * full("09.sgd_ten").low


def test_the_copied_recall_is_far_too_low_in_small_batches(full):
    assert full("09.copied_recall_1").high <= 0.06
    assert full("09.copied_recall_8").high <= full("09.true_recall").low - 0.4


def test_balanced_weights_raise_recall_by_at_least_15_points_in_every_seed(full):
    assert full("09.recall_gain").low >= 0.15


def test_the_unweighted_model_with_a_chosen_threshold_keeps_up_in_f1_in_every_seed(full):
    assert full("09.f1_threshold_gain").low >= -0.03
    assert -0.03 <= full("09.f1_chosen_gain").median <= 0.03


def test_weights_spoil_the_brier_score_and_the_correction_restores_most_of_it_in_every_seed(full):
    assert full("09.brier_damage").low > 0.005
    assert full("09.brier_restored").low >= 80


def test_nineteen_rings_stay_hidden_from_weights_and_thresholds_alike(full):
    assert full("09.shells_precision_weighted").high <= 0.05
    assert full("09.shells_best_f1").high <= 0.2


def test_trusting_a_careless_half_less_gains_at_least_two_points_in_every_seed(full):
    assert full("09.trust_gain").low >= 2


def test_weights_seem_to_improve_the_ranking_where_both_fits_are_stopped_early_and_spoil_it_at_the_optimum(full):
    assert full("09.ranking_stopped_gain").median < 0 < full("09.ranking_optimum_gain").low
