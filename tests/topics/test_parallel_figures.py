"""What the figures of lesson 15 say in words, and where their labels stand."""

import numpy as np
import pytest

from course.topics.parallel_figures import (
    _apart,
    crossovers,
    plan_and_run,
    scaling_lines,
    timetables,
    ways_to_split,
)
from course.topics.pipeline import timetable
from course.topics.placement import Placement


def test_a_plan_and_its_run_are_read_out_with_what_waits(capsys):
    plan = Placement(
        {"forward 0": 0, "sum": 0, "backward 0": 0},
        {"forward 0": 0.0, "sum": 1.0, "backward 0": 1.5},
        3.5,
    )
    costs = {"forward 0": 1.0, "sum": 0.5, "backward 0": 2.0}
    step = np.array([[5.0, 6, 7, 8, 10], [5.5, 6, 7, 8, 9]]) / 1000
    clock = np.stack([step, step * 3, step * 2], axis=1)  # of these three, the last is the median
    plan_and_run(plan, costs, clock, title="A step")
    said = capsys.readouterr().out
    assert "Planned: sum on worker 0 from 1 for 0.5." in said
    assert "Run: worker 0 sum from 4 to 6." in said
    assert "Run: worker 1 waits from 2 to 4." in said
    assert "Run: worker 1 waits for the error from 4 to 6." in said


def test_a_trial_that_gave_up_is_named_and_not_drawn_as_a_count(capsys):
    labels = {"x_label": "rows", "y_label": "epochs", "y_ticks": [1, 2, 4]}
    scaling_lines([64, 128], {"one rate": [2, np.inf]}, title="Epochs", gave_up=40, **labels)
    said = capsys.readouterr().out
    assert "one rate: 2." in said
    assert "one rate, 128: more than 40." in said


def test_both_panels_of_a_crossover_are_read_out(capsys):
    crossovers([2, 4], {"all": {"data": [1, 2]}, "ring": {"data": [1.5, 3]}}, title="Speed")
    assert capsys.readouterr().out == "Speed. all: data: 1, 2. ring: data: 1.5, 3.\n"


def test_a_pipelines_bubble_is_read_out(capsys):
    timetables({"one": timetable(2, 1)}, title="Slots")
    said = capsys.readouterr().out
    assert "one, stage 1: waits, forward 0, backward 0, waits." in said


def test_the_two_ways_to_split_can_be_drawn(capsys):
    ways_to_split()
    assert "they add up gradients" in capsys.readouterr().out


@pytest.mark.parametrize("places", [[0.0, 0.05, 0.1], [1.0, 0.0, 0.02], [0.0, 5.0, 2.0]])
def test_names_at_line_ends_keep_their_order_and_do_not_touch(places):
    moved = np.array(_apart(places, 1.0))
    order = np.argsort(places)
    assert np.all(np.diff(moved[order]) >= 1.0)
    assert np.all(moved >= places)
