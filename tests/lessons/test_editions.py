"""Every lesson's exercises and its learner's edition, executed as learners and graders meet them, in fast mode."""

import nbformat
import pytest
from nbformat import v4
from papermill import execute_notebook

from course.authoring.build import path_of
from course.authoring.source import Source, names, read, stub


def outcomes(notebook):
    """The exercise records in a notebook's outputs, in order."""
    found = [
        o.metadata.get("course", {}) for cell in notebook.cells for o in cell.get("outputs", []) if "metadata" in o
    ]
    return [record["exercise"] for record in found if "exercise" in record]


def trial(source: Source):
    """A notebook that tries every exercise: open, with each wrong answer, solved; and what must come out."""
    cells, expected = [], []
    for cell in source.cells:
        if cell.kind == "code" and not cell.exercise:
            cells.append(v4.new_code_cell(cell.source, metadata={"tags": sorted(cell.tags)}))
        if "check" in cell.tags:
            own = source.exercises[cell.exercise]
            answers = [c.source for c in own if "solution" in c.tags]
            rounds = [([stub(text) for text in answers], "not attempted", "")]
            rounds += [([*answers, c.source], "wrong", c.hint) for c in own if "wrong" in c.tags]
            rounds += [(answers, "right", "")]
            for texts, outcome, hint in rounds:
                cells += [v4.new_code_cell(text) for text in [*texts, cell.source]]
                expected.append((cell.exercise, outcome, hint))
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return v4.new_notebook(cells=cells, metadata=metadata), expected


@pytest.mark.parametrize("name", names())
def test_exercises_refuse_every_wrong_answer_and_accept_the_solution(name, tmp_path):
    notebook, expected = trial(read(name))
    path = tmp_path / f"{name}.ipynb"
    nbformat.write(notebook, path)
    found = outcomes(execute_notebook(path, path, {"fast": True}, kernel_name="course", progress_bar=False))
    assert [(record["name"], record["outcome"]) for record in found] == [entry[:2] for entry in expected]
    for record, (exercise, _, hint) in zip(found, expected, strict=True):
        assert hint in record["message"], f"exercise {exercise}: expected the hint {hint!r}"


@pytest.mark.parametrize("name", names())
def test_the_learners_edition_runs_with_every_exercise_open_and_another_seed(name, tmp_path):
    parameters = {"fast": True, "seed": 1}
    path = path_of(name, "learner")
    run = execute_notebook(path, tmp_path / path.name, parameters, kernel_name="course", progress_bar=False)
    assert {record["outcome"] for record in outcomes(run)} == {"not attempted"}
    assert len(outcomes(run)) == len(read(name).exercises)
