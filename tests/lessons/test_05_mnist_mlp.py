"""What lesson 05 says of several results together, seed by seed on the stored values, and what it says of Keras."""

import inspect

import keras
import numpy as np
import pytest
from numpy.testing import assert_allclose

from course.evidence import SIGNIFICANT, sign_test
from course.training.fast_fit import fast_fit

LABELS = np.array([7, 0, 9])
PROBABILITIES = np.random.default_rng(0).dirichlet(np.ones(10), 3).astype("float32")


def test_the_order_of_the_five_networks_is_the_same_with_every_seed(full):
    names = ("none", "hidden", "hidden_larger_step", "hidden_rmsprop", "hidden_adam")
    for none, hidden, larger, rmsprop, adam in zip(
        *(full(f"05.{name}").values for name in names), strict=True
    ):
        assert none < hidden < larger < min(rmsprop, adam)


def test_every_seed_ends_above_the_books_second_network(full):
    assert min(full("05.as_published").values) > 0.9463


def test_dropout_is_behind_at_first_and_in_the_end_these_runs_cannot_tell(full):
    early = full("05.dropout_early")
    assert early.median < 0
    assert sign_test(early.values) < SIGNIFICANT
    assert sign_test(full("05.dropout_late").values) >= SIGNIFICANT


def test_the_chosen_recipe_reads_984_of_1000_test_digits_with_every_seed(full):
    assert min(full("05.test_accuracy").values) >= 0.984


def test_labels_as_whole_numbers_and_as_ten_zeros_and_ones_have_the_same_loss():
    sparse = keras.losses.sparse_categorical_crossentropy(LABELS, PROBABILITIES)
    one_hot = keras.losses.categorical_crossentropy(np.eye(10)[LABELS], PROBABILITIES)
    assert_allclose(sparse, one_hot, rtol=1e-6)


def test_the_loss_with_label_smoothing_does_the_same_as_smoothing_the_labels():
    smoothing = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    smoothed = 0.9 * np.eye(10)[LABELS] + 0.1 / 10
    by_hand = keras.losses.categorical_crossentropy(smoothed, PROBABILITIES)
    assert_allclose(smoothing(np.eye(10)[LABELS], PROBABILITIES), np.mean(by_hand), rtol=1e-6)


def test_the_default_rate_is_001_for_sgd_and_0001_for_rmsprop_and_adam():
    rates = [
        float(kind().learning_rate)
        for kind in (keras.optimizers.SGD, keras.optimizers.RMSprop, keras.optimizers.Adam)
    ]
    assert rates == pytest.approx([0.01, 0.001, 0.001])


def test_dropout_divides_the_units_that_stay_by_seven_tenths_and_drops_nothing_in_use():
    layer, x = keras.layers.Dropout(0.3, seed=0), np.ones((200, 50), "float32")
    trained = np.asarray(layer(x, training=True))
    assert_allclose(np.unique(trained), [0, 1 / 0.7], rtol=1e-6)
    assert np.mean(trained == 0) == pytest.approx(0.3, abs=0.02)
    assert np.array_equal(layer(x, training=False), x)


def test_cosine_decay_warms_up_in_a_straight_line_and_falls_along_half_a_cosine():
    rate = keras.optimizers.schedules.CosineDecay(
        0.1, decay_steps=40, warmup_target=1.1, warmup_steps=10
    )
    found = [float(rate(step)) for step in range(51)]
    assert_allclose(found[:11], 0.1 + np.arange(11) / 10, rtol=1e-5)
    assert_allclose(found[10:], 1.1 * (1 + np.cos(np.pi * np.arange(41) / 40)) / 2, atol=1e-6)


def network(**settings):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", **settings)
    return model


def test_validation_data_compile_a_second_program():
    x, y = np.ones((4, 2)), np.ones((4, 1))
    programs = []
    for validation in (None, (x, y)):
        model = network()
        model.fit(x, y, validation_data=validation, verbose=0)
        programs.append(model.test_function is not None)
    assert programs == [False, True]


@pytest.mark.parametrize(("steps", "returns"), [(1, 6), (3, 2)])
def test_plain_fit_returns_to_python_after_every_batch_or_after_steps_per_execution(steps, returns):
    class Count(keras.callbacks.Callback):
        calls = 0

        def on_train_batch_end(self, batch, logs=None):
            self.calls += 1

    count = Count()
    model = network(steps_per_execution=steps)
    model.fit(np.ones((6, 2)), np.ones((6, 1)), batch_size=1, verbose=0, callbacks=[count])
    assert count.calls == returns


def test_fast_fit_draws_the_line_at_1000_steps():
    assert inspect.signature(fast_fit).parameters["xla_from"].default == 1_000
