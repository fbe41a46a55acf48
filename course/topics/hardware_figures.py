"""Lesson 16: rooflines of a core and of cards, predicted and measured, and the memory that training needs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import NDArray

from course.figure import GREY, add_axes, drawing, styled
from course.topics.hardware import Kernel, Machine, training_bytes


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


def card_rooflines(cards: pd.DataFrame, *, title: str) -> None:
    """Draw the roofs of `cards` (rows as in `devices`), half precision."""
    machines = {name: Machine(card["fp16"], card["bandwidth"]) for name, card in cards.iterrows()}
    intensities = np.geomspace(1, 3000, 200)
    with drawing(title) as (figure, alt_text):
        axes = _roofline_axes(figure, title, unit="TFLOP/s")
        for style, machine in styled(machines):
            axes.plot(intensities, machine.attainable(intensities) / 1e12, **style, markevery=40)
            peak = f"{machine.rate / 1e12:.4g} TFLOP/s from {machine.ridge:.3g} FLOP/byte on"
            alt_text.append(f"{style['label']}: {peak}.")
        axes.legend()


def memory_needed(memories: Mapping[str, float], *, title: str) -> None:
    """Draw what weights, gradients and optimizer need of memory, and the `memories` of cards in bytes, by name."""
    sizes = np.geomspace(1e7, 1e11, 50)
    with drawing(title) as (figure, alt_text):
        axes = add_axes(figure, title, "parameters (billions)", "memory (GB)")
        axes.set(xscale="log", yscale="log", xlim=(0.01, 100), ylim=(0.1, 2000))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        for style, optimizer in styled({"Adam": "adam", "SGD": "sgd"}):
            need = [_gigabytes(size, optimizer) for size in sizes]
            axes.plot(sizes / 1e9, need, **style, markevery=8)
            ends = f"{need[0]:.3g} GB for 0.01 billion parameters to {need[-1]:.4g} GB for 100"
            alt_text.append(f"{style['label']}: {ends}.")
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
    """Add logarithmic axes with plain numbers."""
    axes = add_axes(figure, title, "arithmetic intensity (FLOP/byte)", f"rate ({unit})")
    axes.set(xscale="log", yscale="log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    return axes
