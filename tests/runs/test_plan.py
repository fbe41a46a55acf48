import numpy as np
import pandas as pd
import pytest

from course.catalog import find
from course.claims import Claim
from course.parameters import ParameterError
from course.runs import cluster, plan
from course.runs.records import Job, Record

EPOCHS = "epochs: int = 20  # passes over the data, 1 to 200, fast 2"
CLAIM = 'from course.claims import spread\nspread("98.value", "a value", seed * seed + epochs, digits=1, unit="m")'


def points(assignments):
    return [job.parameters for job in plan.grid(find("98"), assignments, "solutions")]


def parameters(*more):
    return "\n".join(
        ["seed: int = 0  # seed, 0 to 999", "fast: bool = False  # less", EPOCHS, *more]
    )


def record(seed, epochs, value, outcome="passed"):
    claims = {"98.value": Claim("98.value", "spread", "a value", value, unit="m", digits=1)}
    parameters = {"seed": seed, "epochs": epochs}
    return Record(
        f"{seed}-{epochs}", "98_trial", parameters, outcome, 2.0, "", 1.0, claims, {}, None, {}
    )


def test_a_grid_holds_every_combination_once(house):
    house.add("98_trial")
    found = points(["seed=0..2", "epochs=1,5", "fast=true"])
    assert found == [{"seed": s, "epochs": e, "fast": True} for s in (0, 1, 2) for e in (1, 5)]


def test_a_range_of_numbers_that_need_not_be_whole_goes_up_by_one(house):
    house.add("98_trial", parameters=parameters("rate: float = 0.1  # step, 0 to 10"))
    found = points(["rate=1..3"])
    assert found == [{"rate": 1.0}, {"rate": 2.0}, {"rate": 3.0}]
    assert {type(point["rate"]) for point in found} == {float}


def test_the_order_in_which_parameters_are_typed_makes_no_other_run(house):
    house.add("98_trial")
    for typed in (["epochs=1", "seed=3"], ["seed=3", "epochs=1"]):
        assert [job.name for job in plan.grid(find("98"), typed, "solutions")] == [
            "98_trial--seed=3--epochs=1"
        ]


def test_a_grid_without_parameters_is_one_run(house):
    house.add("98_trial")
    assert points([]) == [{}]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs=5..1", "epochs = 5..1: the range must go up"),
        ("epochs=1,1", "epochs = 1,1: the same value twice, 1"),
        ("seed=1,01", "seed = 1,01: the same value twice, 1"),
        ("rate=0.1,0.10", "rate = 0.1,0.10: the same value twice, 0.1"),
        ("fast=true,True", "fast = true,True: the same value twice, True"),
        (
            "seed=8,8.0",
            "98_trial: seed = '8.0': must be a whole number between 0 and 999; write it in digits alone",
        ),
        (
            "seed=0..1000000000",
            "98_trial: seed = '1000000000': must be a whole number between 0 and 999",
        ),
        (
            "many=0..1000000000",
            "98_trial: 1000000001 runs: there may be at most 10000; ask for fewer values",
        ),
        (
            f"seed=0..{'9' * 5000}",
            f"98_trial: seed = '{'9' * 5000}': must be a whole number between 0 and 999",
        ),
        ("fast=0..1", "98_trial: fast = '0': must be true or false"),
        ("epochs=1,201", "98_trial: epochs = '201': must be a whole number between 1 and 200"),
        ("seed=0..9,", "seed = 0..9,: a range and a list cannot be mixed"),
    ],
)
def test_what_a_grid_may_not_hold_is_refused_by_name(house, assignment, message):
    house.add(
        "98_trial", parameters=parameters("rate: float = 0.1  # step", "many: int = 1  # no limits")
    )
    with pytest.raises(ParameterError) as refusal:
        points([assignment])
    assert str(refusal.value) == message


def test_only_a_run_of_the_same_notebook_that_passed_counts_as_finished(house):
    house.add("98_trial", "assert epochs < 5")
    planned = plan.grid(find("98"), ["epochs=1,5"], "solutions")
    gathered = cluster.execute(planned, out=house.out, timeout=60, workers=2)
    assert [plan.finished(job, house.out) for job in planned] == [gathered[0], None]
    elsewhere = Job(planned[0].notebook, "98_trial", planned[0].parameters, {"COURSE_TRIAL": "1"})
    assert plan.finished(elsewhere, house.out) is None
    house.add("98_trial", "assert epochs < 6")
    assert plan.finished(planned[0], house.out) is None


def test_the_table_holds_what_the_records_hold(house, tmp_path):
    house.add("98_trial", CLAIM)
    planned = plan.grid(find("98"), ["seed=2,3", "fast=true"], "solutions")
    plan.gather(
        cluster.execute(planned, out=house.out, timeout=60, workers=2), tmp_path / "runs.parquet"
    )
    frame = pd.read_parquet(tmp_path / "runs.parquet")
    assert list(frame["parameter.seed"]) == [2, 3]
    assert list(frame["claim.98.value"]) == [4 + 20, 9 + 20]
    assert list(frame["mode"]) == ["fast", "fast"]
    assert list(frame["outcome"]) == ["passed", "passed"]
    assert (frame["seconds"] > frame["cell_seconds"]).all()


def test_a_summary_gives_the_results_over_the_seeds_of_each_point_also_of_runs_that_failed_later():
    values = {(seed, epochs): seed / (epochs + 1) for seed in range(9) for epochs in (1, 5)}
    gathered = [
        record(*at, value, "failed" if at[0] == 3 else "passed") for at, value in values.items()
    ]
    summary = plan.summarize(gathered)
    assert list(summary) == [((("epochs", 1),), "98.value"), ((("epochs", 5),), "98.value")]
    for ((_, epochs),), name in summary:
        expected = [value for (_, other), value in values.items() if other == epochs]
        assert summary[(("epochs", epochs),), name] == [
            Claim("98.value", "spread", "a value", value, unit="m", digits=1) for value in expected
        ]


def test_a_grid_shows_what_breaks_a_promise_and_what_is_not_finite(house):
    house.add(
        "98_trial",
        "from course.claims import bound, fact",
        "bound('98.value', 'a value', {0: 2, 1: 7, 2: float('nan'), 3: float('inf')}[seed], at_most=3)",
        "fact('98.lost', 'nothing lost', float('nan'))",
        "assert seed != 1",
    )
    status, out, err = house.course("run", "98", "-p", "seed=0..3", "--out", house.out)
    assert status == 1
    assert "98_trial--seed=1: failed; cell 4, `assert seed != 1`: AssertionError" in err
    rows = [
        line.replace("│", "|").split("|")
        for line in out.splitlines()
        if "a value" in line or "nothing lost" in line
    ]
    cells = [[cell.strip() for cell in row][3:-1] for row in rows]
    assert cells == [
        ["a value", "4.500", "2.000 to 7.000", "4, 2 of them not finite"],
        ["nothing lost", "", "", "4, 4 of them not finite"],
    ]
    frame = pd.read_parquet(house.out / "runs.parquet")
    np.testing.assert_equal(list(frame["claim.98.value"]), [2, 7, np.nan, np.inf])
