"""What decides a training run is told by its name when it differs; what does not decide it is not."""

import contextlib
import gc
import os
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from filelock import FileLock

from course import ROOT
from course.training.checkpoint_files import CheckpointError, CheckpointFolder, Position, read
from course.training.checkpoints import Checkpoints
from course.training.fast_fit import fast_fit
from course.training.settings import (
    call_of_fit,
    check_options,
    chosen_rates,
    data_settings,
    differences,
    is_meant,
    model_settings,
    name_callbacks,
)
from tests.training.noisy_data import Noisy

rng = np.random.default_rng(0)
X = rng.normal(size=(16, 3)).astype("float32")
Y = rng.normal(size=(16, 1)).astype("float32")


def build(
    *,
    activation="relu",
    rate=0.5,
    penalty=0.1,
    join=keras.layers.Add,
    swap=False,
    loss="mse",
    **options,
):
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(4, activation, kernel_regularizer=keras.regularizers.L2(penalty))(
        inputs
    )
    other = keras.layers.Dropout(rate)(keras.layers.Dense(4)(inputs))
    outputs = keras.layers.Dense(1)(join()([hidden, hidden] if swap else [hidden, other]))
    model = keras.Model(inputs, outputs)
    model.compile(**{"optimizer": keras.optimizers.Adam(0.01), "loss": loss} | options)
    return model


def frozen():
    model = build()
    model.layers[1].trainable = False
    return model


def squared(y, found):
    return keras.ops.mean((y - found) ** 2)


def other_squared():
    def squared(y, found):
        return keras.ops.mean((y - found) ** 4)

    squared.__qualname__ = "squared"
    return squared


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (
            {},
            {"activation": "tanh"},
            r"^layer \d \(Dense\)\.activation: 'relu' there, 'tanh' here$",
        ),
        ({}, {"rate": 0.4}, r"^layer 3 \(Dropout\)\.rate: 0\.5 there, 0\.4 here$"),
        ({}, {"penalty": 0.2}, r"kernel_regularizer\.config\.l2: 0\.1 there, 0\.2 here"),
        ({}, {"join": keras.layers.Multiply}, r"\(Add\)"),
        ({}, {"swap": True}, r"connections"),
        ({}, {"loss": "mae"}, r"^loss: 'mse' there, 'mae' here$"),
        ({}, {"loss_weights": [2.0]}, r"^loss_weights: "),
        ({}, {"metrics": ["mae"]}, r"^metrics\[0\]: not set there, 'mae' here"),
        ({}, {"optimizer": keras.optimizers.AdamW(0.01)}, r"^optimizer: Adam there, AdamW here$"),
        (
            {},
            {"optimizer": keras.optimizers.Adam(0.02)},
            r"^optimizer\.learning_rate: 0\.0\d* there, 0\.0\d* here$",
        ),
        (
            {},
            {"optimizer": keras.optimizers.Adam(0.01, clipnorm=1.0)},
            r"^optimizer\.clipnorm: None there, 1\.0 here$",
        ),
        (
            {"loss": squared},
            {"loss": other_squared()},
            r"^loss: the function squared \(\w+\) there, the function squared",
        ),
    ],
)
def test_a_setting_of_the_model_is_told_by_its_name(one, other, told):
    differing = differences(model_settings(build(**one)), model_settings(build(**other)))
    assert [text for text in differing.values() if re.search(told, text)], differing


def test_a_frozen_layer_is_told():
    assert "layer 1 (Dense).trainable" in differences(
        model_settings(build()), model_settings(frozen())
    )


def test_models_built_in_the_same_way_have_the_same_settings_whatever_keras_calls_their_layers():
    assert differences(model_settings(build()), model_settings(build())) == {}


def pipeline(factor=1.0, batch_size=4):
    scale = tf.constant(factor)
    return (
        tf.data.Dataset.from_tensor_slices((X, Y))
        .map(lambda x, y: (x * scale, y))
        .batch(batch_size)
    )


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ({"x": X}, {"x": X[:12]}, "data x"),
        ({"y": Y}, {"y": -Y}, "data y"),
        ({"x": [X, X]}, {"x": [X, X + 1]}, "data x[1]"),
        ({"x": np.array(["a", "b"], object)}, {"x": np.array(["a", "c"], object)}, "data x"),
        ({"x": X, "batch_size": 4}, {"x": X, "batch_size": 8}, "fit batch_size"),
        (
            {"x": X, "class_weight": {0: 1.0, 1: 2.0}},
            {"x": X, "class_weight": {0: 1.0, 1: 3.0}},
            "fit class_weight.1",
        ),
        ({"x": pipeline()}, {"x": pipeline(2.0)}, "data x"),
        ({"x": pipeline()}, {"x": pipeline(batch_size=8)}, "data x"),
        (
            {"x": pipeline(), "validation_data": (X, Y)},
            {"x": pipeline(), "validation_data": (X, -Y)},
            None,
        ),
    ],
)
def test_other_data_are_told_and_the_same_are_not(one, other, name):
    told = differences(data_settings(one), data_settings(other))
    assert list(told) == [name or "data validation_data[1]"]
    assert differences(data_settings(one), data_settings(dict(one))) == {}


def test_the_same_pipeline_made_twice_is_the_same():
    assert differences(data_settings({"x": pipeline()}), data_settings({"x": pipeline()})) == {}


@pytest.mark.parametrize("changed", ["rate", "layer 3 (Dropout).rate", "Dropout"])
def test_a_change_is_asked_for_by_a_part_of_its_name(changed):
    assert is_meant("layer 3 (Dropout).rate", changed)
    assert not is_meant("optimizer.learning_rate", changed)


class Killed(BaseException):
    """What stands in for SIGKILL within one process."""


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise Killed


def fit(folder, *, rate=0.05, seed=1, patience=9, rows=16, kill=False, **options):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    run = Checkpoints(folder, [keras.callbacks.EarlyStopping("loss", patience=patience)], **options)
    data = run.shuffled(X[:rows], Y[:rows], batch_size=8, seed=seed)
    callbacks = [run, *([Kill()] if kill else [])]
    return model, model.fit(data, epochs=4, shuffle=False, verbose=0, callbacks=callbacks)


@pytest.fixture
def killed(tmp_path):
    with pytest.raises(Killed):
        fit(tmp_path, kill=True, monitor="loss")
    return tmp_path


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (
            {"rate": 0.01},
            r"optimizer\.learning_rate: 0\.05\d* there, 0\.00\d* here.*changed=\['optimizer",
        ),
        ({"seed": 2}, r"order seed: 1 there, 2 here"),
        ({"rows": 12}, r"data x: .* there, .* here"),
        ({"patience": 5}, r"callback EarlyStopping: attribute patience: 9 there, 5 here"),
        ({"mode": "max"}, r"mode: 'min' there, 'max' here"),
    ],
)
def test_a_run_is_not_resumed_with_other_settings(killed, other, told):
    with pytest.raises(CheckpointError, match=told):
        fit(killed, **{"monitor": "loss"} | other)
    fit(killed, monitor="loss")  # the folder is as it was


def test_a_refused_run_lets_go_of_its_folder(killed):
    with pytest.raises(CheckpointError, match="order seed"):
        fit(killed, seed=2, monitor="loss")
    with FileLock(killed / "lock", blocking=False):  # by another handle, as another process
        pass


def test_a_run_that_an_error_ended_lets_go_of_its_folder_with_its_callback(tmp_path):
    with contextlib.suppress(
        Killed
    ):  # pytest.raises would keep the traceback, and all that it knows
        fit(tmp_path, kill=True, monitor="loss")
    gc.collect()
    with FileLock(tmp_path / "lock", blocking=False):
        pass


def test_a_change_that_is_asked_for_is_made_and_stays(killed):
    for _ in range(2):  # once more when it has finished
        model, history = fit(
            killed, rate=0.01, patience=5, changed=["learning_rate", "patience"], monitor="loss"
        )
        assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
        assert len(history.epoch) == 4
    with pytest.raises(CheckpointError, match=r"patience: 5 there, 9 here"):
        fit(killed, rate=0.01, monitor="loss")


def test_a_change_by_an_unknown_name_is_refused_with_the_names_there_are(killed):
    with pytest.raises(
        ValueError, match=r"changed = \['learnin_rate'\]: must be among .*optimizer\.learning_rate"
    ):
        fit(killed, monitor="loss", changed=["learnin_rate"])


def fit_arrays(folder, *, seed=1, order=None, kill=False, **options):
    """Train on arrays, which `fit` shuffles, or `fast_fit` by the seed `order`."""
    keras.backend.clear_session()
    tf.random.set_seed(seed)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", jit_compile=False)
    if order is not None:
        fast_fit(model, seed=order)
    callbacks = [Checkpoints(folder, monitor="loss", **options), *([Kill()] if kill else [])]
    model.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=callbacks)
    return model.get_weights()


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ({}, {"seed": 2}, "order set_random_seed: 1 there, 2 here"),
        ({"order": 1}, {"order": 2, "seed": 3}, "order fast_fit seed: 1 there, 2 here"),
    ],
)
def test_a_run_on_arrays_is_not_resumed_in_another_order_of_the_rows(tmp_path, one, other, told):
    whole = fit_arrays(tmp_path / "whole", **one)
    with pytest.raises(Killed):
        fit_arrays(tmp_path / "killed", kill=True, **one)
    with pytest.raises(CheckpointError, match=f"other settings: {told}\\. Put them back"):
        fit_arrays(tmp_path / "killed", **one | other)
    np.testing.assert_equal(fit_arrays(tmp_path / "killed", **one), whole)


class Sized(keras.layers.Layer):
    """Has a setting that it learns when it is built, as the axes of Keras' attention."""

    def __init__(self, width=None):
        super().__init__()
        self.width = width

    def build(self, shape):
        self.width = shape[-1]

    def call(self, x):
        return x / self.width

    def get_config(self):
        return {"width": self.width}


class KillAfterTheLastBatch(keras.callbacks.Callback):
    kills = True

    def on_epoch_end(self, epoch, logs=None):
        if self.kills:
            raise Killed


def test_a_model_that_its_first_batch_builds_goes_on_after_the_last_batch_of_an_epoch(
    tmp_path, monkeypatch
):
    def fit(folder):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([Sized(), keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        run = Checkpoints(folder, [KillAfterTheLastBatch()], monitor="loss", save_freq=2)
        data = run.shuffled(X[:16], Y[:16], batch_size=8, seed=1)
        return model.fit(data, shuffle=False, epochs=3, verbose=0, callbacks=[run]).history

    with pytest.raises(Killed):
        fit(tmp_path / "killed")
    (saved,) = (tmp_path / "killed").glob("*.npz")
    assert saved.name.startswith("epoch-0000-batch-000002")
    monkeypatch.setattr(KillAfterTheLastBatch, "kills", False)
    assert fit(tmp_path / "killed") == fit(tmp_path / "whole")


def fit_noisy(folder, data, *, run=None, kill=False, **options):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    run = run or Checkpoints(folder, monitor="loss", **options)
    callbacks = [run, *([Kill()] if kill else [])]
    model.fit(data, shuffle=False, epochs=4, verbose=0, callbacks=callbacks)
    return model.get_weights()


def test_what_data_of_python_began_with_is_compared_and_changed_where_asked(tmp_path):
    whole = fit_noisy(tmp_path / "whole", Noisy())
    with pytest.raises(Killed):
        fit_noisy(tmp_path, Noisy(), kill=True)
    with pytest.raises(CheckpointError, match=r"data: attribute noise: 0\.1 there, 0\.5 here"):
        fit_noisy(tmp_path, Noisy(0.5))
    np.testing.assert_equal(fit_noisy(tmp_path, Noisy()), whole)


def test_a_change_of_what_data_hold_is_made_where_it_is_asked_for(tmp_path):
    whole = Noisy()
    fit_noisy(tmp_path / "whole", whole)
    with pytest.raises(Killed):
        fit_noisy(tmp_path, Noisy(), kill=True)
    data = Noisy(0.5)
    fit_noisy(tmp_path, data, changed=["noise"])
    assert (data.noise, data.epochs) == (0.5, whole.epochs)


def test_the_same_data_and_callback_go_on_after_an_interruption(tmp_path):
    whole = fit_noisy(tmp_path / "whole", Noisy())
    data = Noisy()
    run = Checkpoints(tmp_path, monitor="loss")
    with pytest.raises(Killed):
        fit_noisy(tmp_path, data, run=run, kill=True)
    np.testing.assert_equal(fit_noisy(tmp_path, data, run=run), whole)


@pytest.mark.parametrize("same", [True, False])
def test_what_training_moves_in_the_data_is_put_back_and_not_compared(tmp_path, same):
    """Of the same data in a run of its own, or of data that draw by a generator without a seed."""
    data = Noisy()
    start = data.generator.bit_generator.state
    whole = fit_noisy(tmp_path / "whole", data)
    data.generator.bit_generator.state = start
    data.epochs = 0
    with pytest.raises(Killed):
        fit_noisy(tmp_path, data, kill=True)
    other = data if same else Noisy()
    other.generator = other.generator if same else np.random.default_rng()
    np.testing.assert_equal(fit_noisy(tmp_path, other), whole)


class Rebinding(keras.callbacks.Callback):
    """Holds a method of one list, and in training that of another."""

    def __init__(self):
        super().__init__()
        self.one, self.other = [], []
        self.note = self.one.append

    def on_epoch_end(self, epoch, logs=None):
        self.note(epoch)
        self.note = self.other.append


def test_a_method_that_training_binds_to_another_object_is_refused(tmp_path):
    run = Checkpoints(tmp_path, [Rebinding()], monitor="loss")
    with pytest.raises(CheckpointError, match=r"note: the method list\.append came there during"):
        fit_noisy(tmp_path, Noisy(), run=run)


class Holding(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.step = self.on_epoch_end


def test_a_checkpoint_from_before_methods_were_told_apart_goes_on(tmp_path):
    def train(epochs):
        keras.utils.set_random_seed(3)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        run = Checkpoints(tmp_path, [Holding()], monitor="loss")
        data = run.shuffled(X, Y, batch_size=8, seed=1)
        return model.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=[run]).epoch

    train(1)
    (newest,) = tmp_path.glob("epoch-0001*")
    state = read(newest).state
    name = "callback Holding: attribute step"
    assert state["settings"][name] == "the method Callback.on_epoch_end"
    state["settings"][name] = "an object of the class builtins.method"
    folder = CheckpointFolder(tmp_path, keep=1, asynchronous=False)
    folder.save(Position(1, 0), state, best=None)
    with pytest.raises(CheckpointError, match=r"step: an object of .* there, the method Callback"):
        train(2)
    folder.save(Position(1, 0), state | {"version": 2}, best=None)
    assert train(2) == [0, 1]


def test_data_of_a_checkpoint_from_before_they_were_compared_go_on_and_it_is_said(tmp_path, capsys):
    whole = fit_noisy(tmp_path / "whole", Noisy())
    with pytest.raises(Killed):
        fit_noisy(tmp_path, Noisy(), kill=True)
    (newest,) = tmp_path.glob("epoch-0002*")
    state = read(newest).state
    del state["version"], state["moved"]
    state["settings"] = {
        name: text for name, text in state["settings"].items() if not name.startswith("data: ")
    }
    CheckpointFolder(tmp_path, keep=1, asynchronous=False).save(Position(2, 0), state, best=None)
    np.testing.assert_equal(fit_noisy(tmp_path, Noisy()), whole)
    assert "earlier version, without data: attribute noise, data: attr" in capsys.readouterr().out


IN_ANOTHER_PROCESS = """
import sys
import keras
import numpy as np
from course.training.checkpoints import Checkpoints

class Holder(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.names = {"loss", "val_loss", "accuracy", "lr"}
        self.frozen = frozenset(["loss", "val_loss", "accuracy", "lr"])
        self.wanted = lambda name: name in {"loss", "val_loss", "accuracy", "lr"}
        self.rows = []
        self.generator = np.random.default_rng(1)
        self.note = self.rows.append
        self.draw = self.generator.normal

    def on_epoch_end(self, epoch, logs=None):
        self.note(self.draw())

keras.utils.set_random_seed(3)
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", run_eagerly=True)
holder = Holder()
run = Checkpoints(sys.argv[1], [holder], monitor="loss")
data = run.shuffled(np.ones((8, 1)), np.ones((8, 1)), batch_size=4, seed=1)
model.fit(data, shuffle=False, epochs=int(sys.argv[2]), verbose=0, callbacks=[run])
print(holder.rows)
"""


def test_a_run_goes_on_in_a_process_that_orders_sets_and_places_objects_otherwise(tmp_path):
    def train(hash_seed, epochs):
        run = subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS, str(tmp_path), str(epochs)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr.splitlines()[-1]
        return run.stdout.splitlines()[-1]

    train("1", 1)
    generator = np.random.default_rng(1)
    assert train("2", 3) == str([generator.normal() for _ in range(3)])


def test_arrays_that_fit_shuffles_without_a_seed_are_refused_before_training(tmp_path):
    with pytest.raises(CheckpointError, match=r"data: `fit` shuffles arrays .* use `shuffled`"):
        fit_arrays(tmp_path, seed=None)
    assert not list(tmp_path.glob("*.npz"))


def test_a_checkpoint_from_before_the_order_was_noted_goes_on_and_says_so(tmp_path, capsys):
    whole = fit_arrays(tmp_path / "whole")
    with pytest.raises(Killed):
        fit_arrays(tmp_path / "killed", kill=True)
    (newest,) = (tmp_path / "killed").glob("epoch-0002*")
    state = read(newest).state
    del state["version"]
    del state["settings"]["order set_random_seed"]
    CheckpointFolder(tmp_path / "killed", keep=1, asynchronous=False).save(
        Position(2, 0), state, best=None
    )
    np.testing.assert_equal(fit_arrays(tmp_path / "killed"), whole)
    assert (
        "earlier version, without order set_random_seed: an order is taken"
        in capsys.readouterr().out
    )
    with pytest.raises(CheckpointError, match="order set_random_seed: 1 there, 2 here"):
        fit_arrays(tmp_path / "killed", seed=2)


def test_a_setting_that_training_itself_changes_is_refused_at_the_next_save(tmp_path):
    class Unfreeze(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.layers[0].trainable = epoch == 0

    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    run = Checkpoints(tmp_path, [Unfreeze()], monitor="loss")
    with pytest.raises(
        CheckpointError, match=r"trainable: True there, False here.*when training began"
    ):
        model.fit(
            run.shuffled(X, Y, batch_size=8, seed=1),
            epochs=3,
            shuffle=False,
            verbose=0,
            callbacks=[run],
        )


@pytest.mark.parametrize("moment", ["on_epoch_begin", "on_epoch_end"])
@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda model: setattr(model.optimizer, "clipnorm", 0.1),
            r"optimizer\.clipnorm: None there",
        ),
        (
            lambda model: setattr(model.layers[0], "trainable", False),
            r"layer \d \(Dense\)\.trainable: True there",
        ),
    ],
)
def test_a_model_that_the_first_batch_builds_may_not_change_after_it(
    tmp_path, eager, moment, change, told
):
    def step(epoch, logs=None):
        if epoch == (moment == "on_epoch_begin"):
            change(model)

    callback = keras.callbacks.Callback()
    setattr(callback, moment, step)
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=eager, jit_compile=False)
    run = Checkpoints(tmp_path, monitor="loss")
    data = run.shuffled(X, Y, batch_size=8, seed=1)
    with pytest.raises(CheckpointError, match=f"{told}.*when training began"):
        model.fit(data, epochs=3, shuffle=False, verbose=0, callbacks=[callback, run])


def test_by_another_monitor_that_is_asked_for_the_best_epoch_is_another(killed):
    changed = ["mode"]
    fit(killed, monitor="loss", mode="max", changed=changed)
    newest = CheckpointFolder(killed, keep=9, asynchronous=False).newest()
    losses = newest.state["history"]["loss"]
    assert newest.state["best"] == {"epoch": 1 + losses.index(max(losses)), "value": max(losses)}
    assert max(losses) == losses[0] > min(losses)


def test_a_misspelt_monitor_is_told_at_the_end_of_the_first_epoch(tmp_path):
    with pytest.raises(CheckpointError, match=r"monitor = 'los' must be one of loss$"):
        fit(tmp_path, monitor="los")
    assert not list(tmp_path.glob("*.npz"))
    fit(tmp_path, monitor="loss")


OPTIONS = {"save_freq": "epoch", "keep": 1, "mode": "min", "changed": ()}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"save_freq": 0}, "save_freq = 0: must be 'epoch' or a number of batches, at least 1"),
        ({"keep": 0}, "keep = 0: must be a whole number, at least 1"),
        ({"keep": 2.5}, "keep = 2.5: must be a whole number, at least 1"),
        ({"keep": True}, "keep = True: must be a whole number, at least 1"),
        (
            {"save_freq": "batch"},
            "save_freq = 'batch': must be 'epoch' or a number of batches, at least 1",
        ),
        (
            {"save_freq": None},
            "save_freq = None: must be 'epoch' or a number of batches, at least 1",
        ),
        ({"mode": "most"}, "mode = 'most': must be 'min' or 'max'"),
        ({"changed": "loss"}, "changed = 'loss': must be a list of names, ['loss']"),
    ],
)
def test_an_option_that_checkpoints_cannot_have_is_refused_by_name(option, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_options(**OPTIONS | option)


@pytest.mark.parametrize(
    "option", [{}, {"save_freq": np.int64(1)}, {"mode": "max"}, {"changed": ["loss"]}]
)
def test_the_least_that_checkpoints_can_have_is_taken(option):
    check_options(**OPTIONS | option)


def test_rates_are_chosen_for_the_optimizers_that_are_meant():
    model = build()
    other = keras.optimizers.SGD(0.5)
    third = keras.optimizers.SGD(0.25)
    met = {"callback A.optimizer": other, "callback B.optimizer": third}

    def rates(*meant):
        return [float(rate) for rate in chosen_rates(model, met, meant)]

    assert rates() == []
    assert rates("callback A.optimizer") == [0.5]
    assert rates("callback B.optimizer", "optimizer.learning_rate") == pytest.approx([0.25, 0.01])
    assert rates("optimizer.clipnorm", "loss") == []
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
    met["callback A.optimizer"] = keras.optimizers.SGD(schedule)
    assert rates("callback A.optimizer") == []
    model.optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.125))
    assert rates("optimizer.inner_optimizer.config.learning_rate") == [0.125]


def test_arrays_among_the_arguments_of_fit_are_compared_by_their_values():
    def told(values):
        return data_settings({"class_weight": np.array(values)})["fit class_weight"]

    assert told([1.0, 2.0]) == told([1.0, 2.0]) != told([1.0, 3.0])
    plain = data_settings({"batch_size": np.int64(8), "shuffle": True, "validation_freq": [2]})
    assert (plain["fit batch_size"], plain["fit shuffle"]) == ("8", "True")
    assert plain["fit validation_freq"] == "2"
    assert plain["data x"] == "None"


def test_callbacks_are_named_by_their_class_and_counted_where_there_are_several():
    first, other, second = (
        keras.callbacks.History(),
        keras.callbacks.Callback(),
        keras.callbacks.History(),
    )
    assert name_callbacks([first, other, second]) == {
        "callback History": first,
        "callback Callback": other,
        "callback History 2": second,
    }


def test_the_call_of_fit_is_seen_from_within_and_not_from_without():
    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.call = call_of_fit()

    look = Look()
    build().fit(X, Y, batch_size=8, verbose=0, callbacks=[look])
    assert (look.call["batch_size"], look.call["x"] is X) == (8, True)
    assert call_of_fit() == {}
