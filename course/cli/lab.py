"""The learner's own copy of the notebooks, in my-course/, which no update ever overwrites.

A notebook that the learner has not touched follows the course. One that they worked in stays as it is; a newer
text of the lesson is put beside it under a name of its own. What the course gives is trusted, as are outputs that one
has run: otherwise JupyterLab leaves out the script in stored outputs that gives a figure its alt text.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat.sign import NotebookNotary

from course import ROOT
from course.files import write_whole
from course.kernels.kernelspec import FOR_LAB
from course.runs.folder import FolderError

MINE = ROOT / "my-course"
RECORD = ".given.json"  # what was last given to the learner: sum of each notebook, and of the lesson it came from


def update(mine: Path = MINE, given: Path = ROOT / "notebooks") -> list[str]:
    """Copy new lessons from `given` to `mine` and return what a learner should be told, a line each.

    Raises FolderError when `mine`, or where Jupyter keeps what is trusted, cannot be written to.
    """
    with _writing("Jupyter keeps its files there: set HOME, or JUPYTER_DATA_DIR, to a folder that can"):
        notary = NotebookNotary()
        Path(notary.data_dir).mkdir(parents=True, exist_ok=True)
    with _writing("name a folder of your own: course lab FOLDER"):
        return _copy(mine, given, notary)


def _copy(mine: Path, given: Path, notary: NotebookNotary) -> list[str]:
    mine.mkdir(parents=True, exist_ok=True)
    path = mine / RECORD
    record: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    told = []
    for lesson in sorted(given.glob("*.ipynb")):
        content = lesson.read_bytes()
        copy = mine / lesson.name
        digest = hashlib.sha256(content).hexdigest()
        if record.get(lesson.name) == digest:
            continue
        if copy.exists() and hashlib.sha256(copy.read_bytes()).hexdigest() != record.get(lesson.name):
            copy = mine / f"{lesson.stem}.new-{digest[:8]}.ipynb"
            told.append(f"{lesson.name}: kept as you left it; the lesson's new text is in {copy.name}")
        if copy.name == lesson.name or not copy.exists():
            write_whole(copy, content)
            notary.sign(nbformat.reads(content, as_version=4))
        record[lesson.name] = digest
    write_whole(path, json.dumps(record, indent=1))
    return told


@contextlib.contextmanager
def _writing(cure: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderError(f"{error.filename}: cannot be written to ({error.strerror}); {cure}") from error


def open_lab(mine: Path = MINE) -> None:
    """Start JupyterLab on the learner's notebooks, whose kernels start warm, and stay until it is closed."""
    program = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={mine}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in a container, where Jupyter would refuse
        program.append("--allow-root")
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(program, env=os.environ | environment())


def environment() -> dict[str, str]:
    """What makes Jupyter find the warm kernel under the name `python3`, which the learner's notebooks carry."""
    return {"JUPYTER_PATH": os.pathsep.join(filter(None, [str(FOR_LAB), os.environ.get("JUPYTER_PATH")]))}
