"""The figures of lesson 18, read out from their alt texts."""

import numpy as np

from course.topics.depth_figures import factor_by_layer, four_layers, up_and_down


def test_the_sketch_of_the_factors_says_what_twenty_of_them_make(capsys):
    factor_by_layer()
    said = capsys.readouterr().out
    assert "twenty factors of 0.9 make 0.12" in said
    assert round(0.9**20, 2) == 0.12


def test_the_sketch_of_the_layers_says_what_leads_past_and_what_normalizes(capsys):
    four_layers()
    said = capsys.readouterr().out
    assert "past the layer to a plus sign" in said
    assert "over the rows of the batch in one and over the units of the row in the other" in said


def test_signals_are_told_relative_to_the_layer_where_their_way_begins(capsys):
    halved = 3 * 0.5 ** np.arange(5)
    kinds = {"ReLU, one": (np.array([halved] * 3), np.array([halved[::-1]] * 3))}
    kinds["sigmoid"] = (np.ones((3, 5)), np.array([[1, 2, 3, 4, 8.0]] * 3))
    up_and_down(kinds, {"ReLU, one": 0.5, "sigmoid": 0.1}, title="A title")
    said = capsys.readouterr().out
    assert "ReLU, one, sums, on the way up: 0.062 times where it begins." in said
    assert "ReLU, one, gradients, on the way down: 0.062 times where it begins." in said
    assert "sigmoid, sums, on the way up: 1 times where it begins." in said
    assert "sigmoid, gradients, on the way down: 0.12 times where it begins." in said
