"""Every epoch deals the rows anew, and nothing is lost or doubled."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course.training.batches import shuffled_batches

X = np.arange(20.0, dtype="float32").reshape(10, 2)
Y = np.arange(10)


class Recorder(keras.Model):
    """A model that notes the targets of each batch it is trained on."""

    def __init__(self):
        super().__init__()
        self.layer = keras.layers.Dense(1)
        self.seen = []

    def call(self, x):
        return self.layer(x)

    def train_step(self, data):
        self.seen.append(tuple(int(y) for y in data[1]))
        return {"loss": tf.constant(0.0)}


def epochs(data, count=3, **options):
    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(*data, epochs=count, verbose=0, **options)
    size = len(model.seen) // count
    return [model.seen[i * size : (i + 1) * size] for i in range(count)]


def test_fit_of_arrays_repeats_one_order_and_these_batches_do_not():
    keras.utils.set_random_seed(0)
    plain = epochs((X, Y), batch_size=4)
    assert plain[0] == plain[1] == plain[2]
    dealt = epochs((shuffled_batches(X, Y, batch_size=4, seed=0),), shuffle=False)
    assert len({str(epoch) for epoch in dealt}) == 3


def test_every_epoch_deals_each_row_once():
    for epoch in epochs((shuffled_batches(X, Y, batch_size=4, seed=0),), shuffle=False):
        assert [len(batch) for batch in epoch] == [4, 4, 2]
        assert sorted(sum(epoch, ())) == list(range(10))


def test_rows_of_x_y_and_weights_stay_together():
    (x, y, weights), *_ = shuffled_batches(X, Y, Y * 0.5, batch_size=10, seed=1)
    np.testing.assert_array_equal(x, X[y])
    np.testing.assert_array_equal(weights, y.numpy() * 0.5)


def test_the_same_seed_deals_the_same_and_another_seed_does_not():
    def order(seed):
        keras.utils.set_random_seed(7)
        return epochs((shuffled_batches(X, Y, batch_size=4, seed=seed),), shuffle=False)

    assert order(3) == order(3)
    assert order(3) != order(4)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="batch_size = 0: must be at least 1"):
        shuffled_batches(X, Y, batch_size=0, seed=0)
    with pytest.raises(ValueError, match=r"arrays have \[10, 9\] rows: must be the same number"):
        shuffled_batches(X, Y[:9], batch_size=4, seed=0)
