"""Validation data of Python with a memory: put back, compared, or refused."""

import keras
import numpy as np
import pytest

from course.training.checkpoint_files import CheckpointError, CheckpointFolder, Position, read
from course.training.checkpoints import Checkpoints
from tests.training.noisy_data import Noisy, X, Y


class Killed(BaseException):
    """What stands in for SIGKILL within one process."""


class Kill(keras.callbacks.Callback):
    """Breaks training off within an epoch, the third if nothing else is said."""

    in_epoch = 2

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == self.in_epoch:
            raise Killed


def fit_validated(folder, data, *, kill=False):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    run = Checkpoints(folder, save_freq=1)
    callbacks = [run, *([Kill()] if kill else [])]
    given = {"x": run.shuffled(X, Y, batch_size=8, seed=1), "shuffle": False}
    return model.fit(
        **given, validation_data=data, epochs=4, verbose=0, callbacks=callbacks
    ).history


def test_what_validation_data_of_python_remember_is_put_back_and_compared(tmp_path):
    whole = fit_validated(tmp_path / "whole", Noisy())
    with pytest.raises(Killed):
        fit_validated(tmp_path, Noisy(), kill=True)
    assert list(tmp_path.glob("epoch-0002-batch-000001*"))
    with pytest.raises(
        CheckpointError, match=r"validation data: attribute noise: 0\.1 there, 0\.5"
    ):
        fit_validated(tmp_path, Noisy(0.5))
    assert fit_validated(tmp_path, Noisy()) == whole


class Dealt(Noisy):
    """Has an order of rows of its own, made at the end of each epoch."""

    def __init__(self):
        super().__init__()
        self.order = np.arange(16)

    def __getitem__(self, batch):
        x, _ = super().__getitem__(batch)
        rows = self.order[8 * batch : 8 * batch + 8]
        return x, Y[rows]

    def on_epoch_end(self):
        self.order = self.generator.permutation(16)


@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize("data", [Noisy, Dealt])
def test_validation_data_go_on_whether_or_not_a_validation_came_before(
    tmp_path, monkeypatch, data, epoch
):
    monkeypatch.setattr(Kill, "in_epoch", epoch)
    whole = fit_validated(tmp_path / "whole", data())
    with pytest.raises(Killed):
        fit_validated(tmp_path, data(), kill=True)
    assert fit_validated(tmp_path, data()) == whole


def test_a_variable_in_data_that_changes_is_refused_by_its_place(tmp_path):
    class Drawn(Noisy):
        def __init__(self):
            super().__init__()
            self.seeds = keras.random.SeedGenerator(1)

        def __getitem__(self, batch):
            return X[:8] + keras.random.normal((8, 3), seed=self.seeds), Y[:8]

    with pytest.raises(
        CheckpointError, match=r"validation data: attribute seeds\.state: changes, and of data only"
    ):
        fit_validated(tmp_path, Drawn())


def test_validation_by_the_training_data_themselves_is_refused_where_they_change(tmp_path):
    def train(data, folder):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", run_eagerly=True)
        run = Checkpoints(folder)
        given = {"validation_data": data, "shuffle": False, "epochs": 2, "verbose": 0}
        return model.fit(data, **given, callbacks=[run]).epoch

    class Still(Noisy):
        def __getitem__(self, batch):
            return X[:8], Y[:8]

        def on_epoch_end(self):
            pass

    assert train(Still(), tmp_path / "still") == [0, 1]
    with pytest.raises(CheckpointError, match=r"validation data: they are the training data them"):
        train(Noisy(), tmp_path / "moves")


def test_a_checkpoint_from_before_validation_data_were_noted_goes_on_and_says_so(tmp_path, capsys):
    whole = fit_validated(tmp_path / "whole", Noisy(0.0))
    with pytest.raises(Killed):
        fit_validated(tmp_path, Noisy(0.0), kill=True)
    (newest,) = tmp_path.glob("epoch-0002-batch-000001*")
    state = read(newest).state
    state["version"] = 2
    state["data"] = {}
    state["settings"] = {
        name: text for name, text in state["settings"].items() if not name.startswith("validation")
    }
    folder = CheckpointFolder(tmp_path, keep=1, asynchronous=False)
    folder.save(Position(2, 1), state, best=None)
    assert fit_validated(tmp_path, Noisy(0.0)) == whole
    assert "without validation data: attribute noise, validation data" in capsys.readouterr().out
