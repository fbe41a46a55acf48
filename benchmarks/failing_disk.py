"""A disk that fails at one call, in place of the real one: with an error, by the end of the process, or of the power.

Within a `FailingDisk`, every open, read, write, fsync, rename, unlink, mkdir and close in a folder is counted, and one
of them fails. An error is raised once, as the system would: half of a write is done, a file that is closed is closed.
After the end of the process no call reaches the disk any more. What would reach it in another way, as `os.truncate`, is
refused with a ValueError, since nobody would count it. And the disk knows what a power cut may leave: the names
in a folder are safe once the folder was synced, and the content of a file once the file was. Of what came later, any
part may be there.
"""

import builtins
import errno
import io
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

FOLDER = -1  # in place of a file's number
ALL_SUBSETS = 6  # up to so many changes of names, all their subsets are tried
UNSEEN = "is not followed, so that no call to it would fail"
NOT_FOLLOWED = ("link", "symlink", "truncate", "ftruncate", "rmdir", "writev", "pwrite", "pwritev")


class Ended(BaseException):
    """What stands in for the end of the process: no `except Exception` holds it up."""


class Change(NamedTuple):
    """A change of names in a folder that is not yet safe: a name that comes, one that goes, or both."""

    folder: Path
    gone: str | None
    came: str | None
    file: int


class FailingDisk:
    """A context in which call number `at` in `folder`, from 1, fails as `fault` says; 0 lets all of them pass.

    A fault is the name of an error, as "EIO", "end" for the end of the process, or "exit", which really ends it.
    `calls` counts them, `kinds` by what they do.
    """

    def __init__(self, folder: Path, *, at: int = 0, fault: str = "end") -> None:
        self.folder = folder.resolve()
        self.calls = 0
        self.kinds: Counter[str] = Counter()
        self.failed = ""  # what failed, as "write epoch-0001.npz"
        self.ended = False
        self._at = at
        self._fault = fault
        self._numbers = itertools.count()
        self._open: dict[int, int | Path] = {}  # what is behind each descriptor
        self._names: dict[Path, dict[str, int]] = {}  # of files and folders, by folder
        self._safe_names: dict[Path, dict[str, int]] = {}
        self._safe: dict[int, bytes] = {}
        self._gone: dict[int, bytes] = {}  # the content of files that have no name any more
        self._changes: list[Change] = []
        self._note(self.folder)

    def __enter__(self) -> "FailingDisk":
        self._real_open = io.open
        patches = {name: getattr(self, f"_{name}") for name in ("replace", "unlink", "mkdir")}
        patches |= {"open": self._os_open, "fsync": self._fsync, "close": self._close}
        patches |= {"write": self._write}
        self._real = {name: getattr(os, name) for name in (*patches, "rename", "remove")}
        patches |= {"rename": self._replace, "remove": self._unlink}
        for name in NOT_FOLLOWED:
            if hasattr(os, name):
                patches[name] = self._refusing(name, getattr(os, name))
        with ExitStack() as stack:
            for name, function in patches.items():
                stack.enter_context(patch.object(os, name, function))
            for module in (io, builtins):
                stack.enter_context(patch.object(module, "open", self._io_open))
            self._patches = stack.pop_all()
        return self

    def __exit__(self, *_: Any) -> None:
        self._patches.close()

    def power_cuts(self, into: Path, *, every: bool) -> Iterator[Path]:
        """Give the folder as a power cut at this moment may have left it, in turn in folder `into`.

        The changes of names that were not yet safe are all lost, all kept, kept up to one, or, with `every`, kept in
        any combination; what was not yet safe of a file is lost or kept.
        """
        changes = self._changes
        count = len(changes)
        kept = {tuple(range(number)) for number in range(count + 1)}
        kept |= {tuple(i for i in range(count) if i != lost) for lost in range(count)}
        if every and count <= ALL_SUBSETS:
            kept |= {
                tuple(part)
                for n in range(count)
                for part in itertools.combinations(range(count), n)
            }
        now = {number: self._content(folder / name) for folder, name, number in self._files()}
        for choice in sorted(kept):
            names = {folder: dict(there) for folder, there in self._safe_names.items()}
            for i in choice:
                _apply(names, changes[i])
            for contents in (self._safe, now | self._gone):
                shutil.rmtree(into, ignore_errors=True)
                self._lay_out(names, contents, self.folder, into)
                yield into

    def _lay_out(self, names: dict, contents: dict[int, bytes], there: Path, here: Path) -> None:
        here.mkdir(parents=True)
        for name, number in names.get(there, {}).items():
            if number == FOLDER:
                self._lay_out(names, contents, there / name, here / name)
            else:
                (here / name).write_bytes(contents.get(number, b""))

    # What is where

    def _note(self, folder: Path) -> None:
        """Take all that is in a folder before the first call as safe."""
        self._names[folder] = {}
        for path in sorted(folder.iterdir()):
            number = FOLDER if path.is_dir() else next(self._numbers)
            self._names[folder][path.name] = number
            if path.is_dir():
                self._note(path)
            else:
                self._safe[number] = path.read_bytes()
        self._safe_names[folder] = dict(self._names[folder])

    def _files(self) -> list[tuple[Path, str, int]]:
        files = []
        for folder, names in self._names.items():
            files += [(folder, name, number) for name, number in names.items() if number != FOLDER]
        return files

    def _content(self, path: Path) -> bytes:
        with self._real_open(path, "rb") as file:
            return file.read()

    def _change(self, folder: Path, *, gone: str | None, came: str | None, file: int) -> None:
        change = Change(folder, gone, came, file)
        _apply(self._names, change)
        self._changes.append(change)

    def _number(self, path: Path) -> int:
        """Return the number of a file that has been opened, which may be new."""
        names = self._names.setdefault(path.parent, {})
        if path.name not in names:
            self._change(path.parent, gone=None, came=path.name, file=next(self._numbers))
        return self._names[path.parent][path.name]

    # Calls

    def _ours(self, path: Any) -> Path | None:
        if isinstance(path, int):
            return None
        path = Path(os.fsdecode(path)).absolute()
        path = path.parent.resolve() / path.name
        return path if path == self.folder or self.folder in path.parents else None

    def _call(self, kind: str, what: Any, half: Callable[[], object] = lambda: None) -> None:
        """Count a call and let it fail if it is its turn, after `half` of it was done."""
        if self.ended:
            raise Ended
        self.calls += 1
        self.kinds[kind] += 1
        if self.calls != self._at:
            return
        self.failed = f"{kind} {getattr(what, 'name', what)}"
        half()
        if self._fault == "exit":
            os._exit(0)
        if self._fault == "end":
            self.ended = True
            raise Ended
        number = getattr(errno, self._fault)
        raise OSError(number, os.strerror(number), str(getattr(what, "name", what)))

    def _io_open(self, file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if isinstance(file, int) and file in self._open:  # os.fdopen, too
            raise ValueError(f"os.fdopen in {self.folder}: {UNSEEN}")
        path = self._ours(file)
        if path is None:
            return self._real_open(file, mode, *args, **options)
        self._call("open", path)
        raw = _Raw(path, mode.replace("b", "").replace("t", ""), self)
        self._open[raw.fileno()] = self._number(path)
        buffered = io.BufferedReader(raw) if mode.startswith("r") else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        options = {key: options[key] for key in ("encoding", "errors", "newline") if key in options}
        return io.TextIOWrapper(buffered, **options)

    def _os_open(self, path: Any, flags: int, *args: Any, **options: Any) -> int:
        ours = None if options.get("dir_fd") else self._ours(path)
        if ours is None:
            return self._real["open"](path, flags, *args, **options)
        self._call("open", ours)
        descriptor = self._real["open"](path, flags, *args, **options)
        self._open[descriptor] = ours if ours.is_dir() else self._number(ours)
        return descriptor

    def _close(self, descriptor: int) -> None:
        what = self._open.pop(descriptor, None)
        self._real["close"](descriptor)
        if what is not None and not self.ended:
            self._call("close", what)

    def _fsync(self, descriptor: int) -> None:
        what = self._open.get(descriptor)
        if what is None:
            return self._real["fsync"](descriptor)
        self._call("fsync", what)
        if isinstance(what, Path):
            self._safe_names[what] = dict(self._names.get(what, {}))
            self._changes = [change for change in self._changes if change.folder != what]
        else:
            path = next(folder / name for folder, name, number in self._files() if number == what)
            self._safe[what] = self._content(path)
        return None

    def _write(self, descriptor: int, content: Any) -> int:
        what = self._open.get(descriptor)
        if what is None:
            return self._real["write"](descriptor, content)
        view = memoryview(content).cast("B")
        half = view[: len(view) // 2]
        self._call("write", what, half=lambda: self._real["write"](descriptor, half))
        return self._real["write"](descriptor, content)

    def _refusing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of `os` that refuses what is in the folder."""

        def refuse(*args: Any, **options: Any) -> Any:
            for each in args[:2]:  # both names of a link
                is_path = isinstance(each, str | bytes | os.PathLike)
                ours = self._ours(each) if is_path else self._open.get(each)
                if ours is not None:
                    raise ValueError(f"os.{name} in {self.folder}: {UNSEEN}")
            return real(*args, **options)

        return refuse

    def _replace(self, source: Any, target: Any, **options: Any) -> None:
        old, new = self._ours(source), self._ours(target)
        if old is None or new is None:
            return self._real["replace"](source, target, **options)
        if old.parent != new.parent:
            raise ValueError(
                f"{old} to {new}: must stay in its folder; no other rename is followed"
            )
        self._call("rename", new)
        self._keep(new)
        self._real["replace"](source, target, **options)
        number = self._names[old.parent][old.name]
        self._change(new.parent, gone=old.name, came=new.name, file=number)
        return None

    def _unlink(self, path: Any, **options: Any) -> None:
        ours = None if options.get("dir_fd") else self._ours(path)
        if ours is None:
            return self._real["unlink"](path, **options)
        self._call("unlink", ours)
        self._keep(ours)
        self._real["unlink"](path, **options)
        self._change(ours.parent, gone=ours.name, came=None, file=FOLDER)
        return None

    def _mkdir(self, path: Any, *args: Any, **options: Any) -> None:
        ours = self._ours(path)
        if ours is None:
            return self._real["mkdir"](path, *args, **options)
        self._call("mkdir", ours)
        self._real["mkdir"](path, *args, **options)
        self._names[ours] = {}
        self._safe_names[ours] = {}
        self._change(ours.parent, gone=None, came=ours.name, file=FOLDER)
        return None

    def _keep(self, path: Path) -> None:
        """Keep the content of a file whose name goes, for a power cut after which the name is still there."""
        number = self._names.get(path.parent, {}).get(path.name)
        if number is not None and number != FOLDER:
            self._gone[number] = self._content(path)


class _Raw(io.FileIO):
    """An open file that tells the disk of each call."""

    def __init__(self, path: Path, mode: str, disk: FailingDisk) -> None:
        super().__init__(str(path), mode)
        self._disk = disk

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B")
        self._disk._call(
            "write", self, half=lambda: super(_Raw, self).write(view[: len(view) // 2])
        )
        return super().write(content)

    def readinto(self, buffer: Any) -> int | None:
        self._disk._call("read", self)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._disk._call("read", self)
        return super().readall()

    def close(self) -> None:
        if self.closed:
            return
        self._disk._open.pop(self.fileno(), None)
        super().close()
        if not self._disk.ended:
            self._disk._call("close", self)


def _apply(names: dict[Path, dict[str, int]], change: Change) -> None:
    there = names.setdefault(change.folder, {})
    if change.gone is not None:
        there.pop(change.gone, None)
    if change.came is not None:
        there[change.came] = change.file
