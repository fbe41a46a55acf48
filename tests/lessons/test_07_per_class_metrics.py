"""What lesson 07 must reach, asserted on its measured bands."""


def test_the_streamed_figures_equal_those_of_scikit_learn_on_training_and_validation_images(full):
    assert full("07.difference_train").high <= 1e-6
    assert full("07.difference_validation").high <= 1e-6


def test_the_old_override_logs_the_mean_prediction_as_loss_in_every_seed(full):
    old, right = full("07.old_loss"), full("07.right_loss")
    assert round(old.low, 4) == round(old.high, 4) == 0.1
    assert right.low > 0.3


def test_the_accuracy_hides_the_worst_class_after_one_epoch_in_every_seed(full):
    assert full("07.first_accuracy").low - full("07.first_worst_recall").high > 0.1


def test_weights_buy_recall_with_precision_and_gain_less_than_the_5_points_asked_for(full):
    assert full("07.gain_shirt_precision").median < 0 < full("07.gain_shirt_recall").median
    assert full("07.gain_worst_f1").high < 5
