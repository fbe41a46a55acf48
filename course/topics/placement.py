"""Lesson 15: tasks placed on devices such that the last ends as early as any, by integer programming.

Unknown are the end, and when each task begins; then, 0 or 1: whether a task is on a device, whether an edge is cut,
whether the first of two tasks comes first. Each constraint is a rule `sum(factor * unknown) >= least`. Costs and
delays are in units of all costs together, the time that one device needs, since the solver wants numbers near 1.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

Costs = Mapping[str, float]
Edges = Mapping[tuple[str, str], float]
HORIZON = 1  # all tasks on one device; no placement that is worth its while takes longer


@dataclass(frozen=True)
class Placement:
    """Where each task runs, when it begins, and when the last one ends (in the unit of the costs)."""

    device: dict[str, int]
    begin: dict[str, float]
    end: float


class Rule(NamedTuple):
    """The sum of each unknown times its factor is at least `least`."""

    least: float
    factors: dict[Any, float]


def place(costs: Costs, edges: Edges, devices: int) -> Placement:
    """Return a placement of tasks on equal devices that ends as early as any, by integer programming.

    `costs`: time of each task; `edges[a, b]`: b needs the result of a, which takes that time to reach another device.
    A device does one task at a time. Raises CycleError, a ValueError, for tasks that need each other in a circle,
    RuntimeError when the solver finds no placement within a minute.
    """
    needs = {task: {a for a, b in edges if b == task} for task in costs}
    TopologicalSorter(needs).prepare()
    total = sum(costs.values()) or 1.0
    shares = {task: cost / total for task, cost in costs.items()}
    # A delay of twice the total is never worth its while, and a longer one counts as no more.
    delays = {edge: min(delay / total, 2) for edge, delay in edges.items()}
    solution = _solve(shares, delays, devices)
    # The solver's times are good to a millionth of the total only: it decides on each task's device, and the order.
    order = sorted(costs, key=lambda task: solution[task])
    device = {task: d for task, d in product(costs, range(devices)) if solution[task, d] > 0.5}
    begin: dict[str, float] = {}
    free = [0.0] * devices
    while order:
        task = next(task for task in order if begin.keys() >= needs[task])
        arrivals = [_arrival(a, task, begin[a] + costs[a], edges, device) for a in needs[task]]
        begin[task] = max([free[device[task]], *arrivals])
        free[device[task]] = begin[task] + costs[task]
        order.remove(task)
    return Placement(device, begin, max(free))


def _arrival(source: str, task: str, done: float, edges: Edges, device: Mapping[str, int]) -> float:
    """When the result of a task that is done reaches another."""
    delay = edges[source, task] if device[source] != device[task] else 0.0
    return done + delay


def _solve(costs: Costs, delays: Edges, devices: int) -> dict[Any, float]:
    """Return the value of each unknown."""
    on = list(product(costs, range(devices)))
    cuts = [("cut", edge) for edge in delays]
    unknowns = ["end", *costs, *on, *cuts, *combinations(costs, 2)]
    rules = [
        *ends_after_every_task(costs),
        *on_one_device(costs, devices),
        *ends_after_every_device(costs, devices),
        *after_what_it_needs(costs, delays),
        *cut_when_apart(delays, devices),
        *one_after_the_other(costs, devices),
    ]
    matrix = _matrix(rules, unknowns)
    is_time = np.arange(len(unknowns)) <= len(costs)
    solution = milp(
        np.eye(len(unknowns))[0],
        constraints=LinearConstraint(matrix, [rule.least for rule in rules], np.inf),
        integrality=~is_time,
        bounds=Bounds(0, np.where(is_time, np.inf, 1)),
        options={"time_limit": 60, "mip_rel_gap": 0},
    )
    if not solution.success:
        raise RuntimeError(
            f"no placement of {len(costs)} tasks on {devices} devices: {solution.message}"
        )
    return dict(zip(unknowns, solution.x, strict=True))


def _matrix(rules: Collection[Rule], unknowns: Iterable[Any]) -> NDArray:
    """Return the factors, a row a rule and a column an unknown."""
    column = {unknown: number for number, unknown in enumerate(unknowns)}
    matrix = np.zeros((len(rules), len(column)))
    for row, rule in zip(matrix, rules, strict=True):
        for unknown, factor in rule.factors.items():
            row[column[unknown]] = factor
    return matrix


def ends_after_every_task(costs: Costs) -> Iterator[Rule]:
    """Let the end come when every task is done."""
    for task, cost in costs.items():
        yield Rule(cost, {"end": 1, task: -1})


def on_one_device(costs: Costs, devices: int) -> Iterator[Rule]:
    """Put every task on at least and at most one device."""
    for task in costs:
        yield Rule(1, {(task, d): 1 for d in range(devices)})
        yield Rule(-1, {(task, d): -1 for d in range(devices)})


def ends_after_every_device(costs: Costs, devices: int) -> Iterator[Rule]:
    """Let the end come after all work of a device: follows from the rest, and spares the solver most of its search."""
    for d in range(devices):
        work = {(task, d): -cost for task, cost in costs.items()}
        yield Rule(0, {"end": 1, **work})


def after_what_it_needs(costs: Costs, delays: Edges) -> Iterator[Rule]:
    """Begin a task after those that it needs are done and, where the edge is cut, their results have arrived."""
    for (a, b), delay in delays.items():
        yield Rule(costs[a], {b: 1, a: -1, ("cut", (a, b)): -delay})


def cut_when_apart(delays: Edges, devices: int) -> Iterator[Rule]:
    """Cut an edge whose first task is on a device and whose second is not."""
    for (a, b), d in product(delays, range(devices)):
        yield Rule(0, {("cut", (a, b)): 1, (a, d): -1, (b, d): 1})


def one_after_the_other(costs: Costs, devices: int) -> Iterator[Rule]:
    """Let two tasks on one device not overlap: a rule that does not apply is slack by the horizon."""
    for (a, b), d in product(combinations(costs, 2), range(devices)):
        both_here = {(a, d): -HORIZON, (b, d): -HORIZON}
        yield Rule(costs[a] - 3 * HORIZON, {b: 1, a: -1, (a, b): -HORIZON, **both_here})
        yield Rule(costs[b] - 2 * HORIZON, {a: 1, b: -1, (a, b): HORIZON, **both_here})
