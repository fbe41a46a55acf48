"""A class is graded: each submission gets its points or is named, and nothing that a stranger wrote leaks."""

import base64
import csv
import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import psutil
import pytest
from nbformat import v4

from course import ROOT, drawn, exercises, figure
from course.authoring import slice, source
from course.catalog import LessonError, all_lessons, find
from course.classroom import comparison, gradebook, grading, sandbox, submissions, variants
from course.classroom.roster import Student
from course.learner.merge import exercise_of, handed_out
from course.parameters import check

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
SVG = "{http://www.w3.org/2000/svg}"
KINDS = {
    "right": SOLUTIONS,
    "untouched": {},
    "wrong": SOLUTIONS | {"01.1": "def mean_step(w, X, y, rate):\n    return w"},
    "half": SOLUTIONS | {"01.3": "def diverged(log):\n    return log[-1] > log[0]"},
    "hostile": SOLUTIONS | {"01.1": HOSTILE},
    "forged": SOLUTIONS | {"01.1": FORGED},
    "ends_python": SOLUTIONS | {"01.2": "import os\nos._exit(0)"},
    "ends_later": SOLUTIONS | {"01.2": "def mean_limit(X):\n    import os\n    os._exit(0)"},
    "syntax": SOLUTIONS | {"01.1": "def mean_step(:"},
    "chained": SOLUTIONS
    | {
        "01.1": f"{SOLUTIONS['01.1']}\n\n\ndef first(log):\n    return log[0]",
        "01.3": "def diverged(log):\n    return not log[-1] <= first(log)",
    },
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
    content = {"cells": [{}] * 1_000_000, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    hand_in(folder, "huge", notebook({})).write_text(json.dumps(content))
    forged = notebook(SOLUTIONS)
    for cell in forged.cells:
        cell.metadata["nbgrader"] = "solution"
    hand_in(folder, "forged_metadata", forged)
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
        ("chained", ALL_RIGHT),
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
        ("forged_metadata", "is not a notebook"),
        ("huge", "has 1000000 cells; at most 2000"),
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
        self.pictures = []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        if tag == "img":
            self.pictures.append(dict(attrs))


def test_a_wrong_answer_has_a_figure_on_its_page_that_says_what_it_shows(graded):
    grades, out, _ = graded
    [points] = [each for each in grades["wrong"].points if each.figure]
    assert points.exercise == "01.1"
    assert "numbers, from inputs drawn at random, lie on the line" in points.figure
    pages = {}
    for student in ("wrong", "right", "hostile"):
        pages[student] = Tags()
        pages[student].feed((out / "feedback" / f"{student}.html").read_text(encoding="utf-8"))
    assert not pages["right"].pictures
    assert not pages["hostile"].pictures  # it gives no number
    [picture] = pages["wrong"].pictures
    assert picture["alt"] == points.figure
    content = base64.b64decode(picture["src"].removeprefix("data:image/svg+xml;base64,"))
    drawing = ElementTree.fromstring(content)
    assert len(drawing.findall(f"{SVG}g/{SVG}circle")) == int(count(points.figure))


def count(alt):
    """How many numbers a figure shows, as its alt text says."""
    return re.search(r"of (\d+) numbers", alt)[1]


def test_a_figure_has_each_number_in_its_place_on_round_axes():
    expected = np.array([-1.0, 0.0, 3.0])
    found = np.array([-2.0, 0.0, 6.0])
    made, alt = comparison.picture("01.1", found, expected)
    assert "1 of 3 numbers" in alt
    drawing = ElementTree.fromstring(made)
    below = [text for text in drawing.findall(f"{SVG}text") if text.get("y") == "282"]
    marks = {text.text: float(text.get("x")) for text in below}
    dots = drawing.findall(f"{SVG}g/{SVG}circle")
    for dot, value in zip(dots, expected, strict=True):
        by_axis = marks["0"] + value * (marks["2"] - marks["0"]) / 2
        assert float(dot.get("cx")) == pytest.approx(by_axis, abs=0.2)
    assert {figure.GREY, figure.COLORS[1]} <= {each.get("stroke") for each in drawing} | {
        each.get("fill") for each in drawing
    }


@pytest.mark.parametrize("scale", [1e-9, 0.3, 7.0, 1e11])
@pytest.mark.parametrize("shift", [0.0, -1.0, 1000.0])
def test_the_numbers_of_an_axis_are_few_round_and_where_they_say(scale, shift):
    shown = [scale * (shift - 1), scale * (shift + 2)]
    axis = comparison.Axis(shown)
    ticks = axis.ticks()
    assert 2 <= len(ticks) <= comparison.TICKS + 1
    assert len({text for _, text in ticks}) == len(ticks)
    for place, text in ticks:
        assert 0 <= place <= 1
        low, high = (axis.place(each) for each in shown)
        by_place = shown[0] + (place - low) / (high - low) * (shown[1] - shown[0])
        assert float(text) == pytest.approx(by_place, rel=1e-9, abs=1e-9 * scale)


def test_the_numbers_of_a_figure_are_those_of_both_on_the_same_inputs():
    space = slice.namespace(source.read(LESSON.name), "01.1")
    judging = exercises.judging(LESSON.exercises["01.1"], space)
    found, expected = comparison.compare(judging, lambda weights, X, y, rate: weights)
    draws = [_inputs(rng) for rng in drawn.generators(drawn.TRIED)]
    steps = [w + rate * 2 / len(y) * X.T @ (y - X @ w) for w, X, y, rate in draws]
    assert np.allclose(expected, np.concatenate(steps))
    assert np.allclose(found, np.concatenate([weights for weights, *_ in draws]))
    right = comparison.compare(judging, judging.trial().reference)
    assert right is None
    assert comparison.compare(judging, lambda *_: "no number") is None


def _inputs(rng):
    """The inputs of exercise 01.1, as its check draws them."""
    rows, columns = rng.integers(1, 7, 2)
    X, y = rng.normal(size=(rows, columns)), rng.normal(size=rows)
    return rng.normal(size=columns), X, y, rng.uniform(0.1, 1)


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


def test_a_page_would_be_steered_if_what_a_stranger_wrote_were_taken_as_it_is(
    tmp_path, monkeypatch
):
    red = gradebook.Points("01.1", 0.0, 1.0, "broken", "outside", "ValueError: \x1b[31mred")
    pages = []
    for plain in (gradebook.plain, str):
        monkeypatch.setattr(gradebook, "plain", plain)
        grade = gradebook.Grade("hostile", LESSON.name, [red])
        gradebook.write([grade], [Student("hostile")], tmp_path)
        pages.append((tmp_path / "gradebook.csv").read_text(encoding="utf-8"))
    assert ["\x1b" in page for page in pages] == [False, True]


def test_a_notebook_of_many_cells_would_be_read_if_nothing_stopped_it(tmp_path, monkeypatch):
    made = notebook({})
    made.cells += [v4.new_markdown_cell("x") for _ in range(3000)]
    path = hand_in(tmp_path, "many", made)
    with pytest.raises(submissions.SubmissionError, match="at most 2000"):
        submissions.read(path, LESSON)
    monkeypatch.setattr(submissions, "MOST_CELLS", 10_000)
    assert submissions.read(path, LESSON).answers.keys() == SOLUTIONS.keys()


def everything(out):
    return {
        str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()
    }


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


def test_a_grading_that_is_killed_leaves_nobody_behind_and_goes_on(tmp_path):
    folder = tmp_path / "submissions"
    names = ["ann", "bob", "cid", "dan"]
    for student in names:
        hand_in(folder, student, notebook(SOLUTIONS))
    roster = tmp_path / "roster.csv"
    roster.write_text("\n".join(["student", *names]))
    command = [sys.executable, "-c", "from course.cli.main import main; main()", "grade"]
    command += [str(folder), "--roster", str(roster), "--seed", "7", "--jobs", "1", "--out"]
    out = tmp_path / "killed"
    process = subprocess.Popen([*command, str(out)], cwd=ROOT)
    while not (early := list(out.glob("results/*/*.json"))):
        assert process.poll() is None
        time.sleep(0.02)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, left = psutil.wait_procs(family, timeout=60)
    assert not left
    before = {path: path.stat().st_mtime_ns for path in early}
    subprocess.run([*command, str(out)], cwd=ROOT, check=True)
    subprocess.run([*command, str(tmp_path / "whole")], cwd=ROOT, check=True)
    assert before == {path: path.stat().st_mtime_ns for path in early}
    assert everything(out) == everything(tmp_path / "whole")


ENDLESS = """
import os, subprocess
child = subprocess.Popen(["sleep", "600"])
with open({path!r} + ".part", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
os.rename({path!r} + ".part", {path!r})
while True: pass
"""


def test_an_endless_answer_without_a_sandbox_ends_with_a_grading_that_is_killed(tmp_path):
    told = tmp_path / "told"
    endless = ENDLESS.format(path=str(told))
    hand_in(tmp_path / "submissions", "ann", notebook(SOLUTIONS | {"01.1": endless}))
    roster = tmp_path / "roster.csv"
    roster.write_text("student\nann")
    command = [
        sys.executable,
        "-c",
        "from course.cli.main import main; main()",
        "grade",
        "--unsafe",
    ]
    command += [
        str(tmp_path / "submissions"),
        "--roster",
        str(roster),
        "--out",
        str(tmp_path / "out"),
    ]
    with subprocess.Popen(command, cwd=ROOT) as process:
        while not told.exists():
            assert process.poll() is None
            time.sleep(0.02)
        family = [psutil.Process(int(pid)) for pid in told.read_text().split()]
        process.kill()
    _, left = psutil.wait_procs(family, timeout=60)
    for each in left:
        each.kill()
    assert not left


def test_a_grading_keeps_its_seed(tmp_path):
    first = grading.seed(tmp_path)
    assert grading.seed(tmp_path) == first
    assert grading.seed(tmp_path / "other") != first
    assert grading.seed(tmp_path, 5) == 5


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "null", '{"seed": "x"}', '{"seed": -1}', "\xff"]
)
def test_a_damaged_seed_is_refused_by_name(content, tmp_path):
    (tmp_path / "grading.json").write_text(content, encoding="latin-1")
    with pytest.raises(LessonError, match=r"grading\.json: is damaged; --seed N gives a seed anew"):
        grading.seed(tmp_path)
    assert grading.seed(tmp_path, 5) == 5
    assert grading.seed(tmp_path) == 5


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"digest": 1}', "\xff"])
def test_a_damaged_result_is_no_result(content, tmp_path):
    order = grading.Order(tmp_path / "submissions", tmp_path, 5)
    task = grading.Task(LESSON, order, dict.fromkeys(LESSON.exercises), Student("bob"))
    grading._grade(task)
    assert grading._stored(order, task.student, LESSON) == grading.grade_one(task)
    path = tmp_path / "results" / "bob" / f"{LESSON.name}.json"
    path.write_text(content, encoding="latin-1")
    assert grading._stored(order, task.student, LESSON) is None


def test_variants_follow_from_course_student_and_lesson_alone():
    ours = variants.parameters("ml", "ann", LESSON)
    assert variants.parameters("ml", "ann", LESSON) == ours
    others = [("ml", "bob", LESSON), ("ml2", "ann", LESSON), ("ml", "ann", find("02"))]
    assert all(variants.parameters(*each)["seed"] != ours["seed"] for each in others)


def test_a_variant_has_one_of_the_values_that_the_header_lists():
    listed = LESSON.header["vary"]["noise"]
    found = {variants.parameters("ml", f"s{number}", LESSON)["noise"] for number in range(40)}
    assert found == set(listed)


@pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.number)
def test_every_value_of_a_variant_is_one_that_its_lesson_allows(lesson):
    for number in range(10):
        values = variants.parameters("ml", f"s{number}", lesson)
        assert values == check(lesson.parameters, values)
        assert values.keys() == {"seed", *lesson.header.get("vary", {})}


def test_a_variant_is_the_learners_notebook_with_other_values_and_one_question():
    ann = Student("ann")
    made = variants.notebook(ann, LESSON, variants.variant("ml", ann, LESSON, full=False))
    seed = variants.parameters("ml", "ann", LESSON)["seed"]
    given = handed_out(nbformat.read(LESSON.notebook("learner"), as_version=4))
    ours = {cell.id: cell.source for cell in made.cells}
    theirs = {cell.id: cell.source for cell in given.cells}
    changed = {key for key in theirs if ours[key] != theirs[key]}
    (parameters,) = changed
    assert f"seed: int = {seed}  # " in ours[parameters]
    noise = variants.parameters("ml", "ann", LESSON)["noise"]
    assert f"noise: float = {noise}  # " in ours[parameters]
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
