"""The best epoch against the least and the greatest of hand-made values."""

import math

import pytest

from course.training.best import Best
from course.training.checkpoint_files import CheckpointError


@pytest.mark.parametrize(("mode", "epoch"), [("min", 3), ("max", 2)])
def test_the_best_epoch_is_the_first_with_the_least_or_greatest_value(mode, epoch):
    best = Best("val_loss", mode)
    assert (best.noted, best.position) == (None, None)
    for number, value in enumerate([math.nan, 5.0, 1.0, 1.0, 5.0, math.nan], start=1):
        best.note(number, {"val_loss": value, "loss": number})
    best.note(7, {"loss": 0.0})
    assert best.noted == {"epoch": epoch, "value": 1.0 if mode == "min" else 5.0}
    assert best.position == (epoch, 0)
    assert best.settings == {"monitor": "'val_loss'", "mode": repr(mode)}


STATE = {
    "best": {"epoch": 2, "value": 1.0},
    "settings": {"monitor": "'loss'", "mode": "'min'"},
    "epochs": [0, 1, 2, 3],
    "history": {"loss": [3.0, 1.0, 2.0, 1.5], "score": [0.4, 0.1, 0.3, 0.2], "mae": [7.0]},
}


@pytest.mark.parametrize(
    ("monitor", "mode", "noted"),
    [
        ("loss", "min", {"epoch": 2, "value": 1.0}),
        ("loss", "max", {"epoch": 3, "value": 2.0}),
        ("score", "max", {"epoch": 3, "value": 0.3}),
        ("score", "min", {"epoch": 2, "value": 0.1}),
        ("mae", "min", None),  # whose epochs nobody knows
        ("new", "min", None),
    ],
)
def test_by_another_monitor_the_best_is_that_of_the_checkpoints_there_are(monitor, mode, noted):
    best = Best(monitor, mode)
    best.resume(STATE, has=lambda position: position in {(2, 0), (3, 0)})
    assert best.noted == noted


def test_by_the_same_monitor_the_best_stays_though_its_checkpoint_is_gone():
    best = Best("loss", "min")
    best.resume(STATE, has=lambda position: False)
    assert best.noted == {"epoch": 2, "value": 1.0}


@pytest.mark.parametrize("value", [None, "high", [0.5]])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(CheckpointError, match=r"^monitor = 'score': must be a number in every"):
        Best("score", "max").note(1, {"score": value})


@pytest.mark.parametrize(
    ("monitor", "logs", "validates"),
    [
        ("loss", ["loss"], False),
        ("val_loss", ["loss"], False),  # the default
        ("val_mae", ["loss"], True),  # validation comes in a later epoch
        ("val_loss", ["loss", "val_loss"], True),
    ],
)
def test_a_value_that_is_there_or_may_come_is_taken(monitor, logs, validates):
    Best(monitor, "min").check(logs, validates=validates)


@pytest.mark.parametrize(
    ("monitor", "logs", "validates"),
    [
        ("los", ["loss"], False),
        ("val_mae", ["loss"], False),
        ("val_mae", ["loss", "val_loss"], True),
    ],
)
def test_a_value_that_cannot_come_is_refused_with_those_there_are(monitor, logs, validates):
    with pytest.raises(
        CheckpointError, match=f"^monitor = '{monitor}' must be one of {', '.join(logs)}$"
    ):
        Best(monitor, "min").check(logs, validates=validates)


@pytest.mark.parametrize(
    ("history", "why"),
    [
        (None, "nothing is trained yet; call `fit` with this callback first"),
        ({}, "nothing is trained yet; call `fit` with this callback first"),
        ({"loss": [1.0], "mae": [math.nan]}, "mae is not a number in any epoch"),
        ({"loss": [1.0]}, "monitor = 'mae' must be one of loss"),
    ],
)
def test_why_there_is_no_best_epoch_is_said(history, why):
    assert Best("mae", "min").why_none(history) == why
