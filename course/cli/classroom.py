"""The commands of a class: a variant for each student, and their grades."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from course.cli.execution import execute, finish, goes_on
from course.cli.options import Due, Jobs, LessonNames, Scheduler, Start
from course.cli.refusals import refuse

if TYPE_CHECKING:
    from course.catalog import Lesson

Roster = Annotated[
    Path, typer.Option(help="A CSV file with a column `student`: letters, digits and . _ @ + -")
]


def assign(
    lessons: Annotated[
        list[str], typer.Argument(metavar="LESSON...", help="Such as 05 or 02..05.")
    ],
    roster: Roster,
    out: Annotated[
        Path, typer.Option(help="Folder for the notebooks and, apart from them, the keys.")
    ],
    course: Annotated[
        str, typer.Option(help="Name of your course and term; another name gives other variants.")
    ] = "course",
    full: Annotated[
        bool, typer.Option("--full", help="Have students run in full mode, not fast.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace existing notebooks and their keys.")
    ] = False,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
) -> None:
    """Make a notebook with its own parameters for each student, and the key to what only that student's run answers.

    Hand out DIR/notebooks/STUDENT. Keep DIR/keys, made by running the solutions with each student's parameters.
    The same command resumes where it stopped and makes what is missing for a longer roster; existing notebooks and
    their keys stay as they are.
    """
    from course.catalog import choose
    from course.classroom import roster as rosters
    from course.classroom import variants
    from course.files import write_whole
    from course.runs import folder

    students = rosters.read(roster)
    chosen = choose(lessons)
    runs = out / "keys" / "runs"
    with folder.held(runs):
        assigned = [
            variants.assignment(course, student, lesson, out, full=full, replace=replace)
            for lesson in chosen
            for student in students
        ]
        left = 0 if replace else sum(each.differs() for each in assigned)
        for each in assigned:
            each.write(replace=replace)
        print(
            f"{sum(each.notebook.exists() for each in assigned)} notebooks in {out / 'notebooks'}"
        )
        if left:
            print(f"{left} differ from what would be written now and are left; --replace replaces")
        open_ = [each for each in assigned if not each.key.exists()]
        different = {each.job.name: each.job for each in open_}  # some may draw the same values
        how = {"timeout": 900, "workers": jobs, "scheduler": scheduler}
        records = execute(list(different.values()), runs, again=out, **how)
        by_name = {record.name: record for record in records}
        lost = []
        for each in open_:
            record = by_name.get(each.job.name)
            if record and record.outcome == "passed":
                try:
                    write_whole(each.key, variants.key_text(record, each.variant.asked))
                except folder.FolderError as error:
                    lost.append(str(error))
    finish(records, runs)
    if lost:
        refuse(lost[0])
    print(f"{len(assigned)} keys in {out / 'keys'}: keep them to yourself")


def grade(
    submissions: Annotated[Path, typer.Argument(help="A folder with STUDENT/NN_lesson.ipynb.")],
    roster: Roster,
    out: Annotated[Path, typer.Option(help="Folder for the gradebook and the pages.")],
    lessons: Annotated[
        list[str] | None,
        typer.Option(
            "--lesson", "-l", metavar="LESSON", help="Repeatable; by default all handed in."
        ),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(help="DIR/keys of course assign: also grades what students report."),
    ] = None,
    due: Due = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed of the inputs answers are tried on; by default a new one."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Submissions at a time; by default one per core."),
    ] = None,
    scheduler: Scheduler = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Without a sandbox: only for code that you trust.")
    ] = False,
) -> None:
    """Grade submissions in a sandbox: gradebook.csv, the same for Canvas and Moodle, and a page for each student.

    Started again with the same --out, it resumes where it stopped. The workers of a --scheduler need bubblewrap, too.
    """
    from course.catalog import all_lessons, choose
    from course.classroom import gradebook, grading
    from course.classroom import roster as rosters
    from course.classroom.sandbox import require
    from course.runs import folder

    students = rosters.read(roster)
    if not submissions.is_dir():
        refuse(f"{submissions}: there is no such folder")
    if lessons:
        chosen = choose(lessons)
    else:
        there = {path.stem for path in submissions.glob("*/*.ipynb")}
        chosen = [lesson for lesson in all_lessons() if lesson.name in there]
    if not chosen:
        refuse(f"{submissions}: holds no STUDENT/NN_lesson.ipynb; name the lesson with --lesson")
    if keys and not keys.is_dir():
        refuse(f"{keys}: there is no such folder")
    for lesson in chosen:
        if keys and not any(keys.glob(f"*/{lesson.name}.json")):
            why = f"holds no STUDENT/{lesson.name}.json; --keys is DIR/keys of course assign"
            refuse(f"{keys}: {why}; --lesson names the lessons that you have assigned")
    if not unsafe and not scheduler:
        require()
    workers = jobs or os.cpu_count() or 1
    busy = "another command grades into it; wait for its end, or use --out"
    with folder.locked(out / folder.LOCK, busy, "; choose another folder, with --out"):
        drawn_from = grading.seed(out, seed)
        order = grading.Order(submissions, out, drawn_from, keys=keys, due=due, unsafe=unsafe)
        with goes_on(out):
            grades = grading.grade_all(order, students, chosen, jobs=workers, scheduler=scheduler)
        gradebook.write(grades, students, out)
    known = {
        each.id.casefold() for each in students
    }  # "Ada" and "ada" are one folder to some systems
    for name in sorted(_handed_in(submissions, chosen)):
        if name.casefold() not in known:
            why = f"nobody on {roster} has this name; not graded"
            print(f"{submissions / name}: {why}", file=sys.stderr)
    right = sum(each.outcome == "right" for grade in grades for each in grade.points)
    asked = sum(len(grade.points) for grade in grades)
    print(
        f"{len(grades)} submissions, {right} of {asked} answers right; see {out / 'summary.html'}"
    )


def _handed_in(submissions: Path, lessons: Iterable["Lesson"]) -> set[str]:
    """Return the folders that hold a notebook of one of the lessons."""
    return {
        path.parent.name
        for lesson in lessons
        for path in submissions.glob(f"*/{lesson.name}.ipynb")
    }


def release(
    lessons: Annotated[
        list[str], typer.Argument(metavar="LESSON...", help="Such as 05 or 02..05.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of your nbgrader course.")],
    course: Annotated[str, typer.Option(help="The id of your nbgrader course.")] = "course",
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace assignments that you have changed.")
    ] = False,
) -> None:
    """Write lessons as nbgrader assignments: source/ and nbgrader_config.py, ready for generate_assignment.

    An existing nbgrader_config.py is kept, and so is its course id.
    """
    from course.catalog import choose
    from course.classroom import nbgrader

    configured = out / nbgrader.CONFIGURED
    kept = configured.exists()
    for path in nbgrader.write(course, choose(lessons), out, replace=replace):
        print(path)
    if kept:
        print(f"{configured}: is kept as it was")


def syllabus(
    weeks: Annotated[int, typer.Option(min=1, help="How many weeks your term has.")] = 14,
    lessons: LessonNames = None,
    start: Start = None,
    ical: Annotated[
        Path | None, typer.Option(help="Write the term to this calendar file, too; needs --start.")
    ] = None,
) -> None:
    """Print a term on one page: the lessons of each week, what they teach and need, and how long they take."""
    from course.catalog import choose
    from course.classroom import syllabus
    from course.files import write_whole

    first = start.date() if start else None
    if ical and not first:
        refuse("--ical: needs --start, the first day of the term")
    dealt = syllabus.deal([syllabus.Unit(lesson) for lesson in choose(lessons or [])], weeks)
    if ical and first:
        write_whole(ical, syllabus.calendar(dealt, first).encode())
    print(syllabus.markdown(dealt, first), end="")
