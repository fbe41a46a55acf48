"""The course installed without its checkout: a wheel carries lessons, notebooks and data."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from course import ROOT
from course.catalog import all_lessons

NEEDED = (
    "course",
    "lessons",
    "notebooks",
    "data",
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
)


def run(*command, **options):
    done = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The `bin` of a fresh environment that holds the wheel, and of this environment all other packages."""
    work = tmp_path_factory.mktemp("wheel")
    source = work / "source"
    source.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", work, source)
    [wheel] = work.glob("*.whl")
    environment = work / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", wheel)
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    shutil.rmtree(source)
    return environment / "bin"


@pytest.mark.skipif(sys.platform == "win32", reason="an environment has no bin there")
def test_lessons_begin_data_load_and_notebooks_are_copied_in_an_empty_folder(installed, tmp_path):
    program = (
        "import course, course.lesson, course.data\n"
        "course.lesson.begin('02_regression', dict(seed=3, fast=True, log_rows=74, epochs=20, folds=5, "
        "hidden_units=64, trees=300))\n"
        "print(course.data.table('linreg_plane').shape, len(course.data.load('mnist').x_train))\n"
        "print(course.__file__)"
    )
    began, loaded, file = run(installed / "python", "-c", program, cwd=tmp_path).splitlines()
    assert began.startswith("seed = 3, fast = True, log_rows = 15")
    assert loaded.startswith("(1000, 3) ")
    assert Path(file).is_relative_to(installed.parent)
    assert run(installed / "course", "copy", cwd=tmp_path).endswith(
        f"Your notebooks are in {tmp_path / 'my-course'}\n"
    )
    copied = {path.name for path in (tmp_path / "my-course").glob("*.ipynb")}
    assert copied == {f"{lesson.name}.ipynb" for lesson in all_lessons()}
