"""What one student hands in, or lacks, ends nobody else's grading: it is named, and the class has its gradebook."""

import contextlib
import csv
import os
from datetime import UTC, datetime, timedelta

import nbformat
import pytest
from nbformat import v4
from typer.testing import CliRunner

from course.catalog import find
from course.classroom import gradebook, grading, key, sandbox, submissions
from course.classroom.roster import Student
from course.classroom.sandbox import Limits
from course.cli import main
from course.files import write_whole
from course.learner.merge import exercise_of, handed_out
from course.runs import folder

LESSON = find("01")
SOLUTIONS = {name: each.solution for name, each in LESSON.exercises.items()}
HALF = "\ud83d"  # of an emoji: no encoding has it
RUN = "01.run"

pytestmark = pytest.mark.skipif(
    sandbox.found() is None, reason="bubblewrap is not installed; install the package bubblewrap"
)


def notebook(answers, report="reported = {'01.limit_off': 1.5}"):
    """A student's notebook, with a cell of the own run; an own cell where `answers` has a text by the name "own"."""
    made = handed_out(nbformat.read(LESSON.notebook("learner"), as_version=4))
    for cell in made.cells:
        cell.source = answers.get(exercise_of(cell), cell.source)
    if "own" in answers:
        made.cells.insert(3, v4.new_code_cell(answers["own"]))
    made.cells.append(v4.new_code_cell(report, metadata={"tags": ["report"]}))
    return made


@pytest.fixture
def class_of(tmp_path):
    """Grades a class in which Ada is right: the other hands in what is given. Gives grades and rows by student."""

    def grade(other, *, own_key='{"01.limit_off": [1.5, 0.01]}'):
        submitted = tmp_path / "submissions"
        for student, made in {"ada": notebook(SOLUTIONS), "bob": other}.items():
            if made:
                path = submitted / student / f"{LESSON.name}.ipynb"
                write_whole(path, nbformat.writes(made, ensure_ascii=True))
            content = '{"01.limit_off": [1.5, 0.01]}' if student == "ada" else own_key
            if content is not None:
                write_whole(tmp_path / "keys" / student / f"{LESSON.name}.json", content)
        out = tmp_path / "out"
        order = grading.Order(submitted, out, 7, keys=tmp_path / "keys", limits=Limits(wall=5))
        students = [Student("ada"), Student("bob")]
        grades = list(grading.grade_all(order, students, [LESSON], jobs=1))
        gradebook.write(grades, students, out)
        with (out / "gradebook.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert grades[0].total == 5
        return out, {row["exercise"]: row for row in rows if row["student"] == "bob"}

    return grade


@pytest.mark.parametrize(
    ("answers", "report", "exercise", "outcome"),
    [
        ({}, "reported = {'01.limit_off': 10**400}", RUN, "wrong"),
        ({"01.1": rf"raise ValueError('{HALF}')"}, "", "01.1", "broken"),
        ({"01.1": r"raise ValueError('\ud83d' * 10_000)"}, "", "01.1", "broken"),
        ({"own": f"x = '{HALF}'"}, "reported = {'01.limit_off': 1.5}", RUN, "right"),
        ({}, r"raise ValueError('\ud83d')", RUN, "broken"),
    ],
)
def test_odd_work_is_graded_and_all_others_too(class_of, answers, report, exercise, outcome):
    out, rows = class_of(notebook(SOLUTIONS | answers, report))
    assert rows[exercise]["outcome"] == outcome
    assert {"ada", "bob"} == {page.stem for page in (out / "feedback").iterdir()}


@pytest.mark.parametrize("own_key", [None, ""])
def test_who_has_no_key_is_named_and_keeps_the_points_of_the_exercises(class_of, own_key):
    _, rows = class_of(notebook(SOLUTIONS, "reported = {'01.limit_off': 1.5}"), own_key=own_key)
    assert (rows[RUN]["outcome"], rows[RUN]["points"]) == ("no key", "0")
    assert "course assign" in rows[RUN]["reason"]
    assert {rows[name]["points"] for name in SOLUTIONS} == {"1"}


def test_a_notebook_of_a_lesson_whose_name_cannot_be_written_is_named(class_of):
    made = v4.new_notebook(metadata={"course": {"lesson": HALF * 5000}})
    _, rows = class_of(made)
    assert rows["01.1"]["outcome"].startswith(r"is a notebook of \ud83d")
    assert len(rows["01.1"]["outcome"]) < 2500


def test_whatever_goes_wrong_with_one_submission_is_a_grade_that_names_it(tmp_path, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError("by what nobody thought of")

    monkeypatch.setattr(submissions, "read", fails)
    monkeypatch.setattr(submissions, "find", fails)
    exercises = {name: key.ExerciseKey(text, "") for name, text in LESSON.exercises.items()}
    order = grading.Order(tmp_path, tmp_path / "out", 7, keys=tmp_path)
    grading._grade(grading.Task(LESSON, order, exercises, Student("bob")))
    grade = grading._stored(order, Student("bob"), LESSON)
    says = "cannot be graded: ZeroDivisionError: by what nobody thought of"
    assert {each.outcome for each in grade.points} == {says}
    assert grade.remarks == [says]
    assert (grade.total, grade.of) == (0, 5)


@pytest.mark.parametrize(
    "error", [sandbox.SandboxError("no bwrap"), OSError("no space left"), MemoryError()]
)
def test_what_ails_the_machine_is_nobodys_grade(tmp_path, monkeypatch, error):
    def fails(*_):
        raise error

    monkeypatch.setattr(submissions, "find", fails)
    order = grading.Order(tmp_path, tmp_path / "out", 7)
    with pytest.raises(type(error)):
        grading._grade(grading.Task(LESSON, order, {}, Student("bob")))
    assert not (tmp_path / "out").exists()


class Replying:
    """Stands for a sandbox whose process replies what a student has thought of."""

    limits = Limits()

    def __init__(self, reply):
        self.reply = reply

    def ask(self, request, **_):
        return {"answers": {}} | self.reply | {"token": request.get("token")}


INSIDE = key.ExerciseKey(find("05").exercises["05.4"], "", key.INSIDE, 9)


@pytest.mark.parametrize("met", ["x", float("inf"), float("nan"), None, [1]])
def test_a_count_that_is_no_number_is_no_reply(met):
    reply = {"outcome": "wrong", "hints": [], "met": met}
    judged = key.judge(INSIDE, Replying(reply), "", [])
    assert (judged.verdict.outcome, judged.share) == ("broken", 0)
    assert judged.verdict.hints == ("Your answer was stopped: its reply is no reply",)


@pytest.mark.parametrize(("met", "share"), [(-(10**6), 0), (10**400, 8 / 9)])
def test_a_count_that_cannot_be_gives_no_more_than_there_is(met, share):
    reply = {"outcome": "wrong", "hints": [], "met": met}
    assert key.judge(INSIDE, Replying(reply), "", []).share == share


def test_an_outcome_that_there_is_not_is_no_reply():
    judged = key.judge(INSIDE, Replying({"outcome": "RIGHT", "hints": [], "met": 9}), "", [])
    assert judged.verdict.outcome == "broken"


def test_who_has_handed_in_nothing_has_a_row_for_each_point_that_there_is(class_of):
    out, rows = class_of(None)
    assert rows.keys() == {*SOLUTIONS, RUN}
    assert {row["outcome"] for row in rows.values()} == {"missing"}
    lines = (out / "canvas.csv").read_text().splitlines()
    assert lines[1] == "Points Possible,,,,,5"


EVENING = datetime(2027, 3, 1, 23, tzinfo=UTC)


@pytest.fixture
def handed_in(tmp_path):
    """A submission without answers, changed at 23:00 UTC; gives its path."""
    path = tmp_path / "bob" / f"{LESSON.name}.ipynb"
    write_whole(path, nbformat.writes(notebook({})))
    os.utime(path, (EVENING.timestamp(), EVENING.timestamp()))
    return path


def is_late(path, due):
    order = grading.Order(path.parents[1], path.parents[2], 7, due=due)
    return grading.grade_one(grading.Task(LESSON, order.from_anywhere(), {}, Student("bob"))).late


@pytest.fixture
def in_zone(monkeypatch):
    """Puts this process into a time zone."""
    import time

    def put(zone):
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield put
    monkeypatch.undo()
    time.tzset()


def test_what_is_late_is_so_by_the_clock_of_whoever_asks_in_whatever_zone_it_is_graded(
    handed_in, in_zone
):
    in_zone("UTC")
    order = grading.Order(handed_in.parents[1], handed_in.parents[2], 7)
    due = [EVENING.replace(tzinfo=None) + timedelta(minutes=each) for each in (-1, 1)]
    orders = [grading.Order(order.folder, order.out, 7, due=each).from_anywhere() for each in due]
    for zone in ("UTC", "Europe/Berlin", "America/Los_Angeles"):
        in_zone(zone)
        tasks = [grading.Task(LESSON, each, {}, Student("bob")) for each in orders]
        assert [grading.grade_one(each).late for each in tasks] == [True, False], zone


def test_a_file_whose_time_was_put_right_is_not_late_any_more(handed_in):
    due = EVENING - timedelta(hours=1)
    order = grading.Order(handed_in.parents[1], handed_in.parents[2], 7, due=due)
    grading._grade(grading.Task(LESSON, order, {}, Student("bob")))
    assert grading._stored(order, Student("bob"), LESSON).late
    early = due.timestamp() - 60
    os.utime(handed_in, (early, early))
    assert grading._stored(order, Student("bob"), LESSON) is None


@pytest.mark.parametrize(
    ("report", "outcome", "reason"),
    [
        ("", "not attempted", "Nothing is written down."),
        ("reported = ...", "not attempted", "Nothing is written down."),
        ("reported = {'01.limit_off': ...}", "not attempted", "Nothing is written down."),
        ("reported = [1.5]", "broken", "`reported` is no dictionary."),
        (
            "reported = {'01.limit_off': 1.6}",
            "wrong",
            "Not what your parameters give: 01.limit_off.",
        ),
    ],
)
def test_a_report_without_points_is_not_right(class_of, report, outcome, reason):
    _, rows = class_of(notebook(SOLUTIONS, report))
    row = rows[RUN]
    assert (row["outcome"], row["points"], row["reason"]) == (outcome, "0", reason)


def test_who_saves_after_they_were_graded_keeps_nobody_from_the_gradebook(tmp_path, monkeypatch):
    submitted = tmp_path / "submissions"
    students = [Student("ada"), Student("bob")]
    for student in students:
        path = submitted / student.id / f"{LESSON.name}.ipynb"
        write_whole(path, nbformat.writes(notebook(SOLUTIONS)))
    order = grading.Order(submitted, tmp_path / "out", 7, limits=Limits(wall=5))
    tasks = []

    def run(function, some):
        for task in some:
            yield function(task)
            if isinstance(task, grading.Task):
                tasks.append(task)
                path = submitted / task.student.id / f"{LESSON.name}.ipynb"
                write_whole(path, nbformat.writes(notebook({})))

    monkeypatch.setattr(grading, "_here", lambda jobs: contextlib.nullcontext(run))
    grades = list(grading.grade_all(order, students, [LESSON], jobs=1))
    assert [(each.student, each.total) for each in grades] == [("ada", 4), ("bob", 4)]
    again = list(grading.grade_all(order, students, [LESSON], jobs=1))
    assert [each.total for each in again] == [0, 0]
    assert len(tasks) == 4


@pytest.fixture
def command(tmp_path, handed_in):
    """Calls `course grade` for a class of one, with more options; gives its exit status and what it refuses."""
    (tmp_path / "roster.csv").write_text("student\nbob\n")
    ours = ["grade", tmp_path, "--roster", tmp_path / "roster.csv", "--out", tmp_path / "out"]

    def call(*more):
        done = CliRunner().invoke(main.app, list(map(str, [*ours, *more])))
        return done.exit_code, done.stderr

    return call


def test_two_gradings_do_not_share_a_folder(command, tmp_path):
    with folder.locked(tmp_path / "out" / folder.LOCK, ""):
        status, says = command()
    assert status == 2
    assert f"{tmp_path / 'out'}: another command grades into it; wait for its end" in says
    assert not (tmp_path / "out" / "grading.json").exists()


def test_who_is_on_no_roster_is_named(command, tmp_path):
    (tmp_path / "roster.csv").write_text("student\nbbo\n")
    assert command("--unsafe") == (
        0,
        f"{tmp_path / 'bob'}: nobody on {tmp_path / 'roster.csv'} has this name; not graded\n",
    )


@pytest.mark.parametrize(
    ("due", "late"),
    [("2027-03-01", False), ("2027-03-01T22:59:59", True), ("2027-02-28", True)],
)
def test_a_date_alone_means_all_that_day(command, tmp_path, in_zone, due, late):
    in_zone("UTC")
    assert command("--unsafe", "--due", due) == (0, "")
    assert ("late" in (tmp_path / "out" / "summary.html").read_text()) == late


def test_a_deadline_that_is_none_is_refused(command):
    status, says = command("--due", "tomorrow")
    assert status == 2
    assert "'tomorrow': must be a date, 2027-01-31, or with a time" in says


def test_keys_that_are_not_there_cost_no_class_a_point(command, tmp_path):
    for place in ("nowhere", "keys", "keys/bob"):
        if place == "keys":
            write_whole(tmp_path / "keys" / "bob" / "02_regression.json", "{}")
        status, says = command("--keys", tmp_path / place)
        assert status == 2
        missing = "there is no such folder" if place == "nowhere" else "holds no STUDENT/01_"
        assert says.startswith(f"Error: {tmp_path / place}: {missing}")
    assert not (tmp_path / "out").exists()
