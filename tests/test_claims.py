import tomllib

import pytest

from course import claims, lesson
from course.claims import Band, ClaimError, claim, quote

BANDS = """["98.accuracy"]
unit = "%"
digits = 1
[ "98.accuracy".full ]
median = 97.0
low = 96.5
high = 97.5
seeds = 10
"""


@pytest.fixture
def trial(lessons):
    (lessons / "claims.toml").write_text(BANDS)
    assert "98.accuracy" in tomllib.loads(BANDS)
    lesson.running = lesson.Running("98_trial", fast=False, standard=True)


@pytest.mark.parametrize("value", [95.5, 96.5, 97.0, 98.5])
def test_a_result_within_the_band_and_its_own_width_again_passes(trial, capsys, value):
    claim("98.accuracy", value, unit="%", digits=1)
    assert f"98.accuracy = {value:.2f} %" in capsys.readouterr().out


@pytest.mark.parametrize("value", [95.4, 98.6, float("nan")])
def test_a_result_outside_fails_with_the_value_and_the_band(trial, value):
    with pytest.raises(ClaimError, match=rf"98.accuracy = {value:g}: outside 97.0 % \(96.5 to 97.5 over 10 seeds\)"):
        claim("98.accuracy", value, unit="%", digits=1)


def test_a_run_with_other_parameters_is_recorded_but_not_judged(trial):
    lesson.running = lesson.Running("98_trial", fast=False, standard=False)
    claim("98.accuracy", 3.0, unit="%", digits=1)


def test_nothing_is_judged_while_bands_are_measured(trial, monkeypatch):
    monkeypatch.setenv(claims.MEASURING, "1")
    claim("98.accuracy", 3.0, unit="%", digits=1)


def test_prose_quotes_the_median_and_the_spread(trial):
    assert quote("98.accuracy") == "97.0 % (96.5 to 97.5 over 10 seeds)"


def test_a_result_without_spread_is_quoted_plainly_and_may_stray_by_one_in_its_last_digit():
    band = Band(0.5, 0.5, 0.5, seeds=10, digits=2)
    assert str(band) == "0.50"
    assert 0.509 in band
    assert 0.511 not in band


def test_a_claim_never_measured_cannot_be_quoted(lessons):
    with pytest.raises(KeyError):
        quote("98.unknown")
