"""Runs many notebooks side by side: Dask is handed one whenever a worker is free, the longest first.

By default on this machine; with a scheduler's address on workers anywhere that see the same files. Only small records
come back. However one run ends, the others go on; when all are told to stop, none leaves a kernel behind.
"""

import contextlib
import contextvars
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, TypeVar

import dask
from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster, wait

from course.catalog import Lesson
from course.runs import records
from course.runs.records import Failure, Job, Record

PRIVATE = "127.0.0.1:0"  # for Dask's web pages, which would else be open to the network
WORKERS = CPU_COUNT + 1  # a kernel that starts, or waits for a disk, would else leave its core idle
CONNECT_SECONDS = 10  # for a scheduler, and again for its workers, to answer
LOOK_SECONDS = 0.5  # between two looks how many runs the workers take, while runs end
WATCH_SECONDS = 2  # between two looks whether there are workers
LOST_SECONDS = 30  # how long a cluster may be without a worker, as when one starts anew
STOP_SECONDS = 20  # how long stopped runs are waited for
# Each worker would look a hundred times a second at what it is doing, and keep all that it has seen.
UNWATCHED = {"distributed.worker.profile.enabled": False}

for name in ("distributed", "distributed.client"):
    logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is told here, in one line


class ClusterLost(ConnectionError):
    """The scheduler, or all its workers, have gone while runs were on their way."""


Task = TypeVar("Task")
Progress = Callable[
    [Job, Record | None], None
]  # called when a run starts, without a record, and when it ends


def execute(
    jobs: Iterable[Job],
    *,
    out: Path,
    timeout: float,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Progress = lambda job, record: None,
) -> list[Record]:
    """Run `jobs`, each within `timeout` seconds, and return their records in the same order.

    Notebooks and records are written to folder `out`. `workers` notebooks run at a time, by default one more than
    there are cores; with `scheduler`, the address of a Dask scheduler, as many as it has workers. On KeyboardInterrupt
    the runs on their way are stopped, with outcome "cancelled", before it is raised again. Raises ClusterLost when the
    scheduler or all its workers have gone; what had finished is recorded.
    """
    jobs = list(jobs)
    out = out.absolute()
    if len({job.name for job in jobs}) < len(jobs):
        raise ValueError("two jobs of the same name: lesson and parameters must tell them apart")
    if not jobs:
        return []
    out.mkdir(parents=True, exist_ok=True)
    waiting = sorted(jobs, key=_expected_seconds, reverse=True)
    done: dict[str, Record] = {}
    running: dict[Future, Job] = {}
    with _client(min(workers or WORKERS, len(jobs)), scheduler) as client:

        def submit(job: Job) -> Future:
            progress(job, None)
            return client.submit(_run, job, out, timeout, pure=False)

        try:
            for job, future in dealt(client, waiting, submit, running):
                done[job.name] = _record(client, future, job, out)
                future.release()  # else Dask runs it again when its worker dies
                progress(job, done[job.name])
        except ClusterLost as loss:
            finished = f"{len(done)} of {len(jobs)} runs had finished and are recorded in {out}"
            raise ClusterLost(f"{scheduler}: {loss}; {finished}") from loss
        except BaseException:
            _stop(client, out, list(running))
            raise
    return [done[job.name] for job in jobs]


def dealt(
    client: Client,
    waiting: list[Task],
    submit: Callable[[Task], Future],
    running: dict[Future, Task],
) -> Iterator[tuple[Task, Future]]:
    """Submit what is `waiting`, the first whenever a worker is free; give each with its future, which has ended.

    `running` holds what is on its way. Raises ClusterLost when the scheduler or all its workers have gone.
    """
    threads = 0
    looked = 0.0
    while waiting or running:
        if time.monotonic() - looked > LOOK_SECONDS:
            threads = max(1, _threads(client))
            looked = time.monotonic()
        while waiting and len(running) < threads:
            task = waiting.pop(0)
            running[submit(task)] = task
        for future in _ended(client, list(running)):
            yield running.pop(future), future


def _run(job: Job, out: Path, timeout: float) -> Record:
    from course.runs import runner  # only workers need papermill, which takes seconds to import

    # Jupyter keeps its event loop in a context variable, and Dask hands its threads copies of one context: without a
    # context of its own a run would drive the loop of another thread.
    return contextvars.Context().run(runner.run, job, out, timeout)


def _threads(client: Client) -> int:
    """Return how many runs the workers take at a time; raises ClusterLost when no scheduler answers."""
    try:
        return sum(client.nthreads().values())
    except OSError as error:
        raise ClusterLost("the Dask scheduler has gone") from error


def _ended(client: Client, futures: list[Future]) -> Iterable[Future]:
    """Wait until some of `futures` have ended and return them; raises ClusterLost when none can any more."""

    def ask() -> Iterable[Future]:
        return wait(futures, timeout=WATCH_SECONDS, return_when="FIRST_COMPLETED").done

    return _watching(client, ask)


def result(client: Client, future: Future) -> Any:
    """Return what has come of a future, or raise it.

    A worker keeps that until it is asked for, and may end before: then another does the task again. Raises ClusterLost
    when none can any more.
    """

    def ask() -> Any:
        try:
            return future.result(timeout=WATCH_SECONDS)
        except TimeoutError as error:
            if future.status == "error":  # the task's own
                raise RuntimeError(f"TimeoutError: {error}") from error
            raise

    return _watching(client, ask)


def _watching(client: Client, ask: Callable[[], Any]) -> Any:
    """Return what `ask` returns, as often as it raises TimeoutError; raises ClusterLost when the cluster goes."""
    last_seen = time.monotonic()
    while True:
        try:
            return ask()
        except TimeoutError:
            if _threads(client):
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > LOST_SECONDS:
                raise ClusterLost("all workers of the Dask scheduler have gone") from None
        except CancelledError as error:  # what Dask does to futures when its scheduler goes
            raise ClusterLost("the Dask scheduler has gone") from error


def _record(client: Client, future: Future, job: Job, out: Path) -> Record:
    """Return the record of a finished run; where its worker died, one that says so."""
    try:
        return result(client, future)
    except ClusterLost:
        raise
    except Exception as raised:
        error = raised
    failure = Failure(None, "", type(error).__name__, str(error))
    record = Record(
        job.name, job.lesson, job.parameters, "failed", 0.0, "", 0.0, {}, {}, failure, {}
    )
    records.write(record, out)
    return record


def _expected_seconds(job: Job) -> float:
    """Seconds measured for the lesson; one that was never measured counts as the longest."""
    return Lesson(job.lesson).seconds(job.mode) or float("inf")


def connected(scheduler: str) -> Client:
    """Connect to a Dask scheduler. Raises ConnectionError where none with workers answers."""
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:  # ValueError: no address
        raise ConnectionError(
            f"{scheduler}: no Dask scheduler with workers answers there; an address reads tcp://HOST:8786"
        ) from error
    return client


@contextlib.contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    """Connect to `scheduler`, or to workers in this process: each only waits for a kernel, which is a process itself.

    Worker processes would take seconds to start, listen on a port, and change the environment that kernels inherit.
    """
    if scheduler:
        with connected(scheduler) as client:
            yield client
        return
    # Without a network Dask warns that it does not know this machine's address, which it never uses here.
    warnings.filterwarnings("ignore", "Couldn't detect a suitable IP", RuntimeWarning)
    with (
        dask.config.set(UNWATCHED),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=False,
            memory_limit=0,  # it would not see the kernels
            dashboard_address=PRIVATE,
            worker_dashboard_address=PRIVATE,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _stop(client: Client, out: Path, futures: list[Future]) -> None:
    """Stop the runs on their way and wait until their kernels have gone and their records are written."""
    for _ in range(STOP_SECONDS):
        client.run(_cancel, out)
        with contextlib.suppress(TimeoutError):
            wait(futures, timeout=1)
            return


async def _cancel(out: Path) -> None:
    from course.runs import runner

    await runner.stop(out)
