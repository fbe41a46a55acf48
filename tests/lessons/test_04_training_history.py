"""What relates the results of lesson 04, seed by seed; the limits of each stand in the lesson."""

import importlib.util
import json
import time
import urllib.request

import keras
import numpy as np
import pytest
import tensorflow as tf

from course.authoring.source import read


def test_with_most_seeds_some_pairs_of_runs_speak_for_the_remedies_and_some_against(full):
    better, worse = (
        np.array(full(f"04.pairs_{verdict}").values) for verdict in ("better", "worse")
    )
    assert np.mean((better > 0) & (worse > 0)) > 0.5


CELLS = [cell.source for cell in read("04_training_history").cells if cell.kind == "code"]
EVENTS = "\n".join(cell for cell in CELLS if "class Events" in cell or "scalars = " in cell)
(BOARD,) = (cell for cell in CELLS if "program.TensorBoard" in cell)


@pytest.fixture
def history(tmp_path):
    """The history of a fit whose events the lesson's callback and Keras' own have written to `tmp_path`."""
    pytest.importorskip(
        "tensorboard",
        reason="TensorBoard is not installed; install it: python bootstrap.py tensorboard",
    )
    names = {"keras": keras, "folder": tmp_path}
    exec(EVENTS, names)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    callbacks = [names["Events"](), keras.callbacks.TensorBoard(tmp_path / "keras")]
    x, y = np.eye(2), np.ones((2, 1))
    return model.fit(x, y, validation_data=(x, y), epochs=3, verbose=0, callbacks=callbacks).history


def test_tensorboards_own_reader_finds_the_history(history, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator

    def curve(folder, tag):
        accumulator = EventAccumulator(str(tmp_path / folder), size_guidance={TENSORS: 0})
        accumulator.Reload()
        found = accumulator.Tensors(tag)
        assert [event.step for event in found] == [0, 1, 2]
        return [float(tf.make_ndarray(event.tensor_proto)) for event in found]

    for name, part in {"loss": "train", "val_loss": "validation"}.items():
        expected = pytest.approx(history[name], rel=1e-6)
        assert curve("events", name) == expected
        assert curve(f"keras/{part}", "epoch_loss") == expected


def test_the_page_that_the_lesson_starts_has_a_plot_for_each_curve(history, tmp_path, capsys):
    exec(BOARD, {"folder": tmp_path})
    address = capsys.readouterr().out.split()[-1]

    def asked(path):
        with urllib.request.urlopen(f"{address}data/plugin/scalars/{path}", timeout=60) as answer:
            return json.load(answer)

    for _ in range(100):  # the server reads the folder while it answers
        if len(asked("tags").get("events", ())) == len(history):
            break
        time.sleep(0.2)
    assert asked("tags")["events"].keys() == history.keys()
    for name, values in history.items():
        points = asked(f"scalars?run=events&tag={name}")
        assert [value for _, _, value in points] == pytest.approx(values, rel=1e-6)


def test_without_tensorboard_the_lesson_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    exec(BOARD, {})
    assert "python bootstrap.py tensorboard" in capsys.readouterr().out
