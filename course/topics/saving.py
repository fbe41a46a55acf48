"""Lesson 10: the test of a file format as a sketch, and what Keras says when it loads, in print."""

import logging
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from course import sketch
from course.sketch import GREEN, ORANGE


@contextmanager
def quoted(*, known: str | None = None) -> Iterator[None]:
    """Print what Keras warns of or logs in this block, but no text with the word `known`, which has been read."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    before = root.handlers
    root.handlers = [handler]
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            yield
    finally:
        root.handlers = before
        for text in [*said, *(str(warning.message) for warning in caught)]:
            if known and known in text:
                continue
            print(textwrap.fill(f"Keras says: {text.strip()}", 100))


def format_test() -> None:
    """Draw a training that goes on uninterrupted, and one that goes on from a file."""
    alt = (
        "A first half of training leads to a model with three parts: structure, weights and optimizer state. "
        "From it one arrow goes on to the second half, uninterrupted. Another goes through a file to a "
        "loaded model and its second half. The weights of both ends are compared: is the difference exactly 0?"
    )
    with sketch.sketch("How to test a file format", alt, size=(7.5, 3.0)) as axes:
        sketch.box(axes, (0.85, 2.2), "first half", width=1.2)
        sketch.arrow(axes, (1.45, 2.2), (1.95, 2.2))
        sketch.box(axes, (2.65, 2.2), "model", width=1.4, color=GREEN)
        sketch.note(axes, (2.65, 2.72), "structure, weights,\noptimizer state")
        sketch.arrow(axes, (3.35, 2.2), (4.5, 2.2))
        sketch.box(axes, (5.3, 2.2), "second half,\nuninterrupted", width=1.6)
        sketch.arrow(axes, (2.65, 1.95), (2.65, 1.0))
        sketch.note(axes, (2.55, 1.5), "save", align="right")
        sketch.box(axes, (2.65, 0.7), "file", width=1.0, color=ORANGE)
        sketch.arrow(axes, (3.15, 0.7), (4.5, 0.7), "load")
        sketch.box(axes, (5.3, 0.7), "second half,\nresumed", width=1.6)
        sketch.arrow(axes, (6.1, 2.2), (6.6, 1.75))
        sketch.arrow(axes, (6.1, 0.7), (6.6, 1.15))
        sketch.note(axes, (6.75, 1.45), "difference\nexactly 0?")
