"""What lesson 05 must reach, asserted on its measured bands."""


def test_the_chosen_recipe_reads_at_least_984_of_1000_test_digits(full):
    assert full("05.test_accuracy").median >= 0.984


def test_hidden_layers_beat_none_and_adam_beats_both_at_equal_epochs_in_every_seed(full):
    assert full("05.order").low == 1


def test_within_few_epochs_dropout_costs_and_label_smoothing_gains_in_every_seed(full):
    assert full("05.recipe_dropout_gain").high < 0 < full("05.recipe_smoothing_gain").low
