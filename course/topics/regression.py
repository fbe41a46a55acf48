"""Lesson 02: what a step of `fit` does, many fits by one compiled network, and the errors of models fold by fold."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from course.figure import COLORS, add_axes, drawing
from course.sketch import GREEN, ORANGE, YELLOW, arrow, box, note, sketch
from course.training.reinitialize import empty


def step_sketch(title: str) -> None:
    """Draw one step of a fit: batch, prediction, loss, gradient, and the weights that it changes."""
    alt = (
        "A batch of 32 rows, x and y, enters the model, whose weights make predictions of it. The loss compares them"
        " with y. The optimizer takes the gradient of the loss and changes the weights of the model. Then the next"
        " batch comes; when none is left, the epoch is over."
    )
    with sketch(title, alt, size=(7.4, 2.3)) as axes:
        box(axes, (0.9, 1.5), "batch: x, y", width=1.3)
        box(axes, (3.0, 1.5), "model", width=1.2, color=GREEN)
        box(axes, (5.9, 1.5), "loss", width=1.2, color=ORANGE)
        box(axes, (4.45, 0.5), "optimizer", width=1.3, color=YELLOW)
        arrow(axes, (1.55, 1.5), (2.4, 1.5), "x")
        arrow(axes, (3.6, 1.5), (5.3, 1.5), "predictions")
        arrow(axes, (0.9, 1.75), (5.9, 1.75), "y", bend=-0.08)
        arrow(axes, (5.9, 1.25), (5.1, 0.5), bend=-0.3)
        note(axes, (5.9, 0.65), "gradient", align="left")
        arrow(axes, (3.8, 0.5), (3.0, 1.25), bend=-0.3)
        note(axes, (2.95, 0.65), "new weights", align="right")
        note(axes, (0.25, 0.2), "then the next batch, until the epoch is over", align="left")


def train_in(
    trainee: keras.Model, network: keras.Model, batches: tf.data.Dataset, *, epochs: int
) -> list[float]:
    """Train `network` in `trainee`, a compiled network of the same layers, and return the loss of each epoch.

    Keras prepares the steps of `trainee` at its first fit alone, which takes longer than a fit of a small network. The
    weights of `network` go in and come out trained; the optimizer starts with an empty memory. The stream of `batches`
    is repeated without an end, so that no epoch has to start it anew.
    """
    trainee.set_weights(network.get_weights())
    empty(trainee.optimizer, trainee.trainable_variables)
    history = trainee.fit(
        batches.repeat(), epochs=epochs, steps_per_epoch=len(batches), shuffle=False, verbose=0
    )
    network.set_weights(trainee.get_weights())
    return history.history["loss"]


def fold_errors_plot(errors: Mapping[str, Sequence[float]], *, title: str, label: str) -> None:
    """Draw a dot for each fold of each model, and their mean as a line with its value."""
    with drawing(title, size=(7.0, 1.4 + 0.4 * len(errors))) as (figure, alt_text):
        axes = add_axes(figure, title, f"{label}\ndots: folds, lines: their means", "")
        axes.grid(visible=False, axis="y")
        axes.set_yticks(range(len(errors)), list(errors))
        for row, (name, values) in enumerate(errors.items()):
            mean = float(np.mean(values))
            axes.plot(values, np.full(len(values), row), "o", color=COLORS[0], alpha=0.55)
            axes.plot([mean, mean], [row - 0.3, row + 0.3], color="black", linewidth=2)
            axes.text(mean, row - 0.32, f"{mean:.2f}", ha="center", va="bottom", size=9)
            ends = f"{min(values):.2f} to {max(values):.2f}"
            alt_text.append(f"{name}: mean {mean:.2f}, {len(values)} folds from {ends}.")
        axes.margins(x=0.08)
        axes.set_ylim(len(errors) - 0.5, -0.75)
