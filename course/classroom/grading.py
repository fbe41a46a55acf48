"""Grades a class: each submission once, in processes side by side; what is graded is not graded again.

The processes are of this machine or, by the address of a scheduler, the workers of a Dask cluster that see the same
files. A task is plain data. Its result is a file of its own, written whole, so that a grading that was killed goes on
where it stopped. The inputs that answers are tried on are drawn anew for each grading, from a seed that its folder
keeps.
"""

import contextlib
import gc
import hashlib
import json
import multiprocessing
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from course.catalog import Lesson, LessonError
from course.classroom import comparison, key, submissions, variants
from course.classroom.gradebook import Grade, Points, figure_path
from course.classroom.key import ExerciseKey, Serving, lesson_key
from course.classroom.roster import Student
from course.classroom.sandbox import Limits, Sandbox, SandboxError
from course.classroom.submissions import Submission, SubmissionError, plain
from course.drawn import fresh
from course.files import write_whole


@dataclass(frozen=True)
class Order:
    """How a class is graded: where submissions are, when they are due, the seed of the inputs, the limits."""

    folder: Path
    out: Path
    seed: int
    keys: Path | None = (
        None  # what each student's own run gives, as `course assign` has computed it
    )
    due: datetime | None = None
    limits: Limits = field(default_factory=Limits)
    unsafe: bool = False

    def from_anywhere(self) -> "Order":
        """Return the same order with paths that hold in any working directory, and a due time in any time zone."""
        keys = self.keys and self.keys.absolute()
        due = self.due and self.due.astimezone()
        here = replace(self, folder=self.folder.absolute(), out=self.out.absolute())
        return replace(here, keys=keys, due=due)


@dataclass(frozen=True)
class Task:
    """What a process needs to grade one submission: plain data."""

    lesson: Lesson
    order: Order
    key: dict[str, ExerciseKey]
    student: Student


@dataclass(frozen=True)
class _Kept:
    """What a grading's folder keeps of it."""

    seed: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class _Result:
    """A grade as it is stored, with the digest of what it depends on."""

    digest: str
    grade: Grade


KEPT = TypeAdapter(_Kept)
RESULT = TypeAdapter(_Result)

# Calls a function with each of some tasks, elsewhere and side by side; gives the results.
Run = Callable[[Callable[[Any], Any], Sequence[Any]], Iterator[Any]]


def seed(out: Path, chosen: int | None = None) -> int:
    """Return the seed of the grading in folder `out`, which it keeps: the `chosen` one, or a new one.

    Raises LessonError where the file that keeps it is damaged.
    """
    path = out / "grading.json"
    if path.exists() and chosen is None:
        try:
            return KEPT.validate_json(path.read_bytes()).seed
        except ValidationError:
            raise LessonError(f"{path}: is damaged; --seed N gives a seed anew") from None
    found = secrets.randbits(32) if chosen is None else chosen
    write_whole(path, json.dumps({"seed": found}) + "\n")
    return found


def grade_all(
    order: Order,
    students: Sequence[Student],
    lessons: Sequence[Lesson],
    *,
    jobs: int,
    scheduler: str | None = None,
) -> list[Grade]:
    """Grade every student's submission of every lesson; return the grades in the order of lessons and students.

    `jobs` are graded at a time; with `scheduler`, the address of a Dask scheduler, as many as it has workers. Raises
    SandboxError where a sandbox cannot be made, ClusterLost where the scheduler or all its workers have gone.
    """
    order = order.from_anywhere()
    grades = {
        (lesson.name, student.id): _stored(order, student, lesson)
        for lesson in lessons
        for student in students
    }
    if None in grades.values():
        with _on_cluster(scheduler) if scheduler else _here(jobs) as run:
            for lesson in lessons:
                left = [each for each in students if grades[lesson.name, each.id] is None]
                if left:
                    [key] = run(_make_key, [(lesson, order)])
                    for grade in run(_grade, [Task(lesson, order, key, each) for each in left]):
                        grades[grade.lesson, grade.student] = grade
    return [grade for grade in grades.values() if grade]


@contextlib.contextmanager
def _here(jobs: int) -> Iterator[Run]:
    """Give what calls a function with each of some tasks, in processes of this machine.

    They are forked from one that has imported what graders need.
    """
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    if can_fork:
        context.set_forkserver_preload([__name__])
    with ProcessPoolExecutor(jobs, context, _begin) as pool:
        yield pool.map


def _begin() -> None:
    """Make this process a grader, which ends when the one that has started it is killed, and with it the sandboxes."""
    gc.freeze()  # else each collection would look through all that is imported, for longer than an answer takes
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def _on_cluster(scheduler: str) -> Iterator[Run]:
    """Give what calls a function with each of some tasks, on the workers of a Dask scheduler."""
    from distributed import KilledWorker  # Dask takes seconds to import

    from course.runs import cluster

    with cluster.connected(scheduler) as client:

        def run(function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
            def submit(task: Any) -> Any:
                return client.submit(_on_worker, function, task, pure=False)

            try:
                for _, future in cluster.dealt(client, list(tasks), submit, {}):
                    yield cluster.result(client, future)
                    future.release()  # else Dask grades it again when its worker dies
            except cluster.ClusterLost as loss:
                raise cluster.ClusterLost(f"{scheduler}: {loss}") from loss
            except KilledWorker as error:
                raise cluster.ClusterLost(f"{scheduler}: a task has killed its workers") from error

        yield run


def _on_worker(function: Callable[[Any], Any], task: Any) -> Any:
    """Call the function with a task; what is refused names the worker."""
    from distributed import get_worker

    try:
        return function(task)
    except SandboxError as error:
        raise SandboxError(f"worker {get_worker().address}: {error}") from None


def _sandbox(order: Order) -> Sandbox:
    return Sandbox(order.limits, lifted={"all"} if order.unsafe else ())


def _make_key(task: tuple[Lesson, Order]) -> dict[str, ExerciseKey]:
    lesson, order = task
    return lesson_key(lesson.number, lambda: _sandbox(order))


def _grade(task: Task) -> Grade:
    """Grade a submission, store the grade with the digest of what was there before, and return it."""
    digest = _digest(task.order, task.student, task.lesson)
    grade = _graded(task)
    path = _result(task.order, task.student, task.lesson)
    content = {"digest": digest, "grade": asdict(grade)}
    write_whole(path, json.dumps(content, indent=1) + "\n")
    return grade


def _graded(task: Task) -> Grade:
    """Grade a submission; where that fails by what is in it, the grade says how, and all others get theirs."""
    try:
        return grade_one(task)
    except (SandboxError, OSError, MemoryError):  # of this machine
        raise
    except Exception as error:
        return _nothing(task, f"cannot be graded: {type(error).__name__}: {error}")


def grade_one(task: Task) -> Grade:
    """Grade a submission."""
    order = task.order
    lesson = task.lesson
    student = task.student.id
    try:
        path = submissions.find(order.folder, student, lesson)
        submission = submissions.read(path, lesson)
    except SubmissionError as error:
        return _nothing(task, str(error))
    with Serving(lambda: _sandbox(order)) as serving:
        points = list(_points(task, submission, serving))
        if order.keys:
            points.append(_report(task, submission, serving))
    return Grade(student, lesson.name, points, submission.remarks, _late(order, path))


def _nothing(task: Task, why: str) -> Grade:
    """Return the grade of a submission that cannot be graded: nothing of all the points that there are."""
    why = plain(why)
    names = [*task.key, *([_report_name(task)] if task.order.keys else [])]
    points = [Points(name, 0.0, 1.0, why, "", "") for name in names]
    return Grade(task.student.id, task.lesson.name, points, [why])


def _late(order: Order, path: Path) -> bool:
    return order.due is not None and path.stat().st_mtime > order.due.timestamp()


def _points(task: Task, submission: Submission, serving: Serving) -> Iterator[Points]:
    """Give the points of every exercise; leave a figure where there is one."""
    for name, exercise in task.key.items():
        answer = submission.answers[name]
        if not answer.strip():
            yield Points(name, 0.0, 1.0, "not attempted", exercise.way, "There is no answer.")
            continue
        with fresh(task.order.seed):
            sandbox = serving.sandbox(exercise.way)
            judged = key.judge(exercise, sandbox, answer, submission.own[name])
        reason = plain(" ".join(judged.verdict.hints))
        share = round(judged.share, 2)
        alt = _figure(task, judged)
        yield Points(name, share, 1.0, judged.verdict.outcome, judged.way, reason, alt)


def _figure(task: Task, judged: key.Judged) -> str:
    """Write the figure of an answer, where it has one, and return its alt text."""
    if judged.compared is None:
        return ""
    picture, alt = comparison.picture(judged.exercise, *judged.compared)
    write_whole(figure_path(task.order.out, task.student.id, judged.exercise), picture)
    return alt


def _report(task: Task, submission: Submission, serving: Serving) -> Points:
    """Give the points for what the student says of their own run: the share of results that are the key's."""
    name = _report_name(task)
    path = _own_key(task.order, task.student, task.lesson)
    if not path.is_file():
        return Points(name, 0.0, 1.0, "no key", "", "There is no key: course assign makes it.")
    sandbox = serving.sandbox(key.OUTSIDE)
    verdict, found = key.value(sandbox, name, submission.report, "reported")

    def points(outcome: str, reason: str, share: float = 0.0) -> Points:
        return Points(name, share, 1.0, outcome, key.OUTSIDE, plain(reason))

    if verdict.outcome != "right":
        return points(verdict.outcome, " ".join(verdict.hints))
    if found is not ... and not isinstance(found, dict):
        return points("broken", "`reported` is no dictionary.")
    if found is ... or all(value is ... for value in found.values()):
        return points("not attempted", "Nothing is written down.")
    try:
        expected = json.loads(path.read_text("utf-8"))
    except ValueError:
        return points("no key", "The key is damaged: delete it, and course assign makes it again.")
    right = [each for each, value in expected.items() if _agrees(found.get(each), *value)]
    wrong = [each for each in expected if each not in right]
    if wrong:
        reason = f"Not what your parameters give: {', '.join(wrong)}."
        return points("wrong", reason, round(len(right) / len(expected), 2))
    return points("right", "", 1.0)


def _report_name(task: Task) -> str:
    return variants.REPORT.format(task.lesson.number)


def _own_key(order: Order, student: Student, lesson: Lesson) -> Path:
    """Return where the results of a student's run are, each with its last digit printed, as `course assign` made it."""
    assert order.keys is not None
    return order.keys / student.id / f"{lesson.name}.json"


def _agrees(found: Any, expected: float, last_digit: float) -> bool:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and expected - last_digit <= found <= expected + last_digit


def _result(order: Order, student: Student, lesson: Lesson) -> Path:
    return order.out / "results" / student.id / f"{lesson.name}.json"


def _digest(order: Order, student: Student, lesson: Lesson) -> str:
    """Return what a grade depends on: the submission, whether it is late, the lesson, the seed, the own run's key."""
    path = order.folder / student.id / f"{lesson.name}.ipynb"
    late = path.is_file() and _late(order, path)
    files = [path, lesson.source]
    files += [_own_key(order, student, lesson)] if order.keys else []
    parts = [
        path.read_bytes() if path.is_file() and not path.is_symlink() else b"missing"
        for path in files
    ]
    parts.append(str((order.seed, late, order.keys is not None)).encode())
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _stored(order: Order, student: Student, lesson: Lesson) -> Grade | None:
    """Return the grade that an earlier, equal grading has stored, if there is one."""
    path = _result(order, student, lesson)
    try:
        found = RESULT.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return found.grade if found.digest == _digest(order, student, lesson) else None
