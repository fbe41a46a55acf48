"""The figures of lesson 01, read out."""

import numpy as np

from course.topics.gradient_figures import STEPS, _height, _slope, downhill, valley


def test_the_steps_of_the_sketch_are_those_of_gradient_descent_on_its_curve():
    position = STEPS[0]
    for step in STEPS[1:]:
        nudge = 1e-6
        slope = (_height(position + nudge) - _height(position - nudge)) / (2 * nudge)
        assert abs(_slope(position) - slope) < 1e-6
        position -= 0.4 / 0.44 * slope
        assert abs(position - step) < 1e-3


def test_the_sketch_is_read_out(capsys):
    downhill()
    assert "three arrows lead down the curve" in capsys.readouterr().out


def test_the_valley_is_that_of_the_sum_of_squared_errors(capsys):
    X = np.array([[1.0, 0.0], [1.0, 2.0]])
    valley(X, np.array([1.0, 3.0]), {"a step": [[0, 0], [1, 0.5]]}, title="A valley")
    told = capsys.readouterr().out
    assert told == "A valley. a step: 1 steps from (0, 0) to (1, 0.5), loss 10 to 1.\n"
