"""Run a module's tests on its mutants, each in a process forked from one that has imported all it needs.

A process forked after TensorFlow has worked hangs, so that the processes which fork have imported, and no more. Where
a mutant lies in a function, that function's code is exchanged in a process that has collected the tests; else, and
whenever a survivor is run again, the tests are collected anew and import the module as the mutant has it.
Linux and macOS only.
"""

import contextlib
import gc
import json
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

import coverage
import hypothesis
import pytest

from benchmarks.module_mutants import Mutant
from benchmarks.mutant_site.sitecustomize import also_in_children, import_as, show_as

GRACE = 20  # seconds that a mutant has beyond what its tests take, times five
MEMORY = 16 * 2**30  # bytes of address space, which TensorFlow reserves amply
PASSED, FAILED, NOTHING_RUN, ELSEWHERE = 0, 1, 5, 99
BROKEN = 98  # the process could not be made ready, as on a full disk: that says nothing of a mutant
QUIET = ["-p", "no:cacheprovider", "-p", "no:nbval", "-o", "tmp_path_retention_policy=failed"]


class Baseline(NamedTuple):
    """The tests of a module as it is: how long each takes, and by which each of its lines is reached."""

    seconds: dict[str, float]
    lines: dict[int, list[str]]

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that reach a mutant, the shortest first; all where it lies in no function."""
        places = range(mutant.first, mutant.last + 1)
        reached = {test for line in places for test in self.lines.get(line, ())}
        return sorted(reached if mutant.function else self.seconds, key=self.seconds.__getitem__)

    def all_tests(self, first: list[str]) -> list[str]:
        """Return these and then all others, which may reach a mutant unseen: by AutoGraph, or in other processes."""
        rest = sorted({*self.seconds} - {*first}, key=self.seconds.__getitem__)
        return [*first, *rest]

    def limit(self, tests: Sequence[str]) -> float:
        return GRACE + 5 * sum(self.seconds[test] for test in tests)


class TestsFailError(Exception):
    """Tests that fail, or do not run, also without a mutant, or a process that cannot run them."""


class Task(NamedTuple):
    """A mutant, the tests it is put to, and the seconds it has for them."""

    mutant: Mutant
    tests: list[str]
    limit: float


def baseline(root: Path, file: str, folder: Path) -> dict[str, Baseline]:
    """Run the tests in `file` on the modules as they are, and note, by module, what reaches which line."""
    found = folder / "baseline.json"

    def run() -> int:
        _to_log(folder)
        record = _Record(root)
        status = pytest.main([*QUIET, file], plugins=[record])
        found.write_text(json.dumps([status, record.seconds, record.lines()]))
        return 0

    list(forked([0], lambda _: run(), limit=lambda _: 1800))
    noted = found.read_text() if found.exists() else '["none", {}, {}]'
    status, seconds, modules = json.loads(noted)
    found.unlink(missing_ok=True)
    if status or not seconds:
        said = (folder / "log").read_text(errors="replace")[-3000:]
        raise TestsFailError(f"{said}\n{file}: ends with status {status} without a mutant")
    every_line: dict[str, Baseline] = defaultdict(lambda: Baseline(seconds, {}))
    for module, lines in modules.items():
        numbered = {int(line): tests for line, tests in lines.items()}
        every_line[module] = Baseline(seconds, numbered)
    return every_line


def together(baselines: list[Baseline]) -> Baseline:
    """Return what the tests of several files reach of one module."""
    seconds: dict[str, float] = {}
    lines = defaultdict(list)
    for each in baselines:
        seconds |= each.seconds
        for line, tests in each.lines.items():
            lines[line].extend(tests)
    return Baseline(seconds, lines)


def collected(
    path: Path, files: list[str], tasks: list[Task], folder: Path, jobs: int
) -> list[int]:
    """Return how each task ended in processes that exchange code; ELSEWHERE where that is not possible."""
    found = folder / "ends.json"

    def run() -> int:
        _to_log(folder)
        pytest.main([*QUIET, "-x", *files], plugins=[_Exchange(path, tasks, found, jobs)])
        return 0

    if not tasks:
        return []
    seconds = 1800 + sum(task.limit for task in tasks)
    list(forked([0], lambda _: run(), limit=lambda _: seconds))
    ends = json.loads(found.read_text()) if found.exists() else {}
    found.unlink(missing_ok=True)
    return [ends.get(str(place), ELSEWHERE) for place in range(len(tasks))]


def anew(path: Path, tasks: list[Task], folder: Path, jobs: int) -> list[int]:
    """Return how each task ended in processes that import the module as the mutant has it."""

    def run(place: int) -> int:
        _to_log(folder)
        import_as(str(path), tasks[place].mutant.text)
        also_in_children(str(path), tasks[place].mutant.text, folder)
        return int(pytest.main([*QUIET, "-x", *tasks[place].tests], plugins=[_Hypothesis()]))

    ends = dict(forked(range(len(tasks)), run, limit=lambda place: tasks[place].limit, jobs=jobs))
    return [ends[place] for place in range(len(tasks))]


def forked(
    places: Sequence[int],
    run: Callable[[int], int],
    *,
    limit: Callable[[int], float],
    jobs: int = 1,
) -> Iterator[tuple[int, int]]:
    """Give each place and how the process forked for it ended: what `run` returned, or minus a signal."""
    running: dict[int, tuple[int, float]] = {}  # place and end of each process
    try:
        yield from _watched(running, places, run, limit, jobs)
    finally:
        for process in running:  # who stops this one stops them
            _kill(process)


def _watched(
    running: dict[int, tuple[int, float]],
    places: Sequence[int],
    run: Callable[[int], int],
    limit: Callable[[int], float],
    jobs: int,
) -> Iterator[tuple[int, int]]:
    waiting = [*reversed(places)]
    while waiting or running:
        while waiting and len(running) < jobs:
            place = waiting.pop()
            running[_fork(run, place, limit(place))] = place, time.monotonic() + limit(place)
        for process, (place, end) in [*running.items()]:
            done, status = os.waitpid(process, os.WNOHANG)
            if not done and time.monotonic() > end:
                status = _kill(process)
                done = process
            if done:
                _kill_group(process)  # what it has started
                del running[process]
                ended = os.waitstatus_to_exitcode(status)
                if ended == BROKEN:
                    raise TestsFailError("a process for tests could not be made ready")
                yield place, ended
        time.sleep(0.005)


def _fork(run: Callable[[int], int], place: int, limit: float) -> int:
    sys.stdout.flush()
    if process := os.fork():
        return process
    status = FAILED
    try:
        os.setsid()
        _limit(seconds=int(4 * limit) + 60)  # should nobody watch any more
        status = run(place)
    except BaseException as error:
        status = BROKEN if isinstance(error, OSError) else FAILED  # pytest keeps those of tests
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)


def _limit(*, seconds: int) -> None:
    """Limit this process's seconds of the processor, and its memory."""
    import resource  # Windows has none

    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _kill(process: int) -> int:
    """Kill a process and what it has started, and return its status. It may not lead its group yet."""
    _kill_group(process)
    os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1]


def _kill_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def _to_log(folder: Path) -> None:
    """Send what this process prints to a file, put temporary files beside, and start others bare of this one."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    tempfile.tempdir = str(folder)
    os.environ["TMPDIR"] = str(folder)
    main = sys.modules["__main__"]
    main.__spec__ = None
    vars(main).pop("__file__", None)


class _Hypothesis:
    """The same cases each time, none remembered, and no search for a smaller one."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        hypothesis.settings.register_profile(
            "mutation",
            derandomize=True,
            database=None,
            deadline=None,
            phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        )
        hypothesis.settings.load_profile("mutation")


class _Record(_Hypothesis):
    """What reaches which line of the course, and how long each test takes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.seconds: dict[str, float] = {}
        self._coverage = coverage.Coverage(
            data_file=None, include=[str(root / "course" / "*")], config_file=False, messages=False
        )
        self._coverage.start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._coverage.switch_context(item.nodeid)
        started = time.monotonic()
        result = yield
        self.seconds[item.nodeid] = time.monotonic() - started
        return result

    def lines(self) -> dict[str, dict[int, list[str]]]:
        self._coverage.stop()
        data = self._coverage.get_data()
        return {
            Path(file).relative_to(self._root).as_posix(): {
                line: [test for test in tests if test]
                for line, tests in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }


class _Exchange(_Hypothesis):
    """Instead of the tests of a session, run those of each mutant in a process of its own."""

    def __init__(self, path: Path, tasks: list[Task], found: Path, jobs: int) -> None:
        self._path = path
        self._text = path.read_text(encoding="utf-8")
        self._tasks = tasks
        self._found = found
        self._jobs = jobs

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if _tensorflow_has_worked():
            return True
        functions = defaultdict(list)
        for each in gc.get_objects():
            if type(each) is FunctionType and each.__code__.co_filename == str(self._path):
                functions[_key(each.__code__)].append(each)
        items = {item.nodeid: item for item in session.items}
        ends = {}
        places = range(len(self._tasks))
        gc.freeze()

        def run(place: int) -> int:
            task = self._tasks[place]
            if not items.keys() >= {*task.tests}:
                return ELSEWHERE
            is_mutant = task.mutant.text != self._text
            if is_mutant and not _exchanged(functions, self._path, task.mutant.text):
                return ELSEWHERE
            also_in_children(str(self._path), task.mutant.text, self._found.parent)
            return _run(session, [items[test] for test in task.tests])

        for place, end in forked(
            places, run, limit=lambda place: self._tasks[place].limit, jobs=self._jobs
        ):
            ends[place] = end
        self._found.write_text(json.dumps(ends))
        return True


def _run(session: pytest.Session, items: list[pytest.Item]) -> int:
    for item, after in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.shouldfail:
            return FAILED
    return PASSED if items else NOTHING_RUN


def _exchanged(functions: dict[Any, list[FunctionType]], path: Path, text: str) -> bool:
    """Give the functions of a module their code in `text`; False where that changes none, or cannot be."""
    codes = defaultdict(list)
    for code in _codes(compile(text, str(path), "exec")):
        codes[_key(code)].append(code)
    changed = False
    for key, found in functions.items():
        new = codes.get(key, [])
        if len(new) != 1:
            if {each.__code__ for each in found} != {*new}:
                return False
            continue
        for function in found:
            if function.__code__ != new[0]:
                if len(function.__code__.co_freevars) != len(new[0].co_freevars):
                    return False
                function.__code__ = new[0]
                changed = True
    show_as(str(path), text)
    return changed


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _tensorflow_has_worked() -> bool:
    context = sys.modules.get("tensorflow.python.eager.context")
    return bool(context and context._context and context._context._initialized)
