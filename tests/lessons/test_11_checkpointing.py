"""What lesson 11 says beyond its facts and bounds, run: PyTorch where it is installed, signals, and "Try next"."""

import re
import signal
import subprocess
import sys
import tomllib

import keras
import numpy as np
import pytest

from benchmarks import pytorch_resume
from course import ROOT
from course.authoring.source import read
from course.evidence import SIGNIFICANT, sign_test
from course.topics.checkpointing import IN_PYTORCH
from course.training.batches import shuffled_batches
from course.training.fast_fit import epoch_order

BATCHES = 8
MISSING = "PyTorch is not installed; install it: python bootstrap.py torch"


def cells(part):
    """The code of the lesson's cells that hold `part`."""
    return [cell.source for cell in read("11_checkpointing").cells if part in cell.source]


def test_the_model_in_the_overwritten_file_is_usually_worse_and_straying_alone_tells_nothing(full):
    assert full("11.best_lost").median > 0
    assert sign_test(full("11.best_lost").values) < SIGNIFICANT
    assert sign_test(full("11.cost").values) >= SIGNIFICANT


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason=MISSING)


@pytest.fixture(scope="module")
def pytorch_run(torch):
    """The lesson's own functions, on random images."""
    rng = np.random.default_rng(0)
    images = 64 * BATCHES - 20
    names = {
        "x": rng.normal(size=(images, 28, 28, 1)).astype("float32"),
        "y": rng.integers(0, 10, images),
        "seed": 3,
        "batch_size": 64,
        "per_epoch": BATCHES,
        "every": 4,
        "epoch_order": epoch_order,
    }
    exec(pytorch_resume.cells(), names)
    return names["pytorch_run"]


@pytest.mark.parametrize("kills", [[BATCHES], [BATCHES + 3], [2, 7, 2 * BATCHES, 2 * BATCHES + 6]])
def test_a_killed_pytorch_run_ends_bit_for_bit_as_the_run_left_alone(kills, pytorch_run, tmp_path):
    end = 3 * BATCHES
    whole = pytorch_run(tmp_path / "whole.pt", end)
    for until in [*kills, end]:
        resumed = pytorch_run(tmp_path / "killed.pt", until)
    for one, other in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_tutorials_way_ends_elsewhere_after_a_kill_although_it_repeats_without_one(
    pytorch_run, tmp_path
):
    end = 3 * BATCHES
    whole, again = (pytorch_run(tmp_path / f"{name}.pt", end, False) for name in ("one", "two"))
    for one, other in zip(again, whole, strict=True):
        np.testing.assert_array_equal(one, other)
    pytorch_run(tmp_path / "killed.pt", BATCHES + 1, False)
    assert farthest(pytorch_run(tmp_path / "killed.pt", end, False), whole) > 0.01


def test_what_the_lesson_shows_of_pytorch_was_made_by_its_cells_of_today():
    stored = tomllib.loads(IN_PYTORCH.read_text())
    assert stored["cells"] == pytorch_resume.digest(), "run python -m benchmarks.pytorch_resume"
    tutorial, complete = stored["distances"].values()
    assert min(tutorial) > 0.01
    assert set(complete) == {0}


def test_in_pytorch_the_lessons_cells_do_again_what_is_stored(torch):
    tutorial, complete = pytorch_resume.distances(seed=0).values()
    assert tutorial > 0.01
    assert complete == 0


@pytest.mark.parametrize("forgotten", ["set_rng_state", "Generator"])
def test_try_next_without_the_generators_the_resumed_pytorch_run_is_another(
    forgotten, pytorch_run, tmp_path, monkeypatch
):
    whole = pytorch_run(tmp_path / "whole.pt", 2 * BATCHES)
    monkeypatch.setattr(f"torch.{forgotten}", lambda *_: None)
    for until in (BATCHES + 3, 2 * BATCHES):
        resumed = pytorch_run(tmp_path / "killed.pt", until)
    assert farthest(resumed, whole) > 0


def farthest(weights, others):
    return max(np.abs(one - other).max() for one, other in zip(weights, others, strict=True))


def test_a_data_loader_draws_from_the_global_generator_even_if_it_does_not_shuffle(torch):
    loader = torch.utils.data.DataLoader(torch.arange(6), batch_size=2)
    before = torch.get_rng_state()
    list(loader)
    assert not torch.equal(torch.get_rng_state(), before)
    loader = torch.utils.data.DataLoader(torch.arange(6), batch_size=2, generator=torch.Generator())
    before = torch.get_rng_state()
    list(loader)
    assert torch.equal(torch.get_rng_state(), before)


def test_scheduler_and_grad_scaler_have_a_state_dict_and_cuda_has_generators_of_its_own(torch):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1)
    optimizer.step()
    scheduler.step()
    assert scheduler.state_dict()["last_epoch"] == 1
    assert "scale" in torch.amp.GradScaler("cpu").state_dict()
    assert callable(torch.cuda.get_rng_state_all)


def program(folder):
    """The lesson's program without Keras, started in `folder`."""
    names = {}
    for part in ("START = ", "TRAINING = ", "PROGRAM = "):
        exec(cells(part)[0], names)
    command = [sys.executable, "-c", names["PROGRAM"], str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_the_kill_costs_the_steps_since_the_last_multiple_of_ten_and_sigterm_costs_none(
    ended_by, tmp_path
):
    with program(tmp_path) as child:
        lines = [child.stdout.readline() for _ in range(15)]
        child.send_signal(ended_by)
        lines += child.stdout.readlines()
    done = int(re.fullmatch(r"done (\d+)\n", lines[-1])[1])
    with program(tmp_path) as child:
        start = int(child.stdout.readline().removeprefix("from step "))
        child.kill()
    assert 14 <= done < 80
    if ended_by == signal.SIGTERM:
        assert start == done
    else:  # the process may have died between a save and its report
        assert start in {done // 10 * 10, (done + 1) // 10 * 10}


@pytest.mark.parametrize(("bad_epochs", "more"), [(0, 5), (4, 1)])
def test_early_stopping_counts_five_bad_epochs_and_begins_anew_in_a_new_process(bad_epochs, more):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    epochs = enumerate(np.linspace(1, 2, 50))  # every loss is higher than those before

    def started():
        callback = keras.callbacks.EarlyStopping(patience=5)
        callback.set_model(model)
        callback.on_train_begin()
        return callback

    def epochs_until_it_stops(callback):
        model.stop_training = False
        count = 0
        while not model.stop_training:
            epoch, loss = next(epochs)
            callback.on_epoch_end(epoch, {"val_loss": loss})
            count += 1
        return count

    callback = started()
    for _ in range(1 + bad_epochs):  # the best epoch comes first
        epoch, loss = next(epochs)
        callback.on_epoch_end(epoch, {"val_loss": loss})
    assert epochs_until_it_stops(callback) == more
    assert epochs_until_it_stops(started()) == 6


def test_initial_value_threshold_keeps_the_best_of_a_process_that_died(tmp_path):
    path = tmp_path / "best.weights.h5"
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    written = {}
    for threshold in (None, 0.5):
        saver = keras.callbacks.ModelCheckpoint(
            path,
            save_best_only=True,
            save_weights_only=True,
            initial_value_threshold=threshold,
            monitor="val_loss",
            mode="min",
        )
        saver.set_model(model)
        path.write_text("the best of the first process")
        saver.on_epoch_begin(0)
        saver.on_epoch_end(0, {"val_loss": 0.6})
        written[threshold] = path.read_bytes() != b"the best of the first process"
    assert written == {None: True, 0.5: False}


def test_adams_first_step_moves_every_weight_by_about_the_learning_rate():
    weights = keras.Variable([1.0, 1.0, 1.0])
    keras.optimizers.Adam(0.01).apply([np.array([1e-3, -1.0, 500.0], "float32")], [weights])
    np.testing.assert_allclose(np.array(weights) - 1, [-0.01, 0.01, -0.01], rtol=0.01)


def test_with_the_iterator_a_checkpoint_holds_the_whole_shuffle_buffer(tmp_path):
    import tensorflow as tf

    sizes = {}
    for buffer in (1, 100):
        images = np.random.default_rng(0).normal(size=(100, 1000)).astype("float32")
        iterator = iter(tf.data.Dataset.from_tensor_slices(images).shuffle(buffer, seed=1).repeat())
        next(iterator)
        prefix = tmp_path / str(buffer) / "ckpt"
        tf.train.Checkpoint(iterator=iterator).save(str(prefix))
        sizes[buffer] = sum(file.stat().st_size for file in prefix.parent.glob("ckpt*"))
    assert sizes[100] - sizes[1] > 0.9 * 100 * 1000 * 4


def rest_after_restore(make, steps, path):
    """Batches 0 to 17 without a save, and what a restored iterator gives after so many steps."""
    import tensorflow as tf

    def firsts(iterator, count):
        return [next(iterator)[0].numpy().tolist() for _ in range(count)]

    whole = firsts(iter(make()), 18)
    iterator = iter(make())
    firsts(iterator, steps)
    saved = tf.train.Checkpoint(iterator=iterator).save(str(path / f"after-{steps}"))
    restored = iter(make())
    tf.train.Checkpoint(iterator=restored).restore(saved)
    return whole[steps:], firsts(restored, 18 - steps)


def test_a_restored_iterator_of_shuffled_batches_may_deal_the_next_epoch_in_another_order(tmp_path):
    keras.utils.set_random_seed(0)
    x = np.arange(70)

    def shuffled():
        return shuffled_batches(x, x, batch_size=17, seed=5).repeat()

    wrong = 0
    for steps in (1, 2, 3):
        whole, restored = rest_after_restore(shuffled, steps, tmp_path)
        assert restored[: 5 - steps] == whole[: 5 - steps]  # the epoch of five batches
        wrong += restored != whole
    assert wrong > 0


def lessons_pipeline():
    """The lesson's endless batches, of 70 rows, as a new process makes them."""
    x = np.arange(70)
    names = {"x": x, "y": x, "batch_size": 17, "seed": 5}
    exec(cells("def one_epoch")[0], names)
    return names["endless"]


@pytest.mark.parametrize("steps", [0, 2, 5, 8, 12])
def test_a_restored_iterator_of_the_lessons_pipeline_goes_on_as_if_nothing_had_been(
    steps, tmp_path
):
    whole, restored = rest_after_restore(lessons_pipeline, steps, tmp_path)
    assert restored == whole


def test_the_lessons_pipeline_deals_every_row_once_an_epoch_in_another_order():
    batches = [rows.numpy() for rows, _ in lessons_pipeline().take(10)]
    first, second = np.concatenate(batches[:5]), np.concatenate(batches[5:])
    assert sorted(first) == sorted(second) == list(range(70))
    assert first.tolist() != second.tolist()


TRY_NEXT = {
    "    model.add(layers.MaxPooling2D())\n": "    model.add(layers.MaxPooling2D())\n"
    "    model.add(layers.BatchNormalization(momentum=0.9))\n",
    "keep=2, monitor": "keep=2, asynchronous=True, monitor",
}


def test_try_next_with_batch_normalization_and_asynchronous_saves_every_fact_and_bound_holds(
    tmp_path,
):
    text = "\n\n".join(
        cell.source for cell in read("11_checkpointing").cells if cell.kind == "code"
    )
    text = text.replace("fast: bool = False", "fast: bool = True")
    for old, new in TRY_NEXT.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "changed.py"
    path.write_text(text)
    run = subprocess.run(
        [sys.executable, path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert len(re.findall(r"(?m)holds$", run.stdout)) >= 10, run.stdout
    assert not re.search(r"fails|missed", run.stdout), run.stdout
