"""What is asked of a run, and what is kept of it: one small record beside the executed notebook.

Claims, exercises, errors and times are read from the outputs of the executed cells. The record alone says whether a
run was good: a kernel that was killed may leave a notebook that looks finished.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from course.files import write_whole

if TYPE_CHECKING:
    from nbformat import NotebookNode  # slow, and who only reads records does not need it

Outcome = Literal["passed", "failed", "timed out", "cancelled"]
PACKAGES = ("keras", "tensorflow", "numpy", "papermill")
ADDED = {"injected-parameters", "papermill-error-cell-tag"}  # tags of the cells that papermill adds


@dataclass(frozen=True)
class Job:
    """One notebook to run: `parameters` are injected, `environment` is added to the kernel's."""

    notebook: Path
    lesson: str
    parameters: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What the files of the run are called, before the dot."""
        return "--".join([self.lesson, *(f"{key}={quote(str(value), '')}" for key, value in self.parameters.items())])

    @property
    def mode(self) -> str:
        return mode(self.parameters)

    @property
    def digest(self) -> str:
        """A sum (sha256) over everything that decides the result: the notebook's bytes, parameters, environment."""
        settings = json.dumps([self.parameters, self.environment], sort_keys=True)
        return hashlib.sha256(self.notebook.read_bytes() + settings.encode()).hexdigest()


@dataclass(frozen=True)
class Failure:
    """Why a run ended early. `cell` counts the cells of the notebook as it was handed in, from 0; None is no cell."""

    cell: int | None
    line: str
    name: str
    message: str

    def __str__(self) -> str:
        place = "" if self.cell is None else f"cell {self.cell}, `{self.line}`: "
        return f"{place}{self.name}: {self.message}"


@dataclass(frozen=True)
class Record:
    """What came of one run.

    `seconds` is wall time with start and end of the kernel, `cell_seconds` the sum over the cells. `claims` are as
    `course.claims` announced them, by name; `exercises` gives the outcome of each. `digest` identifies what was run.
    """

    name: str
    lesson: str
    parameters: dict[str, Any]
    outcome: Outcome
    seconds: float
    digest: str
    cell_seconds: float
    claims: dict[str, dict[str, Any]]
    exercises: dict[str, str]
    failure: Failure | None
    versions: dict[str, str]

    @property
    def mode(self) -> str:
        return mode(self.parameters)


RECORD = TypeAdapter(Record)


def write(record: Record, out: Path) -> None:
    """Write `record` into folder `out`."""
    write_whole(out / f"{record.name}.json", RECORD.dump_json(record, indent=1) + b"\n")


def read(path: Path) -> Record | None:
    """Read a record; None where there is none, or one that this version of the course did not write."""
    try:
        return RECORD.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def observe(notebook: "NotebookNode") -> dict[str, Any]:
    """Read claims, exercises, failure and seconds of the cells from a notebook that papermill executed."""
    cells = notebook.cells
    announced = [output.metadata.get("course", {}) for _, output in _outputs(cells) if "metadata" in output]
    claims = [dict(each["claim"]) for each in announced if "claim" in each]
    exercises = [each["exercise"] for each in announced if "exercise" in each]
    durations = [cell.metadata.get("papermill", {}).get("duration") or 0.0 for cell in cells]
    return {
        "claims": {claim.pop("name"): claim for claim in claims},
        "exercises": {exercise["name"]: exercise["outcome"] for exercise in exercises},
        "failure": next(_failures(cells), None),
        "cell_seconds": sum(durations),
    }


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide results."""
    return {"python": python_version()} | {package: version(package) for package in PACKAGES}


def mode(parameters: dict[str, Any]) -> str:
    """Return the mode that `parameters` ask for, as `course.lesson` names it."""
    return "fast" if parameters.get("fast") else "full"


def _outputs(cells: list["NotebookNode"]) -> Iterator[tuple[int, "NotebookNode"]]:
    for index, cell in enumerate(cells):
        for output in cell.get("outputs", []):
            yield index, output


def _failures(cells: list["NotebookNode"]) -> Iterator[Failure]:
    for index, output in _outputs(cells):
        if output.output_type == "error":
            given = None if _added(cells[index]) else sum(not _added(cell) for cell in cells[:index])
            line = next(iter(cells[index].source.strip().splitlines()), "").rstrip()
            yield Failure(given, line, output.ename, output.evalue)


def _added(cell: "NotebookNode") -> bool:
    return bool(ADDED & set(cell.metadata.get("tags", [])))
