"""Checks that answer a learner: right, wrong with a hint, not attempted, or broken by an error of their own.

A check stands in its lesson's source, as a function of the learner's answers:

    @exercise("02.1", rmse, draw=draw)
    def check(rmse):
        expect(abs(rmse([0.0], [3.0]) - 3.0) < 1e-9, "Take the root after the mean, not before.")

Notebooks hold only `check("02.1")`, which gets it from there, so no answer lies beside the question. A check judges
what an answer does, never how it is written: first by its own cases, whose hints name typical mistakes, then against
the solution on the inputs that `draw` makes. Hints come one at a time: the behavior, then nearer, then where the
solution stands.
"""

import ast
import contextlib
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from types import FunctionType
from typing import Any

from course import cells, drawn
from course.catalog import Exercise, LessonError, find
from course.drawn import NOTHING, Draw, generators
from course.stubs import is_stub
from course.verdicts import Verdict, hint, tally, tell

__all__ = [
    "NOTHING",
    "check",
    "exercise",
    "expect",
    "expect_close",
    "generators",
    "hint",
    "judge",
    "tally",
    "verdict",
]

SENTENCE = re.compile(r"(?<=[.?!]) +(?=[A-Z`\"(])")


class Hint(AssertionError):
    """An expectation that the answer does not meet; its text is the hint, `general` where it fits any mistake."""

    def __init__(self, text: str, *, general: bool = False) -> None:
        super().__init__(text)
        self.general = general


class OddAnswer(Exception):
    """An answer, judged from outside its process, that is not made of plain data; `told` is what and its line."""

    def __init__(self, what: str, line: str) -> None:
        super().__init__(what)
        self.told = (what, line)


def expect(condition: Any, hint: str, *, general: bool = False) -> None:
    """Judge one behavior of an answer; `hint` tells the learner where to look when `condition` is false."""
    if not condition:
        raise Hint(hint, general=general)


def expect_close(
    found: Any, expected: Any, hint: str, mistakes: Mapping[str, Any] | None = None
) -> None:
    """Judge numbers (of any shape, to 1e-5); `mistakes` maps the hint of a typical mistake to what it would give."""
    found = drawn.plain(found)

    def close(numbers: Any) -> bool:
        return drawn.alike(found, drawn.plain(numbers))

    expect(found is not None, NOTHING)
    if not close(expected):
        for mistake, numbers in (mistakes or {}).items():
            expect(not close(numbers), mistake)
        raise Hint(hint, general=bool(mistakes))


def exercise(
    name: str, *answers: Any, draw: Draw | None = None
) -> Callable[[Callable[..., None]], str]:
    """Run the decorated check on `answers` now; the decorated name becomes the outcome (see `course.verdicts`).

    An answer is not attempted while it is `...`, or a function or class whose stub is untouched. `draw` gives from a
    random generator the arguments of a call; the answer must then agree with the solution on drawn.DRAWS of them.
    """

    def run(check: Callable[..., None]) -> str:
        return tell(name, answers, judge(name, check, answers, draw))

    return run


def check(name: str) -> None:
    """Judge the answers to exercise `name`, such as "01.1", that the running notebook holds, and show how they stand.

    Raises LessonError when no lesson has that exercise.
    """
    notebook = vars(sys.modules["__main__"])
    answers = tuple(notebook.get(answer, ...) for answer in _text(name).answers)
    tell(name, answers, _unrun(name, notebook) or verdict(name, notebook))


def verdict(name: str, notebook: Mapping[str, Any]) -> Verdict:
    """Judge the answers to exercise `name` among the names of `notebook`, and show nothing.

    `notebook` must hold what the answers and their check use of the lesson's cells. Raises LessonError when no lesson
    has that exercise, KeyError when an answer is missing.
    """
    text = _text(name)
    return judging(text, notebook).judge(tuple(notebook[each] for each in text.answers))


@dataclass
class Judging:
    """What answers to one exercise are judged by: its check, and what draws their inputs. It shows nothing.

    It may judge any number of answers. `text` is what the lesson holds of the exercise, None where no lesson has it.
    """

    name: str
    check: Callable[..., None]
    draw: Draw | None
    text: Exercise | None
    _trials: dict[tuple[int, ...], drawn.Trial] = field(default_factory=dict)

    def judge(self, answers: tuple[Any, ...]) -> Verdict:
        """Judge answers by the check and by drawn inputs."""
        if any(map(is_stub, answers)):
            return Verdict("not attempted", ("Replace the ... above and run both cells again.",))
        results: list[Any] = []
        watched = tuple(
            _watched(answer, results, place not in self._giving_nothing)
            for place, answer in enumerate(answers)
        )
        try:
            self.check(*watched)
            found = self._difference(watched)
            if found:
                return Verdict("wrong", (*_steps(found.behavior), found.example), found.general)
        except Hint as hint:
            if results and results[-1] is None:
                return Verdict("wrong", _steps(NOTHING))
            return self._nearer(watched, hint)
        except Exception as error:
            if results and results[-1] is None:  # what the check could not work with
                return Verdict("wrong", _steps(NOTHING))
            return Verdict("broken", (_own_error(error, self.check, answers, results),))
        return Verdict("right")

    def trial(self) -> drawn.Trial | None:
        """Return the drawn inputs, with what the lesson's solution gives for them; None where none are drawn."""
        if self.draw is None:
            return None
        seed = drawn.seed()
        if seed not in self._trials:
            self._trials[seed] = drawn.trial(self._reference(), self.draw)
        return self._trials[seed]

    def _reference(self) -> Callable:
        """Return the lesson's own answer, run beside what the check uses."""
        text = self.text or _text(self.name)
        own = dict(getattr(self.check, "__globals__", {}))
        exec(compile(text.solution, f"<solution of exercise {self.name}>", "exec"), own)
        return own[text.answers[0]]

    def _difference(self, answers: tuple[Any, ...]) -> drawn.Difference | None:
        """How the answer differs from the solution on drawn inputs; None where it does not, or none are drawn."""
        trial = self.trial()
        return drawn.difference(answers[0], trial) if trial else None

    def _nearer(self, answers: tuple[Any, ...], hint: Hint) -> Verdict:
        """Judge by a check's own hint, with what drawn inputs add: the behavior to a general one, an example."""
        steps = _steps(str(hint))
        found = None
        if hint.general or len(steps) == 1:
            # Where the answer breaks on other inputs, too, the hint came first.
            with contextlib.suppress(Exception):
                found = self._difference(answers)
        if not found:
            return Verdict("wrong", steps, hint.general)
        if hint.general and not found.general:
            return Verdict("wrong", (found.behavior, str(hint), found.example))
        return Verdict("wrong", (*steps, found.example), hint.general)

    @cached_property
    def _giving_nothing(self) -> set[int]:
        """The places of answers of which the solution's function returns nothing, or None, so that it is no mistake."""
        if self.text is None:
            return set()
        functions = {
            each.name: each
            for each in ast.parse(self.text.solution).body
            if isinstance(each, ast.FunctionDef)
        }
        names = enumerate(self.text.answers)
        return {place for place, name in names if not _gives(functions.get(name))}


def judge(
    name: str, check: Callable[..., None], answers: tuple[Any, ...], draw: Draw | None = None
) -> Verdict:
    """Judge `answers` to exercise `name` by `check` and by drawn inputs, and show nothing."""
    try:
        text = _text(name)
    except LessonError:
        text = None
    return Judging(name, check, draw, text).judge(answers)


def judging(
    text: Exercise, notebook: Mapping[str, Any], tools: Mapping[str, Any] | None = None
) -> Judging:
    """Return what answers are judged by, from the text of an exercise and what it uses of the `notebook`'s names.

    `tools` may stand in for `expect` and `expect_close`, as to count what is met; then no inputs are drawn.
    """
    tree = ast.parse(text.check)
    checking = tree.body[-1]
    assert isinstance(checking, ast.FunctionDef)
    checking.decorator_list.clear()  # it would judge, and show, on the spot
    space = dict(notebook)
    for tool in ("NOTHING", "expect", "expect_close", "generators"):
        space[tool] = globals()[tool]
    exec(compile(tree, f"<check of exercise {text.name}>", "exec"), space)
    space |= tools or {}  # after the check's own imports
    draws = "draw=draw" in text.check and not tools
    return Judging(text.name, space[checking.name], space["draw"] if draws else None, text)


def _steps(text: str) -> tuple[str, ...]:
    """Cut a hint into the behavior that it names, its first sentence, and the rest."""
    return tuple(SENTENCE.split(text, maxsplit=1))


def _unrun(name: str, notebook: Mapping[str, Any]) -> Verdict | None:
    """Return the verdict where a cell of the answers has not run, or has stopped with an error."""
    for answer in _text(name).answers:
        if error := cells.stopped(answer):
            again = "Fix that cell, run it, then run this one again."
            return Verdict("broken", (f"The cell of `{answer}` did not run: {error}. {again}",))
        if answer not in notebook:
            missing = f"The cell of `{answer}` has not run yet. Run it, then run this one again."
            return Verdict("not attempted", (missing,))
    return None


def _text(name: str) -> Exercise:
    exercises = find(name[:2]).exercises
    if name not in exercises:
        raise LessonError(f"exercise {name!r}: must be one of {', '.join(exercises)}")
    return exercises[name]


def _gives(function: ast.FunctionDef | None) -> bool:
    """Whether a function always returns a value, so that to return nothing is a mistake."""
    if function is None:
        return False
    returned = [each.value for each in ast.walk(function) if isinstance(each, ast.Return)]
    return bool(returned) and not any(
        value is None or ast.unparse(value) == "None" for value in returned
    )


def _watched(answer: Any, results: list[Any], gives: bool) -> Any:
    """Return the answer; of a function, `results` then holds what its last call returned, if it came to its end."""
    if not isinstance(answer, FunctionType):
        return answer

    @wraps(answer)
    def watched(*args: Any, **kwargs: Any) -> Any:
        results.clear()
        found = answer(*args, **kwargs)
        if gives:
            results.append(found)
        return found

    return watched


def _own_error(
    error: Exception, check: Callable, answers: tuple[Any, ...], results: list[Any]
) -> str:
    """Tell of an error in the learner's words: the line of the answer where it arose or what the check cannot use."""
    files = {code.co_filename for answer in answers for code in _codes(answer)}
    own = getattr(check, "__code__", None)
    frames = [
        frame
        for (held, _), frame in zip(
            traceback.walk_tb(error.__traceback__),
            traceback.extract_tb(error.__traceback__),
            strict=True,
        )
        if frame.filename in files
        and held.f_code is not own
        and held.f_code.co_filename != __file__
    ]
    line = (frames[-1].line or frames[-1].name) if frames else ""
    told, line = getattr(error, "told", (f"{type(error).__name__}: {error}", line))
    if line:
        return f"{told} (at `{line}`)"
    if hasattr(error, "told"):
        return told
    if isinstance(error, NameError):
        return (
            f"{told}. The cells above make it: run them from the first on, then run this one again."
        )
    given = f", which your function gave: {results[-1]!r:.80}" if results else ""
    return f"{told}. The check cannot work with the answer{given}."


def _codes(answer: Any) -> list[Any]:
    members = vars(answer).values() if isinstance(answer, type) else [answer]
    return [member.__code__ for member in members if isinstance(member, FunctionType)]
