"""Lesson 12: checkpoints on slow storage: a disk as slow as you like, and a save in several files at once.

The disk is a token bucket: every byte written or read costs a token, and tokens come at a fixed rate. A file system in
a network also limits each stream, which is why large checkpoints are written as many files. They are one checkpoint
once a manifest names them all, with their sums. Units are bytes and seconds.
"""

import hashlib
import io
import json
import math
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course.files import make_folder, write_whole
from course.training.checkpoint_files import CheckpointError, sha256

CHUNK = 1 << 16  # bytes that a slow disk takes at a time, and that it takes at once after a rest


class TokenBucket:
    """Lets `rate` bytes a second pass on average and `burst` bytes at once; threads may share it."""

    def __init__(self, rate: float, burst: float) -> None:
        above_zero(rate=rate, burst=burst)
        self.rate = rate
        self.burst = burst
        self._tokens = 0.0
        self._last = -math.inf
        self._lock = threading.Lock()

    def delay(self, size: int, now: float) -> float:
        """Take `size` tokens at the time `now`, on credit if need be; returns the seconds until they are paid."""
        with self._lock:
            earned = (now - self._last) * self.rate
            self._tokens = min(self.burst, self._tokens + earned) - size
            self._last = now
            return max(0.0, -self._tokens / self.rate)


class SlowDisk:
    """A disk that takes `rate` bytes a second in all, and at most `stream_rate` of them through one open file."""

    def __init__(self, rate: float, stream_rate: float = math.inf) -> None:
        self.stream_rate = min(rate, stream_rate)
        self._all = TokenBucket(rate, CHUNK)

    def open(self, path: str | Path) -> io.BufferedWriter:
        """Open a file for writing, as slowly as this disk is."""
        return io.BufferedWriter(_SlowFile(path, [self._all, TokenBucket(self.stream_rate, CHUNK)]))

    def read(self, path: str | Path, start: int = 0, size: int = -1) -> bytes:
        """Return `size` bytes of a file from `start` on, or all the rest, as slowly as this disk is."""
        with Path(path).open("rb") as file:
            file.seek(start)
            content = file.read(size)
        stream = TokenBucket(self.stream_rate, CHUNK)
        for place in range(0, len(content), CHUNK):
            length = len(content[place : place + CHUNK])
            for bucket in (self._all, stream):
                time.sleep(bucket.delay(length, time.monotonic()))
        return content


class _SlowFile(io.FileIO):
    def __init__(self, path: str | Path, buckets: list[TokenBucket]) -> None:
        super().__init__(path, "w")
        self._buckets = buckets

    def write(self, data: Any) -> int:
        """Write the first chunk of the data; the buffer above comes back with the rest."""
        chunk = memoryview(data).cast("B")[:CHUNK]
        for bucket in self._buckets:
            time.sleep(bucket.delay(len(chunk), time.monotonic()))
        return super().write(chunk)


def save_sharded(
    folder: Path,
    state: Mapping[str, ArrayLike],
    *,
    shards: int,
    open_file: Callable[[Path], Any] | None = None,
) -> None:
    """Save named arrays in a new `folder`: an equal part of each in every one of `shards` files, a thread a file.

    `open_file` opens a path for writing. The manifest, with the sum of every file, comes last: without it there is
    no checkpoint. Raises FileExistsError for a folder that exists, ValueError for less than one shard or an array that
    NumPy's files do not keep.
    """
    if not isinstance(shards, Integral) or shards < 1:
        raise ValueError(f"shards = {shards}: must be a whole number of at least 1")
    for name, array in state.items():
        _refuse_not_kept(name, np.asarray(array).dtype)
    make_folder(folder.parent)
    folder.mkdir()
    parts = [np.array_split(np.ravel(array), shards) for array in state.values()]

    def write(number: int) -> tuple[str, str]:
        path = folder / f"shard-{number:03}.npz"
        with open_file(path) if open_file else path.open("wb") as file:
            np.savez(file, *(part[number] for part in parts))
            file.flush()
            os.fsync(file.fileno())
        return path.name, sha256(path)

    with ThreadPoolExecutor(shards) as threads:
        sums = dict(threads.map(write, range(shards)))
    arrays = [[name, np.shape(array)] for name, array in state.items()]
    manifest = {"arrays": arrays, "sha256": sums}
    sealed = json.dumps(manifest | {"seal": _seal(manifest)})
    write_whole(folder / "manifest.json", sealed, durable=True)


def load_sharded(folder: Path) -> dict[str, NDArray]:
    """Return the arrays that `save_sharded` saved.

    Raises CheckpointError, which names the file, if one is not as saved.
    """
    if not (folder / "manifest.json").exists():
        raise CheckpointError(f"{folder}: has no manifest.json, so its save did not come to an end")
    manifest = _intact(folder / "manifest.json")
    shards = []
    for name, expected in manifest["sha256"].items():
        path = folder / name
        if not path.exists() or sha256(path) != expected:
            raise CheckpointError(f"{path}: missing or damaged; the checkpoint cannot be used")
        with np.load(path, allow_pickle=False) as file:
            shards.append(list(file.values()))
    whole = map(np.concatenate, zip(*shards, strict=True))
    return {
        name: array.reshape(shape)
        for (name, shape), array in zip(manifest["arrays"], whole, strict=True)
    }


def _refuse_not_kept(name: str, kind: np.dtype) -> None:
    """Raise ValueError for a type that comes back from NumPy's files as another, or not at all."""
    again = np.lib.format.descr_to_dtype(np.lib.format.dtype_to_descr(kind))
    if kind.hasobject or again != kind:
        raise ValueError(f"{name} is {kind}: NumPy's files do not keep this type; convert it first")


def _seal(manifest: Any) -> str:
    """Return the sum of a manifest, by which it is known to be whole."""
    return hashlib.sha256(json.dumps(manifest).encode()).hexdigest()


def _intact(path: Path) -> Any:
    """Return what a manifest says. Raises CheckpointError where it is not as saved."""
    try:
        manifest = json.loads(path.read_bytes())
        if manifest.keys() == {"arrays", "sha256"}:
            return manifest  # of an earlier version, which had no seal
        seal = manifest.pop("seal")
    except (ValueError, KeyError, TypeError, AttributeError):
        manifest = seal = None
    if seal != _seal(manifest):
        raise CheckpointError(f"{path}: damaged; the checkpoint cannot be used")
    return manifest


def above_zero(**values: float) -> None:
    """Raise ValueError for the first of the named values that is not a number above 0."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} = {value}: must be a number above 0")


def refuse_slow(bandwidth: float, *, state: float, mtbf: float) -> None:
    """Raise ValueError where saving takes more than half of the time between two failures.

    `bandwidth` in bytes a second, `state` in bytes, `mtbf` (the mean time between failures) in seconds.
    """
    least = 2 * state / mtbf
    if bandwidth < least:
        takes = "with less, a save takes over half of the time between two failures"
        raise ValueError(f"bandwidth = {bandwidth:g}: must be at least {least:g}; {takes}")
