"""A pytest plugin that prints what every lesson costs beside its budget; `python -m tests` loads it.

Counted are seconds of the processor, of a lesson's kernel and all that it started, since those of the clock tell more
about what else runs. The budget is half as much again as lessons/times.toml says, scaled by the calibration loop: its
median while the lessons run here over what it took when the lesson was measured. Over it, a run fails with --times, and
so it does where a lesson was not timed: here, or ever.
"""

import statistics
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from course.authoring.pace import loop_seconds
from course.catalog import times
from course.runs.machine import processor_seconds

ALLOWED = 1.5  # times what was expected: a lesson that computes everything twice is caught
PAUSE = 4.0  # seconds between two rounds of the loop
PROPERTY = "processor"  # what a test records: [lesson, mode, seconds so far]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--times", action="store_true", help="fail when a lesson costs more than its budget"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the process that gathers the reports
        config.pluginmanager.register(RunTimes(fail=config.getoption("--times")))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """After each cell that nbval ran, record what its notebook has cost by then."""
    kernel = getattr(item.parent, "kernel", None)
    if kernel:
        spent = processor_seconds(kernel.km.provisioner.pid)
        item.user_properties.append((PROPERTY, [item.path.stem, "full", spent]))


class RunTimes:
    """Gathers seconds from the reports of tests and of notebook cells; the loop runs in a thread meanwhile."""

    def __init__(self, *, fail: bool) -> None:
        self.fail = fail
        self.notebooks: set[str] = set()  # whose cells were run
        self.seconds: dict[tuple[str, str], float] = defaultdict(float)
        self.loops: list[float] = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)
        self.thread.start()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        path = Path(report.location[0])
        if path.suffix == ".ipynb":
            self.notebooks.add(path.stem)
        if report.when == "teardown":
            for lesson, mode, seconds in (
                value for name, value in report.user_properties if name == PROPERTY
            ):
                self.seconds[lesson, mode] = max(seconds, self.seconds[lesson, mode])

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.ended.set()
        self.thread.join()
        over = any(ratio > ALLOWED for *_, ratio in self.rows())
        if self.fail and (over or any(self.untimed())):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if rows := list(self.rows()):
            terminalreporter.section("processor seconds")
            terminalreporter.line(
                f"{'lesson':28} {'mode':4} {'seconds':>8} {'expected':>9} {'ratio':>6}"
            )
        for lesson, mode, seconds, expected, ratio in rows:
            verdict = f"over its budget, {ALLOWED:g} times the expected" if ratio > ALLOWED else ""
            terminalreporter.line(
                f"{lesson:28} {mode:4} {seconds:8.1f} {expected:9.1f} {ratio:6.2f} {verdict}"
            )

        for line in self.untimed():
            terminalreporter.line(line)

    def untimed(self):
        """What cannot be compared: lessons that were never measured, and notebooks that ran and were not timed."""
        seen = {lesson for lesson, _ in self.seconds}
        for lesson in sorted(seen):
            if "processor" not in times().get(lesson[:2], {}):
                yield f"{lesson}: has no times yet; run: course measure {lesson[:2]} --times"
        for notebook in sorted(self.notebooks - seen):
            yield f"{notebook}: was run and not timed; nbval keeps its kernel elsewhere than expected"

    def rows(self):
        """Lesson, mode, seconds, seconds to be expected on this machine just now, and their ratio."""
        for (lesson, mode), seconds in sorted(self.seconds.items()):
            measured = times().get(lesson[:2], {}).get("processor")
            if not measured:
                continue
            expected = measured[mode] * statistics.median(self.loops) / measured["loop"]
            yield lesson, mode, seconds, expected, seconds / expected

    def _sample(self) -> None:
        self.loops.append(loop_seconds())
        while not self.ended.wait(PAUSE):
            self.loops.append(loop_seconds(1))
