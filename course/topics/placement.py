"""Lesson 15: tasks placed on devices such that the last ends as early as any, by integer programming."""

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Placement:
    """Where each task runs, when it begins, and when the last one ends (in the unit of the costs)."""

    device: dict[str, int]
    begin: dict[str, float]
    end: float


def place(costs: Mapping[str, float], edges: Mapping[tuple[str, str], float], devices: int) -> Placement:
    """Return a placement of tasks on equal devices that ends as early as any, by integer programming.

    `costs`: time of each task; `edges[a, b]`: b needs the result of a, which takes that time to reach another device.
    A device does one task at a time. Raises CycleError, a ValueError, for tasks that need each other in a circle,
    RuntimeError when the solver finds no placement within a minute.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp  # slow to import, and workers do not need it

    needs = {task: {a for a, b in edges if b == task} for task in costs}
    TopologicalSorter(needs).prepare()
    # In units of all costs together, the time that one device needs: the solver wants numbers near 1. A delay of twice
    # that is never worth its while, and a longer one counts as no more.
    total = sum(costs.values()) or 1.0
    shares, delays = {t: cost / total for t, cost in costs.items()}, {e: min(d / total, 2) for e, d in edges.items()}
    column, matrix, least = _inequalities(shares, delays, devices)
    is_time = np.arange(len(column)) <= len(costs)
    solution = milp(
        np.eye(len(column))[0],
        constraints=LinearConstraint(matrix, least, np.inf),
        integrality=~is_time,
        bounds=Bounds(0, np.where(is_time, np.inf, 1)),
        options={"time_limit": 60, "mip_rel_gap": 0},
    )
    if not solution.success:
        raise RuntimeError(f"no placement of {len(costs)} tasks on {devices} devices: {solution.message}")
    device = {task: d for task, d in product(costs, range(devices)) if solution.x[column[task, d]] > 0.5}
    # The solver's times are good to a millionth of the total only: it decides on each task's device, and the order.
    begin: dict[str, float] = {}
    free, left = [0.0] * devices, sorted(costs, key=lambda task: solution.x[column[task]])
    while left:
        task = next(task for task in left if begin.keys() >= needs[task])
        arrivals = [begin[a] + costs[a] + edges[a, task] * (device[a] != device[task]) for a in needs[task]]
        begin[task] = max([free[device[task]], *arrivals])
        free[device[task]] = begin[task] + costs[task]
        left.remove(task)
    return Placement(device, begin, max(free))


def _inequalities(
    costs: Mapping[str, float], edges: Mapping[tuple[str, str], float], devices: int
) -> tuple[dict[Any, int], NDArray, NDArray]:
    """Return the column of each unknown, and the matrix and least values of `matrix @ unknowns >= least`.

    Unknown are the end and when each task begins; then, 0 or 1: task on device, edge cut, first of a pair first.
    """
    on, pairs = list(product(costs, range(devices))), list(combinations(costs, 2))
    column = {key: i for i, key in enumerate(["end", *costs, *on, *(("cut", edge) for edge in edges), *pairs])}
    horizon = sum(costs.values())  # on one device; no placement that is worth its while takes longer
    rules: list[tuple[float, dict[Any, float]]] = []  # least value, factor of each unknown
    for task, cost in costs.items():
        rules.append((cost, {"end": 1, task: -1}))
        rules += [(sign, {(task, d): sign for d in range(devices)}) for sign in (1, -1)]  # on exactly one device
    for d in range(devices):  # follows from the rest, and spares the solver most of its search
        rules.append((0, {"end": 1} | {(task, d): -cost for task, cost in costs.items()}))
    for (a, b), delay in edges.items():
        rules.append((costs[a], {b: 1, a: -1, ("cut", (a, b)): -delay}))
        rules += [(0, {("cut", (a, b)): 1, (a, d): -1, (b, d): 1}) for d in range(devices)]
    for (a, b), d in product(pairs, range(devices)):  # both on this device: b after a, or a after b
        both = {(a, d): -horizon, (b, d): -horizon}
        rules.append((costs[a] - 3 * horizon, {b: 1, a: -1, (a, b): -horizon} | both))
        rules.append((costs[b] - 2 * horizon, {a: 1, b: -1, (a, b): horizon} | both))
    matrix = np.zeros((len(rules), len(column)))
    for row, (_, factors) in zip(matrix, rules, strict=True):
        row[[column[key] for key in factors]] = list(factors.values())
    return column, matrix, np.array([least for least, _ in rules])
