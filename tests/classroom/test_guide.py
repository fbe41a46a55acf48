"""The instructor guide shows a class of three from roster to gradebook: what its commands print is what it says."""

import json
import re

import nbformat
import pytest
from typer.testing import CliRunner

from course import ROOT
from course.catalog import find
from course.classroom import sandbox
from course.cli import main

GUIDE = (ROOT / "book" / "teaching.md").read_text(encoding="utf-8")
LESSON = find("01")
FORGETS = ("return len(X) / ", "return 2 / ")  # what Grace writes in exercise 01.2

pytestmark = pytest.mark.skipif(
    sandbox.found() is None, reason="bubblewrap is not installed; install the package bubblewrap"
)


def steps():
    """Give each command of the guide's transcript, with what stands below it."""
    for block in re.findall(r"^```console\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL):
        for step in block.removeprefix("$ ").split("\n$ "):
            command, _, shown = step.partition("\n")
            yield command, shown.strip().splitlines()


def hand_in(folder, student, solutions):
    """Fill in a student's notebook, with the answers that their own run gives."""
    place = f"{student}/{LESSON.name}"
    notebook = nbformat.read(folder / "term" / "notebooks" / f"{place}.ipynb", as_version=4)
    key = json.loads((folder / "term" / "keys" / f"{place}.json").read_text())
    for cell in notebook.cells:
        for name, exercise in LESSON.exercises.items():
            stub = cell.cell_type == "code" and f"def {exercise.answers[0]}(" in cell.source
            if name in solutions and stub:
                cell.source = solutions[name]
        if solutions:
            for name, (value, _) in key.items():
                cell.source = cell.source.replace(f'"{name}": ...', f'"{name}": {value:.4g}')
    path = folder / "submissions" / f"{place}.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)


def without_times(lines):
    """Runs end in any order, in any time."""
    return sorted(re.sub(r"in [\d.]+ s$", "in ... s", line) for line in lines)


@pytest.mark.timeout(900)
def test_the_commands_of_the_guide_print_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solutions = {name: exercise.solution for name, exercise in LESSON.exercises.items()}
    done = []
    for command, shown in steps():
        program, *arguments = command.split()
        if command == "cat roster.csv":
            (tmp_path / "roster.csv").write_text("\n".join(shown), encoding="utf-8")
            continue
        if arguments[0] == "grade":
            hand_in(tmp_path, "ada", solutions)
            hand_in(tmp_path, "alan", {})
            hand_in(tmp_path, "grace", solutions | {"01.2": solutions["01.2"].replace(*FORGETS)})
        if program == "course":
            result = CliRunner().invoke(main.app, arguments)
            assert result.exit_code == 0, result.stderr
            assert without_times(result.output.splitlines()) == without_times(shown)
        else:
            lines = (tmp_path / arguments[-1]).read_text(encoding="utf-8").splitlines()
            if program == "cut":
                lines = [",".join(line.split(",")[:6]) for line in lines]
            assert lines == shown
        done.append(program)
    assert done == ["course", "course", "cut", "cat"]
    assert {page.stem for page in (tmp_path / "grades" / "feedback").iterdir()} == {
        "ada",
        "alan",
        "grace",
    }
