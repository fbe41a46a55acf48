"""A warm parent: one process with TensorFlow imported but not started, which forks a kernel for whoever asks.

To import TensorFlow takes seconds, to fork a process that has done so milliseconds. The parent is shared by all owners
of kernels (papermill, `course run`, pytest, a Jupyter server), since one that papermill's command line had to start for
itself would save nothing; it ends some minutes after its last kernel (COURSE_KERNEL_LINGER seconds, by default 300).
What a process inherits rather than asks for (variables that imports read, limits, namespaces, control group) is part of
the parent's key, so that an owner with other ones gets another parent; everything else comes with the request.
Linux only. `python -m course.kernels.warm_parent --stop` ends those of its checkout; kernels already forked live on.
"""

import atexit
import contextlib
import ctypes
import errno
import fcntl
import hashlib
import os
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path

from course.kernels import forked_kernel

CHECKOUT = hashlib.sha256(os.fsencode(Path(__file__).resolve())).hexdigest()[
    :8
]  # the names of its sockets begin so


def inherited_limits(process: int) -> tuple[str, ...]:
    """Return what a child inherits besides memory, files and environment: rights, limits, namespaces, control group.

    OSError where this user may not look at the process.
    """
    folder = Path("/proc", str(process))
    inherited = (
        "Uid",
        "Gid",
        "Groups",
        "Umask",
        "Cap",
        "NoNewPrivs",
        "Seccomp",
        "Cpus_allowed",
        "Mems_allowed",
    )
    status = (folder / "status").read_text().splitlines()
    places = [folder / "root", *sorted((folder / "ns").iterdir())]
    return (
        *(line for line in status if line.startswith(inherited)),
        *(str(place.readlink()) for place in places),
        *((folder / name).read_text() for name in ("limits", "cgroup", "oom_score_adj")),
        f"nice {os.getpriority(os.PRIO_PROCESS, process)}",
    )


def runtime_directory() -> Path:
    """Return the user's folder of sockets, made if need be."""
    parent = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    directory = Path(parent, f"course-kernels-{os.getuid()}")
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[int]:
    """Open the folder of sockets and hold its lock, under which parents appear, are found, and disappear.

    PermissionError where others may enter it, since who reaches a socket runs code as the user.
    """
    folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(folder)
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise PermissionError(f"{directory}: must belong to the user, with mode 700")
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)


def peer_pid(connection: socket.socket) -> int:
    """Return the process id at the other end, as the system attests it."""
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    return struct.unpack("3i", credentials)[0]


def count_parents(folder: int) -> int:
    """Count this checkout's parents in the folder of sockets, locked, and clear it of those that were killed.

    A socket of another type is refused by all: by a parent because of its type, so that it does not notice.
    """
    count = 0
    for name in os.listdir(folder):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            refusal = probe.connect_ex(f"/proc/self/fd/{folder}/{name}")
        if refusal == errno.ECONNREFUSED:
            os.unlink(name, dir_fd=folder)
        elif name.startswith(CHECKOUT):
            count += 1
    return count


def open_pidfd(process: int) -> int:
    """Open a pidfd: it becomes readable when the process ends, whoever started it. OSError if there is no such process.

    This is os.pidfd_open, which conda's Python lacks; the system call has one number on all usual architectures.
    """
    pidfd = ctypes.CDLL(None, use_errno=True).syscall(434, process, 0)
    if pidfd < 0:
        raise OSError(ctypes.get_errno(), f"process {process} cannot be watched")
    return pidfd


def main() -> None:
    if sys.argv[1] == "--stop":
        return stop()
    listener = listen(sys.argv[1])
    modules: list[str] = []
    atexit.register(
        forked_kernel.skip_teardown, modules
    )  # registered before any library's own, so it runs after them
    set_by_imports = forked_kernel.preload()
    modules += sys.modules.keys() - {"sys", "builtins", "__main__"}
    if fork := serve(listener, float(os.environ.get("COURSE_KERNEL_LINGER", 300))):
        forked_kernel.become_kernel(*fork, set_by_imports)


def stop() -> None:
    """End the user's parents that run this checkout's code; those of other checkouts go on."""
    with locked(runtime_directory()) as folder:
        for name in os.listdir(folder):  # noqa: PTH208
            if not name.startswith(CHECKOUT):
                continue
            with (
                socket.socket(socket.AF_UNIX) as connection,
                contextlib.suppress(ConnectionRefusedError),
            ):
                connection.connect(
                    f"/proc/self/fd/{folder}/{name}"
                )  # refused: its parent was killed
                os.kill(peer_pid(connection), signal.SIGTERM)
            os.unlink(name, dir_fd=folder)


def listen(key: str) -> socket.socket:
    """Detach from the owner that started this process, and listen in the current directory.

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


def serve(listener: socket.socket, linger: float) -> tuple[socket.socket, int] | None:
    """Fork for every owner that connects, until `linger` seconds after the end of the last kernel.

    Returns in each fork its connection and the owner's pidfd, and None at the end.
    """
    owners: dict[int, int] = {}  # the pidfd of each
    kernels: dict[
        int, tuple[int, socket.socket]
    ] = {}  # by pidfd: the process, and the connection to its owner
    while True:
        ready = wait([listener, *owners.values(), *kernels], None if kernels else linger)
        for owner, pidfd in list(owners.items()):
            if pidfd in ready:
                os.close(owners.pop(owner))
        for pidfd in kernels.keys() & {*ready}:
            os.close(pidfd)
            report_end(*kernels.pop(pidfd))
        if listener in ready:
            connection = listener.accept()[0]
            with contextlib.suppress(
                OSError
            ):  # the owner has ended, or no more processes are allowed
                owner = peer_pid(connection)
                if owner not in owners:
                    owners[owner] = open_pidfd(owner)
                if refusal := reason_to_refuse(owner):
                    connection.sendall(refusal.encode())
                elif process := os.fork():
                    kernels[open_pidfd(process)] = process, connection
                    continue
                else:
                    listener.close()
                    for pidfd, (_, other) in kernels.items():
                        os.close(pidfd)
                        other.close()
                    return connection, owners[owner]
            connection.close()
        elif not ready:
            with locked(Path.cwd()):
                if not wait([listener], 0):
                    Path(listener.getsockname()).unlink(missing_ok=True)
                    return None


def report_end(process: int, connection: socket.socket) -> None:
    """Tell the owner, after "=", how its kernel ended: the exit status, or less the signal's number."""
    _, status = os.waitpid(process, 0)
    with contextlib.suppress(OSError), connection:  # its owner has ended
        connection.sendall(f"={os.waitstatus_to_exitcode(status)}".encode())


def reason_to_refuse(owner: int) -> str:
    """Return why this process must not be forked for the owner, or nothing.

    The key has seen to the limits, but who reaches the socket can use any key: no sandbox must get out by it.
    """
    if inherited_limits(owner) != inherited_limits(os.getpid()):
        return "its rights, limits or namespaces are not those of the notebook's owner"
    if (threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
        return f"it runs {threads} threads, and only one is safe to fork"
    return ""


if __name__ == "__main__":
    main()
