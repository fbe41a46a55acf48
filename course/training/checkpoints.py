"""Training that may be killed at any batch and still ends as if it had not been.

What the rest of a training run depends on is more than its weights: the optimizer's state, the seeds of dropout,
the running means of the metrics, the counters of EarlyStopping and its like, the history, the random generators
of Python and NumPy. `Checkpoints` is a callback for `fit` that saves all of it, and puts it back when the same
command is started again. The order of the data is not saved: it is made a function of seed and epoch. To resume
within an epoch, its first batches are taken from the data once more, without training on them.
"""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf

from course.training.checkpoint_files import CheckpointError, CheckpointFolder, Position, read
from course.training.state import capture, memory, random_state, remind, restore, set_random_state


class Checkpoints(keras.callbacks.CallbackList):
    """A callback that saves a training run at the end of every epoch, and resumes it bit for bit.

        run = Checkpoints("runs/digits", [keras.callbacks.EarlyStopping(patience=3)], save_freq=100)
        data = run.shuffled(x, y, batch_size=128, seed=1)
        model.fit(data, epochs=12, shuffle=False, callbacks=[run])

    Callbacks that remember something belong into its list, so that their memory is saved too. A number as
    `save_freq` saves after every so many batches as well. The last `keep` checkpoints stay in the folder, and the
    one with the best `monitor` ("min": the least) at an epoch's end. With `asynchronous=True` training waits for a
    copy in memory only.

    Exact for data whose order within an epoch does not depend on earlier epochs: `shuffled`, `each_epoch`, a
    PyDataset, arrays given to `fit` after `keras.utils.set_random_seed`. Layers of Keras draw from seeds that are
    saved; `tf.random` in a model of your own does not.

    Raises CheckpointError if the folder is in use or not writable, holds another model or damaged files only.
    """

    def __init__(
        self,
        folder: str | Path,
        callbacks: Iterable[keras.callbacks.Callback] = (),
        *,
        save_freq: int | Literal["epoch"] = "epoch",
        keep: int = 3,
        monitor: str = "val_loss",
        mode: Literal["min", "max"] = "min",
        asynchronous: bool = False,
    ) -> None:
        if save_freq != "epoch" and save_freq < 1:
            raise ValueError(f"save_freq = {save_freq}: must be 'epoch' or a number of batches, at least 1")
        if keep < 1:
            raise ValueError(f"keep = {keep}: must be at least 1")
        if mode not in ("min", "max"):
            raise ValueError(f"mode = {mode!r}: must be 'min' or 'max'")
        super().__init__(list(callbacks))
        self.save_freq = save_freq
        self._monitor, self._sign = monitor, 1 if mode == "min" else -1
        self._files = CheckpointFolder(folder, keep=keep, asynchronous=asynchronous)
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)  # what each_epoch reads
        self._best: dict[str, Any] | None = None
        self._resumed: Any = None  # the Checkpoint that training goes on from, until it has reached that place

    def shuffled(self, *arrays: Any, batch_size: int, seed: int) -> tf.data.Dataset:
        """Batches of x, or of x and y, or of x, y and sample weights, in an order of its own in every epoch."""
        tensors = keras.tree.map_structure(tf.convert_to_tensor, arrays)
        count = len(keras.tree.flatten(tensors)[0])

        def pick(rows):
            return keras.tree.map_structure(lambda tensor: tf.gather(tensor, rows), tensors)

        def batches(epoch_seed):
            rows = tf.random.experimental.stateless_shuffle(tf.range(count), tf.stack([epoch_seed, 0]))
            batches = tf.data.Dataset.from_tensor_slices(rows).batch(batch_size)
            return batches.map(pick, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

        return self.each_epoch(batches, seed=seed)

    def each_epoch(self, make: Callable[[tf.Tensor], tf.data.Dataset], *, seed: int) -> tf.data.Dataset:
        """The dataset `make(epoch_seed)`, made anew in every epoch from a seed that `seed` and the epoch give."""

        def this_epoch(_):
            seeds = tf.stack([tf.cast(seed, tf.int64), self._epoch])
            return make(tf.random.stateless_uniform([], seeds, 0, tf.int64.max, tf.int64))

        batches = make(tf.constant(0, tf.int64)).cardinality()
        dataset = tf.data.Dataset.from_tensors(0).flat_map(this_epoch)
        return dataset.apply(tf.data.experimental.assert_cardinality(batches)) if batches >= 0 else dataset

    @property
    def best(self) -> Path:
        """The checkpoint with the best monitored value so far."""
        self._files.wait()
        path = self._files.find(Position(self._best["epoch"], 0)) if self._best else None
        if not path:
            names = ", ".join(self.model.history.history)
            raise CheckpointError(f"no best checkpoint: monitor = {self._monitor!r} must be one of {names}")
        return path

    def on_train_begin(self, logs=None):
        if not hasattr(self, "_model"):
            raise ValueError("callbacks = run: must be a list, callbacks=[run]")
        super().on_train_begin(logs)
        self._best = None
        self._files.open()
        self._resumed = self._files.newest()
        if self._resumed:
            self._resume(*self._resumed)

    def on_epoch_begin(self, epoch, logs=None):
        self.model._initial_epoch = None  # fit has read it; the next fit starts at its own
        self._epoch.assign(epoch)
        self._done = 0
        if self._resumed:
            self._done = self._resumed.position.batch
            self._restore_history()
            set_random_state(self._resumed.state["random"])
        self._random = random_state()
        if self._done:
            self._train, self._taken = self.model.train_function, 0
            self.model.train_function = self._take_without_training
        else:
            self._resumed = None
            super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        if batch >= self._done:
            super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        done = batch + 1
        if done <= self._done:
            return
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)
        if self.save_freq == "epoch" or self.model.stop_training:  # then the end of the epoch is next
            return
        if done // self.save_freq > (done - self.model.steps_per_execution) // self.save_freq:
            self._save(Position(int(self._epoch.numpy()), done), {})

    def on_epoch_end(self, epoch, logs=None):
        for callback in self.callbacks:  # the base class would give each a copy of logs
            callback.on_epoch_end(epoch, logs)
        value = logs.get(self._monitor, math.nan)
        if not math.isnan(value) and (not self._best or self._sign * value < self._sign * self._best["value"]):
            self._best = {"epoch": epoch + 1, "value": value}
        self._random = random_state()
        self._save(Position(epoch + 1, 0), logs)

    def on_train_end(self, logs=None):
        if self._resumed:  # there was no epoch left
            self._restore_history()
            self._resumed = None
        super().on_train_end(logs)
        self._files.close()

    def _save(self, position: Position, logs: dict[str, Any]) -> None:
        """Save the state; `logs` is what the History of fit, which comes after this callback, has still to learn."""
        self._files.wait()  # before the copy: never two of them in memory
        past = self.model.history
        state = {
            "model": capture(self.model, metrics=position.batch > 0),
            "callbacks": [[type(callback).__name__, memory(callback)] for callback in self.callbacks],
            "random": self._random,
            "epochs": [*past.epoch, position.epoch - 1] if logs else past.epoch,
            "history": past.history | {name: [*past.history.get(name, []), value] for name, value in logs.items()},
            "best": self._best,
            "stopped": self.model.stop_training,
            "steps": self.params["steps"],
        }
        self._files.save(position, state, best=Position(self._best["epoch"], 0) if self._best else None)

    def _resume(self, path: Path, position: Position, state: dict[str, Any]) -> None:
        if position.batch and state["steps"] != self.params["steps"]:
            raise CheckpointError(
                f"{path}: saved in an epoch of {state['steps']} batches; now an epoch has {self.params['steps']}"
            )
        saved, ours = [name for name, _ in state["callbacks"]], [type(each).__name__ for each in self.callbacks]
        if saved != ours:
            raise CheckpointError(f"{path}: saved with the callbacks {saved}; now there are {ours}")
        restore(state["model"], self.model, metrics=False, source=path)
        for callback, (_, known) in zip(self.callbacks, state["callbacks"], strict=True):
            remind(callback, known)
        self._best = state["best"]
        finished = state["stopped"] or position.epoch >= self.params["epochs"]
        self.model._initial_epoch = self.params["epochs"] if finished else position.epoch
        outcome = "training had already finished" if finished else "training goes on"
        print(f"{self._files.path}: {outcome} after {position.epoch} epochs and {position.batch} batches")

    def _restore_history(self) -> None:
        state = self._resumed.state
        self.model.history.epoch, self.model.history.history = state["epochs"], state["history"]

    def _take_without_training(self, iterator):
        """Stands in for fit's training function until the batches before the kill are past: the data move on."""
        model, self.model.train_function = self.model, self._train  # an error in here must not leave this one in place
        if self._taken == 0:  # one true step, which creates the metrics' variables and is then undone
            self._train(iterator)
            restore(self._resumed.state["model"], model, metrics=True, source=self._resumed.path)
        else:
            for _ in range(model.steps_per_execution):
                next(iterator, None)
        self._taken += model.steps_per_execution
        if self._taken < self._done:
            model.train_function = self._take_without_training
        else:
            self._resumed = None
        return model.get_metrics_result()


def load(path: str | Path, model: keras.Model) -> None:
    """Put a checkpoint's weights and optimizer state into a model of the same structure.

    Raises CheckpointError if the file is damaged or holds another model.
    """
    restore(read(path).state["model"], model, metrics=False, source=path)
