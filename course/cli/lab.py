"""JupyterLab on the learner's own copy of the notebooks, whose kernels start warm."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from course import ROOT
from course.kernels.kernelspec import FOR_LAB

MINE = ROOT / "my-course"


def open_lab(mine: Path = MINE) -> None:
    """Start JupyterLab on the learner's notebooks, whose kernels start warm, and stay until it is closed."""
    program = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={mine}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # as in a container, where Jupyter would refuse
        program.append("--allow-root")
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(program, env=os.environ | environment())


def environment() -> dict[str, str]:
    """What makes Jupyter find the warm kernel under the name `python3`, which the learner's notebooks carry."""
    return {"JUPYTER_PATH": os.pathsep.join(filter(None, [str(FOR_LAB), os.environ.get("JUPYTER_PATH")]))}
