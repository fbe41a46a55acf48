"""A file that says which exercises were right, and what anyone can find out about it offline, from the repository.

It proves that the file is as it was written, and, where the learner's notebooks are at hand, that these answers are
right: they are judged again. It proves neither who wrote them, nor when, nor that nobody helped: it is signed by no
one, and whoever has the solutions can make one. Without the notebooks it proves no answer: a digest cannot be judged.
"""

import hashlib
import importlib.metadata
import json
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from course.catalog import LessonError, find
from course.learner import progress
from course.learner.judge import Judge
from course.learner.merge import answer_in
from course.learner.progress import digest
from course.learner.reading import read

EXERCISE = re.compile(r"[0-9]{2}\.[0-9]{1,3}")
PACKAGES = ("course", "keras", "numpy", "tensorflow")


@dataclass(frozen=True)
class Finding:
    """What verifying found of one exercise, or of the "file": "proved", "not proved" or "refuted", and why."""

    what: str
    result: str
    why: str


def issue(mine: Path) -> dict[str, Any]:
    """Judge again every answer in `mine` that was right, and return the certificate of those that are."""
    names = [
        name for name, standing in progress.standings(mine).items() if standing.outcome == "right"
    ]
    exercises = {}
    for name in names:
        answer = _answer(mine, name)
        if answer and _is_right(name, answer):
            exercises[name] = {"answer": digest(answer), "exercise": _text(name)}
    content = {
        "certificate": "Exercises of the course on training neural networks whose answers were judged right",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "exercises": exercises,
    }
    return content | {"sha256": _seal(content)}


def verify(path: Path, mine: Path | None) -> Iterator[Finding]:
    """Say of the certificate at `path`, and of each exercise in it, what is proved; `mine` holds the notebooks, if any.

    Raises LessonError where the file is no certificate.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        unchanged = content.pop("sha256") == _seal(content)
        entries = [
            (name, str(entry["answer"]), str(entry["exercise"]))
            for name, entry in content["exercises"].items()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise LessonError(f"{path}: is not a certificate of the course") from error
    for name, *_ in entries:
        if not EXERCISE.fullmatch(name):
            raise LessonError(f"{path}: {name[:40]!a}: is not the name of an exercise, as 01.1 is")
    if unchanged:
        yield Finding("file", "proved", "it is as it was written")
    else:
        yield Finding("file", "refuted", "it was changed after it was written")
    for name, answer, text in entries:
        yield _found(name, answer, text, mine)


def _found(name: str, answer: str, text: str, mine: Path | None) -> Finding:
    try:
        known = _text(name)
    except LessonError as error:
        return Finding(name, "refuted", str(error))
    if text != known:
        return Finding(
            name,
            "not proved",
            "the exercise has changed since; verify with the course's version of then",
        )
    if mine is None:
        return Finding(
            name, "not proved", "a digest cannot be judged; give the folder of the notebooks"
        )
    own = _answer(mine, name)
    if digest(own) != answer:
        return Finding(name, "not proved", f"the answer in {mine} is another, or there is none")
    if not _is_right(name, own):
        return Finding(name, "refuted", "judged again, the answer is not right")
    return Finding(name, "proved", "judged again, the answer is right")


def _answer(mine: Path, name: str) -> str:
    notebook = read(mine / f"{find(name[:2]).name}.ipynb")
    return answer_in(notebook, name) if notebook else ""


def _is_right(name: str, answer: str) -> bool:
    with Judge(name) as judge:
        return judge.verdict(answer).outcome == "right"


def _text(name: str) -> str:
    """Return the digest of what an exercise asks: its check and its solution."""
    exercises = find(name[:2]).exercises
    if name not in exercises:
        raise LessonError(f"exercise {name!r}: must be one of {', '.join(exercises)}")
    return digest(f"{exercises[name].solution}\n{exercises[name].check}")


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
