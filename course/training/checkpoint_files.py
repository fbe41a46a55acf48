"""A folder of checkpoint files that outlives a kill at any moment.

A checkpoint is one `.npz` file: the arrays of a nested state and, as JSON, the rest of it; nothing that could run
code when it is read. It is written under a temporary name, hashed on its way, forced to the disk, and only then
renamed to its final name, which carries the hash: `epoch-0003-batch-000040-9f2c51e07b3a8d64.npz` is the state after
three whole epochs and forty batches of the fourth. A file has a name that its content confirms, or it is damaged.
"""

import hashlib
import io
import json
import os
import re
import warnings
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from filelock import FileLock, Timeout

from course.files import PARTIAL, make_folder, whole_file, write_whole

NAME = re.compile(r"epoch-(\d+)-batch-(\d+)-([0-9a-f]{16})\.npz")
# Keys that stand for what JSON has not.
ARRAY = "<array>"
TUPLE = "<tuple>"
ITEMS = "<items>"

# By process, since a forked one finds here what its parent has.
# The folders that a process holds, as long as a CheckpointFolder of them is there.
_locks: "WeakValueDictionary[tuple[int, Path], _Held]" = WeakValueDictionary()
# What threads of a process are writing, by folder: whoever opens a folder again has to wait for it.
_writes: dict[tuple[int, Path], Future[None]] = {}


class CheckpointError(RuntimeError):
    """A checkpoint that cannot be written, read or used."""


class UnreadableError(CheckpointError):
    """A checkpoint that may be whole, but that this process cannot read."""


class Position(NamedTuple):
    """How far training has come: whole epochs, and batches of the epoch after them."""

    epoch: int
    batch: int


class Checkpoint(NamedTuple):
    """What one file holds."""

    path: Path
    position: Position
    state: dict[str, Any]


class CheckpointFolder:
    """The last `keep` checkpoints and the best one, written by one process at a time.

    With `asynchronous=True` a thread does the writing; a write that failed is reported by the next call.
    """

    def __init__(self, folder: str | Path, *, keep: int, asynchronous: bool) -> None:
        self.path = Path(folder)
        self.keep = keep
        self._writer = ThreadPoolExecutor(max_workers=1) if asynchronous else None

    def open(self) -> None:
        """Take the folder for this process and clear away what a kill has left half written."""
        try:
            make_folder(self.path)
            self._held = _hold(self.path)
            self._wait_for_earlier()
            for partial in self.path.glob(f"*{PARTIAL}"):
                partial.unlink()
        except OSError as error:
            raise CheckpointError(
                f"{self.path}: checkpoints cannot be written here ({error})"
            ) from error

    def newest(self) -> Checkpoint | None:
        """Return the newest whole checkpoint, or None in a folder without any.

        A warning names every damaged checkpoint, and every foreign file that looks like one.

        Raises UnreadableError if one that may be whole cannot be read: training from an earlier one would replace
        it. Raises CheckpointError if there are checkpoints and all of them are damaged.
        """
        paths = self._checkpoints()
        for foreign in sorted(set(self.path.glob("*.npz")) - set(paths)):
            warnings.warn(f"{foreign}: not a checkpoint, by its name; left alone", stacklevel=2)
        for path in reversed(paths):
            try:
                return read(path)
            except UnreadableError:
                raise
            except CheckpointError as error:
                warnings.warn(f"{error}; the one before it is used", stacklevel=2)
        if paths:
            raise CheckpointError(
                f"{self.path}: all of its {len(paths)} checkpoints are damaged; delete them to start afresh"
            )
        return None

    def find(self, position: Position) -> Path | None:
        """Return the file of one position, if it is kept."""
        return next((path for path in self._checkpoints() if _position(path) == position), None)

    def save(self, position: Position, state: dict[str, Any], *, best: Position | None) -> None:
        """Write a checkpoint, then remove those that are neither among the last `keep` nor the `best`.

        An array must not change until it is written, and so, of an asynchronous folder, not any more; lists and
        dictionaries may.
        """
        self.wait()
        arrays = _flat(state)
        if self._writer:
            writing = self._writer.submit(self._write, position, arrays, best)
            _writes[os.getpid(), self.path.resolve()] = writing
        else:
            self._write(position, arrays, best)

    def wait(self) -> None:
        """Return when nothing is being written any more. Raises CheckpointError if the write failed."""
        place = os.getpid(), self.path.resolve()
        if writing := _writes.get(place):
            try:
                writing.result()
            finally:
                if writing.done():  # Ctrl-C may end the waiting before
                    _writes.pop(place, None)

    def _wait_for_earlier(self) -> None:
        """Return when a training that was broken off writes no more; warn if its last write failed."""
        try:
            self.wait()
        except CheckpointError as error:
            warnings.warn(f"{error}; training goes on from the newest of them", stacklevel=2)

    def close(self) -> None:
        """Finish the write that is under way and let other processes in."""
        try:
            self.wait()
        finally:
            _let_go(self.path)

    def _checkpoints(self) -> list[Path]:
        """Return the files that are checkpoints by their names, the oldest position first. Raises UnreadableError."""
        try:
            paths = [path for path in self.path.iterdir() if NAME.fullmatch(path.name)]
        except OSError as error:
            raise UnreadableError(f"{self.path}: this folder cannot be read ({error})") from error
        return sorted(paths, key=_position)

    def _write(
        self, position: Position, arrays: dict[str, np.ndarray], best: Position | None
    ) -> None:
        try:
            self._prune(_write(self.path, position, arrays), best)
        except OSError as error:
            raise CheckpointError(
                f"{self.path}: the checkpoint of epoch {position.epoch}, batch {position.batch} could not be "
                f"written ({error}); the earlier ones are whole"
            ) from error

    def _prune(self, written: Path, best: Position | None) -> None:
        ours = self._checkpoints()
        # What else is as late as the file just written, or later, was found damaged when training resumed before it.
        valid = [path for path in ours if _position(path) < _position(written)] + [written]
        for path in set(ours) - set(valid[-self.keep :]):
            if path not in valid or _position(path) != best:
                path.unlink()


def read(path: str | Path) -> Checkpoint:
    """Read one checkpoint.

    Raises UnreadableError if the system does not let it be read, and CheckpointError if it is damaged or no
    checkpoint at all.
    """
    path = Path(path)
    name = NAME.fullmatch(path.name)
    if not name:
        raise CheckpointError(f"{path}: not a checkpoint, by its name")
    try:
        content = path.read_bytes()  # once: zipfile takes an error of a later read for damage
        digest = hashlib.sha256(content).hexdigest()[:16]
        if digest != name[3]:
            raise CheckpointError(f"{path}: damaged, its sha256 begins with {digest}")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = dict(file)
        state = _nested(str(arrays["state"]), arrays)
        return Checkpoint(path, _position(path), dict(state))
    except CheckpointError:
        raise
    except FileNotFoundError as error:
        raise UnreadableError(f"{path}: no such file") from error
    except (OSError, MemoryError) as error:
        raise UnreadableError(
            f"{path}: cannot be read ({type(error).__name__}: {error}), and may be whole; let this user read it"
        ) from error
    except Exception as error:  # of zipfile, zlib, NumPy's header and JSON: a dozen kinds
        raise CheckpointError(
            f"{path}: holds no checkpoint, although its name says so ({error!r})"
        ) from error


def sha256(path: Path) -> str:
    """Return the sha256 of a file's content, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: Path, position: Position, arrays: dict[str, np.ndarray]) -> Path:
    """Write one checkpoint, whole or not at all, and onto the disk; return its path. Raises OSError."""

    def name(_: Path) -> str:
        digest = summed.digest.hexdigest()[:16]
        return f"epoch-{position.epoch:04}-batch-{position.batch:06}-{digest}.npz"

    with whole_file(folder, name, durable=True) as file:
        summed = _Summed(file)
        np.savez(summed, **arrays)  # type: ignore[arg-type]
    return folder / name(folder)


class _Summed(io.RawIOBase):
    """A file that is summed up while it is written: from its beginning to its end, and not read again."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.digest.update(content)
        return self._file.write(content)


def _flat(state: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays of a nested state by their place in it, and the rest of it as JSON."""
    arrays: dict[str, np.ndarray] = {}
    arrays["state"] = np.array(json.dumps(_take_out(arrays, state, "")))
    return arrays


def _take_out(arrays: dict[str, np.ndarray], value: Any, place: str) -> Any:
    if isinstance(value, dict):
        if any(not isinstance(key, str) or key in (ARRAY, TUPLE, ITEMS) for key in value):
            pairs = [[key, part] for key, part in value.items()]
            return {ITEMS: _take_out(arrays, pairs, place)}
        return {key: _take_out(arrays, part, f"{place}/{key}") for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [_take_out(arrays, part, f"{place}/{index}") for index, part in enumerate(value)]
        return parts if isinstance(value, list) else {TUPLE: parts}
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.hasobject:  # NumPy would pickle it, and nothing here is unpickled
            raise CheckpointError(
                f"{place.strip('/')}: {value.dtype} cannot be saved; hold plain numbers or a list"
            )
        while place in arrays:  # a key may look like a place
            place += "'"
        arrays[place] = np.asarray(value)
        taken = {ARRAY: place, "dtype": str(value.dtype)}
        return taken | {"scalar": True} if isinstance(value, np.generic) else taken
    return value


def _nested(text: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what `_flat` took apart."""

    def put_back(value: dict[str, Any]) -> Any:
        if ARRAY in value:
            array = arrays[value[ARRAY]]
            if array.dtype.kind == "V" and not array.dtype.names:
                # NumPy reads bfloat16 back as two bytes without meaning.
                array = array.view(value["dtype"])
            return array[()] if "scalar" in value else array
        if ITEMS in value:
            return dict(value[ITEMS])
        return tuple(value[TUPLE]) if TUPLE in value else value

    return json.loads(text, object_hook=put_back)


def _position(path: Path) -> Position:
    epoch, batch, _ = NAME.fullmatch(path.name).groups()  # type: ignore[union-attr]
    return Position(int(epoch), int(batch))


class _Held:
    """A folder's lock, let go with the last reference, and what its file was: folders may be deleted and made anew."""

    def __init__(self, lock: FileLock, folder: Path) -> None:
        self.lock = lock
        self._file = (folder / "lock").stat()

    def is_of(self, folder: Path) -> bool:
        """Whether the lock file that is in the folder now is this one."""
        try:
            return os.path.samestat(self._file, (folder / "lock").stat())
        except FileNotFoundError:
            return False


def _hold(folder: Path) -> _Held:
    """Keep other processes out until this one lets go or dies: the system then drops the lock itself.

    The number of the process stands in a file of its own, since a locked one cannot be read on Windows.
    """
    held = _locks.get((os.getpid(), folder.resolve()))
    if held and held.is_of(folder):
        return held
    _let_go(folder)  # of a folder that stood here before
    lock = FileLock(folder / "lock", thread_local=False)
    process = folder / "process"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        holder = f"process {process.read_text()}" if process.exists() else "another process"
        raise CheckpointError(
            f"{folder}: in use by {holder}; give each run its own folder"
        ) from None
    try:
        write_whole(process, str(os.getpid()))
        held = _Held(lock, folder)
    except BaseException:  # else this very process would find the folder in use
        lock.release()
        raise
    _locks[os.getpid(), folder.resolve()] = held
    return held


def _let_go(folder: Path) -> None:
    """Release the lock of a folder, if this process has one."""
    if held := _locks.pop((os.getpid(), folder.resolve()), None):
        held.lock.release()
