"""What lesson 09 says of all its deals together, and its average precision by scikit-learn's."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from course.authoring.source import read


@pytest.mark.parametrize("lead", ["f1_lead", "ranking_lead"])
def test_the_patients_cannot_tell_in_most_deals_which_model_is_better(lead, full):
    low, high = np.array(full(f"09.{lead}_low").values), np.array(full(f"09.{lead}_high").values)
    assert np.mean((low < 0) & (high > 0)) >= 0.8


def test_the_moved_threshold_is_further_than_three_hundredths_of_f1_from_the_weights_in_some_deals(
    full,
):
    assert full("09.f1_moved_gain").low < -0.03


def test_at_its_best_epoch_the_trusted_training_gains_less_than_two_points_with_some_seeds(full):
    assert full("09.trust_gain_at_best").low < 2


def test_the_average_precision_of_the_lesson_is_scikit_learn_s():
    names = {"np": np}
    (cell,) = [
        cell.source
        for cell in read("09_imbalance").cells
        if "def average_precision(" in cell.source
    ]
    exec(cell, names)
    rng = np.random.default_rng(4)
    for positives in (1, 7, 60):
        y = rng.permutation(np.arange(100) < positives).astype(int)
        probability = rng.random(100)
        assert names["average_precision"](y, probability) == pytest.approx(
            average_precision_score(y, probability)
        )
