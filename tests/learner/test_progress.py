import json
import multiprocessing
import os
import random
import signal
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course.catalog import all_lessons
from course.learner import progress
from course.learner.progress import Standing, remember, remembered
from tests.learner.conftest import RIGHT

LESSONS = all_lessons()


def test_what_a_check_called_right_stays_right_when_the_outputs_are_cleared(mine, answer):
    answer(RIGHT, "right")
    assert (progress.table(mine)[0].right, progress.table(mine)[0].next) == (1, "01.2")
    path = mine / "01_gradient_descent.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
    path.write_text(json.dumps(notebook))
    assert progress.right(mine)["01_gradient_descent"] == 1


def test_a_wrong_answer_is_not_counted(mine, answer):
    answer("def mean_step(weights, X, y, learning_rate): return weights", "wrong")
    row = progress.table(mine)[0]
    assert (row.right, row.exercises, row.next) == (0, 4, "01.1")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[1", "Invalid JSON"),
        ('{"01.2": {"outcome": 7}}', "01.2 outcome Input should be a valid string"),
        (
            '{"01.2": {"outcome": "done"}}',
            "01.2 outcome String should match pattern '^(open|right|",
        ),
    ],
)
def test_a_state_that_is_damaged_is_set_aside_and_that_is_said(tmp_path, caplog, content, why):
    (tmp_path / progress.STATE).write_text(content)
    assert remembered(tmp_path) == {}
    assert (tmp_path / f"{progress.STATE}.unreadable").read_text() == content
    assert f"{progress.STATE}: is damaged ({why}" in caplog.text


def test_each_damaged_state_is_kept(tmp_path):
    for content in ("[first", "[second", "[third"):
        (tmp_path / progress.STATE).write_text(content)
        assert remembered(tmp_path) == {}
    kept = [f"{progress.STATE}.unreadable{end}" for end in ("", "-2", "-3")]
    assert [(tmp_path / name).read_text() for name in kept] == ["[first", "[second", "[third"]


ODD = ["x", 5, [], None, {"exercise": []}, {"exercise": {"name": "01.1"}}]
ODD += [{"exercise": {"name": name, "outcome": "right"}} for name in (5, "99.1", "\ud83d")]
ODD += [{"exercise": {"name": "01.1", "outcome": outcome}} for outcome in ("done", [])]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_output_that_is_no_verdict_is_passed_over(mine, odd):
    path = mine / "01_gradient_descent.ipynb"
    notebook = json.loads(path.read_text())
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    code["outputs"] = [{"output_type": "display_data", "data": {}, "metadata": {"course": odd}}]
    path.write_text(json.dumps(notebook))
    assert set(progress.right(mine).values()) == {0}
    assert progress.standings(mine).keys() <= {n for each in LESSONS for n in each.exercises}


def _work(folder, first, pipe):
    for number in range(first, first + 10_000):
        remember(folder, {f"01.{number}": Standing("right", hints=("a", "b"), shown=2)})
        os.write(pipe, b"%d\n" % number)


def test_kills_at_any_moment_lose_nothing_that_was_said(tmp_path):
    chance = random.Random(0)
    fork = multiprocessing.get_context("fork")
    said = set()
    for kill in range(40):
        read, write = os.pipe()
        worker = fork.Process(target=_work, args=(tmp_path, kill * 10_000, write))
        worker.start()
        os.close(write)
        with os.fdopen(read) as lines:
            said.add(f"01.{int(lines.readline())}")
            time.sleep(chance.uniform(0, 0.02))  # some writes take place in it
            os.kill(worker.pid, signal.SIGKILL)
            worker.join()
            said |= {f"01.{int(line)}" for line in lines if line.endswith("\n")}
        assert said <= remembered(tmp_path).keys()
    assert len(said) >= 40
    assert not list(tmp_path.glob("*.unreadable"))


def test_two_writers_lose_nothing_of_each_other(tmp_path):
    fork = multiprocessing.get_context("fork")

    def write(first):
        for number in range(first, first + 50):
            remember(tmp_path, {f"01.{number}": Standing("right")})

    writers = [fork.Process(target=write, args=(first,)) for first in (0, 100)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(remembered(tmp_path)) == 100


def checked(path, *outcomes):
    """Write a notebook whose checks, exercise and outcome each, have run."""
    outputs = [
        new_output(
            "display_data", metadata={"course": {"exercise": {"name": name, "outcome": outcome}}}
        )
        for name, outcome in outcomes
    ]
    nbformat.write(
        new_notebook(cells=[new_code_cell("check", outputs=[output]) for output in outputs]), path
    )


def test_answers_are_counted_from_the_notebooks_that_can_be_read(tmp_path):
    checked(
        tmp_path / f"{LESSONS[0].name}.ipynb",
        ("01.1", "right"),
        ("01.2", "wrong"),
        ("01.3", "right"),
    )
    (tmp_path / f"{LESSONS[1].name}.ipynb").write_text("{ broken")
    (tmp_path / f"{LESSONS[2].name}.ipynb").write_text("[]")
    counts = progress.right(tmp_path)
    assert counts == dict.fromkeys((lesson.name for lesson in LESSONS), 0) | {LESSONS[0].name: 2}


def test_an_exercise_whose_check_ran_twice_counts_as_it_came_out_last(tmp_path):
    checked(tmp_path / f"{LESSONS[0].name}.ipynb", ("01.1", "right"), ("01.1", "wrong"))
    assert progress.right(tmp_path)[LESSONS[0].name] == 0
