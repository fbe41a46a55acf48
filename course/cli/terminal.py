"""What a terminal shows of many runs (a line that moves, tables, what went wrong), and how it stops them."""

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from course.catalog import Lesson
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


def json_lines(records: Iterable[Mapping[str, Any]]) -> None:
    """Print records for programs: JSON, one a line."""
    for record in records:
        print(json.dumps(record, allow_nan=False))


def lessons(all_lessons: Iterable[Lesson]) -> None:
    """Print a line for every lesson. Raises LessonError for one without a header."""
    rows = []
    for each in all_lessons:
        seconds = [
            f"{measured:.0f}" if (measured := each.seconds(mode)) else ""
            for mode in ("full", "fast")
        ]
        title = str(each.header["title"])
        part = str(each.header["part"])
        rows.append((each.number, title, part, *seconds, ", ".join(each.parameters)))
    table(("", "Lesson", "Part", "Seconds", "with --fast", "Parameters"), rows)


def lesson(lesson: Lesson) -> None:
    """Print what a lesson teaches, what it needs, and its parameters. Raises LessonError."""
    header = lesson.header
    parameters = lesson.parameters.values()
    print(f"{lesson.number} {header['title']} (part {header['part']})")
    for key in ("objectives", "prerequisites", "data"):
        print(f"\n{key.capitalize()}:", *(header.get(key) or ["none"]), sep="\n  ")
    print()
    columns = ("Parameter", "Default", "with --fast", "Allowed", "Meaning")
    table(columns, [(p.name, str(p.default), str(p.fast), p.allowed, p.help) for p in parameters])


def lesson_for_programs(lesson: Lesson) -> dict[str, Any]:
    """Return what JSON can hold of a lesson: its header, seconds by mode, parameters. Raises LessonError."""
    return {
        "number": lesson.number,
        "name": lesson.name,
        **lesson.header,
        "seconds": {mode: lesson.seconds(mode) for mode in ("full", "fast")},
        "parameters": [asdict(parameter) for parameter in lesson.parameters.values()],
    }


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[Job, Record | None], None]]:
    """Print a line for every run that ends and, on a terminal, show how many have and which are on their way."""
    running: list[str] = []
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(
        *columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as shown:
        task = shown.add_task("starting", total=total)

        def update(job: Job, record: Record | None) -> None:
            if record:
                running.remove(job.name)
                shown.print(
                    f"{job.name}: {record.outcome} in {record.seconds:.1f} s",
                    markup=False,
                    highlight=False,
                )
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
