"""The order of rows in an epoch, which `fit` keeps nowhere: a function of seed and epoch, so that any can be had again.

It stands alone since it needs no Keras, which takes seconds to import.
"""

import numpy as np


def epoch_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order of the rows in an epoch: a permutation of range(rows), a function of seed and epoch alone."""
    return np.random.default_rng([seed, epoch]).permutation(rows)
