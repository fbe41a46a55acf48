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

from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from course.catalog import LessonError, find
from course.learner import progress
from course.learner.judge import Judge
from course.learner.merge import answer_in, own_cells
from course.learner.progress import digest
from course.learner.reading import read
from course.verdicts import Verdict

EXERCISE = re.compile(r"[0-9]{2}\.[0-9]{1,3}")
PACKAGES = ("course", "keras", "numpy", "tensorflow")


@dataclass(frozen=True)
class Finding:
    """What verifying found of one exercise, or of the "file": "proved", "not proved" or "refuted", and why."""

    what: str
    result: str
    why: str


def issue(mine: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """Judge again every answer in `mine` that was right; return the certificate of those that are, and why others are
    left out, by exercise.
    """
    names = [
        name for name, standing in progress.standings(mine).items() if standing.outcome == "right"
    ]
    exercises = {}
    left_out = {}
    for name in names:
        notebook = _notebook(mine, name)
        verdict = _judged(notebook, name)
        if verdict.outcome == "right":
            exercises[name] = {"answer": digest(answer_in(notebook, name)), "exercise": _text(name)}
        else:
            left_out[name] = progress.plain(": ".join([verdict.outcome, *verdict.hints[:1]]))
    content = {
        "certificate": "Exercises of the course on training neural networks whose answers were judged right",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "exercises": exercises,
    }
    return content | {"sha256": _seal(content)}, left_out


def verify(path: Path, mine: Path | None) -> Iterator[Finding]:
    """Say of the certificate at `path`, and of each exercise in it, what is proved; `mine` holds the notebooks, if any.

    Raises LessonError where the file is no certificate.
    """
    unchanged, entries = opened(path)
    for name, *_ in entries:
        if not EXERCISE.fullmatch(name):
            raise LessonError(f"{path}: {name[:40]!a}: is not the name of an exercise, as 01.1 is")
    if unchanged:
        yield Finding("file", "proved", "it is as it was written")
    else:
        yield Finding("file", "refuted", "it was changed after it was written")
    for name, answer, text in entries:
        yield _found(name, answer, text, mine)


def opened(path: Path) -> tuple[bool, list[tuple[str, str, str]]]:
    """Return whether the certificate at `path` is as it was written, and its exercises: name, answer, text.

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
    return unchanged, entries


def _found(name: str, answer: str, text: str, mine: Path | None) -> Finding:
    try:
        known = _text(name)
    except LessonError as error:
        return Finding(name, "refuted", str(error))
    if text != known:
        return Finding(
            name,
            "not proved",
            "the exercise has changed since; verify with the version of the course from that time",
        )
    if mine is None:
        return Finding(
            name, "not proved", "a digest cannot be judged; give the folder of the notebooks"
        )
    notebook = _notebook(mine, name)
    if digest(answer_in(notebook, name)) != answer:
        return Finding(name, "not proved", f"the answer in {mine} differs, or there is none")
    if _judged(notebook, name).outcome != "right":
        return Finding(name, "refuted", "judged again, the answer is not right")
    return Finding(name, "proved", "judged again, the answer is right")


def _notebook(mine: Path, name: str) -> NotebookNode:
    """Return the learner's notebook with exercise `name`; an empty one where there is none that can be read."""
    return read(mine / f"{find(name[:2]).name}.ipynb") or new_notebook()


def _judged(notebook: NotebookNode, name: str) -> Verdict:
    answer = answer_in(notebook, name)
    if not answer:
        return Verdict("not attempted", ("There is no answer in the notebook.",))
    with Judge(name) as judge:
        return judge.verdict(answer, own_cells(notebook, name))


def _text(name: str) -> str:
    """Return the digest of what an exercise asks: its check and its solution."""
    exercises = find(name[:2]).exercises
    if name not in exercises:
        raise LessonError(f"exercise {name!r}: must be one of {', '.join(exercises)}")
    return digest(f"{exercises[name].solution}\n{exercises[name].check}")


def _seal(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
