"""Every lesson's exercises, executed in fast mode: open, with each wrong answer, and solved."""

import nbformat
import pytest
from nbformat import v4
from papermill import execute_notebook

from course.authoring.source import Source, read, stub
from course.execution.lessons import all_lessons
from course.execution.records import observe


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


@pytest.mark.parametrize("name", [lesson.name for lesson in all_lessons()])
def test_exercises_refuse_every_wrong_answer_and_accept_the_solution(name, tmp_path, record_property, exercise_records):
    notebook, expected = trial(read(name))
    path = tmp_path / f"{name}.ipynb"
    nbformat.write(notebook, path)
    executed = execute_notebook(path, path, {"fast": True}, kernel_name="course", progress_bar=False)
    record_property("seconds", [name, "fast", observe(executed)["cell_seconds"]])  # for tests/run_times.py
    found = exercise_records(executed)
    assert [(record["name"], record["outcome"]) for record in found] == [entry[:2] for entry in expected]
    for record, (exercise, _, hint) in zip(found, expected, strict=True):
        assert hint in record["message"], f"exercise {exercise}: expected the hint {hint!r}"
