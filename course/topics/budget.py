"""Lesson 19: networks trained side by side, settings drawn from a space, and what the best of several tries is worth.

A search trains hundreds of small networks, and for networks this small `fit` spends nearly all of its time outside
the arithmetic. Here the arrays have one more axis, that of the networks: one product of matrices takes a step in all
of them. Each still has its own initial weights, rate, width and order of rows, and never feels the others. A network
with fewer units than the widest is filled up with units whose weights are 0; their gradients are 0, so they stay so.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from course.training.order import epoch_order

BATCH = 32
MOMENTS = (0.9, 0.999)  # Keras' defaults of Adam, as is the next
EPSILON = 1e-7


class Setting(NamedTuple):
    """What is chosen before a training: the rate of AdamW, hidden units, and its weight decay."""

    learning_rate: float
    units: int
    weight_decay: float


LOWEST = Setting(1e-4, 4, 1e-4)
HIGHEST = Setting(1.0, 64, 1.0)


def settings_at(places: ArrayLike) -> list[Setting]:
    """Return settings at `places` (settings, 3), each from 0 to 1 between LOWEST and HIGHEST on a logarithmic scale."""
    low, high = np.log(LOWEST), np.log(HIGHEST)
    values = np.exp(low + np.asarray(places) * (high - low))
    return [Setting(rate, round(units), decay) for rate, units, decay in values.tolist()]


def grid_places(steps: int, shift: ArrayLike) -> NDArray:
    """Return the places (steps ** 3, 3) of a grid; `shift` (3,), from 0 to 1, is where in its cell each axis begins."""
    axes = [(np.arange(steps) + start) / steps for start in np.asarray(shift)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


class Networks:
    """Networks with one hidden layer of ReLUs, trained side by side by AdamW on the mean squared error."""

    def __init__(self, settings: Sequence[Setting], seeds: Sequence[int], *, inputs: int) -> None:
        self.seeds = list(seeds)
        self.rate = _columns([setting.learning_rate for setting in settings])
        self.decay = _columns([setting.weight_decay for setting in settings])
        self.units = [setting.units for setting in settings]
        self.epochs = 0
        self.steps = 0
        widest = max(self.units)
        shapes = [(inputs, widest), (1, widest), (widest, 1), (1, 1)]
        self.weights = [np.zeros((len(self.units), *shape), np.float32) for shape in shapes]
        for place, (units, seed) in enumerate(zip(self.units, self.seeds, strict=True)):
            rng = np.random.default_rng(seed)
            self.weights[0][place, :, :units] = _glorot(rng, inputs, units)
            self.weights[2][place, :units] = _glorot(rng, units, 1)
        self.first = [np.zeros_like(array) for array in self.weights]
        self.second = [np.zeros_like(array) for array in self.weights]

    def train(
        self, x: NDArray, y: NDArray, *, epochs: int, judges: Sequence[tuple[NDArray, NDArray]]
    ) -> NDArray:
        """Train all networks on, and return their errors after each epoch, (judges, networks, epochs).

        Each of `judges` is rows (x, y); the error is the root of the mean square over them. y is (rows,). The rows of
        an epoch come in the order of `fast_fit` with the network's seed.
        """
        errors = np.zeros((len(judges), len(self.seeds), epochs))
        for epoch in range(epochs):
            order = [epoch_order(len(x), seed, self.epochs) for seed in self.seeds]
            for rows in np.split(np.array(order), range(BATCH, len(x), BATCH), axis=1):
                self._step(x[rows], y[rows])
            self.epochs += 1
            for number, (judge_x, judge_y) in enumerate(judges):
                missed = self.predict(judge_x) - judge_y
                errors[number, :, epoch] = np.sqrt(np.mean(missed**2, axis=1))
        return errors

    def predict(self, x: NDArray) -> NDArray:
        """Return the predictions (networks, rows) of all networks for rows `x`."""
        _, _, output = self._forward(x)
        return output[..., 0]

    def keep(self, places: Sequence[int]) -> None:
        """Go on with the networks at these places alone."""
        self.seeds = [self.seeds[place] for place in places]
        self.units = [self.units[place] for place in places]
        self.rate = self.rate[places]
        self.decay = self.decay[places]
        for arrays in (self.weights, self.first, self.second):
            arrays[:] = [array[places] for array in arrays]

    def weights_of(self, place: int) -> list[NDArray]:
        """Return copies of the weights of one network, as Keras takes them in `set_weights`."""
        kernel, bias, last_kernel, last_bias = (array[place].copy() for array in self.weights)
        units = self.units[place]
        return [kernel[:, :units], bias[0, :units], last_kernel[:units], last_bias[0]]

    def _forward(self, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        kernel, bias, last_kernel, last_bias = self.weights
        sums = np.matmul(x, kernel) + bias
        hidden = np.maximum(sums, 0)
        return sums, hidden, np.matmul(hidden, last_kernel) + last_bias

    def _step(self, x: NDArray, y: NDArray) -> None:
        """Take a step on batches x (networks, rows, inputs) and y (networks, rows)."""
        sums, hidden, output = self._forward(x)
        error = 2 / y.shape[1] * (output - y[..., None])
        back = np.where(sums > 0, error * self.weights[2].transpose(0, 2, 1), np.float32(0))
        self._adamw(
            [
                np.matmul(x.transpose(0, 2, 1), back),
                back.sum(axis=1, keepdims=True),
                np.matmul(hidden.transpose(0, 2, 1), error),
                error.sum(axis=1, keepdims=True),
            ]
        )

    def _adamw(self, gradients: list[NDArray]) -> None:
        """Change the weights as Keras' AdamW does (Loshchilov and Hutter, ICLR 2019, algorithm 2)."""
        self.steps += 1
        corrections = [1 - moment**self.steps for moment in MOMENTS]
        step_size = self.rate * np.float32(math.sqrt(corrections[1]) / corrections[0])
        kept = 1 - self.rate * self.decay
        for weight, gradient, first, second in zip(
            self.weights, gradients, self.first, self.second, strict=True
        ):
            first += (gradient - first) * np.float32(1 - MOMENTS[0])
            second += (gradient**2 - second) * np.float32(1 - MOMENTS[1])
            weight *= kept
            weight -= step_size * first / (np.sqrt(second) + np.float32(EPSILON))


def chances_of_best(tries: int, n: int) -> NDArray:
    """Return, for the best of `tries`, the second best and so on, the chance to be the best of `n` drawn from them.

    Drawn without replacement: the i-th is the best when the others come from those behind it, which is so for
    C(tries - i, n - 1) of the C(tries, n) draws.
    """
    draws = math.comb(tries, n)
    return np.array([math.comb(tries - i, n - 1) / draws for i in range(1, tries + 1)])


def expected_choice(chosen_by: ArrayLike, judged_by: ArrayLike, n: int) -> float:
    """Return the mean of `judged_by` (tries,) of the try with the least `chosen_by` (tries,) among `n` drawn."""
    order = np.argsort(chosen_by)
    return float(chances_of_best(len(order), n) @ np.asarray(judged_by)[order])


def best_of_normal(n: int) -> float:
    """Return how many standard deviations the best of `n` normal values lies from their mean, on average.

    The mean of a greatest value is the integral of z n f(z) F(z)^(n - 1) (David and Nagaraja, Order Statistics, 2003).
    """
    from scipy.stats import norm

    z = np.linspace(-8, 8, 4001)
    density = n * norm.pdf(z) * norm.cdf(z) ** (n - 1)
    return float(np.trapezoid(z * density, z))


def middle_half_of_choice(chosen_by: ArrayLike, judged_by: ArrayLike, n: int) -> NDArray:
    """Return the quartiles .25 and .75 of what `expected_choice` is the mean of."""
    order = np.argsort(chosen_by)
    chances = chances_of_best(len(order), n)
    found = np.asarray(judged_by)[order]
    return np.quantile(found, [0.25, 0.75], weights=chances, method="inverted_cdf")


def errors_of_halving(
    chosen_by: NDArray, judged_by: NDArray, *, n: int, first: int, draws: int, seed: int
) -> NDArray:
    """Return the final `judged_by` of what successive halving finds among `n` settings, (draws,), for random draws.

    Both are curves (settings, epochs). A third is kept each time, as `halve` does it.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = rng.choice(len(chosen_by), n, replace=False)
        place, _ = halve(chosen_by[drawn], first)
        found.append(judged_by[drawn[place], -1])
    return np.array(found)


def halve(curves: NDArray, first: int, factor: int = 3) -> tuple[int, int]:
    """Return the row of `curves` (settings, epochs) that survives successive halving, and the epochs spent in all.

    Jamieson and Talwalkar, AISTATS 2016: train all for `first` epochs, keep the best 1/factor, train those on until
    each has had `factor` times as many, and so on. The survivor is trained to the end.
    """
    left = np.arange(len(curves))
    last = curves.shape[1]
    epochs = first
    spent = len(left) * first
    while len(left) > 1:
        order = np.argsort(curves[left, epochs - 1], kind="stable")
        left = left[order[: max(1, len(left) // factor)]]
        longer = min(factor * epochs, last)
        spent += len(left) * (longer - epochs)
        epochs = longer
    return int(left[0]), int(spent + last - epochs)


def _columns(values: list[float]) -> NDArray:
    return np.array(values, np.float32)[:, None, None]


def _glorot(rng: np.random.Generator, inputs: int, outputs: int) -> NDArray:
    """Draw weights (inputs, outputs) uniformly (Glorot and Bengio, AISTATS 2010, equation 16)."""
    limit = math.sqrt(6 / (inputs + outputs))
    return rng.uniform(-limit, limit, (inputs, outputs))
