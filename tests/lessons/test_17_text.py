"""Lesson 17: what it states of Keras and scikit-learn, tried on them, with cases worked out by hand."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from course.authoring.source import read
from course.data import table
from course.evidence import SIGNIFICANT, sign_test
from course.topics.text import split_by_family

TOKENS = np.array([[3, 1, 4, 0, 0], [2, 0, 0, 0, 0]])
UNKNOWN = (TOKENS == 1)[..., None].astype("float32")


def from_the_lesson(name, **names):
    """Return the function `name` as the lesson's cell defines it."""
    cells = [cell for cell in read("17_text").cells if f"def {name}(" in cell.source]
    (cell,) = [cell for cell in cells if "wrong" not in cell.tags]
    exec(cell.source, names)
    return names[name]


def test_text_becomes_ranks_0_is_padding_and_1_every_other_word():
    vectorize = layers.TextVectorization(4, output_sequence_length=4)
    vectorize.adapt(np.array(["mail mail game", "Mail, game!"]))
    assert vectorize.get_vocabulary() == ["", "[UNK]", "mail", "game"]
    found = np.asarray(vectorize(np.array(["A GAME: mail"])))
    assert found.tolist() == [[1, 3, 2, 0]]


def test_the_string_accuracy_is_categorical_accuracy_on_rows_of_tags():
    labels = np.array([[1, 0, 1], [0, 1, 1]], "float32")
    model = keras.Sequential([keras.Input((3,)), layers.Activation("linear")])
    model.compile(loss="mse", metrics=["accuracy"], run_eagerly=True)
    found = model.evaluate(np.zeros((2, 3)), labels, verbose=0, return_dict=True)
    assert found["accuracy"] == 0.5


def test_the_exercise_weighs_words_as_scikit_learn_does():
    weigh = from_the_lesson("tf_idf", np=np)
    counts = np.random.default_rng(0).poisson(0.7, (30, 8))
    expected = TfidfTransformer().fit_transform(counts).toarray()
    np.testing.assert_allclose(weigh(counts), expected)


@pytest.mark.parametrize("layer", [layers.Conv1D(2, 3), layers.GlobalMaxPooling1D()])
def test_convolution_and_maximum_know_no_masks(layer):
    assert not layer.supports_masking


def marker(*between):
    always_no = {"kernel_initializer": "zeros", "bias_initializer": "zeros"}
    first = [keras.Input((None,)), layers.Embedding(9, 2, mask_zero=True)]
    model = keras.Sequential([*first, *between, layers.Dense(1, "sigmoid", **always_no)])
    model.compile(loss="binary_crossentropy", metrics=["binary_accuracy"], run_eagerly=True)
    return model


def accuracy(model, **arguments):
    logs = model.evaluate(TOKENS, UNKNOWN, verbose=0, return_dict=True, **arguments)
    return logs["binary_accuracy"]


def test_metrics_leave_out_what_is_masked_until_a_convolution_loses_the_mask():
    """Of 4 words 3 are known; with 6 zeros, 9 of 10 places are."""
    assert accuracy(marker()) == pytest.approx(3 / 4)
    with pytest.warns(UserWarning, match="does not support masking"):
        convolved = marker(layers.Conv1D(2, 3, padding="same"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert accuracy(convolved) == pytest.approx(9 / 10)
        is_word = (TOKENS != 0).astype("float32")
        assert accuracy(convolved, sample_weight=is_word) == pytest.approx(9 / 10)
        convolved.compile(
            loss="binary_crossentropy", weighted_metrics=["binary_accuracy"], run_eagerly=True
        )
        assert accuracy(convolved, sample_weight=is_word) == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    ("metric", "of_words", "of_all_places"),
    [
        ("binary_accuracy", 1 / 2, 1 / 2),  # a mean over the outputs: the mask reaches it
        ("precision", 1 / 2, 3 / 4),
        ("recall", 1 / 2, 3 / 4),
        ("auc", 3 / 4, 5 / 8),
    ],
)
def test_precision_recall_and_auc_of_keras_count_padding_though_the_mask_is_intact(
    metric, of_words, of_all_places
):
    """What the lesson says of Keras' masks. Sample weights cure it. Worked out by hand: four words and two zeros."""
    embedding = layers.Embedding(5, 1, mask_zero=True)
    model = keras.Sequential([keras.Input((None,)), embedding])
    embedding.set_weights([np.array([[0.6], [0.9], [0.8], [0.4], [0.2]])])
    tokens = np.array([[1, 2, 3, 4, 0, 0]])
    labels = np.array([[1, 0, 1, 0, 1, 1]])[..., None]

    def reported(kind, weights=None):
        model.compile(loss="binary_crossentropy", run_eagerly=True, **{kind: [metric]})
        return model.evaluate(tokens, labels, sample_weight=weights, verbose=0)[1]

    assert reported("metrics") == pytest.approx(of_all_places)
    assert reported("weighted_metrics", tokens != 0) == pytest.approx(of_words)


@pytest.mark.parametrize(("heads", "size"), [(1, 4), (2, 3), (3, 5)])
def test_attention_in_numpy_is_keras_also_with_biases_and_padding(heads, size):
    parts = {name: from_the_lesson(name, np=np) for name in ("softmax", "project")}
    attend = from_the_lesson("attend", np=np, **parts)
    rng = np.random.default_rng(heads)
    x = rng.normal(size=(2, 5, 6)).astype("float32")
    block = layers.MultiHeadAttention(heads, size)
    block(x, x)
    block.set_weights([rng.normal(size=weight.shape) for weight in block.get_weights()])
    is_word = TOKENS != 0
    theirs, their_read = block(x, x, attention_mask=is_word[:, None], return_attention_scores=True)
    ours, read_weights = attend(x, is_word, block.get_weights())
    np.testing.assert_allclose(ours, theirs, atol=1e-5 * np.abs(ours).max())
    np.testing.assert_allclose(read_weights, their_read, atol=1e-5)
    np.testing.assert_allclose(read_weights.sum(axis=-1), 1)


def test_every_checked_tag_is_one_that_the_volunteers_did_not_give():
    programs = table("debian_programs").set_index("program")["tags"].str.split("|")
    checked = table("debian_checked")
    assert set(checked["applies"]) == {"yes", "no", "unclear"}
    every_tag = {tag for tags in programs for tag in tags}
    for _, row in checked.iterrows():
        assert row["tag"] in every_tag - set(programs[row["program"]])


def test_every_checked_tag_is_a_false_alarm_of_the_linear_model():
    programs = table("debian_programs")
    labels = programs["tags"].str.get_dummies("|")
    train, _, test = split_by_family(programs["program"], seed=0)
    linear = from_the_lesson(
        "linear_model",
        TfidfVectorizer=TfidfVectorizer,
        LogisticRegression=LogisticRegression,
        OneVsRestClassifier=OneVsRestClassifier,
        make_pipeline=make_pipeline,
    )()
    linear.fit(programs["text"].iloc[train], labels.iloc[train].to_numpy())
    alarms = linear.predict_proba(programs["text"].iloc[test]) > 0.5
    false_alarms = pd.DataFrame(
        alarms & (labels.iloc[test] == 0).to_numpy(),
        index=programs["program"].iloc[test],
        columns=labels.columns,
    )
    for _, row in table("debian_checked").iterrows():
        assert false_alarms.loc[row["program"], row["tag"]]


@pytest.mark.parametrize("model", ["convolution", "dense", "three"])
def test_in_average_precision_networks_are_below_the_linear_model_with_every_seed(model, full):
    assert full(f"17.ap_{model}").high < 0
    assert sign_test(full(f"17.ap_{model}").values) < SIGNIFICANT


def test_the_mean_of_all_is_above_the_linear_model_in_average_precision_with_every_seed(full):
    assert full("17.ap_everyone").low > 0
    assert sign_test(full("17.ap_everyone").values) < SIGNIFICANT


def test_the_best_networks_miss_the_line_of_the_plan_with_some_seeds(full):
    assert full("17.dense_gain").low < -0.02
    assert full("17.three_gain").low < -0.02


@pytest.mark.parametrize("gain", ["dense_gain", "three_gain", "attention_gain", "gain_high"])
def test_macro_f1_is_below_with_most_seeds_and_not_with_all(gain, full):
    values = full(f"17.{gain}").values
    assert np.median(values) < 0 < max(values)
    assert sign_test(values) < SIGNIFICANT


@pytest.mark.parametrize("gain", ["mask_gain", "everyone_gain"])
def test_macro_f1_is_above_with_most_seeds_and_not_with_all(gain, full):
    values = full(f"17.{gain}").values
    assert min(values) < 0 < np.median(values)
    assert sign_test(values) < SIGNIFICANT


def test_most_of_what_the_convolution_lacks_the_network_on_tf_idf_has_with_most_seeds(full):
    lacks = -np.array(full("17.gain").values)
    beyond_half = np.array(full("17.dense_over_convolution").values) - lacks / 2
    assert np.median(beyond_half) > 0
    assert sign_test(beyond_half) < SIGNIFICANT


def test_what_try_next_says_of_places_and_averages_can_be_run():
    token = keras.Input((None,), dtype="int32")
    place = keras.ops.cumsum(keras.ops.ones_like(token), axis=1) - 1
    vectors = layers.Embedding(9, 4)(token) + layers.Embedding(5, 4)(place)
    model = keras.Model(token, layers.GlobalAveragePooling1D()(vectors))
    assert len(model.trainable_weights) == 2
    numbered = keras.Model(token, place)
    assert np.asarray(numbered(TOKENS)).tolist() == [[0, 1, 2, 3, 4]] * 2
