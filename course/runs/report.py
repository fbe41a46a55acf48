"""What many runs came to: the table for the terminal, and a page of HTML that stands alone."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from course import claims
from course.files import write_whole
from course.runs import judge
from course.runs.records import Record, executed

COLUMNS = ("Lesson", "Mode", "Outcome", "Seconds", "Facts and bounds", "Repeated", "Exercises")
TEMPLATE = Path(__file__).with_suffix(".html.j2")


def row(record: Record) -> tuple[str, ...]:
    """Return one run as texts, in the order of COLUMNS."""
    promised = [claim for claim in record.claims.values() if claim.standard and claim.kept is not None]
    broken = list(judge.refusals(record))
    kept = f"{len(promised) - len(broken)} of {len(promised)}" if promised else ""
    repeated = [found for claim in record.claims.values() if (found := judge.is_repeated(record, claim)) is not None]
    how = "to the digit" if judge.is_same_machine(record) else "in the interval"
    repeats = f"{sum(repeated)} of {len(repeated)} {how}" if repeated else ""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in Counter(record.exercises.values()).items())
    return record.name, record.mode, record.outcome, f"{record.seconds:.1f}", kept, repeats, outcomes


def write(gathered: Iterable[Record], out: Path) -> Path:
    """Write report.html beside the executed notebooks of the runs in folder `out` and return its path."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    shown = [(record, row(record)) for record in gathered]
    page = template.render(
        columns=COLUMNS,
        runs=shown,
        failed=[record for record, _ in shown if record.outcome != "passed"],
        notebook=lambda record: executed(record.name, out),
        claim_row=claims.row,
        refusals=judge.refusals,
        is_repeated=judge.is_repeated,
    )
    path = out / "report.html"
    write_whole(path, page)
    return path
