"""Lesson 06: where a metric stands in training, as a sketch, and errors in different units, a panel each."""

import numpy as np
from matplotlib.ticker import LogFormatter, MaxNLocator

from course.figure import drawing, make_logarithmic, styled
from course.plots import Series
from course.sketch import BLUE, GREEN, ORANGE, arrow, box, note, sketch


def loss_and_metric() -> None:
    """Draw a step of training: the loss sends a gradient back, a metric only reports."""
    alt = (
        "A batch of inputs enters the network, which makes predictions. Predictions and targets go two ways. They "
        "enter the loss, from which an arrow, the gradient, leads back to the network and changes its weights. They "
        "also enter the metrics, from which an arrow leads to the log that you read. No arrow leads back from there."
    )
    with sketch("One step of training: a loss and a metric", alt, size=(7.0, 2.6)) as axes:
        box(axes, (0.8, 1.3), "batch:\ninputs", height=0.6)
        box(axes, (2.5, 1.3), "network", height=0.6)
        box(axes, (4.3, 1.3), "predictions,\ntargets", height=0.6)
        box(axes, (5.2, 2.25), "loss", height=0.45, color=ORANGE)
        box(axes, (5.2, 0.35), "metrics", height=0.45, color=GREEN)
        arrow(axes, (1.4, 1.3), (1.9, 1.3))
        arrow(axes, (3.1, 1.3), (3.7, 1.3))
        arrow(axes, (4.5, 1.6), (4.9, 2.02))
        arrow(axes, (4.5, 1.0), (4.9, 0.58))
        arrow(axes, (4.6, 2.25), (2.5, 1.6), bend=0.25, color=ORANGE)
        note(axes, (2.35, 2.3), "gradient: changes the weights", color=ORANGE)
        arrow(axes, (5.8, 0.35), (6.3, 0.35), color=GREEN)
        box(axes, (6.6, 0.35), "log", width=0.6, height=0.45, color=BLUE)
        note(axes, (6.35, 0.8), "only reports to you", color=GREEN)


def panels(series: Series, *, title: str, log: str = "y") -> None:
    """Draw series (epochs,), a panel each, with the name, which carries the unit, on its own y axis."""
    with drawing(title, size=(2.9 * len(series), 3.2)) as (figure, alt_text):
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        row = figure.subplots(1, len(series), squeeze=False)[0]
        for axes, (style, values) in zip(row, styled(series), strict=True):
            epochs = np.arange(1, len(values) + 1)
            make_logarithmic(axes, log)
            if (
                "y" in log
            ):  # numbers between the powers of ten also where the axis spans more than one
                axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.4)))
            axes.plot(epochs, values, **style, markevery=max(1, len(values) // 8))
            axes.set_title(style["label"], fontsize=11)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            highest = int(np.argmax(values))
            ends = f"from {values[0]:.3g} to {values[-1]:.3g}"
            alt_text.append(
                f"{style['label']}: {ends}, highest {values[highest]:.3g} after epoch {highest + 1}."
            )
