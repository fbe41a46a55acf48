"""Bands and seconds come from records of runs, and a lesson's do not touch another's."""

import tomllib
from types import SimpleNamespace

import pytest

from course import catalog, claims
from course.authoring import measure
from course.authoring.pace import loop_seconds
from course.catalog import LessonError, find


def run(mode, value, name="98.accuracy", seconds=1.0):
    entry = {"value": value, "unit": "", "digits": 2, "published": None, "source": None}
    return SimpleNamespace(mode=mode, claims={name: entry}, cell_seconds=seconds)


def test_a_band_is_median_least_and_greatest_of_each_mode_and_other_lessons_stay(lessons):
    claims.BANDS.write_text('["97.loss".full]\nmedian = 1.0\n["98.older".full]\nmedian = 2.0\n')
    measure.store("98_trial", [*(run("full", value) for value in (0.5, 0.25, 1.0)), run("fast", 0.125)])
    written = tomllib.loads(claims.BANDS.read_text())
    assert set(written) == {"97.loss", "98.accuracy"}
    assert written["98.accuracy"]["full"] == {"median": 0.5, "low": 0.25, "high": 1.0, "seeds": 3}
    assert written["98.accuracy"]["fast"] == {"median": 0.125, "low": 0.125, "high": 0.125, "seeds": 1}


def test_measured_in_one_mode_a_lesson_keeps_the_bands_of_the_other(lessons):
    full = [run("full", 0.5), run("full", 1.0)]
    measure.store("98_trial", [*full, run("fast", 0.25)])
    measure.store("98_trial", [run("fast", 0.75)])
    written = tomllib.loads(claims.BANDS.read_text())["98.accuracy"]
    assert written["fast"]["median"] == 0.75
    measure.store("98_trial", [*full, run("fast", 0.75)])
    assert tomllib.loads(claims.BANDS.read_text())["98.accuracy"] == written


def test_runs_of_one_mode_that_make_different_claims_are_refused_and_nothing_is_written(lessons):
    with pytest.raises(LessonError, match="do not all make the same claims"):
        measure.store("98_trial", [run("full", 1), run("full", 1, "98.other"), run("fast", 1)])
    assert not claims.BANDS.exists()


def test_seconds_are_stored_with_the_calibration_loop(lessons):
    catalog.TIMES.write_text('["97"]\nfull = 2.0\n')
    measure.store_times("98_trial", [run("full", 1, seconds=12.34), run("fast", 1, seconds=5.67)], 0.123456)
    written = tomllib.loads(catalog.TIMES.read_text())
    assert written == {"97": {"full": 2.0}, "98": {"full": 12.3, "fast": 5.7, "loop": 0.1235}}
    assert find("98").seconds("full") == 12.3


def test_the_calibration_loop_takes_time():
    assert 0.001 < loop_seconds(2) < 60
