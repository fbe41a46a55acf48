"""Kill training processes at random moments, start them again, and compare with a run that was never killed.

    python -m benchmarks.kill_and_resume --kills 50

Half of the kills are aimed at a moment when a checkpoint is being written; half of the processes write
asynchronously. After each kill the newest whole
checkpoint must not be older than the last one that the process reported ("lost"), and every file in the folder
must be, byte for byte, one that the uninterrupted run wrote; a run that has come to its end must have the same
weights, optimizer, history and best checkpoint ("different").

The same is done, a fifth as often, to a naive writer: Keras saves the model in place, a text file counts the epochs.
The last line is the outcome for `course.checkpoints`, the line before it that for the naive writer.
"""

import argparse
import json
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter, deque
from contextlib import suppress
from pathlib import Path
from typing import Any

from course import ROOT
from course.checkpoint_files import CheckpointError, Position, read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="how many processes to kill (default: 50)")
    kills = parser.parse_args().kills
    children = Children()
    try:
        outcomes = {
            "naive writer": trial(children, "naive", kills=max(2, kills // 5)),
            "course": trial(children, "course", kills=kills),
        }
    finally:
        children.close()
    columns = ("kills", "mid-write", "runs", "lost", "different")
    print(" " * 12, *(f"{column:>10}" for column in columns))
    for name, count in outcomes.items():
        print(f"{name:12}", *(f"{count[column]:10}" for column in columns))
    for count in outcomes.values():
        print(json.dumps({column: count[column] for column in ("kills", "lost", "different")}))


def trial(children: "Children", writer: str, *, kills: int) -> Counter:
    """Kill so many processes of one writer, run after run, and count what came of it."""
    with tempfile.TemporaryDirectory() as parent:
        reference = Path(parent, "reference")
        final = Life(children, reference, writer, keep=10**6).end()
        written = _names(reference)
        count = Counter(kills=0)
        while count["kills"] < kills:
            count["runs"] += 1
            folder = Path(parent, f"run-{count['runs']}")
            outcome = None
            while outcome is None:
                early = folder.exists() and random.random() < 0.2
                life = Life(children, folder, writer, keep=3, asynchronous=random.random() < 0.5)
                outcome = life.kill(early=early) if count["kills"] < kills else life.end()
                count["lost"] += life.lost
                if outcome is None:
                    count["kills"] += 1
                    count["mid-write"] += _half_written(folder)
                    count["lost"] += _newest(folder) < life.saved
                    count["different"] += not _names(folder) <= written
            count["different"] += outcome != final
    return count


class Children:
    """Training processes that wait, with TensorFlow imported, for the word to start."""

    def __init__(self) -> None:
        self._waiting = deque([self._new()])

    def next(self) -> subprocess.Popen:
        self._waiting.append(self._new())
        return self._waiting.popleft()

    def close(self) -> None:
        for child in self._waiting:
            child.kill()
            child.communicate()

    def _new(self) -> subprocess.Popen:
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "benchmarks.killed_process"]
        return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True)


class Life:
    """One process in the life of a run, from its start to its end or to the kill."""

    def __init__(self, children: Children, folder: Path, writer: str, *, keep: int, asynchronous: bool = False) -> None:
        self.saved = Position(0, 0)  # what the process has reported as safe
        self.lost = False  # whether it found its checkpoint unreadable
        self._folder = folder
        self._final: Any = None
        self._other_lines: list[str] = []
        self._reports: queue.Queue[str] = queue.Queue()
        self._child = children.next()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        if self._await("ready") == "end":
            self.end()
        order = {"folder": str(folder), "writer": writer, "keep": keep, "asynchronous": asynchronous}
        print(json.dumps(order), file=self._child.stdin, flush=True)

    def kill(self, *, early: bool) -> Any:
        """Kill the process after its first save, or earlier; returns what it reported if it came to its end before."""
        if not early:
            self._await("saved")
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(random.uniform(0, 1))
        if random.random() < 0.5:
            while self._child.poll() is None and not _half_written(self._folder):
                time.sleep(0.0005)
        alive = self._child.poll() is None
        self._child.kill()
        self._listener.join()
        return self._final if alive else self.end()

    def end(self) -> Any:
        """Let the process come to its end; returns what it reported."""
        self._listener.join()
        if self._child.wait() or self._final is None:
            raise RuntimeError("the training process failed:\n" + "".join(self._other_lines))
        return self._final

    def _await(self, word: str) -> str:
        """Wait for a report, or for the end of the process; returns which of them came."""
        return next(report for report in iter(self._reports.get, None) if report in (word, "end"))

    def _listen(self) -> None:
        for line in self._child.stdout or ():
            if not line.endswith("\n"):
                break  # the kill cut the line short
            word, _, content = line.strip().partition(" ")
            if word == "saved":
                self.saved = Position(*json.loads(content))
            elif word == "lost":
                self.lost = True
            elif word == "final":
                self._final = json.loads(content)
            else:
                self._other_lines.append(line)
            self._reports.put(word)
        self._reports.put("end")


def _half_written(folder: Path) -> bool:
    """Whether a checkpoint is being written, or was when the process died."""
    naive = folder / "latest.keras"
    return any(folder.glob("*.partial")) or (naive.exists() and not zipfile.is_zipfile(naive))


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
