"""Runs one notebook in a kernel of its own, within a time limit, and says what came of it in a record.

papermill injects the parameters and executes; the engine here gives the kernel an environment and an empty working
directory, and turns a time limit or a dead kernel into an error of the cell that was running, so that every failure
reads alike. At the end there are one notebook and one record, each whole. Nothing here changes what belongs to the
process, such as its working directory, so runs may share one, each in a thread.
"""

import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill import execute_notebook
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

from course.machine import fingerprint
from course.runs import records
from course.runs.machine import processor_seconds
from course.runs.records import Failure, Job, Outcome, Record
from course.runs.work_folder import work_folder

KERNEL = "course"  # warm where it is installed, else the plain kernel
SHUTDOWN_SECONDS = 2.0  # how long a kernel may take to end by itself
CRASHES = ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE")
WINDOWS_CRASH = 0xC0000000  # the least exit status with which Windows ends a process that crashed
SOCKET_PATH = 103  # bytes that the path of a socket may have on every system
for name in ("papermill", "course.kernel"):
    logging.getLogger(name).setLevel(logging.CRITICAL)  # the record tells, once


class Cancelled(RuntimeError):
    """The run was asked to stop."""


class Attempt:
    """A run on its way: what its kernel gets, when it must end, and how it stands."""

    def __init__(self, job: Job, out: Path, timeout: float) -> None:
        self.job = job
        self.out = out
        self.timeout = timeout
        self.start = time.monotonic()
        self.outcome: Outcome = "passed"
        self.client: Client | None = None
        self.kernel: Any = (
            None  # its process once it answers: a Popen, or what a provisioner has in its place
        )
        self.notebook: NotebookNode | None = None  # as far as it was executed
        self.processor_seconds = 0.0  # of the kernel and what it started, up to the last cell

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    @property
    def seconds_left(self) -> float:
        left = 0.0 if self.outcome == "cancelled" else self.timeout - self.seconds
        return max(left, 0.01)

    def time_for(self, cell: Any) -> float:
        """Return the seconds that the next cell may take; raises Cancelled when there is to be none."""
        if self.outcome == "cancelled":
            raise Cancelled("stopped on request")
        return self.seconds_left

    def note_kernel(self, notebook: NotebookNode) -> None:
        """Keep the kernel's process, which knows how it ended when its client has forgotten it."""
        manager = self.client and self.client.km
        self.kernel = manager and manager.provisioner and manager.provisioner.process

    def note_cell(self, cell: NotebookNode, cell_index: int, execute_reply: dict[str, Any]) -> None:
        """Keep what the kernel told in its reply only, and how long processors have worked for it by now."""
        _show_refusal(cell, execute_reply["content"])
        if self.kernel:
            self.processor_seconds = processor_seconds(self.kernel.pid)


attempts: set[Attempt] = set()  # on their way in this process


class Client(PapermillNotebookClient):
    """papermill's own client, for an Attempt."""

    attempt: Attempt

    @property
    def iopub_timeout(self) -> float:
        """Seconds to wait for the outputs of a cell that has ended: all that are left to the run.

        It raises nothing: nbclient would leave a task waiting, of which asyncio complains at the end of the process.
        """
        return self.attempt.seconds_left


class Engine(NBClientEngine):
    """papermill's own engine, for an Attempt."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, attempt: Attempt, **_: Any
    ) -> None:
        with work_folder() as folder:
            work = folder / "work"
            log = folder / "log"
            work.mkdir()
            attempt.notebook = nb_man.nb
            attempt.client = Client(
                nb_man,
                kernel_name=kernel_name,
                timeout=attempt.timeout,
                timeout_func=attempt.time_for,
                on_notebook_start=attempt.note_kernel,
                on_cell_executed=attempt.note_cell,
                config=Config(KernelManager=_connection(folder)),
                log=logging.getLogger("course.kernel"),
            )
            attempt.client.attempt = attempt
            with log.open("wb") as stream:
                try:
                    attempt.client.execute(
                        cwd=str(work), env=_environment(attempt.job), stdout=stream, stderr=stream
                    )
                except Exception as error:
                    _note(attempt, error, log)


def _environment(job: Job) -> dict[str, str]:
    """Return a kernel's environment, in which a relative entry of PYTHONPATH means the folder of this process."""
    environment = {**os.environ, **job.environment}
    if path := environment.get("PYTHONPATH"):
        entries = (str(Path(entry).absolute()) for entry in path.split(os.pathsep))
        environment["PYTHONPATH"] = os.pathsep.join(entries)
    return environment


papermill_engines.register("course", Engine)


def run(job: Job, out: Path, timeout: float) -> Record:
    """Run `job` within `timeout` seconds; leave its notebook and its record in folder `out` and return the record.

    A notebook that fails raises nothing, however it fails: the record says so.
    """
    attempt = Attempt(job, out, timeout)
    digest = job.digest
    attempts.add(attempt)
    try:
        failure = _execute(attempt)
    finally:
        attempts.remove(attempt)
    seen = records.observe(attempt.notebook or nbformat.v4.new_notebook())
    told = seen.pop("failure")
    if told and not (failure and told.name == records.NOT_RUN):
        failure = told  # by a cell; what papermill raised says why no cell ran
    record = Record(
        name=job.name,
        lesson=job.lesson,
        parameters=job.parameters,
        outcome="failed" if failure and attempt.outcome == "passed" else attempt.outcome,
        seconds=round(attempt.seconds, 3),
        digest=digest,
        processor_seconds=round(attempt.processor_seconds, 2),
        failure=failure,
        versions=records.versions(),
        machine=fingerprint(),
        **seen,
    )
    records.write(record, out, attempt.notebook)
    return record


async def stop(out: Path) -> None:
    """Make the runs in this process that write to `out` end now, with outcome "cancelled"."""
    for attempt in list(attempts):
        if attempt.out == out:
            attempt.outcome = "cancelled"
            manager = attempt.client and attempt.client.km
            if manager and manager.provisioner:
                await manager.provisioner.kill()


def kernel() -> str:
    """Return the name of the kernel that runs get."""
    return KERNEL if KERNEL in KernelSpecManager().find_kernel_specs() else "python3"


def _execute(attempt: Attempt) -> Failure | None:
    """Have papermill execute the notebook; return what it raised, which as a rule a cell tells as well."""
    path = (
        str(attempt.job.notebook).replace("{", "{{").replace("}", "}}")
    )  # papermill formats it with the parameters
    try:
        execute_notebook(
            path,
            None,  # written when it is whole
            attempt.job.parameters,
            engine_name="course",
            kernel_name=kernel(),
            request_save_on_cell_execute=False,
            progress_bar=False,
            attempt=attempt,
        )
    except Exception as error:
        return Failure(None, "", type(error).__name__, str(error))
    return None


def _connection(folder: Path) -> dict[str, Any]:
    """Return a kernel manager's settings: connected by files in `folder`, since a free port may be taken before use.

    Where there are no such files (Windows), or their paths would be too long for a socket, it is connected by ports.
    """
    settings = {
        "connection_file": str(folder / "kernel.json"),
        "shutdown_wait_time": SHUTDOWN_SECONDS,
    }
    longest = os.fsencode(folder / "ipc-5")  # jupyter_client numbers the five of them
    if sys.platform == "win32" or len(longest) > SOCKET_PATH:
        return settings
    return settings | {"transport": "ipc", "ip": str(folder / "ipc")}


def _show_refusal(cell: NotebookNode, reply: dict[str, Any]) -> None:
    """Add to a cell the error that the kernel told in its reply only, such as that of a magic which does not exist."""
    if reply["status"] != "ok" and not any(
        output.output_type == "error" for output in cell.outputs
    ):
        _add_error(
            cell,
            reply.get("ename", reply["status"]),
            reply.get("evalue", "the kernel did not run this cell"),
        )


def _add_error(cell: NotebookNode, name: str, message: str) -> None:
    traceback = [f"{name}: {message}"]
    cell.outputs.append(
        nbformat.v4.new_output("error", ename=name, evalue=message, traceback=traceback)
    )


def _note(attempt: Attempt, error: Exception, log: Path) -> None:
    """Write into the cell that was running why it did not end; raises `error`, with the log, when there was none."""
    cells = attempt.notebook.cells if attempt.notebook else []
    started = [
        cell for cell in cells if cell.cell_type == "code" and cell.metadata.papermill["start_time"]
    ]
    if not started:
        error.args = (f"{error}{_last_words(log)}",)
        raise error
    if attempt.outcome == "cancelled":
        name = "Cancelled"
        message = "stopped on request"
    elif isinstance(error, CellTimeoutError):
        attempt.outcome = "timed out"
        name = "TimeLimit"
        message = f"stopped after {attempt.timeout:g} s"
    elif isinstance(error, DeadKernelError):
        name = "DeadKernel"
        message = f"{cause_of_death(attempt.kernel)}{_last_words(log)}"
    else:
        name = type(error).__name__
        message = str(error)
    cell = started[-1]
    cell.outputs = [
        output for output in cell.outputs if output.output_type != "error"
    ]  # of being interrupted
    _add_error(cell, name, message)
    cell.metadata.papermill |= {"exception": True, "status": "failed"}


def cause_of_death(kernel: Any) -> str:
    """Say how a kernel's process ended, and what to do about it where that is known."""
    status = kernel.poll() if kernel else None
    if status is not None and status >= WINDOWS_CRASH:
        return f"the kernel crashed in compiled code (status 0x{status:X})"
    if status is not None and status >= 0:
        return f"the kernel ended itself with exit status {status}, as os._exit({status}) does"
    name = next((each.name for each in signal.Signals if status == -each), None)
    if name is None:
        return "the kernel died, and the system does not say why"
    if name == "SIGKILL":
        return "the kernel was killed (SIGKILL), as the system does when memory is short: try with --jobs 1"
    how = "crashed in compiled code" if name in CRASHES else "was ended by a signal"
    return f"the kernel {how} ({name}: {signal.strsignal(signal.Signals[name])})"


def _last_words(log: Path) -> str:
    with log.open("rb") as stream:
        stream.seek(max(log.stat().st_size - 1000, 0))
        lines = stream.read().decode(errors="replace").splitlines()
    last = [line for line in lines if line.strip()][-3:]
    return f"; the last lines that it wrote: {'; '.join(last)}" if last else ""
