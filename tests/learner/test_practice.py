import contextlib
import os
import queue
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell

from course.catalog import LessonError, find
from course.classroom import submissions
from course.cli import practice as cli
from course.learner import progress
from course.learner.certificate import issue
from course.learner.judge import FORKS, Judge
from course.learner.merge import exercise_of
from course.learner.practice import Session, next_open
from tests.learner.conftest import RIGHT, WRONG


def test_a_session_judges_each_save_and_shows_hint_after_hint(mine, answer):
    with Session(mine, "01.1") as session:
        assert next(session.look()) == "Exercise 01.1: not attempted"
        assert list(session.look()) == []  # nothing was saved
        answer(WRONG)
        assert list(session.look()) == ["Exercise 01.1: wrong", "  This is half the step."]
        assert session.hint() == "Which factor comes from the derivative of a square?"
        assert "solutions/01_gradient_descent.ipynb" in session.hint()
        answer(RIGHT)
        assert list(session.look()) == ["Exercise 01.1: right"]
    assert next_open(mine) == "01.2"
    assert progress.right(mine)["01_gradient_descent"] == 1


def test_an_answer_that_is_no_longer_there_is_not_called_right(mine, answer):
    path = mine / "01_gradient_descent.ipynb"
    answer(RIGHT)
    assert cli.once(mine, "01.1", hint=False, reset=False)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if exercise_of(cell) != "01.1"]
    for content, reason in (
        (nbformat.writes(notebook), "has no answer to 01.1"),
        ("<<<<<<< conflict", "cannot be read as a notebook"),
        (None, "there is no such notebook; course copy makes it"),
    ):
        if content:
            path.write_text(content)
        else:
            path.unlink()
        for hint in (False, True):
            with pytest.raises(LessonError, match=f"01_gradient_descent.ipynb: {reason}"):
                cli.once(mine, "01.1", hint=hint, reset=False)


def test_an_answer_may_use_a_cell_of_the_learners_own(mine, answer):
    path = mine / "01_gradient_descent.ipynb"
    answer("mean_step = helper")
    with Session(mine, "01.1") as session:
        assert next(session.look()) == "Exercise 01.1: broken"
        for helper, outcome in ((WRONG, "wrong"), (RIGHT, "right")):
            notebook = nbformat.read(path, as_version=4)
            cell = new_code_cell(helper.replace("mean_step", "helper"))
            notebook.cells = [cell, *(each for each in notebook.cells if each.id != "own")]
            cell.id = "own"
            nbformat.write(notebook, path)
            assert next(session.look()) == f"Exercise 01.1: {outcome}"
    assert list(issue(mine)[0]["exercises"]) == ["01.1"]


@pytest.mark.parametrize("below", ["the answer", "the check"])
def test_a_cell_of_the_learners_own_counts_down_to_the_check(mine, answer, below):
    path = mine / "01_gradient_descent.ipynb"
    answer("def mean_step(*a):\n    return helper(*a)")
    notebook = nbformat.read(path, as_version=4)
    [place] = [at for at, cell in enumerate(notebook.cells) if exercise_of(cell) == "01.1"]
    grades = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    place = place if below == "the answer" else grades.index("exercise-01-1-check")
    notebook.cells.insert(place + 1, new_code_cell(RIGHT.replace("mean_step", "helper")))
    nbformat.write(notebook, path)
    outcome = "right" if below == "the answer" else "broken"
    with Session(mine, "01.1") as session:
        assert next(session.look()) == f"Exercise 01.1: {outcome}"
    submission = submissions.read(path, find("01"))
    assert len(submission.own["01.1"]) == (below == "the answer")
    assert len(submission.own["01.2"]) == 2  # the answer to 01.1, too


def test_an_answer_may_use_the_answer_to_an_exercise_above(mine, answer):
    answer(f"{RIGHT}\n\n\ndef first(log):\n    return log[0]")
    path = mine / "01_gradient_descent.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if exercise_of(cell) == "01.3":
            cell.source = "def diverged(log):\n    return not log[-1] <= first(log)"
    nbformat.write(notebook, path)
    with Session(mine, "01.3") as session:
        assert next(session.look()) == "Exercise 01.3: right"
    assert list(issue(mine)[0]["exercises"]) == ["01.3"]


def test_an_output_that_says_right_vouches_for_no_answer_that_came_after_it(mine, answer):
    still = "def mean_step(weights, X, y, learning_rate):\n    return weights"
    answer(RIGHT, "right")
    answer(still)  # its check has not run
    progress.table(mine)
    for _ in range(2):
        assert not cli.once(mine, "01.1", hint=False, reset=False)
        assert progress.right(mine)["01_gradient_descent"] == 0
    answer(RIGHT)  # as it was when its check ran, or its check has run again
    assert progress.right(mine)["01_gradient_descent"] == 1
    assert cli.once(mine, "01.1", hint=False, reset=False)


def test_before_the_first_answer_there_is_no_last_hint(mine):
    with Session(mine, "01.1") as session:
        list(session.look())
        assert session.hint() == "Write an answer and save it; hints come with a verdict."


def test_a_session_goes_on_where_it_was_left(mine, answer):
    answer(WRONG)
    with Session(mine, "01.1") as session:
        list(session.look())
        session.hint()
    with Session(mine, "01.1") as session:
        assert list(session.look()) == []  # the same answer was judged before
        assert [line.strip() for line in session.lines()][1:] == [
            "This is half the step.",
            "Which factor comes from the derivative of a square?",
        ]


def test_a_reset_puts_the_stub_back_and_keeps_the_file(mine, answer):
    stub = (mine / "01_gradient_descent.ipynb").read_text()
    answer(RIGHT)
    worked = (mine / "01_gradient_descent.ipynb").read_bytes()
    with Session(mine, "01.1") as session:
        list(session.look())
        assert session.reset().endswith("01_gradient_descent.kept-1.ipynb")
    assert (mine / "01_gradient_descent.kept-1.ipynb").read_bytes() == worked
    assert (mine / "01_gradient_descent.ipynb").read_text() == stub
    assert next_open(mine) == "01.1"


def test_answers_that_never_end_or_do_not_compile_cost_nothing_but_time():
    with Judge("01.1") as judge:
        endless = judge.verdict("def mean_step(*given):\n    while True: pass", seconds=3)
        assert (endless.outcome, endless.hints[0][:30]) == (
            "broken",
            "Your answer, with the cells ab",
        )
        assert judge.verdict("def mean_step(:").hints == ("SyntaxError: invalid syntax, line 1",)
        assert judge.verdict("import os; os._exit(3)").hints == ("Your answer ended Python.",)
        assert judge.verdict("raise SystemExit").outcome == "broken"
        assert judge.verdict(RIGHT).outcome == "right"


def test_what_an_earlier_answer_left_running_breaks_no_later_one():
    with Judge("01.1") as judge:
        ends_later = "import os, threading\nthreading.Timer(0.1, os._exit, [3]).start()"
        assert judge.verdict(f"{RIGHT}\n{ends_later}").outcome == "right"
        judge._process.join()
        assert judge.verdict(RIGHT).outcome == "right"


ENDLESS = """
import os, subprocess
child = subprocess.Popen(["sleep", "600"])
with open({path!r} + ".part", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
os.rename({path!r} + ".part", {path!r})
while True: pass
"""
SESSION = """
import sys
from course.learner.judge import Judge
if __name__ == "__main__":
    Judge("01.1").verdict(sys.argv[1], seconds=600)
"""


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
def test_an_endless_answer_ends_with_a_session_that_is_killed(tmp_path):
    told = tmp_path / "told"
    script = tmp_path / "session.py"
    script.write_text(SESSION)
    answer = ENDLESS.format(path=str(told))
    with subprocess.Popen([sys.executable, script, answer]) as session:
        while not told.exists():
            assert session.poll() is None
            time.sleep(0.02)
        family = [psutil.Process(int(pid)) for pid in told.read_text().split()]
        session.kill()
    _, left = psutil.wait_procs(family, timeout=60)
    for process in left:
        process.kill()
    assert not left


@pytest.mark.skipif(os.name == "nt", reason="process groups are POSIX")
def test_what_an_endless_answer_has_started_ends_with_it(tmp_path):
    told = tmp_path / "told"
    with Judge("01.1") as judge:
        assert judge.verdict(ENDLESS.format(path=str(told)), seconds=10).outcome == "broken"
    _, child = told.read_text().split()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(child)).wait(60)


def test_an_answer_that_needs_keras_is_judged_where_keras_was_imported_before(capfd):
    with Judge("10.2") as judge:
        solution = find("10").exercises["10.2"].solution
        assert judge.verdict(solution).outcome == "right"
        assert judge.verdict("import os; os._exit(3)").hints == ("Your answer ended Python.",)
        assert judge.verdict(solution).outcome == "right"
        started = getattr(judge._process, "_start_method", "")
    assert started == ("forkserver" if FORKS else "spawn")
    assert capfd.readouterr() == ("", "")  # TensorFlow has nothing to say to a learner


def test_where_a_lesson_does_not_run_the_learner_is_told():
    with Judge("01.1") as judge:
        judge._process.kill()
        assert judge.verdict(RIGHT).hints == (
            "What the exercise depends on does not run here; see: course doctor",
        )


def test_an_exercise_that_there_is_not_is_refused(tmp_path):
    with pytest.raises(
        LessonError, match=r"exercise '01\.9': must be one of 01\.1, 01\.2, 01\.3, 01\.4"
    ):
        next_open(tmp_path, "01.9")
    assert next_open(tmp_path, "1.2") == "01.2"


def test_a_skipped_exercise_is_left_out_until_the_end(mine, monkeypatch, capsys):
    keys = queue.Queue()
    for _ in range(4):
        keys.put("n")
    monkeypatch.setattr(cli, "_typed", lambda: keys)
    cli.watch(mine, "01")
    shown = capsys.readouterr().out
    assert [line[:13] for line in shown.splitlines() if line.endswith(".ipynb")] == [
        f"Exercise 01.{number}" for number in (1, 2, 3, 4)
    ]
    assert shown.endswith("That was the last one. You skipped some; the first of them is 01.1.\n")


def test_the_command_watches_the_file_and_a_kill_loses_nothing(mine, answer):
    command = [
        sys.executable,
        "-c",
        "from course.cli.main import main; main()",
        "practice",
        "01.1",
        "--folder",
        mine,
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as running:
        lines = iter(running.stdout.readline, "")
        next(line for line in lines if line.startswith("Exercise 01.1: not attempted"))
        answer(WRONG)
        next(line for line in lines if line.startswith("Exercise 01.1: wrong"))
        os.kill(running.pid, signal.SIGKILL)
    assert progress.standings(mine)["01.1"].outcome == "wrong"
    assert progress.standings(mine)["01.1"].shown == 1
