import re

import pytest

from course import claims
from course.book import BookError, results
from course.book.strip import strip
from course.catalog import all_lessons
from tests.book.conftest import CLAIMS


def rewrite(lessons, old, new):
    path = lessons / "claims.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    claims.stored.cache_clear()


def test_a_result_has_its_words_range_promise_source_and_the_cell_that_makes_it(trial):
    (found,) = results.measured()
    assert (found.words, found.shown, found.promise) == (
        "accuracy of the trial",
        "0.62 (0.60 to 0.70)",
        "at least 0.5",
    )
    assert found.href == "98_trial.html#cell-98-claim"
    assert found.machine["full"]["keras"] == "3.15.1"


FACTS = """
["98.fact"]
kind = "fact"
words = "a fact"
unit = "{unit}"
digits = 0

["98.fact".full]
equals = {value}
values = [{value}, {value}]
"""


@pytest.mark.parametrize(
    ("value", "unit", "shown", "promise"),
    [
        (1.0, "", "holds", "must hold"),
        (1.0, "step", "1 step", "must be 1"),
        (0.0, "", "0", "must be 0"),
        (7.0, "", "7", "must be 7"),
    ],
)
def test_a_fact_that_is_true_holds_and_one_that_is_a_number_shows_it(
    trial, lessons, value, unit, shown, promise
):
    trial.cells["claim"].source = 'fact("98.fact", "a fact", found)'
    trial.write()
    rewrite(lessons, CLAIMS, CLAIMS + FACTS.format(value=value, unit=unit))
    found = results.measured()[-1]
    assert (found.name, found.shown, found.promise) == ("98.fact", shown, promise)


@pytest.mark.parametrize(
    ("published", "verdict"), [(0.8, "lower"), (0.55, "higher"), (0.6, "same"), (0.65, "same")]
)
def test_published_and_different_means_outside_the_range_of_all_runs(
    trial, lessons, published, verdict
):
    rewrite(lessons, "published = 0.8", f"published = {published}")
    assert results.measured()[0].comparison == verdict


def test_the_machine_of_a_lesson_is_no_result(trial):
    assert [each.name for each in results.measured()] == ["98.accuracy"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'words = "accuracy of the trial"',
            'words = " "',
            "98.accuracy, made in cell 98-claim: a claim without words",
        ),
        (
            'words = "accuracy of the trial"\n',
            "",
            "98.accuracy, made in cell 98-claim: a claim without words",
        ),
        ('kind = "bound"', 'kind = "guess"', "98.accuracy: kind = 'guess': must be one of"),
        ("98.accuracy", "97.accuracy", "97.accuracy: there is no lesson 97"),
    ],
)
def test_a_claim_that_cannot_be_shown_stops_the_build_and_is_named(trial, lessons, old, new, says):
    rewrite(lessons, old, new)
    with pytest.raises(BookError, match=re.escape(f"lessons/claims.toml: {says}")):
        results.measured()


def test_a_claim_of_a_lesson_that_nobody_measured_is_listed(trial, lessons):
    path = lessons / "98_trial.py"
    cell = '\n# %%\nspread("98.new", "something new", 1)\n'
    cell += 'bound("98.accuracy", "accuracy of the trial", 1, at_least=0.5)\n'
    path.write_text(path.read_text(encoding="utf-8") + cell, encoding="utf-8")
    assert [(each.name, each.kind, each.words) for each in results.unmeasured()] == [
        ("98.new", "spread", "something new")
    ]


@pytest.mark.parametrize("name", ["98.new", "98.accuracy"], ids=["new", "measured"])
def test_a_claim_without_words_in_a_lesson_is_named_with_its_cell(trial, lessons, name):
    path = lessons / "98_trial.py"
    cell = f'\n# %%\nspread("{name}", "", 1)\n'
    path.write_text(path.read_text(encoding="utf-8") + cell, encoding="utf-8")
    says = f'lessons/98_trial.py: cell 5, which begins \'spread("{name}", "", 1)\': {name}: a claim without words'
    with pytest.raises(BookError, match=re.escape(says)):
        results.unmeasured()


def test_what_was_not_reached_is_quoted_with_the_sentences_around_it(trial):
    (found,) = results.not_reached(trial.lesson)
    assert found.text == "We had hoped for 0.9. **Not reached**. Two."
    assert found.href == "98_trial.html#cell-98-hope"


def test_every_not_reached_of_the_lessons_is_found():
    for lesson in all_lessons():
        notebook = lesson.notebook("learner").read_text(encoding="utf-8")
        said = bool(re.search(r"not(\s|\\n\",\s+\")+reached", notebook, re.IGNORECASE))
        assert bool(results.not_reached(lesson)) == said, lesson.name


def test_the_strip_has_a_dot_a_seed_and_places_them_in_proportion(trial):
    drawn = strip(results.measured()[0])  # from the limit 0.5 to the published 0.8
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', drawn)]
    assert len(places) == 3
    ends = [float(x) for x in re.findall(r'class="(?:limit|published)" d="M([\d.]+)', drawn)]
    assert (places[0] - ends[0]) / (ends[1] - ends[0]) == pytest.approx(
        (0.6 - 0.5) / (0.8 - 0.5), abs=0.002
    )
    assert 'aria-label="3 seeds: 0.62 (0.60 to 0.70); at least 0.5; published 0.8"' in drawn
