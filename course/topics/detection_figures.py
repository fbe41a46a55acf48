"""Lesson 14 in pictures: from a classifier to a detector, what a cell answers, what average precision averages."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike, NDArray

from course.figure import COLORS, GREY, add_axes, drawing
from course.sketch import GREEN, ORANGE, arrow, box, note, sketch
from course.topics.detection import CELL, Boxes, matches, precision_at_recall

DRAWN = 6  # canvases of `show_canvases`
TRUE = {"color": GREY, "linestyle": "--"}
RIGHT = {"color": COLORS[0], "linestyle": "-"}
WRONG = {"color": COLORS[1], "linestyle": "-."}
OUTLINE = [withStroke(linewidth=3, foreground="white")]  # keeps letters legible on ink


def transfer_sketch(known: str, wanted: str) -> None:
    """Draw how a backbone moves from a classifier of the classes `known` to a detector of those `wanted`."""
    alt = (
        f"Above, a classifier: a small picture enters the backbone, and a last layer names one of {known}."
        f" Below, a detector: a canvas enters a copy of the backbone, and new layers answer in every cell"
        f" where an object is and which of {wanted} it shows."
        " An arrow carries the weights of the backbone down; the old last layer is thrown away."
    )
    with sketch("A backbone changes its task", alt, size=(7.4, 2.6)) as axes:
        for height, task, image in (
            (2.1, "1. pretrain", "picture"),
            (0.5, "2. fine-tune", "canvas"),
        ):
            note(axes, (0.1, height), task, align="left")
            box(axes, (1.6, height), image, width=0.9, color=GREY)
            arrow(axes, (2.05, height), (2.6, height))
            box(axes, (3.3, height), "backbone", width=1.4)
            arrow(axes, (4.0, height), (4.6, height))
        arrow(axes, (3.3, 1.85), (3.3, 0.75))
        note(axes, (3.4, 1.3), "copy the weights", align="left")
        box(axes, (5.25, 2.1), "last layer", width=1.3, color=ORANGE)
        note(axes, (6.0, 2.1), f"which of {known}?", align="left")
        note(axes, (5.25, 1.7), "thrown away")
        box(axes, (5.25, 0.5), "new layers", width=1.3, color=GREEN)
        note(axes, (6.0, 0.5), f"in each cell:\ncenter? box?\nwhich of {wanted}?", align="left")


def show_answer(picture: NDArray, targets: NDArray, names: Sequence[Any]) -> None:
    """Draw a canvas with its cells and write beside it what the first cell with a center should answer.

    `targets` (cells, cells, 6) are those of `encode`; `names` are those of the classes.
    """
    row, column = np.argwhere(targets[..., 0] == 1)[0]
    answer = targets[row, column]
    right = answer[1]
    down = answer[2]
    width = answer[3]
    height = answer[4]
    name = names[int(answer[5])]
    middle = CELL * np.array([column + right, row + down])
    answers = [
        "Is the center of an object in this cell?   yes",
        f"Where?   {right:.2f} of the cell from its left, {down:.2f} from its top",
        f"How wide and high?   {np.exp(width):.1f} and {np.exp(height):.1f} cells",
        f"Which digit?   {name}",
    ]
    title = "What one cell should answer"
    with drawing(title, size=(8.0, 3.6)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        axes, words = figure.subplots(1, 2, width_ratios=(1, 1.3))
        _picture(axes, picture)
        edges = np.arange(0, len(picture), CELL) - 0.5
        axes.set(xticks=edges, yticks=edges)
        axes.tick_params(length=0, labelbottom=False, labelleft=False)
        axes.grid(color=COLORS[5], linewidth=0.6)
        corner = (CELL * column - 0.5, CELL * row - 0.5)
        axes.add_patch(
            Rectangle(corner, CELL, CELL, fill=False, edgecolor=COLORS[1], linewidth=2.5)
        )
        axes.plot(*middle, "o", color=COLORS[1])
        sides = CELL * np.exp([width, height])
        left, top = middle - sides / 2
        axes.add_patch(Rectangle((left, top), *sides, fill=False, edgecolor=GREY, linestyle="--"))
        words.set_axis_off()
        for number, answer in enumerate(answers):
            words.text(0, 0.8 - 0.2 * number, answer, transform=words.transAxes)
        place = f"Row {row + 1}, column {column + 1} of {len(targets)} by {len(targets)} cells."
        alt_text += [place, *answers]


def precision_recall(right: ArrayLike, truths: int, *, title: str) -> None:
    """Draw precision against recall after each detection, and the height that average precision reads off.

    `right` (detections,) bool, best score first; `truths` is the number of true boxes.
    """
    right = np.asarray(right, dtype=bool)
    precision, recall = precision_at_recall(right, truths)
    levels = np.linspace(0, 1, 101)
    heights = [max(precision[recall >= level], default=0.0) for level in levels]
    with drawing(title, size=(6.4, 3.8)) as (figure, alt_text):
        axes = add_axes(figure, title, "recall", "precision")
        axes.set(xlim=(0, 1), ylim=(0, 1.12))
        axes.fill_between(levels, heights, color=COLORS[5], alpha=0.3, linewidth=0)
        axes.plot(levels, heights, color=COLORS[0], label="greatest here or beyond")
        axes.plot(recall, precision, "o", color=COLORS[1], label="after each detection")
        for number, (x, y, is_right) in enumerate(zip(recall, precision, right, strict=True), 1):
            verdict = "right" if is_right else "wrong"
            axes.annotate(f"{number}: {verdict}", (x, y), xytext=(6, 4), textcoords="offset points")
            alt_text.append(f"Detection {number}, {verdict}: precision {y:.3g}, recall {x:.3g}.")
        alt_text.append(f"The mean height is {np.mean(heights):.3g}.")
        axes.legend(loc="upper right")


def show_canvases(
    pictures: NDArray, truth: Boxes, found: Boxes, names: Sequence[Any], *, title: str
) -> None:
    """Draw the first six canvases with their true boxes, and with what was found, best score first.

    True boxes are dashed and grey. What was found carries class (one of `names`) and score; it is blue where it
    is right, and orange, dash-dotted, where not.
    """
    right = matches(truth, found)
    is_drawn = found.canvas < DRAWN
    with drawing(title, size=(8.0, 5.9)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        for number, axes in enumerate(figure.subplots(2, DRAWN // 2).flat):
            _picture(axes, pictures[number])
            here = found.canvas == number
            _outline(axes, truth.where(truth.canvas == number), TRUE)
            _outline(axes, found.where(here & right), RIGHT, names)
            _outline(axes, found.where(here & ~right), WRONG, names)
        kinds = {"true box": TRUE}
        if len(found.score):
            kinds |= {"found, right": RIGHT, "found, wrong": WRONG}
        handles = [Line2D([], [], label=kind, **style) for kind, style in kinds.items()]  # type: ignore[arg-type]
        figure.legend(handles=handles, loc="outside lower right", ncols=len(handles))
        alt_text.append(f"{DRAWN} canvases with {sum(truth.canvas < DRAWN)} digits.")
        alt_text.append(f"{sum(right & is_drawn)} boxes are right, {sum(~right & is_drawn)} wrong.")


def _picture(axes: Axes, picture: NDArray) -> None:
    """Draw a canvas, 0 as paper, and hold its edges: a wild box does not shrink it."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.imshow(picture, cmap="gray_r", alpha=0.6)
    axes.autoscale(False)


def _outline(
    axes: Axes, boxes: Boxes, style: dict[str, str], names: Sequence[Any] | None = None
) -> None:
    """Draw boxes, with class and score where there are `names`; a label stays within the canvas."""
    side = axes.get_xlim()[1]
    for (left, top, right, bottom), label, score in zip(
        boxes.box, boxes.label, boxes.score, strict=True
    ):
        x = [left, right, right, left, left]
        y = [top, top, bottom, bottom, top]
        axes.plot(x, y, **style, linewidth=1.8)  # type: ignore[arg-type]
        if names is not None:
            axes.text(
                np.clip(left, 0, 0.68 * side),
                np.clip(top - 1, 0.1 * side, side),
                f"{names[label]}: {score:.2f}",
                color=style["color"],
                weight="bold",
                path_effects=OUTLINE,
            )
