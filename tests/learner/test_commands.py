"""The commands of a learner, as typed."""

import json

import pytest
from typer.testing import CliRunner

from course.catalog import all_lessons
from course.cli.main import app
from course.learner import progress
from course.learner.progress import Standing, remember
from tests.learner.conftest import RIGHT, WRONG


def course(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_progress_is_a_table_and_the_same_as_json(mine):
    remember(mine, {"01.1": Standing("right")})
    shown = course("progress", mine).stdout
    assert "1 of 4" in shown
    assert "; next: 01.2" in shown
    lines = course("progress", "--folder", mine, "--json").stdout.splitlines()
    rows = list(map(json.loads, lines))
    assert [row["lesson"] for row in rows] == [lesson.name for lesson in all_lessons()]
    assert (rows[0]["right"], rows[0]["exercises"], rows[0]["next"]) == (1, 4, "01.2")


def test_practice_judges_once_gives_a_hint_and_resets(mine, answer):
    answer(WRONG)
    judged = course("practice", "01", "--once", "--folder", mine)
    assert (judged.exit_code, judged.stdout) == (
        1,
        "Exercise 01.1: wrong\n  This is half the step.\n",
    )
    hint = course("practice", "01", "--hint", "--folder", mine)
    assert (hint.exit_code, hint.stdout) == (
        0,
        "Which factor comes from the derivative of a square?\n",
    )
    answer(RIGHT)
    assert course("practice", "01", "--once", "--folder", mine).exit_code == 0
    course("practice", "01.1", "--reset", "--folder", mine)
    assert progress.standings(mine)["01.1"].outcome == "open"


def test_a_certificate_is_written_and_one_that_was_changed_is_refuted(mine, answer, tmp_path):
    answer(RIGHT, "right")
    path = tmp_path / "certificate.json"
    assert (
        "Right when judged again: 01.1; written to"
        in course("certificate", "--folder", mine, "--out", path).stdout
    )
    assert course("certificate", "--verify", path, "--folder", mine).exit_code == 0
    assert course("certificate", "--verify", path).exit_code == 1  # a digest cannot be judged
    path.write_text(path.read_text().replace("judged right", "judged twice"))
    changed = course("certificate", "--verify", path)
    assert changed.exit_code == 1
    assert changed.stdout.startswith("file: refuted: it was changed after it was written\n")
    assert "0 of 1 answers are proved right. Who wrote them" in changed.stdout
    for text in (changed.stdout, course("certificate", "--help").stdout):
        assert "against an honest mistake, not against an answer" in " ".join(text.split())


@pytest.mark.parametrize("exercise", ["99", "99.1", "01.9", "abc"])
def test_practice_of_what_there_is_not_copies_nothing(exercise, tmp_path, monkeypatch):
    monkeypatch.setattr("course.ROOT", tmp_path)
    refused = course("practice", exercise)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "must be one of" in refused.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command",
    [
        ["progress"],
        ["practice", "05", "--once", "--folder"],
        ["practice", "--folder"],
        ["certificate", "--folder"],
        ["certificate", "--verify", "certificate.json", "--folder"],
    ],
)
def test_a_folder_that_is_none_is_refused(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    refused = course(*command, "no where")
    assert (refused.exit_code, refused.stdout, refused.stderr) == (
        2,
        "",
        "Error: no where: there is no such folder; course copy 'no where' makes one\n",
    )
    refused = course(*command, "file")
    assert (refused.exit_code, refused.stdout, refused.stderr) == (
        2,
        "",
        "Error: file: is a file, not a folder\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("command", ["lab", "copy"])
def test_no_copy_is_made_in_a_file(command, tmp_path):
    (tmp_path / "file").touch()
    refused = course(command, tmp_path / "file")
    assert (refused.exit_code, refused.stderr) == (
        2,
        f"Error: {tmp_path / 'file'}: is a file, not a folder\n",
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["certificate", "--verify", "a.json", "--out", "b.json"], "--verify, --out: give one"),
        (["certificate", "--out", "."], ".: is a folder; name a file"),
        (["progress", "a", "--folder", "b"], "a, --folder b: give one of them"),
        (["practice", "--once", "--hint", "--reset"], "--once, --hint, --reset: give one"),
    ],
)
def test_options_that_exclude_each_other_are_refused_by_name(arguments, line):
    refused = course(*arguments)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"Error: {line}")


def test_a_certificate_of_nothing_is_not_written_and_replaces_none(mine, answer, tmp_path):
    path = tmp_path / "certificate.json"
    nothing = course("certificate", "--folder", mine, "--out", path)
    assert (nothing.exit_code, nothing.stdout) == (
        1,
        "Right when judged again: no exercise; nothing was written\n",
    )
    assert not path.exists()
    path.write_text('{"exercises": {}, "sha256": ""}')  # of last week
    answer(WRONG, "right")
    nothing = course("certificate", "--folder", mine, "--out", path)
    assert nothing.exit_code == 1
    assert "Left out, though it was right before: 01.1" in nothing.stdout
    assert path.read_text() == '{"exercises": {}, "sha256": ""}'


def test_a_certificate_replaces_no_other_file(mine):
    path = mine / "01_gradient_descent.ipynb"
    before = path.read_bytes()
    refused = course("certificate", "--folder", mine, "--out", path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr == f"Error: {path}: is not a certificate of the course\n"
    assert path.read_bytes() == before


def test_a_damaged_notebook_is_not_reset(mine):
    path = mine / "01_gradient_descent.ipynb"
    path.write_text("{ broken")
    refused = course("practice", "01.1", "--reset", "--folder", mine)
    assert (refused.exit_code, refused.stdout, refused.stderr) == (
        2,
        "",
        "Error: 01_gradient_descent.ipynb cannot be read as a notebook; nothing was changed\n",
    )
    assert path.read_text() == "{ broken"


def test_a_hint_cannot_move_the_cursor(mine, answer):
    answer("raise ValueError('\\x1b[2K\\r\\ud800forged')")
    for _ in range(2):  # as judged, and as remembered
        shown = course("practice", "01.1", "--once", "--folder", mine).stdout
        assert r"\r\ud800forged" in shown
        assert "\x1b" not in shown
