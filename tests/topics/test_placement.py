"""Placements against all that there are."""

from graphlib import CycleError
from itertools import permutations, product
from types import SimpleNamespace

import numpy as np
import pytest

from course.topics import placement
from course.topics.placement import place


def exhaustive(costs: dict[str, float], edges: dict[tuple[str, str], float], devices: int) -> float:
    """The earliest end over all assignments and all orders."""
    best = np.inf
    orders = [o for o in permutations(costs) if all(o.index(a) < o.index(b) for a, b in edges)]
    for chosen, order in product(product(range(devices), repeat=len(costs)), orders):
        device = dict(zip(costs, chosen, strict=True))
        free = [0.0] * devices
        end = dict.fromkeys(costs, 0.0)
        for task in order:
            ready = [
                end[a] + delay * (device[a] != device[task])
                for (a, b), delay in edges.items()
                if b == task
            ]
            end[task] = free[device[task]] = max([free[device[task]], *ready]) + costs[task]
        best = min(best, max(end.values()))
    return best


@pytest.mark.parametrize("devices", [1, 2, 3])
@pytest.mark.parametrize("case", range(6))
def test_a_placement_ends_as_early_as_the_best_of_all(case, devices):
    rng = np.random.default_rng(10 * case + devices)
    names = "abcde"
    costs = {name: float(rng.uniform(1, 5)) for name in names}
    pairs = [(a, b) for a, b in product(names, names) if a < b and rng.random() < 0.4]
    edges = {pair: float(rng.choice([0, 0.3, 3])) for pair in pairs}
    found = place(costs, edges, devices)
    assert found.end == pytest.approx(exhaustive(costs, edges, devices))
    assert set(found.device.values()) <= set(range(devices))
    for (a, b), delay in edges.items():
        assert found.begin[b] >= found.begin[a] + costs[a] + delay * (
            found.device[a] != found.device[b]
        )
    for a, b in permutations(names, 2):
        if found.device[a] == found.device[b] and found.begin[a] < found.begin[b]:
            assert found.begin[b] >= found.begin[a] + costs[a]


def test_tasks_that_need_each_other_in_a_circle_have_no_placement():
    with pytest.raises(CycleError, match=r"cycle.*'a', 'b'"):
        place({"a": 0.0, "b": 0.0}, {("a", "b"): 0.0, ("b", "a"): 0.0}, 2)


@pytest.mark.parametrize("delay", [0.0, 1e-9, 2.5, 5.0, 1e9])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_placements_do_not_depend_on_the_unit_and_bear_any_delay(delay, unit):
    costs = {"a": 3.0 * unit, "b": 2.0 * unit, "c": 2.0 * unit, "sum": 0.0}
    found = place(costs, {(name, "sum"): delay * unit for name in "abc"}, 2)
    best = min(
        7, max(4, 3 + delay), max(5, 2 + delay)
    )  # all on one device, a on the other, b or c on the other
    assert found.end / unit == pytest.approx(best)
    assert place({"a": 0.0, "b": 0.0, "c": 5.0}, {("a", "b"): 1e9}, 2).end == 5


def test_tasks_that_cost_nothing_are_placed_too():
    placed = place({"a": 0.0, "b": 0.0}, {("a", "b"): 1.0}, 2)
    assert (placed.end, placed.begin) == (0.0, {"a": 0.0, "b": 0.0})
    assert placed.device["a"] == placed.device["b"]


def test_the_graph_of_a_training_step_is_placed_as_well_as_the_best_of_all_64_ways():
    """Five branches whose passes stay together, on two workers, and the sum on either."""
    rng = np.random.default_rng(5)
    forward, backward = rng.uniform(1, 3, 5), rng.uniform(1, 5, 5)
    delay, total = 0.7, 0.4
    costs = {"sum": total}
    edges = {}
    for number in range(5):
        costs[f"forward {number}"] = float(forward[number])
        costs[f"backward {number}"] = float(backward[number])
        edges[f"forward {number}", "sum"] = delay
        edges["sum", f"backward {number}"] = delay
        edges[f"forward {number}", f"backward {number}"] = 1000.0
    ends = []
    for split in product([False, True], repeat=5):
        away = np.array(split)  # from the worker with the sum: by symmetry that is one worker
        late = delay * away.any()
        before = max(forward[~away].sum(), forward[away].sum() + late)
        after = max(backward[~away].sum(), backward[away].sum() + late)
        ends.append(before + total + after)
    plan = place(costs, edges, devices=2)
    assert plan.end == pytest.approx(min(ends))
    for number in range(5):
        assert plan.device[f"forward {number}"] == plan.device[f"backward {number}"]


def test_what_the_solver_could_not_place_is_refused_with_its_reason(monkeypatch):
    gave_up = SimpleNamespace(success=False, message="time limit reached")
    monkeypatch.setattr(placement, "milp", lambda *_, **__: gave_up)
    with pytest.raises(
        RuntimeError, match="no placement of 2 tasks on 3 devices: time limit reached"
    ):
        place({"a": 1.0, "b": 1.0}, {("a", "b"): 0.5}, 3)
