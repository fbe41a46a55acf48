"""Lessons of a test's own, with notebooks, and the command `course` for them as a process of its own."""

import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from course import cli
from course.execution import lessons as course_lessons
from course.execution import runner

SOURCE = """# ---
# title: {title}
# part: 1 Fit
# objectives: [try it]
# prerequisites: [nothing]
# data: []
# ---

# %% tags=["parameters"]
{parameters}

# %%
print("the rest")
"""
PARAMETERS = """seed: int = 0  # random seed, 0 to 999
fast: bool = False  # the same steps on less data
epochs: int = 20  # passes over the data, 1 to 200, fast 2"""
DRIVER = """
from pathlib import Path
from course import claims, cli, lesson
from course.execution import lessons, runner
house = Path({house!r})
lesson.SOURCES, lessons.NOTEBOOKS = house / "lessons", house / "notebooks"
claims.BANDS = house / "lessons" / "claims.toml"
runner.KERNEL = {kernel!r}
cli.main()
"""


@dataclass
class House:
    folder: Path
    started: list = field(default_factory=list)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def add(self, name, *cells, parameters=PARAMETERS):
        """Write lesson `name` and its notebook of these code cells, which come after the parameters."""
        source = SOURCE.format(title=name[3:].capitalize(), parameters=parameters)
        (self.folder / "lessons" / f"{name}.py").write_text(source, encoding="utf-8")
        nodes = [nbformat.v4.new_code_cell(text, id=f"{name}-{i}") for i, text in enumerate((parameters, *cells))]
        nodes[0].metadata["tags"] = ["parameters"]
        notebook = nbformat.v4.new_notebook(cells=nodes, metadata={"language_info": {"name": "python"}})
        nbformat.write(notebook, self.folder / "notebooks" / "solutions" / f"{name}.ipynb")

    def claims(self, text):
        (self.folder / "lessons" / "claims.toml").write_text(text, encoding="utf-8")

    def start(self, *arguments, kernel="python3"):
        """Start `course ARGUMENTS` as a process that leads a group, as a shell would."""
        driver = DRIVER.format(house=str(self.folder), kernel=kernel)
        command = [sys.executable, "-c", driver, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        process = subprocess.Popen(command, text=True, start_new_session=True, cwd=self.folder, **pipes)
        self.started.append(process)
        return process

    def course(self, *arguments):
        """Run `course ARGUMENTS` in this process and return exit status, standard output and standard error."""
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        result = CliRunner().invoke(cli.app, [str(each) for each in arguments])
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def house(tmp_path, lessons, monkeypatch):
    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    (lessons / "98_trial.py").unlink()
    monkeypatch.setattr(course_lessons, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(runner, "KERNEL", "python3")  # starts in a second; the warm one imports TensorFlow first
    house = House(tmp_path)
    yield house
    for process in house.started:
        process.kill()  # its kernels end with it
        process.communicate()
