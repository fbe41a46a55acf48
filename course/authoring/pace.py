"""How fast this machine is just now: a fixed piece of work, timed by the processor. Budgets are multiples of it."""

import time

import numpy as np

# About as long each: arithmetic on arrays, and Python. Both in one thread: a product of matrices takes all cores, and
# where others work it then waits for the slowest of them, five times as long as any lesson does. And nothing that is
# much faster on one kind of processor than lessons are: np.exp is ten times as fast where NumPy has AVX-512 for it.
PRODUCTS = 4_000
ADDITIONS = 400_000


def loop_seconds(rounds: int = 5) -> float:
    """Return the least seconds that the calibration loop took in `rounds` rounds."""
    return min(_loop() for _ in range(rounds))


def _loop() -> float:
    numbers = np.linspace(0, 1, 30_000)
    products = np.empty_like(numbers)
    start = time.thread_time()
    for _ in range(PRODUCTS):
        np.multiply(numbers, numbers, out=products)
    total = 0
    for number in range(ADDITIONS):
        total += number
    return time.thread_time() - start
