"""The commands of a learner, as typed."""

import json

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
    rows = json.loads(course("progress", mine, "--json").stdout)
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
        "Which factor does the derivative of a square bring?\n",
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
    assert course("certificate", "--verify", path).exit_code == 0
    path.write_text(path.read_text().replace("judged right", "judged twice"))
    changed = course("certificate", "--verify", path)
    assert changed.exit_code == 1
    assert changed.stdout.startswith("file: refuted: it was changed after it was written\n")
    assert "0 of 1 answers are proved right. Who wrote them" in changed.stdout
