"""In a real kernel: a cell that stopped is known by the names it was to make, and no check judges the old ones."""

import nbformat
import pytest
from nbclient import NotebookClient

from course.authoring.notebook import CHECK
from course.outputs import exercises_in

ANSWER = "def mean_step(weights, X, y, learning_rate):\n    return {}"
RIGHT = ANSWER.format("weights + learning_rate * 2 / len(y) * (X.T @ (y - X @ weights))")
CELLS = (
    "import numpy as np\nfrom course import cells\ncells.watch()",
    CHECK.format(name="01.1"),
    RIGHT,
    CHECK.format(name="01.1"),
    RIGHT.replace(":", ""),
    CHECK.format(name="01.1"),
    ANSWER.format("weights"),
    CHECK.format(name="01.1"),
    'hint("01.1")',
    "mean_step: None = 1 / 0",
    CHECK.format(name="01.1"),
)


@pytest.fixture(scope="module")
def executed():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    return notebook


def test_a_check_judges_no_answer_whose_cell_did_not_run(executed):
    records = list(exercises_in(executed))
    outcomes = ["not attempted", "right", "broken", "wrong", "wrong", "broken"]
    assert [record["outcome"] for record in records] == outcomes
    again = "Mend that cell, run it, then run this one again."
    assert (
        records[2]["message"]
        == f"The cell of `mean_step` did not run: SyntaxError: expected ':', line 1. {again}"
    )
    assert (
        records[5]["message"]
        == f"The cell of `mean_step` did not run: ZeroDivisionError: division by zero. {again}"
    )


def test_a_hint_on_request_comes_nearer(executed):
    _, _, _, first, second, _ = (record["message"] for record in exercises_in(executed))
    assert second.startswith(first)
    assert len(second) > len(first)


def test_the_outcome_is_a_box_that_a_screen_reader_announces_beside_the_same_words_as_text(
    executed,
):
    right, wrong = (executed.cells[place].outputs[0].data for place in (3, 7))
    assert right["text/plain"] == "Exercise 01.1: right."
    assert '<div role="status"' in right["text/html"]
    assert "<strong>Exercise 01.1: right.</strong>" in right["text/html"]
    assert '<span aria-hidden="true">✗ </span>' in wrong["text/html"]
    assert "hint(&quot;01.1&quot;)" in wrong["text/html"]
