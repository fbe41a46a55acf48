"""What the canary reports: which facts, bounds and spreads moved, beside what is stored."""

import json
import sys
from dataclasses import replace

import pytest

from benchmarks import moved
from course import claims
from course.claims import Claim
from course.runs import judge
from course.runs.records import Failure, Record

STORED = """[98.fast]
keras = "3"

["98.equal"]
unit = ""
digits = 0
["98.equal".fast]
equals = 1.0
values = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]

["98.accuracy"]
unit = ""
digits = 2
["98.accuracy".fast]
at_least = 0.9
values = [0.951, 0.941, 0.961, 0.955, 0.949, 0.953, 0.958, 0.946]

["98.rounding"]
unit = ""
digits = 0
["98.rounding".fast]
values = [36.0, 36.0, 36.0, 36.0, 36.0, 36.0, 36.0, 36.0]
"""
PROMISES = {
    "98.equal": {"kind": "fact", "equals": 1.0, "digits": 0},
    "98.accuracy": {"kind": "bound", "at_least": 0.9, "digits": 2},
    "98.rounding": {"kind": "spread"},
}
AS_STORED = {"98.equal": 1.0, "98.accuracy": 0.951, "98.rounding": 36.0}


@pytest.fixture(autouse=True)
def _stored(lessons):
    claims.VALUES.write_text(STORED)
    judge._expected.cache_clear()
    yield
    judge._expected.cache_clear()


def made(values, *, keras="4"):
    found = {
        name: Claim(name, words=f"{name} in words", value=values[name], mode="fast", **promise)
        for name, promise in PROMISES.items()
    }
    return Record(
        "98",
        "98_trial",
        {"fast": True},
        "passed",
        1.0,
        "",
        1.0,
        found,
        {},
        None,
        {"keras": keras},
        {"keras": keras},
    )


def report(record, monkeypatch, capsys):
    """Run the command on a record; return its exit status, the table's rows and the count."""
    monkeypatch.setattr(moved, "run", lambda *given: (record, {}))
    monkeypatch.setattr(sys, "argv", ["moved", "98"])
    with pytest.raises(SystemExit) as exit_status:
        moved.main()
    lines = capsys.readouterr().out.splitlines()
    return exit_status.value.code, lines[2 : lines.index("")], json.loads(lines[-1])


def test_values_as_stored_and_other_digits_within_reach_are_no_move(monkeypatch, capsys):
    near = AS_STORED | {"98.accuracy": 0.944}
    assert report(made(near), monkeypatch, capsys) == (0, [], {"results": 3})


@pytest.mark.parametrize(
    ("name", "value", "status", "said"),
    [
        (
            "98.equal",
            0.0,
            1,
            "| 98.equal | fact | 98.equal in words | 0 | 1 | **misses**: must be 1 |",
        ),
        (
            "98.accuracy",
            0.85,
            1,
            "| 98.accuracy | bound | 98.accuracy in words | 0.850 | 0.952 (0.941 to 0.961) |"
            " **misses**: at least 0.9 |",
        ),
        (
            "98.accuracy",
            1.9,
            0,
            "| 98.accuracy | bound | 98.accuracy in words | 1.900 | 0.952 (0.941 to 0.961) | moved |",
        ),
        (
            "98.rounding",
            41.0,
            0,
            "| 98.rounding | spread | 98.rounding in words | 41 | 36 | moved |",
        ),
    ],
)
def test_each_kind_is_named_with_what_it_was(name, value, status, said, monkeypatch, capsys):
    found = report(made(AS_STORED | {name: value}), monkeypatch, capsys)
    assert found == (status, [said], {"results": 3, "missed" if status else "moved": 1})


def test_on_the_versions_of_the_measurement_a_last_digit_is_a_move(monkeypatch, capsys):
    record = made(AS_STORED | {"98.accuracy": 0.952}, keras="3")
    assert report(record, monkeypatch, capsys)[2] == {"results": 3, "moved": 1}


def test_a_lesson_that_stops_is_named_with_its_error(monkeypatch, capsys):
    failure = Failure(3, "fit()", "ValueError", "no | such thing")
    stopped = replace(made(AS_STORED), outcome="failed", failure=failure)
    status, rows, count = report(stopped, monkeypatch, capsys)
    assert (status, count["stopped"]) == (1, 1)
    assert rows == ["| 98 | | cell 3, `fit()`: ValueError: no \\| such thing | | | **stops** |"]


def test_a_promise_is_held_to_where_nothing_is_stored_of_it(monkeypatch, capsys):
    record = made(AS_STORED | {"98.equal": 0.0})
    new = replace(record.claims.pop("98.equal"), name="98.new", words="new")
    record.claims["98.new"] = new
    of_others = replace(new, name="98.others", words="of others", standard=False)
    record.claims["98.others"] = of_others
    status, rows, count = report(record, monkeypatch, capsys)
    assert (status, count) == (1, {"results": 2, "missed": 2, "gone": 1})
    assert rows == [
        "| 98.new | fact | new | 0 | nothing | **misses**: must be 1 |",
        "| 98.others | fact | of others | 0 | nothing | **misses**: must be 1 |",
        "| 98.equal |  |  |  | 1 | **gone** |",
    ]


def test_a_stored_result_that_is_no_longer_recorded_fails(monkeypatch, capsys):
    record = made(AS_STORED)
    del record.claims["98.rounding"]
    status, rows, count = report(record, monkeypatch, capsys)
    assert (status, count) == (1, {"results": 2, "gone": 1})
    assert rows == ["| 98.rounding |  |  |  | 36 | **gone** |"]


def test_where_nothing_is_stored_nothing_was_compared_and_the_command_fails(monkeypatch, capsys):
    claims.VALUES.write_text("")
    claims.stored.cache_clear()
    assert report(made(AS_STORED), monkeypatch, capsys) == (1, [], {"results": 0})


def test_where_nothing_was_recorded_the_command_fails(monkeypatch, capsys):
    assert report(replace(made(AS_STORED), claims={}), monkeypatch, capsys)[0] == 1
