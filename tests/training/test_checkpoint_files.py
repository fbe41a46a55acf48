"""A folder of checkpoints against damage, kills, full disks and other processes."""

import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import ml_dtypes
import numpy as np
import pytest

from course import ROOT
from course.files import whole_file
from course.training import checkpoint_files
from course.training.checkpoint_files import (
    CheckpointError,
    CheckpointFolder,
    Position,
    UnreadableError,
    read,
)

STATE = {
    "weights": {
        "a/0": np.arange(6, dtype="float32").reshape(2, 3),
        "seed": np.array([1, 2**32 - 1], "uint32"),
    },
    "best": 0.1 + 0.2,
    "history": [1, -1e-300, math.inf, None, True, "ä"],
    "keys": {1: 0.5, (0, "a"): {None: [2.5]}, "<items>": 1, "<tuple>": {"<array>": 3}},
    "nested": ({"scalar": np.float32(0.1)}, [np.int64(-(2**60))], ()),
}


@pytest.fixture
def folder(tmp_path):
    checkpoints = CheckpointFolder(tmp_path / "run", keep=3, asynchronous=False)
    checkpoints.open()
    yield checkpoints
    checkpoints.close()


@pytest.mark.parametrize(
    "value", [np.array(["a", None], dtype=object), np.zeros(1, [("a", "O")])[0]]
)
def test_what_numpy_would_pickle_is_refused_by_its_place(tmp_path, value):
    folder = CheckpointFolder(tmp_path, keep=1, asynchronous=False)
    folder.open()
    with pytest.raises(CheckpointError, match=r"^history/names: .* cannot be saved"):
        folder.save(Position(1, 0), {"history": {"names": value}}, best=None)
    assert not list(tmp_path.glob("epoch-*"))
    folder.close()


def saved(folder, epochs, best=None):
    """Save one checkpoint for each number of epochs, whose state is that number; returns their paths."""
    for epoch in epochs:
        folder.save(Position(epoch, 0), {"epoch": epoch, "array": np.full(1000, epoch)}, best=best)
    return sorted(folder.path.glob("*.npz"))


def test_a_state_comes_back_as_it_was(folder):
    folder.save(Position(2, 17), STATE, best=None)
    checkpoint = folder.newest()
    assert checkpoint.position == (2, 17)
    np.testing.assert_equal(checkpoint.state, STATE)
    assert type(checkpoint.state["nested"]) is tuple
    assert [array.dtype for array in checkpoint.state["weights"].values()] == ["float32", "uint32"]


@pytest.mark.parametrize(
    "value",
    [
        np.int64(3),
        np.float64(0.1),
        np.bool_(True),
        np.str_(""),
        np.complex64(1j),
        np.datetime64("2024-02-29", "ns"),
        ml_dtypes.bfloat16(0.5),
        np.array(0.1),
        np.zeros(2, [("a", "i4"), ("b", "f8")]),
        np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        np.zeros(2, "V8"),
        np.zeros(2, ml_dtypes.bfloat16),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.dtype}",
)
def test_a_number_stays_a_number_and_an_array_keeps_its_type(folder, value):
    folder.save(Position(1, 0), {"value": value}, best=None)
    found = folder.newest().state["value"]
    assert type(found) is type(value)
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)


def test_a_checkpoint_is_read_by_numpy_alone_without_pickle(folder):
    folder.save(Position(1, 0), STATE, best=None)
    with np.load(next(folder.path.glob("*.npz")), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["/weights/a/0"], STATE["weights"]["a/0"])
        assert json.loads(str(arrays["state"]))["best"] == 0.1 + 0.2


def test_what_is_no_data_is_refused_when_it_is_saved(folder):
    with pytest.raises(TypeError, match="not JSON serializable"):
        folder.save(Position(1, 0), {"file": open}, best=None)


def test_an_empty_folder_has_no_newest_checkpoint(folder):
    assert folder.newest() is None


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_named_and_the_one_before_it_used(folder, share):
    last = saved(folder, [1, 2])[-1]
    content = last.read_bytes()
    last.write_bytes(content[: int(len(content) * share)])
    with pytest.warns(UserWarning, match=last.name):
        assert folder.newest().state["epoch"] == 1


def test_a_flipped_bit_is_noticed_wherever_it_is(folder):
    last = saved(folder, [1, 2])[-1]
    content = last.read_bytes()
    for place in range(0, len(content), 97):
        flipped = bytearray(content)
        flipped[place] ^= 1 << place % 8
        last.write_bytes(flipped)
        with pytest.raises(CheckpointError, match=last.name):
            read(last)
    last.write_bytes(content)
    assert read(last).state["epoch"] == 2


def test_foreign_files_are_named_and_passed_over(folder):
    saved(folder, [1])
    foreign = folder.path / "weights.npz"
    np.savez(foreign, a=np.zeros(3))
    disguised = (
        folder.path / "epoch-0009-batch-000000-e3b0c44298fc1c14.npz"
    )  # the sha256 of nothing
    disguised.touch()
    with pytest.warns(UserWarning, match="left alone|the one before it is used") as warned:
        assert folder.newest().state["epoch"] == 1
    assert [str(each.message).split(":")[0] for each in warned] == [str(foreign), str(disguised)]
    assert {each.filename for each in warned} == {__file__}  # where it was called


def test_without_any_whole_file_there_is_an_error_and_no_fresh_start(folder):
    for path in saved(folder, [1, 2]):
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(CheckpointError, match="all of its 2 checkpoints are damaged; delete them"),
    ):
        folder.newest()


@pytest.mark.parametrize(
    ("best", "kept"), [(None, [3, 4, 5]), (1, [1, 3, 4, 5]), (4, [3, 4, 5]), (5, [3, 4, 5])]
)
def test_the_last_three_and_the_best_are_kept(folder, best, kept):
    files = saved(folder, range(1, 6), best=best and Position(best, 0))
    assert [read(path).position.epoch for path in files] == kept


def test_files_that_are_not_checkpoints_are_never_removed(folder):
    other = folder.path / "results.npz"
    np.savez(other, a=1)
    saved(folder, range(1, 9))
    assert other.exists()


def test_a_damaged_file_does_not_take_the_place_of_a_whole_one(folder):
    saved(folder, [1, 2, 3])[-1].write_bytes(b"damaged")
    assert [read(path).position.epoch for path in saved(folder, [2])] == [1, 2]


@pytest.mark.parametrize("keep", [1, 3])
@pytest.mark.parametrize("best", [None, Position(1, 0), Position(2, 0)])
def test_a_damaged_file_of_the_same_position_goes_and_what_was_just_saved_stays(
    tmp_path, keep, best
):
    folder = CheckpointFolder(tmp_path, keep=keep, asynchronous=False)
    folder.open()
    saved(folder, [1, 2], best=best)[-1].write_bytes(b"damaged")
    folder.save(Position(2, 0), {"now": "other"}, best=best)
    assert [read(path).state for path in tmp_path.glob("epoch-0002*")] == [{"now": "other"}]
    assert len(list(tmp_path.glob("epoch-0001*"))) == (keep == 3 or best == Position(1, 0))
    folder.close()


def test_equal_states_make_equal_files(tmp_path):
    names = set()
    for name in ("first", "second"):
        folder = CheckpointFolder(tmp_path / name, keep=1, asynchronous=False)
        folder.open()
        names |= {path.name for path in saved(folder, [1])}
        folder.close()
    assert len(names) == 1


@contextmanager
def full_disk():
    """No file of this process may grow beyond 1 kB: the system refuses the write, as a full disk does."""
    resource = pytest.importorskip("resource", reason="limits on files are POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_reported_and_leaves_the_earlier_files_whole(folder):
    saved(folder, [1, 2])
    with full_disk(), pytest.raises(CheckpointError, match="epoch 3, batch 0 could not be written"):
        saved(folder, [3])
    assert {path.suffix for path in folder.path.iterdir()} == {
        ".npz",
        "",
    }  # lock and process have no suffix
    assert [read(path).position.epoch for path in sorted(folder.path.glob("*.npz"))] == [1, 2]


def test_a_background_write_that_fails_is_reported_by_the_next_save_and_at_the_end(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=3, asynchronous=True)
    folder.open()
    saved(folder, [1])
    folder.wait()
    with full_disk():
        saved(folder, [2])  # says nothing yet
        with pytest.raises(CheckpointError, match="epoch 2"):
            saved(folder, [3])
        saved(folder, [4])
        with pytest.raises(CheckpointError, match="epoch 4"):
            folder.close()
    assert folder.newest().state["epoch"] == 1


class FirstWaits:
    """NumPy's `savez`, whose first call writes a part and waits for `go_on`."""

    def __init__(self, error=None):
        self.has_begun = threading.Event()
        self.go_on = threading.Event()
        self.error = error
        self.savez = np.savez

    def __call__(self, file, **arrays):
        if not self.has_begun.is_set():
            self.has_begun.set()
            assert self.go_on.wait(300)
            if self.error:
                raise self.error
        self.savez(file, **arrays)


def test_a_folder_opened_again_waits_for_the_write_of_a_training_that_was_broken_off(
    tmp_path, monkeypatch
):
    first = CheckpointFolder(tmp_path, keep=3, asynchronous=True)
    again = CheckpointFolder(tmp_path, keep=3, asynchronous=True)
    first.open()
    writing = FirstWaits()
    monkeypatch.setattr(np, "savez", writing)
    first.save(Position(1, 0), STATE, best=None)
    assert writing.has_begun.wait(300)
    wait = again.wait
    monkeypatch.setattr(again, "wait", lambda: (writing.go_on.set(), wait()))
    again.open()
    left = list(tmp_path.glob("*.partial"))
    writing.go_on.set()
    again.save(Position(2, 0), STATE, best=None)
    again.close()
    assert left == []
    assert [path.name[:10] for path in sorted(tmp_path.glob("*.npz"))] == [
        "epoch-0001",
        "epoch-0002",
    ]


def test_a_write_is_not_forgotten_where_the_waiting_for_it_was_broken_off(tmp_path, monkeypatch):
    folder = CheckpointFolder(tmp_path, keep=3, asynchronous=True)
    folder.open()
    writing = FirstWaits(OSError(28, "No space left on device"))
    monkeypatch.setattr(np, "savez", writing)
    folder.save(Position(1, 0), STATE, best=None)
    assert writing.has_begun.wait(300)

    def broken_off(future):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("concurrent.futures.Future.result", broken_off)
        with pytest.raises(KeyboardInterrupt):
            folder.wait()
    writing.go_on.set()
    with pytest.raises(CheckpointError, match="No space left"):
        folder.wait()
    folder.close()


def test_a_failed_write_of_a_training_that_was_broken_off_is_a_warning_to_the_next(
    tmp_path, monkeypatch
):
    folder = CheckpointFolder(tmp_path, keep=3, asynchronous=True)
    folder.open()
    writing = FirstWaits(OSError(28, "No space left on device"))
    writing.go_on.set()
    monkeypatch.setattr(np, "savez", writing)
    folder.save(Position(1, 0), STATE, best=None)
    with pytest.warns(UserWarning, match="No space left.*goes on from the newest of them"):
        folder.open()
    folder.save(Position(2, 0), STATE, best=None)
    folder.close()
    assert folder.newest().position == (2, 0)


def test_a_background_write_keeps_the_state_of_the_moment_of_saving(tmp_path):
    folder = CheckpointFolder(tmp_path, keep=3, asynchronous=True)
    folder.open()
    history = [1.0]
    folder.save(Position(1, 0), {"history": history}, best=None)
    history.append(2.0)
    folder.close()
    assert folder.newest().state["history"] == [1.0]


@contextmanager
def no_rights():
    """Nothing stops root, as whom tests run in containers: be another user for a while."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="folders have no read-only mode on Windows")
def test_a_read_only_folder_is_reported_and_its_checkpoints_stay():
    with tempfile.TemporaryDirectory() as path:  # not tmp_path, which other users cannot enter
        folder = CheckpointFolder(path, keep=3, asynchronous=False)
        folder.open()
        saved(folder, [1])
        folder.close()
        Path(path).chmod(0o555)
        with (
            no_rights(),
            pytest.raises(CheckpointError, match="checkpoints cannot be written here"),
        ):
            folder.open()
        Path(path).chmod(0o755)
        assert folder.newest().state["epoch"] == 1


@pytest.fixture
def shared_path():
    """A folder that every user can enter, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o777)
        yield Path(path)


@pytest.mark.skipif(os.name != "posix", reason="files have no read permission on Windows")
def test_a_checkpoint_that_may_not_be_read_is_neither_called_damaged_nor_passed_over(shared_path):
    folder = CheckpointFolder(shared_path, keep=3, asynchronous=False)
    last = saved(folder, [1, 2])[-1]
    last.chmod(0)
    message = (
        rf"{last.name}: cannot be read \(PermissionError: .*may be whole; let this user read it"
    )
    with no_rights(), pytest.raises(UnreadableError, match=message):
        folder.newest()
    last.chmod(0o644)
    assert folder.newest().state["epoch"] == 2


def test_a_checkpoint_that_is_not_there_is_said_to_be_missing(folder):
    (path,) = saved(folder, [1])
    path.unlink()
    with pytest.raises(UnreadableError, match=rf"{path.name}: no such file$"):
        read(path)


@pytest.mark.skipif(os.name != "posix", reason="folders have no read permission on Windows")
def test_a_folder_that_may_not_be_listed_is_not_taken_for_an_empty_one(shared_path):
    folder = CheckpointFolder(shared_path, keep=3, asynchronous=False)
    saved(folder, [1])
    shared_path.chmod(0o333)
    with no_rights(), pytest.raises(UnreadableError, match="this folder cannot be read"):
        folder.newest()
    shared_path.chmod(0o777)


HOLD = """
import sys
from course.training.checkpoint_files import CheckpointFolder
folder = CheckpointFolder(sys.argv[1], keep=1, asynchronous=False)
folder.open()
print("open", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_until_the_first_is_dead(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    first = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdout.readline() == "open\n"
    second = CheckpointFolder(tmp_path, keep=1, asynchronous=False)
    try:
        with pytest.raises(CheckpointError, match=f"in use by process {first.pid}"):
            second.open()
    finally:
        first.kill()
        first.communicate()
    second.open()
    second.close()


@pytest.mark.parametrize("look", [shutil.copytree, lambda path, _: (path / "lock").read_bytes()])
def test_the_owner_may_read_and_copy_its_folder_and_still_keeps_others_out(folder, tmp_path, look):
    saved(folder, [1])
    if os.name == "posix":  # Windows lets nobody read a locked file
        look(folder.path, tmp_path / "copy")
    other = subprocess.run(
        [sys.executable, "-c", HOLD, str(folder.path)], cwd=ROOT, capture_output=True, text=True
    )
    assert f"in use by process {os.getpid()}" in other.stderr
    assert not other.stdout


@pytest.mark.skipif(os.name != "posix", reason="Windows has no fork")
def test_a_forked_process_is_kept_out_of_the_folder_that_its_parent_has_open(folder, monkeypatch):
    place = os.getpid(), folder.path.resolve()
    monkeypatch.setitem(checkpoint_files._writes, place, Future())  # for which it must not wait
    child = os.fork()
    if not child:
        signal.alarm(30)
        try:
            CheckpointFolder(folder.path, keep=1, asynchronous=False).open()
        except CheckpointError as error:
            os._exit(0 if f"in use by process {os.getppid()}" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_process_may_open_its_folder_again_after_a_training_that_broke_off(tmp_path):
    broken_off = [CheckpointFolder(tmp_path, keep=1, asynchronous=False) for _ in range(3)]
    for each in broken_off:
        each.open()
    each.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows deletes no folder with a locked file")
def test_a_folder_that_was_deleted_and_made_anew_is_kept_from_others_again(folder):
    shutil.rmtree(folder.path)  # after a training that broke off, to start afresh
    again = CheckpointFolder(folder.path, keep=1, asynchronous=False)
    again.open()
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert f"in use by process {os.getpid()}" in other.stderr
    again.close()
    other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert other.stdout == "open\n"


def test_what_a_kill_left_half_written_is_cleared_away(folder):
    before = saved(folder, [1])
    folder.close()
    present = set(folder.path.iterdir())
    with (
        contextlib.suppress(KeyboardInterrupt),
        patch.object(Path, "unlink"),
        whole_file(folder.path, "any") as file,
    ):
        file.write(b"half")
        raise KeyboardInterrupt
    assert len(set(folder.path.iterdir()) - present) == 1
    folder.open()
    assert set(folder.path.iterdir()) == present
    assert saved(folder, []) == before
