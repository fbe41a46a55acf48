"""The canvases of lesson 08 have the labels of the digits on them, and its figures say what they show."""

import numpy as np
import pytest

from course.topics import multilabel

NAMES = np.arange(10)
DIGITS = np.repeat(25 * (1 + NAMES), 28 * 28).reshape(10, 28, 28)  # each of a grey of its own


def test_the_label_of_a_canvas_says_which_digits_are_on_it():
    canvases, labels = multilabel.compose(DIGITS, NAMES, 500, np.random.default_rng(0))
    for canvas, label in zip(canvases, labels, strict=True):
        cells = canvas.reshape(2, 14, 2, 14).transpose(0, 2, 1, 3).reshape(4, -1)
        greys = np.round(cells * 255 / 25).astype(int)
        assert np.all(greys == greys[:, :1])
        on = set(greys[:, 0]) - {0}
        assert on
        assert on == set(np.flatnonzero(label) + 1)


def test_one_to_four_cells_are_filled_each_number_as_often():
    canvases, _ = multilabel.compose(DIGITS, NAMES, 4000, np.random.default_rng(0))
    filled = (canvases[:, ::14, ::14] > 0).sum(axis=(1, 2))
    counts = np.bincount(filled)
    assert counts[0] == 0
    assert np.allclose(counts[1:], 1000, atol=100)
    assert len(counts) == 5


def test_each_digit_is_drawn_falloff_times_as_often_as_the_one_before_it():
    names = np.repeat(NAMES, 1 + NAMES % 3)  # of some digits there are more images

    def shares(falloff):
        rng = np.random.default_rng(0)
        canvases, _ = multilabel.compose(DIGITS[names], names, 40_000, rng, falloff=falloff)
        cells = np.round(canvases[:, ::14, ::14] * 255 / 25).astype(int)
        counts = np.bincount(cells.ravel(), minlength=11)[1:]
        return counts[1:] / counts[:-1]

    assert np.allclose(shares(0.7), 0.7, atol=0.06)
    assert np.allclose(shares(1.0), 1.0, atol=0.06)


def test_canvases_are_32_bit_greys_from_0_to_1_and_the_usual_falloff_is_seven_tenths():
    def composed(**falloff):
        rng = np.random.default_rng(0)
        return multilabel.compose(np.full((10, 28, 28), 255), NAMES, 50, rng, **falloff)

    canvases, labels = composed()
    assert canvases.dtype == labels.dtype == "float32"
    assert set(np.unique(canvases)) == {0, 1}
    np.testing.assert_array_equal(labels, composed(falloff=0.7)[1])
    assert not np.array_equal(labels, composed(falloff=0.9)[1])


def test_the_sketch_tells_one_class_from_a_set(capsys):
    multilabel.one_answer_or_ten()
    told = capsys.readouterr().out
    assert "the answer is one class, 7" in told
    assert "the answer is a set of labels, 3 and 7" in told


def test_canvases_and_dots_are_told_one_by_one(capsys):
    labels = np.eye(10)[[3, 7]] + np.eye(10)[[1, 1]]
    multilabel.canvas_grid(np.zeros((2, 28, 28)), labels, title="Two", columns=2)
    multilabel.percent_dots(
        {"plain": {"0.5": 68.44}, "weighted": {"0.5": 54.0}}, title="T", label="l"
    )
    told = capsys.readouterr().out
    assert "2 canvases with the digits 1 3, 1 7." in told
    assert "plain, 0.5: 68.4. weighted, 0.5: 54.0." in told


def test_the_moved_half_is_where_the_weighted_loss_of_an_even_chance_is_least():
    answers = np.linspace(0.001, 0.999, 999)
    weights = np.array([0.5, 1.0, 3.0, 20.0])
    losses = -weights[:, None] * 0.5 * np.log(answers) - 0.5 * np.log(1 - answers)
    assert np.allclose(multilabel.moved_half(weights), answers[losses.argmin(axis=1)], atol=0.001)


def test_every_group_of_percentages_is_drawn_and_more_than_can_be_told_apart_are_refused(capsys):
    groups = {name: {"x": number} for number, name in enumerate("abcdefgh")}
    three = {name: groups[name] for name in "abc"}
    multilabel.percent_dots(three, title="T", label="%")
    assert capsys.readouterr().out == "T. a, x: 0.0. b, x: 1.0. c, x: 2.0.\n"
    with pytest.raises(ValueError, match="8 groups in one figure: must be at most 7"):
        multilabel.percent_dots(groups, title="T", label="%")


@pytest.mark.parametrize(("number", "columns"), [(7, 5), (1, 1)])
def test_any_number_of_canvases_can_be_drawn(number, columns, capsys):
    canvases, labels = np.zeros((number, 28, 28)), np.ones((number, 10))
    multilabel.canvas_grid(canvases, labels, title="T", columns=columns)
    assert capsys.readouterr().out.startswith(f"T. {number} canvases with the digits 0 1 2")
