"""Every lesson in fast mode without network, its exercises open, answered wrongly and solved."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from course.authoring.notebook import CHECKED
from course.authoring.source import Source, read
from course.catalog import Lesson, all_lessons
from course.kernels.forked_kernel import LIBRARIES
from course.outputs import exercises_in

IMPORTS = "\n".join(
    ["import os", *(f"import {library}" for library in LIBRARIES), "_before = sum(os.times()[:4])"]
)
SPENT = (
    "print(sum(os.times()[:4]) - _before)"  # processor seconds, with those of processes that ended
)


@pytest.fixture(scope="module", params=[lesson.name for lesson in all_lessons()])
def learners_run(request, tmp_path_factory):
    """Name of a lesson, its learner's notebook with every answer tried, executed, and what its checks are to say."""
    notebook, expected = tried(Lesson(request.param), read(request.param))
    return request.param, run_once(request.param, notebook, tmp_path_factory), expected


def test_the_learners_edition_runs_without_network_and_its_exercises_know_open_wrong_and_right_answers(
    learners_run, record_property
):
    name, executed, expected = learners_run
    (spent,) = (cell.outputs[0].text for cell in executed.cells if cell.source == SPENT)
    record_property("processor", [name, "fast", float(spent)])  # see tests/run_times.py
    found = list(exercises_in(executed))
    assert [(record["name"], record["outcome"]) for record in found] == [
        entry[:2] for entry in expected
    ]
    for record, (exercise, _, hint) in zip(found, expected, strict=True):
        assert hint in " ".join(record["hints"]), f"exercise {exercise}: expected the hint {hint!r}"


def test_no_warning_reaches_a_learner(learners_run):
    name, executed, _ = learners_run
    stored = nbformat.read(Lesson(name).path("solutions"), as_version=4)  # executed in full mode
    for cell in [*executed.cells, *stored.cells]:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"cell {cell.id}: {output.text}"
            assert "WARNING" not in output.get("text", ""), f"cell {cell.id}: {output.text}"


def run_once(name: str, notebook: NotebookNode, factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook, executed in fast mode without network; once, however many workers ask for `name`."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    done = shared / f"{name}.ipynb"
    with FileLock(f"{done}.lock"):
        if not done.exists():
            nbformat.write(_run(notebook, factory.mktemp("lesson")), done)
    return nbformat.read(done, as_version=4)


def _run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    handed_in, output = folder / "handed_in.ipynb", folder / "out.ipynb"
    nbformat.write(notebook, handed_in)
    cut = _without_network()
    program = [sys.executable, "-c", CUT, str(handed_in), str(output), "cut" if cut else "open"]
    process = subprocess.run([*cut, *program], capture_output=True, text=True, cwd=folder)
    assert process.returncode == 0, process.stderr[-3000:]
    return nbformat.read(output, as_version=4)


def tried(lesson: Lesson, source: Source) -> tuple[NotebookNode, list[tuple[str, str, str]]]:
    """The learner's notebook where each check is followed by every wrong answer and the solution, then left open again.

    A cell before all others imports what a warm kernel has imported, so that the lesson's seconds can be compared, and
    one after all others prints them.
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
            exercise = CHECKED.search(cell.source)[1]
            own = source.exercises[exercise]
            answers = [each.source for each in own if "solution" in each.tags]
            expected.append((exercise, "not attempted", ""))
            for wrong in (each for each in own if "wrong" in each.tags):
                cells += map(new_code_cell, [*answers, wrong.source, cell.source])
                expected.append((exercise, "wrong", wrong.hint))
            cells += map(new_code_cell, [*answers, cell.source, *stubs])
            expected.append((exercise, "right", ""))
            stubs = []
    notebook.cells = [*cells, new_code_cell(SPENT)]
    return notebook, expected


def _without_network():
    """The command that starts a program without network; nothing where the system has no such thing (not Linux)."""
    unshare = ["unshare", "--map-root-user", "--net"]
    usable = (
        shutil.which("unshare")
        and not subprocess.run([*unshare, "true"], capture_output=True).returncode
    )
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
