"""What lesson 09 says of all its splits together, and of Keras and scikit-learn beside what its cells show."""

import keras
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from course.authoring.source import read
from course.evidence import SIGNIFICANT, sign_test


def from_the_lesson(name, **names):
    """Return the function `name` as the lesson's cell defines it."""
    (cell,) = [cell.source for cell in read("09_imbalance").cells if f"def {name}(" in cell.source]
    exec(cell, names)
    return names[name]


@pytest.mark.parametrize(
    "difference", ["f1", "ranking_unit", "ranking_network", "network_and_unit"]
)
def test_these_data_cannot_tell_in_most_splits_which_model_is_better(difference, full):
    low = np.array(full(f"09.{difference}_low").values)
    high = np.array(full(f"09.{difference}_high").values)
    assert np.mean((low < 0) & (high > 0)) >= 0.75


def test_the_gain_in_recall_and_the_match_of_f1_miss_what_was_hoped_for_in_some_splits(full):
    assert full("09.recall_network").low < 0.15
    assert full("09.f1_moved_gain").low < -0.03


@pytest.mark.parametrize("name", ["brier_unit", "brier_network", "oversampling_high"])
def test_what_is_said_of_every_split_is_more_than_chance(name, full):
    assert full(f"09.{name}").low > 0
    assert sign_test(full(f"09.{name}").values) < SIGNIFICANT


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("gap_lost", 1),
        ("oversampling_low", 1),
        ("trust_over_none", 1),
        ("bias_early", -1),
        ("accuracy_unit", -1),
        ("accuracy_network", -1),
    ],
)
def test_what_is_said_of_most_splits_is_more_than_chance(name, side, full):
    assert side * full(f"09.{name}").median > 0
    assert sign_test(full(f"09.{name}").values) < SIGNIFICANT


def test_other_patients_would_say_of_the_brier_score_what_these_do(full):
    assert full("09.brier_low_unit").low > 0
    assert full("09.brier_low_network").low > 0


def test_the_auc_of_the_unit_is_lower_with_weights_and_the_rest_of_the_table_cannot_tell(full):
    assert full("09.auc_unit").high < 0
    assert sign_test(full("09.auc_unit").values) < SIGNIFICANT
    for name in ("auc_network", "bias_late"):
        assert sign_test(full(f"09.{name}").values) >= SIGNIFICANT


def test_at_its_best_epoch_the_trusted_training_gains_less_than_two_points_with_some_seeds(full):
    assert full("09.trust_best").low < 2


@pytest.mark.parametrize(
    ("score", "oracle"), [("average_precision", average_precision_score), ("auc", roc_auc_score)]
)
def test_the_scores_of_the_lesson_are_scikit_learn_s(score, oracle):
    ours = from_the_lesson(score, np=np)
    rng = np.random.default_rng(4)
    for positives in (1, 7, 60):
        y = rng.permutation(np.arange(100) < positives).astype(int)
        risk = rng.random(100)
        assert ours(y, risk) == pytest.approx(oracle(y, risk))


def test_keras_takes_the_mean_over_batches_of_the_copied_recall():
    """The lesson: "Keras calls such a function on every batch and takes the mean of what comes back"."""
    copied_recall = from_the_lesson("copied_recall", keras=keras)
    rng = np.random.default_rng(5)
    y = (rng.random((40, 1)) < 0.3).astype("float32")
    risk = rng.random((40, 1)).astype("float32")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
    model.compile(loss="mse", metrics=[copied_recall], run_eagerly=True)
    found = model.evaluate(risk, y, batch_size=8, verbose=0, return_dict=True)
    batches = zip(np.split(y, 5), np.split(risk, 5), strict=True)
    assert found["copied_recall"] == pytest.approx(np.mean([copied_recall(*b) for b in batches]))


def test_weights_enter_a_metric_only_under_weighted_metrics_and_validation_only_when_handed_over():
    """The lesson: "no metric (unless you list it under `weighted_metrics`)", "hand over the weights yourself"."""
    x, y = np.array([[0.0], [0.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [1.0], [1.0]])
    weights = np.where(y[:, 0] == 1, 3.0, 1.0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
    accuracy = {"metrics": ["accuracy"], "weighted_metrics": [keras.metrics.BinaryAccuracy("own")]}
    model.compile(optimizer="sgd", loss="mse", run_eagerly=True, **accuracy)
    settings = {"class_weight": {1: 3.0}, "batch_size": 4, "verbose": 0}
    plain = model.fit(x, y, validation_data=(x, y), **settings).history
    weighted = model.fit(x, y, validation_data=(x, y, weights), **settings).history
    assert plain["accuracy"][0] == pytest.approx(2 / 4)
    assert plain["own"][0] == pytest.approx((1 + 3) / 10)
    assert plain["val_loss"][0] == pytest.approx(2 / 4)
    assert weighted["val_loss"][0] == weighted["loss"][0] == pytest.approx(6 / 4)


def test_sequences_may_have_one_weight_for_each_time_step():
    """The lesson: "For sequences it may be (rows, times), one weight for each time step"."""
    rng = np.random.default_rng(6)
    x, y = rng.random((3, 5, 1)), rng.random((3, 5, 1))
    weights = rng.random((3, 5))
    model = keras.Sequential([keras.Input((5, 1)), keras.layers.Activation("linear")])
    model.compile(loss="mse", run_eagerly=True)
    found = model.evaluate(x, y, sample_weight=weights, verbose=0)
    assert found == pytest.approx(np.mean(weights * (x - y)[..., 0] ** 2), rel=1e-5)
