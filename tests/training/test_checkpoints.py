"""A run that was broken off and started again, against the same run left alone: not one bit may differ."""

import json
import os
import subprocess
import sys
import tracemalloc

import keras
import numpy as np
import pytest
import tensorflow as tf

from course import ROOT
from course.training.checkpoint_files import CheckpointError, CheckpointFolder, Position, read
from course.training.checkpoints import Checkpoints, load
from course.training.state import capture, restore

EPOCHS = 7
rng = np.random.default_rng(0)
X = rng.normal(size=(70, 4)).astype("float32")
Y = (X[:, 0] + rng.normal(size=70) > 0).astype("int32")
TRAINING = (X[:50], Y[:50])
VALIDATION = (X[50:], Y[50:])


class Subclassed(keras.Model):
    """Built only when data come, as learners write it."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(6, "relu")
        self.normalization = keras.layers.BatchNormalization(momentum=0.9)
        self.dropout = keras.layers.Dropout(0.5)
        self.out = keras.layers.Dense(2)

    def call(self, inputs, training=False):
        hidden = self.normalization(self.hidden(inputs), training=training)
        return self.out(self.dropout(hidden, training=training))


def sequential(units=6):
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(2)]
    return keras.Sequential(
        [*layers[:1], keras.layers.BatchNormalization(momentum=0.9), *layers[1:]]
    )


def functional():
    inputs = keras.Input((4,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(6, "relu")(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


class RandomBatches(keras.utils.PyDataset):
    """Batches drawn with NumPy's global generator; fit shuffles them with Python's."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        rows = np.random.choice(50, 10)
        return TRAINING[0][rows], TRAINING[1][rows]


def shuffled(run):
    return {"x": run.shuffled(*TRAINING, batch_size=10, seed=3), "shuffle": False}


def arrays(run):
    return {"x": TRAINING[0], "y": TRAINING[1], "batch_size": 10}


def py_dataset(run):
    return {"x": RandomBatches()}


class Killed(BaseException):
    """What stands in for SIGKILL within one process."""


class Kill(keras.callbacks.Callback):
    """Breaks training off after a batch."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.moment = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.moment:
            raise Killed


def fit(
    folder,
    make=sequential,
    data=shuffled,
    *,
    kill=None,
    steps_per_execution=1,
    epochs=EPOCHS,
    **options,
):
    """The command that is started again and again; returns model, history and callback."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    model = make()
    model.compile(
        keras.optimizers.Adam(0.03, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=7),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
        steps_per_execution=steps_per_execution,
    )
    callbacks = [
        keras.callbacks.EarlyStopping(patience=2, min_delta=0.01, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5),
        keras.callbacks.ModelCheckpoint(
            folder / "best.weights.h5", save_best_only=True, save_weights_only=True
        ),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    ]
    run = Checkpoints(folder, callbacks, **{"save_freq": 2} | options)
    killers = [Kill(*kill)] if kill else []
    history = model.fit(
        **data(run), epochs=epochs, validation_data=VALIDATION, verbose=0, callbacks=[run, *killers]
    )
    return model, history, run


def variables(model):
    return [variable.numpy() for variable in model.variables + model.optimizer.variables]


def weights_in(checkpoint):
    """The weights of the model, without the seeds of dropout, in the order of get_weights."""
    saved = checkpoint.state["model"]["variables"]
    return [
        array for name, array in saved.items() if name.startswith("model/") and "seed" not in name
    ]


@pytest.mark.parametrize(
    ("make", "data", "kill", "options"),
    [
        (sequential, shuffled, (2, 3), {"asynchronous": True}),
        (Subclassed, arrays, (2, 1), {"steps_per_execution": 2, "save_freq": 3}),
        (functional, py_dataset, (2, 4), {}),
    ],
)
def test_a_killed_run_ends_bit_for_bit_as_the_run_left_alone(
    tmp_path, capsys, make, data, kill, options
):
    whole, whole_history, _ = fit(tmp_path / "whole", make, data, **options)
    with pytest.raises(Killed):
        fit(tmp_path / "killed", make, data, kill=kill, **options)
    model, history, run = fit(tmp_path / "killed", make, data, **options)
    assert "training goes on after 2 epochs" in capsys.readouterr().out  # it has not begun anew
    assert 2 < len(history.epoch) < EPOCHS, (
        "early stopping must have stopped the run after the kill"
    )
    np.testing.assert_equal(variables(model), variables(whole))
    assert history.history == whole_history.history
    assert history.epoch == whole_history.epoch
    best = read(run.best)
    assert history.history["val_loss"][best.position.epoch - 1] == min(history.history["val_loss"])
    for name in ("whole", "killed"):  # what ModelCheckpoint holds to be the best
        model.load_weights(tmp_path / name / "best.weights.h5")
        np.testing.assert_equal(model.get_weights(), weights_in(best))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """Model, history and callback of three epochs left alone."""
    return fit(tmp_path_factory.mktemp("reference"), epochs=3)


def test_a_finished_run_says_so_and_can_be_lengthened_as_if_it_had_been_longer_from_the_start(
    tmp_path, reference, capsys
):
    first, first_history, _ = fit(tmp_path, epochs=2)
    capsys.readouterr()
    again, again_history, _ = fit(tmp_path, epochs=2)
    assert "training had already finished after 2 epochs and 0 batches" in capsys.readouterr().out
    np.testing.assert_equal(variables(again), variables(first))
    assert again_history.history == first_history.history
    longer, longer_history, _ = fit(tmp_path, epochs=3)
    np.testing.assert_equal(variables(longer), variables(reference[0]))
    assert longer_history.history == reference[1].history


def test_what_is_trained_after_a_finished_run_begins_at_its_own_first_epoch(tmp_path):
    fit(tmp_path / "first", epochs=2)
    model, _, _ = fit(tmp_path / "first", epochs=2)
    assert model.fit(*TRAINING, epochs=1, verbose=0).epoch == [0]
    fit(tmp_path / "first", epochs=2)
    second = Checkpoints(tmp_path / "second", monitor="loss")
    data = shuffled(second)
    assert model.fit(**data, epochs=3, verbose=0, callbacks=[second]).epoch == [0, 1, 2]


def test_a_finished_run_that_an_error_ended_leaves_no_first_epoch_behind(tmp_path):
    class Fail(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            raise ArithmeticError

    fit(tmp_path / "first", epochs=2)
    model, _, run = fit(tmp_path / "first", epochs=2)
    data = shuffled(run)
    with pytest.raises(ArithmeticError):
        model.fit(
            **data,
            epochs=2,
            validation_data=VALIDATION,
            verbose=0,
            callbacks=[run, Fail()],
        )
    second = Checkpoints(tmp_path / "second", monitor="loss")
    data = shuffled(second)
    assert model.fit(**data, epochs=3, verbose=0, callbacks=[second]).epoch == [0, 1, 2]


def test_the_same_model_and_callback_go_on_after_an_interruption(tmp_path, reference):
    with pytest.raises(Killed) as killed:
        fit(tmp_path, epochs=3, kill=(1, 2))
    frame = next(entry.frame for entry in killed.traceback if entry.name == "fit")
    model = frame.f_locals["model"]
    run = frame.f_locals["run"]
    history = model.fit(
        **shuffled(run), epochs=3, validation_data=VALIDATION, verbose=0, callbacks=[run]
    )
    np.testing.assert_equal(variables(model), variables(reference[0]))
    assert history.history == reference[1].history


def test_the_best_checkpoint_loads_into_a_model_and_scores_as_it_did(reference):
    _, history, run = reference
    model = sequential()
    load(run.best, model)
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert model.evaluate(*VALIDATION, verbose=0) == pytest.approx(
        min(history.history["val_loss"]), rel=1e-6
    )


def test_a_checkpoint_of_another_model_is_refused_by_the_variables_that_differ(reference):
    with pytest.raises(
        CheckpointError, match=r"dense/kernel \(4, 6\) there, \S*dense\S*/kernel \(4, 7\) here"
    ):
        load(reference[2].best, sequential(units=7))


def test_a_model_that_a_wrong_checkpoint_has_built_is_to_be_made_anew(reference):
    captured = capture(reference[0], metrics=False)
    wrong = captured | {"build": {"input_shape": (None, 9)}}
    model = sequential()
    with pytest.raises(CheckpointError, match=r"built for it, so make it anew$"):
        restore(wrong, model, metrics=False, source="wrong")
    with pytest.raises(CheckpointError, match=r"kernel \(9, 6\) here$"):
        restore(captured, model, metrics=False, source="right")
    model = sequential()
    restore(captured, model, metrics=False, source="right")
    np.testing.assert_equal(model.get_weights(), reference[0].get_weights())


def test_what_is_captured_without_a_copy_is_equal_and_takes_no_memory(reference):
    model = reference[0]
    copied = capture(model, metrics=True)["variables"]
    shared = capture(model, metrics=True, copy=False)["variables"]
    np.testing.assert_equal(shared, copied)
    assert [type(each) for each in shared.values()] == [type(each) for each in copied.values()]
    again = capture(model, metrics=True, copy=False)["variables"]
    kernels = [name for name in shared if "kernel" in name]
    assert kernels
    for name in kernels:
        assert np.shares_memory(shared[name], again[name]), name
        assert not np.shares_memory(copied[name], shared[name]), name
    restore(capture(model, metrics=False, copy=False), model, metrics=False, source="itself")
    np.testing.assert_equal(capture(model, metrics=True)["variables"], copied)


def test_other_callbacks_are_refused(reference):
    run = Checkpoints(reference[2].best.parent)
    run.set_model(reference[0])
    with pytest.raises(
        CheckpointError,
        match=r"saved with the callbacks \['callback EarlyStopping', .*; now .* \[\]",
    ):
        run.on_train_begin()


def test_an_epoch_that_was_broken_off_cannot_go_on_with_other_batches(tmp_path):
    with pytest.raises(Killed):
        fit(tmp_path, epochs=1, kill=(0, 3))
    with pytest.raises(CheckpointError, match="saved in an epoch of 5 batches; now an epoch has 2"):
        fit(
            tmp_path,
            data=lambda run: {"x": TRAINING[0], "y": TRAINING[1], "batch_size": 32},
            epochs=1,
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep": 0}, "keep = 0: must be a whole number, at least 1"),
        ({"mode": "least"}, "mode = 'least'"),
        ({"save_freq": 0}, "save_freq = 0"),
    ],
)
def test_wrong_options_are_refused_by_name(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        Checkpoints(tmp_path, **options)


def test_a_callback_that_is_not_in_a_list_is_refused(tmp_path, reference):
    with pytest.raises(ValueError, match=r"must be a list, callbacks=\[run\]"):
        reference[0].fit(*TRAINING, callbacks=Checkpoints(tmp_path), verbose=0)


def test_a_best_checkpoint_by_an_unknown_name_is_refused_with_the_names_there_are(reference):
    run = Checkpoints(reference[2].best.parent, monitor="val_acc")
    run.set_model(reference[0])
    with pytest.raises(
        CheckpointError, match="monitor = 'val_acc' must be one of accuracy, loss, val_accuracy"
    ):
        _ = run.best


def test_before_training_and_after_values_that_are_no_numbers_it_is_said_why_there_is_no_best(
    tmp_path,
):
    run = Checkpoints(tmp_path, monitor="loss")
    with pytest.raises(CheckpointError, match="no best checkpoint: nothing is trained yet"):
        _ = run.best
    model = sequential()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X * np.nan, X[:, :2], shuffle=False, verbose=0, callbacks=[run])
    with pytest.raises(CheckpointError, match="no best checkpoint: loss is not a number"):
        _ = run.best


def test_a_best_checkpoint_that_somebody_has_deleted_is_said_to_be_gone(tmp_path):
    run = Checkpoints(tmp_path, monitor="loss")
    model = sequential()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(X, X[:, :2], shuffle=False, verbose=0, callbacks=[run])
    run.best.unlink()
    with pytest.raises(CheckpointError, match="the checkpoint of the best epoch, 1, is gone"):
        _ = run.best


class Logs(keras.callbacks.Callback):
    """Puts a value into the logs of an epoch."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def on_epoch_end(self, epoch, logs=None):
        logs["rate"] = self.make(self.model)


@pytest.mark.parametrize("monitor", ["loss", "rate"])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda model: model.optimizer.learning_rate, r"logs\['rate'\]: a \w*Variable cannot be"),
        (lambda _: {frozenset([1]): 0.5}, r"logs\['rate'\]: a frozenset cannot be saved"),
        (lambda _: {"now": [tf.constant(1.0)]}, r"logs\['rate'\]: a EagerTensor cannot be saved"),
    ],
)
def test_a_value_of_the_logs_that_cannot_be_saved_is_refused_by_its_name(
    tmp_path, make, message, monitor
):
    model = sequential()
    model.compile("sgd", "mse", run_eagerly=True)
    run = Checkpoints(tmp_path, [Logs(make)], monitor=monitor)
    with pytest.raises(CheckpointError, match=f"{message}.*as by float"):
        model.fit(X, X[:, :2], shuffle=False, verbose=0, callbacks=[run])


def test_numbers_arrays_and_lists_in_the_logs_come_back(tmp_path):
    def train(epochs):
        model = sequential()
        model.compile("sgd", "mse", run_eagerly=True)
        run = Checkpoints(tmp_path, [Logs(lambda _: values)], monitor="loss")
        return model.fit(
            X, X[:, :2], shuffle=False, epochs=epochs, verbose=0, callbacks=[run]
        ).history

    values = [
        1,
        None,
        "text",
        np.float32(0.5),
        {"matrix": np.eye(2)},
        (True,),
        {0: 0.5, (1, 2): 0.25},
    ]
    train(1)
    np.testing.assert_equal(train(1)["rate"], [values])


@pytest.mark.parametrize("value", [None, np.array([0.5, 0.25]), "high"])
def test_a_monitored_value_that_is_no_number_is_refused_by_its_name(tmp_path, value):
    model = sequential()
    model.compile("sgd", "mse", run_eagerly=True)
    run = Checkpoints(tmp_path, [Logs(lambda _: value)], monitor="rate")
    with pytest.raises(CheckpointError, match=r"monitor = 'rate': must be a number in every epoch"):
        model.fit(X, X[:, :2], shuffle=False, verbose=0, callbacks=[run])


def test_a_first_epoch_of_ones_own_is_refused_where_keras_would_take_it_for_the_one_under_way(
    tmp_path, reference
):
    def train(initial_epoch, *callbacks):
        keras.utils.set_random_seed(1)
        model = functional()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, run_eagerly=True)
        run = Checkpoints(tmp_path, monitor="loss", save_freq=2)
        return model.fit(
            **{**shuffled(run), "initial_epoch": initial_epoch},
            epochs=3,
            verbose=0,
            callbacks=[run, *callbacks],
        )

    with pytest.raises(Killed):
        train(0, Kill(0, 3))
    with pytest.raises(CheckpointError, match=r"goes on in the first epoch.*without initial_epoch"):
        train(2)
    assert train(0).epoch == [0, 1, 2]


def orders(run, data, model):
    """The rows of three epochs, as fit would see them."""
    run.set_model(model)
    run.on_train_begin()
    rows = []
    for epoch in range(3):
        run.on_epoch_begin(epoch)
        rows.append([int(row) for batch in data for row in keras.tree.flatten(batch)[0]])
    run.on_train_end()
    return rows


@pytest.mark.parametrize("kind", ["arrays", "tf.data"])
def test_the_order_is_a_permutation_of_its_own_in_every_epoch_and_a_function_of_the_seed(
    tmp_path, reference, kind
):
    def data(run, seed):
        if kind == "arrays":
            return run.shuffled(
                np.arange(20), {"twice": 2 * np.arange(20)}, batch_size=6, seed=seed
            )
        return run.each_epoch(
            lambda s: tf.data.Dataset.range(20).shuffle(20, seed=s).batch(6), seed=seed
        )

    seen = []
    for seed in (1, 1, 2):
        run = Checkpoints(tmp_path / str(len(seen)))
        batches = data(run, seed)
        assert len(batches) == 4
        seen.append(orders(run, batches, reference[0]))
    assert seen[0] == seen[1] != seen[2]
    assert all(sorted(order) == list(range(20)) for order in seen[0])
    assert len({tuple(order) for order in [*seen[0], *seen[2]]}) == 6


def test_variables_of_half_precision_come_back(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    before = [np.asarray(weight, "float32") for weight in model.get_weights()]
    folder = CheckpointFolder(tmp_path, keep=1, asynchronous=False)
    folder.save(Position(1, 0), capture(model, metrics=False), best=None)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    restore(folder.newest().state, model, metrics=False, source="here")
    np.testing.assert_equal(
        [np.asarray(weight, "float32") for weight in model.get_weights()], before
    )


def test_asynchronous_saves_never_hold_more_than_one_copy_of_the_state(tmp_path):
    model = keras.Sequential([keras.Input((4096,)), keras.layers.Dense(4096)])
    model.compile(keras.optimizers.SGD(), "mse")
    model.optimizer.build(model.trainable_variables)
    model.history = keras.callbacks.History()
    model.history.on_train_begin()
    run = Checkpoints(tmp_path, keep=1, asynchronous=True)
    run.set_params({"epochs": 9, "steps": 1})
    run.set_model(model)
    run.on_train_begin()
    tracemalloc.start()
    for epoch in range(3):
        run.on_epoch_end(epoch, {"loss": 0.0})
    run.on_train_end()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    state = 4 * (4096 * 4096 + 4096)
    chunk = 2**24  # what NumPy writes at a time
    assert state < peak < state + 2.5 * chunk < 2 * state


def last_lines(name, *options):
    """What a benchmark prints as JSON, line by line from the last one."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in reversed(output.splitlines()) if line.startswith("{")]


def test_ten_kills_of_real_processes_lose_nothing_and_change_nothing():
    ours, naive = last_lines("kill_and_resume", "--kills", "10")
    assert ours == {"kills": 10, "lost": 0, "different": 0}
    assert naive["lost"] + naive["different"] > 0


def test_the_benchmark_of_stalls_measures_every_writer():
    (report,) = last_lines("checkpoint_stall", "--megabytes", "4", "--rounds", "1")
    writers = report["writers"]
    assert {".keras", ".weights.h5", "BackupAndRestore", "course, synchronous"} <= set(writers)
    assert writers["course, asynchronous"]["ratio"] == 1
    assert all(writer["stall"] > 0 for writer in writers.values())
    assert all({"lost", "processor"} <= writer.keys() for writer in writers.values())
    stall, limit = report["aims"]["stall of a synchronous save, 1.2 raw writes"]
    assert stall == writers["course, synchronous"]["stall"]
    assert limit == pytest.approx(1.2 * writers["raw write"]["stall"])


ON_SOME_CORES = """
import json
import os
import sys

cores, folder, epochs = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
import keras
import numpy as np

from course.training.checkpoints import Checkpoints

rng = np.random.default_rng(0)
x = rng.normal(size=(1000, 28, 28, 1)).astype("float32")
y = (x.reshape(1000, -1) @ rng.normal(size=(784, 10))).argmax(1)
keras.utils.set_random_seed(1)
layers = [keras.layers.Conv2D(16, 3, activation="relu"), keras.layers.MaxPooling2D()]
layers += [keras.layers.Flatten(), keras.layers.Dropout(0.2), keras.layers.Dense(10)]
model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile("adam", loss, jit_compile=False)
run = Checkpoints(folder)
data = run.shuffled(x, y, batch_size=128, seed=1)
history = model.fit(data, epochs=epochs, shuffle=False, verbose=0, callbacks=[run])
print(json.dumps(history.history["loss"]))
"""


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="there are no two cores, of which the system lets a process have one",
)
def test_on_another_number_of_cores_a_run_goes_on_says_so_and_its_losses_stay_close(tmp_path):
    def train(cores, name, epochs):
        command = [
            sys.executable,
            "-c",
            ON_SOME_CORES,
            str(cores),
            str(tmp_path / name),
            str(epochs),
        ]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        *said, losses = run.stdout.splitlines()
        return " ".join(said), np.array(json.loads(losses))

    _, whole = train(2, "whole", 3)
    train(2, "moved", 1)
    said, moved = train(1, "moved", 3)
    assert "training goes on after 1 epochs" in said
    assert "saved on another machine (cores: 2 there, 1 here); the last digits will differ" in said
    assert moved[0] == whole[0]
    assert np.abs(moved[1:] / whole[1:] - 1).max() < 1e-3  # rounding, which training makes larger
