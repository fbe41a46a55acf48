"""What seeds and rows bear, against hand-worked cases, SciPy's quantiles and simulation."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from course import claims
from course.evidence import Interval, has_margin, paired_bootstrap, prediction_interval, sign_test
from course.runs import judge


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1] * 10, 2 / 2**10),
        ([1] * 9 + [-1], 2 * 11 / 2**10),
        ([1, -1], 1.0),
        ([0, 0, 3], 1.0),
        ([0.0], 1.0),
        ([-2] * 8, 2 / 2**8),
    ],
)
def test_the_sign_test_counts_coins_by_hand(differences, p):
    assert sign_test(differences) == pytest.approx(p)


def test_the_sign_test_cries_wolf_as_often_as_it_says():
    rng = np.random.default_rng(0)
    alarms = np.mean([sign_test(rng.normal(size=30)) < 0.05 for _ in range(2000)])
    exact = 2 * stats.binom.cdf(9, 30, 0.5)  # the largest p below .05 that 30 coins can have
    assert alarms == pytest.approx(exact, abs=3 * np.sqrt(exact / 2000))


@pytest.mark.filterwarnings("ignore")  # NumPy and SciPy warn of the same
def test_what_is_not_a_number_is_no_evidence():
    with pytest.raises(ValueError, match="1 of 3 differences are not numbers"):
        sign_test([1.0, float("nan"), -1.0])
    with pytest.raises(ValueError, match=r"not a number in \d+ of 2000 resamples"):
        paired_bootstrap(lambda of, values: values[of == 1].mean(), [0, 0, 1], [1.0, 2.0, 3.0])


def test_the_paired_bootstrap_of_a_mean_difference_agrees_with_the_t_interval():
    rng = np.random.default_rng(1)
    first = rng.normal(size=400)
    second = first + rng.normal(0.2, 0.5, size=400)
    found = paired_bootstrap(
        lambda a, b: np.mean(b - a), first, second, confidence=0.95, resamples=4000
    )
    difference = second - first
    expected = stats.t.interval(0.95, 399, loc=difference.mean(), scale=stats.sem(difference))
    assert found == pytest.approx(expected, abs=0.01)


def test_the_paired_bootstrap_draws_whole_rows_and_repeats():
    rows = np.arange(50)
    same = paired_bootstrap(lambda a, b: float(np.all(a == b)), rows, rows)
    assert same == (1.0, 1.0)
    once = paired_bootstrap(lambda a: np.mean(a), rows, seed=3)
    assert once == paired_bootstrap(lambda a: np.mean(a), rows, seed=3)
    assert once != paired_bootstrap(lambda a: np.mean(a), rows, seed=4)


def test_the_paired_bootstrap_draws_2000_times_for_99_percent_unless_told_otherwise():
    rows = np.random.default_rng(5).normal(size=40)
    found = paired_bootstrap(np.mean, rows)
    assert found == paired_bootstrap(np.mean, rows, confidence=0.99, resamples=2000, seed=0)
    narrower = paired_bootstrap(np.mean, rows, confidence=0.95)
    assert found.low < narrower.low < narrower.high < found.high


def test_both_ends_belong_to_an_interval():
    interval = Interval(1.0, 2.0)
    assert [value in interval for value in (0.99, 1.0, 1.5, 2.0, 2.01)] == [0, 1, 1, 1, 0]


def test_a_prediction_interval_holds_the_next_value_as_often_as_it_says():
    rng = np.random.default_rng(2)
    error = 0.1
    missed = np.mean(
        [rng.normal() not in prediction_interval(rng.normal(size=10), error) for _ in range(4000)]
    )
    assert missed == pytest.approx(error, abs=3 * np.sqrt(error * (1 - error) / 4000))


def test_fewer_degrees_of_freedom_widen_a_prediction_interval_as_the_table_says():
    values = [-1.0, 0.0, 1.0, 0.5, -0.5]
    low, high = prediction_interval(values, 0.05, freedom=2)
    reach = 4.302653 * np.std(values, ddof=1) * np.sqrt(1.2)  # t(.975) with 2, from a table
    assert (low, high) == pytest.approx((-reach, reach), rel=1e-6)


def test_a_prediction_interval_needs_two_values():
    with pytest.raises(ValueError, match="1 values: a prediction interval needs at least 2"):
        prediction_interval([1.0], 0.01)


def test_the_courses_own_values_never_leave_the_interval_of_the_other_seeds():
    """Each measured value against the interval that the other seeds give it, as wide as a run is judged by."""
    measured = [
        claims.Band(entry[mode]["values"], entry["digits"])
        for entry in claims.stored().values()
        for mode in ("full", "fast")
        if mode in entry and "values" in entry[mode] and not entry.get("timed")
    ]
    error = judge.FALSE_ALARMS / (len(measured) / 2)
    tried = 0
    left = 0
    for band in measured:
        if not judge.tells_of_others(band.values):
            continue
        for seed, value in enumerate(band.values):
            others = replace(band, values=[*band.values[:seed], *band.values[seed + 1 :]])
            tried += 1
            left += value not in judge.one_more(others, error)
    print(f"{left} of {tried} values outside the interval of the other seeds")
    assert tried > 3_000
    assert left == 0


@pytest.mark.parametrize("value", [0.1, 0.9, 0.95])
def test_values_that_are_all_equal_have_a_margin_inside_a_limit_and_none_on_it(value):
    values = [value] * 30
    assert prediction_interval(values, 0.02) == (value, value)
    assert has_margin(values, at_least=value - 0.01, at_most=value + 0.01)
    assert not has_margin(values, at_least=value)
    assert not has_margin(values, at_most=value)


def test_a_margin_is_the_one_sided_t_interval_by_hand():
    values = [0.9, 1.0, 1.1]
    reach = 6.964557 * 0.1 * np.sqrt(4 / 3)  # t(.99) with two degrees of freedom, from a table
    assert has_margin(values, at_least=1 - reach - 1e-6)
    assert not has_margin(values, at_least=1 - reach + 1e-6)
    assert has_margin(values, at_most=1 + reach + 1e-6)
    assert not has_margin(values, at_least=0, at_most=1 + reach - 1e-6)
