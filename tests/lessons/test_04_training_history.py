"""What lesson 04 must reach, asserted on its measured bands."""


def test_restored_weights_give_exactly_the_least_validation_loss_in_every_run(full):
    assert full("04.restored_exactly").low == 1


def test_over_fitting_is_detected_in_every_run_without_remedy_and_in_none_with(full):
    assert full("04.detected_plain").low == 1
    assert full("04.detected_dropout").high == 0


def test_the_logged_training_loss_lies_above_the_one_measured_again_and_with_dropout_it_stays_there(full):
    assert full("04.excess_first_plain").low > 0.1
    assert full("04.excess_first_dropout").low > 0.1
    assert full("04.late_logged_over_again").low > 1.2


def test_single_runs_disagree_about_the_accuracy_and_agree_about_the_loss(full):
    # Medians, "with most seeds": with one no pair at all speaks for the remedies, with another as many as against them.
    assert full("04.pairs_better").median > 0
    assert full("04.pairs_worse").median > full("04.pairs_better").high
    assert full("04.pairs_loss_lower").low == 1
