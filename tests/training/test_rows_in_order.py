"""The rows of each epoch are those of `epoch_order`, in batches, for any number of arrays."""

import keras
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from course.training.order import epoch_order
from course.training.rows_in_order import RowsInOrder

ROWS = 11
BATCH = 4
X = np.arange(2 * ROWS).reshape(ROWS, 2)
Y = {"digit": np.arange(ROWS) % 3, "even": np.arange(ROWS) % 2}
WEIGHTS = np.linspace(0, 1, ROWS)


def whole_epoch(batches):
    """The arrays of all batches, put together again."""
    taken = [batches[number] for number in range(batches.num_batches)]
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *taken)


@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_an_epoch_has_every_row_once_in_the_order_of_seed_and_epoch(epoch):
    batches = RowsInOrder((X, Y, WEIGHTS), batch_size=BATCH, seed=5)
    batches.begin_epoch(epoch)
    order = epoch_order(ROWS, 5, epoch)
    x, y, weights = whole_epoch(batches)
    assert_array_equal(x, X[order])
    assert_array_equal(y["digit"], Y["digit"][order])
    assert_array_equal(y["even"], Y["even"][order])
    assert_array_equal(weights, WEIGHTS[order])


def test_the_last_batch_holds_what_is_left():
    batches = RowsInOrder((X, WEIGHTS), batch_size=BATCH, seed=5)
    assert [len(batches[number][0]) for number in range(batches.num_batches)] == [4, 4, 3]
    assert batches.num_batches == 3
    assert RowsInOrder((X[:8],), batch_size=BATCH, seed=5).num_batches == 2


def test_without_a_seed_and_before_the_first_epoch_the_rows_stand_as_given():
    without = RowsInOrder((X,), batch_size=BATCH, seed=None)
    without.begin_epoch(3)
    assert_array_equal(whole_epoch(without)[0], X)
    assert_array_equal(whole_epoch(RowsInOrder((X,), batch_size=BATCH, seed=5))[0], X)


def test_seed_0_is_a_seed():
    batches = RowsInOrder((X,), batch_size=BATCH, seed=0)
    batches.begin_epoch(2)
    assert_array_equal(whole_epoch(batches)[0], X[epoch_order(ROWS, 0, 2)])
