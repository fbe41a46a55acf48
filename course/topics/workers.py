"""Lesson 15: worker processes that compute together: real ones, a thread each, pinned to cores, with memory in common.

`run_workers` starts them, gives each the shared arrays and a barrier, and collects what they return. When one fails,
all end, with an error that names it. A worker imports this module and the one that holds its work, and nothing else.
On Linux it is forked from a process that has imported this module before, which saves most of what a worker costs.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

BARRIER_TIMEOUT = 60.0  # seconds at a barrier
START = "forkserver" if sys.platform == "linux" else "spawn"
LIBRARIES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
Layout = dict[str, tuple[tuple[int, ...], str, int]]  # shape, type and offset of each shared array


class WorkerError(RuntimeError):
    """A worker that raised an error or died; the message names it."""


@dataclass
class Worker:
    """What a worker process knows: its number, how many there are, and the arrays that all of them share."""

    rank: int
    count: int
    shared: dict[str, NDArray]
    barrier: Any

    def wait(self) -> None:
        """Wait until every worker is here. Raises TimeoutError where one does not come."""
        try:
            self.barrier.wait()
        except threading.BrokenBarrierError:
            raise TimeoutError("another worker has not come in time") from None


def cores() -> list[int]:
    """Return the cores that a worker can be pinned to: none where the system cannot pin (macOS, Windows)."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def run_workers(
    work: Callable[..., Any], count: int, shared: Mapping[str, NDArray], *arguments: Any
) -> list[Any]:
    """Run `work(worker, *arguments)` in `count` processes; return what each returned, by rank.

    `work` must be importable. The arrays `shared` are copied once, into memory that all workers see. Raises
    WorkerError for the first worker that fails. No worker and no shared memory is left, whatever happens.
    """
    context: Any = multiprocessing.get_context(START)
    context.set_forkserver_preload([__name__])  # before the first worker; later it does nothing
    barrier = context.Barrier(count, timeout=BARRIER_TIMEOUT)
    processes = []
    pipes: dict[Any, int] = {}
    results: dict[int, Any] = {}
    with _segment(shared) as (name, layout):
        try:
            with _clean_start():
                available = cores()
                for rank in range(count):
                    receiver, sender = context.Pipe(duplex=False)
                    worker = Worker(rank, count, {}, barrier)
                    core = available[rank % len(available)] if available else None
                    parcel = work, worker, core, name, layout, sender, arguments
                    processes.append(context.Process(target=_serve, args=parcel, daemon=True))
                    pipes[receiver] = rank
                    processes[rank].start()
                    sender.close()  # the worker has the only other copy: when it dies, the pipe ends
            while len(results) < count:
                waiting = [pipe for pipe, rank in pipes.items() if rank not in results]
                for pipe in wait(waiting):
                    rank = pipes[pipe]
                    results[rank] = _receive(pipe, processes[rank], rank, count)
        finally:
            for process in processes:
                if process.pid:
                    process.kill()
                    process.join()
    return [results[rank] for rank in range(count)]


def _receive(pipe: Any, process: Any, rank: int, count: int) -> Any:
    """Return the result of a worker, or raise the WorkerError that says what became of it."""
    try:
        good, result = pipe.recv()
    except EOFError:
        process.join()
        good = False
        code = process.exitcode
        result = (
            f"killed by {signal.Signals(-code).name}"
            if code < 0
            else f"ended with exit code {code}"
        )
    if not good:
        raise WorkerError(f"worker {rank} of {count}: {result}; the others were stopped")
    return result


def _serve(
    work: Callable[..., Any],
    worker: Worker,
    core: int | None,
    name: str,
    layout: Layout,
    pipe: Connection,
    arguments: tuple,
) -> None:
    """Serve as a worker process, until the work is done or the process that started it is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # the parent answers an interrupt, and ends the workers
    if core is not None:
        os.sched_setaffinity(0, {core})
    segment = SharedMemory(name)
    worker.shared = _views(segment, layout)
    try:
        pipe.send((True, work(worker, *arguments)))
    except Exception as error:
        pipe.send((False, f"{type(error).__name__}: {error}"))
    worker.shared = {}  # memory closes once nothing points into it
    segment.close()


def _end_with_parent() -> None:
    """End this process when its parent has ended, however that was; Python's tracker then frees the shared memory."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


@contextmanager
def _clean_start() -> Iterator[None]:
    """Start processes with one thread for linear algebra, and without running the caller's script once more."""
    main = sys.modules["__main__"]
    before = {name: os.environ.get(name) for name in LIBRARIES}
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ.update(dict.fromkeys(LIBRARIES, "1"))
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def _segment(arrays: Mapping[str, NDArray]) -> Iterator[tuple[str, Layout]]:
    """Copy arrays into one segment of shared memory; give its name and layout, and free it at the end."""
    layout = Layout()
    end = 0
    for name, array in arrays.items():
        layout[name] = array.shape, array.dtype.str, end
        cache_lines = -(-array.nbytes // 64)  # each array begins on a line of its own
        end += 64 * cache_lines
    segment = SharedMemory(create=True, size=max(end, 1))
    try:
        for name, array in arrays.items():
            _views(segment, layout)[name][...] = (
                array  # a view that is kept would hold the memory open
            )
        yield segment.name, layout
    finally:
        segment.close()
        segment.unlink()


def _views(segment: SharedMemory, layout: Layout) -> dict[str, NDArray]:
    return {
        name: np.ndarray(shape, kind, segment.buf, at) for name, (shape, kind, at) in layout.items()
    }
