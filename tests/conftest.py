"""What tests share: lessons, bands and data of their own, in place of the course's."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import nbformat
import pytest
from typer.testing import CliRunner

from course import catalog, claims, lesson
from tests import network

network.cut()

# CI draws the same cases each time: a new one is found where somebody can look at it.
hypothesis.settings.register_profile("ci", derandomize=True)
if "CI" in os.environ:
    hypothesis.settings.load_profile("ci")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    """Fail a test that reached for the network, also where a library kept that to itself."""
    attempts = list(network.attempts)
    network.attempts.clear()
    if attempts:
        pytest.fail("; ".join(attempts))


FOLDERS = {
    "spaces": "my own  course",
    "braces": "Mein {Kurs} {0} {",
    "percent": "100% %s %20",
    "quotes": "it's" if os.name == "nt" else 'it\'s "so"',
    "not ASCII": "ü 課程 é",
    "wildcards": "[a-z] $HOME !x" if os.name == "nt" else "[a-z]* $HOME `x` ?",
    "long": "l" * 200,
    "named course": "course",
    "a link": "link",
}
LESSON = """# ---
# title: A trial
# part: 1 Fit
# objectives: [try it]
# prerequisites: [nothing]
# data: []
# reading: ["A book, 2020"]
# ---

# %% tags=["parameters"]
seed: int = 0  # random seed, 0 to 999999
fast: bool = False  # the same steps on less data
epochs: int = 20  # passes over the data, 1 to 200, fast 2

# %%
from course.lesson import begin

begin("98_trial", globals())
"""


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A folder of lessons with one trial lesson and no bands, instead of the course's own."""
    folder = tmp_path / "lessons"
    folder.mkdir()
    (folder / "98_trial.py").write_text(LESSON, encoding="utf-8")
    monkeypatch.setattr(catalog, "SOURCES", folder)
    monkeypatch.setattr(lesson, "running", None)
    monkeypatch.setattr(claims, "VALUES", folder / "claims.toml")
    monkeypatch.setattr(catalog, "TIMES", folder / "times.toml")
    monkeypatch.setattr(catalog, "BACKENDS", folder / "backends.toml")
    claims.stored.cache_clear()
    catalog.times.cache_clear()
    yield folder
    claims.stored.cache_clear()
    catalog.times.cache_clear()


HOUSE_LESSON = """# ---
# title: {title}
# part: 1 Fit
# objectives: [try it]
# prerequisites: [nothing]
# data: []
# reading: []
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
from course import catalog, claims, lesson
from course.cli import main
from course.runs import runner
house = Path({house!r})
catalog.SOURCES, catalog.NOTEBOOKS = house / "lessons", house / "notebooks"
claims.VALUES = house / "lessons" / "claims.toml"
catalog.TIMES = house / "lessons" / "times.toml"
runner.KERNEL = {kernel!r}
main.main()
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
        source = HOUSE_LESSON.format(title=name[3:].capitalize(), parameters=parameters)
        (self.folder / "lessons" / f"{name}.py").write_text(source, encoding="utf-8")
        nodes = [
            nbformat.v4.new_code_cell(text, id=f"{name}-{i}")
            for i, text in enumerate((parameters, *cells))
        ]
        nodes[0].metadata["tags"] = ["parameters"]
        notebook = nbformat.v4.new_notebook(
            cells=nodes, metadata={"language_info": {"name": "python"}}
        )
        nbformat.write(notebook, self.folder / "notebooks" / "solutions" / f"{name}.ipynb")

    def claims(self, text):
        (self.folder / "lessons" / "claims.toml").write_text(text, encoding="utf-8")

    def times(self, text):
        (self.folder / "lessons" / "times.toml").write_text(text, encoding="utf-8")

    def start(self, *arguments, kernel="python3", prefix=()):
        """Start `course ARGUMENTS` as a process that leads a group, as a shell would."""
        driver = DRIVER.format(house=str(self.folder), kernel=kernel)
        command = [*prefix, sys.executable, "-c", driver, *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        process = subprocess.Popen(
            command, text=True, start_new_session=True, cwd=self.folder, **pipes
        )
        self.started.append(process)
        return process

    def course(self, *arguments):
        """Run `course ARGUMENTS` in this process and return exit status, standard output and standard error."""
        from course.cli import main

        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        result = CliRunner().invoke(main.app, [str(each) for each in arguments])
        for number, handler in handlers.items():
            signal.signal(number, handler)
        return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def house(tmp_path, lessons, monkeypatch):
    """Lessons of a test's own, with notebooks, and the command `course` for them."""
    from course.runs import runner

    (tmp_path / "notebooks" / "solutions").mkdir(parents=True)
    (lessons / "98_trial.py").unlink()
    monkeypatch.setattr(catalog, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(
        runner, "KERNEL", "python3"
    )  # starts in a second; the warm one imports TensorFlow first
    house = House(tmp_path)
    yield house
    for process in house.started:
        process.kill()  # its kernels end with it
        process.communicate()


@pytest.fixture(params=FOLDERS)
def odd_folder(request, tmp_path):
    """A folder with a name that people give and programs stumble over."""
    folder = tmp_path / FOLDERS[request.param]
    if request.param == "a link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    else:
        folder.mkdir()
    return folder


@pytest.fixture
def unprivileged():
    """What to start a program with so that the modes of files bind it, also when root runs the tests."""
    if not hasattr(os, "geteuid"):
        pytest.skip("this system has no modes of folders")
    if os.geteuid() != 0:
        return []
    if not shutil.which("setpriv"):
        pytest.skip("root may write everywhere, and setpriv is not installed")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", "--bounding-set", rights, "--inh-caps", rights]
