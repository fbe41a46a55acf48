"""Arguments and options that several commands take, with the words that explain them."""

from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Literal

import typer


def _near(moment: datetime | None) -> datetime | None:
    """Refuse what leaves the calendar in another time zone, or with a term after it."""
    if moment and not 1970 <= moment.year <= 9000:
        raise typer.BadParameter(f"{moment}: must be in the years 1970 to 9000.")
    return moment


def _deadline(text: str) -> datetime:
    """Read a deadline; a date alone means the end of that day."""
    try:
        return datetime.combine(date.fromisoformat(text), time.max)
    except ValueError:
        pass  # it has a time
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r}: must be a date, 2027-01-31, or with a time, 2027-01-31T18:00:00."
        ) from None


LessonName = Annotated[str, typer.Argument(metavar="LESSON", help="Such as 05.")]
LessonNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LESSON]...", help="Such as 05 or 02..05; by default all."),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        "-p",
        metavar="NAME=VALUES",
        help="Such as epochs=5, epochs=1,5 or seed=0..9; repeatable; see: course show.",
    ),
]
Fast = Annotated[
    bool, typer.Option("--fast", help="Less data and fewer epochs; the same as -p fast=true.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=1, help="Notebooks at a time; by default one more than the cores."
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Folder for notebooks and records; by default runs/DATE_TIME.")
]
Edition = Annotated[
    Literal["solutions", "learner"],
    typer.Option(help="With the solutions, or as learners open them."),
]
Timeout = Annotated[float, typer.Option(min=1, max=10**6, help="Seconds that each run may take.")]
Mine = Annotated[
    Path | None, typer.Argument(help="Folder of your notebooks; by default my-course/.")
]
MineOption = Annotated[
    Path | None, typer.Option("--folder", help="Folder of your notebooks; by default my-course/.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="A Dask scheduler, whose workers have one thread and see the same files.",
    ),
]
Due = Annotated[
    datetime | None,
    typer.Option(
        metavar="DATE[TIME]",
        help="Files changed later are called late: 2027-01-31 (all that day), 2027-01-31T18:00:00.",
        parser=_deadline,
        callback=_near,
    ),
]
Start = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="First day of the term: 2027-02-01.", callback=_near),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="For programs: JSON instead of a table, one line per row.")
]
