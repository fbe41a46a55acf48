"""What lesson 03 must reach, asserted on its measured bands."""


def test_the_network_is_at_or_above_logistic_regression_on_the_penguins(full):
    assert full("03.penguins_network").low >= 0.983
    assert full("03.penguins_margin").low >= 0


def test_early_stopping_ends_the_fit_sooner_and_with_the_lower_test_loss_on_every_seed(full):
    assert full("03.best_epoch").low > 1
    assert full("03.epochs_stopped").high < 40
    assert full("03.stopped_loss").high < full("03.whole_loss").low


def test_three_spellings_of_a_model_have_one_loss(full):
    assert full("03.spellings_difference").high == 0


def test_a_sorted_split_validates_on_unseen_classes_and_a_stratified_one_does_not(full):
    assert full("03.sorted_training").low > 0.8
    assert full("03.sorted_validation").high < 0.01
    assert full("03.stratified_validation").low > 0.8
