"""Mutation testing itself, on a planted module: what is killed, what survives, what is explained, and nothing run."""

import ast
import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from benchmarks import mutant_runs
from benchmarks.module_mutants import mutants
from benchmarks.mutation import (
    ROOT,
    explanations,
    files_of_tests,
    imported_by_lessons,
    main,
    mutants_of,
    named,
)

NEEDS_FORK = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
PLANTED = '''"""Planted."""

LIMIT = 5


def larger(first: int | None, second: int) -> int:
    """Return the larger of two."""
    return first if first > second else second


def within(value):
    return value < LIMIT


def unseen(value):
    return value + 2
'''
TESTS = """
from course.planted import larger, within

def test_larger():
    assert larger(3, 2) == 3
    assert larger(2, 3) == 3

def test_within():
    assert within(4)
    assert not within(5)
"""
UNSEEN = ["return value + 3", "return value + 1"]
EQUAL = "return first if (first >= second) else second"
ENTRY = """
[[survivor]]
module = "course/planted.py"
was = "return first if first > second else second"
now = "{now}"
why = "of two that are equal, either is the larger"
"""


@pytest.fixture
def run(tmp_path):
    """Put the mutants of a planted module to its tests: the exit status, the lines, and the last of them as data."""
    if not hasattr(os, "fork"):
        pytest.skip("this system does not fork")
    for name in ("course", "tests", "benchmarks", "lessons"):
        (tmp_path / name).mkdir()
    (tmp_path / "course" / "__init__.py").touch()
    (tmp_path / "course" / "planted.py").write_text(PLANTED, encoding="utf-8")
    (tmp_path / "tests" / "test_planted.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "lessons" / "01.py").write_text("from course.planted import larger")

    def run(*arguments):
        command = [sys.executable, "-m", "benchmarks.mutation", "--root", tmp_path, *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.stderr == "", done.stderr
        *lines, last = done.stdout.splitlines()
        return done.returncode, lines, json.loads(last)

    run.folder = tmp_path
    return run


def survivors(lines):
    return [line.split("  ->  ")[1] for line in lines if line.startswith("    survived")]


def test_planted_mutants_are_killed_and_an_equivalent_one_survives(run):
    status, lines, counted = run()
    assert survivors(lines) == [
        EQUAL,
        "pass",
        "return (value - 2)",
        "return value",
        "return 2",
        *UNSEEN,
    ]
    assert counted["killed"] == counted["mutants"] - counted["survived"] > counted["survived"]
    assert counted["modules"].keys() == {"course/planted.py"}
    assert status == 1


def test_an_explained_survivor_is_counted_apart_and_a_stale_entry_fails(run):
    kept = PLANTED[: PLANTED.index("def unseen")]
    (run.folder / "course" / "planted.py").write_text(kept, encoding="utf-8")
    file = run.folder / "benchmarks" / "survivors.toml"
    file.write_text(ENTRY.format(now=EQUAL), encoding="utf-8")
    status, lines, counted = run()
    assert (counted["survived"], counted["explained"], status) == (0, 1, 0)
    assert survivors(lines) == []
    killed = "return first if (first < second) else second"
    file.write_text(ENTRY.format(now=EQUAL) + ENTRY.format(now=killed) + ENTRY.format(now="gone"))
    status, lines, counted = run()
    stale = {line.split("  ->  ")[1] for line in lines if line.startswith("    stale")}
    assert (stale, status) == ({killed, "gone"}, 1)


def test_running_nothing_fails(run):
    (run.folder / "lessons" / "01.py").write_text("import course", encoding="utf-8")
    status, _, counted = run()
    assert (status, counted["mutants"]) == (1, 0)


@pytest.mark.parametrize(
    "text",
    ["course/plots.py", "./course/plots.py", "tests/../course/plots.py", f"{ROOT}/course/plots.py"],
)
def test_a_module_may_be_named_in_any_way(text):
    assert named(text, ROOT) == "course/plots.py"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["course/nothing.py"], "course/nothing.py: no such file in"),
        (["../else.py"], "../else.py: no such file in"),
        (["course/__init__.py"], "course/__init__.py: has no tests"),
        (["--share", "0"], "--share 0: must be at least 1"),
        (["--jobs", "0"], "--jobs 0: must be at least 1"),
    ],
)
def test_what_cannot_be_tried_is_refused_in_a_line(arguments, says, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mutation", *arguments])
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [*sys.path])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(("text", "exit_code"), [("x = 1", 5), ("def test_it(): assert 0", 1)])
def test_tests_that_fail_or_do_not_run_without_a_mutant_say_nothing_of_mutants(
    run, text, exit_code
):
    (run.folder / "tests" / "test_planted.py").write_text(text, encoding="utf-8")
    status, lines, counted = run()
    assert (status, counted["mutants"]) == (1, 0)
    assert lines[-1] == f"tests/test_planted.py: ends with status {exit_code} without a mutant"


def test_tests_that_need_others_before_them_say_nothing_of_mutants(run):
    text = """
from course.planted import within

seen = []

def test_first():
    seen.append(1)

def test_within_looks_at_nothing():
    assert seen
    within(4)
"""
    (run.folder / "tests" / "test_planted.py").write_text(text, encoding="utf-8")
    status, lines, counted = run()
    assert (status, counted["mutants"]) == (1, 0)
    assert lines[-1].startswith("without a mutant, but in this order, fail: ['tests/test_planted")


@NEEDS_FORK
def test_a_process_that_cannot_be_made_ready_kills_no_mutant():
    def full(place):
        raise OSError(errno.ENOSPC, "no space left")

    with pytest.raises(mutant_runs.TestsFailError, match="could not be made ready"):
        list(mutant_runs.forked([0], full, limit=lambda place: 60))


@NEEDS_FORK
def test_who_stops_the_command_stops_what_it_has_started():
    read, write = os.pipe()

    def run(place):
        if place:
            signal.pause()
        return mutant_runs.PASSED

    ends = mutant_runs.forked([0, 1], run, limit=lambda place: 60, jobs=2)
    assert next(ends) == (0, mutant_runs.PASSED)
    ends.close()
    os.close(write)  # so that the pipe ends with the last process that has it
    assert os.read(read, 1) == b""
    os.close(read)


@NEEDS_FORK
def test_a_process_is_killed_that_does_not_lead_its_group_yet():
    process = os.fork()
    if not process:
        signal.pause()
    assert os.waitstatus_to_exitcode(mutant_runs._kill(process)) == -signal.SIGKILL


def test_a_mutant_keeps_every_line_in_its_place():
    source = (
        "def f(x):\n    y = max(\n        x,\n        f'{x + 1} of {x}',\n    )\n    return y\n"
    )
    found = mutants(source)
    assert len(found) > 5
    for mutant in found:
        ast.parse(mutant.text)
        assert len(mutant.text.splitlines()) == len(source.splitlines())
        assert mutant.text.splitlines()[-1] in ("    return y", "    pass")
    assert "f'{x - 1} of {x}'" in "".join(mutant.text for mutant in found)


def test_functions_that_draw_can_be_left_out():
    source = "from course import plots\n\n\ndef shown(x):\n    plots.bars(x)\n\n\ndef twice(x):\n    return 2 * x\n"
    assert {mutant.function for mutant in mutants(source)} == {4, 8}
    assert {mutant.function for mutant in mutants(source, drawing=False)} == {8}


def test_how_something_looks_can_be_left_out():
    source = "def shown(axes):\n    axes.plot([1, 2], label=3, alpha=0.5)\n"
    assert "alpha=1.5" in "".join(mutant.now for mutant in mutants(source))
    left = [mutant.now for mutant in mutants(source, looks=False)]
    assert any("label=4" in line for line in left)
    assert [line for line in left if "alpha=0.5" not in line] == ["pass"]


def test_annotations_and_docstrings_have_no_mutants():
    found = mutants('def f(x: int | None = None) -> list[1]:\n    """Return 1."""\n    return x\n')
    assert [mutant.now for mutant in found] == ["pass"]


def test_every_explanation_gives_a_reason_and_names_a_module_that_lessons_import():
    modules = imported_by_lessons(ROOT)
    found = explanations(ROOT / "benchmarks" / "survivors.toml")
    assert {entry.module for entry in found} <= {*modules}
    assert [entry for entry, why in found.items() if len(why) < 10] == []
    for module in modules:
        lines = {(mutant.was, mutant.now) for mutant in mutants_of(module, ROOT)}
        own = [entry for entry in found if entry.module == module]
        assert [entry for entry in own if (entry.was, entry.now) not in lines] == []


def test_the_modules_are_those_that_lessons_import_themselves_or_by_others():
    found = imported_by_lessons(ROOT)
    assert {"course/claims.py", "course/training/state.py", "course/topics/budget.py"} <= {*found}
    assert not any(module.startswith(("course/cli", "course/runs")) for module in found)
    assert files_of_tests("course/claims.py", ROOT) == ["tests/test_claims.py"]
