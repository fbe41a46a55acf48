"""What a learner wrote in a notebook, and how it goes into a newer text of the lesson.

A copy carries, in its metadata, a digest of each cell as it was handed out. So what a learner wrote is known by the
sources of cells, whatever JupyterLab has made of the rest: who only opened a lesson, or ran it, wrote nothing.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import nbformat
from nbformat import NotebookNode

ANSWER = re.compile(r"exercise-(\d\d)-(\d+)")  # how the grade_id of an answer's cell begins
NAMES = re.compile(r"^(?:(?:def|class) (\w+)|(\w+) *=)", re.MULTILINE)


@dataclass
class Work:
    """A learner's work in a copy: exercises whose answers were carried over, and how many other cells were, or not."""

    answers: list[str] = field(default_factory=list)
    others: int = 0
    left: int = 0  # cells that the newer text has no place for

    def __bool__(self) -> bool:
        return bool(self.answers or self.others or self.left)


def handed_out(lesson: NotebookNode) -> NotebookNode:
    """Return a copy of a built notebook as a learner gets it: with digests, and the learner's edition without outputs.

    Stored outputs would answer every "Predict before you run".
    """
    copy = deepcopy(lesson)
    course = copy.metadata.setdefault("course", NotebookNode())
    if course.get("edition") == "learner":
        for cell in _code(copy):
            cell.update(outputs=[], execution_count=None)
    digests = {cell.id: digest(cell) for cell in copy.cells}
    course["given"] = {"text": _digest(nbformat.writes(copy)), "cells": digests}
    return copy


def version(copy: NotebookNode) -> str:
    """Return the digest of the whole text that `copy` was handed out with; "" where that is not known."""
    return _given(copy).get("text", "")


def is_assigned(copy: NotebookNode) -> bool:
    """Return whether `copy` was made for one student, by `course assign`."""
    return bool(copy.metadata.get("course", {}).get("student"))


def merge(copy: NotebookNode, fresh: NotebookNode) -> tuple[NotebookNode, Work]:
    """Return the newer text `fresh` with what the learner wrote in `copy`, and what that is; cells deleted come back.

    An answer goes where its exercise is now. Any other cell that they changed goes in where the course did not change
    it, too; one that they added goes below the cell it stood below. Where a copy does not say how it was handed out,
    answers alone are carried.
    """
    given = _given(copy).get("cells", {})
    copy = _identified(copy, given)
    merged = deepcopy(fresh)
    work = Work()
    texts = {*given.values(), *map(digest, fresh.cells)}  # of the course, not theirs
    written = [cell for cell in copy.cells if cell.source.strip() and digest(cell) not in texts]
    homes = _homes(written, copy, merged)
    answered = {exercise_of(cell) for cell in merged.cells} - {None}
    below: dict[
        str, list[NotebookNode]
    ] = {}  # cells to insert, by the id of the cell that they stand below
    above = ""
    for cell in copy.cells:
        home = homes.get(cell.id)
        exercise = exercise_of(cell)
        above = home.id if home else above
        if cell not in written or (home and digest(home) == digest(cell)):
            continue
        if home and (exercise_of(home) or digest(home) == given.get(home.id)):
            _take(home, cell)
        elif not home and (given or exercise in answered):
            below.setdefault(above, []).append(cell)
        else:
            work.left += 1
            continue
        if exercise is None:
            work.others += 1
        elif exercise not in work.answers:
            work.answers.append(exercise)
    merged.cells = list(_with(merged.cells, below))
    return merged, work


def digest(cell: NotebookNode) -> str:
    """Return the digest of what can be read in a cell: its kind and its source."""
    return _digest(f"{cell.cell_type}\n{cell.source}".replace("\r\n", "\n"))


def exercise_of(cell: NotebookNode) -> str | None:
    """Return the exercise, such as "01.1", that a cell answers; None where it answers none."""
    grading = cell.metadata.get("nbgrader", {})
    found = ANSWER.match(grading.get("grade_id", "")) if grading.get("solution") else None
    return f"{found[1]}.{found[2]}" if found else None


def answer_in(notebook: NotebookNode, exercise: str) -> str:
    """Return the source of the cells in which `exercise` is answered; "" where there is none."""
    return "\n\n".join(cell.source for cell in notebook.cells if exercise_of(cell) == exercise)


def own_cells(notebook: NotebookNode, exercise: str) -> list[str]:
    """Return the code cells above the check of `exercise` that the learner has added or changed; parameters apart.

    So have they answers to the exercises above.
    """
    given = {*_given(notebook).get("cells", {}).values()}
    return [
        cell.source
        for cell in above_check(notebook.cells, exercise)
        if cell.cell_type == "code"
        and "parameters" not in cell.metadata.get("tags", [])
        and digest(cell) not in given
    ]


def above_check(cells: Sequence[NotebookNode], exercise: str) -> list[NotebookNode]:
    """Return the cells above the check of `exercise`, those that answer it apart.

    Where its check does not stand below its answer, these are the cells above the answer.
    """
    places = [place for place, cell in enumerate(cells) if exercise_of(cell) == exercise]
    checks = [place for place, cell in enumerate(cells) if _is_check(cell, exercise)]
    if not places:
        return list(cells)
    end = next((place for place in checks if place > places[-1]), places[0])
    return [cell for place, cell in enumerate(cells[:end]) if place not in places]


def _is_check(cell: NotebookNode, exercise: str) -> bool:
    grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
    return grade_id == f"exercise-{exercise.replace('.', '-')}-check"


def _identified(copy: NotebookNode, given: dict[str, str]) -> NotebookNode:
    """Return the copy with an id of its own in every cell, which older formats and other editors may leave out."""
    copy = deepcopy(copy)
    taken = {cell.get("id") for cell in copy.cells}
    ids = {text: id_ for id_, text in given.items() if id_ not in taken}
    seen: set[str] = set()
    for count, cell in enumerate(copy.cells):
        if not cell.get("id") or cell.id in seen:
            cell["id"] = ids.pop(digest(cell), f"mine-{_digest(f'{count} {cell.source}')}")
        seen.add(cell.id)
    return copy


def _homes(
    written: list[NotebookNode], copy: NotebookNode, merged: NotebookNode
) -> dict[str, NotebookNode]:
    """By id of the copy's cells, those of the newer text: of the same id, or where the same exercise is answered."""
    cells = {cell.id: cell for cell in merged.cells}
    homes = {cell.id: cells[cell.id] for cell in copy.cells if cell.id in cells}
    free = [cell for cell in merged.cells if exercise_of(cell) and cell.id not in homes]
    for matches in (_same_names, lambda cell, other: True):
        for cell in written:
            fitting = (
                other
                for other in free
                if exercise_of(other) == exercise_of(cell) and matches(cell, other)
            )
            if cell.id not in homes and (home := next(fitting, None)):
                homes[cell.id] = home
                free.remove(home)
    return homes


def _take(home: NotebookNode, cell: NotebookNode) -> None:
    """Put into `home` what can be read in `cell`."""
    if home.cell_type != cell.cell_type:
        for key in ("outputs", "execution_count"):
            home.pop(key, None)
        if cell.cell_type == "code":
            home.update(outputs=[], execution_count=None)
    home.update({key: cell[key] for key in ("cell_type", "source", "attachments") if key in cell})


def _same_names(cell: NotebookNode, other: NotebookNode) -> bool:
    return bool(set(NAMES.findall(cell.source)) & set(NAMES.findall(other.source)))


def _with(
    cells: list[NotebookNode], below: dict[str, list[NotebookNode]]
) -> Iterator[NotebookNode]:
    """Return the cells, and below each those that are to stand there, without outputs."""
    ids = {cell.id for cell in cells}
    for place in [None, *cells]:
        if place:
            yield place
        for cell in below.get(place.id if place else "", []):
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
            if cell.id in ids:  # as where an answer was pasted below itself
                cell["id"] = f"mine-{_digest(cell.id + cell.source)}"
            yield cell


def _given(copy: NotebookNode) -> NotebookNode:
    return copy.metadata.get("course", {}).get("given", {})


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
