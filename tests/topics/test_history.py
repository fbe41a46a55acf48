"""Lesson 04's figures show every run, and its data sets give every row."""

import keras
import numpy as np
import pytest

from course import figure
from course.topics import history


@pytest.fixture
def shown(monkeypatch):
    calls = []
    monkeypatch.setattr(figure, "show", lambda *call: calls.append(call))
    return calls


RUNS = [
    {"loss": [0.7, 0.2], "val_loss": [0.6, 0.4]},
    {"loss": [0.8, 0.001], "val_loss": [0.5, 3.0]},
]


def test_every_run_is_a_line_in_each_panel(shown):
    history.run_curves(RUNS, title="Two runs")
    picture, _, alt = shown[0]
    for axes, key in zip(picture.axes, ("loss", "val_loss"), strict=True):
        drawn = [line.get_ydata().tolist() for line in axes.get_lines()]
        assert drawn == [run[key] for run in RUNS]
    assert (
        "validation: 2 runs from 0.5 to 0.6 after the first epoch, from 0.4 to 3 after the last."
        in alt
    )


def test_runs_without_a_validation_loss_an_epoch_are_refused():
    some = {"loss": [0.7, 0.2], "val_loss": [0.6]}
    with pytest.raises(ValueError, match="val_loss has 1 values for 2 epochs"):
        history.run_curves([*RUNS, some], title="Three runs")


def test_what_a_logarithm_cannot_show_is_drawn_at_the_lowest_value(shown):
    history.run_curves(RUNS, title="Two runs", lowest=0.01)
    training = shown[0][0].axes[0]
    assert training.get_yscale() == "log"
    assert training.get_lines()[1].get_ydata().tolist() == [0.8, 0.01]


def test_marked_runs_show_where_each_was_highest_and_where_it_ended(shown):
    history.run_curves(RUNS, title="Two runs", mark=True)
    picture, _, alt = shown[0]
    validation = picture.axes[1]
    highest, last = validation.get_lines()[-2:]
    assert highest.get_xydata().tolist() == [[1, 0.6], [2, 3.0]]
    assert last.get_xydata().tolist() == [[2, 0.4], [2, 3.0]]
    named = [text.get_text() for text in validation.get_legend().get_texts()]
    assert named == ["highest of a run", "last of a run"]
    assert "after the last. Highest losses from 0.6 to 3." in alt


def test_runs_of_equal_value_stand_side_by_side(shown):
    history.run_dots({"one": np.array([2.0, 3.0, 2.0])}, title="Errors", label="%")
    picture, _, alt = shown[0]
    dots = np.concatenate([line.get_xydata() for line in picture.axes[0].get_lines()])
    assert sorted(dots[:, 0]) == [2.0, 2.0, 3.0]
    assert len(np.unique(dots, axis=0)) == 3
    assert alt.endswith("one: 2, 2, 3.")


def test_an_epoch_measures_two_batches_on_the_way_and_the_validation_rows_at_the_end(shown):
    history.epoch_sketch()
    picture, _, alt = shown[0]
    texts = [text.get_text() for text in picture.axes[0].texts]
    batches = [text for text in texts if text.startswith("batch")]
    assert batches == ["batch 1: 32 rows", "batch 2: 28 rows"]
    assert "validation\nrows" in texts
    assert "dropout off" in alt


def test_a_data_set_gives_every_row_with_its_label():
    rows = list(history.dataset(np.arange(6).reshape(3, 2), np.arange(3)).as_numpy_iterator())
    assert [(x.tolist(), int(y)) for x, y in rows] == [([0, 1], 0), ([2, 3], 1), ([4, 5], 2)]


def test_a_model_with_its_variables_is_the_same_model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"], run_eagerly=True)
    before = len(model.optimizer.variables)
    x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")
    assert history.with_variables(model, x, y) is model
    made = len(model.optimizer.variables), len(model.metrics_variables)
    assert made[0] > before
    model.fit(x, y, batch_size=4, verbose=0)
    assert (len(model.optimizer.variables), len(model.metrics_variables)) == made
