"""The learner's own copy of the notebooks, in my-course/, which no update ever overwrites.

A notebook that the learner has not touched follows the course. One that they worked in stays as it is; a newer
text of the lesson is put beside it under a name of its own.
"""

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from course import ROOT

MINE = ROOT / "my-course"
RECORD = ".given.json"  # what was last given to the learner: sum of each notebook, and of the lesson it came from


def update(mine: Path = MINE, given: Path = ROOT / "notebooks") -> list[str]:
    """Copy new lessons from `given` to `mine` and return what a learner should be told, a line each."""
    mine.mkdir(exist_ok=True)
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
            newer = mine / f"{lesson.stem}.new-{digest[:8]}.ipynb"
            if not newer.exists():
                _write(newer, content)
            told.append(f"{lesson.name}: kept as you left it; the lesson's new text is in {newer.name}")
        else:
            _write(copy, content)
        record[lesson.name] = digest
    _write(path, json.dumps(record, indent=1).encode())
    return told


def open_lab() -> None:
    """Start JupyterLab on the learner's notebooks and stay until it is closed."""
    program = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={MINE}"]
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(program)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)
