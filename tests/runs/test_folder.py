"""Folders of runs: what others put into a folder is never touched, and one command at a time writes there."""

import subprocess
import sys

import pytest

from course.runs import folder, records
from course.runs.folder import FolderError, held
from course.runs.records import Record

RECORD = Record("98_trial", "98_trial", {}, "passed", 2.0, "", 1.0, {}, {}, None, {})
HOLD = "import sys; from pathlib import Path; from course.runs.folder import held\nwith held(Path(sys.argv[1])): {}"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_new_an_empty_and_an_earlier_folder_of_runs_are_held(out):
    for _ in range(2):
        with held(out):
            pass
    records.write(RECORD, out)
    (out / "report.html").touch()
    (out / "98_trial.executed.ipynb").touch()
    (out / "97_other.executed.ipynb").touch()  # a run killed before it wrote its record
    with held(out):
        assert out.is_dir()


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (["01_gradient_descent.ipynb"], "holds notebooks, such as 01_gradient_descent.ipynb"),
        (
            ["01_gradient_descent.py"],
            "holds other files than those of runs, such as 01_gradient_descent.py",
        ),
        (["report.html"], "holds other files than those of runs, such as report.html"),
        (["letters.json"], "holds other files than those of runs, such as letters.json"),
    ],
)
def test_a_folder_of_others_is_refused_and_left_as_it_is(out, names, reason):
    out.mkdir()
    for name in names:
        (out / name).write_text("theirs")
    with pytest.raises(FolderError, match=reason), held(out):
        pass
    assert {path.name: path.read_text() for path in out.iterdir()} == dict.fromkeys(names, "theirs")


def test_a_notebook_among_records_is_refused(out):
    records.write(RECORD, out)
    (out / "98_trial.ipynb").touch()
    with pytest.raises(FolderError, match="holds notebooks"), held(out):
        pass


def test_a_folder_is_held_by_one_process_at_a_time_and_free_after_its_death(out):
    command = [sys.executable, "-c", HOLD.format("print(flush=True); sys.stdin.read()"), str(out)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        process.stdout.readline()
        with pytest.raises(FolderError, match="another command writes its runs there"), held(out):
            pass
        process.kill()
    with held(out):
        assert (out / folder.LOCK).exists()
