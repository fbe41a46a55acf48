"""The training process that `benchmarks.kill_and_resume` kills: a small network, trained with one of two writers.

It reports "ready" at its start, "began" with the position after its first step, "saved" with the position that is safe
by now, "lost" if there is a checkpoint that cannot be loaded, and "final" with all that a run must end with.
"""

import hashlib
import io
from contextlib import redirect_stdout
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import keras
import numpy as np

from course.training.checkpoints import Checkpoints

EPOCHS = 6
STEPS = 10  # an epoch


def run(reports: Connection, folder: Path, writer: str, keep: int, asynchronous: bool) -> None:
    """Train to the end, whatever an earlier process left in the folder; what it tells goes into `reports`."""
    reports.send(("ready", None))
    keras.utils.set_random_seed(1)
    with redirect_stdout(io.StringIO()):  # where training goes on, it says so
        if writer == "naive":
            model, rest = train_naively(reports, folder)
        else:
            model, rest = train(reports, folder, keep=keep, asynchronous=asynchronous)
    state = b"".join(
        variable.numpy().tobytes() for variable in model.variables + model.optimizer.variables
    )
    reports.send(("final", [hashlib.sha256(state).hexdigest(), rest]))


def network() -> keras.Model:
    """A network with all that is forgotten easily: dropout, batch normalization, averaged weights."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((512,)),
            layers.Dense(512, "relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dropout(0.3),
            layers.Dense(2),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.003, use_ema=True, ema_momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    return model


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 512)).astype("float32")
    return x, (x[:, :8].sum(1) + rng.normal(size=400) > 0).astype("int32")


def train(
    reports: Connection, folder: Path, *, keep: int, asynchronous: bool
) -> tuple[keras.Model, Any]:
    """Train with Checkpoints, saving after every batch; returns model, history and the best checkpoint."""
    x, y = data()
    run = Checkpoints(folder, callbacks(), save_freq=1, keep=keep, asynchronous=asynchronous)
    model = network()
    history = model.fit(
        run.shuffled(x[:320], y[:320], batch_size=320 // STEPS, seed=1),
        validation_data=(x[320:], y[320:]),
        epochs=EPOCHS,
        shuffle=False,
        verbose=0,
        callbacks=[run, Began(reports), Reports(reports, asynchronous)],
    )
    return model, [history.history, run.best.name]


class Began(keras.callbacks.Callback):
    """Reports where training is after its first step, by the steps of the optimizer: batches may pass untrained."""

    def __init__(self, reports: Connection) -> None:
        super().__init__()
        self._reports = reports
        self._told = False

    def on_train_batch_end(self, batch, logs=None):
        if not self._told:
            self._told = True
            self._reports.send(("began", divmod(int(self.model.optimizer.iterations), STEPS)))


class Reports(keras.callbacks.Callback):
    """Reports each save when it is complete: an asynchronous one when the next has begun."""

    def __init__(self, reports: Connection, asynchronous: bool) -> None:
        super().__init__()
        self._reports = reports
        self._asynchronous = asynchronous
        self._position = (0, 0)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self._report((self._epoch, batch + 1))

    def on_epoch_end(self, epoch, logs=None):
        self._report((epoch + 1, 0))

    def _report(self, position: tuple[int, int]) -> None:
        before = self._position
        self._position = position
        self._reports.send(("saved", before if self._asynchronous else position))


def train_naively(reports: Connection, folder: Path) -> tuple[keras.Model, Any]:
    """Train with the model saved in place after every epoch, and the number of epochs in a text file."""
    folder.mkdir(exist_ok=True)
    latest = folder / "latest.keras"
    epochs = folder / "epochs.txt"
    model = network()
    first = 0
    if latest.exists():
        try:
            model = keras.models.load_model(latest)
            first = int(epochs.read_text())
        except (OSError, ValueError):
            reports.send(("lost", None))

    def save(epoch: int, logs: Any) -> None:
        model.save(latest)
        epochs.write_text(str(epoch + 1))
        reports.send(("saved", (0, 0)))

    x, y = data()
    model.fit(
        x[:320],
        y[:320],
        validation_data=(x[320:], y[320:]),
        initial_epoch=first,
        epochs=EPOCHS,
        verbose=0,
        callbacks=[*callbacks(), keras.callbacks.LambdaCallback(on_epoch_end=save)],
    )
    return model, None


def callbacks() -> list[keras.callbacks.Callback]:
    return [
        keras.callbacks.EarlyStopping(patience=4, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5),
    ]
