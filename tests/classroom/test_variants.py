"""What a student reports of their own run is no more than half the time what the course's notebook shows."""

import statistics

import pytest
from typer.testing import CliRunner

from course import claims
from course.catalog import all_lessons, find
from course.classroom import variants
from course.cli import main

LESSONS = [(lesson, mode) for lesson in all_lessons() for mode in ("fast", "full")]
NONE_DIFFERS = ("12", "full")  # three of four runs print the same


def shared(name, mode):
    """The share of the measured runs that print what the middle one does, to a last digit."""
    entry = claims.stored()[name]
    values = entry[mode]["values"]
    middle = statistics.median(values)
    return sum(abs(value - middle) <= 10.0 ** -entry["digits"] for value in values) / len(values)


@pytest.mark.parametrize(
    ("lesson", "mode"), LESSONS, ids=lambda each: getattr(each, "number", each)
)
def test_each_lesson_asks_for_results_that_differ_from_run_to_run(lesson, mode):
    asked = variants.asked(lesson, mode)
    assert 1 <= len(asked) <= variants.ASKED
    if (lesson.number, mode) != NONE_DIFFERS:
        assert max(shared(name, mode) for name in asked) <= 0.5
    assert not [name for name, entry in asked.items() if entry.get("timed")]


def test_the_results_that_differ_most_are_asked_first():
    assert list(variants.asked(find("01"), "fast"))[:2] == ["01.limit_shrinks", "01.limit_off"]
    assert list(variants.asked(find("10"), "fast")) == ["10.weights_only"]


def test_students_who_draw_the_same_parameters_share_a_run_and_each_have_its_key(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(variants, "parameters", lambda *_: {"seed": 4711})
    (tmp_path / "roster.csv").write_text("student\nann\nbob\n")
    command = ["assign", "01", "--roster", str(tmp_path / "roster.csv"), "--out", str(tmp_path)]
    for _ in range(2):  # the second finds the run done
        done = CliRunner().invoke(main.app, command)
        assert done.exit_code == 0, (done.stderr, done.exception)
        assert "2 keys in" in done.stdout
        keys = [tmp_path / "keys" / each / "01_gradient_descent.json" for each in ("ann", "bob")]
        assert keys[0].read_text() == keys[1].read_text()
    assert len(list((tmp_path / "keys" / "runs").glob("*.executed.ipynb"))) == 1


def test_two_of_these_students_draw_one_seed():
    """Were all seeds different, nobody would need to share a run."""
    one, other = (variants.parameters("course", each, find("05")) for each in ("s693", "s1169"))
    assert one == other
