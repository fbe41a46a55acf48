"""Lesson 13: many networks trained and asked at once, and averages over the weights that a training passes through.

Two ideas. The weights of k dense networks fit into the arrays of one with a further axis in front, and NumPy's matrix
product works through it: k networks cost one call a layer. And an average needs no stored snapshots: each new one
moves it a share of the way towards itself, and the shares alone decide what it is.
Stacked weights are lists in Keras' order: kernels (members, inputs, units) and biases (members, 1, units) by turns.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike
from numpy.typing import NDArray as Array

Weights = list[Array]


def equal(count: int) -> float:
    """Share of snapshot `count` (from 1) in an average that weighs all alike."""
    return 1 / count


def linear(count: int) -> float:
    """Share of snapshot `count` where the weights are 1, 2, ..., count."""
    return 2 / (count + 1)


def exponential(count: int, *, horizon: float = 2.0) -> float:
    """Share of snapshot `count` where each weight is exp(-1 / horizon) of the next, newer one."""
    return float(np.expm1(-1 / horizon) / np.expm1(-count / horizon))


class RunningAverage:
    """The weighted average of all weights seen so far, in constant memory; `share(count)` is the newest one's share."""

    def __init__(self, share: Callable[[int], float] = equal) -> None:
        self.share = share
        self.count = 0
        self.weights: Weights = []

    def update(self, snapshot: Sequence[ArrayLike]) -> None:
        """Take in one snapshot, such as `model.get_weights()`. Raises ValueError for shapes unlike the first's."""
        arrays = [np.asarray(array, dtype=float) for array in snapshot]
        if not self.weights:
            self.weights = [np.zeros_like(array) for array in arrays]
        shapes = [array.shape for array in arrays]
        expected = [array.shape for array in self.weights]
        if shapes != expected:
            raise ValueError(
                f"snapshot has shapes {shapes}: must be those of the first, {expected}"
            )
        self.count += 1
        share = self.share(self.count)
        for average, array in zip(self.weights, arrays, strict=True):
            average += share * (array - average)


def at_best_length(validation: ArrayLike, test: ArrayLike) -> Array:
    """Return each run's `test` accuracy at the length that is best for it on `validation`: both (lengths, runs)."""
    best = np.argmax(validation, axis=0, keepdims=True)
    return np.take_along_axis(np.asarray(test), best, axis=0)[0]


def stack(networks: Sequence[Sequence[ArrayLike]]) -> Weights:
    """Put the weights of dense networks, each as from `get_weights()`, behind one axis of members."""
    arrays = [np.stack(same) for same in zip(*networks, strict=True)]
    return [array[:, None] if place % 2 else array for place, array in enumerate(arrays)]


def member(weights: Weights, number: int) -> Weights:
    """Take out one network, in the shapes that `set_weights` expects."""
    return [array[number, 0] if place % 2 else array[number] for place, array in enumerate(weights)]


def initialize(members: int, widths: Sequence[int], rng: Generator) -> Weights:
    """Draw kernels as Keras does (Glorot, Bengio, 2010, equation 16), biases 0, for layers of the given `widths`."""
    weights: Weights = []
    for inputs, units in pairwise(widths):
        limit = np.sqrt(6 / (inputs + units))
        kernel = rng.uniform(-limit, limit, (members, inputs, units))
        bias = np.zeros((members, 1, units))
        weights += [kernel, bias]
    return weights


def predict(weights: Weights, x: Array) -> Array:
    """Return probabilities (members, rows, classes) for `x`, (rows, inputs) or one such array a member.
    Hidden layers are ReLU, the last is softmax. Their mean over the first axis is the ensemble's prediction.
    """
    return _forward(weights, x)[-1]


def train(
    weights: Weights,
    x: Array,
    y: Array,
    rng: Generator,
    *,
    learning_rates: Sequence,
    batch_size: int,
    momentum: float,
) -> Iterator[Weights]:
    """Train all members on cross-entropy by SGD, in place; give the weights, not a copy, after each epoch.

    `x` (members, rows, inputs), `y` (members, rows) classes; one learning rate an epoch; each member has its own order.
    """
    members, count = y.shape
    rows = np.tile(np.arange(count), (members, 1))
    every_member = np.arange(members)[:, None]
    classes = weights[-1].shape[-1]
    targets = np.eye(classes)[y]
    velocities = [np.zeros_like(array) for array in weights]
    for rate in learning_rates:
        order = rng.permuted(rows, axis=1)
        for start in range(0, count, batch_size):
            batch = every_member, order[:, start : start + batch_size]
            gradients = _gradients(weights, x[batch], targets[batch])
            for array, velocity, gradient in zip(weights, velocities, gradients, strict=True):
                velocity[:] = momentum * velocity - rate * gradient
                array += velocity
        yield weights


def _forward(weights: Weights, x: Array) -> list[Array]:
    """Return the input of each layer, then the probabilities."""
    layers = [x]
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        sums = layers[-1] @ kernel + bias
        layers.append(np.maximum(sums, 0))
    scores = np.exp(sums - sums.max(axis=-1, keepdims=True))
    return [*layers[:-1], scores / scores.sum(axis=-1, keepdims=True)]


def _gradients(weights: Weights, x: Array, targets: Array) -> Weights:
    """Gradients of each member's mean cross-entropy, in the order of the weights."""
    *inputs, probabilities = _forward(weights, x)
    error = (probabilities - targets) / x.shape[-2]
    gradients: Weights = []
    for kernel, received in zip(weights[-2::-2], inputs[::-1], strict=True):
        of_kernel = received.swapaxes(-1, -2) @ error
        of_bias = error.sum(axis=-2, keepdims=True)
        gradients = [of_kernel, of_bias, *gradients]
        error = (error @ kernel.swapaxes(-1, -2)) * (received > 0)
    return gradients
