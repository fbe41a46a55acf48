"""Pictures of ideas: boxes, circles and arrows, placed in inches from the lower left corner.

A sketch shows how things hang together; what was measured belongs in `course.plots`. The style is that of
`course.figure`, and the alt text is yours: say what the sketch shows, in the order in which one reads it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.transforms import Bbox

from course.figure import COLORS, GREY, drawing

Point = tuple[float, float]  # inches from the left and from below
BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK = COLORS
LIGHT = 0.14  # how much of its color a shape is filled with
SMALL = 9  # points of type


@contextmanager
def sketch(title: str, alt: str, *, size: tuple[float, float] = (7.0, 2.5)) -> Iterator[Axes]:
    """Give empty axes of `size` inches to draw a sketch on; show it at the end with the alt text `alt`.

    Raises ValueError without an alt text, or where a text runs over the edge.
    """
    if not alt.strip():
        raise ValueError(f"alt = {alt!r}: must say what the sketch shows")
    width, height = size
    with drawing(title, size=(width, height + 0.3)) as (figure, alt_text):
        alt_text.append(alt)
        figure.set_layout_engine("none")  # everything has its place
        axes = figure.add_axes((0, 0, width / figure.get_figwidth(), height / (height + 0.3)))
        axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        axes.axis("off")
        figure.suptitle(title, x=0.02, ha="left", fontsize=12)
        yield axes
        _refuse_overflow(figure, axes)


def _refuse_overflow(figure: Figure, axes: Axes) -> None:
    FigureCanvasAgg(figure).draw()
    for text in axes.texts:
        extent = text.get_window_extent()
        inside = Bbox.intersection(extent, figure.bbox)
        if text.get_text() and (inside is None or not np.allclose(inside, extent)):
            raise ValueError(f"{text.get_text()!r} runs over the edge of the sketch: move it")


def box(
    axes: Axes,
    center: Point,
    text: str,
    *,
    width: float = 1.2,
    height: float = 0.5,
    color: str = BLUE,
) -> None:
    """Draw a box with rounded corners around `text`."""
    corner = (center[0] - width / 2, center[1] - height / 2)
    shape = FancyBboxPatch(corner, width, height, boxstyle="round,pad=0,rounding_size=0.08")
    _fill(axes, shape, color)
    axes.text(*center, text, ha="center", va="center")


def circle(
    axes: Axes, center: Point, text: str = "", *, radius: float = 0.2, color: str = BLUE
) -> None:
    """Draw a circle, such as a unit of a network, around `text`."""
    _fill(axes, Circle(center, radius), color)
    axes.text(*center, text, ha="center", va="center")


def arrow(
    axes: Axes, start: Point, end: Point, text: str = "", *, bend: float = 0.0, color: str = GREY
) -> None:
    """Draw an arrow from `start` to `end` with `text` at its middle; `bend` curves it, to the right if negative."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            connectionstyle=f"arc3,rad={bend}",
            mutation_scale=12,
            shrinkA=0,
            shrinkB=0,
            color=color,
        )
    )
    across = end[0] - start[0]
    up = end[1] - start[1]
    middle = ((start[0] + end[0] + bend * up) / 2, (start[1] + end[1] - bend * across) / 2)
    below = bend * across > 0  # then the text stands below the arrow, outside of its curve
    axes.annotate(
        text,
        middle,
        xytext=(0, -4 if below else 3),
        textcoords="offset points",
        ha="center",
        va="top" if below else "bottom",
        size=SMALL,
    )


def note(axes: Axes, place: Point, text: str, *, color: str = BLACK, align: str = "center") -> None:
    """Write `text` at a place; `align` says which part of the text is there: "left", "center" or "right"."""
    axes.text(*place, text, ha=align, va="center", size=SMALL, color=color)


def _fill(axes: Axes, shape: FancyBboxPatch | Circle, color: str) -> None:
    shape.set(edgecolor=color, facecolor=(color, LIGHT), linewidth=1.3)
    axes.add_patch(shape)
