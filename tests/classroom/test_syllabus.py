"""A term has every lesson once, in order, in weeks as even as that allows; its calendar can be read by anybody."""

import itertools
from datetime import date
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from course.catalog import all_lessons
from course.classroom.syllabus import Unit, calendar, deal, markdown
from course.cli.main import app

START = date(2027, 2, 1)


def units(*minutes):
    header = {
        "title": "Nets; and, more",
        "prerequisites": ["NumPy"],
        "objectives": ["train\\ nets, well"],
    }
    return [
        SimpleNamespace(
            minutes=each, title=f"{i:02} Nets; and, more", lesson=SimpleNamespace(header=header)
        )
        for i, each in enumerate(minutes)
    ]


def fullest(minutes, weeks):
    """The least minutes of the fullest week, by trying all ways to cut."""
    best = sum(minutes)
    for count in range(min(weeks, len(minutes))):
        for cuts in itertools.combinations(range(1, len(minutes)), count):
            parts = itertools.pairwise([0, *cuts, len(minutes)])
            best = min(best, max(sum(minutes[a:b]) for a, b in parts))
    return best


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8), st.integers(1, 10))
def test_the_fullest_week_is_as_short_as_any_way_to_cut_makes_it(minutes, weeks):
    term = units(*minutes)
    dealt = deal(term, weeks)
    assert [unit for week in dealt for unit in week] == term
    assert len(dealt) <= weeks
    assert all(dealt)
    assert max(sum(unit.minutes for unit in week) for week in dealt) == fullest(minutes, weeks)


def test_no_week_is_left_free_while_another_has_two_lessons():
    assert [len(week) for week in deal(units(10, 10, 90, 10), 4)] == [1, 1, 1, 1]


def test_less_than_a_week_is_refused():
    with pytest.raises(ValueError, match="weeks = 0: must be at least 1"):
        deal(units(10), 0)


def test_more_weeks_than_lessons_give_each_lesson_a_week():
    assert [len(week) for week in deal(units(10, 10, 90), 10**9)] == [1, 1, 1]


def test_a_term_at_the_end_of_the_calendar_is_refused():
    refused = CliRunner().invoke(app, ["syllabus", "--start", "9999-12-01"])
    assert refused.exit_code == 2
    assert "9999-12-01 00:00:00: must be in the years 1970 to 9000." in refused.stderr


def test_the_courses_own_term_names_every_lesson_with_its_objectives():
    term = [Unit(lesson) for lesson in all_lessons()]
    text = markdown(deal(term, 14), START)
    assert text.count("## Week ") <= 14
    assert "from February 1, 2027" in text
    assert text.count("\n| ") == 1 + 1 + text.count("## Week ")  # the table's head and its rule
    minutes = sum(unit.minutes for unit in term)
    assert f"{minutes // 60} h" in text
    for unit in term:
        assert f"**{unit.title}**" in text
        assert f"- {unit.lesson.header['objectives'][0]}" in text


def parsed(text):
    """Read a calendar as RFC 5545 says: unfold lines, split at the first colon, undo the escapes."""
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    lines = text.replace("\r\n ", "").split("\r\n")
    assert lines[-1] == ""
    pairs = [line.partition(":")[::2] for line in lines[:-1]]
    events = []
    for name, value in pairs:
        if (name, value) == ("BEGIN", "VEVENT"):
            events.append({})
        elif events:
            plain = value.replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";")
            events[-1][name] = plain.replace("\\\\", "\\")
    return events


@pytest.mark.parametrize(
    ("minutes", "words"), [(5, "5 min"), (60, "1 h"), (75, "1 h 15 min"), (0, "0 min")]
)
def test_times_are_said_in_hours_and_minutes(minutes, words):
    assert f"| {words} |\n" in markdown(deal(units(minutes), 1))


def test_the_calendar_has_an_event_a_week_that_says_what_is_taught():
    events = parsed(calendar(deal(units(60, 60), 2), START))
    assert [event["SUMMARY"] for event in events] == ["00 Nets; and, more", "01 Nets; and, more"]
    assert [event["DTSTART;VALUE=DATE"] for event in events] == ["20270201", "20270208"]
    assert [event["DTEND;VALUE=DATE"] for event in events] == ["20270208", "20270215"]
    assert events[0]["DESCRIPTION"] == "00 Nets; and, more (1 h)\n- train\\ nets, well"
    assert {event["TRANSP"] for event in events} == {"TRANSPARENT"}  # its days are not taken
    assert len({event["UID"] for event in events}) == 2


def test_the_same_term_gives_the_same_calendar():
    term = [Unit(lesson) for lesson in all_lessons()]
    assert calendar(deal(term, 14), START) == calendar(deal(term, 14), START)
    assert len(parsed(calendar(deal(term, 14), START))) == len(deal(term, 14))
