"""What lesson 08 says of its results over all seeds, and of Keras: each docstring quotes the sentence that it tests."""

import warnings

import keras
import numpy as np
import pytest

from course.evidence import SIGNIFICANT, has_margin, sign_test


def test_on_the_weighted_network_chosen_thresholds_gain_three_points_with_margin(full):
    assert has_margin(full("08.test_gain").values, at_least=3)


def test_on_the_plain_network_chosen_thresholds_do_not_reach_three_points_in_the_median(full):
    assert full("08.test_gain_plain").median < 3


def test_chosen_thresholds_gain_more_after_weighting_than_without_with_every_seed(full):
    gains = zip(full("08.test_gain").values, full("08.test_gain_plain").values, strict=True)
    assert all(weighted > plain for weighted, plain in gains)


def test_weighting_leaves_the_network_behind_beyond_the_chance_of_the_seeds(full):
    assert full("08.test_behind").median > 0
    assert sign_test(full("08.test_behind").values) < SIGNIFICANT


def test_the_seeds_cannot_tell_whether_weighting_changes_average_precision(full):
    assert sign_test(full("08.ap_gain").values) >= SIGNIFICANT


def sigmoids(**compiled):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, "sigmoid")])
    model.compile(loss="binary_crossentropy", run_eagerly=True, **compiled)
    return model


def test_accuracy_on_several_sigmoids_asks_for_the_first_label_that_is_on():
    """Keras takes labels with ten columns for one-hot classes, and `"accuracy"` becomes *categorical* accuracy."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)).astype("float32")
    y = (rng.random((200, 4)) < 0.5).astype("float32")
    model = sigmoids(metrics=["accuracy"])
    reported = model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"]
    likeliest = np.argmax(np.asarray(model(x)), axis=1)
    first_on = [next((j for j in range(4) if row[j]), 0) for row in y]
    assert reported == pytest.approx(np.mean(likeliest == first_on), abs=1e-6)


def test_class_weight_on_several_labels_gives_no_warning():
    """Keras takes ten columns for a one-hot class, and gives no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sigmoids(optimizer="sgd").fit(
            np.ones((2, 4), "float32"),
            np.array([[0, 1, 0, 1], [0, 0, 0, 1]], "float32"),
            class_weight={0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0},
            verbose=0,
        )


def test_with_calibrated_probabilities_the_best_threshold_for_f1_is_half_of_the_best_f1():
    """With calibrated probabilities, its best threshold is half of the best F1, so never above 0.5."""
    for power in (1, 2, 4):
        probability = ((np.arange(200_000) + 0.5) / 200_000) ** power
        order = np.sort(probability)[::-1]
        called = np.arange(1, len(order) + 1)
        f1 = 2 * np.cumsum(order) / (called + order.sum())  # expected counts: a share p of p is on
        best = np.argmax(f1)
        assert order[best] == pytest.approx(f1[best] / 2, abs=1e-3)
        assert order[best] < 0.5


def test_with_calibrated_probabilities_no_threshold_makes_more_answers_right_than_one_half():
    """0.5 already gives each label the likelier answer, and no other threshold makes more single answers right."""
    probability = ((np.arange(20_000) + 0.5) / 20_000) ** 3
    thresholds = np.linspace(0, 1, 201)
    right = [np.where(probability > t, probability, 1 - probability).mean() for t in thresholds]
    assert thresholds[np.argmax(right)] == pytest.approx(0.5)
