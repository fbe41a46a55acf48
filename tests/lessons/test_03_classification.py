"""What relates the results of lesson 03, seed by seed, and what it states of Keras; limits stand in the lesson."""

import contextlib
import io
import re
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from course import ROOT

X, Y = np.zeros((8, 2)), np.zeros(8, dtype=int)


@pytest.fixture
def model():
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, activation="softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    return made


def printed_by_fit(model, verbose):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        model.fit(X, Y, batch_size=2, epochs=3, verbose=verbose)
    return said.getvalue()


def test_with_every_seed_the_fit_stops_five_epochs_after_the_best(full):
    late = np.subtract(full("03.epochs_stopped").values, full("03.best_epoch").values)
    assert set(late) == {5}


def test_verbose_0_prints_nothing_and_2_prints_one_line_per_epoch_and_less_than_1(model):
    nothing, bar, lines = (printed_by_fit(model, verbose) for verbose in (0, 1, 2))
    assert nothing == ""
    assert lines.count("loss") == 3
    assert len(lines) < len(bar)


def test_documentation_of_fit_says_that_shuffle_is_whether_to_shuffle_the_data_before_each_epoch():
    owners = [vars(each) for each in keras.Model.__mro__ if "fit" in vars(each)]
    said = " ".join(owner["fit"].__doc__ or "" for owner in owners)
    assert "whether to shuffle the training data before each epoch" in " ".join(said.split())


def test_shuffle_false_spares_the_warning_that_keras_leaves_the_order_to_the_data_set(model):
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    with pytest.warns(UserWarning, match="`shuffle=True` was passed, but will be ignored"):
        model.fit(data, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(data, shuffle=False, verbose=0)


def test_the_program_for_the_maintainers_shows_one_order_after_a_seed_and_new_orders_without():
    program = ROOT / "docs" / "keras_same_order_every_epoch.py"
    run = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True)
    reports = re.findall(
        r"(.+)\n  expected: (.+)\n  found:    (.+)\n((?:    epoch .*\n)+)", run.stdout
    )
    assert len(reports) == 7
    for what, expected, found, epochs in reports:
        orders = [re.findall(r"\d+", line.partition(":")[2]) for line in epochs.splitlines()]
        assert [sorted(map(int, order)) for order in orders] == [[*range(12)]] * 3
        repeats = what.startswith("fit(arrays)") and "no seed" not in what
        assert all(order == orders[0] for order in orders[1:]) == repeats
        assert found == ("the same in every epoch" if repeats else "new in every epoch")
        assert expected == "new in every epoch"


def test_with_early_stopping_the_best_weights_are_restored(model):
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", mode="max", patience=1, restore_best_weights=True
    )
    history = model.fit(X, Y, epochs=9, validation_data=(X, Y), callbacks=[stop], verbose=0).history
    assert len(history["val_loss"]) == 2
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(history["val_loss"][0])
