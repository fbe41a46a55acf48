"""Lesson 17 in pictures: from words to tags, scores tag by tag, and which word attends to which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from course.figure import add_axes, add_rows, drawing, styled
from course.plots import Series
from course.sketch import GREEN, GREY, ORANGE, arrow, box, note, sketch


def from_words_to_tags() -> None:
    """Draw the way of a text through the convolutional network, its padding in grey."""
    alt = (
        "A text of three words, view, PDF, files, is padded with two zeros. Each word becomes a vector; the zeros "
        "become vectors as well, drawn in gray. A window of three words slides along the vectors, and 128 filters "
        "answer at every place. Only the greatest answer of each filter goes on. It enters twenty sigmoids, one for "
        "each tag, and so does the sum of all five vectors, including those of the padding. Two "
        "of the sigmoids say yes: viewing and text."
    )
    with sketch("From words to tags", alt, size=(8.4, 3.1)) as axes:
        words = ["view", "PDF", "files", "0", "0"]
        for number, word in enumerate(words):
            height = 2.5 - 0.5 * number
            color = GREY if word == "0" else ORANGE
            box(axes, (0.75, height), word, width=0.8, height=0.36, color=color)
            arrow(axes, (1.15, height), (1.6, height))
            box(axes, (2.15, height), "vector", width=1.0, height=0.36, color=color)
        note(axes, (0.75, 2.88), "words")
        note(axes, (0.75, 0.12), "padding", color=GREY)
        note(axes, (2.15, 2.88), "embedding")
        for height in (2.5, 2.0, 1.5):
            arrow(axes, (2.65, height), (3.25, 2.0 + 0.25 * (height - 2.0)))
        box(axes, (4.0, 2.0), "128 filters on\nthree words", width=1.5, height=0.6)
        arrow(axes, (4.0, 1.65), (4.0, 1.3))
        note(axes, (4.1, 1.48), "slides along", align="left")
        arrow(axes, (4.75, 2.0), (5.25, 2.0))
        box(axes, (5.9, 2.0), "greatest\nanswer", width=1.2, height=0.6, color=GREEN)
        note(axes, (5.9, 1.52), "of each filter")
        arrow(axes, (6.5, 2.0), (7.0, 2.0))
        box(axes, (7.6, 2.0), "20 sigmoids", width=1.15, height=0.6)
        axes.plot([2.7, 2.78, 2.78, 2.7], [2.64, 2.64, 0.36, 0.36], color=GREY)  # a bracket
        arrow(axes, (2.78, 0.8), (5.25, 0.6))
        box(axes, (5.9, 0.6), "sum of all\nfive vectors", width=1.2, height=0.6, color=GREEN)
        arrow(axes, (6.5, 0.75), (7.25, 1.65))
        arrow(axes, (7.6, 2.3), (7.6, 2.7))
        note(axes, (7.6, 2.88), "viewing, text", color=ORANGE)


def by_tag(scores: Series, tags: Sequence[str], *, title: str, label: str) -> None:
    """Draw the `scores` (tags,) of each model as dots, a row for each tag, the first on top."""
    with drawing(title, size=(7.4, 1.4 + 0.26 * len(tags))) as (figure, alt_text):
        axes = add_rows(figure, title, label, tags)
        places = np.arange(len(tags))
        known = {name: np.asarray(values, dtype=float) for name, values in scores.items()}
        for style, values in styled(known):
            axes.plot(values, places, linestyle="", marker=style["marker"], color=style["color"])
            axes.plot([], [], **style | {"linestyle": ""})
            lowest = int(np.argmin(values))
            alt_text.append(
                f"{style['label']}: mean {values.mean():.3g}, lowest {values[lowest]:.3g} for {tags[lowest]}."
            )
        first, *others = known
        for other in others:
            ahead = int(np.sum(known[other] > known[first]))
            alt_text.append(f"{other} is ahead of {first} for {ahead} of {len(tags)} tags.")
        axes.legend()


def attention_map(weights: ArrayLike, words: Sequence[str], *, title: str) -> None:
    """Draw attention `weights` (reading word, word read), each row of sum 1, as shades."""
    weights = np.asarray(weights, dtype=float)
    side = 2.0 + 0.3 * len(words)
    with drawing(title, size=(side + 0.6, side)) as (figure, alt_text):
        axes = add_axes(figure, title, "word that is read", "word that reads")
        axes.grid(visible=False)
        shades = axes.imshow(weights, cmap="Blues", vmin=0)
        axes.set_xticks(range(len(words)), words, rotation=60, ha="right")
        axes.set_yticks(range(len(words)), words)
        figure.colorbar(shades, ax=axes, label="weight")
        reader, read = divmod(int(np.argmax(weights)), len(words))
        alt_text.append(
            f"{len(words)} words by {len(words)} words, weights up to {weights.max():.2g}."
        )
        alt_text.append(f"Strongest: {words[reader]!r} reads {words[read]!r}.")
        most = int(np.argmax(weights.mean(axis=0)))
        alt_text.append(f"Most read on average: {words[most]!r}.")
