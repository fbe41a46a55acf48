"""The folder that a run works in: new, and gone after it, even when the run is killed."""

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "course-run-"
YOUNG = 60.0  # seconds in which a folder may be without its lock


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """Make a folder for a `with` in the system's temporary one; remove those of this user's runs that were killed."""
    _clear(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with FileLock(folder / "lock", thread_local=False):
            yield folder


def _clear(temporary: Path) -> None:
    """Remove work folders that no process holds; one that cannot be removed stays."""
    for folder in temporary.glob(f"{PREFIX}*"):
        with contextlib.suppress(Timeout, OSError):
            if _may_be_left(folder):
                with FileLock(folder / "lock", blocking=False):
                    pass  # the system drops a lock with its process
                shutil.rmtree(folder, ignore_errors=True)


def _may_be_left(folder: Path) -> bool:
    """Whether this is a folder, no link, of this user's own, and old enough to have its lock if its run goes on."""
    status = folder.lstat()
    is_own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    is_old = time.time() - status.st_mtime > YOUNG
    return stat.S_ISDIR(status.st_mode) and is_own and is_old
