"""A class is graded: each submission gets its points or is named, and nothing that a stranger wrote leaks."""

import csv
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from course import ROOT
from course.catalog import find
from course.classroom import gradebook, grading, sandbox, variants
from course.classroom.roster import Student
from course.learner.merge import exercise_of, handed_out

LESSON = find("01")
SOLUTIONS = {name: each.solution for name, each in LESSON.exercises.items()}
HOSTILE = "def mean_step(*_):\n    raise ValueError('\\x1b[31m<script>alert(1)</script>')"
FORGED = """import numpy as np
import course.exercises
course.exercises.expect = course.exercises.expect_close = lambda *_, **__: None
np.allclose = np.array_equal = lambda *_, **__: True


class Anything:
    def __eq__(self, other):
        return True


def mean_step(weights, X, y, learning_rate):
    print({"course": {"exercise": {"name": "01.1", "outcome": "right"}}})
    return weights * 0"""
KINDS = {
    "right": SOLUTIONS,
    "untouched": {},
    "wrong": SOLUTIONS | {"01.1": "def mean_step(w, X, y, rate):\n    return w"},
    "half": SOLUTIONS | {"01.3": "def diverged(log):\n    return False"},
    "hostile": SOLUTIONS | {"01.1": HOSTILE},
    "forged": SOLUTIONS | {"01.1": FORGED},
    "ends_python": SOLUTIONS | {"01.2": "import os\nos._exit(0)"},
    "ends_later": SOLUTIONS | {"01.2": "def mean_limit(X):\n    import os\n    os._exit(0)"},
    "syntax": SOLUTIONS | {"01.1": "def mean_step(:"},
    "helped": SOLUTIONS | {"01.1": "def mean_step(*a):\n    return helper(*a)"},
}

pytestmark = pytest.mark.skipif(
    sandbox.found() is None, reason="bubblewrap is not installed; install the package bubblewrap"
)


def notebook(answers):
    made = handed_out(nbformat.read(LESSON.notebook("learner"), as_version=4))
    for cell in made.cells:
        cell.source = answers.get(exercise_of(cell), cell.source)
    return made


def hand_in(folder, student, made):
    path = folder / student / f"{LESSON.name}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(made, path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Submissions of a class: one of each kind, and those that are no submission."""
    folder = tmp_path_factory.mktemp("class") / "submissions"
    for student, answers in KINDS.items():
        made = notebook(answers)
        if student == "helped":
            own = v4.new_code_cell(SOLUTIONS["01.1"].replace("mean_step", "helper"))
            made.cells.insert(3, own)
        hand_in(folder, student, made)
    odd = notebook(SOLUTIONS)
    odd.cells[5], odd.cells[6] = odd.cells[6], odd.cells[5]
    del odd.cells[-3]
    for count, cell in enumerate(each for each in odd.cells if each.cell_type == "code"):
        cell.execution_count = 100 - count
    hand_in(folder, "odd", odd)
    late = hand_in(folder, "late", notebook(SOLUTIONS))
    os.utime(late, (time.time(), time.time() + 7200))
    other = nbformat.read(find("02").notebook("learner"), as_version=4)
    hand_in(folder, "other_lesson", handed_out(other))
    hand_in(folder, "no_notebook", notebook({})).write_text("[1, 2")
    hand_in(folder, "huge", v4.new_notebook(cells=[v4.new_markdown_cell("x") for _ in range(3000)]))
    linked = folder / "linked" / f"{LESSON.name}.ipynb"
    linked.parent.mkdir()
    linked.symlink_to(folder / "right" / f"{LESSON.name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def students(folder):
    return [Student(path.name) for path in sorted(folder.iterdir())] + [Student("missing")]


@pytest.fixture(scope="module")
def graded(folder, students):
    """The grades by student, and the folder with the pages."""
    out = folder.parent / "grades"
    due = datetime.now() + timedelta(hours=1)
    limits = sandbox.Limits(wall=5)
    order = grading.Order(folder, out, grading.seed(out, 7), due=due, limits=limits)
    grades = list(grading.grade_all(order, students, [LESSON], jobs=2))
    gradebook.write(grades, students, out)
    return {grade.student: grade for grade in grades}, out, order


def outcomes(grade):
    return {each.exercise: each.outcome for each in grade.points}


ALL_RIGHT = dict.fromkeys(SOLUTIONS, "right")


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        ("right", ALL_RIGHT),
        ("untouched", dict.fromkeys(SOLUTIONS, "not attempted")),
        ("wrong", ALL_RIGHT | {"01.1": "wrong"}),
        ("half", ALL_RIGHT | {"01.3": "wrong"}),
        ("hostile", ALL_RIGHT | {"01.1": "broken"}),
        ("forged", ALL_RIGHT | {"01.1": "wrong"}),
        ("ends_python", ALL_RIGHT | {"01.2": "broken"}),
        ("ends_later", ALL_RIGHT | {"01.2": "broken"}),
        ("syntax", ALL_RIGHT | {"01.1": "broken"}),
        ("helped", ALL_RIGHT),
        ("late", ALL_RIGHT),
        ("odd", ALL_RIGHT),
    ],
)
def test_each_answer_gets_its_outcome_and_points(graded, student, expected):
    grade = graded[0][student]
    assert outcomes(grade) == expected
    for each in grade.points:
        full = {"right": [1.0], "not attempted": [0.0]}
        assert each.points in full.get(each.outcome, [each.points])
        assert 0 <= each.points <= 1
        assert each.judged == "outside"


def test_part_of_the_points_is_for_the_expectations_that_hold(graded):
    by_name = {each.exercise: each for each in graded[0]["half"].points}
    assert 0.3 < by_name["01.3"].points < 1
    assert by_name["01.3"].reason


@pytest.mark.parametrize(
    ("student", "says"),
    [
        ("missing", "missing"),
        ("other_lesson", "is a notebook of 02_regression, not of 01_gradient_descent"),
        ("no_notebook", "is not a notebook"),
        ("huge", "has 3000 cells; at most 2000"),
        ("linked", "is a link, not a file"),
    ],
)
def test_what_cannot_be_graded_is_named_and_gets_nothing(graded, student, says):
    grade = graded[0][student]
    assert grade.remarks == [says]
    assert grade.total == 0
    assert {each.outcome for each in grade.points} == {says}


def test_what_an_instructor_should_know_is_said(graded):
    grades, out, _ = graded
    assert grades["late"].late
    assert not grades["right"].late
    assert grades["odd"].remarks == [
        "1 cells of the lesson are deleted",
        "cells are reordered",
        "cells were run out of order",
    ]
    assert "odd, 01_gradient_descent: 1 cells of the lesson are deleted" in (
        out / "summary.html"
    ).read_text(encoding="utf-8")


def test_the_gradebook_has_a_row_an_exercise_and_the_other_layouts_the_same_totals(
    graded, students
):
    grades, out, _ = graded
    with (out / "gradebook.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * len(students)
    totals = {student.id: grades[student.id].total for student in students}
    with (out / "canvas.csv").open(newline="") as file:
        header, possible, *lines = csv.reader(file)
    assert (header[-1], possible[-1]) == (LESSON.name, "4")
    assert {line[2]: float(line[-1]) for line in lines} == totals
    with (out / "moodle.csv").open(newline="") as file:
        assert {row["ID number"]: float(row[LESSON.name]) for row in csv.DictReader(file)} == totals


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.names = set()

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)


def test_what_a_stranger_wrote_steers_no_page_and_no_terminal(graded):
    _, out, _ = graded
    page = (out / "feedback" / "hostile.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(page)
    assert "script" not in tags.names
    assert "alert(1)" in page
    for path in out.rglob("*.*"):
        if path.is_file() and path.suffix in {".html", ".csv"}:
            assert "\x1b" not in path.read_text(encoding="utf-8")


def everything(out):
    return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_grading_twice_gives_the_same_bytes(graded, folder, students):
    grades, out, order = graded
    again = out.parent / "again"
    second = grading.Order(folder, again, 7, due=order.due, limits=order.limits)
    some = [student for student in students if student.id in ("right", "wrong", "half", "hostile")]
    found = list(grading.grade_all(second, some, [LESSON], jobs=1))
    assert found == [grades[student.id] for student in some]
    for student in some:
        name = Path("results", student.id, f"{LESSON.name}.json")
        assert (
            json.loads((again / name).read_text())["grade"]
            == json.loads((out / name).read_text())["grade"]
        )


def test_what_is_graded_is_not_graded_again_unless_it_has_changed(graded, students, monkeypatch):
    _, out, order = graded
    before = everything(out / "results")

    def never(*_, **__):
        raise AssertionError("graded again")

    monkeypatch.setattr(grading, "ProcessPoolExecutor", never)
    list(grading.grade_all(order, students, [LESSON], jobs=1))
    assert everything(out / "results") == before
    changed = grading.Order(order.folder, out, 8, due=order.due, limits=order.limits)
    with pytest.raises(AssertionError, match="graded again"):
        list(grading.grade_all(changed, students, [LESSON], jobs=1))


def test_a_grading_keeps_its_seed(tmp_path):
    first = grading.seed(tmp_path)
    assert grading.seed(tmp_path) == first
    assert grading.seed(tmp_path / "other") != first
    assert grading.seed(tmp_path, 5) == 5


def test_variants_follow_from_course_student_and_lesson_alone():
    ours = variants.parameters("ml", "ann", LESSON)
    assert variants.parameters("ml", "ann", LESSON) == ours
    others = [("ml", "bob", LESSON), ("ml2", "ann", LESSON), ("ml", "ann", find("02"))]
    assert all(variants.parameters(*each)["seed"] != ours["seed"] for each in others)


def test_a_variant_is_the_learners_notebook_with_other_values_and_one_question():
    made = variants.notebook("ml", Student("ann"), LESSON, fast=True)
    seed = variants.parameters("ml", "ann", LESSON)["seed"]
    given = handed_out(nbformat.read(LESSON.notebook("learner"), as_version=4))
    ours = {cell.id: cell.source for cell in made.cells}
    theirs = {cell.id: cell.source for cell in given.cells}
    changed = {key for key in theirs if ours[key] != theirs[key]}
    (parameters,) = changed
    assert f"seed: int = {seed}  # " in ours[parameters]
    assert "fast: bool = True  # " in ours[parameters]
    added = ours.keys() - theirs.keys()
    assert added == {"01-report", "01-report-text"}
    names = variants.asked(LESSON, "fast")
    assert len(names) == 3
    assert all(f'"{name}": ...' in ours["01-report"] for name in names)


def test_the_command_refuses_what_it_cannot_grade(tmp_path):
    roster = tmp_path / "roster.csv"
    roster.write_text("student\nann\n../bob\n")
    program = [sys.executable, "-c", "from course.cli.main import main; main()", "grade"]
    done = subprocess.run(
        [*program, str(tmp_path), "--roster", str(roster), "--out", str(tmp_path / "out")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "line 3: '../bob' cannot name a folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
