"""Lessons on another backend: what a run came to, and the table of it that learners and `course doctor` read."""

import json
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError

import pytest

from benchmarks import backends
from course import ROOT, catalog, claims
from course.claims import Claim
from course.runs.records import Failure, Record

STORED = """["98.accuracy"]
unit = ""
digits = 2
["98.accuracy".fast]
at_least = 0.9
values = [0.95, 0.94]
"""


@pytest.fixture
def record(lessons):
    claims.VALUES.write_text(STORED)
    accuracy = Claim("98.accuracy", "bound", "accuracy", 0.95, mode="fast", at_least=0.9)
    return Record(
        "98",
        "98_trial",
        {"fast": True},
        "passed",
        1.0,
        "",
        1.0,
        {accuracy.name: accuracy},
        {"98.1": "right"},
        None,
        {"keras": "3"},
    )


def lowered(record):
    low = replace(record.claims["98.accuracy"], value=0.85)
    return replace(record, claims={low.name: low})


def stopped(record):
    failure = Failure(3, "fit()", "TypeError", "no | such argument\nand more")
    return replace(record, outcome="failed", failure=failure)


CAME_TO = {
    "**passes** (1)": lambda record: record,
    "misses 98.accuracy, of 1": lowered,
    "misses exercise 98.1, of 1": lambda record: replace(record, exercises={"98.1": "wrong"}),
    "stops: TypeError: no \\| such argument": stopped,
}


@pytest.mark.parametrize("words", CAME_TO)
def test_a_run_passes_or_the_results_that_miss_or_the_error_are_named(words, record):
    assert backends.in_words(backends.outcome(CAME_TO[words](record))) == words


def test_what_was_run_is_kept_beside_what_was_run_before(record, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(backends, "PAGE", tmp_path / "backends.md")
    monkeypatch.setattr(backends, "run", lambda *given: (record, {}))
    found = {"jax": "1.0"}

    def version(package):
        if package not in found:
            raise PackageNotFoundError(package)
        return found[package]

    monkeypatch.setattr(backends, "version", version)
    monkeypatch.setattr(sys, "argv", ["backends", "98"])
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            backends.main()
        lines = capsys.readouterr().out.splitlines()
        assert ended.value.code == 0
        assert json.loads(lines[-1]) == {"passes": 1}
        found.clear()
        found["torch"] = "2.0"
    assert "jax: not installed; run: python bootstrap.py jax" in lines
    page = (tmp_path / "backends.md").read_text()
    assert "| 98 | A trial | **passes** (1) | **passes** (1) |" in page
    assert "Run with JAX 1.0 and Keras 3; PyTorch 2.0 and Keras 3." in page
    found.clear()
    with pytest.raises(SystemExit) as ended:
        backends.main()
    assert ended.value.code == 1  # nothing ran


def test_a_lesson_that_no_longer_passes_fails_and_one_that_never_did_does_not(
    record, monkeypatch, capsys, tmp_path
):
    runs = [stopped(record), record, record, stopped(record), stopped(record)]
    monkeypatch.setattr(backends, "PAGE", tmp_path / "backends.md")
    monkeypatch.setattr(backends, "run", lambda *given: (runs.pop(0), {}))
    monkeypatch.setattr(backends, "version", lambda package: "1.0")
    monkeypatch.setattr(sys, "argv", ["backends", "98", "--only", "jax"])
    ends = []
    while runs:
        with pytest.raises(SystemExit) as ended:
            backends.main()
        lines = capsys.readouterr().out.splitlines()
        ends.append((ended.value.code, json.loads(lines[-1])))
        if ended.value.code:
            assert lines[0].endswith("no \\| such argument (was: passes)")
    as_before = [(0, {"stops": 1}), (0, {"passes": 1}), (0, {"passes": 1})]
    assert ends == [*as_before, (1, {"stops": 1, "worse": 1}), (0, {"stops": 1})]


def test_the_page_is_what_the_stored_outcomes_make():
    stored = catalog.backends()
    assert (ROOT / "docs" / "backends.md").read_text(encoding="utf-8") == backends.page(stored)
    assert stored.keys() <= {lesson.number for lesson in catalog.all_lessons()}
