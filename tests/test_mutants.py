import ast

import pytest

from benchmarks.mutants import _tried, judged, mutants
from course.authoring.source import read

SOLUTION = '''def clipped(x, low=0):
    """Return x, at least low."""
    return max(x, low) if x < 5 else x - 1'''


def bodies():
    return {ast.unparse(ast.parse(text).body[0].body[-1]) for _, text in mutants(SOLUTION)}


@pytest.mark.parametrize(
    "changed",
    [
        "return max(x, low) if x <= 5 else x - 1",
        "return max(x, low) if x > 5 else x - 1",
        "return min(x, low) if x < 5 else x - 1",
        "return max(x, low) if x < 6 else x - 1",
        "return max(x, low) if x < 5 else x + 1",
        "return max(x, low) if x < 5 else 1 - x",
        "return x - 1 if x < 5 else max(x, low)",
        "return max(x, low)",
        "pass",
    ],
)
def test_a_solution_is_changed_in_one_place(changed):
    assert changed in bodies()


def test_no_mutant_is_the_solution_and_none_comes_twice():
    texts = [text for _, text in mutants(SOLUTION)]
    assert ast.unparse(ast.parse(SOLUTION)) not in texts
    assert len(texts) == len({*texts})


def test_where_the_solution_is_not_right_nothing_is_said_of_mutants(monkeypatch):
    def breaks(*_):
        raise MemoryError

    monkeypatch.setattr("benchmarks.mutants.verdict", breaks)
    source = read("01_gradient_descent")
    solution = next(cell.source for cell in source.cells if "solution" in cell.tags)
    with pytest.raises(SystemExit, match=r"01.1: its solution is not right but broken"):
        _tried(source, "01.1", solution)


def test_a_mutant_that_cannot_run_or_never_ends_is_broken(monkeypatch):
    monkeypatch.setattr("benchmarks.mutants.TIME_LIMIT", 1)
    source = read("01_gradient_descent")
    assert judged(source, "01.1", "1 / 0").hints == ("ZeroDivisionError: division by zero",)
    endless = judged(source, "01.1", "def mean_step(*_):\n    while True:\n        pass")
    assert endless.outcome == "broken"
    assert "not done after 1 s" in endless.hints[0]
