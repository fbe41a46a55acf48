"""nbgrader itself releases, grades, explains and exports the course: in an environment of its own, .nbgrader."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from course import ROOT
from course.catalog import all_lessons, find
from course.classroom import nbgrader
from course.cli.main import app
from course.learner.merge import exercise_of

PROGRAM = ROOT / ".nbgrader" / "bin" / "nbgrader"
INSTALL = "python3 -m venv .nbgrader && .nbgrader/bin/python -m pip install nbgrader"
LESSON = find("01")
WRONG = {"01.1": "def mean_step(weights, X, y, learning_rate):\n    return weights * 0"}
SUBMITTED = {
    "untouched": {},
    "right": {name: each.solution for name, each in LESSON.exercises.items()},
    "one_wrong": {name: each.solution for name, each in LESSON.exercises.items()} | WRONG,
    "edited_checks": WRONG,
}


@pytest.fixture(scope="module")
def grader(tmp_path_factory):
    """A function that runs nbgrader in a course folder with lesson 01 released; the kernel is that of the course."""
    if not PROGRAM.exists():
        pytest.skip(f"nbgrader is not installed; install it: {INSTALL}")
    folder = tmp_path_factory.mktemp("nbgrader")
    kernels = tmp_path_factory.mktemp("kernels")
    install = [sys.executable, "-m", "ipykernel", "install", "--name", "python3"]
    subprocess.run([*install, "--prefix", kernels], check=True, capture_output=True)
    environment = os.environ | {
        "JUPYTER_PATH": str(kernels / "share" / "jupyter"),
        "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}",  # it calls alembic by name
    }
    nbgrader.write("course", [LESSON], folder)

    def run(*arguments):
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )

    run("generate_assignment", LESSON.name)
    run.folder = folder
    return run


def released(grader):
    path = grader.folder / "release" / LESSON.name / f"{LESSON.name}.ipynb"
    return nbformat.read(path, as_version=4)


def test_the_released_stubs_are_those_that_learners_know(grader):
    given = nbformat.read(LESSON.notebook("learner"), as_version=4)
    ours = {exercise_of(cell): cell.source for cell in given.cells if exercise_of(cell)}
    theirs = {
        exercise_of(cell): cell.source for cell in released(grader).cells if exercise_of(cell)
    }
    assert theirs == ours
    assert len(theirs) == 4


def test_untouched_wrong_right_and_edited_submissions_get_their_points(grader):
    for student, answers in SUBMITTED.items():
        notebook = released(grader)
        for cell in notebook.cells:
            cell.source = answers.get(exercise_of(cell), cell.source)
            if student == "edited_checks" and cell.source.startswith("# Run this cell to check"):
                cell.source = "print('Exercise: right.')"
        path = grader.folder / "submitted" / student / LESSON.name / f"{LESSON.name}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    grader("autograde", LESSON.name)
    grader("generate_feedback", LESSON.name)
    grader("export")
    with (grader.folder / "grades.csv").open(newline="") as file:
        points = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    assert points == {"untouched": 0, "right": 4, "one_wrong": 3, "edited_checks": 0}
    page = grader.folder / "feedback" / "one_wrong" / LESSON.name / f"{LESSON.name}.html"
    assert "Exercise 01.1: wrong." in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [lesson.number for lesson in all_lessons()])
def test_the_marks_enclose_just_what_the_stub_leaves_out(number):
    lesson = find(number)
    solved = nbgrader.source(lesson)
    given = nbformat.read(lesson.notebook("learner"), as_version=4)
    stubs = [
        # nbgrader's own stub comes below the name of a value that is asked for
        re.sub(r"(?m)^(\w+ = \.\.\.  # your code here)$", r"\1\n...  # your code here", cell.source)
        for cell in given.cells
        if exercise_of(cell)
    ]
    cleared = []
    for cell in solved.cells:
        if not exercise_of(cell):
            continue
        lines = []
        inside = False
        for line in cell.source.splitlines():
            if line.strip() == nbgrader.BEGIN:
                inside = True
                lines.append(line.replace(nbgrader.BEGIN, "...  # your code here"))
            elif line.strip() == nbgrader.END:
                inside = False
            elif not inside:
                lines.append(line)
        cleared.append("\n".join(lines))
    assert cleared == stubs
    assert all(not cell.get("outputs") for cell in solved.cells)


def test_the_folder_of_an_nbgrader_course_is_written_whole(tmp_path):
    paths = nbgrader.write("ml-101", [find("02")], tmp_path)
    assert [path.relative_to(tmp_path) for path in paths] == [
        Path("source/02_regression/02_regression.ipynb")
    ]
    assert "course_id = 'ml-101'" in (tmp_path / "nbgrader_config.py").read_text()
    shutil.rmtree(tmp_path / "source")
    assert nbgrader.write("ml-101", [find("02")], tmp_path) == paths
    assert paths[0].exists()


def test_what_an_instructor_has_changed_is_kept(tmp_path):
    def release(lesson, *options):
        return CliRunner().invoke(app, ["release", lesson, "--out", str(tmp_path), *options])

    configuration = tmp_path / "nbgrader_config.py"
    assert release("02", "--course", "ml-2027").output.count("\n") == 1
    changed = configuration.read_text() + "c.Exchange.root = '/srv/exchange'\n"
    configuration.write_text(changed)
    assert f"{configuration}: is kept as it was\n" in release("03").output
    assert configuration.read_text() == changed
    [edited] = tmp_path.glob("source/02*/*.ipynb")
    given = edited.read_text()
    edited.write_text(given.replace("Regression", "My regression"))
    [other] = tmp_path.glob("source/03*/*.ipynb")
    other.unlink()
    refused = release("02..03")
    assert refused.exit_code == 2
    assert f"{edited}: differs from what would be written; --replace" in refused.stderr
    assert not other.exists()
    assert release("02..03", "--replace").exit_code == 0
    assert (edited.read_text(), configuration.read_text()) == (given, changed)
