"""Lesson 11: what a kill costs a training run, and how far resumed runs end from the one that was left alone."""

import tomllib
from collections.abc import Mapping

from course import ROOT
from course.claims import Band
from course.figure import COLORS, add_axes, drawing
from course.sketch import BLUE, GREEN, ORANGE, arrow, box, note, sketch

IN_PYTORCH = ROOT / "lessons" / "pytorch.toml"  # written by benchmarks/pytorch_resume.py
FIRST_LINE = 1.85  # inches from below: the first process
SECOND_LINE = 0.75  # the second
SAVES = (1.9, 3.1, 4.3)  # inches from the left
KILL = 5.5
HALF = 0.15  # of a checkpoint's box


def kill_and_resume() -> None:
    """Sketch a run that saves three times, is killed, and goes on from its last checkpoint in a second process."""
    alt = (
        "A process trains from left to right and writes checkpoints 1, 2 and 3. Some time after checkpoint 3 it is "
        "killed: the work since then is lost. A second process loads checkpoint 3, does that work again and trains on."
    )
    with sketch("A run that is killed and resumed", alt, size=(7.4, 2.3)) as axes:
        note(axes, (0.1, FIRST_LINE), "process 1", align="left")
        note(axes, (0.1, SECOND_LINE), "process 2", align="left")
        starts = (0.9, *(place + HALF for place in SAVES))
        ends = (*(place - HALF for place in SAVES), KILL)
        texts = ("", "", "", "lost work")
        for start, end, text in zip(starts, ends, texts, strict=True):
            arrow(
                axes, (start, FIRST_LINE), (end, FIRST_LINE), text, color=ORANGE if text else BLUE
            )
        for number, place in enumerate(SAVES, start=1):
            box(
                axes, (place, FIRST_LINE), str(number), width=2 * HALF, height=2 * HALF, color=GREEN
            )
        note(axes, (KILL + 0.1, FIRST_LINE), "✕ killed", color=ORANGE, align="left")
        note(axes, (SAVES[0], FIRST_LINE - 0.35), "checkpoints")
        arrow(axes, (SAVES[-1], FIRST_LINE - HALF), (SAVES[-1], SECOND_LINE), color=GREEN)
        note(axes, (SAVES[-1] - 0.1, 1.25), "loads the last one", align="right")
        arrow(axes, (SAVES[-1], SECOND_LINE), (KILL, SECOND_LINE), "done again", color=ORANGE)
        arrow(axes, (KILL, SECOND_LINE), (7.2, SECOND_LINE), "goes on", color=BLUE)
        note(
            axes, (3.7, 0.25), "Does process 2 end with the weights that process 1 would have had?"
        )


def distances(found: Mapping[str, float], *, title: str) -> None:
    """Draw how far each run of `found` ended from the run left alone; exactly 0 is said in words."""
    with drawing(title, size=(7.0, 1.2 + 0.34 * len(found))) as (figure, alt_text):
        axes = add_axes(figure, title, "largest difference of any weight", "")
        names = list(found)[::-1]
        axes.barh(names, [found[name] for name in names], color=COLORS[0], height=0.6)
        axes.set_xlim(0, 1.25 * max(found.values()) or 1)  # all may be 0
        axes.grid(visible=False, axis="y")
        for place, name in enumerate(names):
            value = found[name]
            text = f"{value:.2g}" if value else "0, to the last bit"
            axes.text(value, place, f" {text}", va="center")
            alt_text.append(f"{name}: {text}.")


def measured_in_pytorch() -> None:
    """Print how far runs resumed in PyTorch ended from the run left alone, as `benchmarks.pytorch_resume` stored it."""
    record = tomllib.loads(IN_PYTORCH.read_text(encoding="utf-8"))
    ways = {name: Band(values) for name, values in record["distances"].items()}
    seeds = next(iter(ways.values())).seeds
    print(f"PyTorch {record['torch']}, {seeds} seeds: largest difference of any weight")
    for name, band in ways.items():
        print(f"{name:20} {band if band.high else '0, to the last bit'}")
