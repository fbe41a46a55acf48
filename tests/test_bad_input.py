"""Damaged inputs in bulk: each is refused by a named error, or read; none leaves a file or takes long."""

import pytest

from benchmarks.bad_input import TARGETS, trial
from course.classroom import roster

CASES = 60


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_refused_by_name(name):
    count, wrong = trial(TARGETS[name], cases=CASES)
    assert not wrong
    assert count["cases"] >= CASES
    print(f"{count['cases']} cases, {count['refused']} refused")


def refusing(error):
    def use(folder, content):
        raise error

    return use


def leaving(folder, content):
    (folder / "class.csv.lock").touch()
    raise roster.RosterError("class.csv, line 1: no")


@pytest.mark.parametrize(
    ("use", "kind", "says"),
    [
        (refusing(roster.RosterError("")), "nameless", "names nothing in a line: ''"),
        (refusing(roster.RosterError("line 2: no")), "nameless", "'line 2: no'"),
        (refusing(roster.RosterError("class.csv, line 2:\nno")), "nameless", "class.csv"),
        (lambda folder, content: None, "unrefused", "none of them was refused"),
        (leaving, "partial", "a file is left, class.csv.lock"),
    ],
)
def test_a_reader_that_names_nothing_refuses_nothing_or_leaves_something_fails(use, kind, says):
    count, (wrong,) = trial(TARGETS["roster"]._replace(use=use), cases=3)
    assert count[kind] > 0
    assert says in wrong
