"""Runs one notebook in a kernel of its own, within a time limit, and says what came of it in a record.

papermill injects the parameters and executes; the engine here gives the kernel an environment and an empty working
directory, and turns a time limit or a dead kernel into an error of the cell that was running, so that every failure
reads alike. At the end there are one notebook and one record, each whole. Nothing here changes what belongs to the
process, such as its working directory, so runs may share one, each in a thread.
"""

import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill import PapermillExecutionError, execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

from course.runs import records
from course.runs.records import Failure, Job, Outcome, Record

KERNEL = "course"  # warm where it is installed, else the plain kernel
SHUTDOWN_SECONDS = 2.0  # how long a kernel may take to end by itself
for name in ("papermill", "course.kernel"):
    logging.getLogger(name).setLevel(logging.CRITICAL)  # the record tells, once


class Cancelled(RuntimeError):
    """The run was asked to stop."""


class Attempt:
    """A run on its way: what its kernel gets, when it must end, and how it stands."""

    def __init__(self, job: Job, out: Path, timeout: float) -> None:
        self.job, self.out, self.timeout = job, out, timeout
        self.start = time.monotonic()
        self.outcome: Outcome = "passed"
        self.client: PapermillNotebookClient | None = None

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    def time_left(self, cell: Any = None) -> float:
        """Return the seconds that the next cell may take; raises Cancelled when there is to be none."""
        if self.outcome == "cancelled":
            raise Cancelled
        return max(self.timeout - self.seconds, 0.01)


attempts: set[Attempt] = set()  # on their way in this process


class Engine(NBClientEngine):
    """papermill's own engine, for an Attempt."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, attempt: Attempt, **_: Any) -> None:
        with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as folder:
            work, log = Path(folder, "work"), Path(folder, "log")
            work.mkdir()
            attempt.client = PapermillNotebookClient(
                nb_man,
                kernel_name=kernel_name,
                timeout=attempt.timeout,
                timeout_func=attempt.time_left,
                config=Config(KernelManager=_connection(Path(folder))),
                log=logging.getLogger("course.kernel"),
            )
            environment = {**os.environ, **attempt.job.environment}
            with log.open("wb") as stream:
                try:
                    attempt.client.execute(cwd=str(work), env=environment, stdout=stream, stderr=stream)
                except (CellTimeoutError, DeadKernelError, Cancelled) as error:
                    _note(nb_man.nb, attempt, error, log.read_text(encoding="utf-8", errors="replace"))


papermill_engines.register("course", Engine)


def run(job: Job, out: Path, timeout: float) -> Record:
    """Run `job` within `timeout` seconds; leave its notebook and its record in folder `out` and return the record.

    A notebook that fails raises nothing, however it fails: the record says so.
    """
    attempt, digest = Attempt(job, out, timeout), job.digest
    executed, partial = out / f"{job.name}.ipynb", out / f".{job.name}.partial.ipynb"
    for left in (executed, partial):
        left.unlink(missing_ok=True)
    attempts.add(attempt)
    try:
        failure = _execute(attempt, partial)
    finally:
        attempts.remove(attempt)
    seen = records.observe(nbformat.read(partial, as_version=4) if partial.exists() else nbformat.v4.new_notebook())
    failure = seen.pop("failure") or failure
    if partial.exists():
        partial.replace(executed)
    record = Record(
        name=job.name,
        lesson=job.lesson,
        parameters=job.parameters,
        outcome="failed" if failure and attempt.outcome == "passed" else attempt.outcome,
        seconds=round(attempt.seconds, 3),
        digest=digest,
        failure=failure,
        versions=records.versions(),
        **seen,
    )
    records.write(record, out)
    return record


async def stop(out: Path) -> None:
    """Make the runs in this process that write to `out` end now, with outcome "cancelled"."""
    for attempt in list(attempts):
        if attempt.out == out:
            attempt.outcome = "cancelled"
            manager = attempt.client and attempt.client.km
            if manager and manager.provisioner:
                await manager.provisioner.kill()


def _execute(attempt: Attempt, path: Path) -> Failure | None:
    """Have papermill write the executed notebook to `path`; return a failure that no cell of it tells."""
    try:
        execute_notebook(
            attempt.job.notebook,
            path,
            attempt.job.parameters,
            engine_name="course",
            kernel_name=KERNEL if KERNEL in KernelSpecManager().find_kernel_specs() else "python3",
            request_save_on_cell_execute=False,
            progress_bar=False,
            attempt=attempt,
        )
    except PapermillExecutionError:
        pass  # a cell tells
    except Exception as error:
        return Failure(None, "", type(error).__name__, str(error))
    return None


def _connection(folder: Path) -> dict[str, Any]:
    """Settings of a kernel's manager: connected by files in `folder`, since a free port may be taken before its use."""
    settings = {"connection_file": str(folder / "kernel.json"), "shutdown_wait_time": SHUTDOWN_SECONDS}
    return settings | ({} if sys.platform == "win32" else {"transport": "ipc", "ip": str(folder / "ipc")})


def _note(notebook: NotebookNode, attempt: Attempt, error: Exception, log: str) -> None:
    """Write into the cell that was running why it did not end; raises `error` when there was none."""
    started = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.metadata.papermill["start_time"]]
    if not started:
        raise error
    if isinstance(error, CellTimeoutError):
        attempt.outcome = "timed out"
    last = "; ".join(log.splitlines()[-3:]) or "it left no message; too little memory is the usual reason"
    name, message = {
        "passed": ("DeadKernel", f"the kernel died: {last}"),
        "timed out": ("TimeLimit", f"stopped after {attempt.timeout:g} s"),
        "cancelled": ("Cancelled", "stopped on request"),
    }[attempt.outcome]
    cell = started[-1]
    cell.outputs = [output for output in cell.outputs if output.output_type != "error"]  # of being interrupted
    cell.outputs.append(nbformat.v4.new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"]))
    cell.metadata.papermill |= {"exception": True, "status": "failed"}
