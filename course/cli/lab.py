"""JupyterLab on the learner's own copy of the notebooks, whose kernels start warm."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from course.authoring import glossary, start
from course.authoring.links import GLOSSARY, START
from course.files import write_whole
from course.kernels.kernelspec import FOR_LAB
from course.learner import progress

FOR_JUPYTER = (
    Path(__file__).parent / "jupyter"
)  # opens START.md rendered, shows one kernel, asks nobody for news


def write_pages(mine: Path) -> None:
    """Write the start page, with a tick for what is done in the notebooks in `mine`, and the glossary beside them."""
    write_whole(mine / START, start.page(progress.right(mine)))
    write_whole(mine / GLOSSARY, glossary.page())


def open_lab(mine: Path) -> None:
    """Start JupyterLab on the learner's notebooks, whose kernels start warm, and stay until it is closed."""
    program = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={mine}"]
    if (
        hasattr(os, "geteuid") and os.geteuid() == 0
    ):  # as in a container, where Jupyter would refuse
        program.append("--allow-root")
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(program, env=os.environ | environment())


def environment() -> dict[str, str]:
    """Return what makes Jupyter find the course's settings, and the warm kernel under the notebooks' name `python3`."""
    ours = {"JUPYTER_PATH": FOR_LAB, "JUPYTER_CONFIG_PATH": FOR_JUPYTER}
    return {
        name: os.pathsep.join(filter(None, [str(path), os.environ.get(name)]))
        for name, path in ours.items()
    }
