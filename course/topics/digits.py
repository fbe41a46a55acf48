"""Lesson 05: the pictures of a network and of dropout, and what a batch costs as a dot plot with its values."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes

from course.figure import COLORS, GREY, add_axes, drawing
from course.sketch import BLUE, GREEN, ORANGE, Point, circle, note, sketch

LAYERS = [(0.9, 6, BLUE), (3.0, 5, GREEN), (5.1, 5, GREEN), (7.2, 4, ORANGE)]  # place, units, color


def network_sketch() -> None:
    """Draw the network of two hidden layers, with the sizes of its layers and of the weights between them."""
    alt = (
        "Four columns of circles, joined by lines from left to right: 784 pixels, 128 hidden units, 128 hidden units "
        "and 10 digits. The 784 pixels and the first hidden layer are joined by 784 times 128 weights, the hidden "
        "layers by 128 times 128, the second hidden layer and the digits by 128 times 10."
    )
    with sketch("From pixels to a digit", alt, size=(8.1, 2.9)) as axes:
        columns = [_column(axes, place, units, color) for place, units, color in LAYERS]
        for left, right in pairwise(columns):
            _join(axes, left, right)
        names = ["784 pixels", "128 hidden units", "128 hidden units", "10 digits"]
        for (place, _, _), name in zip(LAYERS, names, strict=True):
            note(axes, (place, 0.2), name)
        for place, text in ((1.95, "784 x 128"), (4.05, "128 x 128"), (6.15, "128 x 10")):
            note(axes, (place, 2.7), f"{text}\nweights")


def dropout_sketch() -> None:
    """Draw one hidden layer in two steps of training and in use, where nothing is dropped."""
    alt = (
        "The same small network three times. In the first training step two of its five hidden units are dropped, "
        "in the next step two others, and in use none."
    )
    steps = {"training, one step": {1, 4}, "training, the next step": {0, 3}, "in use": set()}
    with sketch("Dropout: different units are missing in each step", alt, size=(8.1, 2.4)) as axes:
        for number, (name, dropped) in enumerate(steps.items()):
            left = 0.7 + 2.75 * number
            hidden = _column(axes, left + 0.6, 5, GREEN, dropped=dropped, middle=1.3)
            kept = [place for unit, place in enumerate(hidden) if unit not in dropped]
            _join(axes, [(left - 0.3, 1.3)], kept)
            _join(axes, kept, [(left + 1.5, 1.3)])
            note(axes, (left + 0.6, 0.15), name)


def _column(
    axes: Axes,
    place: float,
    units: int,
    color: str,
    *,
    dropped: Iterable[int] = (),
    middle: float = 1.4,
) -> list[Point]:
    """Draw the units of a layer, dropped ones in grey; return where they are."""
    heights = middle + 0.38 * (np.arange(units) - (units - 1) / 2)
    for unit, height in enumerate(heights):
        gone = unit in dropped
        circle(
            axes, (place, height), "x" if gone else "", radius=0.13, color=GREY if gone else color
        )
    return [(place, float(height)) for height in heights]


def _join(axes: Axes, left: list[Point], right: list[Point]) -> None:
    for start in left:
        for end in right:
            axes.plot(
                (start[0] + 0.14, end[0] - 0.14),
                (start[1], end[1]),
                color=GREY,
                linewidth=0.4,
                zorder=0,
            )


def step_costs(times: Mapping[str, float]) -> None:
    """Draw the milliseconds of the processor for a batch, by name, as dots with their values beside them."""
    title = "What one batch of 128 digits costs"
    with drawing(title, size=(7.0, 0.9 + 0.4 * len(times))) as (figure, alt_text):
        axes = add_axes(figure, title, "processor time (milliseconds)", "")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(times)), list(times))
        axes.set(ylim=(len(times) - 0.5, -0.5), xlim=(0, 1.15 * max(times.values())))
        for row, (name, time) in enumerate(times.items()):
            axes.hlines(row, 0, time, color="#C0C0C0", linewidth=1)
            axes.plot(time, row, "o", color=COLORS[0])
            axes.annotate(
                f"{time:.2f}", (time, row), xytext=(7, 0), textcoords="offset points", va="center"
            )
            alt_text.append(f"{name}: {time:.2f}.")
