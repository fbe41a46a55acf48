"""Results that the text of a lesson rests on: recorded when the lesson runs, held to bands measured over seeds.

`claim("05.test_accuracy", value)` prints the value beside its band and fails the run when it lies outside. The
bands stand in lessons/claims.toml. `course measure` writes them; nobody types them.
"""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from course import ROOT, lesson

BANDS = ROOT / "lessons" / "claims.toml"
MEASURING = "COURSE_MEASURING"  # set while bands are being measured, when the old ones must not judge


class ClaimError(AssertionError):
    """A result outside the band that the seeds of the course produced."""


@dataclass(frozen=True)
class Band:
    """Median, least and greatest result over `seeds` runs; `digits` decimals are shown."""

    median: float
    low: float
    high: float
    seeds: int
    digits: int
    unit: str = ""

    def __contains__(self, value: float) -> bool:
        """True within the band widened by its own width, and at the least by one unit of the last digit shown.

        A further seed, or another machine, strays a little beyond the extremes of ten runs; a defect strays far.
        """
        slack = max(self.high - self.low, 10.0**-self.digits)
        return self.low - slack <= value <= self.high + slack

    def __str__(self) -> str:
        median, low, high = (f"{number:.{self.digits}f}" for number in (self.median, self.low, self.high))
        unit = f" {self.unit}" if self.unit else ""
        return f"{median}{unit}" if low == high else f"{median}{unit} ({low} to {high} over {self.seeds} seeds)"


def claim(
    name: str, value: Any, *, unit: str = "", digits: int = 3, published: float | None = None, source: str | None = None
) -> None:
    """Record result `value` (one number, `digits` decimals shown) as `name`, such as "05.test_accuracy".

    `published` is the figure that the result answers to, `source` where it was published. Raises ClaimError when
    the lesson runs with its own parameters and the value lies outside the band measured for its mode.
    """
    value = float(value)
    entry = bands().get(name, {})
    mode = lesson.running.mode if lesson.running else "full"
    band = Band(**entry[mode], digits=digits, unit=unit) if mode in entry else None
    judged = band if lesson.running and lesson.running.standard and MEASURING not in os.environ else None
    line = f"{name} = {value:.{digits + 1}f}{' ' + unit if unit else ''}"
    if published is not None:
        line += f"   published: {published:g}"
    if judged:
        line += f"   measured: {judged}"
    record = {"name": name, "value": value, "unit": unit, "digits": digits, "published": published, "source": source}
    announce(line, {"claim": record})
    if judged and value not in judged:
        raise ClaimError(f"{name} = {value:g}: outside {judged} in {mode} mode, measured in lessons/{BANDS.name}")


def announce(line: str, record: dict[str, Any]) -> None:
    """Print `line` in a notebook with `record` in the output's metadata, where runs and graders read it."""
    from IPython import get_ipython  # slow to import
    from IPython.display import display

    if get_ipython():
        display({"text/plain": line}, metadata={"course": record}, raw=True)
    else:
        print(line)


@cache
def bands() -> dict[str, Any]:
    """Return the measured bands by claim, then mode ("full", "fast")."""
    return tomllib.loads(BANDS.read_text(encoding="utf-8")) if BANDS.exists() else {}


def quote(name: str, mode: str = "full") -> str:
    """Return a claim as the prose quotes it, median and spread; raises KeyError when it was never measured."""
    entry = bands()[name]
    return str(Band(**entry[mode], digits=entry["digits"], unit=entry["unit"]))
