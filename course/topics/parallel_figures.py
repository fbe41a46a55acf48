"""Lesson 15: its figures."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator
from numpy.typing import NDArray

from course.figure import COLORS, GREY, add_axes, drawing, styled
from course.sketch import BLUE, GREEN, ORANGE, arrow, box, note, sketch
from course.topics.pipeline import Task
from course.topics.placement import Placement

WAITING: dict[str, Any] = {"color": "white", "edgecolor": GREY, "hatch": "///", "linewidth": 0.5}
SHADES = {"forward": COLORS[5], "sum": COLORS[4], "backward": COLORS[2]}


def ways_to_split() -> None:
    """Sketch what a worker holds, and what workers exchange, when rows are split and when branches are."""
    alt = (
        "Two panels. Data parallel: worker 0 has the first half of the rows and all five branches, worker 1 the second"
        " half and all five branches; they add up gradients. Model parallel: both workers have all rows, worker 0 has"
        " branches 0, 3 and 4, worker 1 has branches 1 and 2; they add up logits."
    )
    panels = {
        "Data parallel": (["first half", "second half"], ["01234", "01234"], "gradients"),
        "Model parallel": (["all rows", "all rows"], ["034", "12"], "logits"),
    }
    with sketch("Two ways to split one step between two workers", alt, size=(7.4, 2.7)) as axes:
        for left, (name, (rows, branches, exchanged)) in zip((0, 3.8), panels.items(), strict=True):
            note(axes, (left + 1.75, 2.5), name)
            for worker, place in enumerate((left + 0.75, left + 2.75)):
                note(axes, (place, 2.2), f"worker {worker}")
                box(axes, (place, 1.8), rows[worker], width=1.2, height=0.4, color=ORANGE)
                arrow(axes, (place, 1.6), (place, 1.3))
                for number, branch in enumerate(branches[worker]):
                    middle = place + 0.26 * (number - (len(branches[worker]) - 1) / 2)
                    box(axes, (middle, 1.1), branch, width=0.23, height=0.4, color=BLUE)
                arrow(axes, (place, 0.9), (left + 1.75 + (worker - 0.5) * 0.7, 0.55))
            box(
                axes, (left + 1.75, 0.33), f"sum of {exchanged}", width=1.7, height=0.4, color=GREEN
            )


def scaling_lines(
    x: Sequence[int],
    series: Mapping[str, Sequence[float]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    y_ticks: Sequence[float],
    gave_up: float | None = None,
) -> None:
    """Draw `series` against `x` on logarithmic axes with a tick at each x, each line named where it ends.

    Infinite values are trials that gave up: they are marked on a line at `gave_up`, and joined to nothing.
    """
    with drawing(title, size=(7.0, 4.2)) as (figure, alt_text):
        axes = add_axes(figure, title, x_label, y_label)
        _ticks(axes, x, y_ticks)
        _draw(axes, x, series, alt_text)
        if gave_up:
            top = 1.25 * gave_up
            axes.axhline(gave_up, color=GREY, linewidth=1)
            axes.text(x[0], 1.03 * gave_up, f"a trial gives up at {gave_up:g}", color=GREY, size=9)
            for style, values in styled(series):
                missing = [place for place, value in zip(x, values, strict=True) if np.isinf(value)]
                axes.plot(missing, [top] * len(missing), **style | {"linestyle": "", "label": None})
                for place in missing:
                    axes.text(place, 1.06 * top, f"> {gave_up:g}", ha="center", size=9)
                alt_text += [
                    f"{style['label']}, {place}: more than {gave_up:g}." for place in missing
                ]
            axes.set_ylim(top=1.6 * gave_up)


def crossovers(
    counts: Sequence[int], panels: Mapping[str, Mapping[str, Sequence[float]]], *, title: str
) -> None:
    """Draw, a panel for each way of exchanging, the speed-up of each way of training on `counts` devices."""
    with drawing(title, size=(8.6, 4.2)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        both = figure.subplots(1, 2, sharey=True)
        for axes, (name, series) in zip(both, panels.items(), strict=True):
            axes.set_title(name, fontsize=10)
            axes.set(xlabel="devices")
            _ticks(axes, counts, [0.25, 0.5, 1, 2, 4, 8, 16, 32])
            alt_text.append(f"{name}:")
            _draw(axes, counts, series, alt_text, names=axes is both[-1])
            axes.axhline(1, color=GREY, linewidth=1)
        both[0].set(ylabel="times as fast as one device")


def _draw(
    axes: Axes,
    x: Sequence[int],
    series: Mapping[str, Sequence[float]],
    alt_text: list[str],
    *,
    names: bool = True,
) -> None:
    """Draw lines with their names at their right ends, moved apart where they would touch."""
    ends = []
    for style, values in styled(series):
        known = np.where(np.isfinite(values), values, np.nan)
        axes.plot(x, known, **style)
        listed = ", ".join(f"{value:.3g}" for value in known if not np.isnan(value))
        alt_text.append(f"{style['label']}: {listed}.")
        last = np.flatnonzero(~np.isnan(known))
        if len(last):
            ends.append((known[last[-1]], x[last[-1]], style))
    if not names:
        return
    low, high = np.log(axes.get_ylim())
    heights = _apart([np.log(value) for value, _, _ in ends], 0.055 * (high - low))
    for (_, place, style), height in zip(ends, heights, strict=True):
        axes.annotate(
            style["label"],
            (place, np.exp(height)),
            xytext=(8, 0 if place == x[-1] else -12),  # elsewhere below what may go on above
            textcoords="offset points",
            va="center",
            size=9,
            color=style["color"],
            annotation_clip=False,
        )


def _apart(places: Sequence[float], least: float) -> list[float]:
    """Return places, moved up where one is nearer than `least` to the next below."""
    moved = list(places)
    order = np.argsort(places, kind="stable")
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + least)
    return moved


def _ticks(axes: Axes, x: Sequence[float], y: Sequence[float]) -> None:
    """Make both axes logarithmic, with ticks where something was measured."""
    for axis, scale, ticks in ((axes.xaxis, "x", x), (axes.yaxis, "y", y)):
        getattr(axes, f"set_{scale}scale")("log")
        axis.set_ticks(list(ticks), [f"{tick:g}" for tick in ticks])
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())


def plan_and_run(
    plan: Placement, costs: Mapping[str, float], clock: NDArray, *, title: str
) -> None:
    """Draw the planned step of two workers above one that was measured: the step of median length.

    `clock` (workers, steps, 5) is that of `train`; `costs` names the tasks "forward 0", "sum", "backward 0".
    """
    lengths = clock[..., -1].max(axis=0) - clock[..., 0].min(axis=0)
    median = np.argsort(lengths)[len(lengths) // 2]
    step = 1000 * (clock[:, median] - clock[:, median].min())
    with drawing(title, size=(7.4, 4.0)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        above, below = figure.subplots(2, 1, sharex=True)
        for axes, name in ((above, "plan"), (below, "run")):
            axes.set_title(name, fontsize=10)
            axes.set_yticks([0, 1], ["worker 0", "worker 1"])
            axes.set_ylim(1.6, -0.6)
            axes.grid(visible=False, axis="y")
        below.set_xlabel("time (milliseconds)")
        for task, cost in costs.items():
            kind, _, number = task.partition(" ")
            begin = plan.begin[task]
            worker = plan.device[task]
            above.barh(worker, cost, left=begin, color=SHADES[kind], edgecolor="black")
            above.text(begin + cost / 2, worker, number, ha="center", va="center", size=8)
            alt_text.append(f"Planned: {task} on worker {worker} from {begin:.2g} for {cost:.2g}.")
        summing = plan.device["sum"]
        for worker, (begin, forward, others, error, end) in enumerate(step):
            pieces = {
                "forward": (begin, forward),
                "waits": (forward, others),
                "sum" if worker == summing else "waits for the error": (others, error),
                "backward": (error, end),
            }
            for kind, (left, right) in pieces.items():
                style = WAITING
                if kind in SHADES:
                    style = {"color": SHADES[kind], "edgecolor": "black"}
                below.barh(worker, right - left, left=left, **style)
                alt_text.append(f"Run: worker {worker} {kind} from {left:.2g} to {right:.2g}.")
        for kind, color in SHADES.items():
            above.barh(0, 0, color=color, edgecolor="black", label=kind)
        above.barh(0, 0, label="waits", **WAITING)
        figure.legend(loc="outside lower right", ncols=4)


def timetables(tables: Mapping[str, Sequence[Sequence[Task | None]]], *, title: str) -> None:
    """Draw what each stage of a pipeline does in each slot of time; an empty slot is a bubble."""
    with drawing(title, size=(7.4, 0.9 + 1.1 * len(tables))) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        all_axes = figure.subplots(len(tables), 1, squeeze=False, sharex=True)[:, 0]
        for axes, (name, table) in zip(all_axes, tables.items(), strict=True):
            axes.set_title(name, fontsize=10)
            axes.set_yticks(range(len(table)), [f"stage {stage}" for stage in range(len(table))])
            axes.set_ylim(len(table) - 0.4, -0.6)
            axes.set_xticks([])
            axes.grid(visible=False)
            microbatches = len({task.microbatch for row in table for task in row if task})
            length = 1 / microbatches  # of a slot: all panels show the same work
            for stage, row in enumerate(table):
                for slot, task in enumerate(row):
                    style = (
                        {"color": SHADES[task.direction], "edgecolor": "black"} if task else WAITING
                    )
                    axes.barh(stage, length, left=slot * length, **style)
                    if task:
                        middle = (slot + 0.5) * length
                        axes.text(middle, stage, str(task.microbatch), ha="center", va="center")
                words = [f"{task.direction} {task.microbatch}" if task else "waits" for task in row]
                alt_text.append(f"{name}, stage {stage}: {', '.join(words)}.")
        for kind in ("forward", "backward"):
            all_axes[0].barh(0, 0, color=SHADES[kind], edgecolor="black", label=kind)
        all_axes[0].barh(0, 0, label="waits", **WAITING)
        figure.legend(loc="outside lower right", ncols=3)
