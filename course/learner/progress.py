"""How far a learner has come: what their notebooks say, and what is remembered beside them.

A check's outcome stands in the notebook's outputs, which a click clears. So an exercise that was right once is
remembered in one small file in the learner's folder, with where `course practice` stands; no account, no network. What
practice has judged counts before an output, which may be of an answer that stands there no more. The file is written
whole, under a lock, and onto the disk: a kill or a power cut leaves the state before or after.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Annotated

from filelock import FileLock
from nbformat import NotebookNode
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from course.catalog import Lesson, all_lessons
from course.files import make_folder, set_aside, write_whole
from course.learner.merge import answer_in, own_cells
from course.learner.reading import read
from course.outputs import LOOKS, exercises_in
from course.runs.records import LONGEST_MESSAGE, printable

STATE = ".progress.json"
Outcome = Annotated[str, Field(pattern=f"^({'|'.join(('open', *LOOKS))})$")]
log = logging.getLogger(__name__)


def plain(hint: str) -> str:
    """Return a hint as any terminal can show it, whatever the answer that it quotes holds."""
    return printable(hint, LONGEST_MESSAGE)


@dataclass(frozen=True)
class Standing:
    """Where an exercise stands: its outcome ("open" where it was never judged), the digest of the answer judged last
    ("" where an output alone says the outcome), the hints to it in order, and how many of them the learner has seen.
    """

    outcome: Outcome = "open"
    answer: str = ""
    hints: tuple[Annotated[str, AfterValidator(plain)], ...] = ()
    shown: int = 0


REMEMBERED = TypeAdapter(dict[str, Standing])


@dataclass(frozen=True)
class Row:
    """A lesson in the table of progress: exercises that are right, all of them, and the next that is not."""

    lesson: str
    title: str
    right: int
    exercises: int
    next: str | None


def table(mine: Path) -> list[Row]:
    """Return how far the learner has come in each lesson, and remember what their notebooks say is right."""
    found = standings(mine)
    return [_row(lesson, found) for lesson in all_lessons()]


def right(mine: Path) -> dict[str, int]:
    """Return for each lesson, by name, how many exercises are right."""
    return {row.lesson: row.right for row in table(mine)}


def standings(mine: Path) -> dict[str, Standing]:
    """Return where every exercise of the course stands; what is right in the notebooks is remembered from now on."""
    said = {name: told for lesson in all_lessons() for name, *told in _said(mine, lesson)}
    known = remembered(mine)
    new = {
        name: Standing("right")
        for name, (outcome, answer) in said.items()
        if outcome == "right"
        and (before := known.get(name, Standing())).outcome != "right"
        and before.answer != answer
    }
    if new:
        known = remember(mine, new)
    names = [name for lesson in all_lessons() for name in lesson.exercises]
    outputs = {name: Standing(outcome) for name, (outcome, _) in said.items()}
    return {name: known.get(name) or outputs.get(name) or Standing() for name in names}


def remembered(mine: Path) -> dict[str, Standing]:
    """Return what is remembered, by exercise.

    A file that is damaged is set aside, which a line on stderr says, and nothing is remembered.
    """
    path = mine / STATE
    try:
        return REMEMBERED.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except ValidationError as error:
        first = error.errors()[0]
        why = printable(" ".join(map(str, [*first["loc"], first["msg"]])))
        names = (f"{STATE}.unreadable-{number}" for number in count(2))
        kept = set_aside(path, chain([f"{STATE}.unreadable"], names))
        log.warning("%s: is damaged (%s); it is kept as %s", path, why, kept.name)
        return {}


def remember(mine: Path, new: Mapping[str, Standing]) -> dict[str, Standing]:
    """Add `new` standings to what is remembered, whoever else writes there, and return all of it."""
    make_folder(mine)
    with FileLock(mine / f"{STATE}.lock"):
        known = remembered(mine) | dict(new)
        write_whole(
            mine / STATE,
            json.dumps({name: asdict(each) for name, each in known.items()}, indent=1) + "\n",
            durable=True,
        )
    return known


def digest(answer: str) -> str:
    """Return the SHA-256 of an answer's source; spaces at its ends, and the kind of line break, do not count."""
    return hashlib.sha256(
        answer.replace("\r\n", "\n").strip().encode(errors="surrogatepass")
    ).hexdigest()


def judged_by(notebook: NotebookNode, exercise: str) -> str:
    """Return the digest of what a verdict on `exercise` rests on: answer and own cells above its check."""
    return digest("\n\n".join([*own_cells(notebook, exercise), answer_in(notebook, exercise)]))


def _said(mine: Path, lesson: Lesson) -> Iterator[tuple[str, str, str]]:
    """Give what the checks in the learner's notebook of a lesson said last: exercise, outcome, the answer there now."""
    notebook = read(mine / f"{lesson.name}.ipynb")
    if notebook:
        for record in exercises_in(notebook):
            name, outcome = record["name"], record.get("outcome")
            if name in lesson.exercises and outcome in tuple(LOOKS):
                yield name, outcome, judged_by(notebook, name)


def _row(lesson: Lesson, found: Mapping[str, Standing]) -> Row:
    left = [name for name in lesson.exercises if found[name].outcome != "right"]
    count = len(lesson.exercises)
    return Row(
        lesson.name, lesson.header["title"], count - len(left), count, next(iter(left), None)
    )
