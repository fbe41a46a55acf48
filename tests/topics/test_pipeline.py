"""Pipelines against one process, and their timetable against the formula of the GPipe paper."""

import numpy as np
import pytest

from course.topics.parallel_training import Branch, random_branch, train
from course.topics.pipeline import idle_share, split, timetable, train_pipeline

WIDTHS = [6, 5, 7, 4]


def network() -> Branch:
    rng = np.random.default_rng(2)
    size = len(random_branch(WIDTHS, rng).weights)
    return Branch(WIDTHS, rng.normal(size=size).astype("float32"))


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(22, 6)).astype("float32"), rng.integers(0, 4, 22)


@pytest.mark.parametrize("cuts", [[1], [2], [1, 2]])
@pytest.mark.parametrize("microbatches", [1, 4])
def test_a_pipeline_arrives_where_one_process_arrives(cuts, microbatches):
    steps = {"batch": 9, "steps": 5, "learning_rate": 0.1}  # uneven microbatches, past the last row
    piped = train_pipeline(network(), cuts, *data(), microbatches=microbatches, **steps)
    alone = train([network()], *data(), **steps)
    np.testing.assert_allclose(piped.weights, alone.weights[0][0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(piped.gradient, alone.gradients[0][0], rtol=0, atol=2e-6)
    assert abs(piped.weights - network().weights).max() > 0.01  # it has moved
    assert 0 < piped.step_time < 10_000  # milliseconds


@pytest.mark.parametrize("stages", [1, 2, 5])
@pytest.mark.parametrize("microbatches", [1, 4, 8])
def test_the_bubble_is_that_of_the_gpipe_paper(stages, microbatches):
    """Section 2.3: of all slots a share of (K - 1) / (M + K - 1) is idle."""
    table = timetable(stages, microbatches)
    assert idle_share(table) == pytest.approx((stages - 1) / (microbatches + stages - 1))


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_a_task_begins_after_those_that_it_needs(stages):
    slot = {
        (stage, *task): number
        for stage, row in enumerate(timetable(stages, 4))
        for number, task in enumerate(row)
        if task
    }
    assert len(slot) == stages * 2 * 4
    for (stage, direction, number), time in slot.items():
        if direction == "forward" and stage:
            assert slot[stage - 1, "forward", number] < time
        if direction == "backward":
            assert slot[stage, "forward", number] < time
            assert stage == stages - 1 or slot[stage + 1, "backward", number] < time


def test_stages_together_hold_the_weights_in_their_order():
    stages = split(network(), [1])
    assert [stage.widths for stage in stages] == [[6, 5], [5, 7, 4]]
    np.testing.assert_array_equal(
        np.concatenate([stage.weights for stage in stages]), network().weights
    )
