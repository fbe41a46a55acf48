"""What many runs came to: the table for the terminal, and a page of HTML that stands alone."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from course import claims
from course.claims import Band
from course.files import write_whole
from course.runs.records import Record, executed

COLUMNS = ("Lesson", "Mode", "Outcome", "Seconds", "Claims held", "Exercises")
STANDARD = {"seed", "fast"}  # with other parameters chosen a claim has no band to be held to
TEMPLATE = Path(__file__).with_suffix(".html.j2")


def row(record: Record) -> tuple[str, ...]:
    """Return one run as texts, in the order of COLUMNS."""
    held = [inside for name in record.claims if (inside := is_held(record, name)) is not None]
    judged = f"{sum(held)} of {len(held)}" if held else f"{len(record.claims)} not judged" if record.claims else ""
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in Counter(record.exercises.values()).items())
    return record.name, record.mode, record.outcome, f"{record.seconds:.1f}", judged, outcomes


def is_held(record: Record, name: str) -> bool | None:
    """Tell whether claim `name` of a run lies in its band; None where there is no band to judge it by."""
    band = claims.bands().get(name, {}).get(record.mode)
    if not band or not record.parameters.keys() <= STANDARD:
        return None
    claim = record.claims[name]
    return claim["value"] in Band(**band, digits=claim["digits"], unit=claim["unit"])


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
        is_held=is_held,
    )
    path = out / "report.html"
    write_whole(path, page)
    return path
