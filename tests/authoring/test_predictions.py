"""No answer to a prediction stands unfolded between the question and the code that shows it."""

import pytest

from course.authoring.notebook import make
from course.authoring.predictions import problems
from course.authoring.source import Cell, read
from course.catalog import all_lessons

RESULT = 'bound("98.gain", "what it gains", gain, at_least=1)'


def cell(text, *tags, kind="markdown", exercise=None):
    return Cell(kind, text, frozenset(tags), exercise)


ASKED = cell("Which wins?", "predict")
SHOWN = cell(RESULT, kind="code")
ANSWER = cell("The **second**, by {{98.gain}}.", "answer")


@pytest.mark.parametrize(
    "cells",
    [
        [ASKED, SHOWN, ANSWER],
        [ASKED, ANSWER, SHOWN],  # by reasoning
        [ASKED, cell("We time it twice."), SHOWN, ANSWER, cell("Why by {{98.gain}}?")],
        [ASKED, SHOWN, ANSWER, SHOWN, ANSWER, ASKED, SHOWN, ANSWER],
    ],
)
def test_an_answer_may_follow_the_code_or_the_question_itself(cells):
    assert list(problems(cells)) == []


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([ASKED, SHOWN], "prediction 'Which wins?': no cell tagged answer follows"),
        (
            [ASKED, SHOWN, ASKED, SHOWN, ANSWER],
            "prediction 'Which wins?': no cell tagged answer follows",
        ),
        (
            [ANSWER, ASKED, SHOWN, ANSWER],
            "answer 'The **second**, by {{98.gain}}.': no prediction comes before",
        ),
        (
            [ASKED, cell("Wait."), ANSWER],
            "prediction 'Which wins?': no code shows the result before the answer",
        ),
        (
            [ASKED, cell("the own answer", "solution", kind="code", exercise="98.1"), ANSWER],
            "prediction 'Which wins?': no code shows the result before the answer",
        ),
        (
            [ASKED, cell("The **second** does."), SHOWN, ANSWER],
            "prediction 'Which wins?': 'The **second** does.' states a result; tag it answer",
        ),
        (
            [cell("It gains {{98.gain}}."), ASKED, SHOWN, ANSWER],
            "prediction 'Which wins?': 'It gains {{98.gain}}.' quotes its result, 98.gain",
        ),
    ],
)
def test_what_gives_an_answer_away_is_named(cells, told):
    assert list(problems(cells)) == [told]


@pytest.mark.parametrize("name", [lesson.name for lesson in all_lessons()])
def test_in_every_lesson_each_prediction_is_followed_by_a_folded_answer_and_nothing_unfolded_that_gives_it(
    name,
):
    source = read(name)
    assert list(problems(source.cells)) == []
    asked = False
    for made in make(source, "learner", quotes=False).cells:
        if made.source.startswith("> **Predict before you run.**"):
            assert not asked, f"no answer before {made.source[:80]!r}"
            asked = True
        elif made.source.startswith("<details><summary>Then open</summary>\n\n"):
            assert made.source.endswith("\n\n</details>")
            asked = False
        elif asked and made.cell_type == "markdown":
            assert "{{" not in made.source, made.source
    assert not asked
