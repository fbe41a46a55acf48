"""A sketch places its parts where it is told, in inches, and is never shown without an alt text."""

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
