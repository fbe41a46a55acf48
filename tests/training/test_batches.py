"""Every epoch deals the rows anew, and nothing is lost or doubled."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from course.training.batches import by_epoch, by_seed, shuffled_batches

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


def dealt(dataset):
    return [tuple(targets.numpy()) for _, targets in dataset]


def test_a_seed_decides_the_order_of_batches_made_by_it():
    batches = by_seed(X, Y, batch_size=4)
    first, again, other = (dealt(batches(tf.constant(seed, tf.int64))) for seed in (5, 5, 6))
    assert first == again != other
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert sorted(sum(first, ())) == sorted(sum(other, ())) == list(range(10))
    for x, y in batches(tf.constant(5, tf.int64)):
        np.testing.assert_array_equal(x, X[y])
    with pytest.raises(ValueError, match="batch_size = 0: must be at least 1"):
        by_seed(X, Y, batch_size=0)


def test_the_epoch_and_the_seed_decide_the_order_of_a_pass():
    epoch = tf.Variable(0, dtype=tf.int64)
    batches = by_seed(X, Y, batch_size=4)
    data = by_epoch(batches, seed=3, epoch=epoch)
    assert int(data.cardinality()) == 3
    passes = []
    for number in (0, 1, 2, 1):
        epoch.assign(number)
        passes.append(dealt(data))
    assert passes[3] == passes[1]
    assert len({str(each) for each in passes}) == 3
    assert dealt(by_epoch(batches, seed=4, epoch=epoch)) != passes[1]


def test_data_of_unknown_length_stay_so():
    epoch = tf.Variable(0, dtype=tf.int64)

    def make(seed):
        return tf.data.Dataset.range(10).filter(lambda number: number < 4)

    data = by_epoch(make, seed=3, epoch=epoch)
    assert int(data.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    assert [int(number) for number in data] == [0, 1, 2, 3]


def test_one_row_a_batch_is_enough():
    assert len(list(shuffled_batches(X, Y, batch_size=1, seed=0))) == 10
