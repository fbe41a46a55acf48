"""What lesson 05 must reach, asserted on its measured bands."""

from itertools import pairwise


def test_the_chosen_recipe_reads_at_least_984_of_1000_test_digits(full):
    assert full("05.test_accuracy").median >= 0.984


def test_hidden_layers_beat_none_and_adam_beats_both_at_equal_epochs_in_every_seed(full):
    assert full("05.order").low == 1


def test_the_ranges_of_the_five_networks_do_not_overlap(full):
    order = map(full, ("05.none", "05.hidden_dropout", "05.hidden", "05.hidden_larger_step", "05.hidden_adam"))
    assert all(worse.high < better.low for worse, better in pairwise(order))


def test_within_few_epochs_dropout_costs_and_label_smoothing_gains_in_every_seed(full):
    assert full("05.recipe_dropout_gain").high < 0 < full("05.recipe_smoothing_gain").low
