"""Lesson 04: rows without plumbing, an epoch as a picture, and figures that show every run."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from course.figure import COLORS, DASHES, GREY, add_axes, drawing, make_logarithmic
from course.plots import refuse_epochs_without_validation
from course.sketch import BLUE, GREEN, ORANGE, arrow, box, note, sketch


def dataset(x: ArrayLike, y: ArrayLike) -> tf.data.Dataset:
    """Return the rows one by one, for `batch` to group, without what TensorFlow plans for large data."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    return tf.data.Dataset.from_tensor_slices((x, y)).with_options(options)


def with_variables(model: keras.Model, x: Any, y: Any) -> keras.Model:
    """Make the variables of a compiled model's optimizer and metrics; return the model.

    A first training step that has to make them is translated twice.
    """
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(None, y, model(x))
    return model


def epoch_sketch() -> None:
    """Draw one epoch: the training loss is measured on the way, the validation loss at the end."""
    alt = (
        "An epoch as a line of boxes: batch 1 of 32 rows, batch 2 of 28 rows. At each batch the loss is measured with "
        "dropout on, then the weights take a step. The mean of the two is logged as loss. After the last step the "
        "validation rows are measured with dropout off, and logged as val_loss."
    )
    with sketch("One epoch: when the two losses are measured", alt, size=(8.1, 2.4)) as axes:
        for number, rows in enumerate((32, 28)):
            place = 1.2 + 2.9 * number
            box(axes, (place, 1.2), f"batch {number + 1}: {rows} rows", width=1.6)
            arrow(axes, (place, 1.45), (2.9, 1.95), color=BLUE)
            arrow(axes, (place + 0.8, 1.2), (place + 2.1, 1.2), "step")
        box(axes, (2.9, 2.15), "loss: mean of the batches, dropout on", width=3.2, height=0.4)
        box(axes, (7.1, 1.2), "validation\nrows", width=1.2, height=0.6, color=ORANGE)
        arrow(axes, (7.1, 1.5), (7.1, 1.95), color=ORANGE)
        box(axes, (7.1, 2.15), "val_loss: dropout off", width=1.8, height=0.4, color=ORANGE)
        note(axes, (0.9, 0.5), "weights at the beginning", color=GREEN)
        arrow(axes, (2.0, 0.5), (6.2, 0.5), color=GREEN)
        note(axes, (7.1, 0.5), "weights at the end", color=GREEN)


def run_curves(
    histories: Sequence[Mapping[str, Any]], *, title: str, lowest: float = 0, mark: bool = False
) -> None:
    """Draw the loss of every run as a thin line, training left and validation right.

    With `lowest` above 0 the axis is logarithmic, and what lies below is drawn there. With `mark` the lines are faint,
    and a dot shows the highest loss of each run, a square the last. Raises ValueError where validation was not measured
    after each epoch.
    """
    for history in histories:
        refuse_epochs_without_validation(history)
    with drawing(title, size=(7.0, 3.4)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left")
        panels = figure.subplots(1, 2, sharey=True)
        names = {"loss": "training", "val_loss": "validation"}
        for axes, (key, name), color in zip(panels, names.items(), COLORS, strict=False):
            runs = [np.maximum(history[key], lowest) for history in histories]
            _thin(axes, runs, color, alpha=0.3 if mark else 0.8)
            if mark:
                _mark(axes, runs, color)
            axes.set(title=name, xlabel="epoch")
            if lowest:
                make_logarithmic(axes, "y")
            first, last = ([run[place] for run in runs] for place in (0, -1))
            alt_text.append(
                f"{name}: {len(runs)} runs from {min(first):.3g} to {max(first):.3g} after the first epoch, "
                f"from {min(last):.3g} to {max(last):.3g} after the last."
            )
            if mark:
                highest = [max(run) for run in runs]
                alt_text.append(f"Highest losses from {min(highest):.3g} to {max(highest):.3g}.")
        panels[0].set_ylabel("loss (nats)")


def _thin(axes: Axes, runs: Sequence[Any], color: str, alpha: float) -> None:
    for number, run in enumerate(runs):
        dash = DASHES[number % len(DASHES)]
        epochs = range(1, len(run) + 1)
        axes.plot(epochs, run, color=color, linestyle=dash, linewidth=1.2, alpha=alpha)


def _mark(axes: Axes, runs: Sequence[Any], color: str) -> None:
    peaks = [int(np.argmax(run)) for run in runs]
    highest = [run[peak] for run, peak in zip(runs, peaks, strict=True)]
    axes.plot(np.array(peaks) + 1, highest, "o", color=color, label="highest of a run")
    ends = [len(run) for run in runs]
    last = [run[-1] for run in runs]
    axes.plot(ends, last, "s", color=color, markerfacecolor="none", label="last of a run")
    axes.legend()


def run_dots(values: Mapping[str, Any], *, title: str, label: str) -> None:
    """Draw a dot for each run of each named row; equal values stand side by side."""
    with drawing(title, size=(7.0, 0.9 + 0.7 * len(values))) as (figure, alt_text):
        axes = add_axes(figure, title, label, "")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(values)), list(values))
        axes.set_ylim(len(values) - 0.5, -0.5)
        for row, (name, runs) in enumerate(values.items()):
            places, counts = np.unique(np.round(runs, 6), return_counts=True)
            for place, count in zip(places, counts, strict=True):
                heights = row + 0.14 * (np.arange(count) - (count - 1) / 2)
                axes.plot(np.full(count, place), heights, "o", color=COLORS[row])
            axes.hlines(row, places[0], places[-1], color=GREY, linewidth=0.8, zorder=0)
            listed = ", ".join(f"{value:.3g}" for value in np.sort(runs))
            alt_text.append(f"{name}: {listed}.")
