"""Files are written whole or not at all: who reads one meanwhile, or after a crash, finds the old one or the new.

Everything in the course that must not be found half written is written here. The content goes to a file with a name of
its own in the same folder, which then takes the final name in one step. A killed process is thus harmless. A machine
that loses its power may still forget what it had not forced to the disk; `durable` forces it, and waits for that.
"""

import contextlib
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"  # how the names of files end that are being written, or that a kill has left


def write_whole(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write `content` to `path`, text as UTF-8 with plain newlines; folders that are missing are made."""
    if durable:
        make_folder(path.parent)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path.parent, path.name, durable=durable) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def whole_file(
    folder: Path, name: str | Callable[[Path], str], *, durable: bool = False
) -> Iterator[BinaryIO]:
    """Open a new file in `folder`, which takes its `name` when the block has ended and goes when the block fails.

    A function as `name` is called with the path of the finished content, which it may read, as to name it by its hash.
    """
    partial = folder / f".{secrets.token_hex(8)}{PARTIAL}"
    try:
        with partial.open("xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(folder / (name if isinstance(name, str) else name(partial)))
    except OSError as error:
        if error.filename == str(partial):  # which nobody has asked for
            asked = folder if callable(name) else folder / name
            raise OSError(error.errno, error.strerror, str(asked)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)
    if durable:
        _force_folder(folder)


def set_aside(path: Path, names: Iterable[str]) -> Path:
    """Rename the file at `path` to the first of endless `names` that is free in its folder, and return where it is."""
    for name in names:
        kept = path.with_name(name)
        with contextlib.suppress(FileExistsError):
            kept.touch(exist_ok=False)  # the name is taken, for any other process too
            break
    try:
        return path.replace(kept)
    except OSError:
        kept.unlink()
        raise


def keep(path: Path, names: Iterable[str]) -> Path:
    """Give the file at `path` a second name, the first of endless `names` that is free in its folder; return its path.

    Where the file system has no links, that is a copy.
    """
    content = path.read_bytes()
    for name in names:
        kept = path.with_name(name)
        with contextlib.suppress(FileExistsError):
            try:
                os.link(path, kept)
            except FileExistsError:
                raise
            except OSError:
                with kept.open("xb") as file:
                    file.write(content)
            break
    return kept


def make_folder(path: Path) -> None:
    """Make a folder and those above it that are missing, and force their names to the disk. Raises OSError.

    Each is forced before the next is made, so that a folder that is there, even after a kill, stands in one that stays.
    """
    if not path.is_dir():
        if path.parent != path:  # as of a drive of Windows that is not there
            make_folder(path.parent)
        path.mkdir(exist_ok=True)
    with contextlib.suppress(PermissionError):  # of a folder that this user may not read
        _force_folder(path.parent)


def empty_folder(path: Path) -> Path:
    """Make folder `path` anew, without what an earlier run has left in it, and return it. Raises OSError."""
    if path.exists():
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path


def _force_folder(folder: Path) -> None:
    """Force the names in a folder to the disk: elsewhere than on Windows, a new one is there only then."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
