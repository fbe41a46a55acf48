"""Six lessons with their experiment broken: each still runs to its end, and a fact or a bound says that it is wrong."""

import nbformat
import pytest

from course.catalog import find
from course.runs import judge, runner
from course.runs.records import Job

BROKEN = {
    "01": (
        "a step of twice the rate",
        "weights = weights + learning_rate *",
        "weights = weights + 2 * learning_rate *",
    ),
    "03": (
        "labels shuffled",
        "known, y[train], unknown",
        "known, np.random.permutation(y[train]), unknown",
    ),
    "06": (
        "a metric off by one row",
        "return ops.sqrt(self.squares / self.rows)",
        "return ops.sqrt(self.squares / (self.rows + 1))",
    ),
    "09": (
        "row weights for the wrong class",
        "np.where(y_training == 1, balance, 1.0)",
        "np.where(y_training == 0, balance, 1.0)",
    ),
    "10": (
        "weights swapped",
        'resumed = {".keras": resume(loaded)}',
        'last = loaded.layers[-1].kernel\nlast.assign(last[:, ::-1])\nresumed = {".keras": resume(loaded)}',
    ),
    "13": (
        "an average that forgets its weights",
        "np.average(same, axis=0, weights=weights)",
        "np.average(same, axis=0)",
    ),
}


@pytest.mark.parametrize(
    ("number", "what", "right", "wrong"), [(number, *how) for number, how in BROKEN.items()]
)
def test_a_broken_experiment_breaks_a_promise(number, what, right, wrong, tmp_path):
    lesson = find(number)
    notebook = nbformat.read(lesson.path("solutions"), as_version=4)
    broken = [cell for cell in notebook.cells if cell.cell_type == "code" and right in cell.source]
    assert broken, f"lesson {number} no longer says {right!r}"
    for cell in broken:
        cell.source = cell.source.replace(right, wrong)
    path = tmp_path / "broken.ipynb"
    nbformat.write(notebook, path)
    record = runner.run(Job(path, lesson.name, {"fast": True}), tmp_path / "out", timeout=300)
    assert record.outcome == "passed", record.failure
    refused = list(judge.refusals(record))
    print(
        f"lesson {number}, {what}: {len(refused)} refused, such as {refused[0] if refused else 'none'}"
    )
    assert refused
