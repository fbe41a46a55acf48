"""What one call for all members saves: `python -m benchmarks.stacked_prediction` (under a minute).

Predictions of k networks (2 inputs, 25 ReLU units, 3 classes), timed in turn as one stacked forward pass, as k calls
of the same forward pass, and as Keras offers it: k calls of predict_on_batch, k calls of one compiled function each,
and one call of a model that holds all members and averages them. All are checked to agree before they are timed.
Prints a table and, as the last line, JSON. The like-for-like ratio is that of the first two: what one call saves is
overhead, so it gains on small arrays and loses on large ones, whose members no longer share the cache.
"""

import json
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from course.topics.ensembles import predict, stack

ROUNDS = 15
CASES = [(5, 100), (10, 100), (50, 100), (10, 5_000)]  # members, rows


def network() -> keras.Model:
    """One member, with weights of its own."""
    layers = [
        keras.Input((2,)),
        keras.layers.Dense(25, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return keras.Sequential(layers)


def ways(members: int, x: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    """Functions that return the mean prediction of the same networks, by name."""
    models = [network() for _ in range(members)]
    stacked = stack([model.get_weights() for model in models])
    each = [stack([model.get_weights()]) for model in models]
    compiled = [tf.function(model) for model in models]
    tensor = tf.constant(x)
    inputs = keras.Input((2,))
    together = keras.Model(inputs, keras.layers.Average()([model(inputs) for model in models]))
    return {
        "stacked, one call": lambda: predict(stacked, x).mean(axis=0),
        "the same pass, k calls": lambda: np.mean(
            [predict(weights, x)[0] for weights in each], axis=0
        ),
        "keras predict_on_batch, k calls": lambda: np.mean(
            [model.predict_on_batch(x) for model in models], axis=0
        ),
        "compiled function, k calls": lambda: np.mean(
            [function(tensor).numpy() for function in compiled], axis=0
        ),
        "keras Average model, one call": lambda: np.asarray(together.predict_on_batch(x)),
    }


def seconds(function: Callable[[], np.ndarray]) -> float:
    """Time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure(members: int, rows: int) -> dict[str, float]:
    """Median seconds by way, timed in turn, so that what else the machine does falls on all alike."""
    x = np.random.default_rng(0).normal(size=(rows, 2)).astype("float32")
    functions = ways(members, x)
    first, *others = [function() for function in functions.values()]  # compiles as well
    for other in others:
        np.testing.assert_allclose(other, first, atol=1e-5)
    rounds = [
        {name: seconds(function) for name, function in functions.items()} for _ in range(ROUNDS)
    ]
    return {name: statistics.median(times[name] for times in rounds) for name in functions}


def main() -> None:
    """Measure every case."""
    report = []
    for members, rows in CASES:
        medians = measure(members, rows)
        base = medians["stacked, one call"]
        print(f"{members} members, {rows:,} rows, median of {ROUNDS}")
        for name, median in medians.items():
            print(f"  {name:<32} {1000 * median:9.3f} ms   {median / base:7.1f} times")
        ratios = {name: median / base for name, median in medians.items()}
        report.append({"members": members, "rows": rows, "seconds": medians, "ratio": ratios})
    print(json.dumps({"benchmark": "stacked_prediction", "cases": report}))


if __name__ == "__main__":
    main()
