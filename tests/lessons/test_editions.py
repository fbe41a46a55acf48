"""Every lesson's exercises and its learner's edition, executed as learners and graders meet them, in fast mode."""

import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat import v4
from papermill import execute_notebook

from course.authoring.source import Source, read, stub
from course.execution.records import observe
from course.lessons import Lesson, all_lessons


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


@pytest.mark.parametrize("name", [lesson.name for lesson in all_lessons()])
def test_exercises_refuse_every_wrong_answer_and_accept_the_solution(name, tmp_path, record_property):
    notebook, expected = trial(read(name))
    path = tmp_path / f"{name}.ipynb"
    nbformat.write(notebook, path)
    executed = execute_notebook(path, path, {"fast": True}, kernel_name="course", progress_bar=False)
    record_property("seconds", [name, "fast", observe(executed)["cell_seconds"]])  # for tests/run_times.py
    found = outcomes(executed)
    assert [(record["name"], record["outcome"]) for record in found] == [entry[:2] for entry in expected]
    for record, (exercise, _, hint) in zip(found, expected, strict=True):
        assert hint in record["message"], f"exercise {exercise}: expected the hint {hint!r}"


@pytest.mark.parametrize("name", [lesson.name for lesson in all_lessons()])
def test_the_learners_edition_runs_open_with_another_seed_under_python3_and_without_network(name, tmp_path):
    output = tmp_path / "out.ipynb"
    cut = _without_network()
    program = [sys.executable, "-c", CUT, str(Lesson(name).path("learner")), str(output), "cut" if cut else "open"]
    run = subprocess.run([*cut, *program], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    found = outcomes(nbformat.read(output, as_version=4))
    assert [record["outcome"] for record in found] == ["not attempted"] * len(read(name).exercises)


def _without_network():
    """The command that starts a program without network; nothing where the system has no such thing (not Linux)."""
    unshare = ["unshare", "--map-root-user", "--net"]
    usable = shutil.which("unshare") and not subprocess.run([*unshare, "true"], capture_output=True).returncode
    return unshare if usable else []


CUT = """
import sys
import papermill
if sys.argv[3] == "cut":  # kernels talk over the loopback, which a new namespace has switched off
    import fcntl, socket, struct
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x41))
parameters = {"fast": True, "seed": 1}
papermill.execute_notebook(sys.argv[1], sys.argv[2], parameters, kernel_name="python3", progress_bar=False)
"""


def test_the_network_is_really_cut():
    connect = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    if not (cut := _without_network()):
        pytest.skip("this system has no network namespaces that a user may open")
    run = subprocess.run([*cut, sys.executable, "-c", connect], capture_output=True, text=True)
    assert "Network is unreachable" in run.stderr
