"""Lesson 07: what recall and precision read from a table of counts, and the figures of single classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from course.figure import COLORS, DASHES, GREY, add_axes, drawing, refuse_more_than_styles
from course.sketch import BLUE, LIGHT, ORANGE, note, sketch

CLASSES = [
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
]
# Recalls after one epoch, by class, from the log in Chowdhury's notebook (the lesson's reading) at commit 33af6b0.
# Another commit holds another run.
VALIDATION = [0.7450, 0.9730, 0.8830, 0.7620, 0.6790, 0.9430, 0.3250, 0.9320, 0.9530, 0.9400]
TRAINING = [0.6795, 0.8826, 0.5707, 0.7567, 0.5788, 0.8338, 0.3576, 0.8122, 0.8352, 0.9064]
PUBLISHED_VALIDATION = dict(zip(CLASSES, VALIDATION, strict=True))
PUBLISHED_TRAINING = dict(zip(CLASSES, TRAINING, strict=True))
ANIMALS = ["cat", "dog", "fox"]
COUNTS = np.array([[40, 6, 4], [30, 15, 5], [10, 5, 35]])  # true class, predicted class
CELL = (0.8, 0.42)  # inches


def create_variables(model: keras.Model, x: NDArray, y: NDArray) -> None:
    """Create the variables of a compiled model's optimizer and metrics from a few rows, so that `fit` compiles once.

    The metrics count these rows; `fit` resets them before its first epoch.
    """
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(None, y, model(x))


def recall_and_precision() -> None:
    """Draw a table of counts with the row that recall reads and the column that precision reads."""
    alt = (
        "A table of counts: a row for each true class, a column for each predicted class. Of 50 cats 40 are predicted"
        " as cats, so recall reads the row of the cats: 40 / 50 = 0.8. Of 80 animals predicted as cats 40 are cats, so"
        " precision reads the column of the cats: 40 / 80 = 0.5."
    )
    left = 1.4
    top = 1.5
    width, height = CELL
    with sketch("Recall reads a row, precision a column", alt, size=(7.0, 2.4)) as axes:
        note(axes, (left + 1.5 * width, top + 0.62), "predicted class")
        note(axes, (0.45, top - height), "true\nclass")
        for number, animal in enumerate(ANIMALS):
            note(axes, (left + (number + 0.5) * width, top + 0.4), animal)
            note(axes, (left - 0.15, top - number * height), animal, align="right")
        for (row, column), count in np.ndenumerate(COUNTS):
            axes.text(
                left + (column + 0.5) * width,
                top - row * height,
                str(count),
                ha="center",
                va="center",
            )
        _frame(axes, (left, top - 0.5 * height), 3 * width, height, BLUE)
        _frame(axes, (left, top - 2.5 * height), width, 3 * height, ORANGE)
        right = left + 3 * width + 0.2
        recall = "recall of the cats:\nhow many of them are found\n40 / (40 + 6 + 4) = 0.8"
        precision = "precision of the cats: how many of those called cats are cats\n40 / (40 + 30 + 10) = 0.5"
        note(axes, (right, top), recall, color=BLUE, align="left")
        note(axes, (left, top - 3.1 * height), precision, color=ORANGE, align="left")


def _frame(
    axes: Axes, corner: tuple[float, float], width: float, height: float, color: str
) -> None:
    style = {"edgecolor": color, "facecolor": (color, LIGHT), "linewidth": 1.6}
    axes.add_patch(Rectangle(corner, width, height, **style))  # type: ignore[arg-type]


def class_dots(
    ours: Mapping[str, float], published: Mapping[str, float], *, title: str, label: str
) -> None:
    """Draw a figure of each class as a dot with its value, the best on top, and the `published` one as a diamond."""
    names = sorted(ours, key=lambda name: -ours[name])
    with drawing(title, size=(7.0, 4.4)) as (figure, alt_text):
        axes = add_axes(figure, title, label, "")
        axes.set_yticks(range(len(names)), names)
        axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, 1.02))
        for row, name in enumerate(names):
            axes.hlines(row, ours[name], published[name], color=GREY, linewidth=1)
            side = 1 if ours[name] >= published[name] else -1
            axes.annotate(
                f"{ours[name]:.2f}",
                (ours[name], row),
                xytext=(7 * side, 0),
                textcoords="offset points",
                ha="left" if side > 0 else "right",
                va="center",
            )
            alt_text.append(f"{name}: {ours[name]:.2f}, published {published[name]:.2f}.")
        rows = range(len(names))
        axes.plot([ours[name] for name in names], rows, "o", color=COLORS[0], label="this network")
        axes.plot(
            [published[name] for name in names],
            rows,
            "D",
            color=COLORS[1],
            fillstyle="none",
            label="published",
        )
        figure.legend(loc="outside lower right", ncols=2)


def panels(
    x: ArrayLike,
    figures: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
) -> None:
    """Draw small figures side by side on one y axis, one for each of `figures`: named series against `x`."""
    with drawing(title, size=(8.0, 3.4)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        grid = figure.subplots(1, len(figures), sharey=True, squeeze=False)
        for axes, (name, series) in zip(grid.flat, figures.items(), strict=True):
            axes.set(title=name, xlabel=x_label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            refuse_more_than_styles("series", series)
            for (label, values), color, dash in zip(series.items(), COLORS, DASHES, strict=False):
                axes.plot(x, values, color=color, linestyle=dash, label=label)
                alt_text.append(f"{name}, {label}: {_last(values)} on average in the last five.")
        first: Any = figure.axes[0]
        first.set_ylabel(y_label)
        figure.legend(*first.get_legend_handles_labels(), loc="outside lower right", ncols=2)


def _last(values: Sequence[float]) -> str:
    return f"{np.mean(values[-5:]):.3g}"
