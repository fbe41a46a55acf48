"""Checks that answer a learner: right, wrong with a hint, not attempted, or broken by an error of their own.

A check is a function of the learner's answers, run at once by its decorator:

    @exercise("02.1", rmse)
    def check(rmse):
        expect(abs(rmse([0.0], [3.0]) - 3.0) < 1e-9, "Take the root after the mean, not before.")

It judges what an answer does, never how it is written; `expect_close` judges numbers. The outcome is printed and kept
in the output's metadata.
"""

import os
import traceback
from collections.abc import Callable, Mapping
from functools import wraps
from types import FunctionType
from typing import Any

import numpy as np

from course.outputs import announce

GRADING = "COURSE_GRADING"  # set by graders: then everything but "right" also raises
OUTCOMES = ("right", "wrong", "not attempted", "broken")
NOTHING = "Your function returns nothing. Does it end in a return?"


class Hint(AssertionError):
    """An expectation that the answer does not meet; its text is the hint."""


def expect(condition: Any, hint: str) -> None:
    """Judge one behavior of an answer; `hint` tells the learner where to look when `condition` is false."""
    if not condition:
        raise Hint(hint)


def expect_close(found: Any, expected: Any, hint: str, mistakes: Mapping[str, Any] | None = None) -> None:
    """Judge numbers (of any shape, to 1e-5); `mistakes` maps the hint of a typical mistake to what it would give."""

    def close(numbers: Any) -> bool:
        return np.shape(found) == np.shape(numbers) and np.allclose(found, numbers, atol=1e-5)

    expect(found is not None, NOTHING)
    if not close(expected):
        for mistake, numbers in (mistakes or {}).items():
            expect(not close(numbers), mistake)
        raise Hint(hint)


def exercise(name: str, *answers: Any) -> Callable[[Callable[..., None]], str]:
    """Run the decorated check on `answers` now; the decorated name becomes the outcome (see OUTCOMES).

    An answer is not attempted while it is `...`, or a function or class whose stub is untouched.
    """

    def run(check: Callable[..., None]) -> str:
        outcome, message = _judge(check, answers)
        line = f"Exercise {name}: {outcome}" + (f". {message}" if message else ".")
        announce(line, {"exercise": {"name": name, "outcome": outcome, "message": message}})
        if outcome != "right" and GRADING in os.environ:
            raise AssertionError(line)
        return outcome

    return run


def _judge(check: Callable[..., None], answers: tuple[Any, ...]) -> tuple[str, str]:
    if any(map(is_stub, answers)):
        return "not attempted", "Replace the ... above and run both cells again."
    results: list[Any] = []
    try:
        check(*(_watched(answer, results) for answer in answers))
    except Hint as hint:
        return "wrong", str(hint)
    except Exception as error:
        if results and results[0] is None:  # what the check could not work with
            return "wrong", NOTHING
        last = traceback.extract_tb(error.__traceback__)[-1]
        return "broken", f"{type(error).__name__}: {error} (at `{last.line or last.name}`)"
    return "right", ""


def _watched(answer: Any, results: list[Any]) -> Any:
    """The answer; where it is a function, `results` then holds what its last call returned, if it came to its end."""
    if not isinstance(answer, FunctionType):
        return answer

    @wraps(answer)
    def watched(*args: Any, **kwargs: Any) -> Any:
        results.clear()
        results.append(answer(*args, **kwargs))
        return results[0]

    return watched


def is_stub(answer: Any) -> bool:
    """True for `...`, for a function that only holds `...`, and for a class with such a method."""
    if isinstance(answer, type):
        return any(is_stub(member) for member in vars(answer).values() if isinstance(member, FunctionType))
    if isinstance(answer, FunctionType):
        code = answer.__code__
        return code.co_code in _EMPTY and {*code.co_consts} <= {None, answer.__doc__}
    return answer is Ellipsis


def _plain() -> None: ...


def _documented() -> None:
    """As `_plain`, with a docstring, which shifts the constants."""
    ...


_EMPTY = {_plain.__code__.co_code, _documented.__code__.co_code}
