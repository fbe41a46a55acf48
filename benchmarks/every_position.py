"""Resume training from every batch position of two epochs: it must end as the run left alone, to the bit.

    python -m benchmarks.every_position              # all of it: hours
    python -m benchmarks.every_position --share 20   # every twentieth case

A case is an optimizer of Keras, a kind of data, a way to write and a number of steps per execution; or one thing that
is forgotten easily, as a layer that draws random numbers. Its run left alone saves after every batch. Each of these
checkpoints is then the newest in a folder of its own, as a kill would leave it, and the same command goes on from it:
weights, optimizer, history and the best checkpoint must be equal, and it must train what was left and no more: a run
that begins anew ends alike, too. From one position the run goes on, is killed in the same epoch, goes on and is killed
once more ("again").

"different" counts positions that end otherwise, "refused" cases that a run will not begin: what cannot be exact is not
silently different. The last line is the count as JSON.

Run with --share 5: 53 cases, 416 positions, none different, one case refused, as it must be.
"""

import argparse
import contextlib
import io
import itertools
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from course.training.checkpoint_files import CheckpointError, Position, read
from course.training.checkpoints import Checkpoints

tf.get_logger().setLevel(
    "ERROR"
)  # each run compiles its steps anew, which TensorFlow finds expensive

EPOCHS = 2
ROWS = 15
BATCH = 4  # four batches an epoch, of which the last is smaller
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, 4)).astype("float32")
Y = rng.normal(size=(ROWS, 1)).astype("float32")


@dataclass(frozen=True)
class Case:
    """One command that is started again and again."""

    optimizer: str = "Adam"
    data: str = "shuffled"
    asynchronous: bool = False
    steps: int = 1
    special: str = ""

    def __str__(self) -> str:
        mode = "asynchronous" if self.asynchronous else "synchronous"
        parts = [self.special, self.optimizer, self.data, mode, f"{self.steps} steps per execution"]
        return ", ".join(part for part in parts if part)


def optimizers() -> dict[str, type]:
    """All optimizers that Keras brings, by name; the one that scales losses is tried with mixed precision."""
    base = keras.optimizers.Optimizer
    found = {}
    for name, kind in vars(keras.optimizers).items():
        is_optimizer = isinstance(kind, type) and issubclass(kind, base) and kind is not base
        if is_optimizer and name != "LossScaleOptimizer":
            found[name] = kind
    return found


# Data


class Batches(keras.utils.PyDataset):
    """Batches that shuffle themselves after every epoch, by a generator of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = np.arange(ROWS)
        self.generator = np.random.default_rng(1)

    def __len__(self) -> int:
        return -(-ROWS // BATCH)

    def __getitem__(self, index: int) -> tuple:
        rows = self.rows[index * BATCH : (index + 1) * BATCH]
        return X[rows], Y[rows]

    def on_epoch_end(self) -> None:
        self.generator.shuffle(self.rows)


def _noisy(seed: tf.Tensor) -> tf.data.Dataset:
    """Rows in another order and with other noise in every epoch."""
    rows = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(ROWS, seed=seed)
    draw = tf.random.stateless_normal
    noisy = rows.enumerate().map(
        lambda i, row: (row[0] + 0.1 * draw((4,), tf.stack([seed, i])), row[1])
    )
    return noisy.batch(BATCH)


DATA: dict[str, Callable[[Checkpoints], dict[str, Any]]] = {
    "shuffled": lambda run: {
        "x": run.shuffled(X, Y, batch_size=BATCH, seed=1),
        "shuffle": False,
    },
    "each_epoch": lambda run: {"x": run.each_epoch(_noisy, seed=1), "shuffle": False},
    "PyDataset": lambda run: {"x": Batches(), "shuffle": False},
    "arrays": lambda run: {"x": X, "y": Y, "batch_size": BATCH},
}


def two_outputs(run: Checkpoints) -> dict[str, Any]:
    return {
        "x": run.shuffled(X, {"a": Y, "b": -Y}, batch_size=BATCH, seed=1),
        "shuffle": False,
        "validation_data": (X, {"a": Y, "b": -Y}),
    }


# Models


def dense(*layers: Any) -> keras.Model:
    first = layers or (keras.layers.Dense(3, "relu"),)
    return keras.Sequential([keras.Input((4,)), *first, keras.layers.Dense(1)])


def lstm() -> keras.Model:
    sequence = [keras.layers.Reshape((2, 2)), keras.layers.LSTM(3, dropout=0.3)]
    return dense(*sequence)


def preprocessing() -> keras.Model:
    layers = keras.layers
    image = [layers.Reshape((2, 2, 1)), layers.RandomFlip(), layers.RandomTranslation(0.5, 0.5)]
    return dense(*image, layers.RandomContrast(0.5), layers.Flatten())


def forked() -> keras.Model:
    inputs = keras.Input((4,))
    hidden = keras.layers.Dropout(0.3)(keras.layers.Dense(3, "relu")(inputs))
    outputs = {name: keras.layers.Dense(1, name=name)(hidden) for name in ("a", "b")}
    return keras.Model(inputs, outputs)


def mixed() -> keras.Model:
    model = dense(keras.layers.Dense(3, "relu", dtype="mixed_float16"))
    return model


class OwnGenerator(keras.layers.Layer):
    """Draws from TensorFlow's operations, whose state nobody can read: to be refused."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs + tf.random.normal(tf.shape(inputs)) if training else inputs


MODELS: dict[str, Callable[[], keras.Model]] = {
    "": dense,
    "averaged weights": dense,
    "batch normalization": lambda: dense(
        keras.layers.Dense(3), keras.layers.BatchNormalization(momentum=0.9)
    ),
    "dropout": lambda: dense(keras.layers.Dense(3, "relu"), keras.layers.Dropout(0.5)),
    "random preprocessing": preprocessing,
    "LSTM": lstm,
    "two outputs": forked,
    "cosine decay": dense,
    "rate by a callback": dense,
    "mixed precision": mixed,
    "clipping and accumulation": dense,
    "random operations": lambda: dense(OwnGenerator()),
}
REFUSED = {"random operations"}  # and nothing else


def optimizer(case: Case) -> keras.optimizers.Optimizer:
    options: dict[str, Any] = {"learning_rate": 0.05}
    if case.special == "averaged weights":
        options |= {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3}
    if case.special == "cosine decay":
        options["learning_rate"] = keras.optimizers.schedules.CosineDecay(0.1, 7)
    if case.special == "clipping and accumulation":
        options |= {"clipnorm": 0.5, "gradient_accumulation_steps": 3}
    kind = optimizers()[case.optimizer]
    made = one_each() if case.optimizer == "MultiOptimizer" else kind(**options)
    if case.special == "mixed precision":
        return keras.optimizers.LossScaleOptimizer(made, dynamic_growth_steps=3)
    return made


def one_each() -> keras.optimizers.Optimizer:
    """Two optimizers in one: the kernels have their own."""
    choice = keras.optimizers.OptimizerMap(default_optimizer=keras.optimizers.SGD(0.05))
    choice[".*kernel.*"] = keras.optimizers.Adam(0.05)
    return keras.optimizers.MultiOptimizer(choice)


def callbacks(case: Case) -> list[keras.callbacks.Callback]:
    found = [keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)]
    if case.special == "rate by a callback":
        found.append(keras.callbacks.ReduceLROnPlateau(patience=0, min_delta=9.0, factor=0.5))
        found.append(keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9))
    return found


class Trained(keras.callbacks.Callback):
    """Counts the steps that are trained, where no checkpoint looks: a resumed run would go on with its count."""

    steps = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        Trained.steps += 1


class End(NamedTuple):
    """What a run comes to; the best checkpoint as text."""

    variables: list
    history: dict
    best: str
    trained: int  # steps, by this process alone


class Killed(BaseException):
    """What stands in for SIGKILL within one process."""


class Kill(keras.callbacks.Callback):
    def __init__(self, position: Position) -> None:
        super().__init__()
        self._position = position

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (self._epoch, batch + 1) >= self._position:
            raise Killed


def fit(case: Case, folder: Path, kill: Position | None = None) -> End:
    """Run the command."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)
    model = MODELS[case.special]()
    model.compile(
        optimizer(case),
        "mse",
        metrics={"a": ["mae"]} if case.special == "two outputs" else ["mae"],
        jit_compile=False,
        steps_per_execution=case.steps,
    )
    Trained.steps = 0
    remembering = [*callbacks(case), Trained()]
    run = Checkpoints(folder, remembering, save_freq=1, keep=10**6, asynchronous=case.asynchronous)
    data = two_outputs(run) if case.special == "two outputs" else DATA[case.data](run)
    data = {"validation_data": (X, Y)} | data
    with contextlib.redirect_stdout(io.StringIO()):
        history = model.fit(
            **data, epochs=EPOCHS, verbose=0, callbacks=[run, *([Kill(kill)] if kill else [])]
        )
    variables = [each.numpy() for each in model.variables + model.optimizer.variables]
    best = read(run.best)
    values = list(best.state["model"]["variables"].values())  # Keras may name them otherwise
    return End(variables, history.history, repr([best.position, values]), Trained.steps)


def cases() -> list[Case]:
    """All of them: first what is special, then the product."""
    found = []
    for special in list(MODELS)[1:]:
        found += [Case(special=special, asynchronous=steps > 1, steps=steps) for steps in (1, 3)]
    product = itertools.product(optimizers(), DATA, (False, True), (1, 3))
    return found + [Case(*parts) for parts in product]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="one of so many cases (default: all)")
    share = parser.parse_args().share
    if share < 1:
        parser.error(f"--share {share}: must be at least 1")
    total: Counter[str] = Counter(cases=0, positions=0)
    chosen = cases()[::share]
    for case in chosen:
        count, wrong = trial(case)
        total += count
        print(f"{case}: {count['positions']} positions{wrong}", flush=True)
    names = ("cases", "positions", "again", "different", "refused")
    report = {name: total[name] for name in names}
    print(json.dumps(report))
    expected = sum(case.special in REFUSED for case in chosen)
    if not report["positions"] or report["different"] or report["refused"] != expected:
        sys.exit(1)


def trial(case: Case, *, every: int = 1) -> tuple[Counter, str]:
    """Resume one case from every position, or from one of so many; return the counts and what was wrong."""
    count: Counter[str] = Counter(cases=1)
    wrong = ""
    with tempfile.TemporaryDirectory() as parent:
        alone = Path(parent, "alone")
        try:
            whole = fit(case, alone)
        except CheckpointError as error:
            count["refused"] = 1
            return count, f"; refused: {error}"
        paths = sorted(alone.glob("*.npz"))
        for number, path in enumerate(paths[::every]):
            folder = _killed(paths, path, Path(parent, "killed"))
            try:
                resumed = fit(case, folder)
            except CheckpointError as error:
                count["different"] += 1
                wrong += f"; {path.name[:23]}: {error}"
                continue
            count["positions"] += 1
            left = sum(read(later).position.batch > 0 for later in paths[paths.index(path) + 1 :])
            if not _equal(resumed, whole):
                count["different"] += 1
                wrong += f"; different from {path.name[:23]}"
            elif resumed.trained != left:
                count["different"] += 1
                wrong += f"; {resumed.trained} steps from {path.name[:23]}, where {left} were left"
            if number == 0 and case.steps == 1:
                count["again"] += 1
                again = _again(case, _killed(paths, path, folder))
                if not _equal(again, whole) or again.trained >= whole.trained:
                    count["different"] += 1
                    wrong += "; different after a second and a third kill"
    return count, wrong


def _killed(paths: list[Path], newest: Path, folder: Path) -> Path:
    """Return the folder as a kill leaves it once `newest` was written."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in paths[: paths.index(newest) + 1]:
        os.link(path, folder / path.name)
    return folder


def _again(case: Case, folder: Path) -> End:
    """Go on from the first batch, be killed at the second, and at the third, and end."""
    for batch in (2, 3):
        with contextlib.suppress(Killed):
            fit(case, folder, kill=Position(0, batch))
    return fit(case, folder)


def _equal(one: End, other: End) -> bool:
    """Whether two runs end alike, whatever each of them has trained of it."""
    try:
        np.testing.assert_equal(one[:3], other[:3])
    except AssertionError:
        return False
    return True


if __name__ == "__main__":
    main()
