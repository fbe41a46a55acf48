"""What many runs came to: tables for the terminal, records for programs, and a page of HTML that stands alone."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from course import claims
from course.claims import Band
from course.files import write_whole
from course.runs import judge, plan
from course.runs.records import RECORD, Record, executed

COLUMNS = ("Lesson", "Mode", "Outcome", "Seconds", "Facts and bounds", "Repeated", "Exercises")
GRID_COLUMNS = ("Lesson", "Parameters", "Result", "Median", "Least to greatest", "Runs")
HERE = Path(__file__).parent


def row(record: Record) -> tuple[str, ...]:
    """Return one run as texts, in the order of COLUMNS."""
    promised = [
        claim for claim in record.claims.values() if claim.standard and claim.kept is not None
    ]
    broken = list(judge.refusals(record))
    kept = f"{len(promised) - len(broken)} of {len(promised)}" if promised else ""
    repeated = [
        found
        for claim in record.claims.values()
        if (found := judge.is_repeated(record, claim)) is not None
    ]
    how = "to the digit" if judge.is_same_machine(record) else "in the interval"
    repeats = f"{sum(repeated)} of {len(repeated)} {how}" if repeated else ""
    outcomes = ", ".join(
        f"{count} {outcome}" for outcome, count in Counter(record.exercises.values()).items()
    )
    return (
        record.name,
        record.mode,
        record.outcome,
        f"{record.seconds:.1f}",
        kept,
        repeats,
        outcomes,
    )


def grid_rows(gathered: Sequence[Record]) -> list[tuple[str, ...]]:
    """Return the results over the seeds, by point of the grid and claim, as texts in the order of GRID_COLUMNS.

    There are none where every lesson ran once.
    """
    if len(gathered) == len({record.lesson for record in gathered}):
        return []
    rows: list[tuple[str, ...]] = []
    for (point, name), found in plan.summarize(gathered).items():
        at = ", ".join(f"{key} = {value}" for key, value in point)
        finite = [claim.value for claim in found if math.isfinite(claim.value)]
        band = Band(finite, found[0].digits, found[0].unit)
        middle = band.show(band.median) if finite else ""
        ends = f"{band.show(band.low)} to {band.show(band.high)}" if finite else ""
        stray = len(found) - len(finite)
        runs = f"{len(found)}, {stray} of them not finite" if stray else str(len(found))
        rows.append((name.partition(".")[0], at, found[0].words, middle, ends, runs))
    return rows


def for_programs(record: Record) -> dict[str, Any]:
    """Return what JSON can hold of a run: its record as it is stored, and what the course promises otherwise."""
    return json.loads(RECORD.dump_json(record)) | {"refusals": list(judge.refusals(record))}


def render(template: str, *folders: Path, **values: Any) -> str:
    """Return a page that stands alone, of the style that all pages of runs and classes share.

    `template` extends page.html.j2, and is looked for in `folders`, too. What it is given is escaped.
    """
    from jinja2 import Environment, FileSystemLoader

    loader = FileSystemLoader([HERE, *folders])
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=loader)
    return environment.get_template(template).render(**values)


def write(gathered: Sequence[Record], out: Path) -> Path:
    """Write report.html beside the executed notebooks of the runs in folder `out` and return its path."""
    shown = [(record, row(record)) for record in gathered]
    page = render(
        "report.html.j2",
        made=f"{datetime.now():%B %d, %Y, %H:%M}",
        columns=COLUMNS,
        runs=shown,
        grid_columns=GRID_COLUMNS,
        grid=grid_rows(gathered),
        failed=[record for record, _ in shown if record.outcome != "passed"],
        notebook=lambda record: executed(record.name, out),
        claim_row=claims.row,
        refusals=judge.refusals,
        is_repeated=judge.is_repeated,
    )
    path = out / "report.html"
    write_whole(path, page)
    return path
