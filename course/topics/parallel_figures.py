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
from course.topics.parallel_training import step_lengths
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


def efficiency_lines(
    x: Sequence[int], series: Mapping[str, Sequence[float]], *, title: str, x_label: str
) -> None:
    """Draw efficiencies against `x`, from 0 to a little above the ideal of 1."""
    with drawing(title, size=(7.0, 4.2)) as (figure, alt_text):
        axes = add_axes(figure, title, x_label, "efficiency (share of twice the speed)")
        _logarithmic(axes, "x", x)
        axes.set_ylim(0, max(1.1, 1.05 * max(map(max, series.values()))))
        axes.axhline(1, color=GREY, linewidth=1)
        axes.text(x[0], 1.02, "ideal: twice the speed", color=GREY, size=9)
        _draw(axes, x, series, alt_text)


def epochs_lines(
    x: Sequence[int],
    series: Mapping[str, Sequence[Sequence[float]]],
    *,
    title: str,
    x_label: str,
    y_ticks: Sequence[float],
    gave_up: float,
) -> None:
    """Draw the median of the trials at each x on logarithmic axes, and a band from the least to the greatest.

    Infinite values are trials that gave up: as medians they are marked on a line at `gave_up`, and joined to nothing.
    """
    with drawing(title, size=(7.0, 4.2)) as (figure, alt_text):
        axes = add_axes(figure, title, x_label, "epochs")
        _logarithmic(axes, "x", x)
        _logarithmic(axes, "y", y_ticks)
        top = 1.25 * gave_up
        _draw(axes, x, series, alt_text, most=top)
        axes.axhline(gave_up, color=GREY, linewidth=1)
        axes.text(x[0], 1.03 * gave_up, f"a trial gives up at {gave_up:g}", color=GREY, size=9)
        for style, trials in styled(series):
            medians = np.median(trials, axis=1)
            missing = [place for place, value in zip(x, medians, strict=True) if np.isinf(value)]
            axes.plot(missing, [top] * len(missing), **style | {"linestyle": "", "label": None})
            for place in missing:
                axes.text(place, 1.06 * top, f"> {gave_up:g}", ha="center", size=9)
            alt_text += [f"{style['label']}, {place}: more than {gave_up:g}." for place in missing]
        axes.set_ylim(top=1.6 * gave_up)


def crossovers(
    counts: Sequence[int],
    panels: Mapping[str, Mapping[str, Sequence[Any]]],
    *,
    title: str,
) -> None:
    """Draw, a panel for each way of exchanging, the speed-up of each way of training on `counts` devices.

    Where each count has several speed-ups, the line is their median, with a band from the least to the greatest.
    """
    every = [np.ravel(values) for series in panels.values() for values in series.values()]
    least = min(np.concatenate(every), default=1.0)
    ticks = [2.0**power for power in range(min(-1, int(np.floor(np.log2(least)))), 6)]
    with drawing(title, size=(8.6, 4.2)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        both = figure.subplots(1, 2, sharey=True)
        for axes, (name, series) in zip(both, panels.items(), strict=True):
            axes.set_title(name, fontsize=10)
            axes.set(xlabel="devices")
            _logarithmic(axes, "x", counts)
            _logarithmic(axes, "y", ticks)
            alt_text.append(f"{name}:")
            _draw(axes, counts, series, alt_text, names=axes is both[-1])
            axes.axhline(1, color=GREY, linewidth=1)
        both[0].set(ylabel="times as fast as one device")


def _draw(
    axes: Axes,
    x: Sequence[int],
    series: Mapping[str, Sequence[Any]],
    alt_text: list[str],
    *,
    names: bool = True,
    most: float = np.inf,
) -> None:
    """Draw lines with their names at their right ends, moved apart where they would touch.

    Several values at an x are drawn as their median and a band, which ends at `most`.
    """
    ends = []
    for style, values in styled(series):
        trials = np.asarray(values, float)
        if trials.ndim == 1:
            trials = trials[:, np.newaxis]
        median = np.median(trials, axis=1)
        known = np.where(np.isfinite(median), median, np.nan)
        axes.plot(x, known, **style)
        low, high = trials.min(axis=1), trials.max(axis=1)
        if np.any(low < high):
            seen = np.isfinite(low)
            axes.fill_between(
                x, low, np.minimum(high, most), where=seen, color=style["color"], alpha=0.15, lw=0
            )
        listed = ", ".join(
            _with_range(*place) for place in zip(known, low, high, strict=True) if place[0] > 0
        )
        alt_text.append(f"{style['label']}: {listed}.")
        last = np.flatnonzero(~np.isnan(known))
        if len(last):
            ends.append((known[last[-1]], x[last[-1]], style))
    if not names:
        return
    to_screen = axes.transData.transform
    to_data = axes.transData.inverted().transform
    heights = [to_screen((place, value))[1] for value, place, _ in ends]
    room = 0.055 * axes.bbox.height
    for (_, place, style), height in zip(ends, _apart(heights, room), strict=True):
        axes.annotate(
            style["label"],
            (place, to_data((0, height))[1]),
            xytext=(8, 0 if place == x[-1] else -12),  # elsewhere below what may go on above
            textcoords="offset points",
            va="center",
            size=9,
            color=style["color"],
            annotation_clip=False,
        )


def _with_range(value: float, low: float, high: float) -> str:
    most = f"{high:.3g}" if np.isfinite(high) else "one that gave up"
    return f"{value:.3g}" + (f" ({low:.3g} to {most})" if low < high else "")


def _apart(places: Sequence[float], least: float) -> list[float]:
    """Return places, moved up where one is nearer than `least` to the next below."""
    moved = list(places)
    order = np.argsort(places, kind="stable")
    for below, above in pairwise(order):
        moved[above] = max(moved[above], moved[below] + least)
    return moved


def _logarithmic(axes: Axes, which: str, ticks: Sequence[float]) -> None:
    """Make one axis, "x" or "y", logarithmic, with these ticks alone."""
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    getattr(axes, f"set_{which}scale")("log")
    axis.set_ticks(list(ticks), [f"{tick:g}" for tick in ticks])
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def plan_and_run(
    plan: Placement, costs: Mapping[str, float], clock: NDArray, *, overhead: float, title: str
) -> None:
    """Draw the planned step of two workers above one that was measured: the fastest.

    After the plan comes the `overhead` of a step, what no task of the plan is. `clock` (workers, steps, 6) is that of
    `train`; `costs` names the tasks "forward 0", "sum", "backward 0".
    """
    fastest = np.argmin(step_lengths(clock[..., 0], clock[..., -1]))
    step = 1000 * (clock[:, fastest] - clock[:, fastest].min())
    room = 0.011 * max(plan.end + overhead, step.max())  # for a letter
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
            if cost > room * len(number):
                above.text(begin + cost / 2, worker, number, ha="center", va="center", size=8)
            alt_text.append(f"Planned: {task} on worker {worker} from {begin:.2g} for {cost:.2g}.")
        other: dict[str, Any] = {"color": "#D9D9D9", "edgecolor": GREY, "linewidth": 0.5}
        held = [
            " ".join(
                sorted(
                    task[8:]
                    for task in costs
                    if task.startswith("forward") and plan.device[task] == worker
                )
            )
            for worker in (0, 1)
        ]
        if overhead > 0:
            busy = sorted(set(plan.device.values()))
            above.barh(busy, overhead, left=plan.end, **other)
            alt_text.append(f"Planned: overhead to {plan.end + overhead:.2g}.")
        summing = plan.device["sum"]
        for worker, (begin, forward, others, error, done, end) in enumerate(step):
            pieces = {
                "forward": (begin, forward),
                "waits": (forward, others),
                "sum" if worker == summing else "waits for the error": (others, error),
                "backward": (error, done),
                "waits for new weights": (done, end),
            }
            for kind, (left, right) in pieces.items():
                style = WAITING
                if kind in SHADES:
                    style = {"color": SHADES[kind], "edgecolor": "black"}
                below.barh(worker, right - left, left=left, **style)
                has_room = right - left > room * len(held[worker])
                if kind in ("forward", "backward") and has_room:
                    middle = (left + right) / 2
                    below.text(middle, worker, held[worker], ha="center", va="center", size=8)
                alt_text.append(f"Run: worker {worker} {kind} from {left:.2g} to {right:.2g}.")
        for kind, color in SHADES.items():
            above.barh(0, 0, color=color, edgecolor="black", label=kind)
        above.barh(0, 0, label="waits", **WAITING)
        above.barh(0, 0, label="overhead", **other)
        figure.legend(loc="outside lower right", ncols=5)


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
