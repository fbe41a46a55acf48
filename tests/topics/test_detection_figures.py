"""The figures of lesson 14, read out: every number is counted or worked out by hand."""

import numpy as np
import pytest

from course import figure
from course.topics.detection import Boxes, encode
from course.topics.detection_figures import (
    precision_recall,
    show_answer,
    show_canvases,
    transfer_sketch,
)

# Seven canvases of 32 by 32 pixels with one object each, 12 by 20 pixels around (14, 18), of class 1.
PICTURES = np.zeros((7, 32, 32), np.uint8)
TRUTH = Boxes(np.arange(7), np.tile([8, 8, 20, 28], (7, 1)), np.ones(7, int), np.ones(7))


def test_canvases_are_read_out_by_what_is_right_and_wrong_on_those_drawn(capsys):
    found = TRUTH._replace(label=np.array([0, 1, 1, 1, 1, 1, 0]))  # the last canvas is not drawn
    show_canvases(PICTURES, TRUTH, found, "ab", title="Found")
    words = "6 canvases with 6 digits. 5 boxes are right, 1 wrong."
    assert capsys.readouterr().out == f"Found. {words}\n"


@pytest.fixture
def shown(monkeypatch):
    """The figures that are shown."""
    figures = []
    monkeypatch.setattr(figure, "show", lambda shown, title, alt: figures.append(shown))
    return figures


def test_a_found_box_carries_the_name_of_its_class_and_its_score(shown):
    show_canvases(PICTURES, TRUTH, TRUTH._replace(score=np.full(7, 0.25)), "ab", title="Found")
    labels = {text.get_text() for axes in shown[0].axes for text in axes.texts}
    assert labels == {"b: 0.25"}


def test_the_label_of_a_box_at_the_edge_stays_on_its_canvas(shown):
    corner = TRUTH._replace(box=np.tile([28, 0, 32, 4], (7, 1)))
    show_canvases(PICTURES, TRUTH, corner, "ab", title="Found")
    shown[0].canvas.draw()
    for axes in shown[0].axes:
        frame = axes.get_window_extent()
        (label,) = axes.texts
        extent = label.get_window_extent()
        assert frame.x0 <= extent.x0 < extent.x1 <= frame.x1
        assert frame.y0 <= extent.y0 < extent.y1 <= frame.y1


def test_what_kinds_of_boxes_mean_stands_in_the_legend_as_far_as_they_are_drawn(shown):
    nothing = TRUTH.where(slice(0))
    for found in (nothing, TRUTH):
        show_canvases(PICTURES, TRUTH, found, "ab", title="Found")
    without, with_found = (
        [text.get_text() for text in each.legends[0].get_texts()] for each in shown
    )
    assert without == ["true box"]
    assert with_found == ["true box", "found, right", "found, wrong"]


def test_the_answer_of_a_cell_is_read_out_as_it_was_worked_out_by_hand(capsys):
    # center (14, 18): column 1 and 6 of its 8 pixels, row 2 and 2 of its 8; 12 by 20 pixels are 1.5 by 2.5 cells
    show_answer(PICTURES[0], encode(TRUTH, 7, cells=4)[0], "ab")
    told = capsys.readouterr().out
    assert "Row 3, column 2 of 4 by 4 cells." in told
    assert "0.75 of the cell from its left, 0.25 from its top" in told
    assert "1.5 and 2.5 cells" in told
    assert "Which digit?   b" in told


def test_precision_is_read_out_after_each_detection_with_the_height_worked_out_by_hand(capsys):
    precision_recall([True, False, True], 4, title="Three")
    told = capsys.readouterr().out
    assert "Detection 2, wrong: precision 0.5, recall 0.25." in told
    assert f"The mean height is {(26 + 25 * 2 / 3) / 101:.3g}." in told


def test_the_sketch_says_which_classes_are_known_and_which_are_wanted(capsys):
    transfer_sketch("0 to 4", "5 to 9")
    told = capsys.readouterr().out
    assert "a last layer names one of 0 to 4" in told
    assert "which of 5 to 9 it shows" in told
