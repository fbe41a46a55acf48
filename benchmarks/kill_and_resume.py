"""Kill training processes at random moments, start them again, and compare with a run that was never killed.

    python -m benchmarks.kill_and_resume --kills 50

Half of the kills are aimed at a moment when a checkpoint is being written; half of the processes write
asynchronously. After each kill the newest whole
checkpoint must not be older than the last one that the process reported, and the next process must go on from it, not
from before ("lost"); every file in the folder must be, byte for byte, one that the uninterrupted run wrote; a run that
has come to its end must have the same weights, optimizer, history and best checkpoint ("different"). The command fails
where kills lose or change something, and where none of many has met a save.

The same is done, a fifth as often, to a naive writer: Keras saves the model in place, a text file counts the epochs.
The last line is the outcome for `course.training.checkpoints`, the line before it that for the naive writer.
"""

import argparse
import json
import multiprocessing
import queue
import random
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import killed_process
from course.files import PARTIAL
from course.training.checkpoint_files import CheckpointError, Position, read

# Where processes can be forked, from one that has TensorFlow imported but not started: no kill waits for an import.
PROCESSES = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
PROCESSES.set_forkserver_preload([killed_process.__name__])
MANY = 20  # kills: none of so many in the middle of a save is no chance any more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--kills", type=int, default=50, help="how many processes to kill (default: 50)"
    )
    kills = parser.parse_args().kills
    if kills < 1:
        parser.error(f"--kills {kills}: must be at least 1")
    outcomes = {
        "naive writer": trial("naive", kills=max(2, kills // 5)),
        "course": trial("course", kills=kills),
    }
    columns = ("kills", "mid-write", "runs", "lost", "different")
    print(" " * 12, *(f"{column:>10}" for column in columns))
    for name, count in outcomes.items():
        print(f"{name:12}", *(f"{count[column]:10}" for column in columns))
    for count in outcomes.values():
        print(json.dumps({column: count[column] for column in ("kills", "lost", "different")}))
    course = outcomes["course"]
    if course["lost"] or course["different"] or (kills >= MANY and not course["mid-write"]):
        raise SystemExit(1)  # after the table, which says what; a scheduled run then fails


def trial(writer: str, *, kills: int) -> Counter:
    """Kill so many processes of one writer, run after run, and count what came of it."""
    with tempfile.TemporaryDirectory() as parent:
        reference = Path(parent, "reference")
        final = Life(reference, writer, keep=10**6).end()
        written = _names(reference)
        count = Counter(kills=0)
        while count["kills"] < kills:
            count["runs"] += 1
            folder = Path(parent, f"run-{count['runs']}")
            outcome = None
            while outcome is None:
                early = folder.exists() and random.random() < 0.2
                life = Life(folder, writer, keep=3, asynchronous=random.random() < 0.5)
                outcome = life.kill(early=early) if count["kills"] < kills else life.end()
                count["lost"] += life.lost
                if outcome is None:
                    count["kills"] += 1
                    count["mid-write"] += _half_written(folder)
                    count["lost"] += _newest(folder) < life.saved
                    count["different"] += not _names(folder) <= written
            count["different"] += outcome != final
    return count


class Life:
    """One process in the life of a run, from its start to its end or to the kill."""

    def __init__(self, folder: Path, writer: str, *, keep: int, asynchronous: bool = False) -> None:
        self.saved = Position(0, 0)  # what the process has reported as safe
        self.lost = False  # whether it found its checkpoint unreadable, or began before it
        self.found = _newest(folder)  # what there was to go on from
        self._folder = folder
        self._final: Any = None
        self._reports: queue.Queue[str] = queue.Queue()
        self._pipe, end = PROCESSES.Pipe(duplex=False)
        self._child = PROCESSES.Process(  # type: ignore[attr-defined]
            target=killed_process.run, args=(end, folder, writer, keep, asynchronous)
        )
        self._child.start()
        end.close()  # the process has the only other copy: when it dies, the pipe ends
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        self._await("ready")

    def kill(self, *, early: bool) -> Any:
        """Kill the process after its first save, or earlier; returns what it reported if it came to its end before."""
        if not early:
            self._await("saved")
        self._child.join(random.uniform(0, 1))
        if random.random() < 0.5:
            while self._child.is_alive() and not _half_written(self._folder):
                time.sleep(0.0005)
        alive = self._child.is_alive()
        self._child.kill()
        self._listener.join()
        return self._final if alive else self.end()

    def end(self) -> Any:
        """Let the process come to its end; returns what it reported."""
        self._listener.join()
        self._child.join()
        if self._child.exitcode or self._final is None:
            raise RuntimeError(
                f"the training process failed with exit status {self._child.exitcode}"
            )
        return self._final

    def _await(self, word: str) -> None:
        """Wait for a report, or for the end of the process."""
        next(report for report in iter(self._reports.get, None) if report in (word, "end"))

    def _listen(self) -> None:
        with suppress(EOFError, OSError):  # the kill has ended the pipe, or cut a report short
            while True:
                word, content = self._pipe.recv()
                if word == "saved":
                    self.saved = Position(*content)
                elif word == "began":
                    self.lost |= Position(*content) < self.found
                elif word == "lost":
                    self.lost = True
                elif word == "final":
                    self._final = content
                self._reports.put(word)
        self._reports.put("end")


def _half_written(folder: Path) -> bool:
    """Whether a checkpoint is being written, or was when the process died."""
    naive = folder / "latest.keras"
    return any(folder.glob(f"*{PARTIAL}")) or (naive.exists() and not zipfile.is_zipfile(naive))


def _names(folder: Path) -> set[str]:
    """The checkpoints' names, which carry the hash of their content."""
    return {path.name for path in folder.glob("*.npz")}


def _newest(folder: Path) -> Position:
    """The position of the newest whole checkpoint."""
    newest = Position(0, 0)
    for path in folder.glob("*.npz"):
        with suppress(CheckpointError):
            newest = max(newest, read(path).position)
    return newest


if __name__ == "__main__":
    main()
