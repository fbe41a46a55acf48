"""What many runs came to: tables for the terminal, records for programs, and pages of HTML that stand alone."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
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
    kept = f"{sum(bool(claim.kept) for claim in promised)} of {len(promised)}" if promised else ""
    repeated = [
        found
        for claim in record.claims.values()
        if (found := judge.is_repeated(record, claim)) is not None
    ]
    exact = [judge.is_exact(record, claim) for claim in record.claims.values()]
    how = "to the digit" if any(exact) else "in the interval"
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
    if not _is_grid(gathered):
        return []
    rows: list[tuple[str, ...]] = []
    for (point, name), found in plan.summarize(gathered).items():
        at = ", ".join(f"{key} = {value}" for key, value in point)
        finite = [claim.value for claim in found if math.isfinite(claim.value)]
        band = Band(finite, found[0].digits, found[0].unit)
        middle = band.show(band.median) if finite else ""
        least = Band(finite, band.digits).show(band.low) if finite else ""
        ends = f"{least} to {band.show(band.high)}" if finite else ""
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
    return _environment(*folders).get_template(template).render(**values)


@cache
def _environment(*folders: Path) -> Any:
    """Return what keeps the templates of these folders, parsed once for all pages."""
    from jinja2 import Environment, FileSystemLoader

    loader = FileSystemLoader([HERE, *folders])
    return Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, loader=loader)


def write(gathered: Sequence[Record], out: Path) -> Path:
    """Write report.html into folder `out` of the runs, with a page for each executed notebook; return its path.

    A page that is as new as its notebook stays as it is.
    """
    shown = [(record, row(record)) for record in gathered]
    page = render(
        "report.html.j2",
        made=f"{datetime.now():%B %d, %Y, %H:%M}",
        columns=COLUMNS,
        runs=shown,
        is_grid=_is_grid(gathered),
        grid_columns=GRID_COLUMNS,
        grid=grid_rows(gathered),
        panels=_panels(gathered),
        failed=[record for record, _ in shown if record.outcome != "passed"],
        links={record.name: _notebook_page(record, out) for record in gathered},
        settings=_settings,
        made_with=Counter(map(_made_with, gathered)),
        claim_row=claims.row,
        refusals=judge.refusals,
        is_repeated=judge.is_repeated,
    )
    path = out / "report.html"
    write_whole(path, page)
    return path


def _is_grid(gathered: Sequence[Record]) -> bool:
    return len(gathered) > len({record.lesson for record in gathered})


def _panels(gathered: Sequence[Record]) -> dict[tuple[str, str], list[Any]]:
    """Return the figures of the swept parameters, by lesson and parameter."""
    if not _is_grid(gathered):
        return {}
    from course.runs import figures  # takes half a second, for Matplotlib

    found = sorted(figures.panels(gathered), key=lambda panel: panel.lesson)
    return {
        at: list(each) for at, each in groupby(found, lambda panel: (panel.lesson, panel.parameter))
    }


def _notebook_page(record: Record, out: Path) -> str:
    """Make the page of an executed notebook and return its name: the notebook's own where there is none to be made."""
    notebook = executed(record.name, out)
    page = notebook.with_suffix(".html")
    if not notebook.exists():
        page.unlink(missing_ok=True)
        return ""
    if page.exists() and page.stat().st_mtime_ns >= notebook.stat().st_mtime_ns:
        return page.name
    from course.runs import notebook_page  # takes a second, for nbconvert

    try:
        cells = notebook_page.body(notebook)
    except notebook_page.NoPageError:
        return notebook.name
    colors = {scheme: notebook_page.colors_of_code(scheme) for scheme in notebook_page.STYLES}
    text = render(
        "notebook.html.j2", record=record, settings=_settings(record), cells=cells, colors=colors
    )
    write_whole(page, text)
    return page.name


def _settings(record: Record) -> str:
    return ", ".join(f"{name} = {value}" for name, value in record.parameters.items())


def _made_with(record: Record) -> str:
    """Return versions and machine of a run, as the page of claims writes them."""
    versions = ", ".join(f"{package} {version}" for package, version in record.versions.items())
    machine = record.machine
    if not machine:
        return f"{versions}; machine not recorded"
    return f"{versions}; {machine.get('cores', '?')} cores, {machine.get('vectors', 'unknown')}"
