"""What nbval overlooks must fail the notebooks' step of `python -m tests`."""

import subprocess
import sys

import nbformat
import pytest

from tests.__main__ import ROOT, STEPS

PLUGINS = [
    option for option in STEPS["notebooks"] if option.startswith("tests.") and "/" not in option
]


@pytest.mark.parametrize(
    ("code", "failed"),
    [("%nosuch", "UsageError: Line magic function `%nosuch` not found."), ("print('ran')", "")],
)
def test_a_cell_that_the_kernel_refuses_fails_also_where_outputs_are_not_compared(
    tmp_path, code, failed
):
    cell = nbformat.v4.new_code_cell(
        code, execution_count=1, metadata={"tags": ["nbval-ignore-output"]}
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "lesson.ipynb")
    loaded = [part for plugin in PLUGINS if plugin != "tests.run_times" for part in ("-p", plugin)]
    nbval = ["--nbval", "--nbval-kernel-name", "python3", str(tmp_path / "lesson.ipynb")]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *loaded, *nbval], cwd=ROOT, capture_output=True, text=True
    )
    assert (run.returncode, failed in run.stdout) == (bool(failed), True), run.stdout
