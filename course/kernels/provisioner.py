"""Kernels that start warm: jupyter_client's provisioner for the kernelspec `course`; warm_parent says how.

Where no warm parent forks (another system than Linux, an unusual launch, a parent that fails) the kernel starts as any
other does, with the same results, and one line says so.
"""

import asyncio
import contextlib
import functools
import hashlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning import LocalProvisioner

if sys.platform == "linux":
    from course.kernels import forked_kernel, warm_parent

START_TIMEOUT = 120  # seconds for a parent to import everything from a slow disk
MOST_PARENTS = 6  # of one checkout at a time: each takes a third of a gigabyte
UNKNOWN = -1000  # an exit status: no signal has this number

# What the interpreter, the C library and the preloaded libraries read once, when they start or are imported. OpenMP and
# OpenBLAS fix their numbers of threads then (OMP_NUM_THREADS), TensorFlow its own (TF_NUM_*) at its first operation.
READ_ONCE = (
    *(
        "HOME",
        "LANG",
        "LC_",
        "LD_",
        "MALLOC",
        "PATH",
        "PYTHON",
        "TEMP",
        "TMP",
        "TZ",
        "XDG_C",
        "XDG_DATA",
    ),
    *(
        "GOMP",
        "KMP",
        "MKL",
        "NPY",
        "NUMPY",
        "OMP",
        "ONEDNN",
        "DNNL",
        "OPENBLAS",
        "MPL",
        "SCIPY",
        "SKLEARN",
    ),
    *(
        "ABSL",
        "CUDA",
        "GRPC",
        "JE_",
        "KERAS",
        "NVIDIA",
        "PROTOCOL_BUFFERS",
        "TF",
        "XLA",
        "COURSE_KERNEL_LINGER",
    ),
)

# What a kernel's imports set wherever it starts: to find them set, as in a kernel started by another, changes nothing.
SET_BY_IMPORTS = {
    "KMP_DUPLICATE_LIB_OK": "True",
    "KMP_INIT_AT_FORK": "FALSE",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "TF2_BEHAVIOR": "1",
}


class WarmProvisioner(LocalProvisioner):
    """Starts kernels by forking the warm parent; signals, waiting and restarts are LocalProvisioner's."""

    process: Any = None  # as in LocalProvisioner, or a ForkedKernel

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        try:
            self.process = await fork_kernel(cmd, **self._scrub_kwargs(kwargs))
        except (OSError, subprocess.SubprocessError) as problem:
            reason = str(problem) or "the warm parent does not answer"
            say_once(f"The kernel starts cold, some seconds slower: {reason}.")
            return await super().launch_kernel(cmd, **kwargs)
        self.pid = self.process.pid
        self.pgid = None
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info


@functools.cache
def say_once(line: str) -> None:
    logging.getLogger("course").warning(line)


async def fork_kernel(
    command: list[str],
    *,
    env: Mapping[str, str],
    cwd: str | None = None,
    stdout: Any = None,
    stderr: Any = None,
    **other: Any,
) -> "ForkedKernel":
    """Have the warm parent fork a kernel; OSError or SubprocessError with the reason where it cannot.

    The arguments are those of jupyter_client's launch_kernel.
    """
    streams = [1 if stdout is None else stdout, 2 if stderr is None else stderr]
    streams = [stream if isinstance(stream, int) else stream.fileno() for stream in streams]
    if sys.platform != "linux":
        raise OSError("warm kernels need Linux")
    if other or min(streams) < 0 or command[:3] != [sys.executable, "-m", "ipykernel_launcher"]:
        raise OSError(f"only a plain launch can be warm, not {command[:3]} with {sorted(other)}")
    directory = str(Path(cwd or ".").absolute())
    environment = {**env, "JPY_PARENT_PID": str(os.getpid())}
    launch = {"command": command, "directory": directory, "environment": environment}
    with contextlib.ExitStack() as stack, tempfile.TemporaryFile("w+") as request:
        connection = stack.enter_context(socket.socket(socket.AF_UNIX))
        connect(connection, environment)
        json.dump(launch, request)
        request.seek(0)
        socket.send_fds(connection, [b"!"], [request.fileno(), *streams])
        connection.setblocking(False)
        reply = await asyncio.wait_for(
            asyncio.get_running_loop().sock_recv(connection, 1024), START_TIMEOUT
        )
        process, _, status = reply.decode().partition("=")
        if not process.isdigit():
            raise OSError(
                process or f"the warm parent's fork ended with status {status or 'unknown'}"
            )
        kernel = ForkedKernel(int(process), connection, status)
        stack.pop_all()  # the connection is the kernel's now
    return kernel


def connect(connection: socket.socket, environment: Mapping[str, str]) -> None:
    """Connect to the warm parent that fits this process and environment; start it if need be.

    OSError where the PYTHONPATH means the directory that a kernel starts in (each would need a parent of its own), and
    where MOST_PARENTS of other settings run.
    """
    inherited = {
        name: value
        for name, value in environment.items()
        if name.startswith(READ_ONCE) and SET_BY_IMPORTS.get(name) != value
    }
    path = inherited.pop("PYTHONPATH", "")
    if path:  # Python takes an empty one for none
        if not all(Path(entry).is_absolute() for entry in path.split(os.pathsep)):
            raise OSError("PYTHONPATH has an entry that is no absolute path")
        inherited["PYTHONPATH"] = path
    installed = [
        *map(sysconfig.get_path, ("purelib", "platlib")),
        warm_parent.__file__,
        forked_kernel.__file__,
    ]
    versions = [Path(path).stat().st_mtime_ns for path in installed]
    limits = warm_parent.inherited_limits(os.getpid())
    state = sys.executable, versions, sorted(inherited.items()), limits
    digest = hashlib.sha256(repr(state).encode()).hexdigest()
    key = f"{warm_parent.CHECKOUT}-{digest[:16]}"

    sockets = warm_parent.runtime_directory()
    with warm_parent.locked(sockets) as folder:
        address = f"/proc/self/fd/{folder}/{key}"  # the path itself may be too long for a socket
        try:
            connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError):
            if warm_parent.count_parents(folder) >= MOST_PARENTS:
                raise OSError(f"{MOST_PARENTS} warm parents of other settings run") from None
            start = [sys.executable, "-m", warm_parent.__name__, key]
            nowhere = subprocess.DEVNULL
            subprocess.run(
                start,
                cwd=sockets,
                env=inherited,
                check=True,
                stdin=nowhere,
                stdout=subprocess.PIPE,
                stderr=nowhere,
            )
            connection.connect(address)


class ForkedKernel:
    """What LocalProvisioner uses of subprocess.Popen, for a process that is not our child.

    Signals go to the kernel's process group. Its parent tells over `connection` how it ended, as `returncode` is to
    have it; UNKNOWN where the parent ended first.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, connection: socket.socket, status: str = "") -> None:
        self.pid = pid
        self.connection = connection
        self.status = status
        self.returncode: int | None = None
        pidfd = warm_parent.open_pidfd(pid)
        weakref.finalize(self, os.close, pidfd)
        weakref.finalize(self, connection.close)
        self.ended = select.poll()
        self.ended.register(pidfd, select.POLLIN)

    def poll(self) -> int | None:
        if self.returncode is None and self.ended.poll(0):
            self.connection.settimeout(1)
            with contextlib.suppress(OSError):
                self.status = self.status or self.connection.recv(1024).decode().removeprefix("=")
            self.returncode = int(self.status or UNKNOWN)
        return self.returncode

    def wait(self) -> int | None:
        self.ended.poll()
        return self.poll()

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)
