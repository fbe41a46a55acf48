"""Lesson 19's networks against Keras itself, and what the best of several is worth against every draw written out."""

from itertools import combinations

import keras
import numpy as np
import pytest

from course.topics.budget import (
    HIGHEST,
    LOWEST,
    Networks,
    Setting,
    best_of_normal,
    chances_of_best,
    errors_of_halving,
    expected_choice,
    grid_places,
    halve,
    middle_half_of_choice,
    settings_at,
)
from course.training.fast_fit import fast_fit

NARROW = Setting(0.02, 3, 0.1)
WIDE = Setting(0.003, 7, 0.0)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(75, 4)).astype("float32")  # the last batch has 11 rows
    return x, np.sin(x.sum(axis=1))


def in_keras(setting, weights, rows, *, seed, epochs):
    """Weights and error of one network after Keras' own fit."""
    x, y = rows
    layers = [keras.layers.Dense(setting.units, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    optimizer = keras.optimizers.AdamW(setting.learning_rate, setting.weight_decay)
    model.compile(optimizer, loss="mse", jit_compile=False)
    model.set_weights(weights)
    fast_fit(model, seed=seed)
    model.fit(x, y[:, None], batch_size=32, epochs=epochs, verbose=0)
    return model.get_weights(), np.sqrt(model.evaluate(x, y[:, None], verbose=0))


def test_networks_of_two_widths_side_by_side_are_those_that_keras_trains_one_by_one(rows):
    settings, seeds = [NARROW, WIDE], [5, 6]
    networks = Networks(settings, seeds, inputs=4)
    starts = [networks.weights_of(place) for place in (0, 1)]
    errors = networks.train(*rows, epochs=4, judges=[rows])
    assert errors.shape == (1, 2, 4)
    for place, (setting, seed) in enumerate(zip(settings, seeds, strict=True)):
        weights, error = in_keras(setting, starts[place], rows, seed=seed, epochs=4)
        for ours, theirs in zip(networks.weights_of(place), weights, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
        assert errors[0, place, -1] == pytest.approx(error, rel=1e-4)


def test_a_network_does_not_feel_the_others_and_goes_on_when_they_are_left_out(rows):
    together = Networks([NARROW, WIDE], [5, 6], inputs=4)
    together.train(*rows, epochs=2, judges=[])
    together.keep([1])
    together.train(*rows, epochs=3, judges=[])
    alone = Networks([WIDE], [6], inputs=4)
    alone.train(*rows, epochs=5, judges=[])
    for ours, theirs in zip(together.weights_of(0), alone.weights_of(0), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_halving_that_trains_finds_what_halving_of_stored_curves_finds(rows):
    settings = settings_at(np.random.default_rng(1).random((9, 3)))
    seeds = list(range(9))
    in_full = Networks(settings, seeds, inputs=4)
    (curves,) = in_full.train(*rows, epochs=9, judges=[rows])
    networks = Networks(settings, seeds, inputs=4)
    left = np.arange(9)
    spent = 0
    for epochs, count in ((1, 3), (2, 1), (6, 1)):
        (errors,) = networks.train(*rows, epochs=epochs, judges=[rows])
        spent += len(left) * epochs
        kept = np.argsort(errors[:, -1], kind="stable")[:count]
        networks.keep(kept)
        left = left[kept]
    assert halve(curves, 1) == (left[0], spent)
    assert spent == 9 * 1 + 3 * 2 + 1 * 6


def test_first_weights_are_drawn_as_keras_draws_them():
    networks = Networks([Setting(0.1, 60, 0.0)] * 30, range(30), inputs=8)
    kernels = np.stack([networks.weights_of(place)[0] for place in range(30)])
    drawn = keras.initializers.GlorotUniform(seed=0)((8, 60))
    assert np.abs(kernels).max() == pytest.approx(np.abs(drawn).max(), rel=0.02)
    assert kernels.std() == pytest.approx(np.std(drawn), rel=0.06)


def test_settings_lie_between_the_ends_on_a_logarithmic_scale():
    low, middle, high = settings_at([[0, 0, 0], [0.5, 0.5, 0.5], [1, 1, 1]])
    np.testing.assert_allclose(low, LOWEST)
    np.testing.assert_allclose(high, HIGHEST)
    np.testing.assert_allclose(middle, np.sqrt(np.multiply(LOWEST, HIGHEST)))


def test_a_grid_has_every_combination_and_moves_with_its_shift():
    places = grid_places(3, shift=[0, 0.5, 0.9])
    assert len(np.unique(places, axis=0)) == 27
    np.testing.assert_allclose(np.unique(places[:, 1]), [1 / 6, 3 / 6, 5 / 6])
    assert places.min() >= 0
    assert places.max() <= 1


@pytest.mark.parametrize("n", [1, 2, 4, 6])
def test_the_expected_choice_is_the_mean_over_every_draw(n):
    rng = np.random.default_rng(2)
    chosen_by, judged_by = rng.random((2, 6))
    every = [min(draw, key=lambda place: chosen_by[place]) for draw in combinations(range(6), n)]
    found = expected_choice(chosen_by, judged_by, n)
    assert found == pytest.approx(np.mean(judged_by[every]))
    assert chances_of_best(6, n).sum() == pytest.approx(1)


@pytest.mark.parametrize("n", [1, 3, 5])
def test_half_of_all_draws_find_what_lies_in_the_middle_half(n):
    rng = np.random.default_rng(n)
    chosen_by, judged_by = rng.random((2, 7))
    found = [
        judged_by[min(drawn, key=lambda place: chosen_by[place])]
        for drawn in combinations(range(7), n)
    ]
    expected = np.quantile(found, [0.25, 0.75], method="inverted_cdf")
    np.testing.assert_allclose(middle_half_of_choice(chosen_by, judged_by, n), expected)


def test_the_best_of_normal_values_lies_where_tables_and_draws_have_it():
    assert best_of_normal(1) == pytest.approx(0, abs=1e-9)
    assert best_of_normal(2) == pytest.approx(1 / np.sqrt(np.pi))
    assert best_of_normal(10) == pytest.approx(1.53875, abs=1e-5)  # David and Nagaraja
    drawn = np.random.default_rng(3).normal(size=(40_000, 20)).max(axis=1)
    assert best_of_normal(20) == pytest.approx(drawn.mean(), abs=5 * drawn.std() / 200)


def test_halving_keeps_thirds_by_the_epochs_so_far_and_counts_no_epoch_twice():
    curves = np.array([[5, 5, 1.0], [1, 4, 9], [2, 3, 8], [9, 9, 0]])
    assert halve(curves, 1) == (1, 4 + 2)
    assert halve(curves, 3) == (3, 12)
    assert halve(curves[:1], 1) == (0, 3)


@pytest.mark.parametrize("last", range(27, 244))
def test_a_first_cut_after_a_sixth_spends_a_third_of_the_grid_and_no_more(last):
    _, spent = halve(np.random.default_rng(last).random((27, last)), last // 6)
    assert 0.29 < spent / (27 * last) <= 1 / 3


@pytest.mark.parametrize("last", [27, 81])
@pytest.mark.parametrize(("n", "cut", "trainings"), [(27, 1, 3), (81, 1, 9), (81, 3, 21)])
def test_halving_costs_the_trainings_that_the_table_of_budgets_says(n, cut, trainings, last):
    curves = np.random.default_rng(0).random((n, last))
    assert halve(curves, cut * last // 27)[1] == trainings * last


def test_halving_over_draws_of_all_settings_always_finds_its_survivor():
    curves = np.random.default_rng(4).random((9, 9))
    place, _ = halve(curves, 1)
    found = errors_of_halving(curves, 2 * curves, n=9, first=1, draws=3, seed=0)
    assert found == pytest.approx([2 * curves[place, -1]] * 3)
