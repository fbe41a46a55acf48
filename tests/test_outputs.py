"""What a cell tells, in a real kernel: one output for the claims of a cell, data for programs in its metadata."""

import nbformat
import pytest
from nbclient import NotebookClient

from course import outputs

CELLS = (
    'from course.claims import bound, fact, spread\nspread("98.a", "a <loss>", 0.5)',
    'fact("98.b", "all is well", True)\nprint("between")\nbound("98.c", "accuracy", 0.7, at_least=0.9)',
    'spread("98.d", "before an error", 1.0)\n1 / 0',
    "print('no claims')",
)


@pytest.fixture(scope="module")
def executed():
    cells = [nbformat.v4.new_code_cell(cell) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    return notebook


def shown(cell):
    return [output.data for output in cell.outputs if output.output_type == "display_data"]


def test_a_claim_is_one_line_and_one_row_of_a_table(executed):
    (data,) = shown(executed.cells[0])
    assert data["text/plain"] == "a <loss>: yours 0.500"
    assert "<td>a &lt;loss&gt;</td>" in data["text/html"]
    assert '<td class="yours">0.500</td>' in data["text/html"]


def test_claims_of_one_cell_are_one_output_at_its_end(executed):
    first, second = executed.cells[1].outputs
    assert first.text == "between\n"
    assert (
        second.data["text/plain"]
        == "all is well: holds\naccuracy: yours 0.700 · at least 0.9: missed"
    )
    assert second.data["text/html"].count("<tr>") == 3


def test_claims_before_an_error_are_shown_and_nothing_is_shown_twice(executed):
    assert len(shown(executed.cells[2])) == 1
    assert shown(executed.cells[3]) == []


def test_programs_read_the_claims_back(executed):
    records = list(outputs.claims_in(executed))
    assert [record["name"] for record in records] == ["98.a", "98.b", "98.c", "98.d"]
    assert records[2] == {
        "name": "98.c",
        "kind": "bound",
        "words": "accuracy",
        "value": 0.7,
        "unit": "",
        "digits": 3,
        "at_least": 0.9,
        "timed": False,
        "mode": "full",
        "standard": True,
    }


def test_a_row_leaves_out_what_there_is_not():
    assert str(outputs.Row("loss", "0.5", "0.4 (0.3 to 0.6)", "holds")) == (
        "loss: yours 0.5 · course 0.4 (0.3 to 0.6) · holds"
    )
    assert str(outputs.Row("loss", "", "", "holds")) == "loss: holds"
    assert str(outputs.Row("loss", "0.5", "", "")) == "loss: yours 0.5"


def test_rows_are_lines_of_text_and_a_table_with_headings():
    rows = [outputs.Row("a", "1", "2", "holds"), outputs.Row("b", "", "<3", "fails")]
    shown = outputs.table(rows)
    assert shown["text/plain"] == "a: yours 1 · course 2 · holds\nb: course <3 · fails"
    assert shown["text/html"] == (
        "<table><tr><th></th><th>yours</th><th>course: median (range)</th><th></th></tr>"
        '<tr><td>a</td><td class="yours">1</td><td>2</td><td>holds</td></tr>'
        '<tr><td>b</td><td class="yours"></td><td>&lt;3</td><td>fails</td></tr></table>'
    )


def test_feedback_is_a_line_and_a_box_that_a_screen_reader_announces():
    plain = outputs.feedback("05.1", "right", "")
    assert plain["text/plain"] == "Exercise 05.1: right."
    assert "<small" not in plain["text/html"]
    both = outputs.feedback("05.1", "wrong", "Is 1 < 2?", "Run hint.")
    assert both["text/plain"] == "Exercise 05.1: wrong. Is 1 < 2? Run hint."
    sign, color, ground = outputs.LOOKS["wrong"]
    assert both["text/html"].startswith(
        f'<div role="status" style="color:{color};background:{ground};'
    )
    assert f'<span aria-hidden="true">{sign} </span>' in both["text/html"]
    assert "<strong>Exercise 05.1: wrong.</strong> Is 1 &lt; 2?<br>" in both["text/html"]
    assert both["text/html"].endswith(f'<br><small style="color:{color}">Run hint.</small></div>')


def test_programs_read_the_exercises_back_and_others_outputs_tell_nothing():
    told = nbformat.v4.new_output(
        "display_data", metadata={"course": {"exercise": {"name": "98.1"}}}
    )
    other = nbformat.v4.new_output("stream", text="98.1")
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("text"),
            nbformat.v4.new_code_cell("1", outputs=[other, told]),
        ]
    )
    assert list(outputs.exercises_in(notebook)) == [{"name": "98.1"}]
    assert list(outputs.claims_in(notebook)) == []


def test_an_exercise_is_announced_once_with_its_record_for_programs(monkeypatch, capsys):
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, **options: shown.append((data, options))
    )
    record = {"name": "98.1", "outcome": "wrong"}
    outputs.announce_exercise(record, "Look.", "More.")
    assert capsys.readouterr().out == "Exercise 98.1: wrong. Look. More.\n"
    monkeypatch.setattr(outputs, "_shell", lambda: True)
    outputs.announce_exercise(record, "Look.")
    expected = {"metadata": {"course": {"exercise": record}}, "raw": True}
    assert shown == [(outputs.feedback("98.1", "wrong", "Look."), expected)]
    assert capsys.readouterr().out == ""


def luminance(color):
    """Relative luminance, WCAG 2.2."""
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_outcomes_differ_in_sign_and_color_and_their_text_has_the_contrast_of_wcag_aaa():
    for sign, color, ground in outputs.LOOKS.values():
        assert (luminance(ground) + 0.05) / (luminance(color) + 0.05) >= 7, sign
    assert len({sign for sign, *_ in outputs.LOOKS.values()}) == len(outputs.LOOKS)
    assert len({color for _, color, _ in outputs.LOOKS.values()}) == len(outputs.LOOKS)
