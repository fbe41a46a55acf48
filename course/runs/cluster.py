"""Runs many notebooks side by side: Dask is handed one whenever a worker is free, the longest first.

By default on this machine; with a scheduler's address on workers anywhere that see the same files. Only small records
come back. However one run ends, the others go on; when all are told to stop, none leaves a kernel behind.
"""

import contextlib
import contextvars
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster, wait

from course.catalog import Lesson
from course.runs import records
from course.runs.records import Failure, Job, Record

PRIVATE = "127.0.0.1:0"  # for Dask's web pages, which would else be open to the network
WORKERS = CPU_COUNT + 1  # a kernel that starts, or waits for a disk, would else leave its core idle
CONNECT_SECONDS = 10  # for a scheduler, and again for its workers, to answer
STOP_SECONDS = 20  # how long stopped runs are waited for

logging.getLogger("distributed").setLevel(logging.ERROR)  # a cluster's own setting ends before its last messages

Progress = Callable[[Job, Record | None], None]  # called when a run starts, without a record, and when it ends


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
    the runs on their way are stopped, with outcome "cancelled", before it is raised again.
    """
    jobs, out = list(jobs), out.absolute()
    if len({job.name for job in jobs}) < len(jobs):
        raise ValueError("two jobs of the same name: lesson and parameters must tell them apart")
    if not jobs:
        return []
    out.mkdir(parents=True, exist_ok=True)
    waiting = sorted(jobs, key=_expected_seconds, reverse=True)
    done: dict[str, Record] = {}
    running: dict[Future, Job] = {}
    with _client(min(workers or WORKERS, len(jobs)), scheduler) as client:
        try:
            while waiting or running:
                while waiting and len(running) < max(1, sum(client.nthreads().values())):
                    job = waiting.pop(0)
                    progress(job, None)
                    running[client.submit(_run, job, out, timeout, pure=False)] = job
                for future in wait(list(running), return_when="FIRST_COMPLETED").done:
                    job = running.pop(future)
                    done[job.name] = _record(future, job, out)
                    progress(job, done[job.name])
        except BaseException:
            _stop(client, out, list(running))
            raise
    return [done[job.name] for job in jobs]


def _run(job: Job, out: Path, timeout: float) -> Record:
    from course.runs import runner  # only workers need papermill, which takes seconds to import

    # Jupyter keeps its event loop in a context variable, and Dask hands its threads copies of one context: without a
    # context of its own a run would drive the loop of another thread.
    return contextvars.Context().run(runner.run, job, out, timeout)


def _record(future: Future, job: Job, out: Path) -> Record:
    """Return the record of a finished run; where its worker died, one that says so."""
    error = future.exception()
    if error is None:
        return future.result()
    failure = Failure(None, "", type(error).__name__, str(error))
    record = Record(job.name, job.lesson, job.parameters, "failed", 0.0, job.digest, 0.0, {}, {}, failure, {})
    records.write(record, out)
    return record


def _expected_seconds(job: Job) -> float:
    """Seconds measured for the lesson; one that was never measured counts as the longest."""
    return Lesson(job.lesson).seconds(job.mode) or float("inf")


@contextlib.contextmanager
def _client(workers: int, scheduler: str | None) -> Iterator[Client]:
    """Connect to `scheduler`, or to workers in this process: each only waits for a kernel, which is a process itself.

    Worker processes would take seconds to start, listen on a port, and change the environment that kernels inherit.
    """
    if scheduler:
        try:
            client = Client(scheduler, timeout=CONNECT_SECONDS)
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError) as error:
            raise ConnectionError(f"{scheduler}: no Dask scheduler with workers answers there") from error
        with client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=False,
            memory_limit=0,  # it would not see the kernels
            dashboard_address=PRIVATE,
            worker_dashboard_address=PRIVATE,
            silence_logs=logging.ERROR,
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
