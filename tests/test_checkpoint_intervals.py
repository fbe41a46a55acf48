"""Intervals against SciPy's minimum, a simulation, a second simulation written another way, and plans by hand."""

import math
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from course.checkpoint_intervals import best_interval, expected_share_lost, plan, simulated_share_lost

LARGE: dict[str, Any] = {
    "parameters": 1e9,
    "bytes_per_parameter": 16,
    "nodes": 10,
    "bandwidth": 1e9,
    "node_mtbf": 500_000.0,
    "restart": 100.0,
    "keep": 3,
}


def test_the_best_interval_is_young_s_square_root():
    assert best_interval(cost=2, mtbf=100) == 20


@pytest.mark.parametrize("cost", [0.001, 0.01, 0.1])
def test_with_daly_s_correction_the_best_interval_is_where_the_expected_share_is_least(cost):
    least = minimize_scalar(lambda w: expected_share_lost(w, cost, 1.0), bounds=(1e-3, 2), method="bounded").x
    correction = 1 + math.sqrt(cost / 2) / 3 + cost / 18  # Daly 2006, for a cost below twice the mtbf
    assert best_interval(cost, 1.0) * correction - cost == pytest.approx(least, rel=0.005)


@pytest.mark.parametrize("cost", [30.0, 120.0, 600.0])
def test_the_best_interval_is_within_a_tenth_of_the_simulated_optimum(cost):
    best = best_interval(cost, 86_400)
    intervals = best * np.geomspace(0.5, 2, 57)
    lost = simulated_share_lost(intervals, cost, 86_400, failures=1_000_000, seed=3)
    assert intervals[np.argmin(lost)] == pytest.approx(best, rel=0.1)


def test_simulated_and_expected_share_agree():
    intervals = np.array([500.0, 3000.0, 20_000.0])
    simulated = simulated_share_lost(intervals, 60, 10_000, failures=1_000_000, seed=1)
    assert simulated == pytest.approx([expected_share_lost(each, 60, 10_000) for each in intervals], abs=0.002)


def test_the_simulation_agrees_with_one_that_goes_from_event_to_event():
    rng = np.random.default_rng(8)
    failures = np.cumsum(rng.exponential(50, 2000))
    clock, kept, next_failure = 0.0, 0.0, 0
    while next_failure < len(failures):
        if clock + 10 + 1 <= failures[next_failure]:
            clock, kept = clock + 10 + 1, kept + 10
        else:
            clock, next_failure = failures[next_failure], next_failure + 1
    counted = simulated_share_lost(10, 1, 50, failures=2000, seed=8)
    assert counted == pytest.approx(1 - kept / failures[-1])


def test_restarts_are_repeated_until_one_is_not_struck():
    rng = np.random.default_rng(5)
    between = rng.exponential(100, 400_000)
    kept = 20 * np.floor(np.maximum(between - 30, 0) / 22).sum()
    assert expected_share_lost(20, 2, 100, restart=30) == pytest.approx(1 - kept / between.sum(), abs=0.002)


def test_a_plan_by_hand():
    made = plan(**LARGE)
    assert made.state == 16e9  # 1e9 parameters of 16 bytes
    assert made.cost == 16  # at 1e9 bytes a second
    assert made.mtbf == 50_000  # ten nodes, any of which stops the run
    assert made.interval == pytest.approx(1264.911)  # the root of 1,600,000
    assert made.storage == 64e9  # three checkpoints, and one being written
    # To first order: 16 of every 1265 s for saving, half an interval and a restart for every 50,000 s.
    assert made.share_lost == pytest.approx(16 / 1264.911 + (1264.911 / 2 + 100) / 50_000, rel=0.02)


def test_a_plan_for_one_node_by_hand():
    made = plan(**LARGE | {"nodes": 1, "parameters": 125e6, "bytes_per_parameter": 12, "bandwidth": 1e8, "keep": 1})
    assert (made.state, made.cost, made.mtbf, made.storage) == (1.5e9, 15, 500_000, 3e9)
    assert made.interval == pytest.approx(3872.983)  # the root of 15,000,000


def test_twice_the_nodes_or_half_the_bandwidth_shorten_or_lengthen_the_interval_by_root_two():
    before = plan(**LARGE).interval
    assert plan(**LARGE | {"nodes": 20}).interval == pytest.approx(before / math.sqrt(2))
    assert plan(**LARGE | {"bandwidth": 5e8}).interval == pytest.approx(before * math.sqrt(2))


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_what_is_not_a_number_above_zero_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} = {value}: must be a number above 0$"):
        plan(**LARGE | {name: value})


def test_storage_too_slow_for_its_nodes_is_refused_with_the_bandwidth_that_would_do():
    with pytest.raises(ValueError, match="bandwidth = 100000: must be at least 640000"):
        plan(**LARGE | {"bandwidth": 1e5})
    assert plan(**LARGE | {"bandwidth": 640_000}).interval == pytest.approx(50_000)
