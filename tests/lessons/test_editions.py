"""Every lesson's learner's edition, executed as learners open it, in fast mode and without network."""

import shutil
import subprocess
import sys

import nbformat
import pytest

from course.authoring.source import read
from course.execution.lessons import Lesson, all_lessons


@pytest.mark.parametrize("name", [lesson.name for lesson in all_lessons()])
def test_the_learners_edition_runs_open_with_another_seed_under_python3_and_without_network(
    name, tmp_path, exercise_records
):
    output = tmp_path / "out.ipynb"
    cut = _without_network()
    program = [sys.executable, "-c", CUT, str(Lesson(name).path("learner")), str(output), "cut" if cut else "open"]
    run = subprocess.run([*cut, *program], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    found = exercise_records(nbformat.read(output, as_version=4))
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
