import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import psutil
import pytest
from jupyter_core.utils import ensure_event_loop

from course.claims import Claim
from course.runs import code, plan, records, report, runner
from course.runs.records import Job

PYTHON = {"language_info": {"name": "python"}}
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
        nodes = [
            nbformat.v4.new_markdown_cell("# A lesson"),
            *map(nbformat.v4.new_code_cell, cells),
        ]
        nodes[1].metadata["tags"] = ["parameters"]
        notebook = nbformat.v4.new_notebook(cells=nodes, metadata=PYTHON)
        path.write_text(json.dumps(notebook), encoding="utf-8")
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        return runner.run(Job(path, "98_trial", **job), out, timeout)

    return run


def executed(tmp_path, record):
    return nbformat.read(records.executed(record.name, tmp_path / "out"), as_version=4)


def printed(notebook):
    return "".join(
        out.text
        for cell in notebook.cells
        for out in cell.get("outputs", [])
        if out.output_type == "stream"
    )


def test_parameters_arrive_with_their_types(run, tmp_path):
    record = run(
        PARAMETERS,
        "print(repr(seed), repr(fast), repr(name))",
        parameters={"seed": 7, "fast": True, "name": "it's"},
    )
    assert record.outcome == "passed"
    assert record.mode == "fast"
    assert printed(executed(tmp_path, record)) == '7 True "it\'s"\n'


def test_notebook_results_and_temporary_files_may_lie_in_any_folder(odd_folder, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(odd_folder))
    path = odd_folder / "lesson.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell("print(6 * 7)")], metadata=PYTHON
        ),
        path,
    )
    record = runner.run(Job(path, "98_trial", {"seed": 7}), odd_folder, 60)
    assert (record.outcome, record.failure) == ("passed", None)
    assert printed(nbformat.read(records.executed(record.name, odd_folder), as_version=4)) == "42\n"
    assert records.read(odd_folder / "98_trial--seed=7.json") == record


def test_claims_and_exercises_are_read_from_the_outputs(run):
    record = run(
        PARAMETERS,
        "from course.claims import bound, spread",
        "spread('98.accuracy', 'accuracy', 0.75, published=0.8, source='a paper')",
        "bound('98.loss', 'loss', 2, unit='nat', digits=1, at_most=3)",
        "from course.exercises import exercise, expect",
        "@exercise('98.1', 4)\ndef check(answer):\n    expect(answer == 5, 'one more')",
        "@exercise('98.2', ...)\ndef check(answer):\n    pass",
    )
    assert record.claims == {
        "98.accuracy": Claim(
            "98.accuracy", "spread", "accuracy", 0.75, published=0.8, source="a paper"
        ),
        "98.loss": Claim("98.loss", "bound", "loss", 2.0, unit="nat", digits=1, at_most=3),
    }
    assert record.exercises == {"98.1": "wrong", "98.2": "not attempted"}
    assert record.outcome == "passed"


def test_a_failing_cell_is_named_as_in_the_notebook_that_was_handed_in(run, tmp_path):
    record = run(
        PARAMETERS, "print('before')", "\n# why\n1 / 0", "print('after')", parameters={"seed": 1}
    )
    assert record.outcome == "failed"
    assert record.failure == records.Failure(3, "# why", "ZeroDivisionError", "division by zero")
    assert printed(executed(tmp_path, record)) == "before\n"


def test_a_run_ends_at_its_time_limit_and_takes_its_kernel_with_it(run, tmp_path):
    pid = tmp_path / "pid"
    record = run(
        PARAMETERS, PID.format(str(pid)), "import time\nwhile True: time.sleep(0.1)", timeout=8
    )
    assert record.outcome == "timed out"
    assert record.failure == records.Failure(3, "import time", "TimeLimit", "stopped after 8 s")
    assert record.seconds >= 8
    assert not psutil.pid_exists(int(pid.read_text()))
    assert [out.ename for out in executed(tmp_path, record).cells[-1].outputs] == ["TimeLimit"]


@pytest.mark.parametrize(
    ("code", "name", "message"),
    [
        (
            "%tensorboard --logdir runs",
            "UsageError",
            "Line magic function `%tensorboard` not found.",
        ),
        ("raise ValueError('\\ud800')", "UnicodeEncodeError", "surrogates not allowed"),
        ("x = '\ud800'", "UnicodeEncodeError", "surrogates not allowed"),
        (
            "from IPython.display import clear_output\n"
            "get_ipython().events.register('post_execute', clear_output)\n1 / 0",
            "ZeroDivisionError",
            "division by zero",
        ),
    ],
)
def test_an_error_that_the_kernel_tells_in_its_reply_only_fails_the_run(
    run, tmp_path, code, name, message
):
    record = run(PARAMETERS, code, "print('after')")
    assert record.outcome == "failed"
    assert (record.failure.cell, record.failure.name) == (2, name)
    assert message in record.failure.message
    notebook = executed(tmp_path, record)
    assert printed(notebook).count("after") == 0
    assert [
        out.ename for cell in notebook.cells for out in cell.get("outputs", []) if "ename" in out
    ] == [name]


def test_a_cell_that_never_ran_fails_the_record_whatever_papermill_calls_it():
    """papermill marks as completed what it did not reach before its engine raised."""
    started = {"papermill": {"status": "completed", "start_time": "2026-01-01"}}
    unreached = {"papermill": {"status": "completed", "start_time": None}}
    cells = [
        nbformat.v4.new_code_cell(f"x = {i}", metadata=each)
        for i, each in enumerate((started, unreached))
    ]
    failure = records.observe(nbformat.v4.new_notebook(cells=cells))["failure"]
    assert (failure.cell, failure.line, failure.name) == (1, "x = 1", "NotRun")
    assert records.observe(nbformat.v4.new_notebook(cells=cells[:1]))["failure"] is None


def test_a_claim_whose_name_another_has_taken_fails_the_record():
    shown = [
        nbformat.v4.new_output(
            "display_data",
            metadata={
                "course": {"claims": [asdict(Claim("98.a", "fact", "a", value, equals=2.0))]}
            },
        )
        for value in (1.0, 2.0)
    ]
    ran = {"papermill": {"status": "completed", "start_time": "2026-01-01"}}
    cells = [
        nbformat.v4.new_code_cell(f"a = {i}", outputs=[out], metadata=ran)
        for i, out in enumerate(shown)
    ]
    failure = records.observe(nbformat.v4.new_notebook(cells=cells))["failure"]
    assert (failure.cell, failure.message) == (
        1,
        "98.a: recorded twice; each claim must have its own name",
    )


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("os._exit(0)", "the kernel ended itself with exit status 0, as os._exit(0) does"),
        ("os._exit(7)", "the kernel ended itself with exit status 7, as os._exit(7) does"),
        (
            "ctypes.string_at(0)",
            "the kernel crashed in compiled code (SIGSEGV: Segmentation fault)",
        ),
        ("os.abort()", "the kernel crashed in compiled code (SIGABRT: Aborted)"),
        (
            "os.kill(os.getpid(), 9)",
            "the kernel was killed (SIGKILL), as the system does when memory is short",
        ),
        ("os.kill(os.getpid(), 15)", "the kernel was ended by a signal (SIGTERM: Terminated)"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_causes_of_death_are_told_apart(code, cause):
    process = subprocess.Popen([sys.executable, "-c", f"import ctypes, os; {code}"])
    process.wait()
    assert runner.cause_of_death(process).startswith(cause)


def test_a_death_of_which_nothing_is_known_is_told_as_that():
    for kernel in (None, SimpleNamespace(poll=lambda: -1000)):
        assert runner.cause_of_death(kernel) == "the kernel died, and the system does not say why"


def test_a_crash_on_windows_is_told_as_one():
    crashed = SimpleNamespace(poll=lambda: 0xC0000005)
    cause = "the kernel crashed in compiled code (status 0xC0000005)"
    assert runner.cause_of_death(crashed) == cause


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
def test_a_kernel_that_dies_fails_the_run_with_the_cause_and_its_last_words(run):
    talk = (
        "sys.__stderr__.write('much talk\\n' * 99_999 + 'out of luck\\n'); sys.__stderr__.flush()"
    )
    record = run(PARAMETERS, f"import os, sys\n{talk}\nos.kill(os.getpid(), 9)", "print('after')")
    assert record.outcome == "failed"
    assert (record.failure.cell, record.failure.name) == (2, "DeadKernel")
    assert record.failure.message.startswith("the kernel was killed (SIGKILL)")
    assert record.failure.message.endswith(
        "; the last lines that it wrote: much talk; much talk; out of luck"
    )


def test_outputs_that_come_late_are_waited_for(run, tmp_path):
    """nbclient gives a cell that has ended four seconds to deliver what it printed."""
    hold = "import time\nget_ipython().kernel.iopub_thread.schedule(lambda: time.sleep(5))\nprint('late')"
    record = run(PARAMETERS, hold)
    assert record.outcome == "passed", record.failure
    assert printed(executed(tmp_path, record)) == "late\n"


def test_what_a_notebook_says_is_made_fit_to_be_shown(run, tmp_path):
    said = r"\x1b[31mred\x1b[0m \x1b]0;title\x07\0"
    record = run(PARAMETERS, f"raise ValueError('{said}' + 300_000 * 'x' + 'the end')")
    assert record.failure.message.startswith("red \\x00xxx")
    assert record.failure.message.endswith("xxxthe end")
    assert len(record.failure.message) <= records.LONGEST_MESSAGE
    assert records.read(tmp_path / "out" / "98_trial.json") == record


def test_a_result_that_is_not_finite_survives_in_the_record(run, tmp_path):
    record = run(
        PARAMETERS,
        "from course.claims import spread",
        "spread('98.a', 'a', float('nan'))\nspread('98.b', 'b', float('-inf'))\nspread('98.c', 'c', 1)",
    )
    kept = records.read(tmp_path / "out" / "98_trial.json")
    for found in (record, kept):
        np.testing.assert_equal(
            [claim.value for claim in found.claims.values()], [np.nan, -np.inf, 1.0]
        )


def test_a_result_that_no_course_announces_fails_the_run(run):
    record = run(
        PARAMETERS, "display({'text/plain': ''}, metadata={'course': {'claims': 5}}, raw=True)"
    )
    assert (record.failure.cell, record.failure.name) == (2, "ValidationError")


def test_a_notebook_that_cannot_be_read_fails_without_a_cell(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{", encoding="utf-8")
    record = runner.run(Job(tmp_path / "broken.ipynb", "98_trial"), tmp_path, 60)
    assert record.outcome == "failed"
    assert record.failure.cell is None


def test_a_run_leaves_one_notebook_one_record_and_the_process_as_it_was(run, tmp_path):
    directory = Path.cwd()
    environment = dict(os.environ)
    record = run(
        PARAMETERS,
        "import os\nprint(os.environ['COURSE_TRIAL'], os.listdir())\nopen('left behind', 'w').close()",
        environment={"COURSE_TRIAL": "yes"},
    )
    assert printed(executed(tmp_path, record)) == "yes []\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "98_trial.executed.ipynb",
        "98_trial.json",
    ]
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
        target=lambda: found.append(
            run(PARAMETERS, PID.format(str(pid)), "import time; time.sleep(60)")
        )
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


def test_a_run_told_to_stop_as_a_cell_ends_leaves_no_task_waiting(run, tmp_path, monkeypatch):
    def reply_after_stop(client, *arguments):
        client.attempt.outcome = "cancelled"
        return poll(client, *arguments)

    poll = runner.Client._async_poll_for_reply
    monkeypatch.setattr(runner.Client, "_async_poll_for_reply", reply_after_stop)
    assert run(PARAMETERS, "print(1)").outcome == "cancelled"
    assert not asyncio.all_tasks(ensure_event_loop())


def test_a_relative_pythonpath_means_the_folder_of_whoever_runs(run, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("here = 'found'")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path.parent), "."]))
    assert run(PARAMETERS, "import mine\nassert mine.here == 'found'").outcome == "passed"


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


def test_a_kernel_that_does_not_start_says_why(run):
    record = run(PARAMETERS, environment={"PYTHONHOME": "/nowhere"})
    assert (record.outcome, record.failure.name) == ("failed", "RuntimeError")
    assert record.failure.message.startswith("Kernel died before replying to kernel_info; the last")


@pytest.mark.parametrize("changed", ["claims.py", "training/metrics.py", "data/SHA256SUMS"])
def test_a_digest_changes_with_what_lessons_import_and_with_the_data(
    tmp_path, monkeypatch, changed
):
    texts = ["lesson.ipynb", "claims.py", "training/metrics.py", "cli/main.py", "data/SHA256SUMS"]
    for path in (tmp_path / text for text in texts):
        path.parent.mkdir(exist_ok=True)
        path.write_text("one", encoding="utf-8")
    monkeypatch.setattr(code, "COURSE", tmp_path)
    monkeypatch.setattr(code, "DATA", tmp_path / "data" / "SHA256SUMS")
    job = Job(tmp_path / "lesson.ipynb", "98_trial")
    before = job.digest
    (tmp_path / "cli" / "main.py").write_text("two", encoding="utf-8")
    assert job.digest == before
    (tmp_path / changed).write_text("two", encoding="utf-8")
    assert job.digest != before


def test_a_record_that_is_not_whole_counts_as_none(tmp_path):
    (tmp_path / "98_trial.json").write_text('{"name": "98_trial"', encoding="utf-8")
    assert records.read(tmp_path / "98_trial.json") is None
    assert records.read(tmp_path / "missing.json") is None


def test_no_environment_variable_enters_record_report_table_or_notebook(run, tmp_path, monkeypatch):
    secret = "hunter2-of-this-machine"
    monkeypatch.setenv("CLUSTER_TOKEN", secret)
    failing = "import os; assert 'CLUSTER_TOKEN' in os.environ; os.environ['NO_SUCH_NAME']"
    environment = {"JOB_TOKEN": f"{secret}-job"}
    record = run(PARAMETERS, failing, environment=environment)
    assert record.failure.name == "KeyError"  # after the secret was found
    out = tmp_path / "out"
    report.write([record], out)
    plan.gather([record], out / "runs.parquet")
    files = [path for path in out.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".json", ".ipynb", ".html", ".parquet"}
    assert [path.name for path in files if secret.encode() in path.read_bytes()] == []
    table = pd.read_parquet(out / "runs.parquet").to_dict()
    assert secret not in f"{table}{report.for_programs(record)}"
