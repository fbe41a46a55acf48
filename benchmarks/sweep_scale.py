"""Say what a sweep costs as it grows: a lesson of one small cell, run 10, 100 and 500 times, and 10,000 with no kernel.

    python -m benchmarks.sweep_scale --sizes 10 100 500 --stub 10000

"driver" are the processor seconds of this process, which schedules the runs and executes their notebooks, for each run;
"kernel" those of the kernels; "memory" is the most that this process took. "two workers" is the gain in time from one
worker to two, 2 being ideal: it means something on a quiet machine alone. Then a run is replaced by one that only
writes its record: "scheduling" is what is left, in milliseconds a run. The last line is JSON.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat
import psutil

from course.runs import cluster, records
from course.runs.records import Job, Record

CELL = "import numpy as np\nvalue = float(np.random.default_rng(seed).normal())"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 500], help="runs")
    parser.add_argument("--stub", type=int, default=10_000, help="runs without a kernel")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gain", type=int, default=20, help="runs to compare one worker by")
    arguments = parser.parse_args()
    found: dict[str, Any] = {"runs": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"{'runs':>8}{'driver ms':>11}{'kernel ms':>11}{'wall ms':>9}{'MB':>6}")
        for size in arguments.sizes:
            row = swept(folder / f"{size}", size, arguments.workers)
            found["runs"].append(row)
            numbers = (row[key] for key in ("driver ms", "kernel ms", "wall ms", "MB"))
            print("{:8}{:11.1f}{:11.1f}{:9.1f}{:6.0f}".format(size, *numbers), flush=True)
        if arguments.gain:
            seconds = [swept(folder / f"by{n}", arguments.gain, n)["wall ms"] for n in (1, 2)]
            found["two workers"] = round(seconds[0] / seconds[1], 2)
            print(f"two workers: {found['two workers']} times as fast as one")
        found["stub"] = scheduled(folder / "stub", arguments.stub, arguments.workers)
        print(f"{arguments.stub} runs without a kernel: {found['stub']}")
    print(json.dumps(found))


def swept(folder: Path, size: int, workers: int) -> dict[str, float]:
    """Run the lesson so many times and return what a run has cost."""
    jobs = planned(folder, size)
    start = time.perf_counter()
    before = time.process_time()
    gathered = cluster.execute(jobs, out=folder / "out", timeout=300, workers=workers)
    wall = time.perf_counter() - start
    assert all(record.outcome == "passed" for record in gathered)
    return {
        "runs": size,
        "driver ms": round((time.process_time() - before) * 1000 / size, 1),
        "kernel ms": round(sum(each.processor_seconds for each in gathered) * 1000 / size, 1),
        "wall ms": round(wall * 1000 / size, 1),
        "MB": round(psutil.Process().memory_info().rss / 2**20),
    }


def scheduled(folder: Path, size: int, workers: int) -> dict[str, float]:
    """Schedule so many runs that only write their records; return milliseconds a run, and memory."""
    # Of __main__ Dask would pickle the stub by value, run by run.
    from benchmarks import sweep_scale

    jobs = planned(folder, size)
    real = cluster._run
    cluster._run = sweep_scale.stub
    try:
        start = time.perf_counter()
        before = time.process_time()
        gathered = cluster.execute(jobs, out=folder / "out", timeout=300, workers=workers)
    finally:
        cluster._run = real
    assert len({each.name for each in gathered}) == size
    return {
        "wall ms": round((time.perf_counter() - start) * 1000 / size, 2),
        "processor ms": round((time.process_time() - before) * 1000 / size, 2),
        "MB": round(psutil.Process().memory_info().rss / 2**20),
    }


def stub(job: Job, out: Path, timeout: float) -> Record:
    """Write the record of a run that did nothing."""
    record = Record(job.name, job.lesson, job.parameters, "passed", 0.0, "", 0.0, {}, {}, None, {})
    records.write(record, out)
    return record


def planned(folder: Path, size: int) -> list[Job]:
    """Write the lesson's notebook and return a job for each seed."""
    cells = [
        nbformat.v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell(CELL),
    ]
    folder.mkdir()
    path = folder / "99_trial.ipynb"
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}}), path
    )
    return [Job(path, "99_trial", {"seed": seed}) for seed in range(size)]


if __name__ == "__main__":
    main()
