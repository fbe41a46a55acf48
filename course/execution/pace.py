"""How fast this machine is just now: a fixed piece of work, timed. Run-time budgets are multiples of its seconds."""

import time

import numpy as np

PRODUCTS, ADDITIONS = 60, 400_000  # about as long each: what the lessons do in NumPy or TensorFlow, and in Python


def loop_seconds(rounds: int = 5) -> float:
    """Return the least seconds that the calibration loop took in `rounds` rounds."""
    return min(_loop() for _ in range(rounds))


def _loop() -> float:
    rows, weights = np.ones((128, 784), "float32"), np.ones((784, 128), "float32")
    start = time.perf_counter()
    for _ in range(PRODUCTS):
        rows @ weights
    total = 0
    for number in range(ADDITIONS):
        total += number
    return time.perf_counter() - start
