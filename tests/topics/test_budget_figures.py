"""The figures of lesson 19, read out: every number is counted or worked out by hand."""

import numpy as np
import pytest

from course.topics.budget import Setting
from course.topics.budget_figures import (
    best_of_plot,
    budget_plot,
    halving_plot,
    places_plot,
    search_sketch,
)


def test_the_sketch_says_that_nothing_comes_back_from_the_test_rows(capsys):
    search_sketch()
    assert "No arrow leads back from there." in capsys.readouterr().out


def test_different_rates_are_counted(capsys):
    settings = [Setting(rate, 4, decay) for rate in (0.1, 0.01) for decay in (0.1, 0.2, 0.3)]
    places_plot({"grid": settings, "half of it": settings[:3]}, title="A title")
    told = capsys.readouterr().out
    assert "grid: 6 settings with 2 different rates." in told
    assert "half of it: 3 settings with 1 different rates." in told


def test_halving_is_read_out_by_its_cuts_and_its_survivor(capsys):
    curves = np.linspace(1, 9, 9)[:, None] / np.arange(1, 10)
    halving_plot(curves, first=1, title="A title", y_label="error")
    told = capsys.readouterr().out
    assert "After epoch 1, 3 of 9 are kept. After epoch 3, 1 of 3 are kept." in told
    assert f"The survivor ends at {1 / 9:.3g}." in told


def test_where_the_last_cut_is_at_the_end_the_best_of_the_rest_survives(capsys):
    curves = np.array([[1.0, 3, 3], [2, 2, 2], [3, 1, 1.5]])
    halving_plot(curves, first=3, title="A title", y_label="error")
    told = capsys.readouterr().out
    assert "are kept" not in told
    assert "The survivor ends at 1.5." in told


def test_a_budget_is_read_out_with_what_it_buys(capsys):
    strategy = [81, 243], [7.5, 6.25], [(7.0, 8.0), (6.0, 6.5)]
    budget_plot({"in full": strategy}, title="A title", y_label="error (MPa)")
    assert (
        "in full: 7.5 (7 to 8) for 81, 6.25 (6 to 6.5) for 243 epochs." in capsys.readouterr().out
    )


def test_the_best_of_several_is_read_out_as_computed_and_as_measured(capsys):
    panels = {"here": ([0.5, 1.5], [0.4, 1.25])}
    best_of_plot([2, 10], panels, title="A title", y_label="gain (MPa)")
    told = capsys.readouterr().out
    assert "here: the best of 10 gains 1.5 computed, 1.25 measured." in told


def test_more_panels_than_can_be_told_apart_are_refused():
    panels = {str(number): ([1, 2], [1, 2]) for number in range(8)}
    with pytest.raises(ValueError, match="8 panels in one figure: must be at most 7"):
        best_of_plot([2, 10], panels, title="A title", y_label="gain (MPa)")
    with pytest.raises(ValueError, match="8 panels in one figure: must be at most 7"):
        places_plot(dict.fromkeys(panels, ()), title="A title")
