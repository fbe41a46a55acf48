"""What relates the results of lesson 02, seed by seed, and what it states of Keras; limits stand in the lesson."""

import warnings

import keras
import numpy as np
from sklearn.base import clone

from course.evidence import SIGNIFICANT, sign_test


def test_with_every_seed_the_line_the_logarithm_and_the_network_come_in_this_order(full):
    line, logarithm, network = (
        np.array(full(f"02.rmse_{name}").values) for name in ("line", "log_line", "network")
    )
    assert (line > logarithm).all()
    assert (logarithm > network).all()


def test_with_every_seed_each_model_looks_better_when_split_by_row(full):
    for model in ("boosting", "network"):
        by_row, by_mixture = (
            np.array(full(f"02.{model}_split_by_{part}").values) for part in ("row", "mixture")
        )
        assert (by_mixture > by_row).all()


def test_with_most_seeds_some_of_the_head_start_is_left_at_the_end(full):
    assert full("02.unscaled_minus_scaled").median > 0
    assert sign_test(full("02.unscaled_minus_scaled").values) < SIGNIFICANT


def test_a_clone_of_keras_wrapper_trains_for_one_epoch_without_a_warning():
    def build(X, y):
        model = keras.Sequential([keras.Input((X.shape[1],)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    wrapped = keras.wrappers.SKLearnRegressor(build, fit_kwargs={"epochs": 3, "verbose": 0})
    X, y = np.zeros((8, 2), "float32"), np.zeros(8, "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        epochs = [
            len(each.fit(X, y).history_.history["loss"]) for each in (clone(wrapped), wrapped)
        ]
    assert epochs == [1, 3]


def test_keras_logs_the_mean_of_the_loss_during_a_pass():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    model.set_weights([np.zeros((1, 1))])
    x, y = np.ones((2, 1)), np.ones((2, 1))
    history = model.fit(x, y, batch_size=1, shuffle=False, verbose=0)
    losses = [1.0, (1 - 0.2) ** 2]  # by hand: weight 0, then 0.2
    np.testing.assert_allclose(history.history["loss"], [np.mean(losses)], rtol=1e-5)
