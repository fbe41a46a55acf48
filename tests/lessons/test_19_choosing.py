"""What lesson 19 states of Keras, of chances and of `course run`, tried on them."""

from itertools import pairwise

import keras
import numpy as np
import pytest

from course.catalog import find
from course.evidence import SIGNIFICANT, sign_test
from course.parameters import check
from course.runs.plan import split
from course.topics.budget import best_of_normal


def small_model():
    layer = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
    model = keras.Sequential([keras.Input((1,)), layer])
    model.compile(keras.optimizers.SGD(0.0), loss="mse", run_eagerly=True)
    return model


class Noted(keras.callbacks.Callback):
    """Notes the loss after every batch, with the metrics reset before it or not."""

    def __init__(self, reset):
        super().__init__()
        self.reset = reset
        self.losses = []

    def on_train_batch_begin(self, batch, logs=None):
        if self.reset:
            self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])


X = np.arange(1, 9, dtype="float32")[:, None]
OWN = [np.mean(X[start : start + 2] ** 2) for start in range(0, 8, 2)]


@pytest.mark.parametrize("reset", [True, False])
def test_a_callback_sees_the_mean_since_the_epoch_began_unless_the_metrics_are_reset(reset):
    noted = Noted(reset)
    small_model().fit(X, 0 * X, batch_size=2, shuffle=False, callbacks=[noted], verbose=0)
    running = np.cumsum(OWN) / np.arange(1, 5)
    np.testing.assert_allclose(noted.losses, OWN if reset else running, rtol=1e-5)


def test_train_on_batch_returns_the_loss_of_its_batch():
    model = small_model()
    found = [model.train_on_batch(X[i : i + 2], 0 * X[i : i + 2]) for i in range(0, 8, 2)]
    np.testing.assert_allclose(found, OWN, rtol=1e-5)


def test_sixty_draws_meet_the_best_twentieth_nineteen_times_in_twenty():
    assert 0.95 < 1 - 0.95**60 < 0.955
    assert 1 - 0.95**58 < 0.95


def test_the_best_of_fifty_normal_errors_lies_about_two_standard_deviations_from_the_mean():
    assert 2 < best_of_normal(50) < 2.5


def test_the_values_that_the_text_gives_to_course_run_are_allowed():
    text = find("19").source.read_text(encoding="utf-8")
    (command,) = [line for line in text.splitlines() if "course run 19 " in line]
    words = command.split()
    given = split(word for before, word in pairwise(words) if before == "-p")
    assert given == {"units": "8,32", "seed": "0..4"}
    allowed = check(find("19").parameters, {"units": "8", "seed": "4", "fast": "true"})
    assert allowed == {"units": 8, "seed": 4, "fast": True}
    assert check(find("19").parameters, {"units": "32"}) == {"units": 32}
    assert '"19.noise"' in text  # the column that the text reads


def test_halving_misses_one_standard_error_and_the_formula_ten_percent_with_some_seeds(full):
    assert full("19.excess_third").high > 1
    assert full("19.ratio_formula").low < 0.9


@pytest.mark.parametrize("name", ["copied_shift", "lowest_over_best", "early_over_best"])
def test_a_rate_that_is_said_to_be_higher_is_so_by_more_than_chance(name, full):
    assert sign_test(np.log(full(f"19.{name}").values)) < SIGNIFICANT


@pytest.mark.parametrize("name", ["flatters", "from_9_to_27", "gain_small"])
def test_what_is_said_to_be_more_is_so_by_more_than_chance(name, full):
    assert full(f"19.{name}").median > 0
    assert sign_test(full(f"19.{name}").values) < SIGNIFICANT


def test_these_seeds_cannot_tell_whether_halving_pays_with_a_budget_of_nine(full):
    assert sign_test(full("19.gain_middle").values) >= SIGNIFICANT


def test_the_training_is_that_of_keras_up_to_rounding_but_where_a_relu_flips(full):
    differences = 10.0 ** np.array(full("19.from_keras").values)
    assert np.mean(differences < 1e-5) > 0.9
    assert differences.max() < 0.01


def test_pairs_need_fewer_seeds_where_errors_rise_and_fall_together_and_more_where_they_do_not(
    full,
):
    """The two counts differ by the correlation alone, up to rounding up and the limit of the count."""
    names = ("19.correlation", "19.needed", "19.needed_in_pairs")
    for together, with_own, in_pairs in zip(*(full(name).values for name in names), strict=True):
        assert (with_own - in_pairs) * together >= 0
