"""Measure a lesson: the results of its claims seed by seed in both modes, and its seconds.

This is the only writer of lessons/claims.toml and lessons/times.toml. The runs themselves are made elsewhere; here
their records are checked and stored.
"""

import contextlib
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import tomli_w
from filelock import FileLock

from course import catalog, claims
from course.authoring.notebook import make, text_of
from course.authoring.source import read
from course.catalog import LessonError
from course.files import write_whole
from course.machine import fingerprint
from course.runs.records import Job, Record

HEAD = "# Written by `course measure`; not to be edited by hand. Results of seeds 0, 1, ... in order.\n\n"
TIMES_HEAD = "# Written by `course measure`; not to be edited by hand. Seconds of each lesson's cells, run alone.\n\n"
MODES = ("full", "fast")
DESCRIPTION = ("kind", "words", "unit", "digits", "published", "source", "timed")
UNSEEN = {"check", "helper"}  # tags of cells that a notebook runs and does not hold
SIGNIFICANT_DIGITS = 9


def plan(
    name: str, seeds: Iterable[int], folder: Path, *, modes: Iterable[str] = MODES
) -> list[Job]:
    """Return the runs to make of lesson `name`, from a notebook written to `folder`.

    It holds the code alone: prose that is mended, or that quotes times, makes no run another. What the notebook does
    not show but its runs rest on does: the machine, and the checks of the exercises.
    """
    path = folder / "lesson.ipynb"
    source = read(name)
    notebook = make(source, "solutions", quotes=False)
    notebook.metadata["measured_on"] = fingerprint()
    notebook.metadata["checks"] = [cell.source for cell in source.cells if cell.tags & UNSEEN]
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    write_whole(path, text_of(notebook))
    return [
        Job(path, name, {"fast": mode == "fast", "seed": seed}) for mode in modes for seed in seeds
    ]


@contextlib.contextmanager
def _as_it_stands() -> Iterator[None]:
    """Read what was measured as it is by now, and keep others from writing: a measurement takes an hour."""
    with FileLock(claims.VALUES.with_name(".lock")):
        claims.stored.cache_clear()
        catalog.times.cache_clear()
        yield
    claims.stored.cache_clear()
    catalog.times.cache_clear()


@_as_it_stands()
def store(name: str, runs: Iterable[Record]) -> None:
    """Replace the results of lesson `name` by those of `runs` (seeds 0, 1, ...); a mode without runs stays.

    Raises LessonError when runs of one mode do not all make the same claims or come from different machines, and
    when a fact or a bound is not kept by every one of them, or a value is not a number.
    """
    number = name[:2]
    by_mode = {}
    for mode in MODES:
        chosen = sorted((run for run in runs if run.mode == mode), key=_seed)
        if chosen:
            _check(f"lesson {number} in {mode} mode", chosen)
            by_mode[mode] = chosen
    stored = claims.stored()
    others = {key: entry for key, entry in stored.items() if not key.startswith(number)}
    machines = {mode: chosen[0].machine for mode, chosen in by_mode.items()}
    lesson = {number: stored.get(number, {}) | machines}
    entries = others | lesson | _entries(number, by_mode, stored)
    text = tomli_w.dumps(dict(sorted(entries.items())))
    content = HEAD + _values_on_one_line(text)
    write_whole(
        claims.VALUES, content, durable=True
    )  # the records of an hour's runs go when this is stored


@_as_it_stands()
def store_costs(name: str, runs: Iterable[Record], loop: float) -> None:
    """Store what a run of lesson `name` costs in each mode: the median of `runs`, in seconds of the processor.

    `loop` is what `course.authoring.pace` found at the time: it makes them comparable with other machines. What is
    stored of a mode without runs is scaled to it.
    """
    spent = defaultdict(list)
    for run in runs:
        spent[run.mode].append(run.processor_seconds)
    entry = catalog.times().get(name[:2], {})
    before = dict(entry.get("processor", {}))
    scale = loop / before.pop("loop", loop)
    processor = {mode: round(scale * seconds, 1) for mode, seconds in before.items()}
    for mode, seconds in spent.items():
        processor[mode] = round(median(seconds), 1)
    processor["loop"] = round(loop, 4)
    _write_times(name, entry | {"processor": processor})


@_as_it_stands()
def store_times(name: str, runs: Iterable[Record]) -> None:
    """Store how long a learner waits for lesson `name`: the seconds of `runs`, one a mode, each made alone."""
    entry = catalog.times().get(name[:2], {})
    waits = {run.mode: round(run.cell_seconds, 1) for run in runs}
    _write_times(name, entry | waits)


def _write_times(name: str, entry: Mapping[str, Any]) -> None:
    entries = catalog.times() | {name[:2]: entry}
    text = tomli_w.dumps(dict(sorted(entries.items())))
    write_whole(catalog.TIMES, TIMES_HEAD + text)


def _check(what: str, runs: list[Record]) -> None:
    seeds = [_seed(run) for run in runs]
    if seeds != list(range(len(runs))):
        raise LessonError(f"{what}: the seeds must be 0, 1, ...; found {seeds}")
    made = {frozenset(run.claims) for run in runs}
    if len(made) != 1:
        differing = frozenset.union(*made) - frozenset.intersection(*made)
        raise LessonError(f"{what}: only some of its runs make {', '.join(sorted(differing))}")
    if any(run.machine != runs[0].machine for run in runs):
        raise LessonError(f"{what}: its runs come from different machines")
    broken = []
    for run in runs:
        for name, claim in run.claims.items():
            if math.isnan(claim.value):
                broken.append(f"{name} is not a number with seed {_seed(run)}")
            elif claim.kept is False:
                broken.append(
                    f"{name} = {claim.value:,.9g} with seed {_seed(run)}, {claim.promise}"
                )
    if broken:
        raise LessonError(f"{what}: {'; '.join(broken)}")


def _seed(run: Record) -> int:
    return run.parameters["seed"]


def _entries(
    number: str, by_mode: Mapping[str, list[Record]], stored: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the claims of one lesson as claims.toml holds them."""
    known = {name: entry for name, entry in stored.items() if name.startswith(f"{number}.")}
    entries: dict[str, Any] = defaultdict(dict)
    for mode in MODES:
        if mode in by_mode:
            measured = _measured(by_mode[mode], mode)
        else:
            measured = {
                name: _of_mode(entry, mode) for name, entry in known.items() if mode in entry
            }
        for name, entry in measured.items():
            entries[name] |= entry
    return entries


def _measured(runs: list[Record], mode: str) -> dict[str, dict[str, Any]]:
    """Return each claim of runs in one mode: its description, and in that mode its limits and values."""
    entries = {}
    for name, claim in runs[0].claims.items():
        values = [_rounded(run.claims[name].value) for run in runs]
        results = filled(claim, claims.LIMITS) | {"values": values}
        entries[name] = filled(claim, DESCRIPTION) | {mode: results}
    return entries


def _of_mode(entry: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """Return the part of an entry that is true of one mode."""
    return {key: value for key, value in entry.items() if key == mode or key not in MODES}


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def _values_on_one_line(text: str) -> str:
    def joined(found: re.Match) -> str:
        values = " ".join(found[1].split())
        return f"[{values.rstrip(',')}]"

    return re.sub(r"\[\n(( +\S+,\n)+)\]", joined, text)


def changed(claim: claims.Claim, entry: Mapping[str, Any]) -> str:
    """Say what differs between a claim and its `entry` in claims.toml, which has its mode: "" where nothing does."""
    if filled(claim, claims.LIMITS) != part_of(entry[claim.mode], claims.LIMITS):
        return "other limits"
    described = filled(claim, DESCRIPTION)
    stored = part_of(entry, DESCRIPTION)
    return ", ".join(f"other {key}" for key in DESCRIPTION if described.get(key) != stored.get(key))


def part_of(entry: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Return those of the fields that an entry has."""
    return {field: entry[field] for field in fields if field in entry}


def filled(claim: claims.Claim, fields: Iterable[str]) -> dict[str, Any]:
    """Return those of the fields that a claim fills."""
    values = {field: getattr(claim, field) for field in fields}
    return {
        field: value for field, value in values.items() if value is not None and value is not False
    }
