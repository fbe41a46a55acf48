"""Do the tests notice a mistake? Every module that lessons import is changed in one place, and its tests must fail.

    python -m benchmarks.mutation                               # all modules
    python -m benchmarks.mutation --share 10                    # every tenth mutant of each
    python -m benchmarks.mutation course/claims.py -j 2

A mutant is killed by a test that fails, crashes or does not end in time. It is put to those tests of its module that
reach its lines (`coverage` says which), the shortest first; where these kill one, they must pass in that order without
it. What survives is put to all tests of its module, one mutant after the other, in processes that import the module as
the mutant has it, before it counts. The tests of a module are those named after it and those in TESTS. Lessons' own
acceptance tests are not run.

`benchmarks/survivors.toml` explains mutants that no test needs to notice; an entry that fits no mutant, or one that is
killed, fails. What draws for one lesson is left out, modules `*_figures` and functions of `course.topics` that draw:
whether a figure shows what it should is seen, and what it says in words is tested; of the modules with which all
lessons draw, arguments that only set how something looks (LOOKS in `module_mutants`). So is `course.runs`, whose tests
start kernels: it belongs to the tools, and one lesson borrows it. The command fails with fewer than 90% killed, the
explained ones counted as mutants, and where nothing was run. The last line is JSON.

Why not mutmut (3.8): it changes nothing outside of functions, and of decorated ones only static and class methods. Nor
cosmic-ray, which imports TensorFlow anew for each mutant.
"""

import argparse
import ast
import importlib
import json
import os
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.module_mutants import Mutant, mutants
from benchmarks.mutant_runs import (
    ELSEWHERE,
    NOTHING_RUN,
    PASSED,
    Baseline,
    Task,
    TestsFailError,
    anew,
    baseline,
    collected,
    together,
)

ROOT = Path(__file__).resolve().parent.parent
LEAST = 90  # percent
LEFT_OUT = ("__init__.py", "_figures.py")
BORROWED = "course/runs/"
TOPICS = "course/topics/"
FIGURES = ("course/figure.py", "course/plots.py", "course/sketch.py")
TESTS = {  # beyond those named after a module
    "course/figure.py": ["tests/test_plots.py", "tests/test_sketch.py"],
    "course/stubs.py": ["tests/test_exercises.py"],
    "course/training/fit_arrays.py": ["tests/training/test_fast_fit.py"],
    "course/training/objects.py": ["tests/training/test_memory.py"],
    "course/training/order.py": ["tests/training/test_fast_fit.py"],
    "course/training/programs.py": [
        "tests/training/test_settings.py",
        "tests/training/test_checkpoints.py",
        "tests/training/test_memory.py",
    ],
    "course/training/reads.py": ["tests/training/test_python_functions.py"],
    "course/training/restoring.py": ["tests/training/test_memory.py"],
    "course/training/state.py": [
        "tests/training/test_checkpoints.py",
        "tests/training/test_memory.py",
    ],
    "course/verdicts.py": ["tests/test_exercises.py"],
}
IMPORTED = """
    IPython.display ipywidgets jinja2 keras matplotlib.pyplot nbclient nbformat pandas papermill psutil pyarrow.parquet
    pydantic pydantic.main sklearn.metrics sklearn.model_selection scipy.optimize scipy.stats tensorflow typer.testing
    yaml
"""

BASELINES: dict[str, dict[str, Baseline]] = {}  # by file of tests: each runs once without a mutant


class Entry(NamedTuple):
    """An explained survivor: a line as it is and as the mutant has it."""

    module: str
    was: str
    now: str


class Result(NamedTuple):
    """What became of the mutants of a module that were run."""

    killed: list[Mutant]
    survived: list[Mutant]
    explained: list[Mutant]
    stale: list[Entry]

    @property
    def counts(self) -> dict[str, int]:
        return {
            "mutants": len(self.killed) + len(self.survived) + len(self.explained),
            "killed": len(self.killed),
            "survived": len(self.survived),
            "explained": len(self.explained),
        }


def imported_by_lessons(root: Path) -> list[str]:
    """Return the modules of the course that lessons import, and those that these import."""
    waiting, found = [*(root / "lessons").glob("*.py")], set()
    while waiting:
        for module in _imports(waiting.pop().read_text(encoding="utf-8"), root):
            if module not in found:
                found.add(module)
                waiting.append(root / module)
    return sorted(
        each for each in found if not each.endswith(LEFT_OUT) and not each.startswith(BORROWED)
    )


def _imports(text: str, root: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            module = f"{name.replace('.', '/')}.py"
            if name.startswith("course.") and (root / module).exists():
                yield module


def files_of_tests(module: str, root: Path) -> list[str]:
    """Return the files of the tests that a module has."""
    _, *folders, name = module.split("/")
    named = "/".join(["tests", *folders, f"test_{name}"])
    own = [named] if (root / named).exists() else []
    return own + TESTS.get(module, [])


def named(text: str, root: Path) -> str:
    """Return a module, named in any way, from `root`. Raises ValueError where there is none or it has no tests."""
    path = (root / text).resolve()
    if not path.is_file() or not path.is_relative_to(root):
        raise ValueError(f"{text}: no such file in {root}")
    module = path.relative_to(root).as_posix()
    if not files_of_tests(module, root):
        raise ValueError(f"{text}: has no tests")
    return module


def mutants_of(module: str, root: Path) -> list[Mutant]:
    """Return the mutants of a module but for how figures look, and in topics for what draws them."""
    text = (root / module).read_text(encoding="utf-8")
    return mutants(text, drawing=not module.startswith(TOPICS), looks=module not in FIGURES)


def every(found: list[Mutant], share: int, start: int) -> list[Mutant]:
    """Return one of `share` mutants from the one at `start`, evenly over the module; at least the last one."""
    return found[start % share :: share] or found[-1:]


def tried(
    module: str, explained: dict[Entry, str], options: argparse.Namespace, root: Path
) -> Result:
    """Put the mutants of a module to its tests."""
    path, files = root / module, files_of_tests(module, root)
    possible = mutants_of(module, root)
    own = {entry for entry in explained if entry.module == module}
    stale = own - {_entry(module, mutant) for mutant in possible}
    result = Result([], [], [], [*stale])
    chosen = every(possible, options.share, options.start)
    if not files:
        print(f"{module}: has no tests")
    if not files or not chosen:
        result.survived.extend(chosen)
        return result
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # tests let other users read some files
        for file in files:
            if file not in BASELINES:
                BASELINES[file] = baseline(root, file, folder)
        reached = together([BASELINES[file][module] for file in files])
        tasks = []
        for mutant in chosen:
            tests = reached.tests(mutant)
            tasks.append(Task(mutant, tests, reached.limit(tests)))
        alive = _alive(path, files, tasks, reached, folder, options.jobs)
    killed: Counter[Entry] = Counter()
    for task in tasks:
        entry = _entry(module, task.mutant)
        if task.mutant not in alive:
            result.killed.append(task.mutant)
            killed[entry] += 1
        elif entry in explained:
            result.explained.append(task.mutant)
        else:
            result.survived.append(task.mutant)
    like = Counter(_entry(module, mutant) for mutant in possible)
    result.stale.extend(entry for entry in own - stale if killed[entry] == like[entry])
    return result


def _entry(module: str, mutant: Mutant) -> Entry:
    return Entry(module, mutant.was, mutant.now)


def _alive(
    path: Path, files: list[str], tasks: list[Task], reached: Baseline, folder: Path, jobs: int
) -> list[Mutant]:
    """Run the tests that reach each mutant; then, for what is left, one after the other, all of the module."""
    passed = [task for task in tasks if not task.tests]
    inside = [task for task in tasks if task.tests and task.mutant.function]
    later = [task for task in tasks if task.tests and not task.mutant.function]

    def exchanging(tasks: list[Task]) -> list[int]:
        return collected(path, files, tasks, folder, jobs)

    def importing(tasks: list[Task]) -> list[int]:
        return anew(path, tasks, folder, jobs)

    for task, end in zip(inside, _ends(inside, path, exchanging), strict=True):
        if end == PASSED:
            passed.append(task)
        if end == ELSEWHERE:
            later.append(task)
    for task, end in zip(later, _ends(later, path, importing), strict=True):
        if _survived(task, end):
            passed.append(task)
    serial = []
    for task in passed:
        tests = reached.all_tests(task.tests)
        serial.append(Task(task.mutant, tests, reached.limit(tests)))
    ends = _ends(serial, path, lambda tasks: anew(path, tasks, folder, jobs=1))
    return [task.mutant for task, end in zip(serial, ends, strict=True) if _survived(task, end)]


def _ends(tasks: list[Task], path: Path, run: Callable[[list[Task]], list[int]]) -> list[int]:
    """Return how each task ended. Raises TestsFailError where tests that killed a mutant fail without it as well."""
    ends = run(tasks)
    text = path.read_text(encoding="utf-8")
    killing = {}
    for task, end in zip(tasks, ends, strict=True):
        if end not in (PASSED, ELSEWHERE, NOTHING_RUN):
            unchanged = replace(task.mutant, text=text)
            killing[tuple(task.tests)] = task._replace(mutant=unchanged)
    controls = [*killing.values()]
    for control, end in zip(controls, run(controls), strict=True):
        if end not in (PASSED, ELSEWHERE):
            raise TestsFailError(f"without a mutant, but in this order, fail: {control.tests}")
    return ends


def _survived(task: Task, end: int) -> bool:
    if end == NOTHING_RUN:
        sys.exit(f"{task.mutant}: no test was run")
    return end == PASSED


def explanations(file: Path) -> dict[Entry, str]:
    """Read the survivors that are explained."""
    if not file.exists():
        return {}
    stored = tomllib.loads(file.read_text(encoding="utf-8"))
    found = {}
    for each in stored.get("survivor", []):
        for now in [each["now"]] if isinstance(each["now"], str) else each["now"]:
            found[Entry(each["module"], each["was"], now)] = each["why"]
    return found


def main() -> int:
    """Print what survives in each module, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", help="files; without any, all that lessons import")
    parser.add_argument("--share", type=int, default=1, help="every so many mutants of a module")
    parser.add_argument(
        "--start", type=int, default=0, help="with --share: of the first so many, which"
    )
    parser.add_argument("-j", "--jobs", type=int, default=1)
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args()
    root = options.root.resolve()
    os.chdir(root)
    sys.path.insert(0, str(root))
    explained = explanations(root / "benchmarks" / "survivors.toml")
    if options.share < 1:
        parser.error(f"--share {options.share}: must be at least 1")
    if options.jobs < 1:
        parser.error(f"--jobs {options.jobs}: must be at least 1")
    try:
        modules = [named(text, root) for text in options.modules] or imported_by_lessons(root)
    except ValueError as error:
        parser.error(str(error))
    if root == ROOT:
        _prepare()
    total: Counter[str] = Counter()
    by_module = {}
    wrong = False
    for module in modules:
        started = time.monotonic()
        try:
            result = tried(module, explained, options, root)
        except TestsFailError as error:
            print(error, flush=True)
            wrong = True
            continue
        by_module[module] = result.counts | {"percent": _percent(result.counts)}
        total.update(result.counts)
        wrong |= _told(module, result, time.monotonic() - started)
    nothing = {"mutants": 0, "killed": 0, "survived": 0, "explained": 0}
    sums: dict[str, float] = {**nothing, **total}
    sums |= {"percent": _percent(sums)}
    print(json.dumps(sums | {"share": options.share, "start": options.start, "modules": by_module}))
    return int(wrong or not sums["mutants"] or sums["percent"] < LEAST)


def _told(module: str, result: Result, seconds: float) -> bool:
    counted = "  ".join(f"{count} {what}" for what, count in result.counts.items())
    print(f"{module}  {counted}  ({_percent(result.counts)}% killed, {seconds:.0f} s)")
    for mutant in result.survived:
        print(f"    survived  {mutant}")
    for entry in result.stale:
        print(f"    stale in survivors.toml  {entry.was}  ->  {entry.now}")
    sys.stdout.flush()
    return bool(result.stale)


def _percent(count: dict[str, Any]) -> float:
    return round(100 * count["killed"] / max(count["mutants"], 1), 1)


def _prepare() -> None:
    """Import what takes long, but nothing of the course, on one thread."""
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    os.environ |= {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "agg"}
    sys.dont_write_bytecode = False
    for name in IMPORTED.split():
        importlib.import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()


if __name__ == "__main__":
    sys.exit(main())
