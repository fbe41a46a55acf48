"""Lessons, each with a value or a grid of parameters: what was done is not done again, the records become one table.

A command that was stopped, or killed, goes on in its folder where it stopped: a run is done when its record says that
it passed, for the same notebook, parameters, environment and code of the course.
"""

import io
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from course.catalog import Edition, Lesson
from course.claims import Claim
from course.files import write_whole
from course.parameters import ParameterError, check
from course.runs import records
from course.runs.records import Job, Record

RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
MOST_RUNS = 10_000

Point = tuple[tuple[str, Any], ...]  # parameters other than the seed


def plan(lessons: Iterable[Lesson], assignments: Iterable[str], edition: Edition) -> list[Job]:
    """Return the jobs of every lesson, as `grid` makes them; raises what it raises."""
    assignments = list(assignments)
    return [job for lesson in lessons for job in grid(lesson, assignments, edition)]


def grid(lesson: Lesson, assignments: Iterable[str], edition: Edition) -> list[Job]:
    """Return a job for every combination of the values that assignments such as "seed=0..9" and "epochs=1,5" give.

    Raises ParameterError for a parameter that the lesson does not have or allow, LessonError when it was not built.
    """
    asked = {name: _values(lesson, name, text) for name, text in split(assignments).items()}
    axes = {
        name: asked[name] for name in lesson.parameters if name in asked
    }  # one name a run, however it was typed
    _refuse_many(lesson, math.prod(map(len, axes.values())))
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    notebook = lesson.notebook(edition)
    return [Job(notebook, lesson.name, point) for point in points]


def split(assignments: Iterable[str]) -> dict[str, str]:
    """Split "name=value" texts. Raises ParameterError for one without a name or "=", and for a name given twice."""
    values: dict[str, str] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise ParameterError(f"parameter {text!r}: must be name=value")
        if name in values:
            raise ParameterError(f"{name}: given twice, as {values[name]!r} and as {value!r}")
        values[name] = value
    return values


def checked(lesson: Lesson, values: dict[str, str]) -> dict[str, object]:
    """Return `values` typed as the parameters of `lesson`; raises ParameterError naming the lesson."""
    try:
        return check(lesson.parameters, values)
    except ParameterError as error:
        raise ParameterError(f"{lesson.name}: {error}") from error


def finished(job: Job, out: Path) -> Record | None:
    """Return the record in folder `out` of a run of just this job that passed, if there is one."""
    record = records.read(out / f"{job.name}.json")
    return record if record and record.outcome == "passed" and record.digest == job.digest else None


def recorded(jobs: Iterable[Job], out: Path) -> list[Record]:
    """Return the records of `jobs` in folder `out`, whatever came of them."""
    return [record for job in jobs if (record := records.read(out / f"{job.name}.json"))]


def gather(gathered: Iterable[Record], path: Path) -> None:
    """Write the records to a Parquet file, one row a run; claims, exercises and parameters are columns of their own."""
    import pandas as pd

    content = io.BytesIO()
    pd.DataFrame([_row(record) for record in gathered]).to_parquet(content, index=False)
    write_whole(path, content.getvalue())


def summarize(gathered: Iterable[Record]) -> dict[tuple[Point, str], list[Claim]]:
    """Return the results of every claim at every point of the grid, also those of runs that failed later."""
    summary: dict[tuple[Point, str], list[Claim]] = defaultdict(list)
    for record in gathered:
        point = tuple((key, value) for key, value in record.parameters.items() if key != "seed")
        for name, claim in record.claims.items():
            summary[point, name].append(claim)
    return dict(summary)


def _values(lesson: Lesson, name: str, text: str) -> list[Any]:
    """Read "0..9" (both ends included), "1,5", or a single value, typed as parameter `name` of `lesson`."""

    def typed(value: Any) -> Any:
        return checked(lesson, {name: value})[name]

    if found := RANGE.fullmatch(text):
        typed(found[1]), typed(found[2])  # refused before anything between them is made
        low = int(found[1])
        high = int(found[2])
        if low > high:
            raise ParameterError(f"{name} = {text}: the range must go up")
        _refuse_many(lesson, high - low + 1)
        return [typed(str(value)) for value in range(low, high + 1)]
    parts = text.split(",")
    if any(map(RANGE.fullmatch, parts)):
        raise ParameterError(f"{name} = {text}: a range and a list cannot be mixed")
    values = [typed(value) for value in parts]
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ParameterError(f"{name} = {text}: the same value twice, {value}")
    return values


def _refuse_many(lesson: Lesson, count: int) -> None:
    if count > MOST_RUNS:
        raise ParameterError(
            f"{lesson.name}: {count} runs: there may be at most {MOST_RUNS}; ask for fewer values"
        )


def _row(record: Record) -> dict[str, Any]:
    plain = ("name", "lesson", "mode", "outcome", "seconds", "cell_seconds", "processor_seconds")
    return {
        **{key: getattr(record, key) for key in plain},
        **{f"parameter.{key}": value for key, value in record.parameters.items()},
        **{f"claim.{key}": claim.value for key, claim in record.claims.items()},
        **{f"exercise.{key}": outcome for key, outcome in record.exercises.items()},
        "error": str(record.failure) if record.failure else None,
        **{f"version.{key}": version for key, version in record.versions.items()},
    }
