"""Lesson 13 in pictures: two ways of averaging, what an average gains run by run, and where networks apart lie."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from course.figure import COLORS, GREY, add_axes, add_panels, add_rows, drawing, styled
from course.sketch import GREEN, ORANGE, arrow, box, circle, note, sketch

APART = 0.3  # of a row, between the first and the last run
LEAST_SPAN = 1.0  # of an axis in points, so that next to nothing looks like it


def averaging_sketch() -> None:
    """Draw the two ways of averaging networks: their weights, or their predictions."""
    alt = (
        "Above, the weights of three networks are averaged into one network, which makes one prediction."
        " Below, each of the three networks makes a prediction of its own, and the three predictions are averaged."
    )
    with sketch("Two ways to average three networks", alt, size=(7.4, 3.6)) as axes:
        note(axes, (0.1, 2.75), "average\nthe weights", align="left")
        note(axes, (0.1, 0.85), "average\nthe predictions", align="left")
        for number, offset in enumerate((0.55, 0.0, -0.55), 1):
            circle(axes, (1.8, 2.75 + offset), f"$w_{number}$")
            arrow(axes, (2.0, 2.75 + offset), (2.98, 2.75 + 0.1 * np.sign(offset)))
            circle(axes, (1.8, 0.85 + offset), f"$w_{number}$")
            arrow(axes, (2.0, 0.85 + offset), (2.6, 0.85 + offset))
            box(
                axes,
                (3.2, 0.85 + offset),
                f"prediction {number}",
                width=1.2,
                height=0.38,
                color=GREEN,
            )
            arrow(axes, (3.8, 0.85 + offset), (4.85, 0.85 + 0.1 * np.sign(offset)))
        circle(axes, (3.2, 2.75), "mean", radius=0.26, color=ORANGE)
        arrow(axes, (3.46, 2.75), (4.4, 2.75))
        box(axes, (5.1, 2.75), "one network", width=1.4)
        arrow(axes, (5.8, 2.75), (6.2, 2.75))
        box(axes, (6.75, 2.75), "prediction", width=1.1, height=0.38, color=GREEN)
        circle(axes, (5.1, 0.85), "mean", radius=0.26, color=ORANGE)
        arrow(axes, (5.36, 0.85), (6.2, 0.85))
        box(axes, (6.75, 0.85), "prediction", width=1.1, height=0.38, color=GREEN)


def valleys_sketch() -> None:
    """Draw why the weights of one run may be averaged, and those of two runs may not."""
    alt = (
        "Left, one run: its last networks lie around the middle of one region of good weights, and their mean lies"
        " near the middle. Right, two runs: each ends in a region of its own, and their mean lies between the"
        " regions, where no good network is."
    )
    with sketch("Where the mean of weights lies", alt, size=(7.4, 2.4)) as axes:
        for center in ((1.9, 1.1), (4.8, 1.1), (6.7, 1.1)):
            circle(axes, center, radius=0.75 if center[0] < 2 else 0.6, color=GREY)
        for angle in np.linspace(0.4, 5.6, 5):
            place = (1.9 + 0.5 * np.cos(angle), 1.1 + 0.5 * np.sin(angle))
            circle(axes, place, radius=0.08)
        circle(axes, (1.95, 1.1), radius=0.1, color=ORANGE)
        note(axes, (1.9, 2.1), "one run: snapshots (blue), mean (orange)")
        for x in (4.8, 6.7):
            circle(axes, (x, 1.1), radius=0.08)
        circle(axes, (5.75, 1.1), radius=0.1, color=ORANGE)
        note(axes, (5.75, 2.1), "two runs: their networks, their mean")
        note(axes, (1.9, 0.15), "good weights")
        note(axes, (4.8, 0.3), "good weights")
        note(axes, (6.7, 0.3), "good weights")


def clouds(x: NDArray, y: NDArray, centers: NDArray, *, title: str) -> None:
    """Draw points `x` (rows, 2) by their classes `y` (rows,), each around its row of `centers` (classes, 2)."""
    points = {f"class {number}": x[y == number] for number in range(len(centers))}
    with drawing(title) as (figure, alt_text):
        axes = add_axes(figure, title, "first feature", "second feature")
        for (style, rows), center in zip(styled(points), centers, strict=True):
            axes.plot(*rows.T, **style | {"linestyle": ""})
            alt_text.append(
                f"{style['label'].capitalize()} lies around ({center[0]:.1f}, {center[1]:.1f})."
            )
        axes.legend()


def gains_by_length(gains: Mapping[str, ArrayLike], *, title: str, y_label: str) -> None:
    """Draw what averaging the last n = 1, 2, ... snapshots gains: a panel for each setting with a scale of its own.

    `gains` holds arrays (lengths, runs). Each run is a thin line, and their median is a thick one.
    """
    with drawing(title, size=(9.0, 3.4)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        panels = add_panels(figure, len(gains), len(gains))
        for axes, (name, values) in zip(panels, gains.items(), strict=True):
            runs = np.asarray(values, dtype=float)
            lengths = np.arange(1, len(runs) + 1)
            median = np.median(runs, axis=1)
            axes.set_title(name, fontsize=10)
            axes.axhline(0, color=GREY, linewidth=1)
            single, *_ = axes.plot(lengths, runs, color=COLORS[5], linewidth=0.8)
            (thick,) = axes.plot(lengths, median, color=COLORS[0], linewidth=2.5)
            low, high = axes.get_ylim()
            room = max(0.0, LEAST_SPAN - (high - low)) / 2
            axes.set_ylim(low - room, high + room)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            last = runs[-1]
            alt_text.append(
                f"{name}: at n = {len(runs)} the median of {runs.shape[1]} runs is {median[-1]:.3g},"
                f" and they lie between {last.min():.3g} and {last.max():.3g}."
            )
        figure.supxlabel("snapshots averaged, n", fontsize=10)
        names = ["one run", "median"]
        figure.legend([single, thick], names, loc="outside upper right", ncols=2)
        panels[0].set_ylabel(y_label)


def run_dots(values: Mapping[str, ArrayLike], *, title: str, label: str) -> None:
    """Draw every run of named values as a dot, and write the median beside its mark."""
    with drawing(title, size=(7.0, 1.2 + 0.5 * len(values))) as (figure, alt_text):
        axes = add_rows(figure, title, label, values, above=0.6)
        for row, (name, value) in enumerate(values.items()):
            alt_text.append(_dots(axes, row, name, np.ravel(np.asarray(value, dtype=float))))


def _dots(axes: Axes, row: int, name: str, runs: NDArray) -> str:
    """Draw one row of dots; return the words for it."""
    heights = row + APART * np.linspace(-0.5, 0.5, len(runs)) if len(runs) > 1 else [row]
    axes.plot(runs, heights, "o", color=COLORS[5], markersize=4)
    median = np.median(runs)
    if len(runs) == 1:
        axes.annotate(f"{median:.4g}", (median, row - 0.12), ha="center", va="bottom", fontsize=9)
        return f"{name}: {median:.4g}."
    axes.plot([median, median], [row - 0.25, row + 0.25], color=COLORS[0], linewidth=2.5)
    axes.annotate(
        f"{median:.3g}", (median, row - 0.27), ha="center", va="bottom", fontsize=9, color=COLORS[0]
    )
    span = f"{len(runs)} runs between {runs.min():.3g} and {runs.max():.3g}"
    return f"{name}: median {median:.3g}, {span}."
