"""The slow disk by hand-worked times, and sharded checkpoints against NumPy and damage."""

import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from course.topics import storage
from course.topics.storage import (
    CHUNK,
    SlowDisk,
    TokenBucket,
    load_sharded,
    refuse_slow,
    save_sharded,
)
from course.training.checkpoint_files import CheckpointError

STATE: dict[str, Any] = {
    "kernel": np.arange(35, dtype="float32").reshape(5, 7),
    "layers/1/file": np.arange(3, dtype="uint8"),
    "iterations": np.int64(2**60),
    "empty": np.zeros((0, 4), "float16"),
}


def test_a_bucket_lets_the_burst_pass_at_once_and_the_rest_at_its_rate():
    bucket = TokenBucket(rate=10, burst=20)
    assert bucket.delay(20, now=100) == 0
    assert bucket.delay(5, now=100) == 0.5
    assert bucket.delay(10, now=100.5) == 1  # the five are paid, ten are owed
    assert bucket.delay(10, now=101.5) == 1


def test_a_bucket_at_rest_fills_up_to_its_burst_and_no_further():
    bucket = TokenBucket(rate=10, burst=20)
    bucket.delay(20, now=0)
    assert bucket.delay(20, now=1) == 1
    assert bucket.delay(21, now=1000) == pytest.approx(0.1)


def test_threads_that_share_a_bucket_share_its_rate():
    bucket = TokenBucket(rate=100, burst=1)
    delays = []
    threads = [
        threading.Thread(target=lambda: delays.append(bucket.delay(10, now=0))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(delays) == pytest.approx([0.09, 0.19, 0.29, 0.39, 0.49, 0.59, 0.69, 0.79])


@pytest.mark.parametrize("name", ["rate", "burst"])
@pytest.mark.parametrize("value", [0, -3, math.nan])
def test_a_bucket_that_would_never_fill_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} = {value}: must be a number above 0"):
        TokenBucket(**{"rate": 1, "burst": 1} | {name: value})


@pytest.mark.parametrize(("start", "size"), [(0, -1), (0, 5), (CHUNK, 2 * CHUNK), (3 * CHUNK, 99)])
def test_a_slow_disk_reads_the_part_that_is_asked_for(start, size, tmp_path):
    content = np.random.default_rng(start).bytes(3 * CHUNK + 50)
    (tmp_path / "file").write_bytes(content)
    expected = content[start:] if size < 0 else content[start : start + size]
    assert SlowDisk(1e9).read(tmp_path / "file", start, size) == expected


def test_readers_of_a_slow_disk_share_its_rate(tmp_path):
    (tmp_path / "file").write_bytes(bytes(4 * CHUNK))
    disk = SlowDisk(20 * CHUNK)
    begin = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(disk.read, [tmp_path / "file"] * 2))
    assert list(map(len, parts)) == [4 * CHUNK] * 2
    assert time.monotonic() - begin > 0.99 * (8 - 1) / 20  # one chunk passes at once


def test_every_chunk_waits_for_the_disk_and_for_its_stream(tmp_path, monkeypatch):
    waited = []
    standing_still = SimpleNamespace(sleep=waited.append, monotonic=lambda: 0.0)
    monkeypatch.setattr(storage, "time", standing_still)
    in_all = [0, 1 / 20, 2 / 20, 2.5 / 20]  # three chunks and a half; the first passes at once
    in_stream = [0, 1 / 10, 2 / 10, 2.5 / 10]
    expected = [delay for pair in zip(in_all, in_stream, strict=True) for delay in pair]
    with SlowDisk(20 * CHUNK, 10 * CHUNK).open(tmp_path / "file") as file:
        file.write(bytes(7 * CHUNK // 2))
    assert waited == pytest.approx(expected)
    waited.clear()
    SlowDisk(20 * CHUNK, 10 * CHUNK).read(tmp_path / "file")
    assert waited == pytest.approx(expected)


@pytest.mark.parametrize("size", [0, 1, CHUNK, 3 * CHUNK + 5])
def test_a_slow_disk_keeps_every_byte(size, tmp_path):
    content = np.random.default_rng(size).bytes(size)
    with SlowDisk(1e9, 5e8).open(tmp_path / "file") as file:
        file.write(content)
    assert (tmp_path / "file").read_bytes() == content


@pytest.mark.parametrize("shards", [1, 2, 3, 50])
def test_what_was_saved_in_any_number_of_files_is_loaded_again(shards, tmp_path):
    save_sharded(tmp_path / "step-1", STATE, shards=shards, open_file=SlowDisk(1e9).open)
    loaded = load_sharded(tmp_path / "step-1")
    assert list(loaded) == list(STATE)
    for name, array in STATE.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array, strict=True)


def test_every_file_holds_an_equal_part(tmp_path):
    save_sharded(tmp_path / "step-1", {"a": np.zeros(4000), "b": np.zeros((100, 80))}, shards=4)
    parts = [np.load(path) for path in tmp_path.glob("step-1/*.npz")]
    assert [[part[name].size for name in part.files] for part in parts] == [[1000, 2000]] * 4


def test_a_save_that_fails_in_one_file_leaves_no_checkpoint(tmp_path):
    def full(path):
        if path.name == "shard-001.npz":
            raise OSError("No space left on device")
        return path.open("wb")

    with pytest.raises(OSError, match="No space left"):
        save_sharded(tmp_path / "step-1", STATE, shards=3, open_file=full)
    with pytest.raises(CheckpointError, match=r"step-1: has no manifest\.json"):
        load_sharded(tmp_path / "step-1")


def test_a_manifest_of_an_earlier_version_which_had_no_seal_is_read(tmp_path):
    save_sharded(tmp_path / "step-1", STATE, shards=2)
    path = tmp_path / "step-1" / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["seal"]
    path.write_text(json.dumps(manifest))
    assert list(load_sharded(tmp_path / "step-1")) == list(STATE)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_file_is_named(damage, tmp_path):
    save_sharded(tmp_path / "step-1", STATE, shards=3)
    path = tmp_path / "step-1" / "shard-002.npz"
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[:-1])
    with pytest.raises(CheckpointError, match=r"shard-002\.npz: missing or damaged"):
        load_sharded(tmp_path / "step-1")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-5],
        lambda text: "{}",
        lambda text: "[]",
        lambda text: text.replace('"a"', '"b"'),
        lambda text: text.replace("[2, 3]", "[3, 2]"),
        lambda text: text.replace("[2, 3]", "[4, 4]"),
    ],
    ids=["empty", "cut", "of nothing", "a list", "a name", "a shape", "a size"],
)
def test_a_damaged_manifest_is_named(damage, tmp_path):
    save_sharded(tmp_path / "step-1", {"a": np.zeros((2, 3))}, shards=2)
    path = tmp_path / "step-1" / "manifest.json"
    changed = damage(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(CheckpointError, match=r"manifest\.json: damaged; the checkpoint cannot"):
        load_sharded(tmp_path / "step-1")


@pytest.mark.parametrize("kind", ["bfloat16", "object"])
def test_an_array_that_would_not_come_back_is_refused_before_anything_is_written(kind, tmp_path):
    state = {"a": np.zeros(3), "b": np.zeros(3, dtype=getattr(ml_dtypes, kind, kind))}
    with pytest.raises(ValueError, match=f"b is {kind}: NumPy's files do not keep this type"):
        save_sharded(tmp_path / "step-1", state, shards=1)
    assert not (tmp_path / "step-1").exists()


def test_an_older_checkpoint_is_never_written_over(tmp_path):
    save_sharded(tmp_path / "step-1", {"a": np.ones(3)}, shards=1)
    with pytest.raises(FileExistsError):
        save_sharded(tmp_path / "step-1", {"a": np.zeros(3)}, shards=1)
    assert load_sharded(tmp_path / "step-1")["a"].all()


def test_a_save_may_take_half_of_the_time_between_two_failures_and_no_more():
    refuse_slow(20, state=1000, mtbf=100)  # a save takes 50 seconds
    with pytest.raises(ValueError, match=r"bandwidth = 19\.9: must be at least 20; with less"):
        refuse_slow(19.9, state=1000, mtbf=100)


@pytest.mark.parametrize("shards", [0, -1, 0.5, 1.5, float("nan")])
def test_a_number_of_shards_that_is_none_is_refused_before_a_folder_is_made(tmp_path, shards):
    with pytest.raises(ValueError, match=f"shards = {shards}: must be a whole number of at least"):
        save_sharded(tmp_path / "new" / "step-1", STATE, shards=shards)
    assert not any(tmp_path.iterdir())
