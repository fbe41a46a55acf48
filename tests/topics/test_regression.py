"""The figures of lesson 02 tell what NumPy computes, fold by fold."""

import numpy as np
import pytest

from course import figure
from course.topics import regression


@pytest.fixture
def shown(monkeypatch):
    """What is shown: figure, title and alt text of each drawing."""
    calls = []
    monkeypatch.setattr(figure, "show", lambda *call: calls.append(call))
    return calls


def test_every_fold_is_a_dot_and_every_mean_is_written(shown):
    errors = {"line": [3.0, 3.5, 4.1], "network": [2.0, 2.25, 3.0]}
    regression.fold_errors_plot(errors, title="Errors", label="error (mpg)")
    picture, _, alt = shown[0]
    dots = [line for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == list(errors.values())
    written = [text.get_text() for text in picture.axes[0].texts]
    assert written == [f"{np.mean(values):.2f}" for values in errors.values()]
    assert "network: mean 2.42, 3 folds from 2.00 to 3.00." in alt


def test_the_sketch_of_a_step_names_its_parts(shown):
    regression.step_sketch("A step")
    picture, _, alt = shown[0]
    written = {text.get_text() for text in picture.axes[0].texts}
    for part in ("model", "loss", "optimizer", "gradient"):
        assert part in written
        assert part in alt
