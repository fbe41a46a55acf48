"""Training that may be killed at any batch and still ends as if it had not been.

What the rest of a training run depends on is more than its weights: the optimizer's state, the seeds of dropout,
the running means of the metrics, the counters of EarlyStopping and its like, the history, the random generators
of Python and NumPy. `Checkpoints` is a callback for `fit` that saves all of it, and puts it back when the same
command is started again. The order of the data is not saved: it is made a function of seed and epoch. To resume
within an epoch, its first batches are taken from the data once more, without training on them.
"""

import weakref
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Literal

import keras
import tensorflow as tf

from course.machine import fingerprint
from course.training.backend import need_tensorflow
from course.training.batches import by_epoch, by_seed
from course.training.best import Best
from course.training.checkpoint_files import CheckpointError, CheckpointFolder, Position, read
from course.training.data_memory import DataMemory
from course.training.memory import Memory
from course.training.programs import check_data, check_program
from course.training.settings import (
    VERSION,
    call_of_fit,
    callbacks_of_fit,
    changed_unnoted,
    check_changes,
    check_constancy,
    check_options,
    chosen_rates,
    compared,
    data_settings,
    differences,
    model_settings,
    name_callbacks,
    with_built_layers,
)
from course.training.state import (
    capture,
    check_logs,
    history_with,
    random_state,
    random_variables,
    restore,
    restore_history,
    set_random_state,
    unless_drawn,
    variables,
)
from course.training.termination import Termination


class Checkpoints(keras.callbacks.CallbackList):
    """A callback that saves a training run at the end of every epoch, and resumes it bit for bit.

        run = Checkpoints("runs/digits", [keras.callbacks.EarlyStopping(patience=3)], save_freq=100)
        data = run.shuffled(x, y, batch_size=128, seed=1)
        model.fit(data, epochs=12, shuffle=False, callbacks=[run])

    Callbacks that remember something belong into its list, so that their memory is saved too. A number as
    `save_freq` saves after every so many batches as well. The last `keep` checkpoints stay in the folder, and the
    one with the best `monitor` ("min": the least) at an epoch's end. With `asynchronous=True` training waits for a
    copy in memory only. After SIGTERM, which clusters send before they kill, the state is saved at the end of the batch
    under way, and the signal does what it did before: by default, the process ends.

    What is saved is exact. All that model, callbacks and data hold is asked for (see `course.training.memory` and
    `course.training.programs`); what cannot be saved is refused when training begins, or at the first save, by its
    place. What a callback keeps elsewhere, as in a file or a global variable, is its own affair.

    A run goes on with the settings that it began with. Others are refused by name (all but the number of epochs)
    unless `changed` names them: `changed=["learning_rate"]` goes on with the new one. On a machine with other cores,
    vector features or versions it goes on and says so: sums are rounded otherwise there, so losses agree in their first
    digits, and no longer bit for bit.

    Raises CheckpointError if the folder is in use or not writable, holds another model or damaged files only, or if
    something cannot be saved or has changed; ValueError for an option that is not allowed; BackendError where Keras
    does not run on TensorFlow.
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
        changed: Collection[str] = (),
    ) -> None:
        need_tensorflow("Checkpoints")
        check_options(save_freq=save_freq, keep=keep, mode=mode, changed=changed)
        super().__init__(list(callbacks))
        self.save_freq = save_freq
        self._changed = list(changed)
        self._order: dict[str, str] = {}
        self._named = name_callbacks(self.callbacks)
        memory = Memory(self._named)
        self._own_settings: dict[str, str] = memory.settings
        # What a new process has by itself; to be saved is what differs.
        self._fresh = dict(memory.descriptions)
        self._files = CheckpointFolder(folder, keep=keep, asynchronous=asynchronous)
        self._asynchronous = asynchronous
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)  # what each_epoch reads
        self._best = Best(monitor, mode)
        self._data = DataMemory()
        self._model_begin: dict[str, str] = {}
        # The signal's handler may stay, and must not keep all that this object holds.
        own = weakref.ref(self)
        self._termination = Termination(lambda: own() in callbacks_of_fit())
        self._resumed: Any = None  # the Checkpoint that training goes on from, until it is reached

    def shuffled(self, *arrays: Any, batch_size: int, seed: int) -> tf.data.Dataset:
        """Batches of x, or of x and y, or of x, y and sample weights, in an order of its own in every epoch."""
        self._order["order batch_size"] = repr(batch_size)
        return self.each_epoch(by_seed(*arrays, batch_size=batch_size), seed=seed)

    def each_epoch(
        self, make: Callable[[tf.Tensor], tf.data.Dataset], *, seed: int
    ) -> tf.data.Dataset:
        """Return the data of `make(epoch_seed)`, made anew in every epoch from a seed by `seed` and epoch."""
        self._order["order seed"] = repr(seed)
        return by_epoch(make, seed=seed, epoch=self._epoch)

    @property
    def best(self) -> Path:
        """The checkpoint with the best monitored value so far."""
        self._files.wait()
        if position := self._best.position:
            if path := self._files.find(position):
                return path
            raise CheckpointError(
                f"{self._files.path}: the checkpoint of the best epoch, {position.epoch}, is gone"
            )
        history = getattr(getattr(self, "_model", None), "history", None)
        raise CheckpointError(
            f"no best checkpoint: {self._best.why_none(history and history.history)}"
        )

    def on_train_begin(self, logs=None):
        if not hasattr(self, "_model"):
            raise ValueError("callbacks = run: must be a list, callbacks=[run]")
        self.model._initial_epoch = None  # of a run that an error ended before its first epoch
        self._settings = self._all_settings(call_of_fit())
        super().on_train_begin(logs)
        self._best.noted = None
        self._files.open()
        try:
            self._begin_or_resume()
        except BaseException:  # nothing trains here, so another process may
            self._files.close()
            raise

    def _begin_or_resume(self) -> None:
        self._note_begin()
        self._settings |= self._data.begin(self._fresh)
        self._checked: set[str] = set()
        self._awaits_build = not self.model.built
        self._resumed = self._files.newest()
        if self._resumed:
            self._resume(*self._resumed)
            self._note_begin()
        self._termination.watch()

    def on_epoch_begin(self, epoch, logs=None):
        self.model._initial_epoch = None  # fit has read it; the next fit starts at its own
        self._epoch.assign(epoch)
        self._done = 0
        if self._resumed:
            self._done = self._resumed.position.batch
            restore_history(self.model.history, self._resumed.state)
            set_random_state(self._resumed.state["random"])
        self._note_epoch()
        if self._done:
            self._train = self.model.train_function
            self._taken = 0
            self.model.train_function = self._take_without_training
        else:
            self._resumed = None
            super().on_epoch_begin(epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        if batch >= self._done:
            super().on_train_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        done = batch + 1
        if self._awaits_build and self.model.built:  # by its first batch, and that is no change
            self._awaits_build = False
            now = model_settings(self.model)
            self._model_begin = with_built_layers(self._model_begin, now)
        if done <= self._done:
            self._end_if_asked()
            return
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)
        if not self.model.stop_training and (self._is_due(done) or self._termination.asked):
            self._save(Position(int(self._epoch.numpy()), done), {})
            self._end_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        for callback in self.callbacks:  # the base class would give each a copy of logs
            callback.on_epoch_end(epoch, logs)
        check_logs(logs)
        self._best.check(logs, validates=self._validates)
        self._best.note(epoch + 1, logs)
        self._note_epoch()
        self._save(Position(epoch + 1, 0), logs)
        self._end_if_asked()

    def on_test_begin(self, logs=None):
        self._data.begin_validation()
        super().on_test_begin(logs)

    def _is_due(self, done: int) -> bool:
        """Whether `save_freq` asks for a save after so many batches of an epoch."""
        if self.save_freq == "epoch":
            return False
        before = done - self.model.steps_per_execution
        return done // self.save_freq > before // self.save_freq

    def _end_if_asked(self) -> None:
        """Answer SIGTERM, once all is saved; what is printed is flushed, since the process may end in a moment."""
        if self._termination.asked:
            self._files.wait()
            print(f"{self._files.path}: SIGTERM; training is saved", flush=True)
            self._termination.end()

    def on_train_end(self, logs=None):
        if self._resumed:  # there was no epoch left
            restore_history(self.model.history, self._resumed.state)
            self._resumed = None
        self.model._initial_epoch = None
        super().on_train_end(logs)
        self._files.close()
        self._termination.leave()

    def _save(self, position: Position, logs: dict[str, Any]) -> None:
        """Save the state; `logs` is what the History of fit, which comes after this callback, has still to learn."""
        self._files.wait()  # before the copy: never two of them in memory
        self._check_build()
        check_constancy(self._model_begin, model_settings(self.model))
        memory = self._walk(begin=self._begin)
        for function in (self.model.train_function, self.model.test_function):
            check_program(function, memory, self._checked)
        epochs, history = history_with(self.model.history, position.epoch, logs)
        state = {
            "model": capture(self.model, metrics=position.batch > 0, copy=self._asynchronous),
            "callbacks": list(self._named),
            "memory": {
                "content": memory.content,
                "variables": {
                    place: variable.numpy() for place, variable in memory.variables.items()
                },
                "optimizers": memory.built_for,
            },
            "data": self._data.content,
            "moved": self._data.moved,
            "validated": self._data.validated,
            "random": self._random,
            "random_now": random_state(),
            "epochs": epochs,
            "history": history,
            "best": self._best.noted,
            "stopped": self.model.stop_training,
            "steps": self.params["steps"],
            "settings": self._settings,
            "version": VERSION,
            "machine": fingerprint(),
        }
        self._files.save(position, state, best=self._best.position)

    def _check_build(self) -> None:
        """Raise CheckpointError for variables of the model that a resumed run could not make before its first step."""
        came = [each.path for each in self.model.variables if not self._begin.knows(each)]
        if came and (self._begin_is_built or not self.model.get_build_config()):
            raise CheckpointError(
                f"model: the variable {came[0]} was made during training, and a resumed run would lack it; make it "
                "before `fit`, by calling the model on a batch"
            )

    def _walk(self, begin: Memory | None = None) -> Memory:
        """Return what model and callbacks remember now, beside the variables that `capture` takes."""
        generators = {
            f"generator of {name}": variable for name, variable in random_variables().items()
        }
        known = variables(self.model) | generators
        return Memory(
            {"model": self.model, **self._named}, known=known, begin=begin, fresh=self._fresh
        )

    def _note_begin(self) -> None:
        """Keep what there is when training begins: a resumed run has no more to put its checkpoint into."""
        self._begin = self._walk()
        self._begin_is_built = self.model.built

    def _note_epoch(self) -> None:
        """Keep what the data of an epoch follow from, for checkpoints within it."""
        self._random = random_state()
        self._data.note_epoch()

    def _resume(self, path: Path, position: Position, state: dict[str, Any]) -> None:
        if "settings" not in state:
            raise CheckpointError(
                f"{path}: saved by an earlier version of the course; start afresh in another folder"
            )
        if position.batch and state["steps"] != self.params["steps"]:
            raise CheckpointError(
                f"{path}: saved in an epoch of {state['steps']} batches; now an epoch has {self.params['steps']}"
            )
        if state["callbacks"] != list(self._named):
            raise CheckpointError(
                f"{path}: saved with the callbacks {state['callbacks']}; now there are {list(self._named)}"
            )
        self._meant = self._compare_settings(state)
        self._restore(metrics=False)
        validated = state.get("validated", position.epoch > 0)  # earlier versions did not note it
        self._data.put_back(state["data"], keep=self._meant, validated=validated)
        self._best.resume(state, has=lambda position: self._files.find(position) is not None)
        if position.epoch == 0 and call_of_fit().get("initial_epoch"):  # Keras takes 0 for none
            raise CheckpointError(
                f"{path}: training goes on in the first epoch; call `fit` without initial_epoch"
            )
        finished = state["stopped"] or position.epoch >= self.params["epochs"]
        self.model._initial_epoch = self.params["epochs"] if finished else position.epoch
        outcome = "training had already finished" if finished else "training goes on"
        print(
            f"{self._files.path}: {outcome} after {position.epoch} epochs and {position.batch} batches"
        )
        if changes := differences(state.get("machine", fingerprint()), fingerprint()):
            there = "; ".join(changes.values())
            print(f"{path}: saved on another machine ({there}); the last digits will differ")

    def _restore(self, *, metrics: bool) -> None:
        """Put back what model and callbacks remembered, but not the settings that have been changed on purpose."""
        path, _, state = self._resumed
        rates = chosen_rates(self.model, self._walk().optimizers, self._meant)
        chosen = [rate.numpy() for rate in rates]
        restore(state["model"], self.model, metrics=metrics, source=path)
        self._walk().build(state["memory"]["optimizers"])
        memory = self._walk()
        memory.assign(state["memory"]["variables"])
        memory.put_back(state["memory"]["content"], keep=self._meant)
        for rate, value in zip(rates, chosen, strict=True):
            rate.assign(value)

    def _all_settings(self, call: dict[str, Any]) -> dict[str, str]:
        """Return the settings of this run; a second `fit` finds model and callbacks already trained."""
        self._validates = call.get("validation_data") is not None
        self._data.take(call, self.model)
        check_data(call, own=self._epoch)
        self._model_begin = model_settings(self.model)
        if getattr(self, "_model_settings", (None,))[0] is not self.model:
            memory = Memory({"model": self.model})
            self._model_settings = self.model, self._model_begin | memory.settings
            self._fresh |= memory.descriptions
        settings = self._model_settings[1] | self._own_settings | self._order | data_settings(call)
        return settings | self._best.settings

    def _compare_settings(self, state: dict[str, Any]) -> frozenset[str]:
        """Return the settings that differ from the checkpoint's. Raises CheckpointError if one does not on purpose."""
        source = self._resumed.path
        there = compared(state, self._settings, source=source)
        if not state["best"]:  # then there is nothing yet that hangs on them
            there = there | self._best.settings
        found = check_changes(there, self._settings, self._changed, source=source)
        return found | changed_unnoted(state, self._settings, self._changed)

    def _take_without_training(self, iterator):
        """Stand in for fit's training function until the batches before the kill are past: the data move on."""
        model = self.model
        model.train_function = self._train  # an error in here must not leave this one in place
        if self._taken == 0:
            # One true step, which creates the metrics' variables and is then undone.
            self._train(iterator)
            self._restore(metrics=True)
        else:
            for _ in range(model.steps_per_execution):
                next(iterator, None)
        self._taken += model.steps_per_execution
        if self._taken < self._done:
            model.train_function = self._take_without_training
        else:
            state = self._resumed.state
            set_random_state(unless_drawn(state["random_now"], since=state["random"]))
            self._resumed = None
        return model.get_metrics_result()


def load(path: str | Path, model: keras.Model) -> None:
    """Put a checkpoint's weights and optimizer state into a model of the same structure.

    Raises CheckpointError if the file is damaged or holds another model.
    """
    restore(read(path).state["model"], model, metrics=False, source=path)
