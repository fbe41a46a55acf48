"""What a lesson's exercises are judged by: the grader's own side, which enters no sandbox before an answer has run.

A key is plain data: one process makes it for all graders, on whatever machine they are. An exercise is judged from
outside where its own solution passes that way, that is, where all that goes in and comes out is plain data. Where it
does not (a class, a model, a generator), it is judged inside, which the gradebook says.
"""

import ast
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from course import drawn
from course.catalog import Exercise, LessonError, find
from course.classroom import remote
from course.classroom.comparison import compare
from course.classroom.sandbox import Contained, Sandbox
from course.classroom.tally import tallied
from course.exercises import Judging, OddAnswer, judging
from course.verdicts import OUTCOMES, Verdict

OUTSIDE = "outside"
INSIDE = "inside"
MEMORY = "tracemalloc"  # a check with it looks at what the answer's own process does
KEPT = 16  # exercises whose checks a process keeps ready
IDLE = ("0", "1", "given[0]", "given[-1]", "[]", "{}")  # what answers return that do nothing
NO_REPLY = (
    KeyError,
    TypeError,
    AttributeError,
    ValueError,
    OverflowError,
)  # raised in reading what is none

Answers = tuple[Any, ...]


@dataclass(frozen=True)
class Judged:
    """How one answer stands: the verdict, its share of the points (0 to 1), and where it was judged.

    The share is that of the expectations which an answer that does nothing does not meet as well.
    `compared` holds the numbers of a wrong answer and those that are right, where there are such.
    """

    exercise: str
    verdict: Verdict
    share: float
    way: str
    compared: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class ExerciseKey:
    """What one exercise is judged by: its texts, the lesson's cells that it rests on, and how it is judged."""

    text: Exercise
    lesson: str
    way: str = OUTSIDE
    most: int = 0  # expectations that the solution meets
    free: int = 0  # those that an answer meets that does nothing
    above: str = ""  # all worked cells above, of which an answer may use more than the solution

    @property
    def name(self) -> str:
        return self.text.name


@lru_cache(KEPT)
def _judging(text: Exercise, lesson: str) -> tuple[Judging, dict[str, Any]]:
    """Return what answers are judged by, with the names that the lesson's cells have made for it."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(lesson, f"<lesson of exercise {text.name}>", "exec"), space)
    return judging(text, space), space


class Serving:
    """One sandbox for answer after answer, which `start` starts; use it in a `with`.

    It is replaced where it has ended, and for an answer that is judged inside, which others must not have touched.
    """

    def __init__(self, start: Callable[[], Sandbox]) -> None:
        self._start = start
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> "Serving":
        return self

    def __exit__(self, *_: object) -> None:
        if self._sandbox:
            self._sandbox.close()

    def sandbox(self, way: str) -> Sandbox:
        """Return a sandbox for an answer that is judged in this way."""
        if self._sandbox and (self._sandbox.ended or way == INSIDE):
            self._sandbox.close()
            self._sandbox = None
        self._sandbox = self._sandbox or self._start()
        return self._sandbox


def lesson_key(number: str, start: Callable[[], Sandbox]) -> dict[str, ExerciseKey]:
    """Make the key of a lesson, such as "05", from its solutions; `start` starts a sandbox.

    Raises LessonError where a solution is not right.
    """
    with Serving(start) as serving:
        return _lesson_key(number, serving)


def _lesson_key(number: str, serving: Serving) -> dict[str, ExerciseKey]:
    from course.authoring import slice, source  # takes a second, and graders have no need of it

    lesson = find(number)
    text = source.read(lesson.name)
    keys = {}
    for name, exercise in lesson.exercises.items():
        rests_on = ast.unparse(ast.Module(slice.statements(text, name), []))
        above = slice.above(text, name)
        for way in (INSIDE,) if MEMORY in exercise.check else (OUTSIDE, INSIDE):
            key = ExerciseKey(exercise, rests_on, way, above=above)
            judged, most, _ = _tried(key, serving.sandbox(way), exercise.solution, [])
            if judged.outcome == "right":
                key = replace(key, most=most)
                keys[name] = replace(key, free=_free(key, serving))
                break
        else:
            raise LessonError(f"exercise {name}: its solution is {judged.outcome}: {judged.hints}")
    return keys


def _free(key: ExerciseKey, serving: Serving) -> int:
    """Return how many expectations an answer meets that does nothing, whatever it returns; never all of them."""
    met = [0]
    for value in IDLE:
        answer = "\n".join(
            f"def {name}(*given, **named): return {value}" for name in key.text.answers
        )
        met.append(_tried(key, serving.sandbox(OUTSIDE), answer, [])[1])  # nothing is to be feared
    return min(max(met), key.most - 1)


def judge(key: ExerciseKey, sandbox: Sandbox, answer: str, own: list[str]) -> Judged:
    """Judge the source of an answer, with the student's `own` cells above it, in a sandbox that may be used again."""
    verdict, met, answers = _tried(key, sandbox, answer, own)
    if verdict.outcome == "right":
        return Judged(key.name, verdict, 1.0, key.way)
    counts = verdict.outcome != "not attempted"
    most = key.most - key.free
    share = min(max(met - key.free, 0), most - 1) / most if counts else 0.0
    compared = None
    if verdict.outcome == "wrong" and answers:
        with contextlib.suppress(Exception):  # a figure is an extra: the verdict stands without it
            compared = compare(_judging(key.text, key.lesson)[0], answers[0])
    return Judged(key.name, verdict, share, key.way, compared)


def value(sandbox: Sandbox, exercise: str, answer: str, name: str) -> tuple[Verdict, Any]:
    """Run the source of an answer and return the data that `name` then holds; the verdict says if that went well."""
    request = {"do": "prepare", "exercise": exercise, "lesson": "", "own": [], "answer": answer}
    try:
        told = sandbox.ask(request | {"names": [name]}, seconds=sandbox.limits.start)
        if "raised" in told:
            what, _ = remote.error(told["raised"]).told  # type: ignore[attr-defined]
            return Verdict("broken", (what,)), None
        return Verdict("right"), remote.answer(sandbox.ask, exercise, name, told["answers"][name])
    except (Contained, OddAnswer) as error:
        return Verdict("broken", (error.told[0],)), None
    except NO_REPLY:
        return Verdict("broken", (Contained("its reply is no reply").told[0],)), None


def _tried(
    key: ExerciseKey, sandbox: Sandbox, answer: str, own: list[str]
) -> tuple[Verdict, int, Answers]:
    """Return the verdict, how many expectations hold, and what stands for the answers outside of the sandbox."""
    names = list(key.text.answers)
    prepare = {"do": "prepare", "exercise": key.name, "lesson": key.lesson}
    try:
        request = prepare | {"above": key.above, "own": own, "answer": answer, "names": names}
        told = sandbox.ask(request, seconds=sandbox.limits.start)
        if "raised" in told:
            what, line = remote.error(told["raised"]).told  # type: ignore[attr-defined]
            return Verdict("broken", (f"{what} (at `{line}`)" if line else what,)), 0, ()
        if key.way == INSIDE:
            return *_judged_inside(key, sandbox, names), ()
        kinds = told["answers"]
        ask = sandbox.answering()
        answers = tuple(remote.answer(ask, key.name, each, kinds[each]) for each in names)
    except (Contained, OddAnswer) as error:
        return Verdict("broken", (error.told[0],)), 0, ()
    except NO_REPLY:
        return Verdict("broken", (Contained("its reply is no reply").told[0],)), 0, ()
    return *tallied(*_judging(key.text, key.lesson), answers, key.most), answers


def _judged_inside(key: ExerciseKey, sandbox: Sandbox, names: list[str]) -> tuple[Verdict, int]:
    """Have an answer judged where it is; believed only with the token, which the code did not know before."""
    token = secrets.token_hex(16)
    what = {"do": "judge", "exercise": key.name, "names": names, "check": key.text.check}
    reply = sandbox.ask(
        {**what, "solution": key.text.solution, "seed": drawn.seed(), "token": token}
    )
    if "raised" in reply:
        return Verdict("broken", (str(reply["raised"].get("message")),)), 0
    if not secrets.compare_digest(str(reply["token"]), token):
        raise Contained("its reply has the wrong token")
    if reply["outcome"] not in OUTCOMES:
        raise Contained("its reply is no reply")
    return Verdict(reply["outcome"], tuple(map(str, reply["hints"]))), int(reply["met"])
