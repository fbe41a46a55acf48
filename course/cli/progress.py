"""What `course progress` and `course certificate` show."""

from collections.abc import Iterable
from dataclasses import asdict

from course.cli.terminal import json_lines, table
from course.learner.certificate import Finding
from course.learner.progress import Row


def show(rows: Iterable[Row], *, as_json: bool) -> None:
    """Print how far a learner has come, as a table or as JSON, one line a lesson."""
    rows = list(rows)
    if as_json:
        json_lines(map(asdict, rows))
        return
    table(
        ("Lesson", "", "Right", "Next"),
        (
            (row.lesson[:2], row.title, f"{row.right} of {row.exercises}", row.next or "done")
            for row in rows
        ),
    )
    right = sum(row.right for row in rows)
    all_ = sum(row.exercises for row in rows)
    following = next((row.next for row in rows if row.next), None)
    print(f"{right} of {all_} exercises right" + (f"; next: {following}" if following else ""))


def findings(found: Iterable[Finding]) -> bool:
    """Print what verifying a certificate found, as it is found; return whether an answer and all else is proved."""
    results: list[str] = []
    for finding in found:
        print(f"{finding.what}: {finding.result}: {finding.why}", flush=True)
        results.append(finding.result)
    proved = results[1:].count("proved")
    print(
        f"{proved} of {len(results) - 1} answers are proved right. Who wrote them, and when, no certificate proves."
        " It guards against an honest mistake, not against an answer that changes what judges it."
    )
    return len(results) > 1 and set(results) == {"proved"}
