"""A term on one page: the lessons dealt over weeks as evenly as their order allows, as Markdown and as a calendar."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, pairwise

from course.authoring import frame
from course.authoring.source import read
from course.catalog import Lesson

WEEK = timedelta(days=7)
FOLDED = 74  # octets of a line of a calendar (RFC 5545, section 3.1)


@dataclass(frozen=True)
class Unit:
    """One lesson of a term, with the minutes that it takes: work and exercises."""

    lesson: Lesson

    @cached_property
    def minutes(self) -> int:
        return sum(frame.minutes(read(self.lesson.name)))

    @property
    def title(self) -> str:
        return f"{self.lesson.number} {self.lesson.header['title']}"


def deal(units: Sequence[Unit], weeks: int) -> list[list[Unit]]:
    """Deal units, in order, over at most `weeks` so that the fullest week is as short as it can be.

    Raises ValueError for less than one week.
    """
    if weeks < 1:
        raise ValueError(f"weeks = {weeks}: must be at least 1")
    minutes = [unit.minutes for unit in units]
    most = _least_fullest(minutes, weeks)
    dealt: list[list[Unit]] = []
    used = most + 1
    for place, unit in enumerate(units):
        left = len(units) - place
        spare = weeks - len(dealt) >= left  # weeks enough for one lesson each from here on
        if used + unit.minutes > most or spare:
            dealt.append([])
            used = 0
        dealt[-1].append(unit)
        used += unit.minutes
    return dealt


def _least_fullest(minutes: Sequence[int], weeks: int) -> int:
    """Return the least minutes of the fullest week, by trying where the last week begins (dynamic programming)."""
    sums = [0, *accumulate(minutes)]
    best = sums[:]  # of the first n lessons in one week
    for _ in range(1, weeks):
        best = [
            min(max(best[start], sums[end] - sums[start]) for start in range(end + 1))
            for end in range(len(sums))
        ]
    return best[-1]


def markdown(dealt: Sequence[Sequence[Unit]], start: date | None = None) -> str:
    """Return the term as Markdown: a section a week with its date, hours, lessons, what they teach and need."""
    lines = ["# Training neural networks: a term", ""]
    for number, units in enumerate(dealt, 1):
        hours = sum(unit.minutes for unit in units) / 60
        day = f", from {start + (number - 1) * WEEK:%B %d, %Y}" if start else ""
        lines += [f"## Week {number}{day}: about {hours:.1f} hours", ""]
        for unit in units:
            needs = "; ".join(unit.lesson.header["prerequisites"])
            lines += [f"**{unit.title}** ({unit.minutes} minutes; needs {needs})", ""]
            lines += [*(f"- {each}" for each in unit.lesson.header["objectives"]), ""]
    return "\n".join(lines)


def calendar(dealt: Sequence[Sequence[Unit]], start: date) -> str:
    """Return the term as iCalendar: an event a week, the same bytes for the same term (RFC 5545)."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//course//syllabus//EN"]
    for number, units in enumerate(dealt):
        first = start + number * WEEK
        title = ", ".join(unit.title for unit in units)
        what = "\n".join(each for unit in units for each in unit.lesson.header["objectives"])
        uid = hashlib.sha256(f"{first} {title}".encode()).hexdigest()[:32]
        lines += ["BEGIN:VEVENT", f"UID:{uid}@course", f"DTSTAMP:{start:%Y%m%d}T000000Z"]
        lines += [f"DTSTART;VALUE=DATE:{first:%Y%m%d}", f"DTEND;VALUE=DATE:{first + WEEK:%Y%m%d}"]
        lines += [f"SUMMARY:{_escaped(title)}", f"DESCRIPTION:{_escaped(what)}", "END:VEVENT"]
    return "".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _escaped(text: str) -> str:
    for character in ("\\", ";", ","):
        text = text.replace(character, f"\\{character}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> str:
    """Return a line as it is stored: no longer than 75 octets, going on after a space, cut between characters."""
    cuts = [0]
    size = 0
    for place, character in enumerate(line):
        octets = len(character.encode())
        if size + octets > FOLDED:
            cuts.append(place)
            size = 0
        size += octets
    parts = [line[a:b] for a, b in pairwise([*cuts, len(line)])]
    return "\r\n ".join(parts) + "\r\n"
