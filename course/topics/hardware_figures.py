"""Lesson 16: two limits as a sketch, rooflines of a core and of cards, and the memory that training needs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from course.figure import GREY, add_axes, drawing, styled
from course.sketch import BLUE, GREEN, ORANGE, arrow, box, note, sketch
from course.topics.hardware import Kernel, Machine, training_bytes

POINTS = {"linestyle": "", "label": "_"}  # markers alone, and not in the legend
MODELS = {"124 million": 124e6, "1.3 billion": 1.3e9, "7 billion": 7e9}  # of the lesson


def two_limits() -> None:
    """Draw how numbers come from memory to the arithmetic, and that the longer of two times counts."""
    alt = (
        "A box, memory, is joined to a box, arithmetic, by two arrows: numbers in, results out. The arrows stand for "
        "the bandwidth, in bytes per second, the arithmetic for the rate, in FLOP per second. Below, two bars show "
        "the time of a kernel: a long one for moving its bytes and a short one for its FLOP. They start together, "
        "and the longer one sets the time."
    )
    with sketch("Two limits of a kernel", alt, size=(7.0, 2.9)) as axes:
        box(axes, (1.1, 2.3), "memory", width=1.6, height=0.7)
        box(axes, (5.4, 2.3), "arithmetic", width=1.6, height=0.7, color=ORANGE)
        arrow(axes, (1.9, 2.45), (4.6, 2.45), "numbers in")
        arrow(axes, (4.6, 2.15), (1.9, 2.15), "results out")
        note(axes, (3.25, 1.8), "bandwidth (bytes per second)", color=BLUE)
        note(axes, (5.4, 1.8), "rate (FLOP per second)", color=ORANGE)
        box(axes, (3.3, 1.1), "moving the bytes", width=4.0, height=0.36)
        box(axes, (2.1, 0.65), "doing the FLOP", width=1.6, height=0.36, color=ORANGE)
        note(axes, (2.95, 0.65), "then waits", align="left")
        arrow(axes, (1.3, 0.3), (5.3, 0.3), color=GREEN)
        note(axes, (5.4, 0.3), "time of the kernel", color=GREEN, align="left")


def roofline(
    machine: Machine, kernels: Mapping[str, Kernel], seconds: Mapping[str, float], *, title: str
) -> None:
    """Draw the roof of a machine, and each kernel by its intensity and the rate that it reached in its `seconds`."""
    intensities = np.geomspace(0.1, 1000, 200)
    with drawing(title) as (figure, alt_text):
        axes = _roofline_axes(figure, title, unit="GFLOP/s")
        axes.plot(intensities, machine.attainable(intensities) / 1e9, color=GREY, label="roofline")
        peak = f"{machine.rate / 1e9:.3g} GFLOP/s at {machine.ridge:.3g} FLOP/byte"
        alt_text.append(f"The roof rises to {peak} and is flat from there.")
        for style, kernel in styled(kernels):
            name = style["label"]
            measured = kernel.flops / seconds[name] / 1e9
            axes.plot(kernel.intensity, measured, **style | {"linestyle": "", "markersize": 8})
            alt_text.append(f"{name}: {measured:.3g} GFLOP/s at {kernel.intensity:.3g} FLOP/byte.")
        axes.legend()


def batch_roofline(batches: Sequence[int], roof: NDArray, reached: NDArray, *, title: str) -> None:
    """Draw the rates that a layer could reach and did reach, in FLOP/s, against the rows in the batch."""
    middle = len(batches) // 2
    with drawing(title) as (figure, alt_text):
        axes = _roofline_axes(figure, title, unit="GFLOP/s")
        axes.set_xlabel("rows in the batch")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        for style, rates in styled({"roofline": roof, "measured": reached}):
            rates = rates / 1e9
            axes.plot(batches, rates, **style)
            ends = f"{rates[0]:.3g} for one row to {rates[-1]:.3g} GFLOP/s for {batches[-1]}"
            alt_text.append(f"{style['label']}: {ends}, {rates[middle]:.3g} for {batches[middle]}.")
        axes.legend()


def card_rooflines(markets: Mapping[str, pd.DataFrame], *, title: str) -> None:
    """Draw the roofs of cards (rows as in `devices`), half precision, in a panel each market, the others in grey."""
    intensities = np.geomspace(1, 3000, 200)
    with drawing(title, size=(8.4, 4.2)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        panels = figure.subplots(1, len(markets), sharex=True, sharey=True, squeeze=False)[0]
        roofs = {
            market: {
                name: Machine(card["fp16"], card["bandwidth"]) for name, card in cards.iterrows()
            }
            for market, cards in markets.items()
        }
        for axes, (market, machines) in zip(panels, roofs.items(), strict=True):
            _label_roofline(axes, market, unit="TFLOP/s")
            for others in roofs.values():
                for machine in others.values():
                    axes.plot(intensities, machine.attainable(intensities) / 1e12, color="#D0D0D0")
            for style, machine in styled(machines):
                rates = machine.attainable(intensities) / 1e12
                axes.plot(intensities, rates, **style | {"marker": ""}, linewidth=2)
                close = any(1 < other.rate / machine.rate < 1.5 for other in machines.values())
                axes.annotate(
                    style["label"],
                    (intensities[-1], rates[-1]),
                    xytext=(0, -3 if close else 3),  # below, where another roof is just above
                    textcoords="offset points",
                    color=style["color"],
                    path_effects=[withStroke(linewidth=3, foreground="white")],
                    ha="right",
                    va="top" if close else "bottom",
                )
                peak = f"{machine.rate / 1e12:.4g} TFLOP/s from {machine.ridge:.3g} FLOP/byte on"
                alt_text.append(f"{market}, {style['label']}: {peak}.")
        for axes in panels[1:]:
            axes.set_ylabel("")


def memory_needed(memories: Mapping[str, float], *, title: str) -> None:
    """Draw what weights, gradients and optimizer need of memory, and the `memories` of cards in bytes, by name."""
    sizes = np.geomspace(1e7, 1e11, 50)
    with drawing(title) as (figure, alt_text):
        axes = add_axes(
            figure, title, "parameters (billions), logarithmic", "memory (GB), logarithmic"
        )
        axes.set(xscale="log", yscale="log", xlim=(0.01, 100), ylim=(0.05, 2000))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        for style, optimizer in styled({"Adam": "adam", "SGD": "sgd"}):
            need = [_gigabytes(size, optimizer) for size in sizes]
            axes.plot(sizes / 1e9, need, **style | {"marker": ""})
            drawn = [_gigabytes(size, optimizer) for size in MODELS.values()]
            axes.plot(np.array([*MODELS.values()]) / 1e9, drawn, **style | POINTS)
            ends = f"{need[0]:.3g} GB for 0.01 billion parameters to {need[-1]:.4g} GB for 100"
            alt_text.append(f"{style['label']}: {ends}.")
        for name, parameters in MODELS.items():
            place = (parameters / 1e9, _gigabytes(parameters, "adam"))
            axes.annotate(name, place, xytext=(-6, 5), textcoords="offset points", ha="right")
            alt_text.append(f"Marked: {name} parameters need {place[1]:.3g} GB with Adam.")
        for name, size in memories.items():
            memory = size / 1e9
            label = name if "GB" in name else f"{name} {memory:g} GB"
            axes.axhline(memory, color=GREY, linewidth=1)
            axes.text(0.011, 1.06 * memory, label, fontsize=9)
            alt_text.append(
                f"The memory of the {name} crosses Adam's line at {memory / 16:.3g} billion parameters."
            )
        axes.legend(loc="lower right")


def _gigabytes(parameters: float, optimizer: str) -> float:
    parts = training_bytes(round(parameters), optimizer=optimizer)
    return sum(parts.values()) / 1e9


def _roofline_axes(figure: Figure, title: str, *, unit: str) -> Axes:
    axes = figure.add_subplot()
    _label_roofline(axes, title, unit=unit)
    return axes


def _label_roofline(axes: Axes, title: str, *, unit: str) -> None:
    """Make the axes logarithmic with plain numbers."""
    axes.set(title=title, xlabel="arithmetic intensity (FLOP/byte)", ylabel=f"rate ({unit})")
    axes.set(xscale="log", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
