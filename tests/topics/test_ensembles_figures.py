"""The figures of lesson 13, read out: every number is worked out by hand."""

import numpy as np
import pytest

from course import figure
from course.topics.ensembles_figures import (
    averaging_sketch,
    clouds,
    gains_by_length,
    run_dots,
    valleys_sketch,
)


def test_clouds_are_read_out_by_their_centers(capsys):
    clouds(
        np.zeros((3, 2)), np.array([0, 1, 1]), np.array([[0.0, 1.0], [-2.0, 3.5]]), title="Points"
    )
    told = "Class 0 lies around (0.0, 1.0). Class 1 lies around (-2.0, 3.5)."
    assert capsys.readouterr().out == f"Points. {told}\n"


@pytest.fixture
def shown(monkeypatch):
    """The figures that are shown, with their alt texts."""
    figures = []
    monkeypatch.setattr(figure, "show", lambda picture, title, alt: figures.append((picture, alt)))
    return figures


def test_every_setting_has_a_panel_and_every_run_a_line_beside_the_median(shown):
    gains = {"calm": np.zeros((4, 3)), "wild": np.arange(12.0).reshape(4, 3)}
    gains_by_length(gains, title="Gains", y_label="points")
    picture, alt = shown[0]
    calm, wild = picture.axes
    assert [panel.get_title(loc="left") for panel in (calm, wild)] == ["calm", "wild"]
    lines = [line.get_ydata() for line in wild.lines[1:]]  # the first is the axis
    np.testing.assert_array_equal(lines[:3], gains["wild"].T)
    np.testing.assert_array_equal(lines[3], [1, 4, 7, 10])
    assert "wild: at n = 4 the median of 3 runs is 10, and they lie between 9 and 11." in alt


def test_every_run_is_a_dot_and_the_median_is_written_beside_its_mark(shown):
    run_dots({"one": 0.5, "three": [1.0, 5.0, 3.0]}, title="Dots", label="points")
    picture, alt = shown[0]
    (axes,) = picture.axes
    dots = [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "o"]
    assert dots == [[0.5], [1, 5, 3]]
    assert [text.get_text() for text in axes.texts] == ["0.5", "3"]
    assert "three: median 3, 3 runs between 1 and 5." in alt
    assert "one: 0.5." in alt


def test_the_sketches_say_what_is_averaged_and_where_the_mean_lies(capsys):
    averaging_sketch()
    valleys_sketch()
    told = capsys.readouterr().out
    assert "the weights of three networks are averaged into one network" in told
    assert "the three predictions are averaged" in told
    assert "their mean lies between the regions" in told


def test_gains_of_a_single_setting_are_drawn(shown):
    gains_by_length({"a": np.zeros((3, 2))}, title="T", y_label="points")
    assert [axes.get_ylabel() for axes in shown[0][0].axes] == ["points"]
