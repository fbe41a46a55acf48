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
    assert all(np.array_equal(*pair) for pair in zip(weights, again, strict=True))
    assert model.train_function is function
