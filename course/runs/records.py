"""What is asked of a run, and what is kept of it: one small record beside the executed notebook.

Claims, exercises, errors and times are read from the executed cells, and a run is good only when every cell ended. The
record alone says so: a kernel that was killed may leave a notebook that looks finished. What others wrote (errors,
names, units) enters a record fit to be shown anywhere: without escape codes, and no longer than a reader wants.
"""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from pydantic import AfterValidator, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from course.claims import Claim
from course.files import write_whole
from course.runs import code

if TYPE_CHECKING:
    from nbformat import NotebookNode  # slow, and who only reads records does not need it

Outcome = Literal["passed", "failed", "timed out", "cancelled"]
NOT_RUN = "NotRun"  # the name of the failure of a cell that did not run to its end
EXECUTED = ".executed.ipynb"
PACKAGES = ("keras", "tensorflow", "numpy", "papermill")
ADDED = {"injected-parameters", "papermill-error-cell-tag"}  # tags of the cells that papermill adds
# Characters.
LONGEST_MESSAGE = 2000
LONGEST_LINE = 200
# Control sequences of terminals (ECMA-48): those with parameters, texts such as a window's title, two characters.
ESCAPE_CODES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x07|\x1b\\)|[ -/]*[0-~])", re.DOTALL
)


def printable(text: str, longest: int = LONGEST_LINE) -> str:
    """Return `text` as any terminal, page or file can show it, in at most `longest` characters.

    Escape codes are left out, other characters that cannot be seen are spelled as Python does (\\x00), and of a text
    that is too long the middle is left out.
    """
    start = _visible(text[:longest])
    end = _visible(text[-longest:])
    if len(text) <= longest and len(start) <= longest:
        return start
    quarter = longest // 4
    return f"{start[: 2 * quarter]} [... {len(text)} characters in all ...] {end[-quarter:]}"


def _visible(text: str) -> str:
    text = ESCAPE_CODES.sub("", text)
    hidden = {each for each in text if unicodedata.category(each)[0] == "C"} - {"\n", "\t"}
    return text.translate({ord(each): repr(each)[1:-1] for each in hidden})


Words = Annotated[str, AfterValidator(printable)]


def _fit(claim: Claim) -> Claim:
    source = claim.source and printable(claim.source)
    return replace(
        claim,
        name=printable(claim.name),
        words=printable(claim.words),
        unit=printable(claim.unit),
        source=source,
    )


class Exercise(TypedDict):
    """The outcome of an exercise that a notebook announced."""

    name: Words
    outcome: Words


class Announced(TypedDict, total=False):
    """What `course.claims` and `course.exercises` put into the metadata of an output."""

    claims: list[Annotated[Claim, AfterValidator(_fit)]]
    exercise: Exercise


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
        return "--".join(
            [
                self.lesson,
                *(f"{key}={quote(str(value), '')}" for key, value in self.parameters.items()),
            ]
        )

    @property
    def mode(self) -> str:
        return mode(self.parameters)

    @property
    def digest(self) -> str:
        """A sum (sha256) over all that decides the result: the notebook, its parameters and environment, the code."""
        settings = json.dumps([self.parameters, self.environment, code.digest()], sort_keys=True)
        return hashlib.sha256(self.notebook.read_bytes() + settings.encode()).hexdigest()


@dataclass(frozen=True)
class Failure:
    """Why a run ended early. `cell` counts the cells of the notebook as it was handed in, from 0; None is no cell.

    `line` is the first of the cell's source. All texts are made printable.
    """

    cell: int | None
    line: str
    name: str
    message: str

    def __post_init__(self) -> None:
        for part, longest in (
            ("line", LONGEST_LINE),
            ("name", LONGEST_LINE),
            ("message", LONGEST_MESSAGE),
        ):
            object.__setattr__(self, part, printable(getattr(self, part), longest))

    def __str__(self) -> str:
        place = "" if self.cell is None else f"cell {self.cell}, `{self.line}`: "
        return f"{place}{self.name}: {self.message}"


@dataclass(frozen=True)
class Record:
    """What came of one run.

    `seconds` is wall time with start and end of the kernel, `cell_seconds` the sum over the cells, `processor_seconds`
    what processors worked for the kernel and all that it started. `claims` are as
    `course.claims` announced them, by name; `exercises` gives the outcome of each. `digest` identifies what was run,
    `machine` is the fingerprint of what ran it.
    """

    __pydantic_config__ = ConfigDict(
        ser_json_inf_nan="strings"
    )  # JSON has no number for what is not finite

    name: str
    lesson: str
    parameters: dict[str, Any]
    outcome: Outcome
    seconds: float
    digest: str
    cell_seconds: float
    claims: dict[str, Claim]
    exercises: dict[str, str]
    failure: Failure | None
    versions: dict[str, str]
    machine: dict[str, str] = field(default_factory=dict)
    processor_seconds: float = 0.0

    @property
    def mode(self) -> str:
        return mode(self.parameters)


RECORD = TypeAdapter(Record)
ANNOUNCED = TypeAdapter(Announced)


def executed(name: str, out: Path) -> Path:
    """Return where in folder `out` the executed notebook of run `name` is. No notebook to be run is named like that."""
    return out / f"{name}{EXECUTED}"


def write(record: Record, out: Path, notebook: "NotebookNode | None" = None) -> None:
    """Write `notebook`, as it was executed, and `record` into folder `out`; no other run's notebook stays beside it."""
    path = executed(record.name, out)
    if notebook is not None:
        import nbformat

        text = nbformat.writes(notebook).encode(errors="backslashreplace")  # lone surrogates
        write_whole(path, text, durable=True)
    text = RECORD.dump_json(record, indent=1) + b"\n"
    write_whole(out / f"{record.name}.json", text, durable=True)
    if notebook is None:
        path.unlink(missing_ok=True)


def read(path: Path) -> Record | None:
    """Read a record; None where there is none, or one that this version of the course did not write."""
    try:
        return RECORD.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def remove(name: str, out: Path) -> None:
    """Remove record and executed notebook of run `name` from folder `out`."""
    (out / f"{name}.json").unlink(missing_ok=True)
    executed(name, out).unlink(missing_ok=True)


def observe(notebook: "NotebookNode") -> dict[str, Any]:
    """Read claims, exercises, failure and seconds of the cells from a notebook that papermill executed.

    The failure is the first error that a cell shows, the first name that a second claim takes, or the first cell that
    did not run to its end.
    """
    claims: dict[str, Claim] = {}
    exercises: dict[str, str] = {}
    failures: list[Failure] = []
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                failures.append(_failure(notebook.cells, index, output.ename, output.evalue))
            try:
                announced = ANNOUNCED.validate_python(output.get("metadata", {}).get("course", {}))
            except ValidationError as error:
                failures.append(_failure(notebook.cells, index, "ValidationError", str(error)))
                continue
            for claim in announced.get("claims", []):
                if claim.name in claims:
                    message = f"{claim.name}: recorded twice; each claim must have its own name"
                    failures.append(_failure(notebook.cells, index, "ClaimError", message))
                claims[claim.name] = claim
            if "exercise" in announced:
                exercises[announced["exercise"]["name"]] = announced["exercise"]["outcome"]
        if cell.cell_type == "code" and not _ended(cell):
            failures.append(
                _failure(
                    notebook.cells, index, NOT_RUN, "the run stopped before the end of this cell"
                )
            )
    durations = [
        cell.metadata.get("papermill", {}).get("duration") or 0.0 for cell in notebook.cells
    ]
    return {
        "claims": claims,
        "exercises": exercises,
        "failure": failures[0] if failures else None,
        "cell_seconds": sum(durations),
    }


@cache
def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide results."""
    return {"python": python_version()} | {package: version(package) for package in PACKAGES}


def mode(parameters: dict[str, Any]) -> str:
    """Return the mode that `parameters` ask for, as `course.lesson` names it."""
    return "fast" if parameters.get("fast") else "full"


def _ended(cell: "NotebookNode") -> bool:
    """Tell whether a cell ran to its end; papermill also calls cells completed that it never started."""
    seen = cell.metadata.get("papermill", {})
    return seen.get("status") == "completed" and bool(seen.get("start_time"))


def _failure(cells: list["NotebookNode"], index: int, name: str, message: str) -> Failure:
    given = None if _added(cells[index]) else sum(not _added(cell) for cell in cells[:index])
    line = next(iter(cells[index].source.strip().splitlines()), "").rstrip()
    return Failure(given, line, name, message)


def _added(cell: "NotebookNode") -> bool:
    return bool(ADDED & set(cell.metadata.get("tags", [])))
