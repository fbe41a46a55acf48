"""The figures of lesson 03 tell what is in the data that they draw, as counted here by hand or by pandas."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from course import figure
from course.topics import classification


@pytest.fixture
def shown(monkeypatch):
    """What is shown: figure, title and alt text of each drawing."""
    calls = []
    monkeypatch.setattr(figure, "show", lambda *call: calls.append(call))
    return calls


def test_the_sketch_turns_its_scores_into_the_probabilities_that_scipy_computes(shown):
    classification.classifier_sketch("A classifier")
    picture, _, alt = shown[0]
    written = {text.get_text() for text in picture.axes[0].texts}
    expected = softmax([2, 1, -1])
    for name, share in zip(("Adelie", "Chinstrap", "Gentoo"), expected, strict=True):
        assert f"{name} {share:.3f}" in written
        assert f"{name} {share:.3f}" in alt
    assert any(text.endswith(f"= {-np.log(expected[1]):.2f}") for text in written)


def test_every_pair_of_columns_has_a_panel_and_every_row_a_point_in_each(shown):
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(30, 4)), columns=list("abcd"))
    groups = np.repeat(["x", "y", "z"], 10)
    classification.pair_plot(rows, groups, title="Pairs")
    picture, _, alt = shown[0]
    pairs = {(axes.get_xlabel(), axes.get_ylabel()) for axes in picture.axes}
    assert pairs == {("a", "b"), ("a", "c"), ("a", "d"), ("b", "c"), ("b", "d"), ("c", "d")}
    for axes in picture.axes:
        assert sum(len(line.get_xdata()) for line in axes.lines) == 30
    assert f"y on average: a {rows['a'][10:20].mean():.3g}," in alt


def test_orders_are_drawn_row_by_row_with_a_gap_between_batches(shown):
    orders = {
        "once": [[[2, 0], [1, 3]], [[2, 0], [1, 3]]],
        "anew": [[[1, 0], [2, 3]], [[3, 2], [0, 1]]],
    }
    classification.batch_orders(orders, title="Orders")
    picture, _, alt = shown[0]
    once, anew = picture.axes
    assert [text.get_text() for text in once.texts] == list("20132013")
    assert [text.get_text() for text in anew.texts] == list("10233201")
    assert [patch.get_x() for patch in once.patches[:4]] == [0, 1, 2.5, 3.5]
    assert "anew, epoch 2: 3 2 | 0 1." in alt


def test_classes_are_counted_in_both_parts_of_each_split(shown):
    labels = np.repeat(np.arange(10), 4)
    classification.class_counts({"last": (labels[:32], labels[32:])}, title="Classes")
    picture, _, alt = shown[0]
    training, validation = picture.axes[0].containers
    assert [bar.get_height() for bar in training] == [4] * 8 + [0] * 2
    assert [bar.get_height() for bar in validation] == [0] * 8 + [4] * 2
    assert "4 of digit 8, 4 of digit 9." in alt


@pytest.mark.parametrize("columns", ["ab", "abcde"])
def test_any_number_of_columns_has_a_panel_a_pair(shown, columns):
    rows = pd.DataFrame(np.eye(len(columns)), columns=list(columns))
    classification.pair_plot(rows, list("xyxyx"[: len(columns)]), title="T")
    pairs = [(axes.get_xlabel(), axes.get_ylabel()) for axes in shown[0][0].axes if axes.axison]
    assert pairs == [*itertools.combinations(columns, 2)]
