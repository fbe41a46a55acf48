"""A pytest plugin: where GitHub runs the tests, each failure becomes an annotation beside the line that failed."""

import os
from pathlib import Path

ESCAPED = {"%": "%25", "\r": "%0D", "\n": "%0A"}  # in a workflow command; % comes first
LONGEST = 2000  # characters of a message


def pytest_terminal_summary(terminalreporter):
    if "GITHUB_ACTIONS" in os.environ:
        for kind in ("failed", "error"):
            for report in terminalreporter.stats.get(kind, []):
                terminalreporter.write_line(annotation(report))


def annotation(report):
    """Return the workflow command that shows a failed test's report."""
    path, line, name = report.location
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash and Path(crash.path).is_relative_to(Path.cwd()):
        path = Path(crash.path).relative_to(Path.cwd()).as_posix()
        line = crash.lineno - 1
    message = str(crash.message if crash else report.longrepr)[:LONGEST]
    for plain, escaped in ESCAPED.items():
        message = message.replace(plain, escaped)
    return f"::error file={path},line={(line or 0) + 1},title={name.replace(',', ' ')}::{message}"
