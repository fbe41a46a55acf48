"""What a grading came to: points by exercise as CSV, also as Canvas and Moodle take them, and pages to read."""

import base64
import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from course.classroom.roster import Student
from course.classroom.submissions import plain
from course.files import write_whole
from course.runs.report import render

HERE = Path(__file__).parent
COLUMNS = ("student", "lesson", "exercise", "points", "of", "outcome", "judged", "reason")


@dataclass(frozen=True)
class Points:
    """The points for one exercise, and why: the hints, or what is wrong with the submission.

    `figure` is the alt text of the picture that shows it, "" where there is none.
    """

    exercise: str
    points: float
    of: float
    outcome: str
    judged: str
    reason: str
    figure: str = ""


@dataclass(frozen=True)
class Grade:
    """One student's submission of one lesson, graded."""

    student: str
    lesson: str
    points: list[Points]
    remarks: list[str] = field(default_factory=list)
    late: bool = False

    @property
    def total(self) -> float:
        return round(sum(each.points for each in self.points), 2)

    @property
    def of(self) -> float:
        return sum(each.of for each in self.points)


def write(grades: Sequence[Grade], students: Sequence[Student], out: Path) -> None:
    """Write gradebook.csv, canvas.csv, moodle.csv, a feedback page a student and summary.html into folder `out`.

    The pages hold the figures that the grading has left there.
    """

    def picture(grade: Grade, points: Points) -> str:
        path = figure_path(out, grade.student, points.exercise)
        return base64.b64encode(path.read_bytes()).decode()

    write_whole(out / "gradebook.csv", _csv(COLUMNS, _rows(grades)))
    write_whole(out / "canvas.csv", _canvas(grades, students))
    write_whole(out / "moodle.csv", _moodle(grades, students))
    by_student: dict[str, list[Grade]] = defaultdict(list)
    for grade in grades:
        by_student[grade.student].append(grade)
    for student in students:
        page = render(
            "feedback.html.j2",
            HERE,
            plain=plain,
            picture=picture,
            student=student,
            grades=by_student[student.id],
        )
        write_whole(out / "feedback" / f"{student.id}.html", page)
    summary = render(
        "summary.html.j2",
        HERE,
        plain=plain,
        grades=grades,
        students=students,
        exercises=_hardest(grades),
    )
    write_whole(out / "summary.html", summary)


def figure_path(out: Path, student: str, exercise: str) -> Path:
    """Return where the figure of an answer is kept."""
    return out / "results" / student / f"{exercise}.svg"


def _rows(grades: Iterable[Grade]) -> Iterable[list[Any]]:
    for grade in grades:
        for each in grade.points:
            row = asdict(each)
            yield [
                _cell({"student": grade.student, "lesson": grade.lesson, **row}[c]) for c in COLUMNS
            ]


def _cell(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula."""
    if isinstance(value, float):
        return f"{value:g}"
    text = plain(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t")) else text


def _canvas(grades: Sequence[Grade], students: Sequence[Student]) -> str:
    """Return the layout that Canvas imports: a column a lesson, and a second line with the points possible."""
    possible = {grade.lesson: grade.of for grade in grades}
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *possible]
    rows = [["Points Possible", "", "", "", "", *(f"{of:g}" for of in possible.values())]]
    totals = {(grade.student, grade.lesson): grade.total for grade in grades}
    for student in students:
        points = [f"{totals.get((student.id, lesson), 0):g}" for lesson in possible]
        section = _cell(student.columns.get("section", ""))
        rows.append([_cell(student.name), "", student.id, student.id, section, *points])
    return _csv(header, rows)


def _moodle(grades: Sequence[Grade], students: Sequence[Student]) -> str:
    """Return the layout that Moodle imports: the id number, and a column a lesson."""
    lessons = list({grade.lesson: None for grade in grades})
    totals = {(grade.student, grade.lesson): grade.total for grade in grades}
    rows = [
        [student.id, _cell(student.columns.get("email", ""))]
        + [f"{totals.get((student.id, lesson), 0):g}" for lesson in lessons]
        for student in students
    ]
    return _csv(["ID number", "Email address", *lessons], rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _hardest(grades: Sequence[Grade]) -> list[dict[str, Any]]:
    """Return by exercise how many answers were right, and which reasons came how often, the hardest first."""
    by_exercise: dict[str, list[Points]] = defaultdict(list)
    for grade in grades:
        for each in grade.points:
            by_exercise[each.exercise].append(each)
    found = []
    for name, points in by_exercise.items():
        reasons = Counter(each.reason for each in points if each.reason)
        right = sum(each.outcome == "right" for each in points)
        found.append(
            {"name": name, "right": right, "of": len(points), "reasons": reasons.most_common()}
        )
    return sorted(found, key=lambda each: (each["right"] / each["of"], each["name"]))
