"""What lesson 05 says of several claims together, asserted seed by seed on the stored values."""

from statistics import median

from course.evidence import SIGNIFICANT, sign_test


def test_the_five_networks_have_the_same_order_with_every_seed(full):
    order = ("05.none", "05.hidden_dropout", "05.hidden", "05.hidden_larger_step", "05.hidden_adam")
    for accuracies in zip(*(full(name).values for name in order), strict=True):
        assert list(accuracies) == sorted(set(accuracies))


def test_within_few_epochs_dropout_costs_and_label_smoothing_gains_beyond_the_chance_of_the_seeds(
    full,
):
    cost, gain = full("05.recipe_dropout_gain").values, full("05.recipe_smoothing_gain").values
    assert median(cost) < 0 < median(gain)
    assert max(sign_test(cost), sign_test(gain)) < SIGNIFICANT
