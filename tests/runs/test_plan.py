import numpy as np
import pandas as pd
import pytest

from course.catalog import find
from course.parameters import ParameterError
from course.runs import cluster, plan
from course.runs.records import Job, Record

CLAIM = 'from course.claims import claim\nclaim("98.value", seed * seed + epochs, digits=1, unit="m")'


def points(assignments):
    return [job.parameters for job in plan.grid(find("98"), assignments, "solutions")]


def record(seed, epochs, value, outcome="passed"):
    claims = {"98.value": {"value": value, "unit": "m", "digits": 1, "published": None, "source": None}}
    parameters = {"seed": seed, "epochs": epochs}
    return Record(f"{seed}-{epochs}", "98_trial", parameters, outcome, 2.0, "", 1.0, claims, {}, None, {})


def test_a_grid_holds_every_combination_once(house):
    house.add("98_trial")
    found = points(["seed=0..2", "epochs=1,5", "fast=true"])
    assert found == [{"seed": s, "epochs": e, "fast": True} for s in (0, 1, 2) for e in (1, 5)]


def test_a_grid_without_parameters_is_one_run(house):
    house.add("98_trial")
    assert points([]) == [{}]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs=5..1", "epochs = 5..1: the range must go up"),
        ("epochs=1,1", "epochs = 1,1: the same value twice"),
        ("epochs=1,201", "98_trial: epochs = '201': must be a whole number between 1 and 200"),
        ("seed=0..9,", "98_trial: seed = '0..9': must be a whole number between 0 and 999"),
    ],
)
def test_what_a_grid_may_not_hold_is_refused_by_name(house, assignment, message):
    house.add("98_trial")
    with pytest.raises(ParameterError) as refusal:
        points([assignment])
    assert str(refusal.value) == message


def test_only_a_run_of_the_same_notebook_that_passed_counts_as_finished(house):
    house.add("98_trial", "assert epochs < 5")
    planned = plan.grid(find("98"), ["epochs=1,5"], "solutions")
    gathered = cluster.execute(planned, out=house.out, timeout=60, workers=2)
    assert [plan.finished(job, house.out) for job in planned] == [gathered[0], None]
    measuring = Job(planned[0].notebook, "98_trial", planned[0].parameters, {"COURSE_MEASURING": "1"})
    assert plan.finished(measuring, house.out) is None
    house.add("98_trial", "assert epochs < 6")
    assert plan.finished(planned[0], house.out) is None


def test_the_table_holds_what_the_records_hold(house, tmp_path):
    house.add("98_trial", CLAIM)
    planned = plan.grid(find("98"), ["seed=2,3", "fast=true"], "solutions")
    plan.gather(cluster.execute(planned, out=house.out, timeout=60, workers=2), tmp_path / "runs.parquet")
    frame = pd.read_parquet(tmp_path / "runs.parquet")
    assert list(frame["parameter.seed"]) == [2, 3]
    assert list(frame["claim.98.value"]) == [4 + 20, 9 + 20]
    assert list(frame["mode"]) == ["fast", "fast"]
    assert list(frame["outcome"]) == ["passed", "passed"]
    assert (frame["seconds"] > frame["cell_seconds"]).all()


def test_a_summary_gives_median_and_extremes_over_the_seeds_of_each_point():
    rng = np.random.default_rng(0)
    values = {(seed, epochs): rng.normal() for seed in range(9) for epochs in (1, 5)}
    gathered = [record(seed, epochs, value) for (seed, epochs), value in values.items()]
    gathered.append(record(9, 1, 1e9, outcome="failed"))
    summary = plan.summarize(gathered)
    assert list(summary) == [((("epochs", 1),), "98.value"), ((("epochs", 5),), "98.value")]
    for ((_, epochs),), name in summary:
        expected = [value for (_, other), value in values.items() if other == epochs]
        band = summary[(("epochs", epochs),), name]
        assert (band.median, band.low, band.high) == (np.median(expected), min(expected), max(expected))
        assert (band.seeds, band.digits, band.unit) == (9, 1, "m")
