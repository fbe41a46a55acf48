"""Lesson 12: the parts of a save as a picture, and times as bars with their values."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from course.figure import COLORS, add_axes, drawing
from course.sketch import BLUE, GREEN, ORANGE, arrow, box, note, sketch

TOP = 1.75  # inches from below: the line of a save that training waits for
BOTTOM = 0.75  # the line of a save in the background
PARTS = {"copy": BLUE, "pack": ORANGE, "write": GREEN}


def parts_of_a_save() -> None:
    """Sketch the parts of a save, once with training waiting for all of them and once for the copy alone."""
    alt = (
        "Two time lines. Above, training stops, the state is copied, packed and written, and only then training goes "
        "on. Below, training stops for the copy alone; packing and writing go on in the background while it trains."
    )
    with sketch("What a save is made of", alt, size=(7.4, 2.4)) as axes:
        note(axes, (0.1, TOP + 0.35), "training waits for the whole save", align="left")
        _training(axes, 0.2, 1.8, TOP)
        for place, (name, color) in zip((2.3, 3.4, 4.5), PARTS.items(), strict=True):
            box(axes, (place, TOP), name, width=1.0, height=0.35, color=color)
        _training(axes, 5.1, 7.2, TOP)
        note(axes, (0.1, BOTTOM + 0.35), "the save goes on in the background", align="left")
        _training(axes, 0.2, 1.8, BOTTOM)
        box(axes, (2.3, BOTTOM), "copy", width=1.0, height=0.35, color=BLUE)
        _training(axes, 2.9, 7.2, BOTTOM)
        for place, name in ((3.4, "pack"), (4.5, "write")):
            box(axes, (place, BOTTOM - 0.42), name, width=1.0, height=0.35, color=PARTS[name])


def _training(axes: Axes, start: float, end: float, height: float) -> None:
    arrow(axes, (start, height), (end, height), "training")


def milliseconds(times: Mapping[str, float], *, title: str) -> None:
    """Draw named times in milliseconds as bars, each with its value."""
    with drawing(title, size=(7.0, 1.2 + 0.34 * len(times))) as (figure, alt_text):
        axes = add_axes(figure, title, "shortest time (milliseconds)", "")
        names = list(times)[::-1]
        values = [times[name] for name in names]
        drawn = axes.barh(names, values, color=COLORS[0], height=0.6)
        axes.bar_label(drawn, [_short(value) for value in values], padding=3)
        axes.set_xlim(0, 1.15 * max(values))
        axes.grid(visible=False, axis="y")
        alt_text += [f"{name}: {_short(value)} ms." for name, value in times.items()]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
