"""The figures of lesson 09, read out from their alt texts as scikit-learn and SciPy count."""

import numpy as np
import pytest
from scipy.stats import beta
from sklearn.metrics import precision_score, recall_score

from course.evidence import Interval
from course.topics import imbalance


@pytest.fixture
def patients():
    rng = np.random.default_rng(0)
    y = (rng.random(300) < 0.2).astype(int)
    return y, 0.3 * y + 0.6 * rng.random(300)


def test_the_sketch_counts_what_it_shows(capsys):
    imbalance.alarms()
    said = capsys.readouterr().out
    assert "one who is ill and missed" in said
    assert "3 of 4" in said
    assert "3 of 5" in said


def test_the_points_beside_the_curve_are_recall_and_precision_at_their_thresholds(patients, capsys):
    y, plain = patients
    weighted = np.sqrt(plain)
    imbalance.precision_recall(y, {"unit": (plain, weighted)}, moved=0.2, title="A title")
    said = capsys.readouterr().out
    for label, alarm in {
        "unweighted, at 0.5": plain > 0.5,
        "unweighted, at 0.200": plain > 0.2,
        "weighted, at 0.5": weighted > 0.5,
    }.items():
        scores = f"recall {recall_score(y, alarm):.3f}, precision {precision_score(y, alarm):.3f}."
        assert f"unit, {label}: {scores}" in said


def test_the_precision_of_a_model_that_alarms_nobody_is_not_drawn(patients, capsys):
    y, plain = patients
    imbalance.precision_recall(y, {"unit": (plain, plain / 2)}, moved=0.2, title="A title")
    assert "weighted, at 0.5: recall 0.000, precision nan." in capsys.readouterr().out


def test_an_interval_is_said_to_leave_out_0_or_to_reach_over_it(capsys):
    found = {"one": (0.2, Interval(0.1, 0.3)), "other": (0.1, Interval(-0.1, 0.3))}
    imbalance.intervals(found, title="A title", label="difference (share)")
    said = capsys.readouterr().out
    assert "one: 0.200, 0.100 to 0.300, which leaves out 0." in said
    assert "other: 0.100, -0.100 to 0.300, which reaches over 0." in said


def test_patients_of_like_risk_are_counted_together_with_the_interval_of_clopper_and_pearson():
    risk = np.repeat([0.05, 0.55, 0.95, 1.0], [10, 4, 3, 7])  # the tenth at .5 is too small
    y = np.concatenate([np.zeros(9), [1], np.ones(4), np.ones(8), np.zeros(2)]).astype(int)
    predicted, observed, low, high = imbalance._tenths(y, risk)
    np.testing.assert_allclose(predicted, [0.05, 9.85 / 10])
    np.testing.assert_allclose(observed, [0.1, 0.8])
    np.testing.assert_allclose(low, [beta.ppf(0.005, k, 11 - k) for k in (1, 8)])
    np.testing.assert_allclose(high, [beta.ppf(0.995, k + 1, 10 - k) for k in (1, 8)])


def test_risks_are_taken_together_by_tenths():
    risk = np.repeat([0.29, 0.31, 0.39, 0.41], 5)
    predicted, observed, *_ = imbalance._tenths(np.ones(20), risk)
    assert predicted == pytest.approx([0.29, 0.35, 0.41])
    assert observed.tolist() == [1, 1, 1]


def test_a_panel_without_five_patients_in_any_tenth_says_so(capsys):
    imbalance.reliability([0, 1, 0, 1], {"a": [0.1, 0.2, 0.3, 0.9]}, title="T")
    assert capsys.readouterr().out == "T. a: no tenth has five patients.\n"
