"""The figure of a feedback page: what an answer gives beside what is right, on inputs drawn at random.

Each dot is a number; those that are right lie on a line. A sign, a factor or a shift is so seen at once. It is written
as SVG, which takes a grader a millisecond; Matplotlib would take longer than all the rest of a submission.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np

from course import drawn
from course.exercises import Judging
from course.runs.report import render

LARGEST = 1e12  # what is drawn
FEWEST = 3  # different right numbers: those of a yes or no make no figure
TICKS = 5  # at most on an axis
ROOM = 0.05  # of an axis, beyond the numbers on each side


def compare(judging: Judging, answer: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the numbers of a wrong answer and the right ones; None where there is nothing to draw."""
    trial = judging.trial()
    if trial is None:
        return None
    found, expected = drawn.numbers(answer, trial)
    near = (abs(found) < LARGEST) & (abs(expected) < LARGEST)
    found = found[near]
    expected = expected[near]
    if len(np.unique(expected)) < FEWEST or np.allclose(found, expected, atol=1e-5):
        return None
    return found, expected


def picture(name: str, found: np.ndarray, expected: np.ndarray) -> tuple[str, str]:
    """Return the figure of exercise `name` as SVG, and its alt text."""
    title = f"Exercise {name}: yours and what is right"
    right = int(np.isclose(found, expected, atol=1e-5).sum())
    alt = (
        f"{title}. {right} of {len(found)} numbers, from inputs drawn at random, lie on the line of what is right."
        f" The right ones reach from {expected.min():.3g} to {expected.max():.3g},"
        f" yours from {found.min():.3g} to {found.max():.3g}."
    )
    ends = [float(expected.min()), float(expected.max())]
    across = Axis(ends)
    up = Axis([*ends, float(found.min()), float(found.max())])
    dots = [
        (across.place(float(x)), up.place(float(y))) for x, y in zip(expected, found, strict=True)
    ]
    line = [(across.place(end), up.place(end)) for end in ends]
    folder = Path(__file__).parent
    made = render(
        "comparison.svg.j2", folder, title=title, dots=dots, line=line, across=across, up=up
    )
    return made, alt


class Axis:
    """An axis that shows all the given numbers, with round ones marked."""

    def __init__(self, shown: list[float]) -> None:
        room = ROOM * (max(shown) - min(shown))
        self.low = min(shown) - room
        self.high = max(shown) + room

    def place(self, value: float) -> float:
        """Return where a number lies: 0 at the low end, 1 at the high one."""
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the places and texts of at most TICKS round numbers."""
        least = (self.high - self.low) / TICKS
        power = math.floor(math.log10(least))
        step = next(each for each in (1, 2, 5, 10) if each * 10.0**power >= least) * 10.0**power
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step)
        values = [round(count * step, 1 - power) + 0.0 for count in range(first, last + 1)]
        texts = ([f"{value:.{digits}g}" for value in values] for digits in range(4, 18))
        exact = next(each for each in texts if list(map(float, each)) == values)
        return list(zip(map(self.place, values), exact, strict=True))
