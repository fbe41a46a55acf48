"""The PyTorch part of lesson 11, run where PyTorch is installed; all else stands as facts and bounds in the lesson."""

import numpy as np
import pytest

from course.authoring.source import read
from course.training.fast_fit import epoch_order

BATCHES = 8


@pytest.fixture(scope="module")
def pytorch_life():
    """The lesson's own functions, on random images."""
    pytest.importorskip(
        "torch", reason="PyTorch is not installed; install it: python bootstrap.py torch"
    )
    cells = [
        cell.source for cell in read("11_checkpointing").cells if "def pytorch_" in cell.source
    ]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64 * BATCHES - 20, 28, 28, 1)), rng.integers(0, 10, 64 * BATCHES - 20)
    names = {
        "x": x.astype("float32"),
        "y": y,
        "seed": 3,
        "batch_size": 64,
        "batches": BATCHES,
        "every": 4,
    }
    names["epoch_order"] = epoch_order
    exec("\n".join(cells), names)
    return names["pytorch_life"]


@pytest.mark.parametrize("kills", [[BATCHES], [BATCHES + 3], [2, 7, 2 * BATCHES, 2 * BATCHES + 6]])
def test_a_killed_pytorch_run_ends_bit_for_bit_as_the_run_left_alone(kills, pytorch_life, tmp_path):
    end = 3 * BATCHES
    whole = pytorch_life(tmp_path / "whole.pt", end)
    for until in [*kills, end]:
        resumed = pytorch_life(tmp_path / "killed.pt", until)
    np.testing.assert_equal(resumed, whole)


@pytest.mark.parametrize("forgotten", ["set_rng_state", "Generator"])
def test_without_the_generators_the_resumed_pytorch_run_is_another(
    forgotten, pytorch_life, tmp_path, monkeypatch
):
    whole = pytorch_life(tmp_path / "whole.pt", 2 * BATCHES)
    monkeypatch.setattr(f"torch.{forgotten}", lambda *_: None)
    for until in (BATCHES + 3, 2 * BATCHES):
        resumed = pytorch_life(tmp_path / "killed.pt", until)
    assert np.abs(resumed - whole).max() > 0
