"""What lesson 18 says of Keras beside what its cells show, its rates beside Keras' own, and its directions."""

import keras
import numpy as np
import pytest
from keras import layers
from scipy.spatial.distance import pdist

from course.authoring.source import read
from course.evidence import SIGNIFICANT, sign_test

GRADIENTS = [np.array([3.0, 0.0], "float32"), np.array([[0.0], [4.0]], "float32")]


def from_the_lesson(name, **names):
    """Return the function `name` as the lesson's cell defines it."""
    (cell,) = [
        cell.source
        for cell in read("18_deep_networks").cells
        if f"def {name}(" in cell.source and "wrong" not in cell.tags
    ]
    exec(cell, names)
    return names[name]


def step(**options):
    """How far SGD at a rate of 1 moves weights with the gradients above."""
    optimizer = keras.optimizers.SGD(1.0, **options)
    weights = [keras.Variable(np.zeros_like(each)) for each in GRADIENTS]
    optimizer.apply(GRADIENTS, weights)
    return [-each.numpy() for each in weights]


def test_a_dense_layer_begins_with_glorot_s_rule():
    assert isinstance(layers.Dense(1).kernel_initializer, keras.initializers.GlorotUniform)


def test_clipping_all_together_keeps_the_direction_and_clipping_each_array_changes_it():
    together = step(global_clipnorm=2.5)
    for found, given in zip(together, GRADIENTS, strict=True):
        np.testing.assert_allclose(found, given / 2, rtol=1e-5)
    each = np.concatenate([np.ravel(part) for part in step(clipnorm=2.5)])
    np.testing.assert_allclose(each, [2.5, 0, 0, 2.5], rtol=1e-5)


def test_the_exercise_clips_as_keras_does():
    clip_together = from_the_lesson("clip_together", np=np)
    for limit in (0.5, 2.5, 20.0):
        for ours, keras_own in zip(
            clip_together(GRADIENTS, limit), step(global_clipnorm=limit), strict=True
        ):
            np.testing.assert_allclose(ours, keras_own, rtol=1e-5)


@pytest.mark.parametrize(("warmup", "total"), [(1, 2), (10, 50), (49, 50)])
def test_the_steps_of_the_decay_come_after_those_of_the_warm_up(warmup, total):
    rate_at = from_the_lesson("rate_at", np=np)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, total - warmup, warmup_target=0.2, warmup_steps=warmup
    )
    for number in range(total + 3):
        assert float(schedule(number)) == pytest.approx(
            rate_at(number, warmup, total, 0.2), abs=1e-6
        )


def test_batch_normalization_keeps_averages_with_a_momentum_of_99_percent_and_layer_normalization_none():
    batch, layer = layers.BatchNormalization(), layers.LayerNormalization()
    for each in (batch, layer):
        each.build((None, 3))
    assert batch.momentum == 0.99
    assert len(batch.non_trainable_weights) == 2
    assert layer.non_trainable_weights == []
    assert [tuple(each.shape) for each in layer.trainable_weights] == [(3,), (3,)]


def test_gradients_left_over_stay_and_batches_are_not_weighed_by_their_rows():
    optimizer = keras.optimizers.SGD(1.0, gradient_accumulation_steps=2)
    weight = keras.Variable([0.0])
    moved = []
    for gradient in (1.0, 3.0, 5.0, 7.0):
        optimizer.apply([np.array([gradient], "float32")], [weight])
        moved.append(-float(weight[0]))
    assert moved == [0.0, 2.0, 2.0, 8.0]


@pytest.mark.parametrize("bits", ["float16", "bfloat16"])
def test_sixteen_bits_change_the_loss_by_less_than_two_seeds_typically_differ(bits, full):
    between_seeds = pdist(np.array(full("18.loss_float32").values)[:, None])
    changed = np.abs(full(f"18.loss_{bits}").values)
    assert changed.max() < np.median(between_seeds)


def test_clipped_large_weights_are_still_worse_than_guessing_with_every_seed(full):
    assert full("18.clipped_last").low > np.log(10)


def test_the_cosine_helps_with_most_seeds_and_what_a_warm_up_adds_has_either_sign(full):
    cosine, warmup = (np.array(full(f"18.{name}").values) for name in ("cosine", "warmup"))
    assert np.median(cosine) > 0
    assert sign_test(cosine) < SIGNIFICANT < sign_test(warmup)


@pytest.mark.parametrize("remedy", ["he", "residual", "batch", "layer"])
def test_each_remedy_reads_more_than_the_plain_network_with_every_seed(remedy, full):
    gained = np.array(full(f"18.best_{remedy}").values) - full("18.best_glorot").values
    assert gained.min() > 0
    assert sign_test(gained) < SIGNIFICANT


@pytest.mark.parametrize(("scale", "least", "most"), [(2.0, 2.0, np.inf), (2 / 20, 1.19, 1.29)])
def test_a_residual_layer_lets_the_mean_square_grow_by_so_much(scale, least, most):
    """It more than doubles with He's rule, and grows by 19 to 29% with small branches."""
    rng = np.random.default_rng(0)
    growth = np.zeros(19)
    for _ in range(100):
        x = np.maximum(rng.normal(size=(64, 64)), 0)
        for layer in range(19):
            weights = rng.normal(0, np.sqrt(scale / 64), size=(64, 64))
            after = x + np.maximum(x @ weights, 0)
            growth[layer] += np.mean(after**2) / np.mean(x**2) / 100
            x = after
    assert least < growth.min()
    assert growth.max() < most
