"""A pytest plugin that holds every lesson to its run-time budget; `python -m tests` loads it.

The budget is twice the seconds in lessons/times.toml, scaled by the calibration loop: its median while the lessons
run here, among all that runs beside them, over what it took when the lesson was measured. Never absolute seconds.
"""

import statistics
import threading
from collections import defaultdict

import pytest

from course.authoring.pace import loop_seconds
from course.catalog import times

ALLOWED = 2.0  # times what was expected
PAUSE = 4.0  # seconds between two rounds of the loop
PROPERTY = "seconds"  # what a test records: [lesson, mode, seconds]


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the process that gathers the reports
        config.pluginmanager.register(RunTimes())


class RunTimes:
    """Gathers seconds from the reports of tests and of notebook cells; the loop runs in a thread meanwhile."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = defaultdict(float)
        self.loops: list[float] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.split("::")[0]
        if report.when == "call" and file.endswith(".ipynb"):
            self.seconds[file.rsplit("/")[-1].removesuffix(".ipynb"), "full"] += report.duration
        if report.when == "call":
            for lesson, mode, seconds in (value for name, value in report.user_properties if name == PROPERTY):
                self.seconds[lesson, mode] += seconds

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.ended.set()
        self.thread.join()
        if any(ratio > ALLOWED for *_, ratio in self.rows()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if rows := list(self.rows()):
            terminalreporter.section("run times")
            terminalreporter.line(f"{'lesson':28} {'mode':4} {'seconds':>8} {'expected':>9} {'ratio':>6}")
        for lesson, mode, seconds, expected, ratio in rows:
            verdict = f"over its budget, {ALLOWED:g} times the expected" if ratio > ALLOWED else ""
            terminalreporter.line(f"{lesson:28} {mode:4} {seconds:8.1f} {expected:9.1f} {ratio:6.2f} {verdict}")

    def rows(self):
        """Lesson, mode, seconds, seconds to be expected on this machine just now, and their ratio."""
        for (lesson, mode), seconds in sorted(self.seconds.items()):
            measured = times()[lesson[:2]]
            expected = measured[mode] * statistics.median(self.loops) / measured["loop"]
            yield lesson, mode, seconds, expected, seconds / expected

    def _sample(self) -> None:
        self.loops.append(loop_seconds())
        while not self.ended.wait(PAUSE):
            self.loops.append(loop_seconds(1))
