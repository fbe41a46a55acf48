"""What per-class metrics cost: `python -m benchmarks.metric_cost` (about four minutes).

Epochs of one small convolutional network on Fashion-MNIST, timed in turn with accuracy alone, with the course's
`ConfusionMatrix`, and with what Keras has built in for the same: one Precision and one Recall a class (on one-hot
labels), and F1Score. Prints a table and, as the last line, JSON; the exit status is 1 where the course's take more
than 1.10 times as long.

Timed is the second epoch of a fit over an endless data set, so that no input iterator is made or dropped in it: there
`fit` at times waits 0.6 s without computing, whatever the metrics. The clock hears of epochs only. Whatever hears of
batches, such as Keras' progress bar, makes `fit` fetch every figure after every batch, which costs more than they do.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from course.data import load
from course.training.metrics import ConfusionMatrix

ROUNDS = 15
BATCH = 128
CLASSES = 10
MOST = 1.10  # times the seconds with accuracy alone
NAMES = [str(number) for number in range(CLASSES)]
METRICS: dict[str, Callable[[], list[Any]]] = {
    "accuracy alone": lambda: [],
    "course ConfusionMatrix": lambda: [ConfusionMatrix(NAMES, name="class")],
    "keras Precision, Recall": lambda: [
        metric(class_id=number, name=f"{metric.__name__}_{number}")
        for metric in (keras.metrics.Precision, keras.metrics.Recall)
        for number in range(CLASSES)
    ],
    "keras F1Score": lambda: [keras.metrics.F1Score(average=None)],
}


class EpochClock(keras.callbacks.Callback):
    """Seconds of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds = time.perf_counter() - self.start


def compiled(name: str) -> keras.Model:
    """The network with the metrics `name`; those of Keras take one-hot labels."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    loss = (
        "categorical_crossentropy"
        if name.startswith("keras")
        else "sparse_categorical_crossentropy"
    )
    model.compile("adam", loss, metrics=["accuracy", *METRICS[name]()])
    return model


def main() -> None:
    """Time the epochs in turn, so that what else the machine does falls on all alike."""
    data = load("fashion_mnist")
    x = np.concatenate([data.x_train, data.x_validation])[..., None]
    y = np.concatenate([data.y_train, data.y_validation])
    models = {name: compiled(name) for name in METRICS}
    seconds: dict[str, list[float]] = {name: [] for name in METRICS}
    for _ in range(ROUNDS + 1):
        for name, model in models.items():
            labels = np.eye(CLASSES, dtype="float32")[y] if name.startswith("keras") else y
            clock = EpochClock()
            batches = tf.data.Dataset.from_tensor_slices((x, labels)).batch(BATCH).repeat()
            model.fit(
                batches, epochs=2, steps_per_epoch=len(x) // BATCH, verbose=0, callbacks=[clock]
            )
            seconds[name].append(clock.seconds)
    seconds = {name: times[1:] for name, times in seconds.items()}  # the first epoch compiles
    base = seconds["accuracy alone"]
    ratios = {}
    for name, times in seconds.items():
        ratios[name] = statistics.median(
            time / plain for time, plain in zip(times, base, strict=True)
        )
    print(f"{len(x):,} images, batches of {BATCH}, median of {ROUNDS} epochs")
    for name, times in seconds.items():
        print(f"{name:<26} {statistics.median(times):7.3f} s   {ratios[name]:.3f} times")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(json.dumps({"benchmark": "metric_cost", "seconds": medians, "ratio": ratios}))
    sys.exit(1 if ratios["course ConfusionMatrix"] > MOST else 0)


if __name__ == "__main__":
    main()
