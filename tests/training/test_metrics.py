"""Metrics of the course against scikit-learn, on ordinary and degenerate rows, streamed and compiled."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.linear_model import LogisticRegression

from course.training.metrics import (
    ConfusionMatrix,
    ExactMatch,
    choose_threshold,
    scores_at,
    undo_weighting,
)

NAMES = ["boot", "coat", "shirt", "bag"]
FIGURES = ("precision", "recall", "f1")
BATCHES = (1, 7, 32, None)
quick = settings(max_examples=25, deadline=None, derandomize=True)

weights_of = st.sampled_from(
    [
        lambda n: None,
        np.zeros,
        lambda n: np.arange(n) % 3,
        lambda n: np.linspace(0.1, 2.3, n, dtype="float32"),
    ]
)


@st.composite
def classified(draw):
    """Labels and class scores of 1 to 40 rows; few of the four classes may be present or predicted."""
    rows = draw(st.integers(1, 40))
    present = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    predicted = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = (
        random.random((rows, 4), dtype="float32") + 2 * np.eye(4)[random.choice(predicted, rows)]
    )
    return random.choice(present, rows), scores, draw(weights_of)(rows)


def stream(metric, y_true, y_pred, weights, batch):
    """Feed the rows in batches of `batch` (None: all at once) and return the result as floats."""
    metric.reset_state()
    batch = batch or len(y_true)
    for start in range(0, len(y_true), batch):
        part = slice(start, start + batch)
        metric.update_state(y_true[part], y_pred[part], None if weights is None else weights[part])
    return keras.tree.map_structure(float, metric.result())


def reference(y_true, predicted, weights=None, name="class"):
    """The same dictionary by scikit-learn, which refuses weights that are all zero: no row, every figure 0."""
    figures = np.zeros((3, len(NAMES)))
    if weights is None or np.any(weights):
        figures = sklearn_metrics.precision_recall_fscore_support(
            y_true, predicted, labels=range(len(NAMES)), sample_weight=weights, zero_division=0
        )[:3]
    result = {
        f"{name}_{figure}_{class_name}": value
        for figure, values in zip(FIGURES, figures, strict=True)
        for class_name, value in zip(NAMES, values, strict=True)
    }
    return result | {
        f"{name}_macro_f1": np.mean(figures[2]),
        f"{name}_worst_f1": np.min(figures[2]),
    }


@quick
@given(classified())
def test_per_class_figures_equal_scikit_learn_at_every_batch_size(rows):
    y_true, y_pred, weights = rows
    metric = ConfusionMatrix(NAMES, "class")
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
    x = random.normal(size=(103, 5)).astype("float32")
    y = random.integers(0, 4, 103)
    weight = {0: 1.0, 1: 2.5, 2: 0.0, 3: 1.0}
    for key, used in (("metrics", None), ("weighted_metrics", [weight[label] for label in y[:70]])):
        options = {"metrics": None, key: [ConfusionMatrix(NAMES, "class")]}
        model = still_model("softmax", "sparse_categorical_crossentropy", **options)
        history = model.fit(
            x[:70],
            y[:70],
            class_weight=weight,
            validation_data=(x[70:], y[70:]),
            epochs=2,
            verbose=0,
        ).history
        predicted = model.predict(x, verbose=0).argmax(axis=1)
        for name, expected in reference(y[:70], predicted[:70], used).items():
            assert history[name] == pytest.approx([expected] * 2, abs=1e-6), (key, name)
        for name, expected in reference(y[70:], predicted[70:]).items():
            assert history[f"val_{name}"] == pytest.approx([expected] * 2, abs=1e-6), (key, name)


def test_a_plain_and_a_weighted_matrix_of_one_model_each_keep_their_figures():
    random = np.random.default_rng(0)
    x = random.normal(size=(70, 5)).astype("float32")
    y = random.integers(0, 4, 70)
    weights = random.integers(0, 3, 70)
    plain = ConfusionMatrix(NAMES, "class")
    weighted = ConfusionMatrix(NAMES, "weighted")
    model = still_model(
        "softmax", "sparse_categorical_crossentropy", [plain], weighted_metrics=[weighted]
    )
    history = model.fit(x, y, sample_weight=weights, verbose=0).history
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    expected = reference(y, predicted) | reference(y, predicted, weights, name="weighted")
    assert {key: values[0] for key, values in history.items() if key != "loss"} == pytest.approx(
        expected, abs=1e-6
    )


def two_outputs(left, right, **options):
    """A model of two outputs of four classes, "left" and "right", whose weights do not move."""
    keras.utils.set_random_seed(0)
    x = keras.Input((5,))
    model = keras.Model(
        x, [keras.layers.Dense(4, "softmax", name=name)(x) for name in ("left", "right")]
    )
    losses = ["sparse_categorical_crossentropy"] * 2
    model.compile(
        keras.optimizers.SGD(0.0), losses, metrics={"left": [left], "right": [right]}, **options
    )
    return model


@pytest.mark.parametrize("eager", [False, True])
def test_the_matrices_of_two_outputs_each_keep_their_figures(eager):
    random = np.random.default_rng(0)
    x = random.normal(size=(70, 5)).astype("float32")
    y = random.integers(0, 4, (2, 70))
    model = two_outputs(ConfusionMatrix(NAMES, "l"), ConfusionMatrix(NAMES, "r"), run_eagerly=eager)
    history = model.fit(x, list(y), verbose=0).history
    left, right = (scores.argmax(axis=1) for scores in model.predict(x, verbose=0))
    expected = reference(y[0], left, name="l") | reference(y[1], right, name="r")
    assert {key: history[key][0] for key in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("names", "key"),
    [(("class", "class"), "class_f1_bag"), (("class", "class_f1_x"), "class_f1_x_f1_bag")],
    ids=["one name twice", "names and classes that run together"],
)
def test_two_metrics_with_a_key_in_common_are_refused(names, key):
    left = ConfusionMatrix([*NAMES[:2], "x_f1_bag", "bag"], names[0])
    model = two_outputs(left, ConfusionMatrix(NAMES, names[1]))
    with pytest.raises(ValueError, match=f"reports '{key}', too, .* give each a name of its own"):
        model.fit(np.zeros((4, 5)), [np.zeros(4), np.zeros(4)], verbose=0)


def test_a_class_may_have_the_name_of_a_summary():
    metric = ConfusionMatrix(["macro", "worst", "f1"], "class")
    metric.update_state([0, 0, 1, 2], np.eye(3)[[0, 1, 1, 2]])
    figures = {
        key: float(value) for key, value in metric.result().items() if "f1_" in key or "_f1" in key
    }
    f1 = sklearn_metrics.f1_score([0, 0, 1, 2], [0, 1, 1, 2], average=None)
    each = dict(zip(["class_f1_macro", "class_f1_worst", "class_f1_f1"], f1, strict=True))
    summaries = {"class_macro_f1": f1.mean(), "class_worst_f1": f1.min()}
    others = {
        key: value
        for key, value in figures.items()
        if "f1_" not in key and not key.endswith("e_f1")
    }
    assert {key: figures[key] for key in each | summaries} == pytest.approx(each | summaries)
    assert others.keys() <= {
        "class_macro_f1",
        "class_worst_f1",
        "class_precision_f1",
        "class_recall_f1",
    }


LABELS = [0, 3, 1, 1, 2]


@pytest.mark.parametrize("kind", [bool, list, "uint8", "int64", "float16", "object", "column"])
def test_labels_of_any_kind_that_are_class_numbers_count_alike(kind):
    labels = [1, 0, 1, 1, 0] if kind is bool else LABELS
    given = {list: list(labels), "column": np.array(labels)[:, None]}.get(kind)
    given = np.array(labels).astype(kind) if given is None else given
    scores = np.eye(4)[[1, 0, 1, 2, 2]]
    metric = ConfusionMatrix(NAMES, "class")
    exact = ExactMatch()
    if kind == "object":
        with pytest.raises(ValueError, match="name=class>: y_true is not an array of numbers"):
            metric.update_state(given, scores)
        return
    metric.update_state(given, scores)
    expected = sklearn_metrics.confusion_matrix(labels, scores.argmax(axis=1), labels=range(4))
    np.testing.assert_array_equal(metric.counts, expected)
    binary = (np.ravel(given)[:, None] == [0, 1]).astype(
        kind if kind not in (list, "column") else int
    )
    exact.update_state(binary.tolist() if kind is list else binary, scores[:, :2])
    assert float(exact.result()) == np.mean((binary == (scores[:, :2] > 0.5)).all(axis=1))


def test_fit_takes_truth_values_as_labels():
    x = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
    y = x[:, 0] > 0
    model = still_model(
        "softmax", "sparse_categorical_crossentropy", [ConfusionMatrix(NAMES, "class")]
    )
    history = model.fit(x, y, verbose=0).history
    expected = reference(y, model.predict(x, verbose=0).argmax(axis=1))
    assert {key: history[key][0] for key in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_rows_of_weight_0_count_for_nothing_whatever_their_labels_and_predictions(compiled):
    metric = ConfusionMatrix(NAMES, "class")
    exact = ExactMatch()
    scores = np.eye(4)[[0, 1, 2, 3]]
    weights = np.array([1.0, 0, 2, 0])
    scores[3] = np.nan
    several = np.array([[1, 0, 0, 0], [0, 9, 0, 0], [0, 0, 0, 0], [np.nan, 0, 0, 0]])
    for update, labels in ((metric.update_state, [0, -1, 1, 7]), (exact.update_state, several)):
        step = tf.function(update, jit_compile=True) if compiled else update
        step(tf.constant(labels), tf.constant(scores), tf.constant(weights))
    expected = np.zeros((4, 4))
    expected[0, 0], expected[1, 2] = 1, 2
    np.testing.assert_array_equal(metric.counts, expected)
    assert float(exact.result()) == pytest.approx(1 / 3)


def test_a_prediction_of_nan_makes_the_figures_nan_and_is_not_the_first_class():
    metric = ConfusionMatrix(NAMES, "class")
    exact = ExactMatch()
    scores = np.array([[0.1, np.nan, 0.2, 0.3], [0.7, 0.1, 0.1, 0.1]])
    metric.update_state([0, 0], scores)
    exact.update_state(np.zeros((2, 4)), scores)
    assert all(np.isnan(float(value)) for value in metric.result().values())
    assert np.isnan(float(exact.result()))


def test_both_metrics_stream_inside_a_loop_compiled_by_xla():
    random = np.random.default_rng(1)
    y = random.integers(0, 4, 96)
    scores = random.random((96, 4), dtype="float32")
    several = (random.random((96, 4)) < 0.5).astype("uint8")
    batches = 3
    per_class = ConfusionMatrix(NAMES, "class")
    exact = ExactMatch([0.2, 0.5, 0.7, 0.9])

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
    assert {name: float(value) for name, value in result.items()} == pytest.approx(
        expected, abs=1e-6
    )
    agreed = sklearn_metrics.accuracy_score(several, scores > np.array([0.2, 0.5, 0.7, 0.9]))
    assert float(match) == pytest.approx(agreed, abs=1e-6)


def test_counting_goes_on_where_float32_stops():
    metric = ConfusionMatrix(["no", "yes"], "class")
    metric.counts.assign([[2**24, 0], [0, 0]])
    metric.update_state([0], [[0.9, 0.1]])
    assert int(metric.counts[0, 0]) == 2**24 + 1
    assert np.float32(2**24) + np.float32(1) == 2**24  # what is avoided


@pytest.mark.parametrize(
    "metric", [ConfusionMatrix(NAMES, "class"), ExactMatch([0.1, 0.2]), ExactMatch(0.3)]
)
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
        assert stream(ExactMatch(threshold), y_true, y_pred, weights, batch) == pytest.approx(
            expected, abs=1e-6
        )


@quick
@given(st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_binary_accuracy_of_keras_is_the_hamming_accuracy(rows, seed):
    random = np.random.default_rng(seed)
    y_true = random.integers(0, 2, (rows, 5))
    y_pred = random.random((rows, 5))
    expected = 1 - sklearn_metrics.hamming_loss(y_true, y_pred > 0.5)
    for batch in BATCHES:
        hamming = stream(keras.metrics.BinaryAccuracy(), y_true, y_pred, None, batch)
        assert hamming == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred", "weights", "message"),
    [
        (
            ConfusionMatrix(NAMES, "class"),
            [0, 4],
            np.eye(4)[:2],
            None,
            "label 4 in y_true: must be a whole number from 0 to 3",
        ),
        (
            ConfusionMatrix(NAMES, "class"),
            [-1],
            np.eye(4)[:1],
            None,
            "label -1 in y_true: must be a whole number from 0 to 3",
        ),
        (ConfusionMatrix(NAMES, "class"), [0.5], np.eye(4)[:1], None, "label 0.5 in y_true"),
        (
            ConfusionMatrix(NAMES, "class"),
            [0, 1],
            np.eye(3)[:2],
            None,
            r"y_pred has shape \(2, 3\): must be \(rows, 4\)",
        ),
        (
            ConfusionMatrix(NAMES, "class"),
            np.eye(4),
            np.eye(4),
            None,
            r"y_true has shape \(4, 4\): must be \(4, 1\)",
        ),
        (
            ConfusionMatrix(NAMES, "class"),
            [0, 1, 2],
            np.eye(4),
            None,
            r"y_true has shape \(3,\): must be \(4,\)",
        ),
        (
            ConfusionMatrix(NAMES, "class"),
            [0, 1],
            np.eye(4)[:2],
            [1.0],
            r"sample_weight has shape \(1,\)",
        ),
        (
            ConfusionMatrix(NAMES, "class"),
            [0, np.nan],
            np.eye(4)[:2],
            None,
            "<ConfusionMatrix name=class>: label nan in",
        ),
        (
            ConfusionMatrix(NAMES, "class"),
            ["0", "1"],
            np.eye(4)[:2],
            None,
            "y_true is of type string: must be numbers",
        ),
        (
            ConfusionMatrix(NAMES, "class"),
            np.eye(4),
            np.eye(4),
            None,
            r"one-hot rows pass np.argmax\(y_true, axis=1\)",
        ),
        (
            ExactMatch(),
            [[0, 2]],
            [[0.1, 0.2]],
            None,
            "label 2 in y_true: must be a whole number from 0 to 1",
        ),
        (
            ExactMatch(),
            [[0, 1, 0]],
            [[0.1, 0.2]],
            None,
            r"y_true has shape \(1, 3\): must be \(1, 2\)",
        ),
        (
            ExactMatch(),
            [0, 1],
            [0.1, 0.2],
            None,
            r"y_pred has shape \(2,\): must be \(rows, labels\)",
        ),
        (
            ExactMatch([0.5] * 3),
            [[0, 1]],
            [[0.1, 0.2]],
            None,
            r"y_pred has shape \(1, 2\): must be \(rows, 3\)",
        ),
    ],
)
def test_wrong_shapes_and_labels_are_named(metric, y_true, y_pred, weights, message):
    with pytest.raises(ValueError, match=message):
        metric.update_state(y_true, y_pred, weights)


def test_fit_stops_at_a_label_out_of_range():
    model = still_model("softmax", "mean_squared_error", [ConfusionMatrix(NAMES, "class")])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"(?s)must be a whole number from 0 to 3.*0 9"
    ):
        model.fit(np.zeros((2, 5)), np.array([[0], [9]]), shuffle=False, verbose=0)


def test_a_label_out_of_range_in_a_compiled_step_leaves_no_figure_that_looks_right():
    metric = ConfusionMatrix(NAMES, "class")
    exact = ExactMatch()
    tf.function(metric.update_state, jit_compile=True)(tf.constant([0, 9]), tf.eye(4)[:2])
    tf.function(exact.update_state, jit_compile=True)(tf.constant([[0, 9]]), tf.eye(2)[:1])
    assert all(np.isnan(float(value)) for value in metric.result().values())
    assert np.isnan(float(exact.result()))


@pytest.mark.parametrize("names", [[], ["one"], ["same", "same"]])
def test_class_names_must_be_two_or_more_and_differ(names):
    with pytest.raises(ValueError, match=r"class_names = .*: must be two or more different names"):
        ConfusionMatrix(names, "class")


rounded = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 8)), min_size=1, max_size=30
)  # many ties


@quick
@given(rounded)
def test_scores_equal_scikit_learn_at_every_threshold(rows):
    y_true = np.array(rows)[:, 0]
    probability = np.array(rows)[:, 1] / 8
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
        assert {name: values[place] for name, values in scores.items()} == pytest.approx(
            expected, abs=1e-6
        )


@quick
@given(rounded)
def test_no_threshold_from_0_to_1_beats_the_chosen_one(rows):
    y_true = np.array(rows)[:, 0]
    probability = np.array(rows)[:, 1] / 8
    between = [
        0,
        *(np.arange(8) + 0.5) / 8,
    ]  # one on each side of every probability but 0, which ">" cannot pass
    f1 = [sklearn_metrics.f1_score(y_true, probability > t, zero_division=0) for t in between]
    chosen = choose_threshold(y_true, probability)
    assert sklearn_metrics.f1_score(y_true, probability > chosen, zero_division=0) == pytest.approx(
        max(f1)
    )


@pytest.mark.parametrize("kind", [list, bool, "uint8", "float32", object])
def test_a_threshold_is_chosen_for_labels_of_any_kind(kind):
    y_true = [0, 1, 0, 1]
    probability = [0.1, 0.3, 0.35, 0.8]
    given = y_true if kind is list else np.array(y_true, dtype=kind)
    assert (
        choose_threshold(given, probability)
        == choose_threshold(np.array(y_true), probability)
        == 0.2
    )


def test_half_stays_the_threshold_where_nothing_is_gained():
    assert choose_threshold([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 0.5
    assert (
        choose_threshold([0, 0, 0], [0.1, 0.7, 0.9]) == 0.5
    )  # no positive row: F1 is 0 everywhere


def test_thresholds_of_several_labels_are_chosen_label_by_label():
    y_true = np.array([[0, 0], [0, 1], [1, 1], [1, 1]])
    probability = np.array([[0.1, 0.6], [0.2, 0.7], [0.3, 0.8], [0.4, 0.9]])
    np.testing.assert_allclose(choose_threshold(y_true, probability), [0.25, 0.65])


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 1], [0.2, 0.3]), {"score": "auc"}, "score = 'auc': must be one of precision, recall"),
        (([0, 2], [0.2, 0.3]), {}, "label 2 in y_true: must be 0 or 1"),
        (([0, np.nan], [0.2, 0.3]), {}, "label nan in y_true: must be 0 or 1"),
        ((["0", "1"], [0.2, 0.3]), {}, "label '0' in y_true: must be 0 or 1, as a number"),
        (([0, 1], [[0.2], [0.3]]), {}, r"np.ravel flattens \(rows, 1\)"),
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
    weighted = (
        weight * probability / (weight * probability + (1 - probability))
    )  # never above 1 by rounding
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
