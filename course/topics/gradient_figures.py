"""Lesson 01: gradient descent on a single weight, as a sketch, and on two weights, over the valley of the error."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course import plots
from course.sketch import BLUE, GREEN, GREY, ORANGE, arrow, note, sketch

BOTTOM = (3.6, 0.5)  # of the curve, in inches
STEPS = (0.7, 1.86, 2.556, 2.974)  # each step leaves 60% of the way to the bottom


def downhill() -> None:
    """Draw the error as a curve over one weight, and three steps down to its bottom."""
    alt = (
        "A curve shaped like a bowl: the error, up, against one weight, across. From a point high on its left side, "
        "where a line marks the slope, three arrows lead down the curve. Each is shorter than the one before, since "
        "the curve gets flatter toward the bottom, where the error is least."
    )
    with sketch("Three steps of gradient descent on one weight", alt, size=(7.0, 2.9)) as axes:
        across = np.linspace(0.45, 6.75, 200)
        axes.plot(across, _height(across), color=BLUE, linewidth=2)
        for start, end in pairwise(STEPS):
            arrow(axes, (start, _height(start)), (end, _height(end)), bend=-0.25, color=ORANGE)
        axes.plot(STEPS, _height(np.array(STEPS)), "o", color=ORANGE, markersize=7)
        axes.plot(*BOTTOM, "D", color=GREEN, markersize=7)
        tangent = np.array([-0.3, 0.55])
        axes.plot(STEPS[0] + tangent, _height(STEPS[0]) + _slope(STEPS[0]) * tangent, color=GREY)
        note(axes, (0.95, 2.55), "start: steep slope, long step", align="left")
        note(axes, (2.95, 1.25), "flatter: shorter steps", align="left")
        note(axes, (3.6, 0.22), "least error: slope 0, no step", color=GREEN)
        arrow(axes, (5.0, 0.12), (6.8, 0.12), "weight")
        arrow(axes, (0.15, 0.4), (0.15, 2.6))
        axes.text(0.28, 0.45, "error", rotation=90, fontsize=9)


def valley(
    X: NDArray, y: NDArray, paths: plots.Series, *, title: str, around: ArrayLike | None = None
) -> None:
    """Draw `paths` (steps, 2) over the sum of squared errors of y = Xw, as `course.plots.contour_path` does."""

    def sse(w0: NDArray, w1: NDArray) -> NDArray:
        errors = [target - w0 * x0 - w1 * x1 for (x0, x1), target in zip(X, y, strict=True)]
        return np.square(errors).sum(axis=0)

    labels = {"x_label": "bias w0", "y_label": "weight w1"}
    plots.contour_path(sse, paths, title=title, around=around, **labels)


def _height(across: Any) -> Any:
    return BOTTOM[1] + 0.22 * (across - BOTTOM[0]) ** 2


def _slope(across: float) -> float:
    return 0.44 * (across - BOTTOM[0])
