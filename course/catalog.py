"""Finds lessons, and what they say about themselves, from their text alone: nothing is executed."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from course import ROOT
from course.parameters import Parameter, ParameterError, did_you_mean, read_parameters

SOURCES = ROOT / "lessons"
TIMES = SOURCES / "times.toml"
BACKENDS = SOURCES / "backends.toml"
NOTEBOOKS = ROOT / "notebooks"
CELL = re.compile(r"^# %%(.*)\n", re.MULTILINE)
NUMBERS = re.compile(r"\d+(\.\.\d+)?")  # one lesson, or a range of them
MISTYPED = re.compile(r"[\d.,-]+")
ANSWERS = re.compile(r'^@exercise\("(\d\d\.\d+)", ([\w, ]+?)(?:, draw=\w+)?\)', re.MULTILINE)
HEADER = re.compile(r"\A# ---\n(.*?)^# ---$", re.MULTILINE | re.DOTALL)

Edition = Literal["solutions", "learner"]


class LessonError(ValueError):
    """A lesson that there is not, or one without what it must have."""


TEXTS = "a list of texts; one with a colon in it is quoted"


class Header(BaseModel):
    """What stands in a lesson's header; `description` says what is allowed."""

    model_config = ConfigDict(strict=True)

    title: str = Field(description="text")
    part: str = Field(pattern=r"^\d+ \S", description="a number and words, such as 1 Fit")
    objectives: list[str] = Field(min_length=1, description=f"{TEXTS}; at least one")
    prerequisites: list[str] = Field(description=TEXTS)
    data: list[str] = Field(description=TEXTS)
    reading: list[str] = Field(description=TEXTS)


@dataclass(frozen=True)
class Exercise:
    """What a lesson holds of one exercise, as text: its `solution`, and its `check` with the helpers above it.

    `answers` are the names of the functions or classes that the check judges.
    """

    name: str
    answers: tuple[str, ...]
    solution: str
    check: str


@dataclass(frozen=True)
class Lesson:
    """One lesson by its name, such as "05_mnist_mlp"; the rest is read from lessons/ when asked for."""

    name: str

    @property
    def number(self) -> str:
        return self.name[:2]

    @property
    def source(self) -> Path:
        return SOURCES / f"{self.name}.py"

    @cached_property
    def header(self) -> dict[str, Any]:
        """Title, part, objectives, prerequisites, data. Raises LessonError when the text does not begin with them."""
        import yaml

        found = HEADER.match(_text(self.source))
        try:
            header = (
                yaml.safe_load(re.sub(r"^# ?", "", found[1], flags=re.MULTILINE)) if found else None
            )
        except (yaml.YAMLError, ValueError):  # such as the 30th of February
            header = None
        if not isinstance(header, dict):
            raise LessonError(
                f"lessons/{self.name}.py: must begin with a header, YAML between two lines `# ---`"
            )
        try:
            Header.model_validate(header)
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0])
            wrong = f"{key} = {first['input']!r}: must be {Header.model_fields[key].description}"
            what = f"header: {key} is missing" if first["type"] == "missing" else wrong
            raise LessonError(f"lessons/{self.name}.py: {what}") from None
        return header

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        return parameters_of(self.name)

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises by name, such as "05.1", in order. Raises LessonError for a check that names none."""
        found: dict[str, Exercise] = {}
        solution: list[str] = []
        helpers: list[str] = []
        for head, body in _cells(self.source):
            if '"solution"' in head:
                solution.append(body)
            elif '"helper"' in head:
                helpers.append(body)
            elif '"check"' in head:
                if not (named := ANSWERS.search(body)):
                    raise LessonError(
                        f'lessons/{self.name}.py: no @exercise("NN.N", answer) in {body[:60]!r}'
                    )
                answers = tuple(named[2].split(", "))
                found[named[1]] = Exercise(
                    named[1], answers, "\n".join(solution), "\n".join([*helpers, body])
                )
                solution = []
                helpers = []
        return found

    def path(self, edition: Edition) -> Path:
        """Where the built notebook is stored."""
        return NOTEBOOKS / ("solutions" if edition == "solutions" else "") / f"{self.name}.ipynb"

    def notebook(self, edition: Edition) -> Path:
        """Where the built notebook is. Raises LessonError when it was not built."""
        path = self.path(edition)
        if not path.exists():
            label = path.relative_to(NOTEBOOKS.parent).as_posix()
            raise LessonError(f"{label}: missing; run: course build {self.number}")
        return path

    def seconds(self, mode: str) -> float | None:
        """Seconds that the lesson's cells took in `mode` ("full" or "fast") when it was measured alone, if it was."""
        return times().get(self.number, {}).get(mode)


@cache
def times() -> dict[str, dict[str, Any]]:
    """Return by lesson number the seconds of each mode as measured, and those of the `processor` with its loop."""
    return toml(TIMES) if TIMES.exists() else {}


def backends() -> dict[str, dict[str, dict[str, Any]]]:
    """Return by lesson number and backend ("jax", "torch") what came of the lesson there, as far as it was run."""
    return toml(BACKENDS) if BACKENDS.exists() else {}


def toml(path: Path) -> dict[str, Any]:
    """Read a file of lessons/. Raises LessonError for what is no TOML, as after a merge in conflict."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LessonError(f"lessons/{path.name}: is not TOML ({error})") from error


def all_lessons() -> list[Lesson]:
    """Return every lesson, in order."""
    return [Lesson(path.stem) for path in sorted(SOURCES.glob("[0-9][0-9]_*.py"))]


def find(text: str) -> Lesson:
    """Return the lesson that `text` means, such as "5", "05" or "05_mnist_mlp". Raises LessonError when none is."""
    lessons = all_lessons()
    for found in lessons:
        if text in (found.name, found.number, found.number.lstrip("0")):
            return found
    names = [each.name for each in lessons]
    raise LessonError(
        f"lesson {text!r}: must be one of {', '.join(names)}{did_you_mean(text, names)}"
    )


def choose(texts: Iterable[str]) -> list[Lesson]:
    """Return the lessons that texts such as "07" and "02..05" mean, each once, or all when there is no text.

    Raises LessonError when one means none.
    """
    lessons = all_lessons()
    chosen: list[Lesson] = []
    for text in texts:
        if MISTYPED.fullmatch(text) and not NUMBERS.fullmatch(text):
            raise LessonError(f"lessons {text!r}: a range reads 02..05; several lessons read 02 05")
        first, dots, last = text.partition("..")
        start = lessons.index(find(first))
        end = lessons.index(find(last)) if dots else start
        if end < start:
            raise LessonError(f"lessons {text}: the range must go up")
        chosen += lessons[start : end + 1]
    return list(dict.fromkeys(chosen)) or lessons


def parameters_of(name: str) -> dict[str, Parameter]:
    """Read the parameters of lesson `name`, such as "01_gradient_descent", from its source."""
    path = SOURCES / f"{name}.py"
    if not path.exists():
        raise ParameterError(f"lesson {name!r}: not in {SOURCES.name}/")
    for head, body in _cells(path):
        if '"parameters"' in head:
            try:
                return read_parameters(body)
            except ParameterError as error:
                raise ParameterError(f"lessons/{path.name}: {error}") from error
    raise ParameterError(f"lesson {name!r}: has no parameters cell")


def _cells(path: Path) -> Iterable[tuple[str, str]]:
    """Return the cells of a lesson's source: what stands behind `# %%`, and the text below."""
    _, *parts = CELL.split(_text(path))
    return zip(parts[::2], parts[1::2], strict=True)


def _text(path: Path) -> str:
    """Return a lesson's source. Raises LessonError for what is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise LessonError(f"lessons/{path.name}: is not UTF-8, from byte {error.start}") from error
