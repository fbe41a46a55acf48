"""A lesson as its author wrote it: percent text read into a header and cells, and the rules it must keep.

The text is read once, by jupytext; every other module of this folder works on the `Source` made here.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jupytext
from nbformat import ValidationError

from course.catalog import Lesson, LessonError
from course.parameters import Parameter, ParameterError, read_parameters

TAGS = {
    "parameters",
    "solution",
    "helper",
    "check",
    "wrong",
    "varies",
    "widget",
    "program",
}  # of code
TAGS |= {"predict", "answer", "quiz"}  # of prose
UNPUBLISHED = {"helper", "check", "wrong"}  # a notebook holds the call of a check alone
HEADER = {"title", "part", "objectives", "prerequisites", "data", "reading"}
OPTIONAL = {"vary"}  # values of parameters that a student's variant may have
CLAIM = re.compile(r"^\s*(fact|bound|spread)\(", re.MULTILINE)
RECORDERS = {"fact", "bound", "spread"}
QUOTE = re.compile(r"\{\{(\d\d\.\w+)(?::(limit|sign))?\}\}")  # in prose: a result as measured
EXERCISE = re.compile(r'^@exercise\("(\d\d\.\d+)"', re.MULTILINE)
WIDEST = 88  # columns of code: what a notebook shows without scrolling sideways
WIDEST_IN_PROSE = 72  # columns of code that prose quotes: what a narrow window shows
LONGEST = 12  # lines of a worked cell, blank ones apart
Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Function | ast.ClassDef
Cut = (
    Scope | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign
)  # what a stub keeps the head of
LEAST = {"exercises": 3, "wrong answers an exercise": 2, "predictions": 2, "quiz questions": 2}


@dataclass(frozen=True)
class Cell:
    """One cell: `kind` is "markdown" or "code"; `exercise` names the exercise it belongs to, if any."""

    kind: str
    source: str
    tags: frozenset[str]
    exercise: str | None = None
    hint: str = ""


@dataclass(frozen=True)
class Source:
    """A lesson: its name such as "05_mnist_mlp", the header's data and the cells."""

    name: str
    header: dict[str, Any]
    cells: list[Cell]

    @property
    def number(self) -> str:
        return self.name[:2]

    @cached_property
    def exercises(self) -> dict[str, list[Cell]]:
        """The cells of every exercise, in order: answers, one check, wrong answers."""
        found: dict[str, list[Cell]] = {}
        for cell in self.cells:
            if cell.exercise:
                found.setdefault(cell.exercise, []).append(cell)
        return found


def read(name: str) -> Source:
    """Read lesson `name`; raises LessonError when the text is not a lesson."""
    lesson = Lesson(name)
    header = lesson.header
    text = lesson.source.read_text(encoding="utf-8")
    try:
        _, *rest = jupytext.reads(text, fmt="py:percent").cells
    except ValidationError as error:  # such as a comma in a tag
        raise LessonError(f"lessons/{name}.py: {error.message}") from error
    cells = [_cell(name, node) for node in rest if node.source.strip()]
    for number, cell in enumerate(cells, start=1):
        if cell.kind == "code":
            _refuse_what_does_not_parse(name, number, cell)
    return Source(name, header, _with_exercises(name, cells))


def problems(source: Source) -> list[str]:
    """Return what in `source` breaks the rules of CONTRIBUTING.md, one line each; empty when all is well."""
    found = [
        f"header: {key} is not known"
        for key in sorted(map(str, source.header.keys() - HEADER - OPTIONAL))
    ]
    tagged = {tag: [cell for cell in source.cells if tag in cell.tags] for tag in TAGS}
    if len(tagged["parameters"]) != 1:
        found.append(f"{len(tagged['parameters'])} cells tagged parameters: must be one")
    else:
        found += vary_problems(source.header.get("vary", {}), tagged["parameters"][0].source)
    begin = f'begin("{source.name}", globals())'
    if not any(begin in cell.source for cell in source.cells):
        found.append(f"no cell says {begin}")
    for cell in source.cells:
        worked = cell.kind == "code" and not cell.tags & UNPUBLISHED
        if worked and (lines := length(cell.source)) > LONGEST:
            found.append(
                f"a cell has {lines} lines, must be at most {LONGEST}: {cell.source.splitlines()[0]}"
            )
        if "varies" in cell.tags and CLAIM.search(cell.source):
            found.append(
                f"a cell with claims is tagged varies, so that nobody would compare them: {cell.source.splitlines()[0]}"
            )
        found += _too_wide(cell)
    for name, cells in source.exercises.items():
        tags = [cell.tags & {"solution", "check", "wrong"} for cell in cells]
        if tags[0] != {"solution"} or sum("check" in tag for tag in tags) != 1:
            found.append(
                f"exercise {name}: must be solution cells, then one check, then wrong answers"
            )
        found += [
            f"exercise {name}: a wrong answer names no hint"
            for c in cells
            if "wrong" in c.tags and not c.hint
        ]
        found += [
            f"exercise {name}: a stub cannot be made of a solution with the line {line!r}"
            for c in cells
            if "solution" in c.tags
            for line in uncut(c.source)
        ]
    wrong = [sum("wrong" in cell.tags for cell in cells) for cells in source.exercises.values()]
    counts = {"exercises": len(wrong), "wrong answers an exercise": min(wrong, default=0)}
    counts |= {"predictions": len(tagged["predict"]), "quiz questions": len(tagged["quiz"])}
    found += [
        f"{counts[what]} {what}: at least {least}"
        for what, least in LEAST.items()
        if counts[what] < least
    ]
    return found


def _too_wide(cell: Cell) -> list[str]:
    """Return the lines of code too wide to be read without scrolling sideways: a cell's own, or those prose quotes."""
    lines = cell.source.splitlines()
    if cell.kind == "code":
        widest = WIDEST
    else:
        widest = WIDEST_IN_PROSE
        lines = [line.removeprefix("    ") for line in lines if line.startswith("    ")]
    return [
        f"a line has {len(line)} columns, must be at most {widest}: {line.strip()}"
        for line in lines
        if len(line) > widest
    ]


def vary_problems(vary: Any, cell: str) -> list[str]:
    """Return what is wrong with the header's `vary`: values by parameter of the parameters `cell`.

    The default of a parameter with another value in fast mode is refused: a notebook cannot tell it from no choice.
    """
    try:
        parameters = read_parameters(cell)
    except ParameterError as error:
        return [f"parameters cell: {error}"]
    if not isinstance(vary, dict) or not all(isinstance(each, list) for each in vary.values()):
        return ["header: vary must name parameters, each with a list of values"]
    found = [f"header: vary: {name} is no parameter" for name in vary if name not in parameters]
    for name, values in vary.items():
        if name in ("seed", "fast"):
            found.append(f"header: vary: {name} must not be listed; every variant has its own seed")
        elif parameter := parameters.get(name):
            found += _value_problems(parameter, values)
    return found


def _value_problems(parameter: Parameter, values: list[Any]) -> list[str]:
    try:
        typed = [parameter.parse(value) for value in values]
    except ParameterError as error:
        return [f"header: vary: {error}"]
    if len(set(typed)) < 2 or len(set(typed)) < len(typed):
        return [f"header: vary: {parameter.name} must have two values or more, each once"]
    if parameter.fast != parameter.default and parameter.default in typed:
        unclear = f"{parameter.default}: is the default, for which fast mode takes {parameter.fast}"
        return [f"header: vary: {parameter.name} = {unclear}"]
    return []


def length(source: str) -> int:
    """Lines of code of a cell that its reader has to follow: blank ones apart."""
    return sum(bool(line.strip()) for line in source.splitlines())


def only_records(source: str) -> bool:
    """Whether a code cell computes nothing and only records results, so that what it prints is all a reader needs."""
    statements = [node for node in ast.parse(source).body if not _imports_claims(node)]
    return bool(statements) and all(_records(node) for node in statements)


def _imports_claims(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "course.claims"


def _records(node: ast.stmt) -> bool:
    if isinstance(node, ast.For):
        return all(_records(inner) for inner in node.body)
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and getattr(call.func, "id", "") in RECORDERS


def stub(source: str) -> str:
    """Cut a solution down to what a learner starts from.

    Functions and methods keep signature and docstring, assignments their targets; the rest becomes `...`.
    """
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        for start, end, text in reversed(cuts(node, lines)):
            lines[start:end] = [text]
    return "\n".join(lines)


def cuts(node: ast.stmt, lines: list[str]) -> list[tuple[int, int, str]]:
    """Return the ranges of `lines` to replace in `node`, with what replaces them."""
    mark = "...  # your code here"
    end = node.end_lineno or 0
    indent = " " * node.col_offset
    if isinstance(node, ast.ClassDef):
        methods = [child for child in node.body if isinstance(child, Function)]
        return [cut for method in methods for cut in cuts(method, lines)]
    if isinstance(node, Function):
        described = ast.get_docstring(node) is not None
        body = node.body[1:] if described else node.body
        if not body:
            return []
        head = node.body[0].end_lineno or 0 if described else node.lineno
        start = body[0].lineno - 1
        while start > head and not lines[start - 1].partition("#")[0].strip():
            start -= 1  # a comment may hold the answer
        return [(start, end, " " * body[0].col_offset + mark)]
    if isinstance(node, ast.Assign):
        targets = " = ".join(map(ast.unparse, node.targets))
        return [(node.lineno - 1, end, f"{indent}{targets} = {mark}")]
    if isinstance(node, ast.AnnAssign):
        target = f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}"
        return [(node.lineno - 1, end, f"{indent}{target} = {mark}")]
    return []


def uncut(source: str) -> Iterator[str]:
    """Give the lines of a solution that its stub would keep or break: other statements, and two on one line."""
    lines = source.splitlines()
    tree = ast.parse(source)
    blocks = [each.body for each in ast.walk(tree) if isinstance(each, ast.Module | Scope)]
    statements = [each for block in blocks for each in block]
    shared = [each for each in statements if lines[each.lineno - 1][: each.col_offset].strip()]
    other = [each for each in tree.body if not isinstance(each, Cut)]
    for line in sorted({each.lineno for each in [*shared, *other]}):
        yield lines[line - 1].strip()


def _cell(name: str, node: Any) -> Cell:
    given = node.metadata.get("tags", [])
    if not isinstance(given, list) or not all(isinstance(tag, str) for tag in given):
        raise LessonError(f"lessons/{name}.py: tags = {given!r}: must be a list of names")
    tags = frozenset(given)
    if unknown := tags - TAGS:
        raise LessonError(
            f"lessons/{name}.py: tag {sorted(unknown)[0]!r} must be one of {', '.join(sorted(TAGS))}"
        )
    return Cell(node.cell_type, node.source, tags, hint=node.metadata.get("hint", ""))


def _refuse_what_does_not_parse(name: str, number: int, cell: Cell) -> None:
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        begins = cell.source.splitlines()[0]
        place = f"cell {number}, which begins {begins!r}, line {error.lineno}"
        raise LessonError(f"lessons/{name}.py: {place}: {error.msg}") from None


def _with_exercises(name: str, cells: list[Cell]) -> list[Cell]:
    """Name the exercise of each cell: solutions by the check that follows, wrong answers by the one before."""
    named: list[Cell] = []
    current = None
    for position, cell in enumerate(cells):
        role = cell.tags & {"solution", "check", "wrong"}
        if role and "wrong" not in role:
            check = next(
                (following.source for following in cells[position:] if "check" in following.tags),
                "",
            )
            if not (found := EXERCISE.search(check)):
                raise LessonError(
                    f'lessons/{name}.py: no check @exercise("NN.N", ...) follows {cell.source[:60]!r}'
                )
            current = found[1]
        named.append(Cell(cell.kind, cell.source, cell.tags, current if role else None, cell.hint))
    return named
