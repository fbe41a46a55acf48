"""Every call to the disk fails in turn: nothing that was said to be written is lost, nothing older comes silently."""

import os

import pytest

from benchmarks.every_call import SCENARIOS, trial
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
