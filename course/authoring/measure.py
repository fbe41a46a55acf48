"""Measure a lesson: the results of its claims seed by seed in both modes, and its seconds.

This is the only writer of lessons/claims.toml and lessons/times.toml. The runs themselves are made elsewhere; here
their records are checked and stored.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import tomli_w

from course import catalog, claims
from course.authoring.notebook import make, text_of
from course.authoring.source import read
from course.catalog import LessonError
from course.files import write_whole
from course.runs.records import Job, Record

HEAD = "# Written by `course measure`; not to be edited by hand. Results of seeds 0, 1, ... in order.\n\n"
TIMES_HEAD = "# Written by `course measure`; not to be edited by hand. Seconds of each lesson's cells, run alone.\n\n"
MODES = ("full", "fast")
DESCRIPTION = ("kind", "words", "unit", "digits", "published", "source", "timed")
SIGNIFICANT_DIGITS = 9


def plan(name: str, seeds: Iterable[int], folder: Path, *, modes: Iterable[str] = MODES) -> list[Job]:
    """Return the runs to make of lesson `name`, from a notebook written to `folder` whose quotes are still open."""
    path = folder / "lesson.ipynb"
    write_whole(path, text_of(make(read(name), "solutions", quotes=False)))
    return [Job(path, name, {"fast": mode == "fast", "seed": seed}) for mode in modes for seed in seeds]


def store(name: str, runs: Iterable[Record]) -> None:
    """Replace the results of lesson `name` by those of `runs` (seeds 0, 1, ...); a mode without runs stays.

    Raises LessonError when runs of one mode do not all make the same claims or come from different machines, and
    when a fact or a bound is not kept by every one of them.
    """
    by_mode = {mode: sorted((run for run in runs if run.mode == mode), key=_seed) for mode in MODES}
    by_mode = {mode: chosen for mode, chosen in by_mode.items() if chosen}
    number = name[:2]
    for mode, chosen in by_mode.items():
        _check(f"lesson {number} in {mode} mode", chosen)
    stored = claims.stored()
    others = {key: entry for key, entry in stored.items() if not key.startswith(number)}
    machines = stored.get(number, {}) | {mode: chosen[0].machine for mode, chosen in by_mode.items()}
    entries = others | {number: machines} | _entries(number, by_mode, stored)
    content = HEAD + _values_on_one_line(tomli_w.dumps(dict(sorted(entries.items()))))
    write_whole(claims.VALUES, content, durable=True)  # the records of an hour's runs go when this is stored
    claims.stored.cache_clear()


def store_costs(name: str, runs: Iterable[Record], loop: float) -> None:
    """Store what a run of lesson `name` costs in each mode: the median of `runs`, in seconds of the processor.

    `loop` is what `course.authoring.pace` found at the time: it makes them comparable with other machines.
    """
    spent = defaultdict(list)
    for run in runs:
        spent[run.mode].append(run.processor_seconds)
    processor = {mode: round(median(seconds), 1) for mode, seconds in spent.items()}
    entry = catalog.times().get(name[:2], {})
    _write_times(name, entry | {"processor": entry.get("processor", {}) | processor | {"loop": round(loop, 4)}})


def store_times(name: str, runs: Iterable[Record]) -> None:
    """Store how long a learner waits for lesson `name`: the seconds of `runs`, one a mode, each made alone."""
    _write_times(name, catalog.times().get(name[:2], {}) | {run.mode: round(run.cell_seconds, 1) for run in runs})


def _write_times(name: str, entry: Mapping[str, Any]) -> None:
    entries = catalog.times() | {name[:2]: entry}
    write_whole(catalog.TIMES, TIMES_HEAD + tomli_w.dumps(dict(sorted(entries.items()))))
    catalog.times.cache_clear()


def _check(what: str, runs: list[Record]) -> None:
    if [_seed(run) for run in runs] != list(range(len(runs))):
        raise LessonError(f"{what}: the seeds must be 0, 1, ...; found {[_seed(run) for run in runs]}")
    made = {frozenset(run.claims) for run in runs}
    if len(made) != 1:
        differing = frozenset.union(*made) - frozenset.intersection(*made)
        raise LessonError(f"{what}: only some of its runs make {', '.join(sorted(differing))}")
    if any(run.machine != runs[0].machine for run in runs):
        raise LessonError(f"{what}: its runs come from different machines")
    broken = [
        f"{name} = {claim.value:g} with seed {_seed(run)}, {claim.promise}"
        for run in runs
        for name, claim in run.claims.items()
        if claim.kept is False
    ]
    if broken:
        raise LessonError(f"{what}: {'; '.join(broken)}")


def _seed(run: Record) -> int:
    return run.parameters["seed"]


def _entries(number: str, by_mode: Mapping[str, list[Record]], stored: Mapping[str, Any]) -> dict[str, Any]:
    """The claims of one lesson as claims.toml holds them."""
    entries: dict[str, Any] = defaultdict(dict)
    for mode in MODES:
        if mode in by_mode:
            runs = by_mode[mode]
            for name, claim in runs[0].claims.items():
                entries[name] |= _filled(claim, DESCRIPTION)
                values = [float(f"{run.claims[name].value:.{SIGNIFICANT_DIGITS}g}") for run in runs]
                entries[name][mode] = _filled(claim, claims.LIMITS) | {"values": values}
            continue
        for name, entry in stored.items():
            if name.startswith(f"{number}.") and mode in entry:
                entries[name] |= {key: entry[key] for key in entry if key not in MODES} | {mode: entry[mode]}
    return entries


def _values_on_one_line(text: str) -> str:
    return re.sub(r"\[\n(( +\S+,\n)+)\]", lambda found: f"[{' '.join(found[1].split()).rstrip(',')}]", text)


def _filled(claim: claims.Claim, fields: Iterable[str]) -> dict[str, Any]:
    values = {field: getattr(claim, field) for field in fields}
    return {field: value for field, value in values.items() if value is not None and value is not False}
