import logging
import subprocess
import sys

import nbformat
import pytest

from course import lesson
from course.authoring.source import read
from course.catalog import all_lessons, find
from course.parameters import ParameterError

DECLARED = """seed: int = 0  # random seed, 0 to 999999
fast: bool = False  # the same steps on less data
epochs: int = 20  # passes over the data, 1 to 200, fast 2
"""
BEGIN = 'from course.lesson import begin\n\nbegin("98_trial", globals())'


def notebook(*injected, **values):
    """The globals of a notebook in which papermill injected the given cells."""
    return {"In": ["", DECLARED, *injected, BEGIN], "seed": 0, "fast": False, "epochs": 20} | values


def test_begin_prints_what_will_run_and_knows_that_it_is_standard(lessons, capsys):
    lesson.begin("98_trial", notebook(seed=7))
    assert capsys.readouterr().out == "seed = 7, fast = False, epochs = 20\n"
    assert (lesson.running.mode, lesson.running.standard) == ("full", True)


def test_fast_mode_shortens_what_nobody_chose(lessons):
    cells = notebook(fast=True)
    lesson.begin("98_trial", cells)
    assert cells["epochs"] == 2
    assert lesson.running.standard


def test_fast_mode_keeps_what_was_injected_even_where_it_equals_the_default(lessons):
    cells = notebook("# Parameters\nfast = True\nepochs = 20\n", fast=True)
    lesson.begin("98_trial", cells)
    assert cells["epochs"] == 20
    assert not lesson.running.standard


def test_text_that_papermill_leaves_as_text_becomes_the_declared_type(lessons):
    cells = notebook("# Parameters\nfast = 'false'\n", fast="false")
    lesson.begin("98_trial", cells)
    assert cells["fast"] is False


def test_an_unknown_injected_name_is_refused(lessons):
    with pytest.raises(
        ParameterError, match=r"epoch: no such parameter; this lesson has seed, fast, epochs"
    ):
        lesson.begin("98_trial", notebook("# Parameters\nepoch = 3\n", epoch=3))


def test_a_value_out_of_range_is_refused(lessons):
    with pytest.raises(
        ParameterError, match="epochs = 0: must be a whole number between 1 and 200"
    ):
        lesson.begin("98_trial", notebook(epochs=0))


def test_no_lesson_of_the_course_calls_itself_old(monkeypatch, capsys):
    monkeypatch.setattr(lesson, "running", None)
    for each in all_lessons():
        cell = next(cell.source for cell in read(each.name).cells if "parameters" in cell.tags)
        values = {"In": ["", cell, "begin()"]}
        exec(cell, values)
        lesson.begin(each.name, values)
        assert capsys.readouterr().out.startswith("seed = 0, fast = False")
        assert lesson.running.standard


RATE = "rate: float = 0.1  # step, 0 to 1\n"


@pytest.mark.parametrize(
    ("cell", "message", "epochs"),
    [
        (
            DECLARED.replace("epochs: int = 20  # passes over the data, 1 to 200, fast 2\n", ""),
            "it lacks epochs, for which the course's default is used",
            20,
        ),
        (DECLARED + RATE, "it has rate, which the course no longer has", 5),
        (
            DECLARED.replace("epochs: int = 20", "passes: int = 20"),
            "it lacks epochs, for which the course's default is used; it has passes, which the course no longer has",
            20,
        ),
    ],
)
def test_a_notebook_older_than_the_course_says_so_and_goes_on_whenever_it_begins(
    lessons, capsys, cell, message, epochs
):
    cells = notebook() | {"In": ["", cell, BEGIN], "epochs": 5, "rate": 0.5, "passes": 7}
    for _ in range(2):
        lesson.begin("98_trial", cells)
        first, second = capsys.readouterr().out.splitlines()
        assert first == f"This notebook is older than the course: {message}."
        assert second == f"seed = 0, fast = False, epochs = {epochs}"
        assert not lesson.running.standard
        cells["In"] += ["print(1)", BEGIN]


@pytest.mark.parametrize("typed", ["epochs=5", "epochs: int=5", "epochs : int = 5", "epochs  =  5"])
def test_a_parameter_counts_however_its_line_is_spaced(lessons, capsys, typed):
    cells = notebook(epochs=5)
    cells["In"][1] = DECLARED.replace("epochs: int = 20", typed)
    lesson.begin("98_trial", cells)
    assert capsys.readouterr().out == "seed = 0, fast = False, epochs = 5\n"


def test_an_older_notebook_in_fast_mode_takes_the_fast_default(lessons, capsys):
    cells = {
        "In": ["", "seed: int = 0  # seed\nfast: bool = True  # less", BEGIN],
        "seed": 0,
        "fast": True,
    }
    lesson.begin("98_trial", cells)
    assert cells["epochs"] == 2
    cells["fast"] = False
    lesson.begin("98_trial", cells)
    assert cells["epochs"] == 20


def test_in_an_older_notebook_wrong_values_and_unknown_injected_names_are_still_refused(lessons):
    older = notebook("# Parameters\npasses = 3\n", passes=3)
    older["In"][1] = DECLARED.replace("epochs", "passes")
    with pytest.raises(ParameterError, match="passes: no such parameter"):
        lesson.begin("98_trial", older)
    with pytest.raises(
        ParameterError, match="epochs = 0: must be a whole number between 1 and 200"
    ):
        lesson.begin("98_trial", notebook(epochs=0) | {"In": ["", DECLARED + RATE, BEGIN]})


@pytest.mark.parametrize("line", ["width = 64\n", "width: int = 64\n", "width = 64  # pixels\n"])
def test_what_a_learner_adds_to_the_parameters_cell_does_not_make_it_old(lessons, capsys, line):
    lesson.begin("98_trial", notebook(width=64) | {"In": ["", DECLARED + line, BEGIN]})
    assert capsys.readouterr().out == "seed = 0, fast = False, epochs = 20\n"
    assert lesson.running.standard


def test_an_unknown_lesson_is_refused(lessons):
    with pytest.raises(ParameterError, match="97_none"):
        lesson.begin("97_none", notebook())


@pytest.mark.parametrize(
    "cells",
    [
        [DECLARED, BEGIN, "# Parameters\nwidth = 64\n"],  # and begin once more
        ["# Parameters\nwidth = 64\n", DECLARED],
        [DECLARED, "# Parameters\nwidth = 64\nprint(width)"],
        [DECLARED, "# Parameters\nwidth = = 64"],
        [DECLARED, "# Parameters of my own\nwidth = 64"],
    ],
)
def test_a_learners_own_cell_is_not_taken_for_an_injected_one(lessons, cells):
    lesson.begin("98_trial", notebook(width=64) | {"In": ["", *cells, BEGIN]})
    assert lesson.running.standard


def test_injected_values_stay_chosen_when_begin_runs_again(lessons):
    cells = notebook(
        "# Parameters\nseed = 0\nfast = True\nepochs = 20\n", BEGIN, "epochs", fast=True
    )
    lesson.begin("98_trial", cells)
    assert cells["epochs"] == 20


def test_papermill_may_inject_paths_and_is_held_to_the_lessons_names(tmp_path):
    notebook = nbformat.read(find("01").notebook("learner"), as_version=4)
    start = [cell for cell in notebook.cells if cell.cell_type == "code"][:2]
    nbformat.write(
        nbformat.v4.new_notebook(cells=start, metadata=notebook.metadata), tmp_path / "in.ipynb"
    )

    def papermill(*options):
        command = [
            sys.executable,
            "-m",
            "papermill",
            "in.ipynb",
            "out.ipynb",
            "--no-progress-bar",
            *options,
        ]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert papermill("--inject-paths", "-p", "seed", "3").returncode == 0
    printed = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells[2].outputs[0].text
    assert printed.startswith("seed = 3, fast = False, ")
    assert "PAPERMILL" not in printed
    refused = papermill("--inject-output-path", "-p", "sed", "3")
    assert refused.returncode == 1
    assert "ParameterError: sed: no such parameter" in refused.stderr


def test_begin_keeps_from_learners_that_tensorflow_dislikes_many_short_trainings_and_nothing_else(
    lessons, monkeypatch
):
    import tensorflow as tf

    logger = tf.get_logger()
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "filters", [])
    logger.setLevel(logging.WARNING)  # lesson 15, if it ran in this process, has raised it

    def trace_often(function):
        for _ in range(10):
            tf.function(function)(1.0)

    trace_often(lambda x: x + 1)
    assert any("tf.function retracing" in message for message in messages)
    messages.clear()
    lesson.begin("98_trial", notebook())
    trace_often(lambda x: x + 2)
    logger.warning("another")
    assert messages == ["another"]
