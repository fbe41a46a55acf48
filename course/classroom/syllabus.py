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
    weeks = min(weeks, len(units))  # more would be empty
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
    """Return the term as Markdown: a table of the weeks, then for each what its lessons teach and need."""
    total = _duration(sum(unit.minutes for units in dealt for unit in units))
    lines = [
        "# Training neural networks: a term",
        "",
        f"{total} in all, estimated: to read and run the lessons, and to solve their exercises, in class or at home.",
        "",
        "| Week | Begins | Lessons | Time |" if start else "| Week | Lessons | Time |",
        "| ---: | --- | --- | ---: |" if start else "| ---: | --- | ---: |",
    ]
    for number, units in enumerate(dealt, 1):
        begins = [_day(start, number)] if start else []
        titles = "; ".join(unit.title for unit in units)
        cells = [str(number), *begins, titles, _duration(sum(unit.minutes for unit in units))]
        lines.append(f"| {' | '.join(cells)} |")
    for number, units in enumerate(dealt, 1):
        lines += ["", f"## Week {number}" + (f", from {_day(start, number)}" if start else "")]
        for unit in units:
            lines += ["", f"**{unit.title}** ({_duration(unit.minutes)}). After it you can:", ""]
            lines += [f"- {each}" for each in unit.lesson.header["objectives"]]
            lines += ["", "It needs:", ""]
            lines += [f"- {each}" for each in unit.lesson.header["prerequisites"]]
    return "\n".join(lines) + "\n"


def calendar(dealt: Sequence[Sequence[Unit]], start: date) -> str:
    """Return the term as iCalendar: an event a week, the same bytes for the same term (RFC 5545).

    An event lasts the week, and leaves its days free for others.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//course//syllabus//EN"]
    for number, units in enumerate(dealt):
        first = start + number * WEEK
        title = "; ".join(unit.title for unit in units)
        what = "\n\n".join(_described(unit) for unit in units)
        uid = hashlib.sha256(f"{first} {title}".encode()).hexdigest()[:32]
        lines += ["BEGIN:VEVENT", f"UID:{uid}@course", f"DTSTAMP:{start:%Y%m%d}T000000Z"]
        lines += [f"DTSTART;VALUE=DATE:{first:%Y%m%d}", f"DTEND;VALUE=DATE:{first + WEEK:%Y%m%d}"]
        lines += [f"SUMMARY:{_escaped(title)}", f"DESCRIPTION:{_escaped(what)}"]
        lines += ["TRANSP:TRANSPARENT", "END:VEVENT"]
    return "".join(_folded(line) for line in [*lines, "END:VCALENDAR"])


def _described(unit: Unit) -> str:
    objectives = (f"- {each}" for each in unit.lesson.header["objectives"])
    return "\n".join([f"{unit.title} ({_duration(unit.minutes)})", *objectives])


def _duration(minutes: int) -> str:
    hours, left = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{left} min"] * (left > 0 or not hours))


def _day(start: date, week: int) -> str:
    """Return the first day of a week of the term, such as "February 1, 2027"."""
    day = start + (week - 1) * WEEK
    return f"{day:%B} {day.day}, {day.year}"


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
