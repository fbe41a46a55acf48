import asyncio
import os
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from course.runs import records, runner
from course.runs.records import Job

PARAMETERS = 'seed = 0\nfast = False\nname = "none"'
PID = "import os, pathlib\npathlib.Path({!r}).write_text(str(os.getpid()))"


@pytest.fixture(autouse=True)
def plain_kernel(monkeypatch):
    """The plain kernel: it starts in a second, where the warm one first has to import TensorFlow."""
    monkeypatch.setattr(runner, "KERNEL", "python3")


@pytest.fixture
def run(tmp_path):
    """Run a notebook of the given cells, the first of which holds its parameters."""

    def run(*cells, timeout=60, **job):
        path = tmp_path / "lesson.ipynb"
        nodes = [nbformat.v4.new_markdown_cell("# A lesson"), *map(nbformat.v4.new_code_cell, cells)]
        nodes[1].metadata["tags"] = ["parameters"]
        nbformat.write(nbformat.v4.new_notebook(cells=nodes, metadata={"language_info": {"name": "python"}}), path)
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        return runner.run(Job(path, "98_trial", **job), out, timeout)

    return run


def executed(tmp_path, record):
    return nbformat.read(tmp_path / "out" / f"{record.name}.ipynb", as_version=4)


def printed(notebook):
    return "".join(
        out.text for cell in notebook.cells for out in cell.get("outputs", []) if out.output_type == "stream"
    )


def test_parameters_arrive_with_their_types(run, tmp_path):
    record = run(
        PARAMETERS, "print(repr(seed), repr(fast), repr(name))", parameters={"seed": 7, "fast": True, "name": "it's"}
    )
    assert record.outcome == "passed"
    assert record.mode == "fast"
    assert printed(executed(tmp_path, record)) == '7 True "it\'s"\n'


def test_claims_and_exercises_are_read_from_the_outputs(run):
    record = run(
        PARAMETERS,
        "from course.claims import claim",
        "claim('98.accuracy', 0.75, published=0.8, source='a paper')\nclaim('98.loss', 2, unit='nat', digits=1)",
        "from course.exercises import exercise, expect",
        "@exercise('98.1', 4)\ndef check(answer):\n    expect(answer == 5, 'one more')",
        "@exercise('98.2', ...)\ndef check(answer):\n    pass",
    )
    assert record.claims == {
        "98.accuracy": {"value": 0.75, "unit": "", "digits": 3, "published": 0.8, "source": "a paper"},
        "98.loss": {"value": 2.0, "unit": "nat", "digits": 1, "published": None, "source": None},
    }
    assert record.exercises == {"98.1": "wrong", "98.2": "not attempted"}
    assert record.outcome == "passed"


def test_a_failing_cell_is_named_as_in_the_notebook_that_was_handed_in(run, tmp_path):
    record = run(PARAMETERS, "print('before')", "\n# why\n1 / 0", "print('after')", parameters={"seed": 1})
    assert record.outcome == "failed"
    assert record.failure == records.Failure(3, "# why", "ZeroDivisionError", "division by zero")
    assert printed(executed(tmp_path, record)) == "before\n"


def test_a_run_ends_at_its_time_limit_and_takes_its_kernel_with_it(run, tmp_path):
    pid = tmp_path / "pid"
    record = run(PARAMETERS, PID.format(str(pid)), "import time\nwhile True: time.sleep(0.1)", timeout=8)
    assert record.outcome == "timed out"
    assert record.failure == records.Failure(3, "import time", "TimeLimit", "stopped after 8 s")
    assert record.seconds >= 8
    assert not psutil.pid_exists(int(pid.read_text()))
    assert [out.ename for out in executed(tmp_path, record).cells[-1].outputs] == ["TimeLimit"]


def test_a_kernel_that_dies_fails_the_run_with_its_last_words(run):
    record = run(
        PARAMETERS, "import os, sys\nsys.__stderr__.write('out of luck\\n'); sys.__stderr__.flush()\nos._exit(0)"
    )
    assert record.outcome == "failed"
    assert (record.failure.cell, record.failure.name) == (2, "DeadKernel")
    assert "out of luck" in record.failure.message


def test_a_notebook_that_cannot_be_read_fails_without_a_cell(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{", encoding="utf-8")
    record = runner.run(Job(tmp_path / "broken.ipynb", "98_trial"), tmp_path, 60)
    assert record.outcome == "failed"
    assert record.failure.cell is None


def test_a_run_leaves_one_notebook_one_record_and_the_process_as_it_was(run, tmp_path):
    directory, environment = Path.cwd(), dict(os.environ)
    record = run(
        PARAMETERS,
        "import os\nprint(os.environ['COURSE_TRIAL'], os.listdir())\nopen('left behind', 'w').close()",
        environment={"COURSE_TRIAL": "yes"},
    )
    assert printed(executed(tmp_path, record)) == "yes []\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["98_trial.ipynb", "98_trial.json"]
    assert (Path.cwd(), dict(os.environ)) == (directory, environment)
    assert records.read(tmp_path / "out" / "98_trial.json") == record
    assert 0 < record.cell_seconds < record.seconds


def test_the_notebook_of_an_earlier_run_does_not_outlive_a_run_without_one(run, tmp_path):
    assert run(PARAMETERS).outcome == "passed"
    (tmp_path / "lesson.ipynb").write_text("{", encoding="utf-8")
    runner.run(Job(tmp_path / "lesson.ipynb", "98_trial"), tmp_path / "out", 60)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["98_trial.json"]


def test_a_run_told_to_stop_ends_as_cancelled_and_runs_to_other_folders_go_on(run, tmp_path):
    pid = tmp_path / "pid"
    found = []
    thread = threading.Thread(
        target=lambda: found.append(run(PARAMETERS, PID.format(str(pid)), "import time; time.sleep(60)"))
    )
    thread.start()
    while not pid.exists() or not pid.read_text():
        time.sleep(0.05)
    asyncio.run(runner.stop(tmp_path))
    assert psutil.pid_exists(int(pid.read_text()))
    asyncio.run(runner.stop(tmp_path / "out"))
    thread.join(timeout=30)
    assert found[0].outcome == "cancelled"
    assert not psutil.pid_exists(int(pid.read_text()))


def test_a_digest_changes_with_notebook_parameters_and_environment(tmp_path):
    path = tmp_path / "lesson.ipynb"
    path.write_text("one", encoding="utf-8")
    digests = {
        Job(path, "98_trial").digest,
        Job(path, "98_trial", {"seed": 1}).digest,
        Job(path, "98_trial", {}, {"A": "1"}).digest,
    }
    path.write_text("two", encoding="utf-8")
    assert len(digests | {Job(path, "98_trial").digest}) == 4


def test_a_record_that_is_not_whole_counts_as_none(tmp_path):
    (tmp_path / "98_trial.json").write_text('{"name": "98_trial"', encoding="utf-8")
    assert records.read(tmp_path / "98_trial.json") is None
    assert records.read(tmp_path / "missing.json") is None
