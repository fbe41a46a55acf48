"""Parallel training against finite differences and one process."""

from itertools import pairwise

import numpy as np
import pytest

from course.topics.parallel_training import (
    Branch,
    Run,
    cross_entropy_error,
    least_model_speedup,
    random_branch,
    speedup,
    train,
)
from course.topics.workers import WorkerError

ROWS = 22
CLASSES = 4
WIDTHS = ([6, 5, 4], [6, 3, 7, 4], [6, 4, 4])


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(ROWS, 6)).astype("float32"), rng.integers(0, CLASSES, ROWS)


def network() -> list[Branch]:
    """Random biases too: with biases of 0 a row of dead units would lie on the kink of the next ones."""
    rng = np.random.default_rng(2)
    sizes = [len(random_branch(widths, rng).weights) for widths in WIDTHS]
    return [
        Branch(widths, rng.normal(size=size).astype("float32"))
        for widths, size in zip(WIDTHS, sizes, strict=True)
    ]


def steps(*, shards: int = 1, placement: list[list[int]] | None = None, batch: int = 9) -> Run:
    x, y = data()  # five steps: more than there are buffers, and past the last row
    return train(
        network(), x, y, batch=batch, steps=5, learning_rate=0.1, shards=shards, placement=placement
    )


@pytest.fixture(scope="module")
def single() -> Run:
    return steps()


def loss(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
    """Mean cross-entropy of the summed branches in float64, written once more, a layer at a time."""
    logits = np.zeros((len(x), CLASSES))
    for vector, widths in zip(weights, WIDTHS, strict=True):
        activation = x.astype("float64")
        rest = vector.astype("float64")
        for layer, (inputs, units) in enumerate(pairwise(widths)):
            kernel, bias, rest = np.split(rest, [inputs * units, (inputs + 1) * units])
            activation = activation @ kernel.reshape(inputs, units) + bias
            if layer < len(widths) - 2:
                activation = np.maximum(activation, 0)
        logits += activation
    return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]))


def test_the_gradient_of_every_weight_is_that_of_finite_differences():
    x, y = data()
    run = train(network(), x, y, batch=ROWS, steps=1, learning_rate=0.0)
    vectors = [branch.weights.astype("float64") for branch in network()]
    for vector, gradient in zip(vectors, run.gradients, strict=True):
        for position in range(len(vector)):
            before = vector[position]
            vector[position] = before + 1e-6
            above = loss(vectors, x, y)
            vector[position] = before - 1e-6
            below = loss(vectors, x, y)
            vector[position] = before
            assert gradient[0, position] == pytest.approx((above - below) / 2e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("shards", "placement"),
    [(2, None), (3, None), (1, [[1], [2, 0]]), (1, [[0, 1, 2], []]), (2, [[0], [1, 2]])],
    ids=["data", "three uneven shards", "model", "an idle worker", "hybrid"],
)
def test_workers_arrive_where_one_process_arrives(single, shards, placement):
    run = steps(shards=shards, placement=placement)
    for ours, theirs in zip(
        run.weights + run.gradients, single.weights + single.gradients, strict=True
    ):
        assert ours.shape == (shards, theirs.shape[1])
        np.testing.assert_array_equal(
            ours, np.tile(ours[:1], (shards, 1)), err_msg="replicas differ"
        )
        np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-6)
    assert run.seconds.shape == (5,)


def test_a_batch_smaller_than_the_number_of_shards_leaves_a_worker_without_rows(single):
    run = steps(shards=3, batch=2)
    alone = steps(batch=2)
    for ours, theirs in zip(run.weights, alone.weights, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=0, atol=1e-6)


def test_the_networks_that_are_passed_in_keep_their_weights():
    given, (x, y) = network(), data()
    train(given, x, y, batch=9, steps=1, learning_rate=1.0)
    for branch, untouched in zip(given, network(), strict=True):
        np.testing.assert_array_equal(branch.weights, untouched.weights)


@pytest.mark.parametrize("placement", [[[0, 1]], [[0, 1, 2], [2]], [[0, 1, 3], [2]]])
def test_a_placement_that_loses_or_repeats_a_branch_is_refused(placement):
    with pytest.raises(ValueError, match="must hold each branch from 0 to 2 once"):
        steps(placement=placement)


def test_labels_that_the_network_has_no_output_for_end_the_run_with_an_error_that_names_the_worker():
    x, y = data()
    with pytest.raises(
        WorkerError, match=r"worker [01] of 2: IndexError: index 9 is out of bounds"
    ):
        train(network(), x, np.full_like(y, 9), batch=4, steps=1, learning_rate=0.1, shards=2)


def test_the_error_of_huge_logits_is_finite():
    error = cross_entropy_error(np.array([[1e4, 0.0], [0.0, -1e4]], "float32"), np.array([1, 0]), 4)
    np.testing.assert_allclose(error, np.array([[0.25, -0.25], [0, 0]]))


def test_at_equal_efficiency_1_32_and_epochs_from_12_to_23_make_a_gain_of_26_5_percent():
    """Arithmetic: 1.32 and 26.5% are published (Pal et al., 2019), the epochs and the efficiency are recalled."""
    efficiency = {1: 1.0, 128: 0.9, 256: 0.9}
    epochs = {1: 4.0, 128: 12.0, 256: 23.0}
    hybrid = speedup(256, efficiency, epochs, ways=2, model=1.32)
    assert hybrid / speedup(256, efficiency, epochs) == pytest.approx(1.265, abs=0.001)


def test_hybrid_wins_exactly_above_the_least_speedup_and_by_training_time_too():
    rng = np.random.default_rng(3)
    for ways in (2, 3, 4):
        for groups in (1, 2, 5):
            efficiency = {1: 1.0, groups: rng.uniform(0.5, 1), ways * groups: rng.uniform(0.3, 1)}
            epochs = {
                1: rng.uniform(1, 9),
                groups: rng.uniform(4, 9),
                ways * groups: rng.uniform(4, 40),
            }
            least = least_model_speedup(ways * groups, efficiency, epochs, ways=ways)
            for model in (0.9 * least, 0.999 * least, 1.001 * least, 1.1 * least):
                # Seconds a step (1 on one device) x steps an epoch (a row a group) x epochs.
                by_data = (
                    1 / efficiency[ways * groups] * (6000 / (ways * groups)) * epochs[ways * groups]
                )
                by_both = 1 / efficiency[groups] / model * (6000 / groups) * epochs[groups]
                assert (by_both < by_data) == (model > least)
                ratio = speedup(
                    ways * groups, efficiency, epochs, ways=ways, model=model
                ) / speedup(ways * groups, efficiency, epochs)
                assert ratio == pytest.approx(by_data / by_both)
