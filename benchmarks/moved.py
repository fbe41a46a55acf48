"""What has moved with these versions: each fact, bound and spread beside what the course has stored of it.

    python -m benchmarks.moved          # all lessons, fast mode, seed 0, which was measured
    python -m benchmarks.moved 03 05    # some
    python -m benchmarks.moved --full 05

A table in Markdown, for the summary of a scheduled run: what misses its promise, and what moved, which is a value that
lies where one more seed hardly would (`course/runs/judge.py`), or beyond all stored values where those say too little
of others. On the versions and machine of the measurement another last digit is a move. Times are left out. "gone" is
what is stored and was not recorded. The last line is the count as JSON, of results that were compared; the exit status
is 1 where a promise is missed, stored or not, a result is gone, a lesson stops, or nothing was compared. A spread that
moved alone is reported and fails nothing.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.reproducible import chosen, run
from course import claims
from course.claims import Band, Claim
from course.runs import judge
from course.runs.records import Record

COLUMNS = ("Result", "Kind", "In words", "Now", "Stored: median (least to greatest)", "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="such as 05 or 02..05; by default all")
    parser.add_argument("--full", action="store_true", help="full mode in place of fast mode")
    arguments = parser.parse_args()
    lessons = chosen(parser, arguments.lessons)
    count: Counter[str] = Counter()
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for lesson in lessons:
        with tempfile.TemporaryDirectory() as folder:
            record, _ = run(lesson, not arguments.full, Path(folder), {})
        versions = record.versions
        count["results"] += sum(stored_of(claim) is not None for claim in record.claims.values())
        if record.outcome != "passed":
            count["stopped"] += 1
            failure = str(record.failure).splitlines()[0].replace("|", "\\|")
            print(f"| {lesson.number} | | {failure} | | | **stops** |", flush=True)
        for change in changes(record):
            count[change.what] += 1
            print(row(change), flush=True)
    print(f"\nRun with {', '.join(f'{name} {each}' for name, each in versions.items())}.\n")
    print(json.dumps(count))
    wrong = count["missed"] + count["gone"] + count["stopped"]
    sys.exit(1 if wrong or not count["results"] else 0)


class Change(NamedTuple):
    """A result that is not as stored: `what` is "missed", "moved" or "gone"; nothing is stored of one that is new."""

    name: str
    what: str
    claim: Claim | None
    measured: Band | None


def stored_of(claim: Claim) -> Band | None:
    """Return what is stored of a result; None where it need not be equal, for other parameters."""
    return claims.band(claim.name, claim.mode) if claim.standard else None


def changes(record: Record) -> Iterator[Change]:
    """Yield what is not as stored."""
    for name, claim in record.claims.items():
        measured = stored_of(claim)
        if claim.kept is False:
            yield Change(name, "missed", claim, measured)
        elif measured and not claim.timed and has_moved(record, claim, measured):
            yield Change(name, "moved", claim, measured)
    if record.outcome != "passed":
        return
    of_lesson = [name for name in claims.stored() if name.startswith(f"{record.lesson[:2]}.")]
    for name in of_lesson:
        measured = claims.band(name, record.mode)
        if measured and name not in record.claims:
            yield Change(name, "gone", None, measured)


def has_moved(record: Record, claim: Claim, measured: Band) -> bool:
    """Tell whether a value is none that one more seed would give."""
    repeated = judge.is_repeated(record, claim)
    if repeated is not None:
        return not repeated
    shown = measured.show(claim.value)
    at_an_end = shown in (measured.show(measured.low), measured.show(measured.high))
    return not (at_an_end or measured.low <= claim.value <= measured.high)


def row(change: Change) -> str:
    """Return a line of the table."""
    claim = change.claim
    cells: tuple[str, ...] = (change.name, "", "", "", str(change.measured), f"**{change.what}**")
    stored = str(change.measured or "nothing")
    if claim:
        shown = change.measured or Band([claim.value], claim.digits, claim.unit)
        what = f"**misses**: {claim.promise}" if change.what == "missed" else change.what
        cells = (claim.name, claim.kind, claim.words, shown.show(claim.value), stored, what)
    return f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |"


if __name__ == "__main__":
    main()
