"""Results and seconds come from records of runs, and a lesson's do not touch another's."""

import math
import tomllib
from types import SimpleNamespace

import pytest

from course import catalog, claims
from course.authoring import measure
from course.authoring.pace import loop_seconds
from course.catalog import LessonError, find
from course.claims import Claim

HERE = {"keras": "3", "cores": "2"}


def run(seed, value, mode="full", name="98.accuracy", machine=HERE, seconds=1.0, **limits):
    kind = "bound" if limits else "spread"
    claim = Claim(name, kind, "a result", value, digits=2, mode=mode, **limits)
    spent = {"cell_seconds": seconds, "processor_seconds": 2 * seconds}
    parameters = {"seed": seed}
    return SimpleNamespace(
        mode=mode, parameters=parameters, claims={name: claim}, machine=machine, **spent
    )


def written():
    return tomllib.loads(claims.VALUES.read_text())


def test_results_are_stored_by_seed_with_what_they_promise_and_where_and_other_lessons_stay(
    lessons,
):
    claims.VALUES.write_text('["97.loss"]\ndigits = 1\n["98.older"]\ndigits = 1\n')
    full = [run(seed, value, at_least=0.2) for seed, value in enumerate((0.5, 0.25, 1.0))]
    measure.store("98_trial", [*full, run(0, 0.125, "fast", at_most=1.0)])
    assert written() == {
        "97.loss": {"digits": 1},
        "98": {"full": HERE, "fast": HERE},
        "98.accuracy": {
            "kind": "bound",
            "words": "a result",
            "unit": "",
            "digits": 2,
            "full": {"at_least": 0.2, "values": [0.5, 0.25, 1.0]},
            "fast": {"at_most": 1.0, "values": [0.125]},
        },
    }


def test_limits_and_digits_of_zero_are_stored(lessons):
    measure.store("98_trial", [run(0, 0.5, at_least=0.0)])
    assert written()["98.accuracy"]["full"]["at_least"] == 0
    claim = Claim("98.lost", "fact", "lost", 0.0, digits=0, equals=0.0)
    made = run(0, 0.0)
    made.claims = {claim.name: claim}
    measure.store("98_trial", [made])
    assert written()["98.lost"]["digits"] == 0
    assert written()["98.lost"]["full"]["equals"] == 0


def test_results_are_stored_in_the_order_of_their_seeds(lessons):
    measure.store("98_trial", [run(1, 0.75), run(0, 0.5)])
    assert written()["98.accuracy"]["full"]["values"] == [0.5, 0.75]


def test_measured_in_one_mode_a_lesson_keeps_the_results_of_the_other(lessons):
    full = [run(0, 0.5), run(1, 1.0)]
    measure.store("98_trial", [*full, run(0, 0.25, "fast")])
    measure.store("98_trial", [run(0, 0.75, "fast")])
    first = written()
    assert first["98.accuracy"]["fast"]["values"] == [0.75]
    measure.store("98_trial", [*full, run(0, 0.75, "fast")])
    assert written() == first


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (
            [run(0, 1.0), run(1, 1.0, name="98.other")],
            "only some of its runs make 98.accuracy, 98.other",
        ),
        ([run(0, 1.0), run(2, 1.0)], r"the seeds must be 0, 1, \.\.\.; found \[0, 2\]"),
        (
            [run(0, 1.0), run(1, 1.0, machine={"cores": "4"})],
            "its runs come from different machines",
        ),
        (
            [run(0, 1.0, at_least=0.5), run(1, 0.25, at_least=0.5)],
            "98.accuracy = 0.25 with seed 1, at least 0.5",
        ),
        ([run(0, 1.0), run(1, math.nan)], "98.accuracy is not a number with seed 1"),
    ],
)
def test_runs_that_cannot_stand_together_are_refused_and_nothing_is_written(lessons, runs, message):
    with pytest.raises(LessonError, match=f"lesson 98 in full mode: {message}"):
        measure.store("98_trial", runs)
    assert not claims.VALUES.exists()


def test_what_others_stored_since_a_measurement_began_stays(lessons):
    claims.stored(), catalog.times()  # read at the beginning, an hour ago
    claims.VALUES.write_text('["97.loss"]\ndigits = 1\n')
    catalog.TIMES.write_text("[97]\nfull = 2.0\n")
    measure.store("98_trial", [run(0, 0.5)])
    measure.store_times("98_trial", [run(0, 1, seconds=12.34)])
    assert written()["97.loss"] == {"digits": 1}
    assert tomllib.loads(catalog.TIMES.read_text())["97"] == {"full": 2.0}


def test_a_lesson_measured_in_fast_mode_alone_can_be_measured_again(lessons, tmp_path):
    measure.store("98_trial", [run(0, 0.5, "fast")])
    assert len(measure.plan("98_trial", range(3), tmp_path)) == 6


def test_on_another_machine_and_with_another_check_runs_are_other_runs(
    lessons, tmp_path, monkeypatch
):
    def digests():
        return {job.digest for job in measure.plan("98_trial", range(3), tmp_path, modes=["fast"])}

    found = [digests()]
    monkeypatch.setattr(measure, "fingerprint", lambda: HERE)
    found.append(digests())
    source = lessons / "98_trial.py"
    answer = '\n# %% tags=["solution"]\none = 1\n\n# %% tags=["check"]\n@exercise("98.1", one)\n'
    check = "def check(one):\n    expect(one == 1, 'It is 1.')\n"
    source.write_text(source.read_text() + answer + check)
    found.append(digests())
    source.write_text(source.read_text().replace("It is 1.", "It is one."))
    found.append(digests())
    source.write_text(source.read_text() + "\n# %% [markdown]\n# Words.\n")
    assert digests() == found[-1]
    assert len(set.union(*found)) == 12


def test_seconds_of_the_clock_and_of_the_processor_are_stored_apart(lessons):
    catalog.TIMES.write_text('["97"]\nfull = 2.0\n')
    measure.store_times("98_trial", [run(0, 1, seconds=12.34), run(0, 1, "fast", seconds=5.67)])
    assert find("98").seconds("full") == 12.3
    measure.store_costs(
        "98_trial", [run(0, 1, seconds=4), run(1, 1, seconds=1), run(2, 1, seconds=2)], 0.123456
    )
    assert catalog.times()["98"]["processor"] == {"full": 4, "loop": 0.1235}
    measure.store_costs("98_trial", [run(0, 1, "fast", seconds=0.5)], 0.247)
    assert tomllib.loads(catalog.TIMES.read_text()) == {
        "97": {"full": 2.0},
        "98": {"full": 12.3, "fast": 5.7, "processor": {"full": 8, "fast": 1.0, "loop": 0.247}},
    }


def test_the_calibration_loop_takes_time():
    assert 0.001 < loop_seconds(2) < 60
