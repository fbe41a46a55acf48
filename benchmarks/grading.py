"""Grade classes of growing size and say what the grading itself costs beside what the submissions compute.

    python -m benchmarks.grading --sizes 10 50 200 500 --jobs 2

Of ten submissions of the lesson six are right, two have a wrong answer, one an answer that fails, and one is untouched.
No two wrong answers give the same numbers. "own" are the processor seconds of the programs in the sandboxes that the
submissions run in, "graders" those of all else: the command, its processes with their imports, bubblewrap, and the key.
"ratio" is the sum of both over "own": 1 would be a grading that costs nothing. "wall" is that of the clock times the
jobs, over "own"; it means something on a quiet machine alone. "MB" is the most that the command and its processes took,
without sandboxes.

The smallest class is then graded by the command `course grade` as well, which is killed halfway and started again, and
once more without a kill: "same bytes" says whether both folders hold the same. The last line is JSON; the exit status
is 1 where the kill was not halfway, the grading began anew, or other bytes came out.

Found with `--sizes 10 100 --jobs 2` for lesson 01, on two cores that twenty other programs were using: 2.7 s and
25.6 s of the submissions' own, 3.9 s and 7.7 s of graders, so ratios of 2.44 and 1.30, and 206 MB for both. That is
3.5 s once, and 0.04 s for each submission beside 0.26 s of its own. A class of 500 was not run; on that line it would
have 1.19. A part of the 0.04 s grows with the time that a sandbox is open, since it is watched.
"""

import argparse
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil

from course.catalog import Lesson, find
from course.classroom import gradebook, grading
from course.classroom.key import ExerciseKey
from course.classroom.processes import descendants
from course.classroom.roster import Student
from course.classroom.sandbox import Sandbox
from course.learner.merge import exercise_of, handed_out

SEED = 7
IMPORTED = time.process_time()  # what the command spends before it begins
KINDS = ["right"] * 6 + ["wrong"] * 2 + ["fails", "untouched"]
BROKEN = {
    "wrong": "import numpy as np\n    return np.multiply(args[0], 1 + {number} / 1000)",
    "fails": "raise ValueError('not yet')",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 50], help="submissions")
    parser.add_argument("--lesson", default="01", help="graded (default: 01)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="graders side by side")
    arguments = parser.parse_args()
    lesson = find(arguments.lesson)
    rows = []
    print(f"{'size':>6}{'own s':>9}{'graders s':>11}{'ratio':>7}{'wall':>7}{'MB':>6}{'MB each':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for size in arguments.sizes:
            row = graded(Path(folder, str(size)), lesson, size, arguments.jobs)
            rows.append(row)
            print(
                f"{size:6}{row['own']:9.1f}{row['graders']:11.1f}{row['ratio']:7.3f}{row['wall']:7.2f}"
                f"{row['memory']:6.0f}{row['memory of a grader']:9.0f}",
                flush=True,
            )
        same = killed(Path(folder, str(min(arguments.sizes))), lesson, min(arguments.sizes))
    print(", ".join(f"{what}: {found}" for what, found in same.items()))
    print(json.dumps({"lesson": lesson.name, "jobs": arguments.jobs, "classes": rows, **same}))
    sys.exit(0 if all(same.values()) else 1)


def graded(folder: Path, lesson: Lesson, size: int, jobs: int) -> dict[str, float]:
    """Grade a class and return what that took, in seconds and MB."""
    students = hand_in(folder / "submissions", lesson, size)
    order = grading.Order(folder / "submissions", folder / "grades", SEED)
    costs_of(order).mkdir()
    grading._make_key = make_key
    grading._grade = grade
    watch = Watch()
    start = time.perf_counter()
    before = time.process_time()
    grades = grading.grade_all(order, students, [lesson], jobs=jobs)
    gradebook.write(grades, students, order.out)
    wall = time.perf_counter() - start
    costs = [json.loads(path.read_text()) for path in costs_of(order).iterdir()]
    own = sum(cost["own"] for cost in costs)
    others = psutil.Process().children()  # what graders are forked from, and what looks after them
    graders = IMPORTED + time.process_time() - before
    graders += sum(sum(each.cpu_times()[:2]) for each in others)
    graders += sum(cost["grader"] + cost["key"] + cost["bubblewrap"] for cost in costs)
    return {
        "size": size,
        "own": round(own, 1),
        "graders": round(graders, 1),
        "ratio": round((own + graders) / own, 3),
        "wall": round(wall * jobs / own, 2),
        "memory": round(watch.end() / 2**20),
        "memory of a grader": round(max(cost["memory"] for cost in costs) / 2**20),
    }


def hand_in(folder: Path, lesson: Lesson, size: int) -> list[Student]:
    """Write so many submissions and return who has handed them in."""
    learner = handed_out(nbformat.read(lesson.notebook("learner"), as_version=4))
    first = next(iter(lesson.exercises))
    students = []
    for number in range(size):
        kind = KINDS[number % len(KINDS)]
        answers = {name: each.solution for name, each in lesson.exercises.items()}
        if kind in BROKEN:
            name = lesson.exercises[first].answers[0]
            answers[first] = f"def {name}(*args):\n    {BROKEN[kind].format(number=number)}"
        made = learner.copy()
        made.cells = [cell.copy() for cell in learner.cells]
        for cell in made.cells:
            exercise = exercise_of(cell)
            if exercise and kind != "untouched":
                cell.source = answers[exercise]
        students.append(Student(f"s{number:04}"))
        path = folder / students[-1].id / f"{lesson.name}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(made, path)
    return students


class Counted(Sandbox):
    """A sandbox that keeps what its processes have computed until it closes."""

    spent = 0.0
    bubblewrap = 0.0

    def close(self) -> None:
        try:
            nanoseconds = Path(f"/proc/{self._process.pid}/schedstat").read_text().split()[0]
            Counted.bubblewrap += int(nanoseconds) / 1e9
        except OSError:
            pass
        for each in descendants(self._process.pid):
            try:
                Counted.spent += sum(psutil.Process(each).cpu_times()[:4])
            except psutil.Error:
                continue
        super().close()


_make_key = grading._make_key
_grade = grading._grade
_key_seconds = 0.0


def make_key(task: tuple[Lesson, grading.Order]) -> dict[str, ExerciseKey]:
    """Make the key, and count what that takes."""
    global _key_seconds
    grading.Sandbox = Counted  # type: ignore[misc]
    found = _make_key(task)
    _key_seconds = Counted.spent
    _keep_costs(task[1])
    return found


def grade(task: grading.Task) -> gradebook.Grade:
    """Grade a submission and count what that takes."""
    grading.Sandbox = Counted  # type: ignore[misc]
    made = _grade(task)
    _keep_costs(task.order)
    return made


def costs_of(order: grading.Order) -> Path:
    """Return the folder where processes keep what they have cost."""
    return order.out.parent / "costs"


def _keep_costs(order: grading.Order) -> None:
    """Keep what this process has cost by now."""
    me = psutil.Process()
    costs = {
        "own": Counted.spent - _key_seconds,
        "key": _key_seconds,
        "bubblewrap": Counted.bubblewrap,
        "grader": time.process_time(),
        "memory": me.memory_info().rss,
    }
    (costs_of(order) / f"{me.pid}.json").write_text(json.dumps(costs))


class Watch:
    """Looks at the memory of this process and its graders until it ends."""

    def __init__(self) -> None:
        self._most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def end(self) -> int:
        """Return the most that was seen, in bytes."""
        self._ended.set()
        self._thread.join()
        return self._most

    def _look(self) -> None:
        me = psutil.Process()
        while not self._ended.wait(0.5):
            total = me.memory_info().rss
            for child in multiprocessing.active_children():
                try:
                    total += psutil.Process(child.pid).memory_info().rss
                except psutil.Error:
                    continue
            self._most = max(self._most, total)


def killed(folder: Path, lesson: Lesson, size: int) -> dict[str, bool]:
    """Grade by the command, kill it halfway, start it again; compare with a grading that nobody killed."""
    roster = folder / "roster.csv"
    roster.write_text("student\n" + "".join(f"s{number:04}\n" for number in range(size)))
    command = [sys.executable, "-c", "from course.cli.main import main; main()", "grade"]
    command += [str(folder / "submissions"), "--roster", str(roster), "--seed", str(SEED)]
    out = folder / "killed"
    process = subprocess.Popen([*command, "--out", str(out)], start_new_session=True)
    results = "results/*/*.json"
    while process.poll() is None and len(list(out.glob(results))) < size // 2:
        time.sleep(0.05)
    was_killed = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    early = {path: path.stat().st_mtime_ns for path in out.glob(results)}
    subprocess.run([*command, "--out", str(out)], check=True)
    subprocess.run([*command, "--out", str(folder / "whole")], check=True)
    kept = all(path.stat().st_mtime_ns == written for path, written in early.items())
    same = content(out) == content(folder / "whole") == content(folder / "grades")
    return {"killed halfway": was_killed, "went on": kept, "same bytes": same}


def content(folder: Path) -> dict[str, bytes]:
    """Return every file of a grading."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "grading.json"
    }


if __name__ == "__main__":
    main()
