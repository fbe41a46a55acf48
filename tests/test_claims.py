"""Facts, bounds and spreads: what a reader sees of each, and what each can fail at."""

import pytest

from course import ROOT, claims, lesson
from course.catalog import LessonError
from course.claims import Band, Claim, bound, fact, quote, row, spread

STORED = """["98.accuracy"]
kind = "bound"
words = "test accuracy"
unit = ""
digits = 2
["98.accuracy".full]
at_least = 0.9
values = [0.95, 0.92, 0.9412]

["98.gain"]
kind = "spread"
words = "gain"
unit = "points"
digits = 1
["98.gain".full]
values = [1.0, 2.5, -0.5, 3.0, 1.5, 2.0, 0.5, 1.0, 2.0, 1.0]

["98.cost"]
kind = "bound"
words = "cost"
unit = "points"
digits = 1
["98.cost".full]
at_most = 1
values = [-1.0, -2.5, 0.0, -3.0, 0.5]

["98.always"]
kind = "bound"
words = "always"
unit = "points"
digits = 1
["98.always".full]
at_least = 0.5
at_most = 2
values = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
"""


@pytest.fixture
def trial(lessons):
    (lessons / "claims.toml").write_text(STORED)
    lesson.running = lesson.Running("98_trial", fast=False, standard=True)


def test_a_fact_holds_or_fails_and_prints_so(capsys):
    fact("98.order", "none is behind one", 1 < 2)
    fact("98.weights", "weights of the network", 118_282, equals=118_282)
    fact("98.lost", "checkpoints lost", 1, equals=0)
    fact("98.same", "difference", 0, equals=0)
    fact("98.kept", "checkpoints kept", 2, equals=2, unit="files")
    fact("98.half", "a half", 0.5, equals=0.5, digits=2)
    assert capsys.readouterr().out.splitlines() == [
        "none is behind one: holds",
        "weights of the network: 118,282, holds",
        "checkpoints lost: 1, must be 0: fails",
        "difference: 0, holds",
        "checkpoints kept: 2 files, holds",
        "a half: 0.50, holds",
    ]


def test_a_bound_shows_the_runs_value_the_courses_and_whether_it_is_kept(trial, capsys):
    bound("98.accuracy", "test accuracy", 0.93, at_least=0.9, digits=2)
    bound("98.accuracy", "test accuracy", 0.89, at_least=0.9, digits=2)
    assert capsys.readouterr().out.splitlines() == [
        "test accuracy: yours 0.930 · course 0.941 (0.920 to 0.950) · at least 0.9: holds",
        "test accuracy: yours 0.890 (below) · course 0.941 (0.920 to 0.950) · at least 0.9: missed",
    ]


def test_a_spread_promises_nothing_and_says_on_which_side_of_the_range_a_value_lies(trial, capsys):
    spread("98.gain", "gain", 9.0, unit="points", digits=1)
    assert (
        capsys.readouterr().out
        == "gain: yours 9.0 points (above) · course 1.2 points (-0.5 to 3.0)\n"
    )
    spread(
        "98.gain", "gain", 3.0 + 1e-12, unit="points", digits=1
    )  # no digit that is shown says "above"
    assert capsys.readouterr().out == "gain: yours 3.0 points · course 1.2 points (-0.5 to 3.0)\n"
    spread("98.gain", "gain", -0.5, unit="points", digits=1)  # the ends belong to the range
    spread("98.gain", "gain", -0.6, unit="points", digits=1)
    spread("98.new", "gain", 0.5, unit="points")
    assert capsys.readouterr().out.splitlines() == [
        "gain: yours -0.5 points · course 1.2 points (-0.5 to 3.0)",
        "gain: yours -0.6 points (below) · course 1.2 points (-0.5 to 3.0)",
        "gain: yours 0.500 points",
    ]


def test_a_published_figure_stands_beside_full_runs_only(trial, capsys):
    spread("98.new", "accuracy", 0.5, published=0.95, source="A book, 2020")
    lesson.running = lesson.Running("98_trial", fast=True, standard=True)
    spread("98.new", "accuracy", 0.5, published=0.95, source="A book, 2020")
    assert capsys.readouterr().out.splitlines() == [
        "accuracy: yours 0.500 · published 0.95",
        "accuracy: yours 0.500",
    ]


def test_a_run_with_other_parameters_is_not_compared(trial, capsys):
    lesson.running = lesson.Running("98_trial", fast=False, standard=False)
    bound("98.accuracy", "test accuracy", 0.1, at_least=0.9)
    assert capsys.readouterr().out == (
        "test accuracy: yours 0.100 · not compared: other parameters than the course's\n"
    )


@pytest.mark.parametrize(("mode", "kept"), [("full", False), ("fast", None)])
def test_a_limit_by_mode_promises_nothing_in_a_mode_left_out(trial, monkeypatch, mode, kept):
    recorded = []
    monkeypatch.setattr(
        "course.outputs.announce_claim", lambda record, row: recorded.append(Claim(**record))
    )
    lesson.running = lesson.Running("98_trial", fast=mode == "fast", standard=True)
    bound("98.accuracy", "test accuracy", 0.5, at_least={"full": 0.9})
    assert recorded[0].kept is kept


def test_a_bound_without_a_limit_is_refused():
    with pytest.raises(
        ValueError,
        match=r"98\.x: a bound needs at_least or at_most; what promises nothing is a spread",
    ):
        bound("98.x", "a thing", 1.0)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(0.9, True), (0.8999, False), (1.1, True), (1.1001, False), (float("nan"), False)],
)
def test_limits_are_included_and_nan_keeps_none(value, kept):
    assert Claim("98.x", "bound", "a thing", value, at_least=0.9, at_most=1.1).kept is kept


@pytest.mark.parametrize(
    ("values", "digits", "text"),
    [
        ([0.0655, 0.07, 0.0786], 2, "0.070 (0.066 to 0.079)"),  # never 0.07 (0.07 to 0.08)
        ([0.752, 0.715, 0.768], 3, "0.752 (0.715 to 0.768)"),
        ([0.5, 0.5], 2, "0.50"),
        ([8, 9, 10], 0, "9 (8 to 10)"),
        ([0.0, 1e-7], 6, "0.00000005 (0.00000000 to 0.00000010)"),
        ([10.90380217, 10.90380218], 1, "10.9038"),  # what differs is the machine's rounding
    ],
)
def test_a_band_shows_its_width_with_two_digits(values, digits, text):
    assert str(Band(values, digits)) == text


def test_what_is_not_zero_does_not_read_as_zero():
    assert Band([1e-9], 3).show(1e-9) == "< 0.001"
    assert Band([-0.004], 2).show(-0.004) == "-0.004"  # "> -0.01" would read as a bound
    assert Band([-1e-9], 3).show(-1e-9) == "-1e-9"
    assert Band([-0.00004], 3).show(-0.00004) == "-0.00004"
    assert Band([-0.0000004], 3).show(-0.0000004) == "-4e-7"
    assert Band([0.0], 3).show(0.0) == "0.000"
    assert Band([0.0], 1).show(-0.0) == "0.0"


def test_percent_stands_close_and_other_units_apart():
    assert str(Band([93.0, 96.5, 99.0], 1, "%")) == "96.5% (93.0 to 99.0)"
    assert str(Band([0.5], 1, "points")) == "0.5 points"


def test_thousands_are_told_apart():
    assert str(Band([33179.0], 0)) == "33,179"
    assert Band([-1234.5], 1).show(-1234.5) == "-1,234.5"


def test_prose_quotes_median_and_range_the_limit_and_the_direction(trial):
    assert quote("98.accuracy") == "0.941 (0.920 to 0.950)"
    assert quote("98.accuracy", "limit") == "0.9"
    assert quote("98.gain", "sign") == (
        "above 0 for 9 of 10 seeds (sign test, p = 0.021, which tells no direction)"
    )


def test_a_direction_names_its_side_the_ties_and_small_chances(trial):
    assert quote("98.cost", "sign").startswith("below 0 for 3 of 5 seeds, equal for 1 (sign test, ")
    assert quote("98.always", "sign") == "above 0 for 12 of 12 seeds (sign test, p < 0.001)"


def test_a_limit_is_quoted_with_its_unit_in_the_right_number(trial):
    assert quote("98.cost", "limit") == "1 point"
    assert quote("98.always", "limit") == "0.5 and 2 points"
    with pytest.raises(ValueError, match="gives limit or sign, not unknown"):
        quote("98.gain", "unknown")
    with pytest.raises(ValueError, match=r"98\.gain has no limit in full mode"):
        quote("98.gain", "limit")


def test_the_courses_own_results_are_read_from_its_lessons():
    assert claims.VALUES == ROOT / "lessons" / "claims.toml"
    assert len(claims.stored()) > 100


def test_a_file_of_results_that_was_damaged_is_refused_by_name(lessons):
    (lessons / "claims.toml").write_text("98 = 1")
    with pytest.raises(LessonError, match="98 is no table"):
        claims.stored()


def test_a_claim_is_of_a_standard_full_run_with_three_digits_unless_told_otherwise(trial):
    plain = Claim("98.accuracy", "spread", "test accuracy", 0.93)
    assert (plain.mode, plain.standard, plain.timed, plain.digits) == ("full", True, False, 3)
    assert row(plain) == row(Claim("98.accuracy", "spread", "test accuracy", 0.93, mode="full"))
    assert row(plain).yours == "0.930"
    assert row(plain).course == "0.941 (0.920 to 0.950)"
    assert str(Band([0.5])) == "0.500"


@pytest.mark.parametrize("record", [bound, spread])
def test_what_is_recorded_is_what_was_given(monkeypatch, record):
    recorded = []
    monkeypatch.setattr("course.outputs.announce_claim", lambda entry, row: recorded.append(entry))
    limit = {"at_most": 2.0} if record is bound else {}
    record("98.x", "a thing", 1, **limit)
    record("98.x", "a thing", 1, **limit, timed=True, digits=1, published=3.0, source="A book")
    plain = {"name": "98.x", "kind": record.__name__, "words": "a thing", "value": 1.0, **limit}
    plain |= {"unit": "", "digits": 3, "timed": False, "mode": "full", "standard": True}
    more = {"timed": True, "digits": 1, "published": 3.0, "source": "A book"}
    assert recorded == [plain, plain | more]


def test_a_claim_never_measured_cannot_be_quoted(lessons):
    with pytest.raises(KeyError):
        quote("98.unknown")


def test_a_fact_is_compared_whole_while_a_runs_own_value_can_be_told_apart():
    assert row(Claim("98.n", "fact", "rows", 7.0, digits=0, equals=8.0)).yours == ""
    assert row(Claim("98.n", "spread", "rows", 7.0, digits=0)).yours == "7"


def test_stored_results_are_read_by_claim_and_mode(trial):
    assert claims.band("98.accuracy", "full").values == [0.95, 0.92, 0.9412]
    assert claims.band("98.accuracy", "fast") is None
    assert claims.band("98.unknown", "full") is None
