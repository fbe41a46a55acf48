"""The command `course`: reads what was typed, calls, prints. What takes time to import, a command imports itself."""

import os
import shutil
import sys
from collections.abc import Iterable
from datetime import datetime
from json import dumps
from pathlib import Path
from shlex import quote
from typing import Annotated, Literal

import typer

from course.cli import classroom
from course.cli.execution import execute, finish
from course.cli.options import (
    AsJson,
    Edition,
    Fast,
    Jobs,
    LessonName,
    LessonNames,
    Mine,
    MineOption,
    Out,
    Parameters,
    Scheduler,
    Timeout,
)
from course.cli.refusals import Course, refuse

app = typer.Typer(
    cls=Course, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"course {version('course')}")
        raise typer.Exit


@app.callback()
def course(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Learn, run and build the course on training neural networks."""


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the lessons: title, part, seconds as measured, parameters."""
    from course.catalog import all_lessons
    from course.cli import terminal

    if as_json:
        terminal.json_lines(map(terminal.lesson_for_programs, all_lessons()))
    else:
        terminal.lessons(all_lessons())


@app.command()
def show(lesson: LessonName, as_json: AsJson = False) -> None:
    """Show what a lesson teaches, what it needs, and its parameters."""
    from course.catalog import find
    from course.cli import terminal

    if as_json:
        terminal.json_lines([terminal.lesson_for_programs(find(lesson))])
    else:
        terminal.lesson(find(lesson))


@app.command()
def run(
    lessons: LessonNames = None,
    parameter: Parameters = None,
    fast: Fast = False,
    jobs: Jobs = None,
    out: Out = None,
    edition: Edition = "solutions",
    timeout: Timeout = 900,
    scheduler: Scheduler = None,
    as_json: AsJson = False,
) -> None:
    """Run lessons, each with a value or a grid of parameters, and report.

    Started again with the same --out, it resumes where it stopped. Exit status: 1 if a run does not pass, 2 if the
    request is refused.
    """
    from course.catalog import choose
    from course.cli import terminal
    from course.runs import folder, judge, plan, report

    out = out or Path("runs", datetime.now().strftime("%Y-%m-%d_%H%M%S"))
    assignments = list(parameter or [])
    if fast:
        for twice in (text for text in assignments if text.startswith("fast=")):
            refuse(f"parameter {twice!r}: --fast already sets it")
        assignments.append("fast=true")
    planned = plan.plan(choose(lessons or []), assignments, edition)
    with folder.held(out):
        gathered = execute(planned, out, timeout=timeout, workers=jobs, scheduler=scheduler)
        plan.gather(gathered, out / "runs.parquet")
        page = report.write(gathered, out)
    if as_json:
        terminal.json_lines(map(report.for_programs, gathered))
    elif grid := report.grid_rows(gathered):
        terminal.table(report.GRID_COLUMNS, grid)
    else:
        terminal.table(report.COLUMNS, map(report.row, gathered))
    print(f"Report: {page}", file=sys.stderr if as_json else sys.stdout)
    finish(
        gathered,
        out,
        (f"{each.name}: {line}" for each in gathered for line in judge.refusals(each)),
    )


app.command("sweep", help="The same as run, under its former name for grids.")(run)


@app.command()
def build(
    lessons: LessonNames = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only list what no longer matches its source.")
    ] = False,
    execute: Annotated[
        bool, typer.Option("--execute", help="Run a lesson even if only its prose changed.")
    ] = False,
) -> None:
    """Build the executed notebooks of lessons and the other generated files; with --check, execute nothing."""
    from course.authoring import build, generated
    from course.catalog import choose

    chosen = [each.name for each in choose(lessons or [])]
    if check:
        drifted = [line for name in chosen for line in build.differences(name)] + list(
            generated.differences()
        )
        print("\n".join(drifted) or f"{len(chosen)} lessons equal their notebooks")
        raise typer.Exit(bool(drifted))
    for name in chosen:
        print(f"building {name}", flush=True)
        build.build(name, execute=execute)
    generated.write_all()


@app.command()
def book(
    site: Annotated[Path, typer.Option("--out", help="Folder for the site.")] = Path("site"),
) -> None:
    """Build the course as a site, from what is stored: no lesson is run."""
    from course.book.site import build

    build(site)
    print(f"The site: {site / 'index.html'}")


@app.command()
def preview(
    lessons: LessonNames = None,
    against: Annotated[
        str, typer.Option(metavar="COMMIT", help="The version before, as git names it.")
    ] = "HEAD",
    out: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("preview"),
) -> None:
    """Show changed lessons before and after, side by side, as readers will see them: no lesson is run."""
    from course.book import preview
    from course.catalog import choose

    changed = preview.write(out, choose(lessons or []), against)
    for lesson, count in changed:
        print(f"{lesson.name}: {count} {'change' if count == 1 else 'changes'}")
    print(
        f"Before and after: {out / 'index.html'}"
        if changed
        else f"No lesson differs from {against}"
    )


@app.command()
def measure(
    lesson: LessonName,
    seeds: Annotated[int | None, typer.Option(min=3, help="By default 30.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Notebooks at a time; by default one per core."),
    ] = None,
    mode: Annotated[
        Literal["both", "full", "fast"],
        typer.Option(help="Which mode to measure; results of the other mode stay."),
    ] = "both",
    times: Annotated[
        bool,
        typer.Option("--times", help="Only time the lesson by the clock, alone; the results stay."),
    ] = False,
) -> None:
    """Run a lesson over seeds from 0 up in both modes, and store what it claims and what it costs.

    Stopped and started again, it resumes from runs/measure-NN, which is removed when all is stored.
    """
    from course.authoring import measure
    from course.authoring.pace import loop_seconds
    from course.catalog import find
    from course.runs import folder, records

    def gather(out: Path, seeds: int, jobs: int, modes: Iterable[str] = measure.MODES) -> list:
        planned = measure.plan(name, range(seeds), out.parent, modes=modes)
        with folder.held(out):
            gathered = execute(planned, out, timeout=900, workers=jobs)
            finish(gathered, out)
            return gathered

    name = find(lesson).name
    place = Path("runs", f"measure-{name[:2]}")
    busy = f"another command measures lesson {name[:2]}; wait for its end"
    if times and (seeds or jobs or mode != "both"):
        alone = "--times runs a lesson once in each mode, alone"
        refuse(f"{alone}; leave --seeds, --jobs and --mode out")
    with folder.locked(place.with_suffix(".lock"), busy):
        if times:
            out = place / "times"
            measure.store_times(name, gather(out, 1, 1))
            shutil.rmtree(out)
        else:
            out = place / "results"
            modes = measure.MODES if mode == "both" else [mode]
            gathered = gather(out, seeds or 30, jobs or os.cpu_count() or 1, modes)
            measure.store(name, gathered)
            measure.store_costs(name, gathered, loop_seconds())
            for record in gathered:
                records.remove(record.name, out)
            if not any(out.glob("*.json")):  # a stopped measurement of the other mode stays
                shutil.rmtree(out)
        if not any(each.is_dir() for each in place.iterdir()):
            shutil.rmtree(place)


@app.command()
def lab(folder: Mine = None) -> None:
    """Open JupyterLab on your own copy of the notebooks, brought up to date; what you wrote is never lost."""
    from course.cli import lab
    from course.learner import copies

    mine = _mine(folder, new=True)
    for line in copies.update(mine):
        print(line)
    for line in lab.write_pages(mine):
        print(line)
    lab.open_lab(mine)


@app.command()
def copy(folder: Mine = None) -> None:
    """Copy the notebooks for an editor other than JupyterLab; the same command brings your copy up to date."""
    from course.cli import lab
    from course.learner import copies

    mine = _mine(folder, new=True)
    for line in copies.update(mine):
        print(line)
    for line in lab.write_pages(mine):
        print(line)
    print(f"Your notebooks are in {mine}")


@app.command()
def practice(
    lesson: Annotated[
        str | None, typer.Argument(metavar="[LESSON]", help="Such as 05, or an exercise: 05.2.")
    ] = None,
    folder: MineOption = None,
    once: Annotated[
        bool, typer.Option("--once", help="Judge what is saved, and end; exit status 1 if wrong.")
    ] = False,
    hint: Annotated[bool, typer.Option("--hint", help="Show one more hint, and end.")] = False,
    reset: Annotated[
        bool, typer.Option("--reset", help="Put the stub back, and end; your file is kept.")
    ] = False,
) -> None:
    """Name the next open exercise and judge your answer each time you save, with hints one at a time."""
    from course.cli import practice

    given = {"--once": once, "--hint": hint, "--reset": reset}
    if sum(given.values()) > 1:
        refuse(f"{', '.join(name for name in given if given[name])}: give one of them")
    if not (once or hint or reset):
        practice.watch(_mine(folder), lesson)
    elif not practice.once(_mine(folder), lesson, hint=hint, reset=reset) and once:
        raise typer.Exit(1)


@app.command()
def progress(
    folder: Mine = None,
    option: MineOption = None,
    as_json: AsJson = False,
) -> None:
    """Show how many exercises of each lesson are right, and which is next."""
    from course.cli import progress as shown
    from course.learner import progress

    if folder and option:
        refuse(f"{folder}, --folder {option}: give one of them")
    shown.show(progress.table(_mine(folder or option)), as_json=as_json)


@app.command()
def certificate(
    verify: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Say what a certificate proves.")
    ] = None,
    folder: MineOption = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; by default certificate.json.")
    ] = None,
) -> None:
    """Judge your answers again and write a certificate of those that are right; or verify one, offline.

    If the notebooks are at hand (--folder), it proves that answers are right, not who wrote them or when. It guards
    against an honest mistake, not against an answer that changes what judges it. The answers run with your rights:
    verify only notebooks that you would run. Exit status: 1 unless all is proved, or if nothing is right; 2 if
    the request is refused.
    """
    from course.cli import progress
    from course.files import write_whole
    from course.learner import certificate

    if verify:
        if out:
            refuse("--verify, --out: give one of them")
        if not progress.findings(certificate.verify(verify, _mine(folder) if folder else None)):
            raise typer.Exit(1)
        return
    out = out or Path("certificate.json")
    if out.is_dir():
        refuse(f"{out}: is a folder; name a file")
    if out.exists():
        certificate.opened(out)  # refuses to replace what is none
    content, left_out = certificate.issue(_mine(folder))
    if names := ", ".join(content["exercises"]):
        write_whole(out, dumps(content, indent=1) + "\n")
        print(f"Right when judged again: {names}; written to {out}")
    else:
        print("Right when judged again: no exercise; nothing was written")
    for name, why in left_out.items():
        print(f"Left out, though it was right before: {name}: {why}")
    if not names:
        raise typer.Exit(1)


app.command()(classroom.assign)
app.command()(classroom.grade)
app.command()(classroom.release)
app.command()(classroom.syllabus)


@app.command()
def doctor() -> None:
    """Check whether this installation can run the course; include its output in a bug report."""
    from course.cli import doctor

    if not doctor.examine():
        raise typer.Exit(1)


def main() -> None:
    app()


def _mine(folder: Path | None, *, new: bool = False) -> Path:
    """Where the learner's notebooks are: in the checkout, or where the course was installed without one, here.

    A folder that was named must be there, unless the command makes `new` ones.
    """
    from course import INSTALLED, ROOT

    if folder is None:
        return (Path.cwd() if INSTALLED else ROOT) / "my-course"
    if folder.exists() and not folder.is_dir():
        refuse(f"{folder}: is a file, not a folder")
    if not (new or folder.exists()):
        refuse(f"{folder}: there is no such folder; course copy {quote(str(folder))} makes one")
    return folder.absolute()
