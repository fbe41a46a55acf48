"""A run's folder is gone after it; what a killed run has left goes with the next."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from course import ROOT
from course.runs.work_folder import YOUNG, work_folder

HOLD = """
import sys
from course.runs.work_folder import work_folder
with work_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def held(temporary):
    """A process with a folder that is older than it looks, and the folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"TMPDIR": str(temporary), "TEMP": str(temporary)}
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
        folder = Path(process.stdout.readline().strip())
        (folder / "of the run").touch()
        old(folder)
        yield process, folder
        process.kill()


def old(folder):
    then = time.time() - 2 * YOUNG
    os.utime(folder, (then, then))


def test_a_folder_is_gone_after_its_run_with_all_that_is_in_it(temporary):
    with work_folder() as folder:
        (folder / "of the run").touch()
        assert list(temporary.iterdir()) == [folder]
    assert not list(temporary.iterdir())


def test_what_a_killed_run_has_left_goes_and_what_another_run_works_in_stays(held):
    process, folder = held
    with work_folder():
        assert (folder / "of the run").exists()
    process.kill()
    process.wait()
    with work_folder():
        assert not folder.exists()


def test_a_folder_that_may_get_its_lock_in_a_moment_stays(temporary):
    young = temporary / "course-run-young"
    young.mkdir()
    with work_folder():
        assert young.exists()
    old(young)
    with work_folder():
        assert not young.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a right of their own on Windows")
def test_nothing_is_removed_through_a_link(temporary):
    other = temporary / "other"
    other.mkdir()
    (other / "kept").touch()
    link = temporary / "course-run-link"
    link.symlink_to(other)
    then = time.time() - 2 * YOUNG
    os.utime(link, (then, then), follow_symlinks=False)
    with work_folder():
        pass
    assert list(other.iterdir()) == [other / "kept"]
