"""A process that a stranger's code cannot leave: no network, nobody else's files, limits on all that it may use.

It is made by bubblewrap: namespaces of its own for processes, network, and messages between processes; the system and
the course read-only; `/tmp` in memory. Lessons with their solutions, other submissions and the keys are not there.
"""

import contextlib
import itertools
import json
import math
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from course import INSTALLED, ROOT
from course.classroom.plain_data import MOST, NotPlain, decode, encode
from course.classroom.processes import descendants, used

HOME = "/tmp"
NEVER_MADE = {Path("/"), Path(HOME)}
OWN = (HOME, "/dev/shm")  # the only folders that the code may write to
COURSE = Path("/course")  # where the package and the data stand in there
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/alternatives",
)
FIRST_USER = 61_000  # ids that belong to nobody; a sandbox takes the next one
USERS = 4_000
WATCH = 0.05  # seconds between two looks at what a sandbox uses
FIND = 4  # looks until its new processes are looked for
PIECE = 1 << 20  # bytes that are read at once
PROTECTIONS = (
    "network",
    "files",
    "descriptors",
    "processes",
    "memory",
    "time",
    "disk",
    "user",
    "output",
)


class SandboxError(Exception):
    """The sandbox cannot be made here; the text says what to do."""


class Contained(Exception):
    """The code in a sandbox has ended it, or was ended for what it used; the text says which."""

    @property
    def told(self) -> tuple[str, str]:
        """What a student reads of it, and no line."""
        return f"Your answer was stopped: {self}", ""


@dataclass(frozen=True)
class Limits:
    """What the code in a sandbox may use."""

    wall: float = 30.0  # seconds for one call of an answer
    answer: float = 120.0  # seconds for all calls of one, with what the grader makes of them
    start: float = (
        120.0  # seconds for what comes before: imports, the lesson's cells, the student's
    )
    processor: int = 120  # seconds, of all its processes
    memory: int = 3 << 30  # bytes, of all its processes
    processes: int = 200  # threads count, too
    file: int = 64 << 20  # bytes of one file
    disk: int = 128 << 20  # bytes in each of its folders, which are in memory


class Sandbox:
    """Serves `course.classroom.inside` in a new sandbox; use it in a `with`.

    `lifted` names protections to leave out, of PROTECTIONS: with "all" the program runs as any other does. Raises
    SandboxError where bubblewrap is missing or refused.
    """

    _next_user = 0
    _users = threading.Lock()

    def __init__(self, limits: Limits | None = None, *, lifted: Collection[str] = ()) -> None:
        self.limits = limits or Limits()
        self._lifted = set(PROTECTIONS if "all" in lifted else lifted)
        self._why = ""
        self._ended = threading.Event()
        self._process = subprocess.Popen(
            self._command(bare="all" in lifted),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment() if "all" in lifted else {},
            start_new_session=True,
            close_fds="descriptors" not in self._lifted,
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        try:
            self._watcher.start()
        except RuntimeError as error:  # the system has no thread left
            self._process.kill()
            raise SandboxError(f"a sandbox cannot be watched: {error}") from error

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ended(self) -> bool:
        """Whether the sandbox can answer no more."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End everything in the sandbox."""
        self._ended.set()
        self._kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        self._watcher.join()

    def ask(self, request: dict[str, Any], *, seconds: float | None = None) -> dict[str, Any]:
        """Send a request and return the reply, which may take `seconds`, by default `limits.wall`.

        Raises Contained where there is none, or none that can be read.
        """
        if self.ended:
            raise Contained(self._why or "it ended Python")
        self._allowed = math.inf if "time" in self._lifted else seconds or self.limits.wall
        message = encode(request)
        ends = time.monotonic() + self._allowed
        try:
            self._send(struct.pack(">I", len(message)) + message, ends)
            (length,) = struct.unpack(">I", self._receive(4, ends))
            most = length if "output" in self._lifted else MOST
            if length > most:
                self._stop(f"its reply is larger than {MOST >> 20} MB")
            reply = decode(self._receive(length, ends), most)
        except NotPlain as error:
            raise Contained(f"its reply is {error}") from None
        if not isinstance(reply, dict):
            raise Contained("its reply is no reply")
        return reply

    def answering(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """Return what asks for the calls of one answer, which may take `limits.answer` seconds in all."""
        most = self.limits.answer
        ends = math.inf if "time" in self._lifted else time.monotonic() + most

        def ask(request: dict[str, Any]) -> dict[str, Any]:
            if time.monotonic() > ends:
                self._stop(f"its calls took longer than {most:g} s in all")
            return self.ask(request)

        return ask

    def _send(self, message: bytes, ends: float) -> None:
        descriptor = self._process.stdin.fileno()  # type: ignore[union-attr]
        os.set_blocking(descriptor, False)
        while message:
            _, ready, _ = select.select([], [descriptor], [], _left(ends))
            if not ready:
                self._stop(f"it took longer than {self._allowed:g} s")
            try:
                message = message[os.write(descriptor, message) :]
            except BrokenPipeError:
                self._stop(self._end())

    def _receive(self, count: int, ends: float) -> bytes:
        descriptor = self._process.stdout.fileno()  # type: ignore[union-attr]
        message = bytearray()
        while len(message) < count:
            ready, _, _ = select.select([descriptor], [], [], _left(ends))
            if not ready:
                self._stop(f"it took longer than {self._allowed:g} s")
            part = os.read(descriptor, min(PIECE, count - len(message)))
            if not part:
                self._stop(self._end())
            message += part
        return bytes(message)

    def _stop(self, why: str) -> None:
        self._why = self._why or why
        self.close()
        raise Contained(self._why)

    def _end(self) -> str:
        """Return how the process has ended. Raises SandboxError where bubblewrap itself has refused."""
        self._process.wait()
        error = self._process.stderr.read().decode(errors="replace").strip()  # type: ignore[union-attr]
        if error.startswith("bwrap:"):
            raise SandboxError(f"bubblewrap cannot make a sandbox here: {error}")
        return self._why or "it ended Python"

    def _watch(self) -> None:
        """Look at what all processes of the sandbox use, and kill it when that is too much."""
        limits = self.limits
        known: list[int] = []
        for look in itertools.count():
            if self._ended.wait(WATCH):
                return
            if self.ended:
                return
            if look % FIND == 0:
                known = descendants(self._process.pid)
            memory = 0
            seconds = 0.0
            for each in known:
                with contextlib.suppress(psutil.Error, OSError):
                    its_memory, its_seconds = used(each)
                    memory += its_memory
                    seconds += its_seconds
            count = len(known)
            if "memory" not in self._lifted and memory > limits.memory:
                self._why = f"it used more than {limits.memory >> 20} MB of memory"
            elif "time" not in self._lifted and seconds > limits.processor:
                self._why = f"it used more than {limits.processor} s of processor time"
            elif "processes" not in self._lifted and count > limits.processes:
                self._why = f"it started more than {limits.processes} processes"
            if self._why:
                self._kill()
                return

    def _kill(self) -> None:
        """Kill every process of the sandbox."""
        for each in descendants(self._process.pid):
            with contextlib.suppress(OSError):
                os.kill(each, signal.SIGKILL)
        self._process.kill()

    def _command(self, *, bare: bool) -> list[str]:
        program = [sys.executable, "-P", "-m", "course.classroom.inside"]
        is_root = os.geteuid() == 0
        user = self._user() if is_root and "user" not in self._lifted else 0
        arguments = [str(user), json.dumps(self._resources())]
        if bare:
            return [*program, *arguments]
        return [require(), *self._walls(is_root), *program, *arguments]

    def _walls(self, is_root: bool) -> list[str]:
        """Return the options of bubblewrap."""
        shared = {"network": "--unshare-net", "processes": "--unshare-pid"}
        walls = [wall for name, wall in shared.items() if name not in self._lifted]
        walls += ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent"]
        walls += (
            ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
            if is_root
            else ["--unshare-user"]
        )
        size = [] if "disk" in self._lifted else ["--size", str(self.limits.disk)]
        own = [option for folder in OWN for option in ("--perms", "1777", *size, "--tmpfs", folder)]
        if "files" in self._lifted:
            walls += ["--bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
            environment = _environment()
        else:
            walls += ["--dev", "/dev", "--proc", "/proc", *own, *_system(), *_course()]
            environment = _environment(COURSE)
        walls += ["--chdir", HOME, "--clearenv"]
        for name, value in environment.items():
            walls += ["--setenv", name, value]
        return walls

    def _resources(self) -> dict[str, int]:
        limits = self.limits
        resources = {"RLIMIT_CORE": 0}
        if "time" not in self._lifted:
            resources["RLIMIT_CPU"] = limits.processor
        if "disk" not in self._lifted:
            resources["RLIMIT_FSIZE"] = limits.file
        if "memory" not in self._lifted:
            resources["RLIMIT_AS"] = 8 * limits.memory  # TensorFlow reserves far more than it uses
        if "processes" not in self._lifted:
            resources["RLIMIT_NPROC"] = limits.processes
        return resources

    @classmethod
    def _user(cls) -> int:
        """Return an id of its own, since the limit on processes counts those of a user."""
        with cls._users:
            cls._next_user = (cls._next_user + 1) % USERS
            return FIRST_USER + (os.getpid() * 97 + cls._next_user) % USERS


def _left(ends: float) -> float | None:
    """Return the seconds until `ends`, None for never."""
    return None if ends == math.inf else max(0.0, ends - time.monotonic())


def require() -> str:
    """Return the path of bubblewrap. Raises SandboxError where it is missing."""
    path = found()
    if path is None:
        raise SandboxError(
            "bwrap: not found; install the package bubblewrap, or grade code that you trust with --unsafe"
        )
    return path


def found() -> str | None:
    """Return the path of bubblewrap, None where it is missing."""
    return shutil.which("bwrap")


def _system() -> list[str]:
    """Return the options that show the system and Python, read-only, and no other file."""
    walls: list[str] = []
    for folder in map(Path, SYSTEM):
        if folder.is_symlink():
            walls += ["--symlink", str(folder.readlink()), str(folder)]
        elif folder.exists():
            walls += _shown(folder, folder)
    for prefix in dict.fromkeys([sys.base_prefix, sys.prefix]):
        if not prefix.startswith("/usr"):
            walls += _shown(Path(prefix), Path(prefix))
    return walls


def _course() -> list[str]:
    """Return the options that show the package and the data, but no lesson, which would have the solutions."""
    package = Path(__file__).parents[1]
    walls = [*_shown(package, COURSE / "course"), *_shown(ROOT / "data", COURSE / "data")]
    if INSTALLED:  # without a checkout the lessons stand in the package
        walls += ["--tmpfs", f"{COURSE}/course/content", "--tmpfs", str(package / "content")]
    return walls


def _shown(path: Path, place: Path) -> list[str]:
    """Return the options that show `path` at `place`, in folders that any user may enter."""
    above = [folder for folder in reversed(place.parents) if folder not in NEVER_MADE]
    made = [option for folder in above for option in ("--perms", "0755", "--dir", str(folder))]
    return [*made, "--ro-bind", str(path), str(place)]


def _environment(course: Path = ROOT) -> dict[str, str]:
    return {
        "HOME": HOME,
        "KERAS_BACKEND": "tensorflow",
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": f"{HOME}/matplotlib",
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(course),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
