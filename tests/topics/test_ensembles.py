"""Averages against NumPy over stored files; stacked networks against Keras, asked and trained."""

import subprocess
import sys
import tracemalloc

import keras
import numpy as np
import pytest

from course.topics.ensembles import (
    RunningAverage,
    at_best_length,
    equal,
    exponential,
    initialize,
    linear,
    member,
    predict,
    stack,
    train,
)

WEIGHTS = {
    equal: np.ones(10),
    linear: np.arange(1.0, 11.0),
    exponential: np.exp(-np.arange(10, 0, -1) / 2.0),  # as in the published program, oldest first
}


@pytest.fixture(scope="module")
def blobs():
    """Two features of 50 rows, and their classes."""
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 50)
    return random.normal(size=(50, 2)) + 2 * np.eye(3)[y][:, :2], y


@pytest.fixture(scope="module")
def network():
    """A Keras network in double precision, so that agreement can be judged beyond rounding."""
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(7, activation="relu", dtype="float64")
    last = keras.layers.Dense(3, activation="softmax", dtype="float64")
    return keras.Sequential([keras.Input((2,), dtype="float64"), hidden, last])


@pytest.mark.parametrize("share", WEIGHTS)
def test_a_running_average_equals_numpys_average_of_the_stored_files(share, tmp_path):
    random = np.random.default_rng(1)
    running = RunningAverage(share)
    for number in range(10):
        snapshot = [
            5 * random.normal(size=shape).astype("float32")
            for shape in ((2, 25), (25,), (25, 3), (3,))
        ]
        np.savez(tmp_path / f"{number}.npz", *snapshot)
        running.update(snapshot)
    files = [np.load(tmp_path / f"{number}.npz") for number in range(10)]
    for place, average in enumerate(running.weights):
        stored = np.average(
            [file[f"arr_{place}"] for file in files], axis=0, weights=WEIGHTS[share]
        )
        np.testing.assert_allclose(average, stored, rtol=0, atol=1e-7)


def test_a_long_exponential_average_neither_overflows_nor_forgets_its_newest():
    running = RunningAverage(exponential)
    for value in range(5_000):
        running.update([np.array([float(value)])])
    ages = np.arange(200)
    assert running.weights[0][0] == pytest.approx(
        4_999 - np.average(ages, weights=np.exp(-ages / 2)), abs=1e-9
    )


def test_the_memory_of_a_running_average_is_the_same_for_10_and_for_200_snapshots():
    def peak(snapshots):
        running = RunningAverage()
        tracemalloc.start()
        for number in range(snapshots):
            running.update([np.full(100_000, float(number))])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak(2)
    assert peak(200) == pytest.approx(peak(10), rel=0.01)


def test_a_running_average_keeps_nothing_of_the_array_that_it_was_given():
    running = RunningAverage()
    array = np.ones(3)
    running.update([array])
    array += 5
    running.update([array])
    np.testing.assert_array_equal(running.weights[0], [3.5, 3.5, 3.5])


def test_a_snapshot_of_another_shape_is_refused():
    running = RunningAverage()
    running.update([np.zeros((2, 3))])
    with pytest.raises(ValueError, match=r"\(3, 3\).*must be those of the first"):
        running.update([np.zeros((3, 3))])


def test_each_run_is_reported_at_its_own_best_length_and_the_first_of_equal_ones():
    validation = [[0.5, 0.9, 0.1], [0.7, 0.2, 0.3], [0.7, 0.8, 0.2]]
    test = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert at_best_length(validation, test).tolist() == [4, 2, 6]


def test_stacked_networks_predict_what_each_keras_model_predicts_and_their_mean_what_keras_averages(
    network, blobs
):
    random = np.random.default_rng(2)
    members = [
        [random.normal(size=array.shape) for array in network.get_weights()] for _ in range(4)
    ]
    clones = [keras.models.clone_model(network) for _ in members]
    for clone, weights in zip(clones, members, strict=True):
        clone.set_weights(weights)
    stacked = predict(stack(members), blobs[0])
    assert stacked.shape == (4, 50, 3)
    for clone, probabilities in zip(clones, stacked, strict=True):
        np.testing.assert_allclose(probabilities, clone.predict_on_batch(blobs[0]), atol=1e-12)
    average = keras.layers.Average(dtype="float64")([clone(blobs[0]) for clone in clones])
    np.testing.assert_allclose(stacked.mean(axis=0), average, atol=1e-12)
    for array, back in zip(members[2], member(stack(members), 2), strict=True):
        np.testing.assert_array_equal(array, back)


def test_a_stacked_member_is_trained_as_keras_trains_it(network, blobs):
    x, y = blobs
    random = np.random.default_rng(3)
    weights = initialize(2, [2, 7, 3], random)
    network.set_weights(member(weights, 1))
    network.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
    orders = np.random.default_rng(4)
    rates = [0.05] * 5
    for _ in train(
        weights,
        np.stack([x[::-1], x]),
        np.stack([y[::-1], y]),
        np.random.default_rng(4),
        learning_rates=rates,
        batch_size=16,
        momentum=0.9,
    ):
        order = orders.permuted(np.tile(np.arange(50), (2, 1)), axis=1)[1]
        for rows in np.split(order, [16, 32, 48]):
            network.train_on_batch(x[rows], y[rows])
    for ours, theirs in zip(member(weights, 1), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_a_learning_rate_of_its_own_is_used_in_each_epoch(blobs):
    x, y = (array[None] for array in blobs)
    weights = initialize(1, [2, 7, 3], np.random.default_rng(5))
    seen = []
    rates = [0.0, 0.1, 0.0]
    start = weights[0].copy()
    for now in train(
        weights, x, y, np.random.default_rng(6), learning_rates=rates, batch_size=50, momentum=0.9
    ):
        seen.append(now[0].copy())
    assert len(seen) == 3
    np.testing.assert_array_equal(seen[0], start)
    np.testing.assert_allclose(seen[2] - seen[1], 0.9 * (seen[1] - start))  # momentum alone


def test_kernels_begin_within_glorots_limit_and_members_differ():
    kernel, bias, *_ = initialize(200, [2, 25, 3], np.random.default_rng(7))
    limit = np.sqrt(6 / 27)
    assert kernel.shape == (200, 2, 25)
    np.testing.assert_array_equal(bias, np.zeros((200, 1, 25)))
    assert abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not np.array_equal(kernel[0], kernel[1])


def test_the_module_loads_without_tensorflow():
    program = "import course.topics.ensembles, sys; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
