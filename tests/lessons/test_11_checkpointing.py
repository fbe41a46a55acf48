"""What lesson 11 must reach, asserted on its measured bands, and its PyTorch part, run where PyTorch is installed."""

import numpy as np
import pytest

from course.authoring.source import read
from course.training.fast_fit import epoch_order

BATCHES = 8


def test_with_most_seeds_a_worse_model_overwrites_the_best_when_weights_alone_come_back(full):
    assert full("11.worse_overwrote_the_best").median == 1
    assert full("11.best_after").median > full("11.best_before_the_kill").median


@pytest.mark.parametrize("way", ["backup_and_restore", "backup_and_order", "tensorflow_without_seeds"])
def test_what_forgets_the_seeds_or_the_order_strays_by_more_than_a_hundredth(way, full):
    assert full(f"11.{way}").low > 0.01


@pytest.mark.parametrize("way", ["ours", "tensorflow", "backup_and_seeds"])
def test_what_saves_all_resumes_to_the_last_bit(way, full):
    assert full(f"11.{way}").high == 0


def test_a_process_that_is_killed_for_real_ends_bit_for_bit_as_the_one_left_alone(printed):
    assert "killed twice, the same weights to the last bit: True" in printed.splitlines()


@pytest.fixture(scope="module")
def pytorch_life():
    """The lesson's own functions, on random images."""
    pytest.importorskip("torch", reason="PyTorch is not installed (the extra `torch` of pyproject.toml)")
    cells = [cell.source for cell in read("11_checkpointing").cells if "def pytorch_" in cell.source]
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64 * BATCHES - 20, 28, 28, 1)), rng.integers(0, 10, 64 * BATCHES - 20)
    names = {"x": x.astype("float32"), "y": y, "seed": 3, "batch_size": 64, "batches": BATCHES, "every": 4}
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
def test_without_the_generators_the_resumed_pytorch_run_is_another(forgotten, pytorch_life, tmp_path, monkeypatch):
    whole = pytorch_life(tmp_path / "whole.pt", 2 * BATCHES)
    monkeypatch.setattr(f"torch.{forgotten}", lambda *_: None)
    for until in (BATCHES + 3, 2 * BATCHES):
        resumed = pytorch_life(tmp_path / "killed.pt", until)
    assert np.abs(resumed - whole).max() > 0
