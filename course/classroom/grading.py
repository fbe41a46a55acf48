"""Grades a class: each submission once, in processes side by side; what is graded is not graded again.

Each result is a file of its own, written whole, so that a grading that was killed goes on where it stopped. The inputs
that answers are tried on are drawn anew for each grading, from a seed that its folder keeps.
"""

import hashlib
import json
import multiprocessing
import os
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from course.catalog import Lesson
from course.classroom import comparison, key, submissions, variants
from course.classroom.gradebook import Grade, Points, figure_path
from course.classroom.key import ExerciseKey, Serving, lesson_key
from course.classroom.roster import Student
from course.classroom.sandbox import Limits, Sandbox
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


def seed(out: Path, chosen: int | None = None) -> int:
    """Return the seed of the grading in folder `out`, which it keeps: the `chosen` one, or a new one."""
    path = out / "grading.json"
    if path.exists() and chosen is None:
        return json.loads(path.read_text(encoding="utf-8"))["seed"]
    found = secrets.randbits(32) if chosen is None else chosen
    write_whole(path, json.dumps({"seed": found}) + "\n")
    return found


def grade_all(
    order: Order, students: Sequence[Student], lessons: Sequence[Lesson], *, jobs: int
) -> Iterator[Grade]:
    """Grade every student's submission of every lesson; give the grades in the order of lessons and students."""
    context = multiprocessing.get_context("spawn")
    for lesson in lessons:
        left = [student for student in students if _stored(order, student, lesson) is None]
        if left:
            with ProcessPoolExecutor(jobs, context, _prepare, (lesson, order)) as pool:
                for _ in pool.map(_grade, left):
                    pass
        for student in students:
            stored = _stored(order, student, lesson)
            assert stored is not None
            yield stored


_lesson: Lesson
_order: Order
_key: dict[str, ExerciseKey]


def _prepare(lesson: Lesson, order: Order) -> None:
    """Make what this process grades by; it ends when the process that has started it is killed."""
    global _lesson, _order, _key
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _lesson = lesson
    _order = order
    _key = lesson_key(lesson.number, _sandbox)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)  # and with it the sandboxes


def _sandbox() -> Sandbox:
    return Sandbox(_order.limits, lifted={"all"} if _order.unsafe else ())


def _grade(student: Student) -> None:
    grade = grade_one(student)
    content = {"digest": _digest(_order, student, _lesson), "grade": asdict(grade)}
    write_whole(_result(_order, student, _lesson), json.dumps(content, indent=1) + "\n")


def grade_one(student: Student) -> Grade:
    """Grade a student's submission of the lesson that this process was prepared for."""
    try:
        path = submissions.find(_order.folder, student.id, _lesson)
        submission = submissions.read(path, _lesson)
    except SubmissionError as error:
        points = [Points(name, 0.0, 1.0, str(error), "", "") for name in _key]
        return Grade(student.id, _lesson.name, points, [str(error)])
    late = _order.due is not None and datetime.fromtimestamp(path.stat().st_mtime) > _order.due
    points = list(_points(submission, student))
    if _order.keys:
        points.append(_report(student, submission))
    return Grade(student.id, _lesson.name, points, submission.remarks, late)


def _points(submission: Submission, student: Student) -> Iterator[Points]:
    """Give the points of every exercise; leave a figure where there is one."""
    with Serving(_sandbox) as serving:
        for name, exercise in _key.items():
            answer = submission.answers[name]
            if not answer.strip():
                yield Points(name, 0.0, 1.0, "not attempted", exercise.way, "There is no answer.")
                continue
            sandbox = serving.sandbox(exercise.way)
            with fresh(_order.seed):
                judged = key.judge(exercise, sandbox, answer, submission.own[name])
            reason = plain(" ".join(judged.verdict.hints))
            share = round(judged.share, 2)
            alt = _figure(student, judged)
            yield Points(name, share, 1.0, judged.verdict.outcome, judged.way, reason, alt)


def _figure(student: Student, judged: key.Judged) -> str:
    """Write the figure of an answer, where it has one, and return its alt text."""
    if judged.compared is None:
        return ""
    picture, alt = comparison.picture(judged.exercise, *judged.compared)
    write_whole(figure_path(_order.out, student.id, judged.exercise), picture)
    return alt


def _report(student: Student, submission: Submission) -> Points:
    """Give the points for what the student says of their own run: the share of results that are the key's."""
    name = variants.REPORT.format(_lesson.number)
    with _sandbox() as sandbox:
        verdict, found = key.value(sandbox, name, submission.report, "reported")
    if verdict.outcome != "right" or not isinstance(found, dict):
        return Points(name, 0.0, 1.0, verdict.outcome, key.OUTSIDE, " ".join(verdict.hints))
    if all(value is ... for value in found.values()):
        return Points(name, 0.0, 1.0, "not attempted", key.OUTSIDE, "Nothing is written down.")
    expected = _results(student)
    right = [each for each, value in expected.items() if _agrees(found.get(each), *value)]
    wrong = [each for each in expected if each not in right]
    outcome = "wrong" if wrong else "right"
    reason = f"Not what your parameters give: {', '.join(wrong)}." if wrong else ""
    return Points(name, round(len(right) / len(expected), 2), 1.0, outcome, key.OUTSIDE, reason)


def _results(student: Student) -> dict[str, tuple[float, float]]:
    """Return what the student's run gives, and the last digit printed, from the key that `course assign` computed."""
    assert _order.keys is not None
    path = _order.keys / student.id / f"{_lesson.name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _agrees(found: Any, expected: float, last_digit: float) -> bool:
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    return is_number and abs(found - expected) <= last_digit


def _result(order: Order, student: Student, lesson: Lesson) -> Path:
    return order.out / "results" / student.id / f"{lesson.name}.json"


def _digest(order: Order, student: Student, lesson: Lesson) -> str:
    """Return what a grade depends on: the submission, the lesson, the seed, and the time it is due."""
    path = order.folder / student.id / f"{lesson.name}.ipynb"
    parts = [path.read_bytes() if path.is_file() and not path.is_symlink() else b"missing"]
    parts += [lesson.source.read_bytes(), str((order.seed, order.due, order.keys)).encode()]
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _stored(order: Order, student: Student, lesson: Lesson) -> Grade | None:
    """Return the grade that an earlier, equal grading has stored, if there is one."""
    path = _result(order, student, lesson)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if content["digest"] != _digest(order, student, lesson):
        return None
    grade = content["grade"]
    return Grade(**grade | {"points": [Points(**each) for each in grade["points"]]})
