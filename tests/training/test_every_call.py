"""Every call to the disk fails in turn: nothing that was said to be written is lost, nothing older comes silently."""

import os
import sys
from collections import Counter

import pytest

from benchmarks import every_call
from benchmarks.every_call import SCENARIOS, Scenario, trial
from benchmarks.failing_disk import Ended, FailingDisk
from course.files import write_whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_call_that_fails_loses_nothing_and_gives_nothing_older(name):
    count, wrong = trial(SCENARIOS[name], share=11 if "checkpoints" in name else 5)
    assert not wrong
    assert count["errors"] >= 2 * count["ends"] > 0
    assert count["power_cuts"] > count["ends"]
    print(f"{count['faults']} faults at {count['ends']} of {count['calls']} calls")


def left(folder, durable):
    """What power cuts may leave of a file that was written twice, by the first words in it."""
    for name in ("here", "cut"):
        (folder / name).mkdir()
    with FailingDisk(folder / "here") as disk:
        for content in ("old", "new"):
            write_whole(folder / "here" / "file", content, durable=durable)
    cuts = disk.power_cuts(folder / "cut", every=True)
    return {
        (cut / "file").read_text() if (cut / "file").exists() else "nothing there" for cut in cuts
    }


def test_the_disk_forgets_what_was_not_synced_and_keeps_what_was(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert left(tmp_path / "one", durable=True) == {"new"}
    assert left(tmp_path / "two", durable=False) == {"new", "old", "", "nothing there"}


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_call_fails_when_it_is_its_turn_and_half_of_a_write_is_done(tmp_path, at):
    def write():
        with (tmp_path / "file").open("wb", buffering=0) as file:
            file.write(b"12345678")

    with FailingDisk(tmp_path, at=at, fault="ENOSPC") as disk, pytest.raises(OSError, match="left"):
        write()
    kinds = ["open", "write", "close"]
    assert disk.failed.split()[0] == kinds[at - 1]
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [[], [b"1234"], [b"12345678"]][
        at - 1
    ]


def test_no_call_reaches_the_disk_after_the_end_of_the_process(tmp_path):
    with FailingDisk(tmp_path, at=3) as disk, pytest.raises(Ended):
        write_whole(tmp_path / "file", "content")
    assert disk.ended
    assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]


def in_place(path):
    """Write over a file, which a fault then finds half written, without a file object."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(descriptor, b"third")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def test_a_file_that_is_written_in_place_is_lost():
    durable = SCENARIOS["a durable file"]
    scenario = Scenario(
        lambda folder, said: in_place(folder / "file"),
        durable.after,
        durable.errors,
        durable.prepare,
    )
    count, _ = trial(scenario)
    assert count["write"] == 1
    assert count["lost"] > 0
    assert count["quiet"] == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda path: os.truncate(path, 0),
        lambda path: os.link(path, path.with_name("other")),
        lambda path: os.fdopen(os.open(path, os.O_RDONLY)),
        lambda path: os.pwrite(os.open(path, os.O_WRONLY), b"x", 0),
    ],
)
def test_what_the_disk_does_not_follow_is_refused(change, tmp_path):
    path = tmp_path / "file"
    path.write_text("before")
    with FailingDisk(tmp_path), pytest.raises(ValueError, match=r"os.\w+ in .*: is not followed"):
        change(path)
    assert path.read_text() == "before"


def test_a_fault_that_does_not_come_is_counted_as_none(monkeypatch, capsys):
    monkeypatch.setattr(every_call, "FailingDisk", lambda folder, **_: FailingDisk(folder))
    monkeypatch.setattr(every_call, "SCENARIOS", {"file": SCENARIOS["a durable file"]})
    monkeypatch.setattr(sys, "argv", ["every_call", "--share", "7"])
    with pytest.raises(SystemExit) as ended:
        every_call.main()
    assert ended.value.code == 1
    assert '"errors": 0, "ends": 0, "real_ends": 0' in capsys.readouterr().out


def test_what_writes_nothing_fails():
    count, wrong = trial(Scenario(lambda folder, said: None, lambda folder, said: "", ()))
    assert count == Counter(quiet=1, calls=0, power_cuts=2)
    assert wrong == ["quiet: call none: nothing was written"]
