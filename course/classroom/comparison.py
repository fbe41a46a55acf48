"""The figure of a feedback page: what an answer gives beside what is right, on inputs drawn at random.

Each dot is a number; those that are right lie on a line. A sign, a factor or a shift is so seen at once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from course import drawn, figure
from course.catalog import Exercise
from course.exercises import check_by_text, reference

LARGEST = 1e12  # what is drawn
FEWEST = 3  # different right numbers: those of a yes or no make no figure


def compare(
    exercise: Exercise, space: Mapping[str, Any], answer: Any
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the numbers of a wrong answer and the right ones; None where there is nothing to draw.

    `space` has what the check of `exercise` uses of the lesson.
    """
    _, draw = check_by_text(exercise.name, exercise.check, space)
    if draw is None:
        return None
    found, expected = drawn.numbers(answer, reference(exercise, space), draw)
    near = (abs(found) < LARGEST) & (abs(expected) < LARGEST)
    found = found[near]
    expected = expected[near]
    if len(np.unique(expected)) < FEWEST or np.allclose(found, expected, atol=1e-5):
        return None
    return found, expected


def picture(name: str, found: np.ndarray, expected: np.ndarray) -> tuple[bytes, str]:
    """Return the figure of exercise `name` as PNG, and its alt text."""
    title = f"Exercise {name}: yours and what is right"
    right = int(np.isclose(found, expected, atol=1e-5).sum())
    alt = (
        f"{title}. {right} of {len(found)} numbers, from inputs drawn at random, lie on the line of what is right."
        f" The right ones reach from {expected.min():.3g} to {expected.max():.3g},"
        f" yours from {found.min():.3g} to {found.max():.3g}."
    )
    with figure.drawn(title, size=(4.5, 3.2)) as made:
        axes = figure.add_axes(made, title, "what is right", "what your answer gives")
        ends = [expected.min(), expected.max()]
        axes.plot(ends, ends, color=figure.GREY, label="right")
        axes.plot(expected, found, "o", color=figure.COLORS[1], label="yours")
        axes.legend()
        return figure.png(made, alt), alt
