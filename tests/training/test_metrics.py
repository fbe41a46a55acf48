"""Metrics of the course against scikit-learn, on ordinary and degenerate rows, streamed and compiled."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.linear_model import LogisticRegression

from course.training.metrics import ConfusionMatrix, ExactMatch, choose_threshold, scores_at, undo_weighting

NAMES = ["boot", "coat", "shirt", "bag"]
FIGURES = ("precision", "recall", "f1")
BATCHES = (1, 7, 32, None)
quick = settings(max_examples=25, deadline=None, derandomize=True)

weights_of = st.sampled_from(
    [lambda n: None, np.zeros, lambda n: np.arange(n) % 3, lambda n: np.linspace(0.1, 2.3, n, dtype="float32")]
)


@st.composite
def classified(draw):
    """Labels and class scores of 1 to 40 rows; few of the four classes may be present or predicted."""
    rows = draw(st.integers(1, 40))
    present = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    predicted = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = random.random((rows, 4), dtype="float32") + 2 * np.eye(4)[random.choice(predicted, rows)]
    return random.choice(present, rows), scores, draw(weights_of)(rows)


def stream(metric, y_true, y_pred, weights, batch):
    """Feed the rows in batches of `batch` (None: all at once) and return the result as floats."""
    metric.reset_state()
    batch = batch or len(y_true)
    for start in range(0, len(y_true), batch):
        part = slice(start, start + batch)
        metric.update_state(y_true[part], y_pred[part], None if weights is None else weights[part])
    return keras.tree.map_structure(float, metric.result())


def reference(y_true, predicted, weights=None):
    """The same dictionary by scikit-learn, which refuses weights that are all zero: no row, every figure 0."""
    figures = np.zeros((3, len(NAMES)))
    if weights is None or np.any(weights):
        figures = sklearn_metrics.precision_recall_fscore_support(
            y_true, predicted, labels=range(len(NAMES)), sample_weight=weights, zero_division=0
        )[:3]
    result = {
        f"{figure}_{name}": value
        for figure, values in zip(FIGURES, figures, strict=True)
        for name, value in zip(NAMES, values, strict=True)
    }
    return result | {"f1_macro": np.mean(figures[2]), "f1_worst": np.min(figures[2])}


@quick
@given(classified())
def test_per_class_figures_equal_scikit_learn_at_every_batch_size(rows):
    y_true, y_pred, weights = rows
    metric = ConfusionMatrix(NAMES)
    expected = reference(y_true, y_pred.argmax(axis=1), weights)
    for batch in BATCHES:
        assert stream(metric, y_true, y_pred, weights, batch) == pytest.approx(expected, abs=1e-6)
    counts = np.zeros((4, 4))
    np.add.at(counts, (y_true, y_pred.argmax(axis=1)), 1 if weights is None else weights)
    np.testing.assert_allclose(np.asarray(metric.counts), counts, atol=1e-6)


def still_model(activation, loss, metrics, **options):
    """A model whose weights do not move, so that the rows of an epoch can be predicted again."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, activation=activation)])
    model.compile(keras.optimizers.SGD(0.0), loss, metrics=metrics, **options)
    return model


def test_fit_reports_them_for_training_and_validation_and_counts_class_weights_when_weighted():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(103, 5)).astype("float32"), random.integers(0, 4, 103)
    weight = {0: 1.0, 1: 2.5, 2: 0.0, 3: 1.0}
    for key, used in (("metrics", None), ("weighted_metrics", [weight[label] for label in y[:70]])):
        options = {"metrics": None, key: [ConfusionMatrix(NAMES)]}
        model = still_model("softmax", "sparse_categorical_crossentropy", **options)
        history = model.fit(
            x[:70], y[:70], class_weight=weight, validation_data=(x[70:], y[70:]), epochs=2, verbose=0
        ).history
        predicted = model.predict(x, verbose=0).argmax(axis=1)
        for name, expected in reference(y[:70], predicted[:70], used).items():
            assert history[name] == pytest.approx([expected] * 2, abs=1e-6), (key, name)
        for name, expected in reference(y[70:], predicted[70:]).items():
            assert history[f"val_{name}"] == pytest.approx([expected] * 2, abs=1e-6), (key, name)


def test_both_metrics_stream_inside_a_loop_compiled_by_xla():
    random = np.random.default_rng(1)
    y, scores = random.integers(0, 4, 96), random.random((96, 4), dtype="float32")
    several, batches = (random.random((96, 4)) < 0.5).astype("uint8"), 3
    per_class, exact = ConfusionMatrix(NAMES), ExactMatch([0.2, 0.5, 0.7, 0.9])

    @tf.function(jit_compile=True)
    def epoch(y, several, scores):
        def step(number):
            rows = tf.range(32) + 32 * number
            per_class.update_state(tf.gather(y, rows), tf.gather(scores, rows))
            exact.update_state(tf.gather(several, rows), tf.gather(scores, rows))
            return (number + 1,)

        tf.while_loop(lambda number: number < batches, step, (0,))
        return per_class.result(), exact.result()

    result, match = epoch(y, several, scores)
    expected = reference(y, scores.argmax(axis=1))
    assert {name: float(value) for name, value in result.items()} == pytest.approx(expected, abs=1e-6)
    agreed = sklearn_metrics.accuracy_score(several, scores > np.array([0.2, 0.5, 0.7, 0.9]))
    assert float(match) == pytest.approx(agreed, abs=1e-6)


def test_counting_goes_on_where_float32_stops():
    metric = ConfusionMatrix(["no", "yes"])
    metric.counts.assign([[2**24, 0], [0, 0]])
    metric.update_state([0], [[0.9, 0.1]])
    assert int(metric.counts[0, 0]) == 2**24 + 1
    assert np.float32(2**24) + np.float32(1) == 2**24  # what is avoided


@pytest.mark.parametrize("metric", [ConfusionMatrix(NAMES), ExactMatch([0.1, 0.2]), ExactMatch(0.3)])
def test_a_metric_comes_back_from_its_configuration(metric):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(copy) is type(metric)
    assert copy.get_config() == metric.get_config()


@quick
@given(st.integers(1, 40), st.integers(1, 5), st.booleans(), st.integers(0, 2**32 - 1), weights_of)
def test_exact_match_equals_scikit_learn_at_every_batch_size(rows, labels, each, seed, weights):
    random = np.random.default_rng(seed)
    y_true = random.integers(0, 2, (rows, labels))
    y_pred = np.where(random.random((rows, 1)) < 0.5, y_true, random.random((rows, labels)))
    threshold = random.random(labels) if each else 0.3
    weights = weights(rows)
    expected = (
        0.0
        if weights is not None and not weights.any()
        else sklearn_metrics.accuracy_score(y_true, y_pred > threshold, sample_weight=weights)
    )
    for batch in BATCHES:
        assert stream(ExactMatch(threshold), y_true, y_pred, weights, batch) == pytest.approx(expected, abs=1e-6)


@quick
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_binary_accuracy_of_keras_is_the_hamming_accuracy(rows, seed):
    random = np.random.default_rng(seed)
    y_true, y_pred = random.integers(0, 2, (rows, 5)), random.random((rows, 5))
    expected = 1 - sklearn_metrics.hamming_loss(y_true, y_pred > 0.5)
    for batch in BATCHES:
        hamming = stream(keras.metrics.BinaryAccuracy(), y_true, y_pred, None, batch)
        assert hamming == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred", "weights", "message"),
    [
        (ConfusionMatrix(NAMES), [0, 4], np.eye(4)[:2], None, "label 4 in y_true: must be a whole number from 0 to 3"),
        (ConfusionMatrix(NAMES), [-1], np.eye(4)[:1], None, "label -1 in y_true: must be a whole number from 0 to 3"),
        (ConfusionMatrix(NAMES), [0.5], np.eye(4)[:1], None, "label 0.5 in y_true"),
        (ConfusionMatrix(NAMES), [0, 1], np.eye(3)[:2], None, r"y_pred has shape \(2, 3\): must be \(rows, 4\)"),
        (ConfusionMatrix(NAMES), np.eye(4), np.eye(4), None, r"y_true has shape \(4, 4\): must be \(4, 1\)"),
        (ConfusionMatrix(NAMES), [0, 1, 2], np.eye(4), None, r"y_true has shape \(3,\): must be \(4,\)"),
        (ConfusionMatrix(NAMES), [0, 1], np.eye(4)[:2], [1.0], r"sample_weight has shape \(1,\)"),
        (ExactMatch(), [[0, 2]], [[0.1, 0.2]], None, "label 2 in y_true: must be a whole number from 0 to 1"),
        (ExactMatch(), [[0, 1, 0]], [[0.1, 0.2]], None, r"y_true has shape \(1, 3\): must be \(1, 2\)"),
        (ExactMatch(), [0, 1], [0.1, 0.2], None, r"y_pred has shape \(2,\): must be \(rows, labels\)"),
        (ExactMatch([0.5] * 3), [[0, 1]], [[0.1, 0.2]], None, r"y_pred has shape \(1, 2\): must be \(rows, 3\)"),
    ],
)
def test_wrong_shapes_and_labels_are_named(metric, y_true, y_pred, weights, message):
    with pytest.raises(ValueError, match=message):
        metric.update_state(np.asarray(y_true), np.asarray(y_pred), weights)


def test_fit_stops_at_a_label_out_of_range():
    model = still_model("softmax", "mean_squared_error", [ConfusionMatrix(NAMES)])
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)must be a whole number from 0 to 3.*0 9"):
        model.fit(np.zeros((2, 5)), np.array([[0], [9]]), shuffle=False, verbose=0)


def test_a_label_out_of_range_in_a_compiled_step_leaves_no_figure_that_looks_right():
    metric, exact = ConfusionMatrix(NAMES), ExactMatch()
    tf.function(metric.update_state, jit_compile=True)(tf.constant([0, 9]), tf.eye(4)[:2])
    tf.function(exact.update_state, jit_compile=True)(tf.constant([[0, 9]]), tf.eye(2)[:1])
    assert all(np.isnan(float(value)) for value in metric.result().values())
    assert np.isnan(float(exact.result()))


@pytest.mark.parametrize("names", [[], ["one"], ["same", "same"]])
def test_class_names_must_be_two_or_more_and_differ(names):
    with pytest.raises(ValueError, match=r"class_names = .*: must be two or more different names"):
        ConfusionMatrix(names)


rounded = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=1, max_size=30)  # many ties


@quick
@given(rounded)
def test_scores_equal_scikit_learn_at_every_threshold(rows):
    y_true, probability = np.array(rows)[:, 0], np.array(rows)[:, 1] / 8
    thresholds = [-1, 0, 0.3, 0.5, 0.875, 1]
    scores = scores_at(thresholds, y_true, probability)
    for place, threshold in enumerate(thresholds):
        predicted = probability > threshold
        precision, recall, f1, _ = sklearn_metrics.precision_recall_fscore_support(
            y_true, predicted, labels=[0, 1], zero_division=0
        )
        expected = {
            "precision": precision[1],
            "recall": recall[1],
            "specificity": recall[0],  # the recall of the other class
            "f1": f1[1],
            "accuracy": sklearn_metrics.accuracy_score(y_true, predicted),
        }
        assert {name: values[place] for name, values in scores.items()} == pytest.approx(expected, abs=1e-6)


@quick
@given(rounded)
def test_no_threshold_from_0_to_1_beats_the_chosen_one(rows):
    y_true, probability = np.array(rows)[:, 0], np.array(rows)[:, 1] / 8
    between = [0, *(np.arange(8) + 0.5) / 8]  # one on each side of every probability but 0, which ">" cannot pass
    f1 = [sklearn_metrics.f1_score(y_true, probability > t, zero_division=0) for t in between]
    chosen = choose_threshold(y_true, probability)
    assert sklearn_metrics.f1_score(y_true, probability > chosen, zero_division=0) == pytest.approx(max(f1))


def test_half_stays_the_threshold_where_nothing_is_gained():
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 0.5
    assert choose_threshold([0, 0, 0], [0.1, 0.7, 0.9]) == 0.5  # no positive row: F1 is 0 everywhere


def test_thresholds_of_several_labels_are_chosen_label_by_label():
    y_true = np.array([[0, 0], [0, 1], [1, 1], [1, 1]])
    probability = np.array([[0.1, 0.6], [0.2, 0.7], [0.3, 0.8], [0.4, 0.9]])
    np.testing.assert_allclose(choose_threshold(y_true, probability), [0.25, 0.65])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 1], [0.2, 0.3]), {"score": "auc"}, "score = 'auc': must be one of precision, recall"),
        (([0, 2], [0.2, 0.3]), {}, "label 2 in y_true: must be 0 or 1"),
        (([0, 1], [0.2, np.nan]), {}, "probability = nan: must be between 0 and 1"),
        (([0, 1], [0.2]), {}, r"y_true has shape \(2,\), probability \(1,\)"),
        (([[0, 1]], [[0.2]]), {}, r"y_true has shape \(1, 2\), probability \(1, 1\): both must be"),
        (([], []), {}, "one or more"),
    ],
)
def test_wrong_rows_for_a_threshold_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        choose_threshold(*arguments, **options)


@given(st.floats(0, 1), st.floats(0.01, 100))
@example(1.0, 1 / 3)
def test_undoing_divides_the_odds_by_the_weight(probability, weight):
    weighted = weight * probability / (weight * probability + (1 - probability))  # never above 1 by rounding
    assert undo_weighting(weighted, weight) == pytest.approx(probability, abs=1e-9)


def test_undoing_restores_the_brier_score_that_weighting_spoils():
    random = np.random.default_rng(0)
    x = random.normal(size=(4000, 2))
    y = random.random(4000) < 1 / (1 + np.exp(3 - x @ [1.5, 1.0]))
    brier = {}
    for weight in (1, 10):
        model = LogisticRegression(C=np.inf, class_weight={1: weight}).fit(x[:2000], y[:2000])
        probability = model.predict_proba(x[2000:])[:, 1]
        brier[weight] = sklearn_metrics.brier_score_loss(y[2000:], probability)
    corrected = sklearn_metrics.brier_score_loss(y[2000:], undo_weighting(probability, 10))
    assert brier[10] > 1.5 * brier[1]
    assert corrected == pytest.approx(brier[1], rel=0.02)


@pytest.mark.parametrize(
    ("probability", "weight", "message"),
    [
        (0.5, 0, "weight = 0: must be a positive number"),
        (0.5, np.nan, "weight = nan: must be a positive number"),
        ([0.5, 1.5], 2, "probability = 1.5: must be between 0 and 1"),
    ],
)
def test_undoing_refuses_what_is_no_weight_or_no_probability(probability, weight, message):
    with pytest.raises(ValueError, match=message):
        undo_weighting(probability, weight)
