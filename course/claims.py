"""Results that the text of a lesson rests on. Their kind decides what can fail, and stands where they are made.

`fact("05.parameters", "weights and biases of the network", model.count_params(), equals=118_282)`
    is the same for every seed and machine; anything else fails the run.
`bound("05.test_accuracy", "test accuracy of the best network", accuracy, at_least=0.984)`
    is the limit that a sentence states. All measured seeds keep it with a margin; a measured seed that does not fails.
`spread("05.dropout_gain", "what dropout gains", gain, unit="points")`
    is described with median and range, and promises nothing.

A notebook never stops because of a claim: it shows its own value beside the course's. `course run`, nbval and the
build refuse. lessons/claims.toml holds the values seed by seed; `course measure` writes it, nobody types it.
"""

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from statistics import median
from typing import Any, Literal

from course import ROOT, lesson, outputs
from course.catalog import LessonError
from course.evidence import SIGNIFICANT, sign_test
from course.outputs import Row

VALUES = ROOT / "lessons" / "claims.toml"
Kind = Literal["fact", "bound", "spread"]
FINER = 3  # decimals more than asked for that a number may take
LIMITS = ("equals", "at_least", "at_most")
Limit = float | Mapping[str, float] | None  # for both modes, or by mode ("full", "fast")


@dataclass(frozen=True)
class Claim:
    """One result of a run: `words` name it for a person, `digits` decimals of it are shown at the least.

    `equals`, `at_least` and `at_most` are what it promises in the mode that ran. `timed` results measure time or
    memory, and no machine repeats them. `standard` is false where parameters other than seed and fast were chosen.
    """

    name: str
    kind: Kind
    words: str
    value: float
    unit: str = ""
    digits: int = 3
    equals: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    published: float | None = None
    source: str | None = None
    timed: bool = False
    mode: str = "full"
    standard: bool = True

    @property
    def promise(self) -> str:
        """What must hold, in words; empty where nothing is promised."""
        if self.equals is not None:
            return f"must be {_number(self.equals, self.digits)}"
        limits = {"at least": self.at_least, "at most": self.at_most}
        return ", ".join(
            f"{words} {_limit(limit)}" for words, limit in limits.items() if limit is not None
        )

    @property
    def is_truth(self) -> bool:
        """Whether it says that something is true: such a fact holds or fails. A count of 1 has a unit."""
        return self.kind == "fact" and self.equals == 1 and not self.unit

    @property
    def kept(self) -> bool | None:
        """Whether the promise is kept; None where there is none."""
        if self.equals is not None:
            return self.value == self.equals
        if self.at_least is None and self.at_most is None:
            return None
        above = self.at_least is None or self.value >= self.at_least
        below = self.at_most is None or self.value <= self.at_most
        return above and below


@dataclass(frozen=True)
class Band:
    """Results of one claim over seeds 0, 1, ...: shown as median and, in brackets, least to greatest."""

    values: Sequence[float]
    digits: int = 3
    unit: str = ""

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    @property
    def seeds(self) -> int:
        return len(self.values)

    @property
    def decimals(self) -> int:
        """Decimals that show the width of the range with two digits: no range reads 0.07 (0.07 to 0.08).

        At most FINER more than asked for: what differs only beyond them is read as equal.
        """
        width = self.high - self.low
        if not 0 < width < math.inf or all(float(value).is_integer() for value in self.values):
            return self.digits
        needed = 1 - math.floor(math.log10(width))
        return min(max(self.digits, needed), self.digits + FINER)

    def show(self, value: float) -> str:
        """Return `value` with the decimals of this band and its unit."""
        return _with_unit(_number(value, self.decimals), self.unit)

    def __str__(self) -> str:
        low, high = (_number(end, self.decimals) for end in (self.low, self.high))
        if low == high:
            return self.show(self.low)
        return f"{self.show(self.median)} ({low} to {high})"


def fact(
    name: str, words: str, value: Any, *, equals: Any = True, unit: str = "", digits: int = 0
) -> None:
    """Record a result that is `equals` whatever the seed and the machine: a truth value, a count, an exact equality."""
    _record(name, "fact", words, value, unit=unit, digits=digits, equals=float(equals))


def bound(
    name: str,
    words: str,
    value: Any,
    *,
    at_least: Limit = None,
    at_most: Limit = None,
    unit: str = "",
    digits: int = 3,
    published: float | None = None,
    source: str | None = None,
    timed: bool = False,
) -> None:
    """Record a result with the limit that the text states; a limit by mode promises nothing in a mode left out.

    Raises ValueError where neither limit is given.
    """
    if at_least is None and at_most is None:
        raise ValueError(
            f"{name}: a bound needs at_least or at_most; what promises nothing is a spread"
        )
    limits = {"at_least": _in_mode(at_least), "at_most": _in_mode(at_most)}
    origin = {"published": published, "source": source}
    _record(name, "bound", words, value, unit=unit, digits=digits, timed=timed, **limits, **origin)


def spread(
    name: str,
    words: str,
    value: Any,
    *,
    unit: str = "",
    digits: int = 3,
    published: float | None = None,
    source: str | None = None,
    timed: bool = False,
) -> None:
    """Record a result that is described and promises nothing; `published` is the figure in `source` that it answers."""
    origin = {"published": published, "source": source}
    _record(name, "spread", words, value, unit=unit, digits=digits, timed=timed, **origin)


@cache
def stored() -> dict[str, Any]:
    """Return what was measured, by claim, and by lesson number on which machine.

    Raises LessonError for a file that is not what `course measure` writes.
    """
    try:
        found = tomllib.loads(VALUES.read_text(encoding="utf-8")) if VALUES.exists() else {}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LessonError(f"{VALUES}: is not what `course measure` writes ({error})") from error
    if odd := [name for name, entry in found.items() if not isinstance(entry, dict)]:
        raise LessonError(f"{VALUES}: {odd[0]} is no table")
    return found


def band(name: str, mode: str) -> Band | None:
    """Return the measured results of claim `name` in `mode`; None where it was never measured."""
    entry = stored().get(name, {})
    return Band(entry[mode]["values"], entry["digits"], entry["unit"]) if mode in entry else None


def quote(name: str, aspect: str = "", mode: str = "full") -> str:
    """Return claim `name` as prose quotes it. Raises KeyError when it was never measured.

    Raises ValueError when it has no such aspect.

    Median and range; with `aspect` "limit" the limit of a bound, with "sign" what a sign test over the seeds says.
    """
    entry = stored()[name]
    found = Band(entry[mode]["values"], entry["digits"], entry["unit"])
    if aspect == "limit":
        limits = [entry[mode][key] for key in ("at_least", "at_most") if key in entry[mode]]
        if not limits:
            raise ValueError(f"{name} has no limit in {mode} mode")
        unit = found.unit.removesuffix("s") if limits == [1] else found.unit
        return _with_unit(" and ".join(map(_limit, limits)), unit)
    if aspect == "sign":
        return _direction(found)
    if aspect:
        raise ValueError(f"{name}: a quote gives limit or sign, not {aspect}")
    return str(found)


def row(claim: Claim) -> Row:
    """Return a claim as a person reads it."""
    measured = band(claim.name, claim.mode) if claim.standard else None
    if claim.kind == "fact":
        plain = claim.kept and claim.is_truth  # "holds" says it all
        verdict = _verdict(claim) if plain else f"{_shown(claim)}, {_verdict(claim)}"
        return Row(claim.words, "", "", verdict)
    return Row(claim.words, _shown(claim, measured), str(measured or ""), _verdict(claim))


def _shown(claim: Claim, measured: Band | None = None) -> str:
    """Return this run's value, and on which side of the course's range it lies, if its digits show that."""
    if not measured:
        return Band([claim.value], claim.digits, claim.unit).show(claim.value)
    low, value, high = (
        round(number, measured.decimals) for number in (measured.low, claim.value, measured.high)
    )
    side = " (above)" if value > high else " (below)" if value < low else ""
    return measured.show(claim.value) + side


def _verdict(claim: Claim) -> str:
    if not claim.standard:
        return "not compared: other parameters than the course's"
    if claim.kind == "fact":
        return "holds" if claim.kept else f"{claim.promise}: fails"
    promise = f"{claim.promise}: {'holds' if claim.kept else 'missed'}" if claim.promise else ""
    published = (
        f"published {claim.published:g}"
        if claim.published is not None and claim.mode == "full"
        else ""
    )
    return ", ".join(filter(None, [promise, published]))


def _direction(found: Band) -> str:
    if missing := sum(map(math.isnan, found.values)):
        return f"not a number for {missing} of {found.seeds} seeds"
    above = sum(value > 0 for value in found.values)
    below = sum(value < 0 for value in found.values)
    side = "above 0" if above >= below else "below 0"
    count = max(above, below)
    equal = found.seeds - above - below
    ties = f", equal for {equal}" if equal else ""
    p = sign_test(found.values)
    shown = "p < 0.001" if p < 0.001 else f"p = {p:.2g}"
    verdict = "" if p < SIGNIFICANT else ", which tells no direction"
    return f"{side} for {count} of {found.seeds} seeds{ties} (sign test, {shown}{verdict})"


def _number(value: float, digits: int) -> str:
    """Return `value` as 33,179.50 with `digits` decimals; what is not 0 does not read as 0.

    Below 0 it takes the decimals that its first digit needs, -0.004 for two: "> -0.01" would read as a bound.
    """
    if not value or round(value, digits):
        return f"{value + 0.0:,.{digits}f}"  # no minus before 0
    if value > 0:
        return f"< {10.0**-digits:.{digits}f}"
    needed = -math.floor(math.log10(-value))
    return (
        f"{value:.{needed}f}" if needed <= digits + FINER else f"{value:.0e}".replace("e-0", "e-")
    )


def _with_unit(number: str, unit: str) -> str:
    """Return 30% and 0.5 points."""
    return number + unit if unit == "%" else f"{number} {unit}".rstrip()


def _limit(value: float) -> str:
    return f"{value:g}".replace("e-0", "e-")


def _in_mode(limit: Limit) -> float | None:
    return limit.get(_mode()) if isinstance(limit, Mapping) else limit


def _mode() -> str:
    return lesson.running.mode if lesson.running else "full"


def _record(name: str, kind: Kind, words: str, value: Any, **rest: Any) -> None:
    standard = lesson.running is None or lesson.running.standard
    claim = Claim(name, kind, words, float(value), mode=_mode(), standard=standard, **rest)
    record = {key: entry for key, entry in asdict(claim).items() if entry is not None}
    outputs.announce_claim(record, row(claim))
