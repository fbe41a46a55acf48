"""The figures of lesson 07 say what they show."""

import keras
import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score

from course.topics import per_class


def test_the_sketch_states_recall_and_precision_of_its_own_counts(capsys):
    true, predicted = (
        np.repeat(each.ravel(), per_class.COUNTS.ravel()) for each in np.indices((3, 3))
    )
    per_class.recall_and_precision()
    told = capsys.readouterr().out
    assert recall_score(true, predicted, average=None)[0] == 0.8
    assert precision_score(true, predicted, average=None)[0] == 0.5
    assert "40 / 50 = 0.8" in told
    assert "40 / 80 = 0.5" in told


def test_the_published_validation_recalls_have_the_published_accuracy_as_their_mean():
    assert round(np.mean(list(per_class.PUBLISHED_VALIDATION.values())), 4) == 0.8135
    assert min(per_class.PUBLISHED_VALIDATION, key=per_class.PUBLISHED_VALIDATION.get) == "shirt"


def test_the_published_recalls_are_shares_of_ten_classes():
    for published in (per_class.PUBLISHED_TRAINING, per_class.PUBLISHED_VALIDATION):
        assert len(published) == 10
        assert all(0 < recall < 1 for recall in published.values())


def test_classes_are_told_from_the_best_to_the_worst_beside_the_published_ones(capsys):
    per_class.class_dots({"bag": 0.4, "coat": 0.9}, {"bag": 0.5, "coat": 0.8}, title="T", label="l")
    assert "coat: 0.90, published 0.80. bag: 0.40, published 0.50." in capsys.readouterr().out


def test_each_panel_tells_the_mean_of_the_last_five_of_each_series(capsys):
    series = {"with": list(range(10)), "without": [1.0] * 10}
    per_class.panels(range(10), {"recall": series}, title="T", x_label="epoch", y_label="share")
    told = capsys.readouterr().out
    assert "recall, with: 7 on average in the last five." in told
    assert "recall, without: 1 on average in the last five." in told


def test_after_its_variables_are_created_a_model_makes_no_more_when_it_is_fitted():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="softmax")])
    loss = "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=["accuracy"], run_eagerly=True)
    x, y = np.ones((4, 3), "float32"), np.array([0, 1, 1, 1])
    per_class.create_variables(model, x[:1], y[:1])
    before = [len(model.optimizer.variables), len(model.metrics_variables)]
    history = model.fit(x, y, batch_size=4, verbose=0).history
    assert [len(model.optimizer.variables), len(model.metrics_variables)] == before
    assert history["accuracy"][0] in (0.25, 0.75)  # of four rows, without the one counted before


def test_more_series_in_a_panel_than_can_be_told_apart_are_refused():
    series = {str(number): [1, 2] for number in range(8)}
    with pytest.raises(ValueError, match="8 series in one figure: must be at most 7"):
        per_class.panels([1, 2], {"a": series}, title="T", x_label="x", y_label="y")
