"""How often to save: the time that saving costs against the work that a failure costs.

The first falls with the interval between saves, the second grows with it, and the square root of Young says where
their sum is least. It is held here against a simulation of failures, and made a plan for large models. Units are
bytes and seconds.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


def best_interval(cost: float, mtbf: float) -> float:
    """Work between two saves that loses least: sqrt(2 * cost * mtbf) (Young 1974, doi:10.1145/361147.361115).

    `cost` is how long a save stops the work, `mtbf` the mean time between failures; good while cost << mtbf.
    """
    above_zero(cost=cost, mtbf=mtbf)
    return math.sqrt(2 * cost * mtbf)


def expected_share_lost(interval: float, cost: float, mtbf: float, restart: float = 0.0) -> float:
    """Share of all time that is not work kept, with failures at a constant rate, which strike restarts too.

    The work kept over the expected time that it takes (Daly 2006, doi:10.1016/j.future.2004.11.016).
    """
    return 1 - interval * math.exp(-restart / mtbf) / (mtbf * math.expm1((interval + cost) / mtbf))


def simulated_share_lost(intervals: ArrayLike, cost: float, mtbf: float, *, failures: int, seed: int) -> NDArray:
    """The same share for each of `intervals`, counted over the same random `failures`; restarts take no time."""
    running = np.random.default_rng(seed).exponential(mtbf, failures)
    kept = [interval * np.floor(running / (interval + cost)).sum() for interval in np.ravel(intervals)]
    return 1 - np.array(kept) / running.sum()


class Plan(NamedTuple):
    """How a large model is to be saved; in bytes, seconds and a share of all time."""

    state: float
    cost: float
    mtbf: float
    interval: float
    share_lost: float
    storage: float


def plan(
    *,
    parameters: float,
    bytes_per_parameter: float,
    nodes: int,
    bandwidth: float,
    node_mtbf: float,
    restart: float,
    keep: int,
) -> Plan:
    """Plan the checkpoints of a run that waits for every save and stops when any node fails.

    `bandwidth` is that of the storage; room is needed for the `keep` checkpoints and the one being written.
    Raises ValueError for a value that is not above 0, and where saving takes over half the time to a failure.
    """
    above_zero(**locals())
    state, mtbf = parameters * bytes_per_parameter, node_mtbf / nodes
    cost = state / bandwidth
    if cost > mtbf / 2:
        raise ValueError(f"bandwidth = {bandwidth:g}: must be at least {2 * state / mtbf:g}, so often a node fails")
    interval = best_interval(cost, mtbf)
    return Plan(state, cost, mtbf, interval, expected_share_lost(interval, cost, mtbf, restart), (keep + 1) * state)


def above_zero(**values: float) -> None:
    """Raise ValueError for the first of the named values that is not a number above 0."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} = {value}: must be a number above 0")
