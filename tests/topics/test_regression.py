"""What lesson 02 trains in one compiled network is what Keras trains in a new one; its figures tell what NumPy does."""

import keras
import numpy as np
import pytest

from course import figure
from course.topics import regression
from course.training.batches import shuffled_batches


@pytest.fixture
def shown(monkeypatch):
    """What is shown: figure, title and alt text of each drawing."""
    calls = []
    monkeypatch.setattr(figure, "show", lambda *call: calls.append(call))
    return calls


def test_every_fold_is_a_dot_and_every_mean_is_written(shown):
    errors = {"line": [3.0, 3.5, 4.1], "network": [2.0, 2.25, 3.0]}
    regression.fold_errors_plot(errors, title="Errors", label="error (mpg)")
    picture, _, alt = shown[0]
    dots = [line for line in picture.axes[0].lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == list(errors.values())
    written = [text.get_text() for text in picture.axes[0].texts]
    assert written == [f"{np.mean(values):.2f}" for values in errors.values()]
    assert "network: mean 2.42, 3 folds from 2.00 to 3.00." in alt


def test_the_sketch_of_a_step_names_its_parts(shown):
    regression.step_sketch("A step")
    picture, _, alt = shown[0]
    written = {text.get_text() for text in picture.axes[0].texts}
    for part in ("model", "loss", "optimizer", "gradient"):
        assert part in written
        assert part in alt


def compiled(network, steps):
    """A network of the same layers, ready to train."""
    model = keras.models.clone_model(network)
    rate = keras.optimizers.schedules.CosineDecay(0.1, 3 * steps)
    model.compile(keras.optimizers.Adam(rate), "mse", jit_compile=False)
    return model


def test_each_fit_in_one_compiled_network_is_that_of_a_network_of_its_own():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.normal(size=20)
    layers = [keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)]
    trainee = compiled(keras.Sequential(layers), steps=3)
    for first in (1, 2):
        keras.utils.set_random_seed(first)
        network = keras.models.clone_model(trainee)
        alone = compiled(network, steps=3)
        alone.set_weights(network.get_weights())
        batches, same = (shuffled_batches(X, y, batch_size=8, seed=4) for _ in range(2))
        found = regression.train_in(trainee, network, batches, epochs=3)
        expected = alone.fit(same.repeat(), epochs=3, steps_per_epoch=3, shuffle=False, verbose=0)
        assert found == expected.history["loss"]
        for mine, theirs in zip(network.get_weights(), alone.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
