"""Every code cell of every lesson run twice in a row in fast mode: nothing that follows is another.

Learners go back and run a cell again. Then an experiment must begin anew, not on the files or the model that its first
run has left.
"""

import copy
import re

import nbformat
import pytest
from nbformat import NotebookNode
from test_editions import learners_run, run_once  # a fixture and how it runs a notebook: used below

from course.catalog import Lesson
from course.claims import Claim
from course.outputs import claims_in, claims_of, exercises_in

__all__ = ["learners_run"]
CUT_SHORT = 80  # characters
AGAIN = "-again"  # ends the id of a cell that runs a second time
NUMBERED = re.compile(r"\b(adam|rm_sprop|sequential)_\d+")  # Keras counts what a process has made
OTHERWISE = {  # claims on what killed processes left at a moment of the clock, or on memory that Python allots
    "12.refilled_unreadable",
    "12.overwritten_mixed",
    "12.renamed_not_whole",
    "13.memory_stored",
    "13.memory_streaming",
    "10.dropout_keras",  # shows that dropout's seed is not kept: each resumption draws anew
}


@pytest.fixture(scope="module")
def once_and_twice(learners_run, tmp_path_factory):
    """The lesson's cells run once, and run twice in a row."""
    name, once, _ = learners_run
    solved = nbformat.read(Lesson(name).path("solutions"), as_version=4)
    return once, run_once(f"{name}-twice", repeated(solved), tmp_path_factory)


def test_every_cell_says_the_same_when_it_is_run_twice_in_a_row(once_and_twice):
    once, again = once_and_twice
    expected = {
        cell.id: said(cell) for cell in once.cells if "check" not in cell.metadata.get("tags", [])
    }
    worked = [
        cell
        for cell in again.cells
        if cell.id.removesuffix(AGAIN) in expected and cell.cell_type == "code"
    ]
    for cell in worked:
        assert said(cell) == expected[cell.id.removesuffix(AGAIN)], f"cell {cell.id}: {cell.source}"
    assert sum(cell.id.endswith(AGAIN) for cell in worked) > 20


def test_facts_and_bounds_hold_both_times(once_and_twice):
    _, again = once_and_twice
    claims = [Claim(**record) for record in claims_in(again)]
    assert len(claims) == 2 * len({claim.name for claim in claims}) > 0
    for claim in claims:
        assert claim.kept is not False, f"{claim.name}, {claim.words}: {claim.value}"


def test_every_check_is_right_twice_and_once_more_at_the_end(once_and_twice):
    _, again = once_and_twice
    assert {record["outcome"] for record in exercises_in(again)} == {"right"}


def repeated(notebook: NotebookNode) -> NotebookNode:
    """The notebook with every code cell twice in a row, and every check a third time at the end.

    Of the parameters cell the second counts as such: what papermill injects comes behind it.
    """
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            cells.append(NotebookNode(copy.deepcopy(cell), id=cell.id + AGAIN))
            cell.metadata["tags"] = [
                tag for tag in cell.metadata.get("tags", []) if tag != "parameters"
            ]
    checks = [cell for cell in notebook.cells if "check" in cell.metadata.get("tags", [])]
    notebook.cells = cells + [
        NotebookNode(copy.deepcopy(cell), id=cell.id + "-at-the-end") for cell in checks
    ]
    return notebook


def said(cell: NotebookNode) -> list[str]:
    """What a cell printed, line by line: of claims in OTHERWISE the names only, of a cell that may vary its claims.

    A busy machine sends what is printed in pieces, which are joined. Where a lesson cut a message short, what is
    compared ends earlier still, since the numbers that Keras counts up decide where it was cut.
    """
    text = ""
    for output in cell.get("outputs", []):
        shown = output.get("text") or output.get("data", {}).get("text/plain", "") + "\n"
        if claims := claims_of(output):
            for claim, line in zip(claims, shown.splitlines(), strict=True):
                text += (
                    claim["name"] if claim["timed"] or claim["name"] in OTHERWISE else line
                ) + "\n"
        elif "varies" not in cell.metadata.get("tags", []):
            text += NUMBERED.sub(r"\1", shown)
    return [line[:CUT_SHORT] if line.endswith("[...]") else line for line in text.splitlines()]
