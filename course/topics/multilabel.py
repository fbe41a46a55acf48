"""Lesson 08: canvases that hold several digits, and what the answers of a multi-label network look like."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator
from numpy.random import Generator
from numpy.typing import NDArray

from course.figure import (
    COLORS,
    GREY,
    MARKERS,
    add_axes,
    add_panels,
    drawing,
    refuse_more_than_styles,
)
from course.sketch import ORANGE, arrow, box, circle, note, sketch


def compose(
    digits: NDArray, names: NDArray, canvases: int, rng: Generator, *, falloff: float = 0.7
) -> tuple[NDArray, NDArray]:
    """Return canvases (canvases, 28, 28), from 0 to 1, and their labels (canvases, 10), each 0 or 1.

    One to four of a canvas' four cells hold a digit, shrunk to 14 by 14 pixels. `digits` (rows, 28, 28) are images and
    `names` (rows,) say which digit each shows; a digit is drawn `falloff` times as often as the one before it.
    """
    small = digits.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4), dtype="float32") / 255
    share = falloff ** names.astype(float) / np.bincount(names)[names]  # of an image of a digit
    drawn = rng.choice(len(digits), size=(canvases, 4), p=share / share.sum())
    ranks = rng.random((canvases, 4)).argsort(axis=1)
    filled = ranks < rng.integers(1, 5, size=(canvases, 1))
    cells = (small[drawn] * filled[..., None, None]).reshape(canvases, 2, 2, 14, 14)
    labels = np.zeros((canvases, 10), "float32")
    row, cell = np.nonzero(filled)
    labels[row, names[drawn[row, cell]]] = 1
    return cells.transpose(0, 1, 3, 2, 4).reshape(canvases, 28, 28), labels


def moved_half(weights: NDArray) -> NDArray:
    """Return the threshold that does to a network whose positives weigh `weights` what 0.5 does without weights.

    A weight multiplies the odds (Elkan, *The foundations of cost-sensitive learning*, 2001).
    """
    return weights / (1 + weights)


def one_answer_or_ten() -> None:
    """Draw what ten outputs say with softmax, and what they say with sigmoids."""
    alt = (
        "Two networks with ten outputs, for the digits 0 to 9. Above, a softmax: the outputs share a probability of 1,"
        " the 7 has 0.9 of it, and the answer is one class, 7. Below, ten sigmoids: each output is a yes or no of its"
        " own, the 3 has 0.8 and the 7 has 0.9, and the answer is a set of labels, 3 and 7."
    )
    with sketch("One class, or a set of labels", alt, size=(7.4, 2.7)) as axes:
        _outputs(axes, 2.0, "a 7", "softmax", {7: "0.9"}, "one class: 7")
        note(axes, (4.4, 1.65), "the outputs share a probability of 1")
        _outputs(axes, 0.6, "a 3 and a 7", "sigmoids", {3: "0.8", 7: "0.9"}, "labels: 3 and 7")
        note(axes, (4.4, 0.25), "each output is a yes or no of its own")


def _outputs(
    axes: Axes, height: float, image: str, ending: str, likely: Mapping[int, str], answer: str
) -> None:
    """Draw a row from an image through a network to its ten outputs, the `likely` ones marked, and its answer."""
    box(axes, (0.65, height), image, width=1.0, color=GREY)
    arrow(axes, (1.15, height), (1.4, height))
    box(axes, (2.0, height), f"network with\n{ending}", width=1.2)
    arrow(axes, (2.6, height), (2.85, height))
    for digit in range(10):
        place = (3.05 + 0.3 * digit, height)
        circle(axes, place, str(digit), radius=0.13, color=ORANGE if digit in likely else GREY)
        note(axes, (place[0], height + 0.28), likely.get(digit, ""), color=ORANGE)
    arrow(axes, (5.95, height), (6.2, height))
    note(axes, (6.25, height), answer, align="left")


def canvas_grid(canvases: NDArray, labels: NDArray, *, title: str, columns: int = 5) -> None:
    """Draw canvases (number, 28, 28) in frames, each with its labels (number, 10)."""
    names = [" ".join(map(str, np.flatnonzero(row))) for row in labels]
    rows = -(-len(canvases) // columns)
    with drawing(title, size=(1.3 * columns, 0.5 + 1.45 * rows)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        panels = add_panels(figure, len(canvases), columns)
        for axes, canvas, name in zip(panels, canvases, names, strict=True):
            axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            axes.spines[["top", "right"]].set_visible(True)
            axes.set_title(name, fontsize=10, loc="center")
        alt_text.append(f"{len(canvases)} canvases with the digits {', '.join(names)}.")


def percent_dots(values: Mapping[str, Mapping[str, float]], *, title: str, label: str) -> None:
    """Draw values in percent as dots with their figures beside them: a row for each name, a color for each group."""
    refuse_more_than_styles("groups", values)
    names: list[str] = []
    height = 1.4 + 0.4 * sum(map(len, values.values()))
    with drawing(title, size=(7.0, height)) as (figure, alt_text):
        axes = add_axes(figure, title, label, "")
        for (group, of_group), color, marker in zip(values.items(), COLORS, MARKERS, strict=False):
            for name, value in of_group.items():
                place = (value, len(names))
                names.append(f"{group}, {name}")
                axes.plot(*place, marker, color=color, markersize=8)
                beside = {"xytext": (9, 0), "textcoords": "offset points", "va": "center"}
                axes.annotate(f"{value:.1f}", place, **beside)  # type: ignore[arg-type]
                alt_text.append(f"{names[-1]}: {value:.1f}.")
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.xaxis.set_major_locator(MultipleLocator(5))
        axes.margins(x=0.15)
