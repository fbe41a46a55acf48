"""Lesson 03: how a classifier computes, penguins pair by pair, batches in their order, and the classes of a split."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from course.figure import COLORS, add_panels, drawing, styled
from course.sketch import GREEN, ORANGE, Point, arrow, box, circle, note, sketch

INPUTS = ("bill length", "bill depth", "flipper", "mass")
OUTPUTS = ("Adelie", "Chinstrap", "Gentoo")
SCORES = (2.0, 1.0, -1.0)
LAYERS = ("measurements", "hidden units", "scores", "probabilities")


def classifier_sketch(title: str) -> None:
    """Draw a penguin's way through the network: measurements, hidden units, scores, probabilities, loss."""
    probabilities = np.exp(SCORES) / np.exp(SCORES).sum()
    said = [f"{name} {share:.3f}" for name, share in zip(OUTPUTS, probabilities, strict=True)]
    alt = (
        "Four measurements of a penguin enter hidden units. Three scores leave them, one for each species: 2, 1 and"
        f" -1. Softmax turns them into probabilities that sum to 1: {', '.join(said)}. The penguin is a Chinstrap, so"
        f" its loss is minus the logarithm of {probabilities[1]:.3f}."
    )
    with sketch(title, alt, size=(7.4, 2.8)) as axes:
        inputs, hidden, scores, outputs = map(_column, (0.8, 2.6, 4.1, 6.0), (4, 5, 3, 3))
        _connect(axes, inputs, hidden, margins=(0.6, 0.15))
        _connect(axes, hidden, scores, margins=(0.15, 0.24))
        for place, name in zip(inputs, INPUTS, strict=True):
            box(axes, place, name, height=0.34)
        for place in hidden:
            circle(axes, place, radius=0.15, color=GREEN)
        for place, score in zip(scores, SCORES, strict=True):
            circle(axes, place, f"{score:g}", radius=0.24)
        for place, words in zip(outputs, said, strict=True):
            box(axes, place, words, width=1.5, height=0.34, color=ORANGE)
        arrow(axes, (4.45, 1.4), (5.15, 1.4), "softmax")
        for layer, caption in zip((inputs, hidden, scores, outputs), LAYERS, strict=True):
            note(axes, (layer[0][0], 2.65), caption)
        true = f"The penguin is a Chinstrap: loss = -log {probabilities[1]:.3f}"
        note(axes, (7.2, 0.2), f"{true} = {-np.log(probabilities[1]):.2f}", align="right")


def _column(across: float, count: int) -> list[Point]:
    """Return `count` places below each other, from the top, their middle at the height of 1.4 inches."""
    distance = 2.1 / (count + 0.2)
    return [(across, 1.4 + distance * ((count - 1) / 2 - row)) for row in range(count)]


def _connect(
    axes: Axes, layer: Sequence[Point], following: Sequence[Point], *, margins: tuple[float, float]
) -> None:
    """Draw a line from each place of a layer to each of the next, up to `margins` before their middles."""
    for left, low in layer:
        for right, high in following:
            across = [left + margins[0], right - margins[1]]
            axes.plot(across, [low, high], color="#C8C8C8", linewidth=0.6, zorder=0)


def pair_plot(rows: pd.DataFrame, groups: ArrayLike, *, title: str) -> None:
    """Draw each pair of the columns of `rows` as a panel of points, in the color of their group."""
    names = np.asarray(groups)
    pairs = list(combinations(rows.columns, 2))
    with drawing(title, size=(7.5, 5.2)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        panels = add_panels(figure, len(pairs), 3)
        for axes, (across, up) in zip(panels, pairs, strict=True):
            for style, name in styled({name: name for name in np.unique(names)}):
                chosen = rows[names == name]
                style = style | {"linestyle": "", "markersize": 3, "alpha": 0.6}
                axes.plot(chosen[across], chosen[up], **style)
            axes.set(xlabel=across, ylabel=up)
        handles, entries = panels[0].get_legend_handles_labels()
        figure.legend(handles, entries, loc="outside lower center", ncols=len(entries))
        means = rows.groupby(names).mean()
        for name, middle in means.iterrows():
            values = ", ".join(f"{column} {value:.3g}" for column, value in middle.items())
            alt_text.append(f"{name} on average: {values}.")


def batch_orders(recorded: Mapping[str, Sequence[Sequence[Sequence[int]]]], *, title: str) -> None:
    """Draw, for each way to fit, the rows of every batch of every epoch: `recorded[way][epoch][batch]`."""
    shades = matplotlib.colormaps["viridis"]
    with drawing(title, size=(3.7 * len(recorded), 2.4)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        panels = figure.subplots(1, len(recorded), squeeze=False)
        for axes, (way, epochs) in zip(panels.flat, recorded.items(), strict=True):
            rows = sum(map(len, epochs[0]))
            for number, batches in enumerate(epochs):
                for place, row in _placed(batches):
                    shade = shades(0.4 + 0.6 * row / rows)
                    axes.barh(number, 1, left=place, height=0.8, color=shade, edgecolor="white")
                    axes.text(place + 0.5, number, str(row), ha="center", va="center", size=9)
                alt_text.append(f"{way}, epoch {number + 1}: {_listed(batches)}.")
            axes.set(title=way, xticks=[], yticks=range(len(epochs)))
            axes.set_yticklabels([f"epoch {number + 1}" for number in range(len(epochs))])
            axes.invert_yaxis()
            axes.grid(visible=False)
            axes.spines[:].set_visible(False)


def _placed(batches: Sequence[Sequence[int]]) -> list[tuple[float, int]]:
    """Return the place and the number of every row, with a gap between batches."""
    placed: list[tuple[float, int]] = []
    for number, batch in enumerate(batches):
        for row in batch:
            placed.append((len(placed) + 0.5 * number, row))
    return placed


def _listed(batches: Sequence[Sequence[int]]) -> str:
    return " | ".join(" ".join(map(str, batch)) for batch in batches)


def class_counts(splits: Mapping[str, tuple[Any, Any]], *, title: str) -> None:
    """Draw, for each split into labels to train on and labels to validate on, how many rows of each class are where."""
    with drawing(title, size=(7.5, 3.0)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        panels = figure.subplots(1, len(splits), sharey=True)
        for axes, (name, parts) in zip(np.ravel(panels), splits.items(), strict=True):
            training, validation = (np.bincount(part, minlength=10) for part in parts)
            classes = np.arange(len(training))
            axes.bar(classes, training, color=COLORS[0], label="training")
            axes.bar(
                classes,
                validation,
                bottom=training,
                color=COLORS[4],
                hatch="//",
                label="validation",
            )
            axes.set(title=name, xlabel="digit", xticks=classes)
            axes.set_ylim(0, 1.08 * np.max(training + validation))
            axes.grid(visible=False, axis="x")
            held = ", ".join(f"{count} of digit {digit}" for digit, count in enumerate(validation))
            alt_text.append(f"{name}: held back {held}.")
        np.ravel(panels)[0].set_ylabel("rows")
        handles, names = axes.get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2)
