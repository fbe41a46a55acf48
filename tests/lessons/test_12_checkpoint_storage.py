"""What lesson 12 must reach: kills over all seeds, outputs of its notebook, its formulas and plans by other means."""

import math
import time
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from course.authoring.source import read

KILLS = 8  # of each way of writing, in one run of the lesson
LARGE = {
    "parameters": 1e9,
    "bytes_per_parameter": 16,
    "nodes": 10,
    "node_mtbf": 500_000.0,
    "bandwidth": 1e9,
    "restart": 100.0,
    "keep": 3,
}
FUNCTIONS = (
    "best_interval",
    "expected_share_lost",
    "simulated_share_lost",
    "best_times",
    "plan",
)


@pytest.fixture(scope="module")
def lesson():
    """The functions of the lesson that compute a plan."""
    names = {"np": np}
    for cell in read("12_checkpoint_storage").cells:
        if cell.kind == "code" and any(f"def {name}(" in cell.source for name in FUNCTIONS):
            exec(cell.source, names)
    return SimpleNamespace(**names)


def test_orbax_brings_every_number_back_and_renames_a_folder_when_all_is_there(tmp_path):
    checkpointing = pytest.importorskip(
        "orbax.checkpoint",
        reason="Orbax is not installed; install it: python bootstrap.py orbax",
    )
    names = {"np": np, "time": time}
    state = [np.random.default_rng(0).normal(size=(300, 400)).astype("float32"), np.int64(7)]
    names["copy_state"] = lambda: state
    for cell in read("12_checkpoint_storage").cells:
        if "def orbax_" in cell.source:
            exec(cell.source, names)
    stalled, written, files, same = names["orbax_round_trip"](tmp_path / "1")
    assert same
    assert 0 < stalled <= written
    assert "_CHECKPOINT_METADATA" in files
    with checkpointing.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "2", {"a": np.zeros(2_000_000)})
        meanwhile = {path.name for path in tmp_path.iterdir()}
        checkpointer.wait_until_finished()
    assert "2" not in meanwhile
    assert any(name.startswith("2.orbax-checkpoint-tmp") for name in meanwhile)
    assert {path.name for path in tmp_path.iterdir()} == {"1", "2"}


def test_not_one_of_at_least_fifty_kills_over_all_seeds_cost_the_course_s_writer_its_file(full):
    lost = full("12.renamed_not_whole").values
    assert KILLS * len(lost) >= 50
    assert sum(lost) == 0


def test_a_save_in_the_background_does_not_spare_training_two_thirds_of_the_work_in_every_run(full):
    assert 1 < full("12.stall_ratio").low < 3


@pytest.mark.parametrize(
    "line",
    [
        "as saved: True",
        "shards-8/shard-005.npz: missing or damaged; the checkpoint cannot be used",
        "shards-8: has no manifest.json, so its save did not come to an end",
        "OSError in save",
        "ValueError in load_model",
    ],
)
def test_what_cannot_be_loaded_is_refused(line, printed):
    assert line in printed.splitlines()


@pytest.mark.parametrize("cost", [0.001, 0.01, 0.1])
def test_with_daly_s_correction_the_best_interval_is_where_the_expected_share_is_least(
    cost, lesson
):
    least = minimize_scalar(
        lambda w: lesson.expected_share_lost(w, cost, 1.0), bounds=(1e-3, 2), method="bounded"
    ).x
    correction = (
        1 + math.sqrt(cost / 2) / 3 + cost / 18
    )  # Daly 2006, for a cost below twice the mtbf
    assert lesson.best_interval(cost, 1.0) * correction - cost == pytest.approx(least, rel=0.005)


def test_simulated_and_expected_share_agree(lesson):
    running = np.random.default_rng(1).exponential(10_000, 1_000_000)
    for interval in (500.0, 3000.0, 20_000.0):
        simulated = lesson.simulated_share_lost(interval, 60, running)
        assert simulated == pytest.approx(
            lesson.expected_share_lost(interval, 60, 10_000), abs=0.002
        )


def test_the_simulation_agrees_with_one_that_goes_from_event_to_event(lesson):
    running = np.random.default_rng(8).exponential(50, 2000)
    failures, clock, kept = list(np.cumsum(running)), 0.0, 0.0
    for failure in failures:
        while clock + 10 + 1 <= failure:
            clock, kept = clock + 10 + 1, kept + 10
        clock = failure
    assert lesson.simulated_share_lost(10, 1, running) == pytest.approx(1 - kept / failures[-1])


def test_restarts_are_repeated_until_one_is_not_struck(lesson):
    between = np.random.default_rng(5).exponential(100, 400_000)
    kept = 20 * np.floor(np.maximum(between - 30, 0) / 22).sum()
    assert lesson.expected_share_lost(20, 2, 100, restart=30) == pytest.approx(
        1 - kept / between.sum(), abs=0.002
    )


def test_the_plan_of_the_published_run_by_hand(printed):
    # 405e9 * 14 bytes at 2e12 a second; 54 days over 419; the root of 2 * 2.835 s * 11,135 s is 251 s; 11 * 5.67 TB
    for figure in ("5.67 TB, written in 2.8 s", "3.1 hours", "4.2 minutes", "62 TB"):
        assert figure in printed


def test_a_plan_by_hand(lesson):
    made = lesson.plan(**LARGE)
    assert made.state == 16e9  # 1e9 parameters of 16 bytes
    assert made.cost == 16  # at 1e9 bytes a second
    assert made.mtbf == 50_000  # ten nodes, any of which stops the run
    assert made.interval == pytest.approx(1264.911)  # the root of 1,600,000
    assert made.storage == 64e9  # three checkpoints, and one being written
    assert made.lost_by_restarts == pytest.approx(116 / 50_000, rel=0.01)  # 16 s of them to read
    # To first order: 16 of every 1265 s for saving, half an interval and a restart for every 50,000 s.
    assert made.share_lost == pytest.approx(16 / 1264.911 + (1264.911 / 2 + 116) / 50_000, rel=0.02)


def test_a_plan_for_one_node_by_hand(lesson):
    one = {"nodes": 1, "parameters": 125e6, "bytes_per_parameter": 12, "bandwidth": 1e8, "keep": 1}
    made = lesson.plan(**LARGE | one)
    assert (made.state, made.cost, made.mtbf, made.storage) == (1.5e9, 15, 500_000, 3e9)
    assert made.interval == pytest.approx(3872.983)  # the root of 15,000,000


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_plan_refuses_by_name_what_is_not_a_number_above_zero(name, value, lesson):
    with pytest.raises(ValueError, match=f"^{name} = {value}: must be a number above 0$"):
        lesson.plan(**LARGE | {name: value})


def test_storage_too_slow_for_its_nodes_is_refused_with_the_bandwidth_that_would_do(lesson):
    with pytest.raises(ValueError, match="bandwidth = 100000: must be at least 640000"):
        lesson.plan(**LARGE | {"bandwidth": 1e5})
    assert lesson.plan(**LARGE | {"bandwidth": 640_000}).interval == pytest.approx(50_000)
