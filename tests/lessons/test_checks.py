"""Every check by itself, on the part of its lesson that it needs: what it refuses, how, and what it accepts."""

import time
from functools import wraps

import pytest

from course.authoring.slice import above, namespace
from course.authoring.source import read, stub
from course.catalog import all_lessons, find
from course.drawn import DRAWS
from course.exercises import verdict
from course.learner.judge import _judge

NOT_DRAWN = {  # why an answer is not run on drawn inputs
    "03.3": "trains a model",
    "04.4": "draws a figure",
    "05.3": "draws numbers itself",
    "06.2": "is a class",
    "07.2": "is a class",
    "10.1": "works on models",
    "10.2": "works on models",
    "10.3": "works on files",
    "11.3": "works on a trainer",
    "12.1": "works on threads",
    "12.2": "works on files",
}
LIST = "return [int(left[0]), int(spent + curves.shape[1] - epochs)]"
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
def test_an_answer_may_use_what_its_solution_does_not(name):
    worked = above(SOURCES[name[:2]], name)
    if "import numpy as np\n" not in worked:
        pytest.skip("the notebook has no np above this exercise")
    answer = "\n\n".join(["pi = np.pi", *solutions(name), "display(np.pi)"])
    found = _judge(name, answer, namespace(SOURCES[name[:2]], name), worked)
    assert (found.outcome, found.hints) == ("right", ())


@pytest.mark.parametrize("name", [name for name in EXERCISES if name not in NOT_DRAWN])
def test_an_answer_is_run_on_a_hundred_drawn_inputs(name):
    space, calls = answered(name, *solutions(name)), []
    [answer] = find(name[:2]).exercises[name].answers
    solution = space[answer]

    @wraps(solution)
    def counted(*arguments):
        calls.append(repr(arguments))
        return solution(*arguments)

    assert verdict(name, space | {answer: counted}).outcome == "right"
    assert len(calls) >= DRAWS == 100
    assert len({*calls}) > (5 if name == "16.3" else 50)  # 16.3 has six inputs in all


@pytest.mark.parametrize("name", EXERCISES)
def test_the_stub_is_not_attempted(name):
    assert verdict(name, answered(name, *map(stub, solutions(name)))).outcome == "not attempted"


@pytest.mark.parametrize("name", EXERCISES)
def test_each_wrong_answer_is_refused_with_its_hint(name):
    for wrong in cells(name, "wrong"):
        found = verdict(name, answered(name, *solutions(name), wrong.source))
        assert found.outcome == "wrong", wrong.source
        assert wrong.hint in " ".join(found.hints), wrong.source


@pytest.mark.parametrize("name", EXERCISES)
def test_a_check_needs_no_import_of_the_solution(name):
    made = answered(name, *solutions(name))
    answers = {each: made[each] for each in find(name[:2]).exercises[name].answers}
    found = verdict(name, answered(name) | answers)
    assert (found.outcome, found.hints) == ("right", ())


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("12.2", "os.fsync", "fsync"),
        ("19.3", "return int(left[0]), int(spent + curves.shape[1] - epochs)", LIST),
    ],
)
def test_another_way_to_write_the_solution_is_right(name, old, new):
    [solution] = solutions(name)
    assert old in solution
    answer = f"from os import fsync\n{solution.replace(old, new)}"
    found = verdict(name, answered(name, answer))
    assert (found.outcome, found.hints) == ("right", ())


def test_an_answer_need_not_be_a_plain_function():
    partial = f"{solutions('12.2')[0]}\n\n\nimport functools\nwrite_whole = functools.partial(write_whole)"
    found = verdict("12.2", answered("12.2", partial))
    assert (found.outcome, found.hints) == ("right", ())


def test_an_answer_that_should_return_nothing_is_not_blamed_for_it():
    hidden = solutions("11.3")[0] + "\n    trainer.step = 3"  # where the method was
    (told,) = verdict("11.3", answered("11.3", hidden)).hints
    assert told.startswith("TypeError: 'int' object is not callable")
