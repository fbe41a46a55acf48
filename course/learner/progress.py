"""How far a learner has come: what their notebooks say, and what is remembered beside them.

A check's outcome stands in the notebook's outputs, which a click clears. So an answer that was right once is remembered
in one small file in the learner's folder, with where `course practice` stands; no account, no network. The file is
written whole, under a lock: whoever is killed leaves the state before or after.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from course.catalog import Lesson, all_lessons
from course.files import write_whole
from course.learner.merge import answer_in
from course.learner.reading import read
from course.outputs import exercises_in

STATE = ".progress.json"


@dataclass(frozen=True)
class Standing:
    """Where an exercise stands: its outcome ("open" where it was never judged), the digest of the answer judged last,
    the hints to it in order, and how many of them the learner has seen.
    """

    outcome: str = "open"
    answer: str = ""
    hints: tuple[str, ...] = ()
    shown: int = 0


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
    said = {name: standing for lesson in all_lessons() for name, standing in _said(mine, lesson)}
    known = remembered(mine)
    new = {
        name: standing
        for name, standing in said.items()
        if standing.outcome == "right" and known.get(name, Standing()).outcome != "right"
    }
    if new:
        known = remember(mine, new)
    names = [name for lesson in all_lessons() for name in lesson.exercises]
    return {name: known.get(name) or said.get(name) or Standing() for name in names}


def remembered(mine: Path) -> dict[str, Standing]:
    """Return what is remembered, by exercise. A file that cannot be read is set aside, and nothing is remembered."""
    path = mine / STATE
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Standing(**entry | {"hints": tuple(entry["hints"])})
            for name, entry in entries.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        path.replace(path.with_name(f"{STATE}.unreadable"))
        return {}


def remember(mine: Path, new: Mapping[str, Standing]) -> dict[str, Standing]:
    """Add `new` standings to what is remembered, whoever else writes there, and return all of it."""
    mine.mkdir(parents=True, exist_ok=True)
    with FileLock(mine / f"{STATE}.lock"):
        known = remembered(mine) | dict(new)
        write_whole(
            mine / STATE,
            json.dumps({name: asdict(each) for name, each in known.items()}, indent=1) + "\n",
        )
    return known


def digest(answer: str) -> str:
    """Return the SHA-256 of an answer's source; spaces at its ends, and the kind of line break, do not count."""
    return hashlib.sha256(answer.replace("\r\n", "\n").strip().encode()).hexdigest()


def _said(mine: Path, lesson: Lesson) -> Iterator[tuple[str, Standing]]:
    """Give what the checks in the learner's notebook of a lesson said last."""
    notebook = read(mine / f"{lesson.name}.ipynb")
    if notebook:
        for record in exercises_in(notebook):
            yield (
                record["name"],
                Standing(record["outcome"], digest(answer_in(notebook, record["name"]))),
            )


def _row(lesson: Lesson, found: Mapping[str, Standing]) -> Row:
    left = [name for name in lesson.exercises if found[name].outcome != "right"]
    count = len(lesson.exercises)
    return Row(
        lesson.name, lesson.header["title"], count - len(left), count, next(iter(left), None)
    )
