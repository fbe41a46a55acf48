"""An executed notebook as a page: what a reader sees, and what a browser must not be asked for."""

import nbformat
import pytest
from nbformat import v4

from course.authoring.notebook import PREDICTION
from course.runs import notebook_page, on_pages

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def made(tmp_path):
    """Return the page's body of a notebook of the given cells."""

    def make(*cells):
        path = tmp_path / "98_trial.executed.ipynb"
        nbformat.write(v4.new_notebook(cells=list(cells)), path)
        return notebook_page.body(path)

    return make


def shown(data, **metadata):
    return v4.new_output("display_data", data=data, metadata=metadata)


def test_formulas_become_mathml(made):
    body = made(v4.new_markdown_cell("So $w_0 \\dots$:\n\n$$d = \\sum_i x_i$$"))
    assert body.count("<math") == 2
    assert "$" not in body


def test_a_formula_that_cannot_be_read_is_shown_as_it_was_written(made):
    assert r"<code>\unknown{x</code>" in made(v4.new_markdown_cell(r"So $\unknown{x$."))
    with pytest.raises(ValueError, match="unknown"):
        on_pages.mathml(r"\unknown{x")


def test_links_to_other_notebooks_keep_their_words_and_others_lead_on(made):
    text = "[lesson 02](02_a.ipynb), [batch](GLOSSARY.md#batch), [K](https://keras.io), [up](#a)"
    body = made(v4.new_markdown_cell(text))
    assert "lesson 02, batch, " in body
    assert body.count("<a ") == 2
    assert 'href="https://keras.io"' in body


def test_no_script_is_on_the_page(made):
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "slider"}
    outputs = [
        shown({"text/html": "<script>alert(1)</script>"}),
        shown({"application/javascript": "alert(2)", "text/plain": "in words"}),
        shown(widget),
    ]
    body = made(v4.new_code_cell("show()", outputs=outputs))
    assert "<script" not in body
    assert "alert" not in body
    assert "in words" in body
    assert "slider" in body


def test_a_picture_says_what_it_shows(made):
    output = shown({"image/png": PICTURE}, **{"image/png": {"alt": "A line <falls>.", "width": 9}})
    body = made(v4.new_code_cell("draw()", outputs=[output]))
    assert 'alt="A line &lt;falls&gt;."' in body


def test_code_that_records_results_is_folded_and_what_it_shows_is_not(made):
    output = shown({"text/html": "<table><tr><th></th><td>0.9</td></tr></table>"})
    hidden = {"jupyter": {"source_hidden": True}}
    body = made(v4.new_code_cell("fact(1)", metadata=hidden, outputs=[output]))
    assert body.index("</details>") < body.index("0.9")
    assert "<th></th>" not in body


def test_what_serves_the_reader_of_a_notebook_alone_is_left_out(made):
    body = made(
        v4.new_markdown_cell("[Start](START.md)\n\n# 98. A trial\n\nWords.", id="98-opening"),
        v4.new_markdown_cell(f"> **Predict.** Which?\n>\n> {PREDICTION}"),
        v4.new_markdown_cell(f"> **Predict.** Why?\n>\n> {PREDICTION} mine"),
        v4.new_markdown_cell("The next lesson", id="98-onward"),
    )
    assert "Start" not in body
    assert "The next lesson" not in body
    assert body.count("My prediction") == 1


def test_text_of_a_notebook_is_escaped(made):
    body = made(
        v4.new_code_cell("x = '<b>'", outputs=[v4.new_output("stream", text="<i> & \x1b[31m")])
    )
    assert "<b>" not in body
    assert "&lt;i&gt; &amp;" in body


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"cells": 3}', '{"nbformat": 99}'])
def test_what_is_no_notebook_is_named(tmp_path, text):
    path = tmp_path / "98_trial.executed.ipynb"
    path.write_text(text)
    with pytest.raises(notebook_page.NoPageError, match=r"98_trial\.executed\.ipynb"):
        notebook_page.body(path)


def test_a_picture_that_the_notebook_does_not_hold_is_named(made):
    with pytest.raises(notebook_page.NoPageError, match="gone"):
        made(v4.new_markdown_cell("![a](attachment:gone.png)"))
