"""How an answer stands, and what a learner is shown of it: one hint, and one more after each further mistake."""

import os
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from course.catalog import LessonError, find
from course.outputs import announce_exercise

GRADING = "NBGRADER_EXECUTION"  # set by nbgrader: then everything but "right" also raises
OUTCOMES = ("right", "wrong", "not attempted", "broken")


@dataclass(frozen=True)
class Verdict:
    """How an answer stands: one of OUTCOMES, and the hints in the order in which a learner gets them.

    `general` is true where the first hint would fit any mistake.
    """

    outcome: str
    hints: tuple[str, ...] = ()
    general: bool = False


@dataclass
class _Try:
    """The last try at an exercise: what was judged, and how many of its hints were shown."""

    answers: tuple[Any, ...]
    verdict: Verdict
    shown: int = 1


_tries: dict[str, _Try] = {}


def hint(name: str) -> None:
    """Show one more hint for the last wrong answer to exercise `name`."""
    if name not in _tries or _tries[name].verdict.outcome != "wrong":
        print(f"Exercise {name}: run its check first. There are hints for an answer that is wrong.")
        return
    _tries[name].shown += 1
    _show(name, _tries[name])


def tally(lesson: str) -> None:
    """Print how many exercises of `lesson`, such as "01", are right, and which are not, by what ran in this kernel."""
    names = find(lesson).exercises
    left = [name for name in names if name not in _tries or _tries[name].verdict.outcome != "right"]
    print(
        f"{len(names) - len(left)} of {len(names)} exercises right"
        + (f"; to do: {', '.join(left)}" if left else "")
    )


def tell(name: str, answers: tuple[Any, ...], verdict: Verdict) -> str:
    """Show a verdict, a wrong one with one hint more where another answer does the same; return its outcome."""
    before = _tries.get(name)
    now = _Try(answers, verdict)
    if before and before.verdict.hints[:1] == verdict.hints[:1]:
        same = all(_is_same(*pair) for pair in zip(before.answers, answers, strict=True))
        now.shown = before.shown if same else before.shown + 1
    _tries[name] = now
    message = _show(name, now)
    if verdict.outcome != "right" and GRADING in os.environ:
        raise AssertionError(f"Exercise {name}: {verdict.outcome}. {message}")
    return verdict.outcome


def _is_same(old: Any, new: Any) -> bool:
    """Whether an answer is the one before, as when its cell was run again."""
    if isinstance(old, FunctionType) and isinstance(new, FunctionType):
        return old.__code__ == new.__code__ and _held(old) == _held(new)
    return old is new


def _held(function: FunctionType) -> str:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return repr((function.__defaults__, function.__kwdefaults__, cells))


def _show(name: str, tried: _Try) -> str:
    verdict = tried.verdict
    hints = (*verdict.hints, _place(name)) if verdict.outcome == "wrong" else verdict.hints
    message = " ".join(hints[: tried.shown])
    more = f'For one more hint, run hint("{name}").' if tried.shown < len(hints) else ""
    record = {
        "name": name,
        "outcome": verdict.outcome,
        "message": message,
        "hints": list(verdict.hints),
    }
    announce_exercise(record, message, more)
    return message


def _place(name: str) -> str:
    """Where the solution stands."""
    try:
        return f"A solution is in solutions/{find(name[:2]).name}.ipynb, under Exercise {name}."
    except LessonError:
        return "A solution is in the lesson's solutions edition."
