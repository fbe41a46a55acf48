"""Real worker processes: what they share, how they fail, and that nothing of them is left behind."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
import psutil
import pytest

from course import ROOT
from course.topics import workers
from course.topics.workers import LIBRARIES, Worker, WorkerError, cores, run_workers


def report(worker: Worker, word: str) -> tuple:
    threads = {name: os.environ.get(name) for name in LIBRARIES}
    return (
        worker.rank,
        worker.count,
        word,
        cores(),
        threads,
        "tensorflow" in sys.modules,
        os.getpid(),
    )


def add_up(worker: Worker) -> float:
    worker.shared["numbers"][worker.rank] = worker.rank + 1
    worker.wait()
    return float(worker.shared["numbers"].sum())


def fail(worker: Worker) -> None:
    if worker.rank == 1:
        raise ArithmeticError("loss = nan")
    worker.wait()


def die(worker: Worker) -> None:
    if worker.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    worker.wait()


def leave(worker: Worker) -> None:
    if worker.rank == 0:
        os._exit(3)
    worker.wait()


def hold(worker: Worker) -> None:
    if worker.rank == 0:
        os.kill(multiprocessing.parent_process().pid, signal.SIGINT)
    time.sleep(30)


def say_so(worker: Worker, folder: str) -> None:
    Path(folder, str(worker.rank)).touch()


def compute(worker: Worker, folder: str) -> None:
    say_so(worker, folder)
    while True:
        worker.shared["x"] += 1


def meet(worker: Worker, folder: str) -> None:
    say_so(worker, folder)
    while True:
        worker.wait()


def wait_for_nobody(worker: Worker, folder: str) -> None:
    say_so(worker, folder)
    if worker.rank == 0:
        worker.wait()
    time.sleep(600)


def shared_memory_of(processes):
    """The segments that processes have mapped, as files; none where the system does not show them."""
    if sys.platform != "linux":
        return set()
    maps = [mapped.path for each in processes for mapped in each.memory_maps()]
    return {path for path in maps if path.startswith("/dev/shm/psm_")}


@pytest.fixture(autouse=True)
def nothing_left_behind(monkeypatch):
    """After each test: no worker, only Python's tracker of resources and server of forks, and no shared memory."""
    names = []

    class Noted(SharedMemory):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            names.append(self.name)

    monkeypatch.setattr(workers, "SharedMemory", Noted)
    yield
    left = psutil.Process().children()
    lines = [" ".join(child.cmdline()) for child in left]
    pythons_own = re.compile(r"multiprocessing\.(resource_tracker|forkserver) import")
    assert [line for line in lines if not pythons_own.search(line)] == []
    assert [forked for child in left for forked in child.children()] == []
    for name in names:
        with pytest.raises(FileNotFoundError):
            SharedMemory(name)


def test_workers_are_other_processes_each_with_its_rank_and_a_core_and_one_thread_and_no_tensorflow():
    before = dict(os.environ)
    results = run_workers(report, 2, {}, "word")
    assert [result[:3] for result in results] == [(0, 2, "word"), (1, 2, "word")]
    assert len({os.getpid(), *(result[-1] for result in results)}) == 3
    if available := cores():
        assert [result[3] for result in results] == [
            [available[0]],
            [available[1 % len(available)]],
        ]
    assert all(result[4] == dict.fromkeys(LIBRARIES, "1") for result in results)
    assert not any(result[5] for result in results)
    assert dict(os.environ) == before


def test_shared_arrays_are_the_same_memory_in_all_workers_and_a_copy_of_the_callers():
    numbers = np.zeros(3)
    odd = np.arange(5, dtype="uint8")
    assert run_workers(add_up, 3, {"odd": odd, "numbers": numbers}) == [6.0, 6.0, 6.0]
    np.testing.assert_array_equal(numbers, 0)


def test_an_exception_in_a_worker_ends_the_run_and_names_worker_and_cause():
    with pytest.raises(
        WorkerError, match="worker 1 of 3: ArithmeticError: loss = nan; the others were stopped"
    ):
        run_workers(fail, 3, {"x": np.zeros(4)})


def test_a_worker_that_does_not_come_is_what_the_one_that_waits_complains_of(monkeypatch, tmp_path):
    monkeypatch.setattr(workers, "BARRIER_TIMEOUT", 0.5)  # of the barrier, which is made here
    says = "worker 0 of 2: TimeoutError: another worker has not come in time; the others were"
    with pytest.raises(WorkerError, match=says):
        run_workers(wait_for_nobody, 2, {"x": np.zeros(4)}, str(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_worker_ends_the_run_although_the_others_wait_for_it():
    with pytest.raises(
        WorkerError, match="worker 1 of 2: killed by SIGKILL; the others were stopped"
    ):
        run_workers(die, 2, {"x": np.zeros(4)})


def test_a_worker_that_leaves_without_a_result_is_an_error_too():
    with pytest.raises(WorkerError, match="worker 0 of 2: ended with exit code 3"):
        run_workers(leave, 2, {})


def test_work_that_no_worker_could_import_is_refused():
    with pytest.raises(Exception, match="lambda"):
        run_workers(lambda worker: None, 1, {"x": np.zeros(4)})


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts itself with a signal")
def test_an_interrupt_ends_the_workers():
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where tests run in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            run_workers(hold, 2, {"x": np.zeros(4)})
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_script_that_starts_workers_is_not_run_again_by_them(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import numpy as np
            from course.topics.parallel_training import random_branch, train
            print("running")
            x = np.ones((4, 3), "float32")
            branch = random_branch([3, 2], np.random.default_rng(0))
            run = train([branch], x, np.zeros(4, int), batch=4, steps=1, learning_rate=1.0, shards=2)
            print(len(run.state))
        """)
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr, done.returncode) == (["running", "2"], "", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("work", ["compute", "meet", "wait_for_nobody"])
def test_workers_whose_parent_was_killed_end_by_themselves_and_leave_no_memory(work, tmp_path):
    names = ", ".join(["run_workers", work])
    lines = [
        "import numpy as np",
        f"from tests.topics.test_workers import {names}",
        f"run_workers({work}, 2, {{'x': np.zeros(4)}}, {str(tmp_path)!r})",
    ]
    parent = subprocess.Popen([sys.executable, "-c", "\n".join(lines)], cwd=ROOT)
    give_up = time.monotonic() + 300
    while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < give_up:
        time.sleep(0.1)
    children = psutil.Process(parent.pid).children(recursive=True)
    segments = shared_memory_of(children)
    parent.kill()
    parent.wait()
    assert len(children) == (
        4 if sys.platform == "linux" else 3
    )  # two workers, Python's tracker and its server
    assert segments or sys.platform != "linux"
    _, alive = psutil.wait_procs(children, timeout=60)
    assert alive == []
    assert not [path for path in segments if Path(path).exists()]
