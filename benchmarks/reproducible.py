"""Run lessons again, and with less of the machine: the same digits in the first case, every promise kept in all.

    python -m benchmarks.reproducible --fast          # all lessons
    python -m benchmarks.reproducible --fast 03 05    # some

"again" runs a lesson a second time as it is. Its results must be equal to the last bit (timed ones apart), and so must
the text that its cells print, but for cells that are marked as varying. "one core" leaves it one core, "no oneDNN" the
plain kernels of TensorFlow: there its facts and bounds must hold, and "moved" counts the results with other digits.
The last line is the count as JSON; the exit status is 1 where something differs or fails.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import nbformat
import psutil

from course.catalog import Lesson, LessonError, choose
from course.runs import records
from course.runs.records import Failure, Record

PROGRAM = Path(sys.executable).with_name("course")
VARIES = {"nbval-ignore-output", *records.ADDED}  # tags of cells that differ each time


def one_core() -> None:
    """Leave this process, and what it starts, the first of its cores."""
    process = psutil.Process()
    process.cpu_affinity(process.cpu_affinity()[:1])


WAYS: dict[str, tuple[dict[str, str], Callable[[], None] | None]] = {
    "again": ({}, None),
    "one core": ({}, one_core),
    "no oneDNN": ({"TF_ENABLE_ONEDNN_OPTS": "0"}, None),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="such as 05 or 02..05; by default all")
    parser.add_argument("--fast", action="store_true", help="fast mode: less data, fewer epochs")
    arguments = parser.parse_args()
    total: Counter[str] = Counter()
    for lesson in chosen(parser, arguments.lessons):
        found = compare(lesson, arguments.fast)
        print(lesson.number, dict(found), flush=True)
        total += found
    print(json.dumps({"fast": arguments.fast, **total}))
    wrong = total["different"] + total["missed"] + total["failed"]
    sys.exit(1 if wrong or not total["equal"] else 0)


def chosen(parser: argparse.ArgumentParser, texts: list[str]) -> list[Lesson]:
    """Return the lessons that a command names; where one is none, end it in a line."""
    try:
        return choose(texts)
    except LessonError as error:
        parser.error(str(error))


def compare(lesson: Lesson, fast: bool) -> Counter[str]:
    """Run a lesson as it is and in each way; count the results and texts that agree and that do not."""
    count: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        first, texts = run(lesson, fast, Path(folder, "first"), {})
        for way, (environment, prepare) in WAYS.items():
            record, again = run(lesson, fast, Path(folder, way), environment, prepare)
            if record.outcome != "passed":
                count["failed"] += 1
                print(f"{lesson.number}, {way}: {record.failure}")
                continue
            moved = values(first) ^ values(record)
            names = sorted({name for name, _ in moved})
            missed = [name for name, claim in record.claims.items() if claim.kept is False]
            count["missed"] += len(missed)
            if way == "again":
                lines = [cell for cell in texts if texts[cell] != again.get(cell)]
                count["equal"] += len(record.claims) - len(names)
                count["different"] += len(names) + len(lines)
                names += lines
            else:
                count["moved"] += len(names)
            if missed or (names and way == "again"):
                print(f"{lesson.number}, {way}: {', '.join(missed + names)}")
    return count


def run(
    lesson: Lesson,
    fast: bool,
    out: Path,
    environment: dict[str, str],
    prepare: Callable[[], None] | None = None,
) -> tuple[Record, dict[str, str]]:
    """Run a lesson in a process of its own; return its record and the text of its cells, by cell.

    A process that leaves no record gives one that failed, with its last words.
    """
    if shutil.which(PROGRAM) is None:
        raise SystemExit(f"{PROGRAM}: not found; run: make setup")
    command = [str(PROGRAM), "run", lesson.number, "--out", str(out), *["--fast"] * fast]
    surroundings = {**os.environ, **environment}
    done = subprocess.run(
        command, env=surroundings, preexec_fn=prepare, capture_output=True, text=True
    )
    found = [record for path in out.glob("*.json") if (record := records.read(path))]
    if not found:
        return died(lesson, fast, done), {}
    path = records.executed(found[0].name, out)
    return found[0], texts_of(path) if path.exists() else {}


def died(lesson: Lesson, fast: bool, done: subprocess.CompletedProcess[str]) -> Record:
    """Return the record of a run that left none."""
    *_, last = ["it said nothing", *done.stderr.strip().splitlines()]
    message = f"exit status {done.returncode}: {last}"
    return Record(
        name=lesson.number,
        lesson=lesson.name,
        parameters={"fast": fast},
        outcome="failed",
        seconds=0.0,
        digest="",
        cell_seconds=0.0,
        claims={},
        exercises={},
        failure=Failure(None, "", f"course run {lesson.number}", message),
        versions=records.versions(),
    )


def texts_of(path: Path) -> dict[str, str]:
    """Return what the cells of an executed notebook print, but for claims, which are compared as numbers.

    A stream may come in one piece or in several: pieces that follow each other are put together.
    """
    texts = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and not VARIES & {*cell.metadata.get("tags", [])}:
            shown = [each for each in cell.outputs if "course" not in each.get("metadata", {})]
            printed: list[str | None] = []
            for stream, pieces in groupby(shown, lambda each: each.get("name")):
                said = [
                    each.get("text") or each.get("data", {}).get("text/plain") for each in pieces
                ]
                printed += ["".join(said)] if stream else said
            texts[cell.id] = json.dumps(printed)
    return texts


def values(record: Record) -> set[tuple[str, float]]:
    """Return the results of a run that no clock decides."""
    return {(name, claim.value) for name, claim in record.claims.items() if not claim.timed}


if __name__ == "__main__":
    if not hasattr(os, "sched_setaffinity"):
        raise SystemExit("this system cannot leave a process one core")
    main()
