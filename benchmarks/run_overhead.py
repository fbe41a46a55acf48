"""Time a whole run of a notebook that imports TensorFlow and does one operation: warm kernel against plain one.

    python -m benchmarks.run_overhead --rounds 5

The runners are papermill called in this process, as `course run` calls it, and the command lines of papermill,
nbconvert, nbmake and nbval. In each round every runner runs once with the kernel `course` and once with `python3`;
the table shows the medians in seconds. "first" is the first run of all with `course`, which starts the warm parent.
The last line is the table.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
from papermill import execute_notebook

KERNELS = ("course", "python3")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each runs (default: 5)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder  # a warm parent of our own
        try:
            show(measure(Path(folder), rounds))
        finally:
            subprocess.run(
                [sys.executable, "-m", "course.kernels.warm_parent", "--stop"], check=True
            )


def measure(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median seconds of each runner with each kernel."""
    notebook = folder / "trial.ipynb"
    source = "import tensorflow as tf\nint(tf.reduce_sum(tf.ones(3)))"
    cell = nbformat.v4.new_code_cell(
        source,
        execution_count=1,
        outputs=[nbformat.v4.new_output("execute_result", {"text/plain": "3"}, execution_count=1)],
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), notebook)
    first = seconds(RUNNERS["papermill, in process"], notebook, "course")
    taken: dict[str, dict[str, list[float]]] = {
        runner: {kernel: [] for kernel in KERNELS} for runner in RUNNERS
    }
    for _ in range(rounds):
        for runner, run in RUNNERS.items():
            for kernel in KERNELS:
                taken[runner][kernel].append(seconds(run, notebook, kernel))
    medians = {
        runner: {kernel: statistics.median(times) for kernel, times in by_kernel.items()}
        for runner, by_kernel in taken.items()
    }
    return {"first": {"course": first}, **medians}


def seconds(run: Callable[[Path, str], object], notebook: Path, kernel: str) -> float:
    """Return how long the run took; an error if it fails."""
    start = time.perf_counter()
    run(notebook, kernel)
    return time.perf_counter() - start


def in_process(notebook: Path, kernel: str) -> None:
    execute_notebook(
        notebook, notebook.with_name("out.ipynb"), kernel_name=kernel, progress_bar=False
    )


def command(*arguments: str) -> Callable[[Path, str], object]:
    """A runner that is a Python module with a command line; {notebook} and {kernel} are filled in."""

    def run(notebook: Path, kernel: str) -> None:
        line = [argument.format(notebook=notebook, kernel=kernel) for argument in arguments]
        subprocess.run(
            [sys.executable, "-m", *line], cwd=notebook.parent, check=True, capture_output=True
        )

    return run


RUNNERS = {
    "papermill, in process": in_process,
    "papermill": command("papermill", "{notebook}", "out.ipynb", "-k", "{kernel}"),
    "nbconvert": command(
        *("nbconvert", "--to", "notebook", "--execute", "{notebook}", "--output", "out.ipynb"),
        "--ExecutePreprocessor.kernel_name={kernel}",
    ),
    "nbmake": command("pytest", "--nbmake", "{notebook}", "--nbmake-kernel", "{kernel}"),
    "nbval": command("pytest", "--nbval", "{notebook}", "--nbval-kernel-name", "{kernel}"),
}


def show(medians: dict[str, dict[str, float]]) -> None:
    print(f"{'seconds a run':24}" + "".join(f"{kernel:>10}" for kernel in KERNELS))
    for runner, by_kernel in medians.items():
        print(f"{runner:24}" + "".join(f"{taken:10.2f}" for taken in by_kernel.values()))
    print(
        json.dumps(
            {
                runner: {k: round(taken, 3) for k, taken in each.items()}
                for runner, each in medians.items()
            }
        )
    )


if __name__ == "__main__":
    main()
