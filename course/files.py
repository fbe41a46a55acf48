"""Files are written whole or not at all: who reads one meanwhile, or after a crash, finds the old one or the new."""

import os
import shutil
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write `content` to `path`, text as UTF-8 with plain newlines; folders that are missing are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def empty_folder(path: Path) -> Path:
    """Make folder `path` anew, without what an earlier run has left in it, and return it. Raises OSError."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path
