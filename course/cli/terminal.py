"""What a terminal shows of many runs (a line that moves, tables, what went wrong), and how it stops them."""

import contextlib
import math
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from course.catalog import Lesson
from course.claims import Band, Claim
from course.runs.plan import Point
from course.runs.records import Job, Record, executed

INTERRUPTED = 130  # exit status: stopped by Ctrl-C or SIGTERM
LOG_WIDTH = 160  # columns of a table that is written to a file or a pipe


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table."""
    shown = Table()
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*map(Text, row))
    Console(width=None if sys.stdout.isatty() else LOG_WIDTH).print(shown)


def lessons(all_lessons: Iterable[Lesson]) -> None:
    """Print a line for every lesson. Raises LessonError for one without a header."""
    rows = []
    for each in all_lessons:
        seconds = [f"{measured:.0f}" if (measured := each.seconds(mode)) else "" for mode in ("full", "fast")]
        title, part = str(each.header["title"]), str(each.header["part"])
        rows.append((each.number, title, part, *seconds, ", ".join(each.parameters)))
    table(("", "Lesson", "Part", "Seconds", "with --fast", "Parameters"), rows)


def lesson(lesson: Lesson) -> None:
    """Print what a lesson teaches, what it needs, and its parameters. Raises LessonError."""
    header, parameters = lesson.header, lesson.parameters.values()
    print(f"{lesson.number} {header['title']} (part {header['part']})")
    for key in ("objectives", "prerequisites", "data"):
        print(f"\n{key.capitalize()}:", *(header.get(key) or ["none"]), sep="\n  ")
    print()
    columns = ("Parameter", "Default", "with --fast", "Allowed", "Meaning")
    table(columns, [(p.name, str(p.default), str(p.fast), p.allowed, p.help) for p in parameters])


def spreads(summary: Mapping[tuple[Point, str], Sequence[Claim]]) -> None:
    """Print what a sweep found, by point of its grid and claim."""
    rows = []
    for (point, _), found in summary.items():
        at = ", ".join(f"{key} = {value}" for key, value in point)
        finite = [claim.value for claim in found if math.isfinite(claim.value)]
        band = Band(finite, found[0].digits, found[0].unit)
        middle = band.show(band.median) if finite else ""
        ends = f"{band.show(band.low)} to {band.show(band.high)}" if finite else ""
        stray = len(found) - len(finite)
        runs = f"{len(found)}, {stray} of them not finite" if stray else str(len(found))
        rows.append((at, found[0].words, middle, ends, runs))
    table(("Parameters", "Result", "Median", "Least to greatest", "Runs"), rows)


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[Job, Record | None], None]]:
    """Print a line for every run that ends and, on a terminal, show how many have and which are on their way."""
    running: list[str] = []
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("starting", total=total)

        def update(job: Job, record: Record | None) -> None:
            if record:
                running.remove(job.name)
                shown.print(f"{job.name}: {record.outcome} in {record.seconds:.1f} s", markup=False, highlight=False)
            else:
                running.append(job.name)
            shown.update(task, advance=bool(record), description=", ".join(running))

        yield update


@contextlib.contextmanager
def stoppable(out: Path) -> Iterator[None]:
    """End in good order, once, on Ctrl-C or SIGTERM."""

    def interrupt(*_: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        print(f"Stopped; what had finished is in {out}", file=sys.stderr)
        sys.exit(INTERRUPTED)


def failures(records: Iterable[Record], out: Path) -> None:
    """Print to stderr, for every run that did not pass, where it ended, why, and where its notebook is."""
    for record in records:
        if record.outcome == "passed":
            continue
        print(f"{record.name}: {record.outcome}; {record.failure}", file=sys.stderr)
        notebook = executed(record.name, out)
        if notebook.exists():
            print(f"  executed notebook: {notebook}", file=sys.stderr)
