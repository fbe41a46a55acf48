import pytest

from course import lesson
from course.parameters import ParameterError


def notebook(*injected, **values):
    """The globals of a notebook in which papermill injected the given cells."""
    return {"In": ["", "the parameters cell", *injected], "seed": 0, "fast": False, "epochs": 20} | values


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
    with pytest.raises(ParameterError, match=r"epoch: no such parameter; this lesson has seed, fast, epochs"):
        lesson.begin("98_trial", notebook("# Parameters\nepoch = 3\n", epoch=3))


def test_a_value_out_of_range_is_refused(lessons):
    with pytest.raises(ParameterError, match="epochs = 0: must be a whole number between 1 and 200"):
        lesson.begin("98_trial", notebook(epochs=0))


def test_an_unknown_lesson_is_refused(lessons):
    with pytest.raises(ParameterError, match="97_none"):
        lesson.begin("97_none", notebook())
