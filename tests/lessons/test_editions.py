"""Every lesson's learner's edition, executed in fast mode without network: its exercises open, wrong and solved."""

import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course.authoring.source import EXERCISE, Source, read
from course.catalog import Lesson, all_lessons
from course.kernels.forked_kernel import LIBRARIES
from course.runs.records import observe

IMPORTS = "\n".join(f"import {library}" for library in LIBRARIES)


@pytest.mark.parametrize("name", [lesson.name for lesson in all_lessons()])
def test_the_learners_edition_runs_without_network_and_its_exercises_know_open_wrong_and_right_answers(
    name, tmp_path, record_property, exercise_records
):
    notebook, expected = tried(Lesson(name), read(name))
    handed_in, output = tmp_path / "learner.ipynb", tmp_path / "out.ipynb"
    nbformat.write(notebook, handed_in)
    cut = _without_network()
    program = [sys.executable, "-c", CUT, str(handed_in), str(output), "cut" if cut else "open"]
    run = subprocess.run([*cut, *program], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    executed = nbformat.read(output, as_version=4)
    del executed.cells[0]
    record_property("seconds", [name, "fast", observe(executed)["cell_seconds"]])  # for tests/run_times.py
    found = exercise_records(executed)
    assert [(record["name"], record["outcome"]) for record in found] == [entry[:2] for entry in expected]
    for record, (exercise, _, hint) in zip(found, expected, strict=True):
        assert hint in record["message"], f"exercise {exercise}: expected the hint {hint!r}"


def tried(lesson: Lesson, source: Source) -> tuple[NotebookNode, list[tuple[str, str, str]]]:
    """The learner's notebook where each check is followed by every wrong answer and the solution, then left open again.

    A cell before all others imports what a warm kernel has imported, so that the lesson's seconds can be compared.
    Given with it, for every time that a check runs: exercise, outcome and a part of the hint.
    """
    notebook = nbformat.read(lesson.path("learner"), as_version=4)
    cells, expected, stubs = [new_code_cell(IMPORTS)], [], []
    for cell in notebook.cells:
        cells.append(cell)
        tags = cell.metadata.get("tags", [])
        if "solution" in tags:
            stubs.append(cell.source)
        if "check" in tags:
            exercise = EXERCISE.search(cell.source)[1]
            own = source.exercises[exercise]
            answers = [each.source for each in own if "solution" in each.tags]
            expected.append((exercise, "not attempted", ""))
            for wrong in (each for each in own if "wrong" in each.tags):
                cells += map(new_code_cell, [*answers, wrong.source, cell.source])
                expected.append((exercise, "wrong", wrong.hint))
            cells += map(new_code_cell, [*answers, cell.source, *stubs])
            expected.append((exercise, "right", ""))
            stubs = []
    notebook.cells = cells
    return notebook, expected


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
