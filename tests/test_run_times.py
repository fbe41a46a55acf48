"""What the run's times say of a lesson that was never measured, and of a notebook that was not timed."""

from types import SimpleNamespace

import pytest

from course import catalog
from tests import run_times

TIMES = "[98]\nprocessor = {full = 10.0, fast = 1.0, loop = 1.0}\n"
NEVER = "99_new: has no times yet; run: course measure 99 --times"


class Terminal:
    """Keeps the lines."""

    def __init__(self):
        self.lines = []

    def section(self, title):
        pass

    def line(self, text):
        self.lines.append(text)


@pytest.fixture
def ended(lessons, monkeypatch):
    """End a run that timed these lessons and ran these notebooks: whether it fails with --times, and its lines."""
    catalog.TIMES.write_text(TIMES)
    monkeypatch.setattr(run_times, "loop_seconds", lambda *_: 1.0)

    def ended(seconds, notebooks):
        plugin = run_times.RunTimes(fail=True)
        for path in notebooks:
            report = SimpleNamespace(location=(path, None, ""), when="call")
            plugin.pytest_runtest_logreport(report)
        for lesson, spent in seconds.items():
            properties = [(run_times.PROPERTY, [lesson, "full", spent])]
            report = SimpleNamespace(
                location=("tests/test.py", 1, ""), when="teardown", user_properties=properties
            )
            plugin.pytest_runtest_logreport(report)
        session = SimpleNamespace(exitstatus=0)
        plugin.pytest_sessionfinish(session)
        terminal = Terminal()
        plugin.pytest_terminal_summary(terminal)
        return session.exitstatus, terminal.lines

    return ended


def test_a_lesson_that_was_never_timed_is_named_beside_those_that_were(ended):
    status, lines = ended({"98_trial": 10.0, "99_new": 10.0}, [])
    assert status == 1
    assert lines[1:] == ["98_trial                     full     10.0      10.0   1.00 ", NEVER]


def test_a_notebook_that_ran_and_was_not_timed_fails(ended):
    path = "notebooks/solutions/98_trial.ipynb"
    status, lines = ended({}, [path])
    assert (status, lines) == (
        1,
        ["98_trial: was run and not timed; nbval keeps its kernel elsewhere than expected"],
    )
    assert ended({"98_trial": 10.0}, [path])[0] == 0
    assert ended({"98_trial": 16.0}, [path])[0] == 1
