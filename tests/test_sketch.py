"""A sketch places its parts where it is told, in inches, and is never shown without an alt text."""

import numpy as np
import pytest

from course import figure, sketch


@pytest.fixture
def shown(monkeypatch):
    """What is shown: figure, title and alt text of each sketch."""
    calls = []
    monkeypatch.setattr(figure, "show", lambda *call: calls.append(call))
    return calls


def draw(shown):
    with sketch.sketch("A step", "A batch enters the network.", size=(6, 2)) as axes:
        sketch.box(axes, (1, 1), "batch", width=1, height=0.5)
        sketch.circle(axes, (4, 1), "loss", radius=0.3)
        sketch.arrow(axes, (1.5, 1), (3.7, 1), "forward")
        sketch.arrow(axes, (4, 0.7), (1, 0.7), "back", bend=-0.2)
        sketch.note(axes, (5, 1), "one number", align="left")
    return shown[0]


def test_what_is_shown_has_title_and_alt_text(shown):
    _, title, alt = draw(shown)
    assert (title, alt) == ("A step", "A step. A batch enters the network.")


def test_one_unit_is_one_inch_in_both_directions(shown):
    picture, *_ = draw(shown)
    axes = picture.axes[0]
    picture.canvas.draw()
    (left, low), (right, high) = axes.transData.transform([(0, 0), (1, 1)])
    assert right - left == pytest.approx(picture.dpi)
    assert high - low == pytest.approx(picture.dpi)


@pytest.mark.parametrize("place", [(5.8, 1), (0.1, 1), (3, -0.1)])
def test_a_text_that_runs_over_the_edge_is_named(shown, place):
    with (
        pytest.raises(ValueError, match="'one number' runs over the edge of the sketch: move it"),
        sketch.sketch("A step", "A batch.", size=(6, 2)) as axes,
    ):
        sketch.note(axes, place, "one number")


def test_a_text_stands_outside_the_bend_of_its_arrow(shown):
    picture, *_ = draw(shown)
    back = picture.axes[0].texts[3]
    start, control, end = picture.axes[0].patches[3].get_path().vertices[:3]
    assert back.xy == pytest.approx((start + 2 * control + end) / 4, abs=0.05)
    assert back.get_va() == "top"


def test_a_sketch_without_alt_text_is_refused(shown):
    with (
        pytest.raises(ValueError, match="alt = ' ': must say what the sketch shows"),
        sketch.sketch("A step", " "),
    ):
        pass


def bounds(shape):
    """Left, bottom, width and height in inches, or center and radius twice."""
    if hasattr(shape, "radius"):
        return [*shape.center, shape.radius, shape.radius]
    return [shape.get_x(), shape.get_y(), shape.get_width(), shape.get_height()]


def test_boxes_and_circles_have_the_place_and_size_they_are_given(shown):
    with sketch.sketch("A step", "A batch.", size=(6, 2)) as axes:
        sketch.box(axes, (1, 1), "batch", width=1, height=0.4)
        sketch.box(axes, (3, 1), "as usual")
        sketch.circle(axes, (4.5, 1.5), radius=0.3)
        sketch.circle(axes, (5.5, 1.5))
    expected = [
        [0.5, 0.8, 1, 0.4],
        [2.4, 0.75, 1.2, 0.5],
        [4.5, 1.5, 0.3, 0.3],
        [5.5, 1.5, 0.2, 0.2],
    ]
    assert np.allclose([bounds(shape) for shape in axes.patches], expected)
    assert [text.get_position() for text in axes.texts] == [(1, 1), (3, 1), (4.5, 1.5), (5.5, 1.5)]
    assert [text.get_text() for text in axes.texts] == ["batch", "as usual", "", ""]


def test_a_straight_arrow_runs_from_end_to_end_with_its_text_above_the_middle(shown):
    with sketch.sketch("A step", "A batch.", size=(6, 2)) as axes:
        sketch.arrow(axes, (1, 1), (4, 1.5), "forward")
        sketch.arrow(axes, (1, 0.5), (4, 0.5))
    first, _ = axes.patches
    assert first.get_path().vertices[0] == pytest.approx([1, 1])
    assert first.get_path().vertices.max(axis=0) == pytest.approx([4, 1.5], abs=0.1)  # the tip
    text, none = axes.texts
    assert text.xy == pytest.approx((2.5, 1.25))
    assert (text.get_va(), text.get_ha()) == ("bottom", "center")
    assert text.get_position() == (0, 3)  # points above
    assert none.get_text() == ""


@pytest.mark.parametrize(("bend", "side"), [(0.3, "top"), (-0.3, "bottom"), (0.0, "bottom")])
def test_a_text_stands_below_an_arrow_that_bends_down(shown, bend, side):
    with sketch.sketch("A step", "A batch.", size=(6, 3)) as axes:
        sketch.arrow(axes, (1, 1.5), (5, 1.5), "on", bend=bend)
    [text] = axes.texts
    assert text.get_va() == side
    assert text.xy == pytest.approx((3, 1.5 - bend * 4 / 2))
    assert text.get_position()[1] * (1 if side == "bottom" else -1) > 0


def test_a_note_is_aligned_as_told(shown):
    with sketch.sketch("A step", "A batch.", size=(6, 2)) as axes:
        sketch.note(axes, (1, 1), "left", align="left", color=sketch.ORANGE)
        sketch.note(axes, (3, 1), "middle")
    left, middle = axes.texts
    assert (left.get_position(), left.get_ha(), left.get_color()) == ((1, 1), "left", sketch.ORANGE)
    assert (middle.get_ha(), middle.get_color()) == ("center", sketch.BLACK)
    assert left.get_fontsize() == sketch.SMALL == 9


def test_a_sketch_is_seven_inches_wide_and_the_title_has_a_line_of_its_own(shown):
    with sketch.sketch("A step", "A batch.") as axes:
        pass
    picture, title, _ = shown[0]
    assert picture.get_size_inches() == pytest.approx([7, 2.5 + 0.3])
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 7), (0, 2.5))
    assert picture.get_suptitle() == title
    assert not axes.axison
    with sketch.sketch(
        "A title that makes the figure wider than the sketch " * 3, "A batch."
    ) as axes:
        pass
    picture, *_ = shown[1]
    assert picture.get_figwidth() > 7
    assert axes.get_position().width * picture.get_figwidth() == pytest.approx(7)
