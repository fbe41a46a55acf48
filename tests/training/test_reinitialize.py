"""A model taken back against one built anew: not one bit may differ."""

import functools

import keras
import numpy as np
import pytest

from course.training.reinitialize import reinitialize

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4)).astype("float32")
TRAINING = X, (X[:, 0] + rng.normal(size=50) > 0).astype("int32")


@pytest.mark.parametrize(
    "optimizer", [keras.optimizers.Adam, functools.partial(keras.optimizers.SGD, momentum=0.9)]
)
def test_a_reinitialized_model_trains_as_one_built_anew_from_the_same_seed(optimizer):
    def trained(model):
        return model.fit(*TRAINING, epochs=2, batch_size=10, verbose=0).history, model.get_weights()

    def compiled(seed):
        keras.utils.set_random_seed(seed)
        hidden = [keras.layers.Dense(6, "relu"), keras.layers.BatchNormalization(momentum=0.9)]
        model = keras.Sequential(
            [keras.Input((4,)), *hidden, keras.layers.Dropout(0.5), keras.layers.Dense(2)]
        )
        model.compile(optimizer(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    expected, weights = trained(compiled(seed=5))
    model = compiled(seed=7)
    trained(model)
    function = model.train_function
    found, again = trained(reinitialize(model, seed=5))
    assert trained(reinitialize(compiled(seed=9), seed=5))[0] == expected  # never trained before
    assert found == expected
    assert trained(reinitialize(model, seed=6))[0] != expected
    assert trained(reinitialize(model, seed=5))[0] == expected  # from the values that were kept
    assert all(np.array_equal(*pair) for pair in zip(weights, again, strict=True))
    assert model.train_function is function


def test_what_is_made_after_it_draws_alike_whether_the_values_were_drawn_or_kept():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6), keras.layers.Dropout(0.5)])
    model.compile("sgd", "mse")

    def layer_made_after():
        reinitialize(model, seed=3)
        layer = keras.layers.Dense(2)
        layer.build((None, 4))
        return np.asarray(layer.kernel), np.random.random()

    (drawn, number), (kept, again) = layer_made_after(), layer_made_after()
    np.testing.assert_array_equal(drawn, kept)
    assert number == again


def test_the_learning_rate_stays_as_it_is():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    for rate in (0.2, 0.3):
        model.optimizer.learning_rate = rate
        assert float(reinitialize(model, seed=0).optimizer.learning_rate) == np.float32(rate)


def test_what_a_layer_took_from_data_stays():
    scale = keras.layers.Normalization()
    scale.adapt(X)
    model = keras.Sequential([keras.Input((4,)), scale, keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    before = keras.ops.convert_to_numpy(scale(X))
    reinitialize(model, seed=1)
    reinitialize(model, seed=1)  # from the values that were kept
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(scale(X)), before)
    assert abs(before.mean()) < 1e-6  # scaled at all


def test_weights_that_are_trained_are_drawn_anew_in_a_layer_that_has_adapt_as_well():
    class Adapter(keras.layers.Dense):
        def adapt(self, data):
            """Nothing."""

    model = keras.Sequential([keras.Input((4,)), Adapter(2)])
    model.compile("sgd", "mse")
    first = reinitialize(model, seed=1).get_weights()
    model.set_weights([weights + 1 for weights in first])
    for ours, expected in zip(reinitialize(model, seed=1).get_weights(), first, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_a_model_without_weights_is_refused():
    model = keras.Sequential([keras.layers.Dense(2)], name="late")
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"late: has no weights yet; begin it with keras\.Input"):
        reinitialize(model, seed=1)
