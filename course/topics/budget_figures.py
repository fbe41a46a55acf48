"""Lesson 19: how a search spends its epochs, where a grid and random settings lie, and what a budget buys."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course.figure import (
    COLORS,
    GREY,
    MARKERS,
    add_axes,
    drawing,
    make_logarithmic,
    refuse_more_than_styles,
    styled,
)
from course.sketch import GREEN, ORANGE, arrow, box, note, sketch
from course.topics.budget import Setting

RUNGS = ((9, 1), (3, 3), (1, 9))  # settings that are left, epochs that each has had


def search_sketch() -> None:
    """Draw nine settings that are halved to one, and the test rows that are opened once."""
    alt = (
        "Nine settings are trained for one epoch each. The three that validation likes best are trained on until they"
        " have had three epochs, and the best of those until it has had nine. Only then does an arrow lead to the"
        " test rows, which are opened once. No arrow leads back from there."
    )
    with sketch("A search spends its epochs where they pay", alt, size=(7.4, 2.6)) as axes:
        for column, (left, epochs) in enumerate(RUNGS):
            center = 0.9 + 1.9 * column
            for row in range(left):
                height = 1.45 + 0.2 * (row - (left - 1) / 2)
                box(axes, (center, height), "", width=0.9, height=0.15)
            words = f"{left} setting{'s' if left > 1 else ''},\n{epochs} epoch{'s' if epochs > 1 else ''} each"
            note(axes, (center, 0.25), words)
            if column:
                arrow(axes, (center - 1.35, 1.45), (center - 0.55, 1.45))
                note(axes, (center - 0.95, 1.85), "validation\nkeeps a third", color=ORANGE)
        arrow(axes, (5.25, 1.45), (5.85, 1.45), color=GREEN)
        box(axes, (6.5, 1.45), "test rows", width=1.2, color=GREEN)
        note(axes, (6.5, 1.0), "opened once", color=GREEN)


def places_plot(panels: Mapping[str, Sequence[Setting]], *, title: str) -> None:
    """Draw the settings of each search by rate and weight decay; below each, ticks mark its different rates."""
    refuse_more_than_styles("panels", panels)
    with drawing(title, size=(7.4, 3.6)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        grid = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for axes, (name, settings), color in zip(grid, panels.items(), COLORS, strict=False):
            rates = [setting.learning_rate for setting in settings]
            decays = [setting.weight_decay for setting in settings]
            make_logarithmic(axes, "xy")
            axes.plot(rates, decays, "o", color=color, alpha=0.7)
            axes.plot(rates, np.full(len(rates), 4e-5), "|", color=color, markersize=12)
            different = len(set(rates))
            axes.set(title=f"{name}: {different} different rates", xlabel="learning rate")
            alt_text.append(f"{name}: {len(rates)} settings with {different} different rates.")
        grid[0].set_ylabel("weight decay")


def halving_plot(curves: NDArray, *, first: int, title: str, y_label: str) -> None:
    """Draw `curves` (settings, epochs) as far as successive halving trains them, those that survive in color."""
    last = curves.shape[1]
    left = np.arange(len(curves))
    epochs = first
    with drawing(title) as (figure, alt_text):
        axes = add_axes(figure, title, "epoch", y_label)
        make_logarithmic(axes, "xy")
        while True:
            order = left[np.argsort(curves[left, epochs - 1], kind="stable")]
            is_done = len(left) == 1 or epochs == last
            kept = order[: 1 if is_done else max(1, len(left) // 3)]
            for place in np.setdiff1d(left, kept):
                shown = curves[place, :epochs]
                axes.plot(np.arange(1, epochs + 1), shown, color=GREY, linewidth=1)
            if is_done:
                break
            axes.axvline(epochs, color=GREY, linestyle=":")
            alt_text.append(f"After epoch {epochs}, {len(kept)} of {len(left)} are kept.")
            left = kept
            epochs = min(3 * epochs, last)
        best = order[0]
        axes.plot(np.arange(1, last + 1), curves[best], color=COLORS[1], linewidth=2.5)
        axes.annotate(
            "survivor",
            (last, curves[best, -1]),
            xytext=(-60, -14),
            textcoords="offset points",
            color=COLORS[1],
        )
        alt_text.append(f"The survivor ends at {curves[best, -1]:.3g}.")


def budget_plot(
    strategies: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]], *, title: str, y_label: str
) -> None:
    """Draw for each strategy the mean error of what it finds against the epochs that it spends.

    Each is epochs (budgets,), mean errors (budgets,), and the ends of the middle half of the draws (budgets, 2).
    """
    errors = {name: found for name, (_, found, _) in strategies.items()}
    with drawing(title) as (figure, alt_text):
        axes = add_axes(figure, title, "epochs spent, of all settings together", y_label)
        make_logarithmic(axes, "x")
        for style, found in styled(errors):
            spent, _, half = strategies[style["label"]]
            low, high = np.transpose(half)
            axes.plot(spent, found, **style)
            axes.fill_between(spent, low, high, color=style["color"], alpha=0.2, linewidth=0)
            points = zip(np.asarray(spent), np.asarray(found), low, high, strict=True)
            listed = ", ".join(
                f"{error:.3g} ({least:.3g} to {most:.3g}) for {epochs:g}"
                for epochs, error, least, most in points
            )
            alt_text.append(f"{style['label']}: {listed} epochs.")
        axes.legend(title="mean and middle half of the draws")


def best_of_plot(
    tries: ArrayLike, panels: Mapping[str, tuple[ArrayLike, ArrayLike]], *, title: str, y_label: str
) -> None:
    """Draw what the best of `tries` (points,) gains: computed as a line, measured as points, for each of `panels`."""
    refuse_more_than_styles("panels", panels)
    tries = np.asarray(tries)
    with drawing(title) as (figure, alt_text):
        axes = add_axes(figure, title, "tries of which the best is taken", y_label)
        make_logarithmic(axes, "x")
        for (name, (computed, measured)), color, marker in zip(
            panels.items(), COLORS, MARKERS, strict=False
        ):
            axes.plot(tries, computed, color=color, label=f"{name}, computed")
            axes.plot(tries, measured, marker, color=color, label=f"{name}, measured")
            ends = (
                f"{np.asarray(computed)[-1]:.3g} computed, {np.asarray(measured)[-1]:.3g} measured"
            )
            alt_text.append(f"{name}: the best of {tries[-1]:g} gains {ends}.")
        axes.legend()
