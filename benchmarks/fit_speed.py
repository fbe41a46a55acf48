"""Time an epoch of a small network under plain fit, fast fit, other libraries, and the matrix products alone.

    python -m benchmarks.fit_speed --rounds 7

The network is 784-128-128-10 with Adam, batches of 128, all 60,000 training digits, shuffled; Keras tracks loss and
accuracy. In every round each contender has its turn, so that all see the same machine; what compiles has done so in
a round before. A turn of Keras is one call of `fit` over three epochs, and its median epoch counts, from
`on_epoch_begin` to `on_epoch_end`.

Matrix products alone: for each layer the one forward and the two backward, on one batch that stays in cache; the
faster of NumPy and a TensorFlow graph counts. "needed" leaves out the gradient of the input images, which training
does not compute. The last line is JSON: median seconds an epoch, and fast fit's ratios, medians over the rounds.
"""

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from statistics import median
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.neural_network import MLPClassifier

from course.data import load
from course.training.fast_fit import fast_fit

SIZES = (784, 128, 128, 10)
BATCH = 128
KERAS_EPOCHS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=7, help="turns of each contender, at least 5 (default: 7)"
    )
    rounds = parser.parse_args().rounds
    if rounds < 5:
        parser.error(f"--rounds {rounds}: must be at least 5")
    x, y = digits()
    steps = math.ceil(len(x) / BATCH)
    contenders = {
        "default fit": keras_epoch(network(), x, y),
        "steps_per_execution=32": keras_epoch(network(steps_per_execution=32), x, y),
        "fast fit": keras_epoch(fast_fit(network()), x, y),
        "scikit-learn": timed(scikit_learn(x, y)),
        "products, NumPy": timed(numpy_products(x[:BATCH], steps, needed=False)),
        "products, TensorFlow": timed(tensorflow_products(x[:BATCH], steps, needed=False)),
        "needed products, NumPy": timed(numpy_products(x[:BATCH], steps, needed=True)),
        "needed products, TensorFlow": timed(tensorflow_products(x[:BATCH], steps, needed=True)),
    }
    if find_spec("torch"):
        contenders["eager PyTorch"] = timed(pytorch(x, y))
    turns = [{name: epoch() for name, epoch in contenders.items()} for _ in range(rounds + 1)][1:]
    report(turns)


def report(turns: list[dict[str, float]]) -> None:
    """Print the table and the JSON line."""
    for turn in turns:
        for kind in ("products", "needed products"):
            turn[kind] = min(turn.pop(f"{kind}, NumPy"), turn.pop(f"{kind}, TensorFlow"))
    seconds = {name: median(turn[name] for turn in turns) for name in turns[0]}
    ratios = {name: median(turn["fast fit"] / turn[name] for turn in turns) for name in turns[0]}
    print(f"{'seconds an epoch':24}  median   least    most   fast fit is")
    for name in sorted(seconds, key=lambda name: -seconds[name]):
        times = [turn[name] for turn in turns]
        print(
            f"{name:24} {seconds[name]:7.3f} {min(times):7.3f} {max(times):7.3f}   {ratios[name]:.2f} times this"
        )
    print(
        json.dumps(
            {"rounds": len(turns), "seconds": _rounded(seconds), "fast_fit_ratio": _rounded(ratios)}
        )
    )


def digits() -> tuple[np.ndarray, np.ndarray]:
    data = load("mnist")
    x = np.concatenate([data.x_train, data.x_validation]).reshape(-1, SIZES[0])
    return (x / 255).astype("float32"), np.concatenate([data.y_train, data.y_validation]).astype(
        "int64"
    )


def network(**compiled: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(size, "relu") for size in SIZES[1:-1]]
    model = keras.Sequential(
        [keras.Input(SIZES[:1]), *hidden, keras.layers.Dense(SIZES[-1], "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], **compiled)
    return model


class EpochTimes(keras.callbacks.Callback):
    """Seconds of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self.start)


def keras_epoch(model: keras.Model, x: np.ndarray, y: np.ndarray) -> Callable[[], float]:
    def epoch() -> float:
        times = EpochTimes()
        model.fit(x, y, batch_size=BATCH, epochs=KERAS_EPOCHS, verbose=0, callbacks=[times])
        return median(times.seconds)

    return epoch


def timed(work: Callable[[], Any]) -> Callable[[], float]:
    def epoch() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return epoch


def scikit_learn(x: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    model = MLPClassifier(
        SIZES[1:-1], batch_size=BATCH, alpha=0, max_iter=1, warm_start=True, random_state=0
    )

    def epoch() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one epoch does not converge
            model.fit(x, y)

    return epoch


def pytorch(x: np.ndarray, y: np.ndarray) -> Callable[[], Any]:
    import torch

    torch.manual_seed(0)
    layers: list[Any] = []
    for inputs, outputs in pairwise(SIZES):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    optimizer = torch.optim.Adam(model.parameters())
    loss = torch.nn.CrossEntropyLoss()
    images = torch.from_numpy(x)
    labels = torch.from_numpy(y)

    def epoch() -> None:
        for rows in torch.randperm(len(images)).split(BATCH):
            optimizer.zero_grad()
            loss(model(images[rows]), labels[rows]).backward()
            optimizer.step()

    return epoch


def numpy_products(batch: np.ndarray, steps: int, *, needed: bool) -> Callable[[], Any]:
    weights = _weights()
    values = _values(batch)
    forward = [np.empty_like(value) for value in values]
    gradients = [np.empty_like(weight) for weight in weights]
    backward = [np.empty_like(value) for value in values]

    def epoch() -> None:
        for _ in range(steps):
            for i, weight in enumerate(weights):
                np.matmul(values[i], weight, out=forward[i + 1])
                np.matmul(values[i].T, values[i + 1], out=gradients[i])
                if i or not needed:
                    np.matmul(values[i + 1], weight.T, out=backward[i])

    return epoch


def tensorflow_products(batch: np.ndarray, steps: int, *, needed: bool) -> Callable[[], Any]:
    values = [tf.constant(v) for v in _values(batch)]

    @tf.function(autograph=False)
    def one_epoch() -> tf.Tensor:
        def body(step: tf.Tensor, *weights: tf.Tensor) -> tuple[tf.Tensor, ...]:
            forward = [
                tf.matmul(value, weight) for value, weight in zip(values[:-1], weights, strict=True)
            ]
            gradients = [
                tf.matmul(a, b, transpose_a=True) for a, b in zip(values[:-1], forward, strict=True)
            ]
            backward = [
                tf.matmul(b, w, transpose_b=True) for b, w in zip(forward, weights, strict=True)
            ]
            with tf.control_dependencies(
                gradients + backward[needed:]
            ):  # or TensorFlow would leave them out
                return (step + 1, *gradients)  # weights that change keep the products in the loop

        zeros = [
            tf.zeros_like(weight) for weight in _weights()
        ]  # and stay zero: numbers that grow would overflow
        return tf.while_loop(
            lambda step, *_: step < steps, body, (0, *zeros), parallel_iterations=1
        )[0]

    return lambda: one_epoch().numpy()


def _weights() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.normal(size=shape).astype("float32") for shape in pairwise(SIZES)]


def _values(batch: np.ndarray) -> list[np.ndarray]:
    random = np.random.default_rng(1)
    return [batch, *(random.random((len(batch), size), dtype="float32") for size in SIZES[1:])]


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(figure, 3) for name, figure in figures.items()}


if __name__ == "__main__":
    main()
