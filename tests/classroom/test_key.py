"""From outside the sandbox every solution is right and every wrong answer gets the hint that a notebook would give."""

import ast
import os
from functools import cache

import pytest

from course.authoring import slice
from course.authoring.source import read
from course.catalog import all_lessons, find
from course.classroom import key, sandbox
from course.classroom.sandbox import Limits, Sandbox

pytestmark = pytest.mark.skipif(
    sandbox.found() is None, reason="bubblewrap is not installed; install the package bubblewrap"
)


def start():
    return Sandbox(Limits(wall=120, start=300))


CHOSEN = (
    "01",
    "02",
    "03",
    "04",
    "16",
)  # all of them take minutes: COURSE_ALL=1 pytest tests/classroom/test_key.py
LESSONS = [each for each in all_lessons() if "COURSE_ALL" in os.environ or each.number in CHOSEN]


CONSTANTS = ("0", "1", "0.5", "-1", "True", "None", "''", "[]", "{}", "given[0]", "given[-1]")


@cache
def keys_of(lesson):
    return key.lesson_key(lesson.number, start)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_an_answer_that_does_nothing_gets_next_to_nothing(lesson):
    with key.Serving(start) as serving:
        for name, each in keys_of(lesson).items():
            for value in CONSTANTS:
                answer = [f"def {name}(*given): return {value}" for name in each.text.answers]
                judged = key.judge(each, serving.sandbox(key.OUTSIDE), "\n".join(answer), [])
                assert judged.verdict.outcome != "right"
                assert judged.share <= (0.2 if value == "0.5" else 0), (name, value)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_solutions_are_right_and_wrong_answers_get_their_hints(lesson):
    keys = keys_of(lesson)
    assert keys.keys() == lesson.exercises.keys()
    tried = 0
    with key.Serving(start) as serving:
        for name, cells in read(lesson.name).exercises.items():
            for cell in cells:
                if "wrong" in cell.tags:
                    sandbox = serving.sandbox(keys[name].way)
                    # An answer may have several cells, of which one is wrong.
                    answer = f"{keys[name].text.solution}\n\n\n{cell.source}"
                    judged = key.judge(keys[name], sandbox, answer, [])
                    assert judged.verdict.outcome != "right", cell.source
                    assert cell.hint in " ".join(judged.verdict.hints), cell.source
                    assert 0 <= judged.share < 1
                    tried += 1
    assert tried >= 2 * len(keys)
    ways = {name: each.way for name, each in keys.items()}
    print(f"{tried} wrong answers refused; judged {ways}")


@pytest.mark.parametrize(
    ("name", "way"), [("03.2", key.OUTSIDE), ("05.2", key.OUTSIDE), ("10.3", key.INSIDE)]
)
def test_an_answer_may_use_what_its_solution_does_not(name, way):
    source = read(find(name[:2]).name)
    text = find(name[:2]).exercises[name]
    rests_on = ast.unparse(ast.Module(slice.statements(source, name), []))
    assert "np" not in rests_on  # its check has an import of its own
    exercise = key.ExerciseKey(text, rests_on, way, 5, above=slice.above(source, name))
    answer = f"pi = np.pi\n{text.solution}\ntau = double(pi)\n%timeit np.sum(pi)"
    own = ["raise SystemExit", "def double(x):\n    return 2 * x"]
    with key.Serving(start) as serving:
        judged = key.judge(exercise, serving.sandbox(way), answer, own)
    assert (judged.verdict.outcome, judged.share) == ("right", 1.0), judged.verdict.hints
