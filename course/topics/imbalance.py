"""Lesson 09: one model at every threshold beside models at one half, by false alarms and recall."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course.figure import COLORS, add_axes, drawing, styled
from course.training.metrics import scores_at


def points_on_curve(
    curve: Mapping[str, NDArray],
    probabilities: Mapping[str, NDArray],
    y_true: ArrayLike,
    *,
    title: str,
) -> None:
    """Draw `curve` (as `scores_at` gives it) of a model, and of other models the point at the threshold one half.

    `probabilities`: (rows,) for each model; `y_true` (rows,): 0 or 1.
    """
    with drawing(title, size=(6.0, 4.5)) as (figure, alt_text):
        axes = add_axes(
            figure, title, "false alarms (share of the healthy)", "recall (share of the ill)"
        )
        axes.plot(
            1 - curve["specificity"],
            curve["recall"],
            color=COLORS[0],
            label="unweighted, every threshold",
        )
        axes.set(xlim=(-0.005, 0.15), ylim=(0.5, 1.01))
        for style, probability in styled(probabilities):
            scores: dict[str, Any] = scores_at([0.5], y_true, probability)
            recall = scores["recall"].item()
            specificity = scores["specificity"].item()
            axes.plot(1 - specificity, recall, **style | {"linestyle": ""}, markersize=10)
            distance = np.abs(curve["specificity"] - specificity)
            nearby = curve["recall"][np.argmin(distance)]
            alt_text.append(
                f"{style['label']}: recall {recall:.3f}; the curve there: {nearby:.3f}."
            )
        axes.legend()
