"""Lesson 18: the factor of a layer and four kinds of layers, as sketches, and signals through twenty layers."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from course.figure import drawing, make_logarithmic, styled
from course.sketch import BLUE, GREEN, GREY, ORANGE, PINK, arrow, box, circle, note, sketch

Signals = tuple[NDArray, NDArray]  # mean squares on the way up and down, each (networks, layers)


def factor_by_layer() -> None:
    """Draw a stack of layers, with the factor of each on the signal and on the gradient."""
    alt = (
        "From left to right: pixels, layer 1, layer 2, dots, layer 20, loss. Arrows above lead to the right, from "
        "layer to layer, each marked: mean square of the signal times n_in v / 2. Arrows below lead back to the "
        "left, each marked: mean square of the gradient times n_out v / 2. A note says that "
        "twenty factors of 0.9 make 0.12, another that twenty factors of 1 make 1."
    )
    with sketch(
        "Every layer multiplies: the signal up, the gradient down", alt, size=(7.0, 2.6)
    ) as axes:
        names = {0.6: "pixels", 2.0: "layer 1", 3.4: "layer 2", 5.0: "layer 20", 6.4: "loss"}
        for place, name in names.items():
            color = ORANGE if name == "loss" else BLUE
            box(axes, (place, 1.3), name, width=0.85, color=color)
        note(axes, (4.2, 1.3), "…")
        for start, end in ((0.6, 2.0), (2.0, 3.4), (3.4, 5.0), (5.0, 6.4)):
            arrow(axes, (start + 0.1, 1.55), (end - 0.1, 1.55), bend=-0.45, color=BLUE)
            arrow(axes, (end - 0.1, 1.05), (start + 0.1, 1.05), bend=-0.45, color=ORANGE)
        for place in (2.7, 4.2):
            note(axes, (place, 2.02), "× $n_{in}v/2$", color=BLUE)
            note(axes, (place, 0.56), "× $n_{out}v/2$", color=ORANGE)
        note(axes, (0.2, 2.4), "signal", color=BLUE, align="left")
        note(axes, (0.2, 0.2), "gradient", color=ORANGE, align="left")
        note(axes, (6.8, 2.4), "twenty factors of 0.9 make 0.12", align="right")
        note(axes, (6.8, 0.2), "twenty factors of 1 make 1", align="right")


def four_layers() -> None:
    """Draw a plain, a residual, a batch-normalized and a layer-normalized layer side by side."""
    alt = (
        "Four columns, to be read from the bottom up. Plain: an input x, weighted sums, ReLU. Residual: the same, "
        "and an arrow that leads from the input past the layer to a plus sign above it. Batch normalization and layer "
        "normalization: between the sums and ReLU stands a box that normalizes, over the rows of the batch in one and "
        "over the units of the row in the other."
    )
    with sketch("Four kinds of layers", alt, size=(7.0, 3.2)) as axes:
        _column(axes, 0.9, "plain")
        _column(axes, 2.55, "residual")
        circle(axes, (2.55, 2.35), "+", radius=0.15, color=GREEN)
        arrow(axes, (2.55, 2.5), (2.55, 2.85))
        axes.plot([2.55, 3.4, 3.4], [0.38, 0.38, 2.35], color=GREEN, linewidth=1.3)
        arrow(axes, (3.4, 2.35), (2.7, 2.35), color=GREEN)
        _column(axes, 4.4, "batch normalization", "over rows")
        _column(axes, 6.1, "layer normalization", "over units")


def _column(axes: Axes, place: float, name: str, normalize: str = "") -> None:
    top = 2.2 if name == "residual" else 2.85
    heights = [0.8, 1.35, 1.9] if normalize else [0.8, 1.6]
    texts = ["sums", normalize, "ReLU"] if normalize else ["sums", "ReLU"]
    note(axes, (place, 0.15), "x")
    note(axes, (place, 3.05), name)
    for start, end in zip([0.05, *heights], [*heights, top + 0.2], strict=True):
        arrow(axes, (place, start + 0.2), (place, end - 0.2))
    for height, text in zip(heights, texts, strict=True):
        color = PINK if text == normalize else BLUE
        box(axes, (place, height), text, width=1.0, height=0.36, color=color)


def up_and_down(
    measured: Mapping[str, Signals], expected: Mapping[str, float], *, title: str
) -> None:
    """Draw mean squares by layer, those of the sums on the left, those of their gradients on the right.

    `measured`: for each kind of network, (networks, layers) on the way up and down, first layer first; drawn as
    median and range, relative to the layer where the way begins. `expected` is the factor of a layer that a formula
    gives: on the way down for every kind, on the way up for those whose name says ReLU.
    """
    with drawing(title, size=(8.0, 3.9)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        panels = figure.subplots(1, 2, sharey=True)
        ways = ("sums, on the way up", "gradients, on the way down")
        for side, (axes, way) in enumerate(zip(panels, ways, strict=True)):
            axes.set(title=way, xlabel="hidden layer (1 is next to the pixels)")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            make_logarithmic(axes, "y")
            for style, signals in styled(measured):
                name = style["label"]
                values = signals[side]
                relative = values / values[:, [-1 if side else 0]]
                layer = np.arange(1, relative.shape[1] + 1)
                middle = np.median(relative, axis=0)
                axes.plot(layer, middle, **style | {"linestyle": ""}, markevery=2)
                low, high = relative.min(axis=0), relative.max(axis=0)
                axes.fill_between(layer, low, high, color=style["color"], alpha=0.2, linewidth=0)
                far = middle[0] if side else middle[-1]
                alt_text.append(f"{name}, {way}: {far:.2g} times where it begins.")
                if side or "ReLU" in name:
                    steps = layer[::-1] - 1 if side else layer - 1
                    axes.plot(layer, expected[name] ** steps, color=style["color"], linewidth=1)
        panels[0].set_ylabel("mean square, relative")
        panels[0].plot([], [], color=GREY, linewidth=1, label="formula")
        panels[0].legend(loc="lower left", title="median and range")
