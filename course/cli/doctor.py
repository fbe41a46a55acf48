"""Is this installation fit to run the course? One plain line a question; the lines are what a bug report quotes."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path

from course import INSTALLED, ROOT, catalog

PATIENCE = 300  # seconds for a kernel to start, or for a lesson of a few seconds, on a busy machine
LEAST_FREE = 2  # GB, for environments, runs and checkpoints
OTHERS = ("jax", "torch")  # backends that `benchmarks.backends` tries
STEP = """
import keras, numpy
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
x = numpy.ones((8, 2), "float32")
losses = model.fit(x, x[:, :1], epochs=2, verbose=0).history["loss"]
assert losses[1] < losses[0], losses
print(f"loss {losses[0]:.3f} -> {losses[1]:.3f}, backend {keras.backend.backend()}, Keras {keras.__version__}")
"""


class Unfit(RuntimeError):
    """A question that this installation answers wrongly; the text says what to do."""


def examine() -> bool:
    """Ask every question, print a line each, return whether all were answered well."""
    questions: dict[str, Callable[[], str]] = {
        "Python": _python,
        "packages": _packages,
        "data": _data,
        "training": _training,
        "home": _home,
        "kernel": _kernel,
        "lesson": _lesson,
        "disk": _disk,
    }
    wrong = 0
    for name, question in questions.items():
        try:
            line = f"ok    {name}: {question()}"
        except Exception as error:
            line = f"FAIL  {name}: {error}"
            wrong += 1
        print(line, flush=True)
    print("Please quote all of these lines in a bug report." if wrong else "All is well.")
    return not wrong


def _python() -> str:
    found = platform.python_version()
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        raise Unfit(f"{found}: must be 3.11, 3.12 or 3.13")
    return f"{found} on {platform.system()} {platform.machine()}"


def _packages() -> str:
    """Ask uv what it would change; to compare what is installed with the lock it needs no network."""
    if INSTALLED:
        return "not compared: the course is installed without its lock"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    ask = [
        *uv,
        "--dry-run",
        "--offline",
        "--no-deps",
        "--color",
        "never",
        "-r",
        str(ROOT / "requirements.lock"),
    ]
    answer = subprocess.run(ask, capture_output=True, text=True, cwd=ROOT)
    lines = answer.stderr.splitlines()
    if not answer.returncode and "Would make no changes" in lines:
        return "all as locked"
    present = [line.removeprefix(" - ") for line in lines if line.startswith(" - ")]
    locked = [line.removeprefix(" + ") for line in lines if line.startswith(" + ")]
    if locked:
        found = f"{_some(locked)} locked, {_some(present) or 'nothing'} installed instead"
    else:  # uv cannot tell offline what it would install, or is itself missing
        found = textwrap.shorten(answer.stderr, 300)
    raise Unfit(f"{found}; run: python bootstrap.py")


def _some(packages: list[str]) -> str:
    return ", ".join(packages[:5]) + (" ..." if len(packages) > 5 else "")


def _data() -> str:
    from course import data

    files = data.sums()
    for file in files:
        data.verified(file)
    return f"{len(files)} files, checksums right"


def _training() -> str:
    run = subprocess.run([sys.executable, "-c", STEP], capture_output=True, text=True, timeout=300)
    if run.returncode:
        last = (run.stderr.strip().splitlines() or ["no message"])[-1]
        raise Unfit(f"{last}{_cure(os.environ.get('KERAS_BACKEND'))}")
    line = run.stdout.strip()
    backend = line.partition("backend ")[2].partition(",")[0]  # by KERAS_BACKEND or keras.json
    return line if backend == "tensorflow" else f"{line}; {_lessons_on(backend)}"


def _cure(backend: str | None) -> str:
    """Say what to do where Keras does not train and another backend than TensorFlow was asked for."""
    if backend in (None, "", "tensorflow"):
        return ""
    if backend in OTHERS:
        return f"; run: python bootstrap.py {backend}, or unset KERAS_BACKEND"
    return f"; KERAS_BACKEND = {backend}: must be tensorflow, {' or '.join(OTHERS)}; unset it"


def _lessons_on(backend: str) -> str:
    """Say which lessons pass on another backend than TensorFlow, as `benchmarks.backends` found."""
    outcomes = catalog.backends()
    passing: list[str] = []
    others: list[str] = []
    for lesson in catalog.all_lessons():
        outcome = outcomes.get(lesson.number, {}).get(backend, {}).get("outcome")
        (passing if outcome == "passes" else others).append(lesson.number)
    pass_there = f"lessons {' '.join(passing) or 'none'} pass on it"
    need = f"for {' '.join(others)} unset KERAS_BACKEND (docs/backends.md says why)"
    return f"{pass_there}; {need}" if others else pass_there


def _home() -> str:
    from jupyter_core.paths import jupyter_data_dir, jupyter_runtime_dir

    for folder in (jupyter_data_dir(), jupyter_runtime_dir()):
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            cure = "set HOME, or JUPYTER_DATA_DIR, to a folder that can"
            raise Unfit(
                f"{folder}, where Jupyter keeps its files, cannot be written to ({error.strerror}); {cure}"
            ) from error
    return "Jupyter can keep its files"


def _kernel() -> str:
    from nbclient import execute
    from nbformat import v4

    from course.runs import runner

    name = runner.kernel()
    notebook = v4.new_notebook(cells=[v4.new_code_cell("print(6 * 7)")])
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, cwd=folder, kernel_name=name, timeout=120, startup_timeout=PATIENCE)
    if notebook.cells[0].outputs[0].text != "42\n":
        raise Unfit(f"a cell printed {notebook.cells[0].outputs[0].text!r} instead of 42")
    quicker = "; for quick starts run: python -m course.kernels.kernelspec"
    return f"{name} starts and answers{'' if name == runner.KERNEL else quicker}"


def _lesson() -> str:
    from course.catalog import all_lessons
    from course.runs import runner
    from course.runs.records import Job

    lesson = all_lessons()[0]
    with tempfile.TemporaryDirectory() as folder:
        record = runner.run(
            Job(lesson.notebook("solutions"), lesson.name, {"fast": True}), Path(folder), PATIENCE
        )
    if record.outcome != "passed":
        raise Unfit(f"{lesson.name} {record.outcome}: {record.failure}")
    return f"{lesson.name} passed in {record.seconds:.0f} s"


def _disk() -> str:
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < LEAST_FREE:
        raise Unfit(f"{free:.1f} GB free in {ROOT}: at least {LEAST_FREE} GB needed")
    return f"{free:.0f} GB free"
