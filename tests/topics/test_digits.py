"""The pictures of lesson 05: what their alt texts say is what is drawn."""

from itertools import pairwise

import pytest

from course import figure
from course.topics import digits


@pytest.fixture
def shown(monkeypatch):
    calls = []
    monkeypatch.setattr(figure, "show", lambda *call: calls.append(call))
    return calls


def texts(picture):
    return [text.get_text() for text in picture.axes[0].texts if text.get_text()]


def test_the_network_joins_all_units_of_neighboring_layers(shown):
    digits.network_sketch()
    picture, _, alt = shown[0]
    units = [units for _, units, _ in digits.LAYERS]
    assert len(picture.axes[0].lines) == sum(a * b for a, b in pairwise(units))
    for size in ("784 pixels", "128 hidden units", "10 digits"):
        assert size in texts(picture)
        assert size in alt


def test_dropout_drops_two_units_in_each_training_step_and_none_in_use(shown):
    digits.dropout_sketch()
    picture, *_ = shown[0]
    assert texts(picture).count("x") == 4
    assert len(picture.axes[0].lines) == 2 * (3 + 3 + 5)  # kept units, joined on both sides


def test_each_way_has_its_dot_and_its_value(shown):
    digits.step_costs({"plain fit": 2.0, "fast_fit": 0.5})
    picture, _, alt = shown[0]
    dots = [line.get_xdata()[0] for line in picture.axes[0].lines]
    assert dots == [2.0, 0.5]
    assert texts(picture) == ["2.00", "0.50"]
    assert "fast_fit: 0.50." in alt
