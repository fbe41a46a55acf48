"""Files by which the course opens in other places. They are parsed here; nobody has tried them in their place."""

import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib

import pytest
import typer
from IPython.core.inputtransformer2 import TransformerManager
from packaging.specifiers import SpecifierSet

from course import ROOT
from course.cli.main import app

COMMANDS = typer.main.get_command(app).commands
PYTHON = SpecifierSet(
    tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
)
BINDER = ROOT / ".binder"


def test_a_container_has_a_python_that_the_course_allows_and_runs_what_there_is():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert re.search(r"python:(\d\.\d+)-", container["image"])[1] in PYTHON
    set_up, copy = map(shlex.split, container["postCreateCommand"].split("&&"))
    assert (ROOT / set_up[1]).is_file()
    assert copy[0] == ".venv/bin/course"
    assert copy[1] in COMMANDS


def test_binder_installs_the_lock_with_a_python_that_the_course_allows():
    assert (BINDER / "runtime.txt").read_text().strip().removeprefix("python-") in PYTHON
    [line] = (BINDER / "requirements.txt").read_text().splitlines()
    assert (BINDER / line.removeprefix("-r ")).resolve() == ROOT / "requirements.lock"


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_what_binder_runs_at_the_end_can_be_run_and_names_what_there_is():
    script = BINDER / "postBuild"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    assert lines[-1].split()[1] in COMMANDS
    [module] = [line.split()[2] for line in lines if line.startswith("python -m course")]
    assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()


def test_the_first_cell_for_colab_is_one_that_ipython_reads():
    [line] = re.findall(r"^    (%pip .*)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    cell = TransformerManager().transform_cell(line)
    compile(cell, "cell", "exec")
    assert shlex.split(line)[:2] == ["%pip", "install"]
    assert shlex.split(line)[-1].startswith("git+https://")
