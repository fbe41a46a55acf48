"""A class is graded on a real Dask cluster: the same bytes as on one machine, and nothing lost when a worker dies."""

import os
import threading
import time

import nbformat
import psutil
import pytest
from typer.testing import CliRunner

from course.catalog import find
from course.classroom import sandbox
from course.cli import main
from course.learner.merge import exercise_of, handed_out
from course.runs import cluster
from tests.dask_processes import Dask

LESSON = find("01")
SOLUTIONS = {name: each.solution for name, each in LESSON.exercises.items()}
ANSWERS = {
    "right": SOLUTIONS,
    "slow": SOLUTIONS | {"01.3": f"import time\ntime.sleep(2)\n{SOLUTIONS['01.3']}"},
    "untouched": {},
    "wrong": SOLUTIONS | {"01.1": "def mean_step(w, X, y, rate):\n    return w"},
}

pytestmark = pytest.mark.skipif(
    sandbox.found() is None, reason="bubblewrap is not installed; install the package bubblewrap"
)


@pytest.fixture
def folder(tmp_path):
    """A class of four who have handed in, and one who has not."""
    for student, answers in ANSWERS.items():
        made = handed_out(nbformat.read(LESSON.notebook("learner"), as_version=4))
        for cell in made.cells:
            cell.source = answers.get(exercise_of(cell), cell.source)
        path = tmp_path / "submissions" / student / f"{LESSON.name}.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(made, path)
    (tmp_path / "roster.csv").write_text("\n".join(["student", *ANSWERS, "missing"]))
    return tmp_path


@pytest.fixture
def dask(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "LOST_SECONDS", 1)
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 120)
    started = Dask(tmp_path)
    started.scheduler()
    yield started
    started.end()


def grade(folder, out, *more):
    command = ["grade", str(folder / "submissions"), "--roster", str(folder / "roster.csv")]
    done = CliRunner().invoke(main.app, [*command, "--seed", "7", "--out", str(out), *more])
    return done.exit_code, done.stderr


def everything(out):
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def when_one_is_graded(out, act):
    """Call `act` once the first result is there, while others are still graded."""

    def watch():
        while not list(out.glob("results/*/*.json")):
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def kill(process):
    """Kill a worker; its sandboxes end with it."""
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    _, left = psutil.wait_procs(family, timeout=60)
    assert not left


@pytest.mark.timeout(900)
def test_workers_give_the_same_bytes_as_this_machine_even_when_one_is_killed(folder, dask):
    first, _ = dask.worker(), dask.worker()
    thread = when_one_is_graded(folder / "cluster", lambda: kill(first))
    status, said = grade(folder, folder / "cluster", "--scheduler", dask.address)
    assert status == 0, said
    thread.join()
    assert first.poll() is not None
    assert grade(folder, folder / "here", "--jobs", "1")[0] == 0
    assert everything(folder / "cluster") == everything(folder / "here")
    tables, pages, results, figures = 4, 5, 5, 1
    seed_and_lock = 2
    assert len(everything(folder / "here")) == tables + pages + results + figures + seed_and_lock


@pytest.mark.timeout(900)
def test_without_workers_a_grading_ends_and_the_same_command_goes_on(folder, dask):
    worker = dask.worker()
    out = folder / "cluster"
    thread = when_one_is_graded(out, lambda: kill(worker))
    status, said = grade(folder, out, "--scheduler", dask.address)
    assert status == 1
    assert "all workers of the Dask scheduler have gone" in said
    assert f"the same command with --out {out} goes on from there" in said
    thread.join()
    early = {path: path.stat().st_mtime_ns for path in out.glob("results/*/*.json")}
    assert 0 < len(early) < 5
    dask.worker()
    status, said = grade(folder, out, "--scheduler", dask.address)
    assert status == 0, said
    assert early == {path: path.stat().st_mtime_ns for path in early}
    assert len(list(out.glob("results/*/*.json"))) == 5


@pytest.mark.timeout(900)
def test_a_worker_without_bubblewrap_is_refused_by_its_name(folder, dask):
    dask.worker(env=os.environ | {"PATH": str(folder)})
    status, said = grade(folder, folder / "cluster", "--scheduler", dask.address)
    assert status == 2
    assert "Error: worker tcp://127.0.0.1:" in said
    assert "bwrap: not found; install the package bubblewrap" in said
