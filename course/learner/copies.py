"""The learner's own copy of the notebooks, in which no update loses a word that they wrote.

A lesson that they did not write in follows the course, also where JupyterLab has rewritten its file or its cells have
run. In one that they worked in, their work is carried into the newer text, and the file as they left it is kept beside
it as `NAME.kept-1.ipynb`. A notebook that `course assign` made for one student stays as it was handed out: the key to
it was made with its parameters. What the course gives is trusted: otherwise JupyterLab leaves out the script in stored
outputs that gives a figure its alt text.
"""

import contextlib
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from course import outputs
from course.catalog import NOTEBOOKS, LessonError
from course.files import keep, write_whole
from course.learner import progress
from course.learner.merge import (
    Work,
    answer_in,
    exercise_of,
    handed_out,
    is_assigned,
    merge,
    version,
)
from course.learner.reading import parse
from course.runs.folder import FolderError


def update(mine: Path, given: Path = NOTEBOOKS) -> list[str]:
    """Bring the lessons in `mine`, and their solutions, to the text of those in `given`; return what was done to
    work of the learner's, a line a notebook.

    Raises FolderError when `mine` is the course's own folder, or it or where Jupyter keeps what is trusted cannot be
    written to.
    """
    _refuse_the_courses(mine, given)
    with _writing(
        "Jupyter keeps its files there: set HOME, or JUPYTER_DATA_DIR, to a folder that can"
    ):
        notary = NotebookNotary()
        Path(notary.data_dir).mkdir(parents=True, exist_ok=True)
    told: list[str] = []
    cure = "name a folder of your own"
    with _writing(cure):
        mine.mkdir(parents=True, exist_ok=True)
    progress.standings(mine)  # remembers what outputs say, which a new text does not have
    with _writing(cure):
        for lesson in sorted(given.glob("*.ipynb")) + sorted(given.glob("solutions/*.ipynb")):
            fresh = handed_out(nbformat.read(lesson, as_version=4))
            told += _bring(mine / lesson.relative_to(given), fresh, notary)
    return told


def reset(copy: Path, exercise: str, given: Path = NOTEBOOKS) -> Path | None:
    """Put the stub of `exercise` back into the learner's notebook `copy`; return where the file is kept as it was.

    None where no cell answers the exercise, or the stub stands there. Raises LessonError where `copy` is no notebook,
    FolderError where it is the course's own.
    """
    _refuse_the_courses(copy.parent, given)
    content = copy.read_bytes()
    old = parse(content)
    fresh = nbformat.read(given / copy.name, as_version=4)
    stubs = [cell for cell in fresh.cells if exercise_of(cell) == exercise]
    if old is None:
        raise LessonError(f"{copy.name} cannot be read as a notebook; nothing was changed")
    if answer_in(old, exercise) in ("", answer_in(fresh, exercise)):
        return None
    answers = [cell for cell in old.cells if exercise_of(cell) == exercise]
    for number, cell in enumerate(answers):
        cell["source"] = stubs[number].source if number < len(stubs) else ""
    for cell in old.cells:
        for output in cell.get("outputs", []):
            if (record := outputs.exercise_of(output)) and record["name"] == exercise:
                cell["outputs"] = []
    return _replace(copy, content, old) or reset(copy, exercise, given)


def _refuse_the_courses(mine: Path, given: Path) -> None:
    """Raise FolderError when `mine` is where the course keeps its notebooks, or a folder in it."""
    if mine.resolve().is_relative_to(given.resolve()):
        reason = "is where the course keeps its own notebooks, from which copies are made"
        raise FolderError(f"{mine}: {reason}; name a folder of your own")


def _bring(copy: Path, fresh: NotebookNode, notary: NotebookNotary) -> list[str]:
    """Bring one copy to the text of `fresh`."""
    if not copy.exists():
        _place(copy, fresh, notary)
        return []
    content = copy.read_bytes()
    if (old := parse(content)) and (is_assigned(old) or version(old) == version(fresh)):
        return []
    made, work = _merged(content, fresh)
    kept = _replace(copy, content, made)
    if kept is None:
        return _bring(copy, fresh, notary)
    _trust(made, notary)
    if work is not None and not work and kept.read_bytes() == content:
        kept.unlink()
        return []
    return [f"{copy.name}: {_words(work)}; as you left it, it is kept in {kept.name}"]


def _merged(content: bytes, fresh: NotebookNode) -> tuple[NotebookNode, Work | None]:
    """Return the newer text with the learner's work, and what that is; None where their file cannot be read."""
    old = parse(content)
    return merge(old, fresh) if old else (fresh, None)


def _words(work: Work | None) -> str:
    if work is None:
        return "a new copy, since it could not be read"
    carried = []
    said = "has the course's new text"
    if work.answers:
        carried.append(f"your answer{'s' * (len(work.answers) > 1)} to {', '.join(work.answers)}")
    if work.others:
        carried.append(f"{work.others} other cell{'s' * (work.others > 1)} of yours")
    if carried:
        said += f", with {' and '.join(carried)}"
    if work.left:
        said += f", without what you changed in {work.left} cell{'s' * (work.left > 1)}"
    return said


def _keep(copy: Path) -> Path:
    """Give `copy` as a second name the next one that is free for what is kept, and return that."""
    return keep(copy, (f"{copy.stem}.kept-{number}.ipynb" for number in count(1)))


def _replace(copy: Path, content: bytes, made: NotebookNode) -> Path | None:
    """Put `made` in the place of `copy`, which is kept beside it, and return where; at no moment is there none.

    None, and nothing is done, where `copy` holds other than `content`: an editor has saved it in the meantime.
    """
    with _written(copy, made) as temporary:
        kept = _keep(copy)
        try:
            if copy.read_bytes() == content:
                temporary.replace(copy)
                return kept
        except OSError as error:  # on Windows where a program has it open
            kept.unlink()
            reason = f"{error.strerror}; is it open in another program?"
            raise OSError(error.errno, reason, str(copy)) from error
        kept.unlink()
    return None


def _place(copy: Path, made: NotebookNode, notary: NotebookNotary) -> None:
    """Write `made` to `copy`, unless a file has come there in the meantime; then that one stays."""
    with _written(copy, made) as temporary:
        try:
            os.link(temporary, copy)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            if not copy.exists():
                temporary.replace(copy)
    _trust(made, notary)


@contextlib.contextmanager
def _written(copy: Path, made: NotebookNode) -> Iterator[Path]:
    """Write `made` to a file beside `copy`, which goes with the block unless it has got another name."""
    temporary = copy.with_name(f".{copy.name}.{os.getpid()}.new")
    write_whole(temporary, _text(made))
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _trust(made: NotebookNode, notary: NotebookNotary) -> None:
    """Sign a notebook that was placed: the outputs in it, where there are any, are all the course's."""
    if any(cell.get("outputs") for cell in made.cells):
        notary.sign(made)


def _text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"


@contextlib.contextmanager
def _writing(cure: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderError(
            f"{error.filename}: cannot be written to ({error.strerror}); {cure}"
        ) from error
