import pytest

from course.authoring.notebook import PREDICTION
from course.book import BookError
from course.book.lesson_page import hints, page, read_notebook


def by_id(notebook):
    return {cell.id: cell for cell in notebook.cells}


def test_below_the_stub_of_an_exercise_stand_folded_its_hints_its_solution_and_its_check(trial):
    cells = page(trial.lesson).cells
    ids = [cell.id for cell in cells]
    assert ids[ids.index("98-answer") :] == [
        "98-answer",
        "98-check-hints",
        "98-answer-solution",
        "98-check",
    ]
    found = by_id(page(trial.lesson))
    assert found["98-answer"].source == "answer = ..."
    assert found["98-answer-solution"].source == "answer = 1 + 1"
    assert found["98-check-hints"].source.startswith(
        "<details><summary>Hints</summary>\n\n- Count again."
    )
    assert [cell.id for cell in cells if "hide-cell" in cell.metadata.get("tags", [])] == [
        "98-answer-solution",
        "98-check",
    ]


def test_a_page_has_no_line_to_write_a_prediction_on(trial):
    trial.cells["hope"].source = f"> **Predict before you run.** Which?\n>\n> {PREDICTION}"
    trial.write()
    assert by_id(page(trial.lesson))["98-hope"].source == "> **Predict before you run.** Which?"


def test_hints_are_those_of_expectations_and_of_mistakes_in_order_and_once():
    check = '''
def check(f):
    expect(f(1) == 2, "First.")
    expect_close(f(2), 3, "Second.", {"A mistake.": 4})
    for case, says in cases:
        expect(case, says)
        expect(case, f"not fixed: {case}")
    expect(f(3), "First.")
    """Not a hint, but a docstring."""
    cases = {"One of a table.": 3, f"Put together {f} here.": 4, "short": 5}
'''
    assert hints(check) == ["First.", "Second.", "A mistake.", "One of a table."]


def test_a_cell_that_is_linked_to_has_an_anchor_before_it(trial):
    ids = [cell.id for cell in page(trial.lesson, {"98-claim"}).cells]
    assert ids.index("98-claim-anchor") == ids.index("98-claim") - 1
    assert (
        '<a id="cell-98-claim"></a>'
        in by_id(page(trial.lesson, {"98-claim"}))["98-claim-anchor"].source
    )


def test_a_picture_takes_the_alt_text_of_its_output(trial):
    image = by_id(page(trial.lesson))["98-picture"].metadata.mystnb.image
    assert image.alt == "A line that falls from 9 to 1."


def test_a_picture_without_alt_text_stops_the_build_and_names_file_and_cell(trial):
    trial.cells["picture"].outputs[0].metadata = {}
    trial.write()
    with pytest.raises(
        BookError, match=r"notebooks/solutions/98_trial\.ipynb: cell 98-picture: .* no alt text"
    ):
        page(trial.lesson)


def test_an_html_picture_without_alt_text_stops_the_build(trial):
    trial.cells["picture"].outputs[0].data = {"text/html": '<p><img src="x.png"></p>'}
    trial.write()
    with pytest.raises(BookError, match="cell 98-picture"):
        page(trial.lesson)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"cells": [{}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}']
)
def test_a_notebook_that_does_not_parse_is_named(trial, text):
    trial.lesson.path("learner").write_text(text, encoding="utf-8")
    with pytest.raises(BookError, match=r"notebooks/98_trial\.ipynb: is not a notebook"):
        read_notebook(trial.lesson, "learner")


def test_the_corner_of_a_table_is_no_heading_and_scripts_for_jupyterlab_are_left_out(trial):
    trial.cells["picture"].outputs[0].data = {
        "text/html": "<table><tr><th></th><th>a</th></tr></table>"
    }
    trial.cells["claim"].outputs[0].data = {"text/html": "<script>\nalert()\n</script>"}
    trial.write()
    found = by_id(page(trial.lesson))
    assert (
        found["98-picture"].outputs[0].data["text/html"]
        == "<table><tr><td></td><th>a</th></tr></table>"
    )
    assert found["98-claim"].outputs == []


def test_links_between_notebooks_that_a_page_has_of_itself_are_left_out(trial):
    trial.cells["opening"].source = (
        "← [97](97.ipynb) · [Start page](START.md)\n\n" + trial.cells["opening"].source
    )
    trial.cells["hope"].source = "See [the same, solved](solutions/98_trial.ipynb)."
    trial.write()
    found = by_id(page(trial.lesson))
    assert found["98-opening"].source.startswith("# 98. A trial")
    assert found["98-hope"].source == "See [the same, solved](98_trial.ipynb)."


def test_two_pictures_in_one_cell_are_refused_since_the_page_has_one_alt_text_for_both(trial):
    trial.cells["picture"].outputs *= 2
    trial.write()
    says = r"solutions/98_trial\.ipynb: cell 98-picture: has two pictures; give each a cell"
    with pytest.raises(BookError, match=says):
        page(trial.lesson)
