"""What benchmarks take from the course is there, and what they cannot run is refused: nobody runs them for months."""

import ast
import importlib
import importlib.util
import os
import sys
from types import ModuleType, SimpleNamespace

import nbformat
import numpy as np
import pytest

from benchmarks import reproducible
from course import ROOT, catalog

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
        ("reproducible", ["99"], "99"),
        ("backends", ["99"], "99"),
        ("every_call", ["--share", "0"], "--share 0: must be at least 1"),
        ("every_position", ["--share", "0"], "--share 0: must be at least 1"),
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


@pytest.mark.skipif(os.name == "nt", reason="Windows starts no program of a shell")
def test_a_run_that_leaves_no_record_says_why_and_where_there_is_no_course_too(
    lessons, tmp_path, monkeypatch
):
    program = tmp_path / "course"
    lesson = catalog.Lesson("98_trial")
    monkeypatch.setattr(reproducible, "PROGRAM", program)
    with pytest.raises(SystemExit, match=r"course: not found; run: make setup"):
        reproducible.run(lesson, True, tmp_path, {})
    program.write_text("#!/bin/sh\necho Traceback >&2; echo ImportError: no Option >&2; exit 3\n")
    program.chmod(0o755)
    record, texts = reproducible.run(lesson, True, tmp_path, {})
    assert (record.outcome, texts) == ("failed", {})
    assert str(record.failure) == "course run 98: exit status 3: ImportError: no Option"
    program.write_text("#!/bin/sh\nexit 4\n")
    record, _ = reproducible.run(lesson, True, tmp_path, {})
    assert str(record.failure) == "course run 98: exit status 4: it said nothing"


def test_a_stream_in_pieces_is_the_text_that_it_is_in_one(tmp_path):
    def texts(*outputs):
        made = [nbformat.v4.new_output("stream", name=name, text=text) for name, text in outputs]
        cell = nbformat.v4.new_code_cell("", id="a", outputs=made)
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "a.ipynb")
        return reproducible.texts_of(tmp_path / "a.ipynb")["a"]

    whole = texts(("stdout", "one\ntwo\n"), ("stderr", "three\n"))
    assert texts(("stdout", "one\n"), ("stdout", "two\n"), ("stderr", "three\n")) == whole
    assert texts(("stdout", "one\n"), ("stderr", "two\n"), ("stderr", "three\n")) != whole


class Timed:
    """Stands in for a model: an epoch takes the seconds that it is given."""

    def __init__(self, seconds):
        self.seconds = seconds

    def fit(self, *_, callbacks, **__):
        callbacks[0].seconds = self.seconds


@pytest.mark.parametrize(("seconds", "status"), [(1.05, 0), (1.2, 1)])
def test_a_metric_that_costs_more_than_its_bound_fails(seconds, status, monkeypatch, capsys):
    from benchmarks import metric_cost

    images = np.zeros((2, 28, 28), "uint8")
    digits = SimpleNamespace(
        x_train=images, x_validation=images, y_train=[0, 1], y_validation=[0, 1]
    )
    monkeypatch.setattr(metric_cost, "load", lambda name: digits)
    monkeypatch.setattr(metric_cost, "ROUNDS", 2)
    monkeypatch.setattr(
        metric_cost, "compiled", lambda name: Timed(seconds if "course" in name else 1.0)
    )
    with pytest.raises(SystemExit) as ended:
        metric_cost.main()
    assert ended.value.code == status
    assert f"{seconds:.3f} times" in capsys.readouterr().out


@pytest.mark.parametrize(("brought", "status"), [("", 0), ("tensorflow", 1)])
def test_an_import_of_the_course_that_brings_tensorflow_along_fails(brought, status, monkeypatch):
    from benchmarks import import_time

    monkeypatch.setattr(import_time, "timed", lambda module: (1.0, brought))
    monkeypatch.setattr(sys, "argv", ["import_time"])
    with pytest.raises(SystemExit) as ended:
        import_time.main()
    assert ended.value.code == status


@pytest.mark.parametrize(("same", "status"), [(True, 0), (False, 1)])
def test_a_grading_that_a_kill_has_changed_fails(same, status, monkeypatch):
    from benchmarks import grading

    row = dict.fromkeys(["own", "graders", "ratio", "wall", "memory", "memory of a grader"], 1.0)
    found = {"killed halfway": True, "went on": True, "same bytes": same}
    monkeypatch.setattr(grading, "graded", lambda *_: row)
    monkeypatch.setattr(grading, "killed", lambda *_: found)
    monkeypatch.setattr(sys, "argv", ["grading"])
    with pytest.raises(SystemExit) as ended:
        grading.main()
    assert ended.value.code == status
