"""What a process has started, and what it uses: asked often, while a sandbox is watched."""

import contextlib
import os
from pathlib import Path

import psutil

LINUX = Path("/proc/thread-self/children").exists()
PAGE = os.sysconf("SC_PAGE_SIZE") if LINUX else 0
TICKS = os.sysconf("SC_CLK_TCK") if LINUX else 0


def descendants(pid: int) -> list[int]:
    """Return the processes that process `pid` has started, and those that they have."""
    found: list[int] = []
    if not LINUX:
        with contextlib.suppress(psutil.Error):
            found = [each.pid for each in psutil.Process(pid).children(recursive=True)]
        return found
    # Linux tells each thread's children, which takes no time; psutil looks at every process of the machine.
    parents = [pid]
    while parents:
        threads = f"/proc/{parents.pop()}/task"
        with contextlib.suppress(OSError):
            for thread in os.listdir(threads):  # noqa: PTH208
                children = list(map(int, _read(f"{threads}/{thread}/children").split()))
                found += children
                parents += children
    return found


def used(pid: int) -> tuple[int, float]:
    """Return the bytes of memory that a process uses, and its seconds of processor time. Raises OSError, psutil.Error.

    Many sandboxes are watched at a time, so on Linux these are read as they are told (proc_pid_stat(5)).
    """
    if not LINUX:
        process = psutil.Process(pid)
        return process.memory_info().rss, sum(process.cpu_times()[:2])
    fields = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    pages = _read(f"/proc/{pid}/statm").split()[1]
    return int(pages) * PAGE, (int(fields[11]) + int(fields[12])) / TICKS


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)
