"""Judges answers outside the notebook, in a process that has already run what an exercise rests on.

So a verdict takes as long as the check alone, an answer that never ends costs its process only, and an answer cannot
harm the session. The process runs the lesson's own cells above the exercise, those that it uses. Where these need
Keras, it is forked from one that has imported it, where the system can.
"""

import ast
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType

from course import answers
from course.catalog import find
from course.verdicts import Verdict

SECONDS = 20.0  # that a check may take
FORKS = "forkserver" in multiprocessing.get_all_start_methods()
KERAS = ("keras", "tensorflow", "course.topics", "course.training")


def prepare() -> None:
    """Begin to import Keras in the background, so that exercises with models are judged at once when they come."""
    if FORKS:
        from multiprocessing import forkserver

        forkserver.set_forkserver_preload(["course.learner.preloaded"])
        forkserver.ensure_running()


class Judge:
    """Judges answers to one exercise, such as "01.1"; use it in a `with`. Starting takes the time of its imports."""

    def __init__(self, exercise: str) -> None:
        self.exercise = exercise
        self._process, self._connection, self._ready = self._started()

    def __enter__(self) -> "Judge":
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.pid and self._process.is_alive():
            with contextlib.suppress(AttributeError, ProcessLookupError):  # Windows; too early
                os.killpg(self._process.pid, signal.SIGKILL)  # with what answers have started
        self._process.kill()
        self._process.join()

    def verdict(self, answer: str, own: Sequence[str] = (), *, seconds: float = SECONDS) -> Verdict:
        """Judge the source of an answer, with the learner's `own` cells above its check.

        One that takes longer than `seconds` is broken.
        """
        if self._ready and not self._process.is_alive():  # by what an earlier answer left running
            self._restart()
        if not self._ready:
            try:
                self._connection.recv()
            except EOFError:
                return Verdict(
                    "broken",
                    ("What the exercise depends on does not run here; see: course doctor",),
                )
            self._ready = True
        ended = False
        try:
            self._connection.send((answer, own))
            if self._connection.poll(seconds):
                return self._connection.recv()
        except (EOFError, OSError):
            ended = True
        self._restart()
        why = (
            "Your answer ended Python."
            if ended
            else f"Your answer, with the cells above that it uses, takes longer than {seconds:g} s. Does a loop end?"
        )
        return Verdict("broken", (why,))

    def _restart(self) -> None:
        self.__exit__(None, None, None)
        self._process, self._connection, self._ready = self._started()

    def _started(self) -> tuple[multiprocessing.process.BaseProcess, Connection, bool]:
        """Start a process; return it, the connection to it, and that it has not said yet that it is ready."""
        method = "spawn"
        if FORKS and _needs_keras(self.exercise):
            prepare()
            method = "forkserver"
        context = multiprocessing.get_context(method)
        ours, theirs = context.Pipe()
        process = context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(theirs, self.exercise), daemon=True
        )
        process.start()
        theirs.close()
        return process, ours, False


def _needs_keras(exercise: str) -> bool:
    from course.authoring import slice, source

    rests_on = slice.statements(source.read(find(exercise[:2]).name), exercise)
    imports = [
        ast.unparse(each) for each in rests_on if isinstance(each, ast.Import | ast.ImportFrom)
    ]
    return any(f" {name}" in line for line in imports for name in KERAS)


def _serve(connection: Connection, exercise: str) -> None:
    """Run what the exercise rests on, say so, and answer until nobody asks any more."""
    from course.authoring import slice, source

    if hasattr(os, "setsid"):
        os.setsid()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # also what C++ code prints
        os.dup2(nowhere, stream)
    text = source.read(find(exercise[:2]).name)
    above = slice.above(text, exercise)
    space = slice.namespace(text, exercise)
    connection.send("ready")
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            answer, own = connection.recv()
            connection.send(_judge(exercise, answer, dict(space), above, own))


def _end_with_parent() -> None:
    """End this process, and what answers have started, when the session does, however that happens."""
    if parent := multiprocessing.parent_process():
        parent.join()
        if hasattr(os, "killpg"):
            os.killpg(0, signal.SIGKILL)
        os._exit(1)


def _judge(exercise: str, answer: str, space: dict, above: str, own: Sequence[str] = ()) -> Verdict:
    from course.exercises import verdict

    name = f"<your answer to {exercise}>"
    try:
        answers.run(answer, space, name=name, above=above, own=own)
        return verdict(exercise, space)
    except SyntaxError as error:
        return Verdict("broken", (f"{type(error).__name__}: {error.msg}, line {error.lineno}",))
    except KeyError as error:
        return Verdict("not attempted", (f"Your cell does not define {error}.",))
    except (Exception, SystemExit) as error:
        return Verdict("broken", (f"{type(error).__name__}: {error}",))
