"""Lesson 09: alarms in a sketch, precision against recall, intervals around differences, and how reliable risks are."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course import sketch
from course.evidence import Interval
from course.figure import COLORS, GREY, MARKERS, drawing

BLUE, ORANGE, GREEN, *_ = COLORS


def alarms() -> None:
    """Draw patients by the risk that a model gives them, the threshold, and what recall and precision count."""
    alt = (
        "Ten circles on a line of predicted risk from 0 to 1; a threshold at 0.5 cuts it. Left of the threshold: four "
        "healthy patients, and one who is ill and missed. Right of it: three ill patients who are caught, and two "
        "false alarms. Recall is caught among the ill, 3 of 4; precision is caught among the alarms, 3 of 5."
    )
    with sketch.sketch("What recall and precision count", alt, size=(7.0, 2.5)) as axes:
        sketch.arrow(axes, (0.4, 0.9), (6.7, 0.9))
        sketch.note(axes, (3.5, 0.15), "predicted risk, from 0 to 1")
        axes.plot([3.5, 3.5], [0.45, 2.2], color=GREY, linestyle="--")
        sketch.note(axes, (3.5, 2.35), "threshold: above it, an alarm")
        for place, ill in zip(
            np.linspace(0.7, 6.3, 10), (0, 0, 0, 1, 0, 1, 0, 0, 1, 1), strict=True
        ):
            alarmed = place > 3.5
            color = ORANGE if ill else BLUE
            sketch.circle(axes, (place, 0.9), "ill" if ill else "", color=color)
            names = {(0, False): "", (1, False): "missed", (0, True): "false\nalarm"}
            sketch.note(axes, (place, 1.38), names.get((ill, alarmed), "caught"), color=color)
        sketch.note(axes, (0.4, 1.95), "recall = caught / ill = 3 of 4", align="left")
        sketch.note(axes, (6.7, 1.95), "precision = caught / alarms = 3 of 5", align="right")


def precision_recall(
    y_true: ArrayLike,
    panels: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    moved: float,
    title: str,
) -> None:
    """Draw the curve of a model at every threshold, and beside it the model with class weights at one half.

    `panels`: for each panel the probabilities (rows,) without and with weights; `moved` is the threshold of the first
    that is to do what the weights do. Precision is not drawn where nobody is alarmed.
    """
    from sklearn.metrics import precision_recall_curve

    y_true = np.asarray(y_true)
    with drawing(title, size=(7.5, 3.8)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)
        for axes, (name, (plain, weighted)) in zip(grid.flat, panels.items(), strict=True):
            plain, weighted = np.asarray(plain), np.asarray(weighted)
            precision, recall, _ = precision_recall_curve(y_true, plain)
            # without the last point, which is a convention: nobody is alarmed there
            axes.plot(recall[:-1], precision[:-1], color=BLUE, label="unweighted, any threshold")
            axes.set(title=name, xlabel="recall (share of the ill)", xlim=(0.5, 1.01))
            points = {
                "unweighted, at 0.5": plain > 0.5,
                f"unweighted, at {moved:.3f}": plain > moved,
                "weighted, at 0.5": weighted > 0.5,
            }
            for (label, alarm), color, marker in zip(
                points.items(), (BLUE, GREEN, ORANGE), MARKERS, strict=False
            ):
                found, right = _recall(y_true, alarm), _precision(y_true, alarm)
                axes.plot(found, right, marker, color=color, markersize=9, label=label)
                alt_text.append(f"{name}, {label}: recall {found:.3f}, precision {right:.3f}.")
        grid[0, 0].set(ylabel="precision (share of the alarms)", ylim=(0, 1.02))
        grid[0, -1].legend(loc="lower left")


def _recall(y_true: NDArray, alarm: NDArray) -> float:
    return float(alarm[y_true == 1].mean())


def _precision(y_true: NDArray, alarm: NDArray) -> float:
    return float(y_true[alarm].mean()) if alarm.any() else float("nan")


def intervals(found: Mapping[str, tuple[float, Interval]], *, title: str, label: str) -> None:
    """Draw each difference with its interval and a line at 0; `label` names the difference and its unit."""
    with drawing(title, size=(7.5, 1.3 + 0.5 * len(found))) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        axes = figure.add_subplot()
        axes.set(xlabel=label)
        axes.grid(visible=False, axis="y")
        axes.axvline(0, color=GREY, zorder=1)
        axes.set_yticks(range(len(found)), list(found))
        axes.set_ylim(len(found) - 0.5, -0.5)
        for row, (name, (value, interval)) in enumerate(found.items()):
            color = GREY if 0 in interval else ORANGE
            axes.plot([interval.low, interval.high], [row, row], color=color, linewidth=3)
            axes.plot(value, row, "o", color=color, markersize=8)
            axes.annotate(
                f"{value:+.3f}",
                (value, row),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                zorder=1.5,  # over the line at 0, under the dot
            )
            ends = f"{interval.low:.3f} to {interval.high:.3f}"
            verdict = "reaches over 0" if 0 in interval else "leaves out 0"
            alt_text.append(f"{' '.join(name.split())}: {value:.3f}, {ends}, which {verdict}.")


def reliability(
    y_true: ArrayLike, panels: Mapping[str, ArrayLike], *, title: str, columns: int = 2
) -> None:
    """Draw in each panel how often the ill are among patients of like risk, with 99% intervals; diagonal: as predicted.

    `panels`: name -> probabilities (rows,). Patients go into tenths of risk, 0 to 0.1, 0.1 to 0.2 and so on; tenths
    with fewer than five patients are left out.
    """
    y_true = np.asarray(y_true)
    rows = -(-len(panels) // columns)
    with drawing(title, size=(7.0, 0.5 + 3.0 * rows)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for number, (name, probability) in enumerate(panels.items()):
            axes = grid.flat[number]
            color = COLORS[number % columns]
            predicted, observed, low, high = _tenths(y_true, np.asarray(probability))
            axes.plot([0, 1], [0, 1], color=GREY, linewidth=1)
            axes.errorbar(
                predicted, observed, yerr=[observed - low, high - observed], fmt="o-", color=color
            )
            axes.set(title=name, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
            pairs = ", ".join(
                f"{share:.2f} of those at {risk:.2f}"
                for risk, share in zip(predicted, observed, strict=True)
            )
            alt_text.append(
                f"{name}: {f'ill are {pairs}' if pairs else 'no tenth has five patients'}."
            )
        for axes in grid[-1]:
            axes.set_xlabel("predicted risk")
        for axes in grid[:, 0]:
            axes.set_ylabel("share who are ill")


def _tenths(y_true: NDArray, probability: NDArray) -> NDArray:
    """Return mean risk, share of the ill and its 99% interval (Clopper and Pearson) for each tenth, (4, tenths)."""
    from scipy.stats import binomtest

    tenth = np.minimum((10 * probability).astype(int), 9)
    found = []
    for number in range(10):
        inside = tenth == number
        if inside.sum() < 5:
            continue
        ill = int(y_true[inside].sum())
        test = binomtest(ill, int(inside.sum()))
        ends = test.proportion_ci(0.99)
        found.append((probability[inside].mean(), ill / inside.sum(), ends.low, ends.high))
    return np.reshape(found, (-1, 4)).T
