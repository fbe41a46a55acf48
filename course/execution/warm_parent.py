"""A warm parent: one process with TensorFlow imported but not started, which forks a kernel for whoever asks.

To import TensorFlow takes seconds, to fork a process that has done so milliseconds. The parent is shared by all owners
of kernels (papermill, `course run`, pytest, a Jupyter server), since one that papermill's command line had to start for
itself would save nothing; it ends some minutes after the last of them (COURSE_KERNEL_LINGER seconds, by default 300).
What a process inherits rather than asks for (variables that imports read, limits, namespaces, control group) is part of
the parent's key, so that an owner with other ones gets another parent; everything else comes with the request.
Linux only. `python -m course.execution.warm_parent --stop` ends the user's parents; kernels already forked live on.
"""

import builtins
import contextlib
import fcntl
import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

# None that registers itself with the running shell when imported (ipywidgets, matplotlib's inline backend), and none
# that starts a thread, since only a single-threaded process forks safely.
PRELOADED = (
    *("ipykernel.kernelapp", "matplotlib_inline.config", "matplotlib.pyplot"),
    *("pandas", "sklearn", "keras", "tensorflow"),
)


def standing(process: int) -> tuple[str, ...]:
    """What a process passes on to its children besides memory, files and environment: rights, limits and places.

    OSError where this user may not look at the process.
    """
    folder = Path("/proc", str(process))
    inherited = ("Uid", "Gid", "Groups", "Umask", "Cap", "NoNewPrivs", "Seccomp", "Cpus_allowed", "Mems_allowed")
    status = (folder / "status").read_text().splitlines()
    places = [folder / "root", *sorted((folder / "ns").iterdir())]
    return (
        *(line for line in status if line.startswith(inherited)),
        *(str(place.readlink()) for place in places),
        *((folder / name).read_text() for name in ("limits", "cgroup", "oom_score_adj")),
        f"nice {os.getpriority(os.PRIO_PROCESS, process)}",
    )


def runtime_directory() -> Path:
    """The user's folder of sockets, private or refused: who reaches a socket runs code as the user."""
    parent = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    directory = Path(parent, f"course-kernels-{os.getuid()}")
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Opens the folder of sockets and holds its lock, under which parents appear, are found, and disappear."""
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(folder)
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise PermissionError(f"{directory}: must belong to the user, with mode 700")
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)


def peer(connection: socket.socket) -> int:
    """The process id at the other end, as the system attests it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", credentials)[0]


def main() -> None:
    if sys.argv[1] == "--stop":
        return stop()
    listener = listen(sys.argv[1])
    preload()
    if fork := serve(listener, float(os.environ.get("COURSE_KERNEL_LINGER", 300))):
        become_kernel(*fork)


def stop() -> None:
    """Ends all parents of the user."""
    with locked(runtime_directory()) as folder:
        for name in os.listdir(folder):  # noqa: PTH208
            with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(ConnectionRefusedError):
                connection.connect(f"/proc/self/fd/{folder}/{name}")  # refused: its parent was killed
                os.kill(peer(connection), signal.SIGTERM)
            os.unlink(name, dir_fd=folder)


def listen(key: str) -> socket.socket:
    """Detaches from the owner that started this process, and listens in the current directory.

    The owner waits for the end of our standard output, so that it finds the socket.
    """
    if os.fork():
        os._exit(0)
    os.setsid()
    Path(key).unlink(missing_ok=True)  # of a parent that was killed
    listener = socket.socket(socket.AF_UNIX)
    os.fchmod(listener.fileno(), 0o600)
    listener.bind(key)
    listener.listen(128)
    os.dup2(0, 1)
    return listener


def preload() -> None:
    """Imports the libraries as a running kernel would, since some ask where they are when they are imported."""
    if sys.path[0] == str(Path.cwd()):  # the folder of sockets
        del sys.path[0]
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pandas: pyarrow's allocator starts no thread
    sys.ps1, sys.ps2 = "In : ", "...: "  # TensorFlow: log as in an interactive session
    builtins.get_ipython = lambda: None  # type: ignore[attr-defined]  # TensorFlow: tf.print writes to sys.stdout
    sys.stdout, sys.stderr = CurrentStream("stdout"), CurrentStream("stderr")  # type: ignore[assignment]
    for module in PRELOADED:
        importlib.import_module(module)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # type: ignore[assignment]
    del builtins.get_ipython  # type: ignore[attr-defined]
    gc.collect()
    gc.freeze()  # else the kernels' collections would touch, and so copy, every page
    if os.fork() == 0:  # OpenBLAS ends its threads before a fork, and starts them when next needed
        os._exit(0)
    os.wait()


class CurrentStream:
    """sys.stdout or sys.stderr as it is when used: log handlers made by an import keep this, and reach the notebook."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        stream = getattr(sys, self.name)
        return getattr(getattr(sys, f"__{self.name}__") if stream is self else stream, attribute)

    def close(self) -> None:
        """Not ours to close: the kernel sets up its logging anew, and with that closes earlier handlers."""


def serve(listener: socket.socket, linger: float) -> tuple[socket.socket, int] | None:
    """Forks for every owner that connects, until `linger` seconds after the end of the last owner.

    Returns in each fork its connection and a descriptor that becomes readable when the owner ends, and None at the end.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended kernels leave no zombies
    owners: dict[int, int] = {}
    while True:
        ready = wait([listener, *owners.values()], None if owners else linger)
        for owner in [owner for owner, ended in owners.items() if ended in ready]:
            os.close(owners.pop(owner))
        if listener in ready:
            connection = listener.accept()[0]
            with contextlib.suppress(OSError):  # the owner has ended, or no more processes are allowed
                owner = peer(connection)
                if owner not in owners:
                    owners[owner] = os.pidfd_open(owner)
                if refusal := why_not(owner):
                    connection.sendall(refusal.encode())
                elif os.fork() == 0:
                    listener.close()
                    return connection, owners[owner]
            connection.close()
        elif not ready:
            with locked(Path.cwd()):
                if not wait([listener], 0):
                    Path(listener.getsockname()).unlink()
                    return None


def why_not(owner: int) -> str:
    """Why this process must not be forked for the owner, or nothing.

    The key has seen to both, but anyone who reaches the socket can use any key: a sandbox must not get out by it.
    """
    if standing(owner) != standing(os.getpid()):
        return "its rights, limits or namespaces are not those of the notebook's owner"
    if (threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
        return f"it runs {threads} threads, and only one is safe to fork"
    return ""


def become_kernel(connection: socket.socket, owner_ended: int) -> None:
    """Takes on what the owner asks for, tells it the process id, and runs the kernel as ipykernel's launcher does."""
    connection.settimeout(10)
    _, (request, *streams), *_ = socket.recv_fds(connection, 1, 3)
    with os.fdopen(request) as file:
        launch = json.load(file)
    os.setsid()
    os.chdir(launch["directory"])
    os.environ.clear()
    os.environ.update(launch["environment"])
    for number, stream in enumerate(streams, start=1):  # 0 is /dev/null already
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.sendall(str(os.getpid()).encode())
    connection.close()
    threading.Thread(target=end_with, args=(owner_ended,), daemon=True).start()

    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    np.random.seed()  # the parent's is the same in every fork; Python's own is renewed by fork
    for module in [name for name in sys.modules if name.partition(".")[0] == "course"]:
        del sys.modules[module]  # imported afresh, since authors edit it
    sys.orig_argv[:] = launch["command"]
    sys.argv[:] = [find_spec("ipykernel_launcher").origin, *launch["command"][3:]]  # type: ignore
    # ipykernel's own watch knows only parents; 1 switches it off, and end_with is in its place
    IPKernelApp.launch_instance([*sys.argv[1:], "--IPKernelApp.parent_handle=1"])


def end_with(owner_ended: int) -> None:
    """Ends the kernel and what it started when its owner ends, however that happens."""
    poll = select.poll()
    poll.register(owner_ended, select.POLLIN)
    poll.poll()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
