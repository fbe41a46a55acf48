"""What benchmarks take from the course is there, and what they cannot run is refused: nobody runs them for months."""

import ast
import importlib
import importlib.util
import sys
from types import ModuleType

import pytest

from course import ROOT

FILES = sorted((ROOT / "benchmarks").glob("*.py"))


def missing(tree):
    """Give the names of the course that are used and not there."""
    modules = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not str(node.module).startswith("course"):
            continue
        module = importlib.import_module(node.module)
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            if not hasattr(module, alias.name) and importlib.util.find_spec(whole):
                importlib.import_module(whole)
            if not hasattr(module, alias.name):
                yield whole
            elif isinstance(getattr(module, alias.name), ModuleType):
                modules[alias.asname or alias.name] = getattr(module, alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            if module and not hasattr(module, node.attr):
                yield f"{module.__name__}.{node.attr}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_a_benchmark_takes_from_the_course_is_there(path):
    assert list(missing(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_what_is_missing_is_noticed():
    tree = ast.parse("from course.runs import cluster, nothing\ncluster.plan(cluster.WORKERS)")
    assert list(missing(tree)) == ["course.runs.nothing", "course.runs.cluster.plan"]


@pytest.mark.parametrize(
    ("benchmark", "arguments", "says"),
    [
        ("mutants", ["5"], "5: no such lesson or exercise"),
        ("mutants", ["05", "99.9"], "99.9: no such lesson or exercise"),
        ("moved", ["99"], "99"),
        ("practice_delay", [], "exercises"),
        ("kill_and_resume", ["--kills", "0"], "--kills 0: must be at least 1"),
        ("mnist_cnn", ["--epochs", "4"], "--epochs 4: must be at least 5"),
    ],
)
def test_a_benchmark_of_nothing_is_refused_in_a_line(
    benchmark, arguments, says, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", [benchmark, *arguments])
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(f"benchmarks.{benchmark}").main()
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err.splitlines()[-1]
