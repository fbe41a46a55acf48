"""Measure the bands of a lesson's claims (many seeds, both modes) and its seconds.

This is the only writer of lessons/claims.toml and lessons/times.toml. The runs themselves are made elsewhere; here
their records become bands.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

import nbformat
import tomli_w

from course import catalog, claims
from course.authoring.notebook import make
from course.authoring.source import read
from course.catalog import LessonError
from course.files import write_whole
from course.runs.records import Job, Record

HEAD = "# Written by `course measure`; not to be edited by hand. Median, least and greatest result over the seeds.\n\n"
TIMES_HEAD = "# Written by `course measure`; not to be edited by hand. Seconds of each lesson's cells, run alone.\n\n"
MODES = ("full", "fast")


def plan(name: str, seeds: Iterable[int], folder: Path, *, modes: Iterable[str] = MODES) -> list[Job]:
    """Return the runs to make of lesson `name`, from a notebook written to `folder` whose quotes are still open."""
    path = folder / "lesson.ipynb"
    nbformat.write(make(read(name), "solutions", quotes=False), path)
    environment = {claims.MEASURING: "1"}
    return [Job(path, name, {"fast": mode == "fast", "seed": seed}, environment) for mode in modes for seed in seeds]


def store(name: str, runs: Iterable[Record]) -> None:
    """Replace the bands of lesson `name` by those of `runs`; those of a mode without runs stay.

    Raises LessonError when runs of one mode do not all make the same claims.
    """
    stored, number = _stored(), name[:2]
    kept = {key: entry for key, entry in stored.items() if key[:2] != number}
    _write(kept | _bands(number, list(runs), {key: stored[key] for key in stored.keys() - kept.keys()}))


def store_times(name: str, runs: Iterable[Record], loop: float) -> None:
    """Replace the seconds of lesson `name` by those of `runs`, one a mode, each made alone.

    `loop` is what `course.authoring.pace` found at the time: it makes them comparable with other machines.
    """
    seconds = {run.mode: round(run.cell_seconds, 1) for run in runs}
    entries = catalog.times() | {name[:2]: seconds | {"loop": round(loop, 4)}}
    write_whole(catalog.TIMES, TIMES_HEAD + tomli_w.dumps(dict(sorted(entries.items()))))
    catalog.times.cache_clear()


def _stored() -> dict[str, Any]:
    return tomllib.loads(claims.BANDS.read_text(encoding="utf-8")) if claims.BANDS.exists() else {}


def _write(entries: dict[str, Any]) -> None:
    write_whole(claims.BANDS, HEAD + tomli_w.dumps(dict(sorted(entries.items()))))
    claims.bands.cache_clear()


def _bands(number: str, runs: list[Record], stored: dict[str, Any]) -> dict[str, Any]:
    entries: dict[str, Any] = defaultdict(dict)
    for mode in MODES:
        chosen = [run for run in runs if run.mode == mode]
        if not chosen:
            others = {*MODES} - {mode}
            for claim in (claim for claim, entry in stored.items() if mode in entry):
                entries[claim] |= {key: value for key, value in stored[claim].items() if key not in others}
            continue
        made = {frozenset(run.claims) for run in chosen}
        if len(made) != 1:
            raise LessonError(f"lesson {number} in {mode} mode: its runs do not all make the same claims: {made}")
        for claim in sorted(made.pop()):
            entry: dict[str, Any] = {**chosen[0].claims[claim]}
            kept = ("unit", "digits", "published", "source")
            entries[claim] |= {key: entry[key] for key in kept if entry[key] is not None}
            entries[claim][mode] = _band([run.claims[claim]["value"] for run in chosen], entry["digits"] + 2)
    return entries


def _band(values: list[float], digits: int) -> dict[str, Any]:
    band = {"median": median(values), "low": min(values), "high": max(values)}
    return {name: round(number, digits) for name, number in band.items()} | {"seeds": len(values)}
