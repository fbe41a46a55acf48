"""SIGTERM saves and ends: the run that goes on ends as the run left alone; and nothing else changes for the signal."""

import os
import signal
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from course import ROOT
from course.training.checkpoint_files import CheckpointFolder
from course.training.checkpoints import Checkpoints
from course.training.termination import Termination

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")

TRAIN = """
import sys
import keras
import numpy as np
from course.training.checkpoints import Checkpoints

class Wait(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            print("second batch", flush=True)
            sys.stdin.readline()

keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", run_eagerly=True)
run = Checkpoints(sys.argv[1], monitor="loss", asynchronous=True)
x = np.ones((24, 3), "float32")
data = run.shuffled(x, x[:, :1], batch_size=4, seed=1)
model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=[Wait(), run])
"""


def test_a_process_that_is_told_to_end_saves_its_batch_and_ends_by_the_signal(tmp_path):
    command = [sys.executable, "-c", TRAIN, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
    assert process.stdout.readline() == "second batch\n"
    process.terminate()
    output, _ = process.communicate("go on\n", timeout=300)
    assert process.returncode == -signal.SIGTERM
    assert output.endswith("SIGTERM; training is saved\n")
    newest = CheckpointFolder(tmp_path, keep=3, asynchronous=False).newest()
    assert newest.position == (0, 2)  # where no save was due


class Told(Exception):
    """What the handler raises that was there before."""


@pytest.fixture
def told():
    """A handler of the user's own for SIGTERM."""

    def handler(number, frame):
        raise Told

    before = signal.signal(signal.SIGTERM, handler)
    yield handler
    signal.signal(signal.SIGTERM, before)


class Signal(keras.callbacks.Callback):
    """Sends SIGTERM at a moment of the second epoch, and may fail there."""

    def __init__(self, moment, error=None):
        super().__init__()
        self.moment = moment
        self.error = error

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.at(f"batch {batch}")

    def on_test_batch_end(self, batch, logs=None):
        self.at("validation")

    def at(self, moment):
        if self.epoch == 1 and moment == self.moment:
            signal.raise_signal(signal.SIGTERM)
            if self.error:
                raise self.error


def fit(folder, *signals, **options):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    x = np.random.default_rng(0).normal(size=(12, 3)).astype("float32")
    run = Checkpoints(folder, monitor="loss", **options)
    data = run.shuffled(x, x[:, :1], batch_size=4, seed=1)
    model.fit(
        data,
        validation_data=(x, x[:, :1]),
        epochs=3,
        shuffle=False,
        verbose=0,
        callbacks=[run, *signals],
    )
    return [variable.numpy() for variable in model.variables], model.history.history


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Weights and history of the run left alone."""
    return fit(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    ("moment", "position"),
    [("batch 1", (1, 2)), ("batch 2", (1, 3)), ("validation", (2, 0))],
)
def test_the_state_is_saved_before_what_handled_the_signal_until_then(
    tmp_path, told, whole, moment, position
):
    with pytest.raises(Told):
        fit(tmp_path / "told", Signal(moment))
    newest = CheckpointFolder(tmp_path / "told", keep=3, asynchronous=False).newest()
    assert newest.position == position
    assert signal.getsignal(signal.SIGTERM) is told
    np.testing.assert_equal(fit(tmp_path / "told"), whole)


def test_a_signal_while_the_data_are_wound_forward_ends_at_once(tmp_path, told):
    with pytest.raises(Told):
        fit(tmp_path, Signal("batch 1"))
    before = sorted(tmp_path.glob("*.npz"))
    with pytest.raises(Told):
        fit(tmp_path, Signal("batch 0"))
    assert sorted(tmp_path.glob("*.npz")) == before


def test_after_an_error_and_after_training_the_signal_does_what_it_did(tmp_path, told):
    for folder in ("failed", "failed again"):
        with pytest.raises(ArithmeticError):
            fit(tmp_path / folder, Signal("batch 1", error=ArithmeticError("nan")))
    assert signal.getsignal(signal.SIGTERM).before is told  # nothing of the first is kept
    with pytest.raises(Told):
        signal.raise_signal(signal.SIGTERM)
    fit(tmp_path / "ended")
    assert signal.getsignal(signal.SIGTERM) is told


class Chain(keras.callbacks.Callback):
    """Puts a handler over the one that there is, and calls that one: as libraries do."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def on_train_begin(self, logs=None):
        self.before = signal.signal(signal.SIGTERM, self.handle)

    def handle(self, number, frame):
        self.count += 1
        assert self.count < 9
        self.before(number, frame)


def test_the_signal_ends_training_where_another_handler_stands_over_the_own(tmp_path, told, capsys):
    """Once more after an error, with what both have left in place."""
    with pytest.raises(Told):
        fit(tmp_path / "first", Chain(), Signal("batch 1"))
    assert capsys.readouterr().out.count("SIGTERM") == 1
    with pytest.raises(Told):
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Told):
        fit(tmp_path / "second", Chain(), Signal("batch 1"))
    newest = CheckpointFolder(tmp_path / "second", keep=3, asynchronous=False).newest()
    assert newest.position == (1, 2)


def test_a_second_fit_of_one_model_and_callback_ends_though_handlers_of_the_first_are_left(told):
    calls = []
    termination = Termination(lambda: True)
    termination.watch()
    below = signal.getsignal(signal.SIGTERM)

    def over(number, frame):
        calls.append(number)
        below(number, frame)

    signal.signal(signal.SIGTERM, over)
    termination.watch()
    signal.raise_signal(signal.SIGTERM)
    assert (termination.asked, calls) == (True, [])
    with pytest.raises(Told):
        termination.end()
    assert calls == [signal.SIGTERM]


def test_where_the_signal_is_only_noted_training_goes_on_and_each_signal_is_saved(
    tmp_path, whole, capsys
):
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    try:
        result = fit(tmp_path, Signal("batch 1"), Signal("validation"))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM] * 2
    assert capsys.readouterr().out.count("SIGTERM; training is saved\n") == 2
    np.testing.assert_equal(result, whole)


def test_a_signal_that_is_ignored_stays_ignored_and_other_threads_leave_it_alone(told):
    termination = Termination(lambda: True)
    thread = threading.Thread(target=termination.watch)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is told
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    termination.watch()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
