"""Every check by itself, on the part of its lesson that it needs: what it refuses, how, and what it accepts."""

import time

import pytest

from course.authoring.slice import namespace
from course.authoring.source import read, stub
from course.catalog import all_lessons
from course.exercises import verdict

LIMIT = 1.0  # seconds that a learner waits for a check
SOURCES = {lesson.number: read(lesson.name) for lesson in all_lessons()}
EXERCISES = [name for source in SOURCES.values() for name in source.exercises]


def answered(name, *texts):
    """The names of the notebook after `texts` have run one after the other, on what the exercise rests on."""
    space = namespace(SOURCES[name[:2]], name)
    for text in texts:
        exec(compile(text, f"<answer to {name}>", "exec"), space)
    return space


def cells(name, tag):
    return [cell for cell in SOURCES[name[:2]].exercises[name] if tag in cell.tags]


def solutions(name):
    return [cell.source for cell in cells(name, "solution")]


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_is_right_within_a_second(name):
    space = answered(name, *solutions(name))
    verdict(name, space)  # what is slow the first time only, such as imports
    started = time.process_time()
    found = verdict(name, space)
    assert (found.outcome, found.hints) == ("right", ())
    assert time.process_time() - started < LIMIT


@pytest.mark.parametrize("name", EXERCISES)
def test_the_stub_is_not_attempted(name):
    assert verdict(name, answered(name, *map(stub, solutions(name)))).outcome == "not attempted"


@pytest.mark.parametrize("name", EXERCISES)
def test_each_wrong_answer_is_refused_with_its_hint(name):
    for wrong in cells(name, "wrong"):
        found = verdict(name, answered(name, *solutions(name), wrong.source))
        assert found.outcome == "wrong", wrong.source
        assert wrong.hint in " ".join(found.hints), wrong.source


def test_an_answer_that_should_return_nothing_is_not_blamed_for_it():
    hidden = solutions("11.3")[0] + "\n    trainer.step = 3"  # where the method was
    (told,) = verdict("11.3", answered("11.3", hidden)).hints
    assert told.startswith("TypeError: 'int' object is not callable")
