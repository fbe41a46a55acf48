"""A notebook that a student has handed in, read as data: answers, cells of their own, and what is odd about it."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from course.catalog import Lesson
from course.classroom.variants import TAG
from course.learner.merge import above_check, digest, exercise_of, handed_out
from course.runs.records import LONGEST_MESSAGE, printable

LARGEST = 20 << 20  # bytes
MOST_CELLS = 2_000


class SubmissionError(ValueError):
    """A file that cannot be graded; the text says why."""


@dataclass(frozen=True)
class Submission:
    """What is graded of a notebook: answers, own cells above their checks, by exercise, and the own run's report."""

    answers: dict[str, str]
    own: dict[str, list[str]]
    report: str = ""
    remarks: list[str] = field(default_factory=list)


def find(folder: Path, student: str, lesson: Lesson) -> Path:
    """Return where a submission is. Raises SubmissionError where there is none, or a link in its place."""
    path = folder / student / f"{lesson.name}.ipynb"
    if path.is_symlink() or path.parent.is_symlink():
        raise SubmissionError("is a link, not a file")
    if not path.is_file():
        raise SubmissionError("missing")
    return path


def read(path: Path, lesson: Lesson) -> Submission:
    """Read a submission of `lesson`. Raises SubmissionError for what is no notebook of it."""
    notebook = _notebook(path)
    course = notebook.metadata.get("course", {})
    name = course.get("lesson") if isinstance(course, dict) else None
    try:
        cells = [(cell, exercise_of(cell)) for cell in notebook.cells]
    except (AttributeError, TypeError):  # metadata that is not nbgrader's
        raise SubmissionError("is not a notebook") from None
    exercises = {exercise for _, exercise in cells} - {None}
    if name != lesson.name and not exercises & lesson.exercises.keys():
        raise SubmissionError(f"is a notebook of {name or 'no lesson'}, not of {lesson.name}")
    texts, order = _given(lesson)
    answers: dict[str, list[str]] = {each: [] for each in lesson.exercises}
    for cell, exercise in cells:
        if exercise in answers:
            answers[exercise].append(cell.source)
    own = {
        each: [
            cell.source
            for cell in above_check(notebook.cells, each)
            if exercise_of(cell) in answers or (exercise_of(cell) is None and _is_own(cell, texts))
        ]
        for each in answers
    }
    report = "\n".join(
        cell.source for cell in notebook.cells if TAG in cell.metadata.get("tags", [])
    )
    remarks = list(_remarks(notebook, order))
    if lost := [each for each, found in answers.items() if not "".join(found)]:
        remarks.append(f"the answer cells of {', '.join(lost)} are missing")
    joined = {each: "\n\n".join(found) for each, found in answers.items()}
    return Submission(joined, own, report, remarks)


@cache
def _given(lesson: Lesson) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the digests of the cells that were handed out, and their ids in order."""
    given = handed_out(nbformat.read(lesson.notebook("learner"), as_version=4))
    return frozenset(map(digest, given.cells)), tuple(cell.id for cell in given.cells)


def plain(text: str) -> str:
    """Return text that a stranger wrote as any file can hold it: it steers no terminal, hides nothing and ends."""
    return printable(text, LONGEST_MESSAGE)


def _notebook(path: Path) -> NotebookNode:
    size = path.stat().st_size
    if size > LARGEST:
        raise SubmissionError(f"has {size >> 20} MB; at most {LARGEST >> 20}")
    try:
        content = json.loads(path.read_bytes())
        cells = content["cells"]
        if len(cells) > MOST_CELLS:
            raise SubmissionError(f"has {len(cells)} cells; at most {MOST_CELLS}")
        notebook = nbformat.from_dict(content)
        if content.get("nbformat") == 4:
            notebook = v4.upgrade(notebook)
        for cell in notebook.cells:
            cell.source = "".join(cell.source)
            cell.setdefault("metadata", NotebookNode())
        nbformat.validate(notebook)
    except SubmissionError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise SubmissionError("is not a notebook") from None
    except nbformat.ValidationError as error:
        raise SubmissionError(f"is not a notebook: {str(error).splitlines()[0]:.80}") from None
    return notebook


def _is_own(cell: NotebookNode, texts: frozenset[str]) -> bool:
    """Whether a student has added or changed this code cell; the parameters are theirs to choose."""
    if cell.cell_type != "code" or "parameters" in cell.metadata.get("tags", []):
        return False
    return bool(cell.source.strip()) and digest(cell) not in texts


def _remarks(notebook: NotebookNode, order: tuple[str, ...]) -> Iterator[str]:
    """Name what an instructor should know: cells deleted, moved, run out of order or not at all."""
    ids = [cell.get("id") for cell in notebook.cells]
    place = {each: number for number, each in enumerate(order)}
    kept = [each for each in ids if each in place]
    missing = len(order) - len(set(kept))
    if missing:
        yield f"{missing} cells of the lesson are deleted"
    if any(place[b] < place[a] for a, b in itertools.pairwise(kept)):
        yield "cells are reordered"
    counts = [cell.get("execution_count") for cell in notebook.cells if cell.cell_type == "code"]
    ran = [count for count in counts if isinstance(count, int)]
    if not ran:
        yield "no cell was run"
    elif ran != sorted(ran):
        yield "cells were run out of order"
