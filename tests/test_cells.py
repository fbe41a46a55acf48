"""In a real kernel: a cell that stopped is known by the names it was to make, and no check judges the old ones."""

from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from course import cells
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
    again = "Fix that cell, run it, then run this one again."
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


def ran(cell, *, before=None, within=None):
    """What IPython tells of a cell that has run."""
    info = SimpleNamespace(raw_cell=cell)
    cells._note(SimpleNamespace(error_before_exec=before, error_in_exec=within, info=info))


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("def double(x):\n    inner = 1", ["double"]),
        ("async def later(): ...", ["later"]),
        ("class Model:\n    x = 1", ["Model"]),
        ("first = 1\nsecond: list[int] = []", ["first", "second"]),
        ("spaced  = 1", ["spaced"]),
        ("same == 1\nprint(other)\nmore[0] = 1", []),
        (None, []),
    ],
)
def test_a_cell_is_known_by_what_it_was_to_make_until_it_runs(monkeypatch, cell, names):
    monkeypatch.setattr(cells, "_stopped", {})
    ran(cell, within=ValueError("odd"))
    assert cells._stopped == dict.fromkeys(names, "ValueError: odd")
    for name in names:
        assert cells.stopped(name) == "ValueError: odd"
    ran(cell)
    assert cells._stopped == {}


def test_an_error_before_the_cell_ran_is_told_with_its_line(monkeypatch):
    monkeypatch.setattr(cells, "_stopped", {})
    ran("x = (", before=SyntaxError("never closed", ("<cell>", 3, 1, "x = (")))
    assert cells.stopped("x") == "SyntaxError: never closed, line 3"
    assert cells.stopped("y") is None


def test_outside_a_notebook_nothing_is_watched():
    cells.watch()


def test_a_notebook_is_watched_once(monkeypatch):
    registered = []
    events = SimpleNamespace(
        callbacks={"post_run_cell": registered},
        register=lambda event, function: registered.append(function),
    )
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(events=events))
    cells.watch()
    cells.watch()
    assert registered == [cells._note]
