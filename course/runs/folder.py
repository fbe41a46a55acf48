"""The folder that runs write to: theirs alone, and one command's at a time.

Nothing that a run did not write is ever replaced. So a folder must be new, empty, or one with records of runs, and hold
no notebook but executed ones: those of a lesson, a learner or a class have no record beside them.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from course.files import make_folder
from course.runs import records

LOCK = ".lock"


class FolderError(ValueError):
    """A folder that runs must not write to."""


@contextlib.contextmanager
def held(out: Path) -> Iterator[None]:
    """Make folder `out` if need be and keep it to this process; raises FolderError, before anything is written."""
    if reason := _foreign(out):
        raise FolderError(f"{out}: {reason}; choose a new folder, with --out")
    busy = "another command writes its runs there; wait for its end, or use --out"
    with locked(out / LOCK, busy, "; choose another folder, with --out"):
        yield


@contextlib.contextmanager
def locked(path: Path, busy: str, instead: str = "") -> Iterator[None]:
    """Keep the lock `path` to this process, its folder made if need be.

    Raises FolderError: `busy` says what holds it, `instead` what to do where the folder cannot be written to.
    """
    lock = FileLock(path, blocking=False)
    try:
        make_folder(path.parent)
        lock.acquire()
    except Timeout as error:
        raise FolderError(f"{path.parent}: {busy}") from error
    except OSError as error:
        reason = f"cannot be written to ({error.strerror})"
        raise FolderError(f"{path.parent}: {reason}{instead}") from error
    try:
        yield
    finally:
        lock.release()


def _foreign(out: Path) -> str:
    """Say what keeps `out` from being a folder of runs, or nothing."""
    if out.is_file():
        return "is a file, not a folder"
    if not out.is_dir():
        return ""
    ours = {path.name for path in out.glob(f"*{records.EXECUTED}")}
    others = {path.name for path in out.iterdir() if not path.name.startswith(".")} - ours
    notebooks = sorted(name for name in others if name.endswith(".ipynb"))
    if notebooks:
        return f"holds notebooks, such as {notebooks[0]}"
    if others and not any(records.read(path) for path in out.glob("*.json")):
        return f"holds other files than those of runs, such as {min(others)}"
    return ""
