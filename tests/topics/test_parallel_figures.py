"""What the figures of lesson 15 say in words, and where their labels stand."""

import numpy as np
import pytest

from course.topics.parallel_figures import (
    _apart,
    crossovers,
    efficiency_lines,
    epochs_lines,
    plan_and_run,
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
    step = np.array([[5.0, 6, 7, 8, 10, 10], [5.5, 6, 7, 8, 9, 10]]) / 1000
    clock = np.stack([step * 2, step * 3, step], axis=1)  # of these three, the last is the fastest
    plan_and_run(plan, costs, clock, overhead=0.5, title="A step")
    said = capsys.readouterr().out
    assert "Planned: sum on worker 0 from 1 for 0.5." in said
    assert "Planned: overhead to 4." in said
    assert "Run: worker 0 sum from 2 to 3." in said
    assert "Run: worker 1 waits from 1 to 2." in said
    assert "Run: worker 1 waits for the error from 2 to 3." in said
    assert "Run: worker 1 waits for new weights from 4 to 5." in said


def test_a_trial_that_gave_up_is_named_and_not_drawn_as_a_count(capsys):
    labels = {"x_label": "rows", "y_ticks": [1, 2, 4]}
    trials = [[1, 2, np.inf], [3, np.inf, np.inf]]
    epochs_lines([64, 128], {"one rate": trials}, title="Epochs", gave_up=40, **labels)
    said = capsys.readouterr().out
    assert "one rate: 2 (1 to one that gave up)." in said
    assert "one rate, 128: more than 40." in said


def test_efficiencies_are_read_out(capsys):
    efficiency_lines([64, 128], {"weak": [0.5, 0.75]}, title="Kept", x_label="rows")
    assert capsys.readouterr().out == "Kept. weak: 0.5, 0.75.\n"


def test_both_panels_of_a_crossover_are_read_out_with_the_range_of_the_orders(capsys):
    panels = {"all": {"data": [[1, 2, 4], [2, 2, 2]]}, "ring": {"data": [1.5, 3]}}
    crossovers([2, 4], panels, title="Speed")
    said = capsys.readouterr().out
    assert said == "Speed. all: data: 2 (1 to 4), 2. ring: data: 1.5, 3.\n"


def test_where_every_trial_gave_up_there_is_nothing_to_project(capsys):
    crossovers([], {"all": {"data": []}, "ring": {"data": []}}, title="Speed")
    assert capsys.readouterr().out == "Speed. all: data: . ring: data: .\n"


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
