"""What has moved with these versions: each fact, bound and spread beside what the course has stored of it.

    python -m benchmarks.moved          # all lessons, fast mode, seed 0, which was measured
    python -m benchmarks.moved 03 05    # some
    python -m benchmarks.moved --full 05

A table in Markdown, for the summary of a scheduled run: what misses its promise, and what moved, which is a value that
lies where one more seed hardly would (`course/runs/judge.py`), or beyond all stored values where those say too little
of others. On the versions and machine of the measurement another last digit is a move. Times are left out. The last
line is the count as JSON; the exit status is 1 where a promise is missed, a lesson stops, or nothing ran. A spread that
moved alone is reported and fails nothing.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.reproducible import run
from course import claims
from course.catalog import LessonError, choose
from course.claims import Band, Claim
from course.runs import judge
from course.runs.records import Record

COLUMNS = ("Result", "Kind", "In words", "Now", "Stored: median (least to greatest)", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="such as 05 or 02..05; by default all")
    parser.add_argument("--full", action="store_true", help="full mode in place of fast mode")
    arguments = parser.parse_args()
    try:
        lessons = choose(arguments.lessons)
    except LessonError as error:
        parser.error(str(error))
    count: Counter[str] = Counter()
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for lesson in lessons:
        with tempfile.TemporaryDirectory() as folder:
            record, _ = run(lesson, not arguments.full, Path(folder), {})
        versions = record.versions
        count["results"] += len(record.claims)
        if record.outcome != "passed":
            count["stopped"] += 1
            failure = str(record.failure).splitlines()[0].replace("|", "\\|")
            print(f"| {lesson.number} | | {failure} | | | **stops** |", flush=True)
        for claim, measured, change in changes(record):
            count[change] += 1
            print(row(claim, measured, change), flush=True)
    print(f"\nRun with {', '.join(f'{name} {each}' for name, each in versions.items())}.\n")
    print(json.dumps(count))
    sys.exit(1 if count["missed"] or count["stopped"] or not count["results"] else 0)


def changes(record: Record) -> Iterator[tuple[Claim, Band, str]]:
    """Yield what is not as stored: the claim, what is stored, and "missed" or "moved"."""
    for claim in record.claims.values():
        measured = claims.band(claim.name, claim.mode)
        if not measured or not claim.standard:
            continue
        if claim.kept is False:
            yield claim, measured, "missed"
        elif not claim.timed and has_moved(record, claim, measured):
            yield claim, measured, "moved"


def has_moved(record: Record, claim: Claim, measured: Band) -> bool:
    """Tell whether a value is none that one more seed would give."""
    repeated = judge.is_repeated(record, claim)
    if repeated is not None:
        return not repeated
    shown = measured.show(claim.value)
    at_an_end = shown in (measured.show(measured.low), measured.show(measured.high))
    return not (at_an_end or measured.low <= claim.value <= measured.high)


def row(claim: Claim, measured: Band, change: str) -> str:
    """Return a line of the table."""
    what = f"**misses**: {claim.promise}" if change == "missed" else change
    cells = (
        claim.name,
        claim.kind,
        claim.words,
        measured.show(claim.value),
        str(measured),
        what,
    )
    return f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |"


if __name__ == "__main__":
    main()
