"""A notebook for each student: the same lesson with parameters of their own, and a question only their own run answers.

Parameters follow from course, student and lesson alone, so that the same command makes the same notebooks again. What
a notebook was made with is kept beside its key, since lessons change during a term: the key is always that of the
notebook handed out, and a notebook that is there is left as it is.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat import NotebookNode, v4
from pydantic import TypeAdapter, ValidationError

from course import claims
from course.catalog import Lesson
from course.classroom.roster import Student
from course.files import set_aside, write_whole
from course.learner.merge import handed_out
from course.runs.folder import FolderError
from course.runs.records import Job, Record

ASKED = 3  # results of their own run that a student reports, at most
SHARED = 0.5  # of the measured runs: as many at most may print what the middle one does
TAG = "report"
REPORT = "{}.run"  # the name of that question, by its lesson's number
TEXT = """## Your own run

Your copy of this lesson has its own parameters{parameters}. Run it from top to bottom, in {mode} mode, then write
down what it printed for each of these results, with the digits that it printed."""


@dataclass(frozen=True)
class Variant:
    """What one student's notebook is made with: the command's options, its parameters, the results it asks for.

    `code` is a sum over the lesson's code at the time: of other code, neither notebook nor key would be the same.
    """

    course: str
    full: bool
    code: str
    values: dict[str, Any]  # of parameters, `fast` among them
    asked: dict[str, str]  # in words, by the result's name


VARIANT = TypeAdapter(Variant)


@dataclass(frozen=True)
class Assignment:
    """A student's variant of a lesson, and where its notebook and its key are in the folder of `course assign`."""

    student: Student
    lesson: Lesson
    variant: Variant
    out: Path

    @property
    def notebook(self) -> Path:
        return self.out / "notebooks" / self.student.id / f"{self.lesson.name}.ipynb"

    @property
    def key(self) -> Path:
        return self.out / "keys" / self.student.id / f"{self.lesson.name}.json"

    @property
    def kept(self) -> Path:
        """Where the variant is kept that notebook and key were made with."""
        return self.key.with_suffix(".variant.json")

    @property
    def job(self) -> Job:
        """The run that gives the key."""
        return Job(self.lesson.notebook("solutions"), self.lesson.name, self.variant.values)

    def text(self) -> str:
        """Return the notebook's text."""
        return nbformat.writes(notebook(self.student, self.lesson, self.variant)) + "\n"

    def differs(self) -> bool:
        """Return whether a notebook is there that is not as it would be written."""
        return self.notebook.exists() and self.notebook.read_bytes() != self.text().encode()

    def is_of_older_code(self) -> bool:
        """Return whether the lesson has other code by now, so that notebook and key cannot be made as they were."""
        return self.variant.code != _code(self.lesson)

    def write(self, *, replace: bool) -> None:
        """Write the notebook where there is none, or it is to be replaced, and keep its variant.

        At no moment does a notebook stand beside the key or the variant of another. One that is replaced and differs is
        kept as NAME.kept-1.ipynb. One that was moved away is not made from a text that has changed since.
        """
        if replace:
            self.key.unlink(missing_ok=True)
            if self.differs():
                stem = self.notebook.stem
                set_aside(self.notebook, (f"{stem}.kept-{number}.ipynb" for number in count(1)))
            self.notebook.unlink(missing_ok=True)
        write_whole(self.kept, json.dumps(asdict(self.variant), indent=1) + "\n")
        if not self.notebook.exists() and not self.is_of_older_code():
            write_whole(self.notebook, self.text())


def assignment(
    course: str, student: Student, lesson: Lesson, out: Path, *, full: bool, replace: bool
) -> Assignment:
    """Return what a student is assigned: the variant kept in `out`, or where there is none, or `replace`, a new one.

    Raises FolderError where what is there was assigned otherwise, or does not say how.
    """
    new = Assignment(student, lesson, variant(course, student, lesson, full=full), out)
    if replace:
        return new
    everybody = "--replace makes those of the whole roster again"
    if not new.kept.exists():
        if new.differs() or (new.key.exists() and not new.notebook.exists()):
            reason = f"was made by an earlier version, or for another text; {everybody}"
            raise FolderError(f"{new.notebook}: {reason}, another --out leaves them as they are")
        return new
    try:
        kept = VARIANT.validate_json(new.kept.read_bytes())
    except ValidationError:
        raise FolderError(f"{new.kept}: is damaged; {everybody}") from None
    if (kept.course, kept.full) != (course, full):
        options = f"--course {kept.course}{' --full' * kept.full}"
        reason = f"was assigned with {options}; give these, another --out, or --replace"
        raise FolderError(f"{new.notebook}: {reason}")
    found = Assignment(student, lesson, kept, out)
    if found.is_of_older_code() and not found.key.exists():
        reason = f"has no key, and the lesson has changed since it was assigned; {everybody}"
        raise FolderError(f"{found.notebook}: {reason}")
    return found


@cache
def _code(lesson: Lesson) -> str:
    """Return a sum over the code of a lesson's notebooks."""
    cells = [
        cell.source
        for edition in ("learner", "solutions")
        for cell in nbformat.read(lesson.notebook(edition), as_version=4).cells
        if cell.cell_type == "code"
    ]
    return hashlib.sha256("\n".join(cells).encode()).hexdigest()


def variant(course: str, student: Student, lesson: Lesson, *, full: bool) -> Variant:
    """Return the variant that a student gets of the lesson as it is now."""
    values = parameters(course, student.id, lesson) | {"fast": not full}
    results = asked(lesson, "full" if full else "fast")
    words = {name: each["words"] for name, each in results.items()}
    return Variant(course, full, _code(lesson), values, words)


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


def notebook(student: Student, lesson: Lesson, variant: Variant) -> NotebookNode:
    """Return the learner's notebook of `lesson` for one student."""
    own = {name: value for name, value in variant.values.items() if name != "fast" or value}
    made = nbformat.read(lesson.notebook("learner"), as_version=4)
    for cell in made.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = with_values(cell.source, own)
    place = next(i for i, cell in reversed(list(enumerate(made.cells))) if cell.cell_type == "code")
    made.cells[place:place] = _question(lesson, variant)
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


def key_text(record: Record, asked: dict[str, str]) -> str:
    """Return as JSON what the solutions give with a student's parameters: each result `asked` and its last printed
    digit.

    Raises FolderError where they no longer give one.
    """
    if lost := [name for name in asked if name not in record.claims]:
        reason = f"the lesson no longer gives {', '.join(lost)}, which notebooks ask for"
        raise FolderError(f"{record.lesson}: {reason}; --replace makes notebooks and keys anew")
    found = {name: record.claims[name] for name in asked}
    key = {name: [claim.value, 10.0**-claim.digits] for name, claim in found.items()}
    return json.dumps(key, indent=1) + "\n"


def _question(lesson: Lesson, variant: Variant) -> list[NotebookNode]:
    values = {name: value for name, value in variant.values.items() if name != "fast"}
    said = "".join(f", {name} = {value}" for name, value in values.items())
    text = TEXT.format(parameters=said, mode="full" if variant.full else "fast")
    listed = "\n".join(f'    "{name}": ...,  # {words}' for name, words in variant.asked.items())
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
