"""The benchmarks that kill processes notice a run that begins anew, and one that nobody killed."""

import multiprocessing
import sys

import numpy as np
import pytest

from benchmarks import kill_and_resume, mnist_cnn
from course.training.checkpoint_files import CheckpointFolder, Position
from tests.training.begins_anew import Trainer


@pytest.mark.parametrize("anew", [False, True])
def test_a_process_that_begins_anew_has_lost_what_was_saved(anew, tmp_path, monkeypatch):
    monkeypatch.setattr(kill_and_resume, "PROCESSES", multiprocessing.get_context("spawn"))
    monkeypatch.setattr(kill_and_resume, "killed_process", Trainer(anew=anew))
    saved = CheckpointFolder(tmp_path, keep=3, asynchronous=False)
    saved.save(Position(2, 0), {"weights": np.full(9, 2, "float32")}, best=None)
    life = kill_and_resume.Life(tmp_path, "course", keep=3)
    assert life.end() == ["weights", None]
    assert life.found == (2, 0)
    assert life.lost == anew


class Child:
    """Stands in for a process that prints lines and ends with a status, if it is not killed."""

    def __init__(self, lines, status=0):
        self.stdout = [f"{line}\n" for line in lines]
        self.returncode = status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def kill(self):
        self.returncode = -9


def batches(first, last=5):
    return [
        f"epoch {epoch}, batch {batch}" for epoch in range(first, last + 1) for batch in (50, 150)
    ]


WHOLE = [*batches(1), "weights"]


@pytest.mark.parametrize(
    ("children", "says"),
    [
        ([WHOLE, WHOLE, [*batches(2), "weights"], [*batches(5), "weights"]], None),
        ([WHOLE, WHOLE, WHOLE], "training began with epoch 1, batch 50, not in epoch 2"),
        ([WHOLE, WHOLE, [*batches(2), "weights"], ["others"]], "training began with nothing"),
        ([WHOLE, ["MemoryError"]], "training ended with exit status 1, before epoch 2, batch 150"),
        ([[]], "training ended with exit status 1, before its end"),
    ],
)
def test_the_network_was_killed_twice_and_went_on(children, says, monkeypatch, capsys):
    left = [Child(lines, status=int(lines in ([], ["MemoryError"]))) for lines in children]
    monkeypatch.setattr(mnist_cnn.subprocess, "Popen", lambda *_, **__: left.pop(0))
    monkeypatch.setattr(sys, "argv", ["mnist_cnn", "--epochs", "5"])
    if says is None:
        mnist_cnn.main()
        assert "killed twice      weights" in capsys.readouterr().out
    else:
        with pytest.raises(SystemExit, match=says):
            mnist_cnn.main()
    assert left == []
