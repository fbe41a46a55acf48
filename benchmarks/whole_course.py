"""Time the whole course: all lessons side by side, as `course run` does, against the work that they contain.

    python -m benchmarks.whole_course --rounds 5 --fast

In every round the course runs once one lesson at a time and once as by default. The work is what the cores were busy
with during the first, divided by their number: no schedule can be faster. "ratio" is the wall time of the second over
that work; a machine that does other things meanwhile makes it wrong. The last line is JSON.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from course.catalog import all_lessons
from course.runs import cluster
from course.runs.plan import plan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=5, help="runs of the course in each way (default: 5)"
    )
    parser.add_argument("--fast", action="store_true", help="fast mode: less data and fewer epochs")
    arguments = parser.parse_args()
    turns = []
    for _ in range(arguments.rounds):
        single, busy, own = course(1, arguments.fast)
        together, *_ = course(cluster.WORKERS, arguments.fast)
        turns.append(
            {
                "one at a time": single,
                "cells alone": own,
                "work": busy / cluster.CPU_COUNT,
                "together": together,
            }
        )
    seconds = {name: median(turn[name] for turn in turns) for name in turns[0]}
    ratio = median(turn["together"] / turn["work"] for turn in turns)
    print(f"{len(all_lessons())} lessons, {cluster.CPU_COUNT} cores, median of {arguments.rounds}")
    for name, taken in seconds.items():
        print(f"{name:14} {taken:8.1f} s")
    print(f"together / work {ratio:7.2f}")
    print(json.dumps({"rounds": arguments.rounds, "seconds": seconds, "ratio": round(ratio, 3)}))


def course(workers: int, fast: bool) -> tuple[float, float, float]:
    """Run all lessons; returns wall seconds, seconds that the cores were busy, and the sum over the lessons' cells."""
    jobs = plan(all_lessons(), ["fast=true"] if fast else [], "solutions")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        busy = busy_seconds()
        records = cluster.execute(jobs, out=Path(folder), timeout=900, workers=workers)
        taken = time.perf_counter() - start, busy_seconds() - busy
    if failed := [record.name for record in records if record.outcome != "passed"]:
        raise SystemExit(f"did not pass: {', '.join(failed)}")
    return *taken, sum(record.cell_seconds for record in records)


def busy_seconds() -> float:
    """Seconds since the system started that its cores spent on programs and the kernel."""
    times = psutil.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
