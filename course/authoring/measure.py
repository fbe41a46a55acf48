"""Measure the bands of a lesson's claims: many seeds, both modes, written to lessons/claims.toml.

This is the only writer of that file. The runs themselves are made elsewhere; here their records become bands.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Any, Protocol

import nbformat
import tomli_w

from course import claims
from course.authoring.build import write
from course.authoring.notebook import make
from course.authoring.source import LessonError, read

HEAD = "# Written by `course measure`; not to be edited by hand. Median, least and greatest result over the seeds.\n\n"


class Run(Protocol):
    """What a record of a run must tell: seed and mode, seconds, and its claims as `course.claims` made them."""

    seconds: float
    parameters: dict[str, Any]
    claims: dict[str, dict[str, Any]]


def unexecuted(name: str) -> str:
    """Return the solutions edition of lesson `name` as notebook text, its quotes still open."""
    return nbformat.writes(make(read(name), "solutions", quotes=False))


def store(name: str, runs: Iterable[Run]) -> None:
    """Replace the bands of lesson `name` by those of `runs`.

    Raises LessonError when runs of one mode do not all make the same claims.
    """
    number = name[:2]
    everything = tomllib.loads(claims.BANDS.read_text(encoding="utf-8")) if claims.BANDS.exists() else {}
    kept = {key: entry for key, entry in everything.items() if not key.startswith(number + ".")}
    write(claims.BANDS, HEAD + tomli_w.dumps(dict(sorted((kept | _bands(number, list(runs))).items()))))
    claims.bands.cache_clear()


def _bands(number: str, runs: list[Run]) -> dict[str, Any]:
    entries: dict[str, Any] = defaultdict(dict)
    for mode in ("full", "fast"):
        chosen = [run for run in runs if run.parameters.get("fast", False) == (mode == "fast")]
        made = {frozenset(run.claims) for run in chosen}
        if len(made) != 1:
            raise LessonError(f"lesson {number} in {mode} mode: its runs do not all make the same claims: {made}")
        for claim in sorted(made.pop()):
            entry = chosen[0].claims[claim]
            kept = ("unit", "digits", "published", "source")
            entries[claim] |= {key: entry[key] for key in kept if entry[key] is not None}
            entries[claim][mode] = _band([run.claims[claim]["value"] for run in chosen], entry["digits"] + 2)
        entries[f"{number}.seconds"][mode] = _band([run.seconds for run in chosen], 0)
        entries[f"{number}.seconds"] |= {"unit": "s", "digits": 0}
    return entries


def _band(values: list[float], digits: int) -> dict[str, Any]:
    low, high = min(values), max(values)
    return {
        "median": round(median(values), digits),
        "low": round(low, digits),
        "high": round(high, digits),
        "seeds": len(values),
    }
