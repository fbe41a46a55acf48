"""What lesson 01 states of Keras, tried on Keras itself."""

import numpy as np
import pytest

from course.data import table


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


def one_step_of_keras(keras, inputs, targets, learning_rate):
    """Bias and weights after one SGD step on all rows, from weights of 0."""
    model = keras.Sequential(
        [keras.Input((inputs.shape[1],)), keras.layers.Dense(1, kernel_initializer="zeros")]
    )
    model.compile(keras.optimizers.SGD(learning_rate), loss="mse", jit_compile=False)
    model.train_on_batch(inputs, targets[:, None])
    weights, bias = model.get_weights()
    return np.concatenate([bias, weights[:, 0]])


def mean_step(inputs, targets, learning_rate):
    """The first step of exercise 01.1, by the derivative written out row by row."""
    steps = [
        2 * target * np.array([1.0, *row]) for row, target in zip(inputs, targets, strict=True)
    ]
    return learning_rate * np.mean(steps, axis=0)


def test_this_is_the_step_that_keras_takes_in_lesson_02(keras):
    rows = table("linreg_plane").to_numpy()
    inputs = rows[:, :2]
    targets = rows[:, 2]
    taken = one_step_of_keras(keras, inputs, targets, 0.01)
    np.testing.assert_allclose(taken, mean_step(inputs, targets, 0.01), rtol=1e-5)


def test_a_rate_that_works_for_a_hundred_rows_works_for_ten_thousand_of_the_same_kind(keras):
    rows = table("linreg_plane").to_numpy()[:100]
    hundred = one_step_of_keras(keras, rows[:, :2], rows[:, 2], 0.01)
    rows = np.tile(rows, (100, 1))
    ten_thousand = one_step_of_keras(keras, rows[:, :2], rows[:, 2], 0.01)
    np.testing.assert_allclose(ten_thousand, hundred, rtol=1e-4)  # in float32
