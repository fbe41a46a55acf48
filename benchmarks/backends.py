"""Run lessons with Keras on another backend: which keep every fact and bound, and what stops the others.

    make setup EXTRAS="jax torch"
    python -m benchmarks.backends              # every lesson, on JAX and on PyTorch
    python -m benchmarks.backends 02 06..08    # some; the others stay in the table as they were

Each lesson runs as `course run NN --fast` runs it, with seed 0, which was measured, so that every fact and bound is
held to what the course says. What came of it is kept in lessons/backends.toml, where `course doctor` looks, and shown
in docs/backends.md. A backend that is not installed is named and left out. The last line is the count as JSON; the exit
status is 1 where nothing ran, or a lesson no longer passes that was stored as passing ("worse"): that a lesson needs
TensorFlow is a result, and no failure.
"""

import argparse
import json
import sys
import tempfile
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.reproducible import chosen, run
from course import ROOT, catalog
from course.files import write_whole
from course.runs import judge
from course.runs.records import Record, printable

NAMES = {"jax": "JAX", "torch": "PyTorch"}
PAGE = ROOT / "docs" / "backends.md"
LONGEST = 160  # characters of an error in the table
ABOUT = """\
# Lessons on another backend

The course runs Keras on TensorFlow; that is what it is tested on, and what `course grade` judges answers with. Lessons
whose subject is not TensorFlow itself may run with Keras on JAX or PyTorch, too:

    make setup EXTRAS="jax torch"
    KERAS_BACKEND=jax make lab        # or torch; course run and course practice take it as well

TensorFlow stays installed, since the lessons' batches come from `tf.data` on every backend. Parts that are specific
to TensorFlow stay as they are: lessons 03, 07 and 18 write a `train_step` for it, lessons 11 and 12 save and resume
its state, and lesson 15 has a section on `tf.distribute`. `Checkpoints`, `ConfusionMatrix` and `ExactMatch` are exact
only on TensorFlow and are refused elsewhere. `fast_fit` takes the rows in the same order on every backend, but it is
fast only on TensorFlow.

The table is written by `python -m benchmarks.backends`, which runs each lesson in fast mode with seed 0. "passes (23)"
means: every exercise's solution is right, and all 23 facts and bounds that the lesson states hold. "misses" names
those that do not hold. "stops" gives the error; what comes after it was not tried. "not run" means that the lesson
still waits for its first run. The lessons' own numbers were measured on TensorFlow and differ elsewhere.
"""
HEAD = (
    "# Written by `python -m benchmarks.backends`; not to be edited by hand. Seed 0, fast mode.\n\n"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="such as 05 or 02..05; by default all")
    parser.add_argument(
        "--only", choices=NAMES, help="one backend; by default each that is installed"
    )
    arguments = parser.parse_args()
    lessons = chosen(parser, arguments.lessons)
    before = catalog.backends()
    count: Counter[str] = Counter()
    for backend in [arguments.only] if arguments.only else NAMES:
        try:
            installed = version(backend)
        except PackageNotFoundError:
            print(f"{backend}: not installed; run: python bootstrap.py {backend}")
            continue
        for lesson in lessons:
            with tempfile.TemporaryDirectory() as folder:
                record, _ = run(lesson, True, Path(folder), {"KERAS_BACKEND": backend})
            entry = outcome(record) | {"keras": record.versions["keras"], backend: installed}
            count[entry["outcome"]] += 1
            passed = before.get(lesson.number, {}).get(backend, {}).get("outcome") == "passes"
            worse = passed and entry["outcome"] != "passes"
            count["worse"] += worse
            print(lesson.number, backend, in_words(entry), "(was: passes)" * worse, flush=True)
            keep(lesson.number, backend, entry)
    print(json.dumps(+count))
    sys.exit(1 if count["worse"] or not +count else 0)


def outcome(record: Record) -> dict[str, Any]:
    """Return what came of a run: it passes, or some results and exercises miss, or an error stops it."""
    if record.outcome != "passed":
        failure = record.failure
        error = f"{failure.name}: {failure.message}".splitlines()[0] if failure else record.outcome
        return {"outcome": "stops", "error": printable(error, LONGEST)}
    promised = sum(claim.kept is not None for claim in record.claims.values())
    missed = [line.partition(",")[0] for line in judge.refusals(record)]
    missed += [f"exercise {name}" for name, found in record.exercises.items() if found != "right"]
    if missed:
        return {"outcome": "misses", "promises": promised, "missed": missed}
    return {"outcome": "passes", "promises": promised}


def keep(number: str, backend: str, entry: dict[str, Any]) -> None:
    """Put one outcome among the stored ones, and write the page anew."""
    stored = catalog.backends()
    stored.setdefault(number, {})[backend] = entry
    ordered = {each: dict(sorted(stored[each].items())) for each in sorted(stored)}
    write_whole(catalog.BACKENDS, HEAD + tomli_w.dumps(ordered))
    write_whole(PAGE, page(ordered))


def page(stored: dict[str, dict[str, Any]]) -> str:
    """Return docs/backends.md: a table of all lessons, as far as they were run."""
    lines = [ABOUT]
    lines.append(f"| | Lesson | {' | '.join(NAMES.values())} |")
    lines.append(f"| --- | --- |{' --- |' * len(NAMES)}")
    for lesson in catalog.all_lessons():
        found = stored.get(lesson.number, {})
        cells = [in_words(found[each]) if each in found else "not run" for each in NAMES]
        lines.append(f"| {lesson.number} | {lesson.header['title']} | {' | '.join(cells)} |")
    lines.append(f"\nRun with {'; '.join(versions(stored)) or 'nothing yet'}.")
    return "\n".join(lines) + "\n"


def versions(stored: dict[str, dict[str, Any]]) -> list[str]:
    """Return which versions the stored outcomes come from, each combination once."""
    found = {
        f"{NAMES[backend]} {entry[backend]} and Keras {entry['keras']}"
        for entries in stored.values()
        for backend, entry in entries.items()
    }
    return sorted(found)


def in_words(entry: dict[str, Any]) -> str:
    """Return an outcome as a cell of the table."""
    if entry["outcome"] == "stops":
        return f"stops: {entry['error'].replace('|', chr(92) + '|')}"
    if entry["outcome"] == "misses":
        return f"misses {', '.join(entry['missed'])}, of {entry['promises']}"
    return f"**passes** ({entry['promises']})"


if __name__ == "__main__":
    main()
