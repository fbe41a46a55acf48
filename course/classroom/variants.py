"""A notebook for each student: the same lesson with parameters of their own, and a question only their own run answers.

Parameters follow from course, student and lesson alone, so that the same command makes the same notebooks again.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat import NotebookNode, v4

from course import claims
from course.catalog import Lesson
from course.classroom.roster import Student
from course.files import write_whole
from course.learner.merge import handed_out
from course.runs.records import Job, Record

ASKED = 3  # results of their own run that a student reports, at most
SHARED = 0.5  # of the measured runs: as many at most may print what the middle one does
TAG = "report"
REPORT = "{}.run"  # the name of that question, by its lesson's number
TEXT = """## Your own run

Your copy of this lesson has parameters of its own{parameters}. Run it from top to bottom, in {mode} mode, then write
down what it printed for each of these results, with the digits that it printed."""


def parameters(course: str, student: str, lesson: Lesson) -> dict[str, Any]:
    """Return a student's own values: the seed, and each parameter that the lesson's header has a list to `vary` for."""
    digest = hashlib.sha256("\n".join([course, student, lesson.name]).encode()).digest()
    rng = np.random.default_rng(list(digest))
    seed = lesson.parameters["seed"]
    assert seed.high is not None
    values: dict[str, Any] = {"seed": int(rng.integers(1000, int(seed.high)))}
    for name, choices in sorted(lesson.header.get("vary", {}).items()):
        values[name] = choices[int(rng.integers(len(choices)))]
    return {name: lesson.parameters[name].parse(value) for name, value in values.items()}


def asked(lesson: Lesson, mode: str) -> dict[str, dict[str, Any]]:
    """Return the stored results that a student reports: those that differ most from seed to seed, and are no times.

    What more than half of the measured runs print alike is asked only where a lesson has nothing else.
    """
    ours = {
        name: entry
        for name, entry in claims.stored().items()
        if name.startswith(f"{lesson.number}.") and mode in entry and not entry.get("timed")
    }

    def distinct(name: str) -> float:
        values = ours[name][mode]["values"]
        digits = ours[name]["digits"]
        return len({round(value, digits) for value in values}) / len(values)

    def shared(name: str) -> float:
        values = np.array(ours[name][mode]["values"])
        return float(np.mean(abs(values - np.median(values)) <= 10.0 ** -ours[name]["digits"]))

    ranked = sorted(sorted(ours), key=distinct, reverse=True)
    differing = [name for name in ranked if shared(name) <= SHARED]
    return {name: ours[name] for name in (differing or ranked[:1])[:ASKED]}


def notebook(course: str, student: Student, lesson: Lesson, *, fast: bool) -> NotebookNode:
    """Return the learner's notebook of `lesson` for one student."""
    own = parameters(course, student.id, lesson) | ({"fast": True} if fast else {})
    made = nbformat.read(lesson.notebook("learner"), as_version=4)
    for cell in made.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = with_values(cell.source, own)
    place = next(i for i, cell in reversed(list(enumerate(made.cells))) if cell.cell_type == "code")
    made.cells[place:place] = _question(lesson, own, fast=fast)
    made.metadata.course["student"] = student.id
    return handed_out(made)


def with_values(cell: str, values: dict[str, Any]) -> str:
    """Return the source of a parameters cell with other values."""
    lines = []
    for line in cell.splitlines():
        head, is_parameter, rest = line.partition(" = ")
        name = head.partition(":")[0]
        if is_parameter and name in values:
            _, commented, comment = rest.partition("  # ")
            line = f"{head} = {values[name]!r}{commented}{comment}"
        lines.append(line)
    return "\n".join(lines)


def write(course: str, student: Student, lesson: Lesson, out: Path, *, fast: bool) -> Path:
    """Write a student's notebook into their folder and return its path; the same one again where it is there."""
    path = out / student.id / f"{lesson.name}.ipynb"
    made = notebook(course, student, lesson, fast=fast)
    write_whole(path, nbformat.writes(made) + "\n")
    return path


def key_text(record: Record, job: Job, *, full: bool) -> str:
    """Return as JSON what the solutions give with a student's parameters: each result and its last printed digit."""
    results = asked(Lesson(job.lesson), "full" if full else "fast")
    found = {name: record.claims[name] for name in results}
    key = {name: [claim.value, 10.0**-claim.digits] for name, claim in found.items()}
    return json.dumps(key, indent=1) + "\n"


def _question(lesson: Lesson, own: dict[str, Any], *, fast: bool) -> list[NotebookNode]:
    said = "".join(f", {name} = {value}" for name, value in own.items() if name != "fast")
    text = TEXT.format(parameters=said, mode="fast" if fast else "full")
    results = asked(lesson, "fast" if fast else "full")
    listed = "\n".join(f'    "{name}": ...,  # {each["words"]}' for name, each in results.items())
    name = REPORT.format(lesson.number)
    grading = {"grade": False, "grade_id": f"report-{lesson.number}", "locked": False}
    grading |= {"schema_version": 3, "solution": True, "task": False}
    return [
        v4.new_markdown_cell(text, id=f"{lesson.number}-report-text"),
        v4.new_code_cell(
            f"# Exercise {name}\nreported = {{\n{listed}\n}}",
            id=f"{lesson.number}-report",
            metadata={"tags": [TAG], "nbgrader": grading},
        ),
    ]
