"""Let every call to the disk fail in turn while the course writes what must not be lost, and see what is left.

    python -m benchmarks.every_call             # all of it
    python -m benchmarks.every_call --share 10  # every tenth call

Written are checkpoints (saved, pruned and restored, in both modes), a durable file, the records of runs and the
progress of a learner. Each open, read, write, fsync, rename, unlink, mkdir and close fails with EIO and with ENOSPC,
ends the process, and ends it by a power cut, after which what was not synced is there in part, in any combination
(`benchmarks.failing_disk`). A share of the ends is real, of a forked process.

"lost" is what was said to be written and is not there, or damaged; "older" what was silently replaced by an earlier
state; "nameless" an error of another kind than the one that is documented; "quiet" a fault that did not come, though it
was its turn. The command fails with any of these, and where something made no call. The last line is the count as JSON.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from benchmarks.failing_disk import Ended, FailingDisk
from course.files import PARTIAL, write_whole
from course.learner import progress
from course.runs import records
from course.training import checkpoint_files
from course.training.checkpoint_files import CheckpointError, CheckpointFolder, Position

ERRORS = ("EIO", "ENOSPC")
REAL = 7  # one of so many ends is real


@dataclass
class Scenario:
    """Something that is written, step by step.

    `write(folder, said)` does it and appends to `said`, after each step, what is now promised; `after(folder, said)`
    looks at a folder that was left so, in a new process, and says what is wrong with it, or nothing. `errors` are those
    that `write` may raise.
    """

    write: Callable[[Path, list], None]
    after: Callable[[Path, list], str]
    errors: tuple[type[Exception], ...]
    prepare: Callable[[Path], None] = field(default=lambda folder: None)


def state(number: int) -> dict[str, Any]:
    """The state of a checkpoint that can be told from any other."""
    return {"epoch": number, "weights": np.full(3000, number, "float32"), "history": [number]}


# Checkpoints


def _saves(keep: int, *, asynchronous: bool) -> Callable[[Path, list], None]:
    """Return a run of five saves, of which the second is the best, and the start of another run."""

    def write(folder: Path, said: list) -> None:
        files = CheckpointFolder(folder / "runs" / "digits", keep=keep, asynchronous=asynchronous)
        files.open()
        for epoch in range(1, 6):
            best = Position(min(epoch, 2), 0)
            files.save(Position(epoch, 0), state(epoch), best=best)
            files.wait()
            said.append(epoch)
        files.close()
        files.open()
        newest = files.newest()
        if newest is None or newest.state["epoch"] != 5:
            said.append("older")  # nobody was told
        files.close()

    return write


def _checkpoints_after(folder: Path, said: list) -> str:
    _let_go()
    saved = max([0, *(each for each in said if each != "older")])
    if "older" in said:
        return "older: not the newest checkpoint was restored, without an error"
    files = CheckpointFolder(folder / "runs" / "digits", keep=2, asynchronous=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            files.open()
            newest = files.newest()
    except (CheckpointError, UserWarning) as error:
        return f"lost: {error}"
    try:
        return _compare(files, newest, saved)
    finally:
        files.close()


def _compare(files: CheckpointFolder, newest: Any, saved: int) -> str:
    found = newest.position.epoch if newest else 0
    if found < saved:
        return f"lost: checkpoint {saved} was saved, {found} is the newest there"
    if newest and str(newest.state) + str(newest.state["weights"].sum()) != (
        str(state(found)) + str(state(found)["weights"].sum())
    ):
        return f"lost: checkpoint {found} is another"
    if saved >= 2 and not files.find(Position(2, 0)):
        return "lost: the best checkpoint"
    if any(files.path.glob(f"*{PARTIAL}")):
        return "lost: half-written files are still there"
    files.save(Position(found + 1, 0), state(found + 1), best=None)
    again = files.newest()
    return (
        "" if again and again.position.epoch == found + 1 else "lost: nothing can be saved any more"
    )


def _let_go() -> None:
    """Drop the locks, as the system does when a process ends."""
    for held in list(checkpoint_files._locks.values()):
        held.lock.release(force=True)
    checkpoint_files._locks.clear()


# A file, the records of runs, a learner's progress


def _write_file(folder: Path, said: list) -> None:
    for content in ("first", "second\n" * 5000, "third"):
        write_whole(folder / "file", content, durable=True)
        said.append(content)


def _file_after(folder: Path, said: list) -> str:
    contents = ["", "before", "first", "second\n" * 5000, "third"]
    found = (folder / "file").read_text() if (folder / "file").exists() else ""
    if found not in contents:
        return f"lost: {len(found)} characters are no state of the file"
    last = said[-1] if said else "before"
    return (
        "" if contents.index(found) >= contents.index(last) else f"lost: {last[:9]!r} was written"
    )


def _record(number: int) -> records.Record:
    return records.Record(
        name="01",
        lesson="01",
        parameters={"seed": number},
        outcome="passed",
        seconds=float(number),
        digest="",
        cell_seconds=0.0,
        claims={},
        exercises={},
        failure=None,
        versions={},
    )


def _notebook(number: int) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(f"x = {number}\n" * 2000, id="a")]
    )


def _write_records(folder: Path, said: list) -> None:
    for number in (1, 2, 3):
        records.write(_record(number), folder, _notebook(number))
        said.append(number)


def _records_after(folder: Path, said: list) -> str:
    found = records.read(folder / "01.json")
    promised = said[-1] if said else 0
    if (found.parameters["seed"] if found else 0) < promised:
        return f"lost: record {promised} was written"
    if (folder / "01.json").exists() and not found:
        return "lost: a record that cannot be read"
    if found:
        text = records.executed("01", folder).read_text()
        number = nbformat.reads(text, 4).cells[0].source.split()[2]
        if int(number) < found.parameters["seed"]:
            return f"older: the notebook is of run {number}, its record of {found.parameters}"
    return ""


def _write_progress(folder: Path, said: list) -> None:
    for number in range(3):
        progress.remember(folder, {f"01.{number}": progress.Standing("right", hints=("h",) * 500)})
        said.append(f"01.{number}")


def _progress_after(folder: Path, said: list) -> str:
    found = progress.remembered(folder)
    if any(folder.glob("*.unreadable")):
        return "lost: the file was damaged"
    lost = set(said) - found.keys()
    return f"lost: {sorted(lost)}" if lost else ""


def _before(folder: Path) -> None:
    (folder / "file").write_text("before")


SCENARIOS = {
    f"checkpoints, {mode}, keep {keep}": Scenario(
        _saves(keep, asynchronous=mode == "asynchronous"), _checkpoints_after, (CheckpointError,)
    )
    for mode in ("synchronous", "asynchronous")
    for keep in (1, 2)
}
SCENARIOS["a durable file"] = Scenario(_write_file, _file_after, (OSError,), _before)
SCENARIOS["records of runs"] = Scenario(_write_records, _records_after, (OSError,))
SCENARIOS["a learner's progress"] = Scenario(_write_progress, _progress_after, (OSError,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="one of so many calls (default: all)")
    share = parser.parse_args().share
    if share < 1:
        parser.error(f"--share {share}: must be at least 1")
    logging.disable()  # a damaged file is counted, and not told of as well
    total: Counter[str] = Counter()
    for name, scenario in SCENARIOS.items():
        count, wrong = trial(scenario, share=share)
        total += count
        kinds = ", ".join(f"{kind} {count[kind]}" for kind in KINDS if count[kind])
        tried = f"{count['faults']} faults, of which {count['power_cuts']} power cuts"
        print(f"{name}: {count['calls']} calls ({kinds}); {tried}", flush=True)
        for text, times in Counter(wrong).most_common(20):
            print(f"    {text} ({times} times)")
    report = {key: total[key] for key in ("calls", *OUTCOMES)}
    print(json.dumps(report))
    if not report["faults"] or any(report[key] for key in WRONG):
        sys.exit(1)


KINDS = ("open", "read", "write", "fsync", "rename", "unlink", "mkdir", "close")
WRONG = ("lost", "older", "nameless", "quiet")
OUTCOMES = ("faults", "errors", "ends", "real_ends", "power_cuts", *WRONG)


def trial(scenario: Scenario, *, share: int = 1) -> tuple[Counter, list[str]]:
    """Let every call of one scenario fail in every way; return the counts, and what was wrong."""
    with tempfile.TemporaryDirectory() as parent:
        case = _Case(scenario, Path(parent).resolve(), every=share == 1)
        calls = case.calls()
        for at in range(1, calls + 1, share):
            for error in ERRORS:
                case.fail(at, error)
            case.end(at)
            if at % REAL == 0 and hasattr(os, "fork"):
                case.really_end(at)
        return case.count, case.wrong


class _Case:
    def __init__(self, scenario: Scenario, parent: Path, *, every: bool) -> None:
        self.count: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._scenario = scenario
        self._parent = parent
        self._every = every

    def calls(self) -> int:
        """Let all calls pass, and count them."""
        folder = self._new()
        with FailingDisk(folder) as disk:
            said: list = []
            self._scenario.write(folder, said)
        for path in disk.power_cuts(self._parent / "cut", every=self._every):
            self.count["power_cuts"] += 1
            self._look("a power cut after the end", path, said)
        self._look("all calls pass", folder, said)
        self.count["calls"] = disk.calls
        self.count.update(disk.kinds)
        if not disk.kinds["write"]:
            self._say("quiet", "none: nothing was written")
        return disk.calls

    def fail(self, at: int, error: str) -> None:
        """Let one call fail with an error, then try again in the same process, then look."""
        folder = self._new()
        said: list = []
        with FailingDisk(folder, at=at, fault=error) as disk:
            try:
                self._scenario.write(folder, said)
            except self._scenario.errors as raised:
                try:  # in the same process, while the error is being handled, as a person in a notebook does
                    self._scenario.write(folder, [])
                except Exception as again:
                    self._say("nameless", f"{at}, {disk.failed}: {raised!r}; once more: {again!r}")
            except Exception as raised:
                self._say("nameless", f"{at}, {disk.failed}: {raised!r}")
        self._tried("errors", at, came=bool(disk.failed))
        self._look(f"{at}, {disk.failed}: {error}", folder, said)

    def end(self, at: int) -> None:
        """End the process at a call, and the power as well."""
        folder = self._new()
        said: list = []
        with FailingDisk(folder, at=at) as disk, contextlib.suppress(Ended):
            self._scenario.write(folder, said)
        _let_go()
        self._tried("ends", at, came=bool(disk.failed))
        for path in disk.power_cuts(self._parent / "cut", every=self._every):
            self.count["power_cuts"] += 1
            self.count["faults"] += 1
            self._look(f"{at}, {disk.failed}: power cut", path, said)
        self._look(f"{at}, {disk.failed}: end", folder, said)

    def really_end(self, at: int) -> None:
        """End a forked process at a call."""
        folder = self._new()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                with FailingDisk(folder, at=at, fault="exit"):
                    self._scenario.write(folder, _Told(write))
            finally:
                os._exit(1)
        os.close(write)
        with os.fdopen(read) as lines:
            said = [json.loads(line) for line in lines]
        _, status = os.waitpid(child, 0)
        self._tried("real_ends", at, came=status == 0)  # as the disk ends it, and nothing else does
        self._look(f"{at}: real end", folder, said)

    def _tried(self, kind: str, at: int, *, came: bool) -> None:
        """Count a fault, if it came."""
        if came:
            self.count[kind] += 1
            self.count["faults"] += 1
        else:
            self._say("quiet", f"{at}: it passed, or the process ended otherwise")

    def _new(self) -> Path:
        folder = self._parent / "folder"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self._scenario.prepare(folder)
        return folder

    def _look(self, what: str, folder: Path, said: list) -> None:
        if text := self._scenario.after(folder, said):
            kind, _, why = text.partition(": ")
            self._say(kind, f"{what}: {why}")

    def _say(self, kind: str, text: str) -> None:
        self.count[kind] += 1
        self.wrong.append(f"{kind}: call {text}")


class _Told(list):
    """A list whose items go through a pipe: what a process said before its end."""

    def __init__(self, pipe: int) -> None:
        super().__init__()
        self._pipe = pipe

    def append(self, item: Any) -> None:
        super().append(item)
        os.write(self._pipe, json.dumps(item).encode() + b"\n")


if __name__ == "__main__":
    main()
