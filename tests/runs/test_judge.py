"""What a run promised and did not keep, and whether its values repeat."""

import pytest

from course import claims
from course.claims import Claim
from course.runs import judge
from course.runs.records import Record

HERE = {"keras": "3", "cores": "2"}
VALUES = "[0.951, 0.941, 0.961, 0.955, 0.949, 0.953, 0.958, 0.946]"
STORED = f"""[98]
full = {{keras = "3", cores = "2"}}

["98.accuracy"]
unit = ""
digits = 2
["98.accuracy".full]
at_least = 0.9
values = {VALUES}
"""


@pytest.fixture(autouse=True)
def measured(lessons):
    claims.VALUES.write_text(STORED)
    judge._expected.cache_clear()


def made(value, *, seed=0, machine=HERE, parameters=(), kind="bound", standard=True, **promise):
    claim = Claim("98.accuracy", kind, "accuracy", value, digits=2, standard=standard, **promise)
    parameters = {"seed": seed, **dict(parameters)}
    record = Record(
        "98",
        "98_trial",
        parameters,
        "passed",
        1.0,
        "",
        1.0,
        {claim.name: claim},
        {},
        None,
        {},
        machine,
    )
    return record, claim


@pytest.mark.parametrize(
    ("seed", "value", "standard", "refused"),
    [
        (0, 0.951, True, False),
        (3, 0.89, True, True),
        (8, 0.89, True, False),  # never measured: the course promised nothing
        (0, 0.89, False, False),  # other parameters
    ],
)
def test_a_bound_is_refused_at_measured_seeds_alone(seed, value, standard, refused):
    record, _ = made(value, seed=seed, standard=standard, at_least=0.9)
    assert list(judge.refusals(record)) == ["98.accuracy, accuracy: 0.89, at least 0.9"] * refused


@pytest.mark.parametrize("seed", [0, 4, 999_999])
def test_a_fact_is_refused_with_every_seed(seed):
    record, _ = made(1.0, seed=seed, kind="fact", equals=0.0)
    assert list(judge.refusals(record)) == ["98.accuracy, accuracy: 1, must be 0.00"]


def test_a_spread_is_never_refused():
    record, _ = made(-1e9, kind="spread")
    assert list(judge.refusals(record)) == []


@pytest.mark.parametrize(
    ("seed", "value", "machine", "repeated"),
    [
        (0, 0.951, HERE, True),
        (0, 0.9511, HERE, True),  # the same digits
        (0, 0.955, HERE, False),  # well inside, but this seed gave other digits here
        (0, 0.955, {"cores": "8"}, True),
        (8, 0.93, HERE, True),  # a seed never measured
        (8, 0.3, HERE, False),
        (0, 0.3, {"cores": "8"}, False),
    ],
)
def test_a_measured_seed_repeats_its_digits_here_and_elsewhere_stays_where_one_more_value_lies(
    seed, value, machine, repeated
):
    assert judge.is_repeated(*made(value, seed=seed, machine=machine)) is repeated


def test_times_and_other_parameters_need_not_repeat():
    assert judge.is_repeated(*made(0.3, timed=True)) is None
    assert judge.is_repeated(*made(0.3, standard=False)) is None


def test_one_measured_seed_says_nothing_of_others():
    claims.VALUES.write_text(STORED.replace(VALUES, "[0.951]"))
    claims.stored.cache_clear()
    assert judge.is_repeated(*made(0.951, seed=0)) is True
    assert judge.is_repeated(*made(0.3, seed=5)) is None


@pytest.mark.parametrize(
    "values",
    [
        "[0.951, 0.941, 0.961, 0.955, 0.949, 0.953, 0.958]",  # too few
        "[0.951, 0.951, 0.951, 0.951, 0.951, 0.951, 0.951, 0.951, 0.946]",  # a crowd of equal ones
    ],
)
def test_seeds_that_say_too_little_of_others_judge_only_themselves(values):
    claims.VALUES.write_text(STORED.replace(VALUES, values))
    claims.stored.cache_clear()
    assert judge.is_repeated(*made(0.951, seed=0)) is True
    assert judge.is_repeated(*made(0.3, seed=0)) is False
    assert judge.is_repeated(*made(0.3, seed=500)) is None
