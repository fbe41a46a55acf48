"""Holds a run to what the course says: facts and bounds first, then, apart from them, whether values repeat.

Facts hold with every seed, bounds with every seed that was measured. A value repeats when a measured seed on a machine
of equal fingerprint prints the same digits; elsewhere it must lie where one more value lies.
"""

from collections.abc import Iterator, Sequence
from functools import cache

from course import claims
from course.claims import Band, Claim
from course.evidence import Interval, prediction_interval
from course.runs.records import Record

FALSE_ALARMS = 1 / 200  # runs of the whole course, in one mode, with a value outside by chance
HEAVY_TAILS = 3  # degrees of freedom: some seeds lie far from the others
SEEDS_THAT_TELL = 8  # fewer say too little of the next


def refusals(record: Record) -> Iterator[str]:
    """Name every fact of a run that does not hold, and every bound that a measured seed misses."""
    for claim in record.claims.values():
        measured = claims.band(claim.name, claim.mode)
        if (
            claim.standard
            and claim.kept is False
            and (claim.kind == "fact" or _is_measured(record, measured))
        ):
            yield f"{claim.name}, {claim.words}: {claim.value:,.9g}, {claim.promise}"


def is_repeated(record: Record, claim: Claim) -> bool | None:
    """Tell whether a value of `record` repeats what was measured.

    None where it need not (other parameters, times) or where the measured seeds say too little of others.
    """
    measured = claims.band(claim.name, claim.mode)
    if not measured or not claim.standard or claim.timed:
        return None
    if is_exact(record, claim):
        return measured.show(claim.value) == measured.show(measured.values[_seed(record)])
    if not tells_of_others(measured.values):
        return None
    inside = measured.low <= claim.value <= measured.high
    return inside or claim.value in _expected(claim.name, claim.mode)


def is_exact(record: Record, claim: Claim) -> bool:
    """Tell whether a value must be the one measured, digit by digit: for the same seed on an equal machine."""
    measured = claims.band(claim.name, claim.mode)
    return _is_measured(record, measured) and is_same_machine(record)


def tells_of_others(values: Sequence[float]) -> bool:
    """Tell whether values over seeds say where one more lies: there are some, and no crowd of equal ones.

    A value that most seeds share (a count, a residue of rounding) hides how far the next may lie.
    """
    return len(values) >= SEEDS_THAT_TELL and len(set(values)) > len(values) / 2


def is_same_machine(record: Record) -> bool:
    """Tell whether the run was made where its lesson was measured, as far as floating point can tell."""
    return claims.stored().get(record.lesson[:2], {}).get(record.mode) == record.machine


@cache
def _expected(name: str, mode: str) -> Interval:
    """Return the interval of one more value, so wide that all claims together leave theirs in at most one run of 200.

    By Bonferroni: the share of false alarms allowed in a run of the course, divided by its claims. The tails are
    heavier than those of normal values; a test leaves out each stored value in turn, and none lies outside what the
    others give it.
    """
    measured = claims.band(name, mode)
    assert measured
    # By lesson number alone stands where it was measured.
    entries = [entry for key, entry in claims.stored().items() if "." in key and mode in entry]
    count = sum(not entry.get("timed") for entry in entries)
    return one_more(measured, FALSE_ALARMS / count)


def one_more(measured: Band, error: float) -> Interval:
    """Return where one more value lies but for a share `error`, and a last digit more, as machines round otherwise."""
    found = prediction_interval(measured.values, error, freedom=HEAVY_TAILS)
    last_digit = 10.0**-measured.decimals
    return Interval(found.low - last_digit, found.high + last_digit)


def _is_measured(record: Record, measured: Band | None) -> bool:
    return measured is not None and _seed(record) < measured.seeds


def _seed(record: Record) -> int:
    return record.parameters.get("seed", 0)
