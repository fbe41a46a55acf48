"""The lesson that is running: its parameters checked, its mode known to claims and exercises.

`begin` is the second code cell of every notebook. It applies the rules of `course.parameters` to whatever a
learner typed or papermill injected, before any data is loaded. A learner keeps notebooks that the course has gone
beyond: one that lacks a parameter of today, or has one of yesterday, says so and runs.
"""

import ast
import logging
import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from course import cells
from course.catalog import parameters_of
from course.parameters import check, defaults

INJECTED = "# Parameters\n"  # how papermill heads the cell that it adds
PATHS = {
    "PAPERMILL_INPUT_PATH",
    "PAPERMILL_OUTPUT_PATH",
}  # what its options --inject-paths and the like assign there
EVERY_LESSON = {"seed", "fast"}  # the parameters that tell the parameters cell, however old
ASSIGNED = re.compile(r"^(\w+) *(?::[^=\n]+)?=(?!=)", re.MULTILINE)  # however it is spaced
DECLARED = re.compile(r"^(\w+): \w+ = .*  # ", re.MULTILINE)  # as the course writes it


@dataclass(frozen=True)
class Running:
    """The lesson at work in this process. `standard` is true while only seed and fast were chosen.

    It is false in a notebook that is older than the course, whose results are not those that were measured.
    """

    name: str
    fast: bool
    standard: bool

    @property
    def mode(self) -> str:
        return "fast" if self.fast else "full"


running: Running | None = None


def begin(name: str, notebook: MutableMapping[str, Any]) -> None:
    """Check the parameters in the `notebook` (its `globals()`), apply fast mode, and print what will run.

    Raises ParameterError for a name that lesson `name` does not have or a value that it does not allow.
    """
    global running
    cells.watch()
    logging.getLogger("tensorflow").addFilter(_concerns_a_learner)
    parameters = parameters_of(name)
    cell, injected = _parameters_cell(notebook.get("In", []))
    present = injected.union(ASSIGNED.findall(cell)) if cell else notebook.keys()
    lacking = [key for key in parameters if key not in present]
    gone = [key for key in DECLARED.findall(cell) if key not in parameters]
    given = {key: notebook.get(key) for key in (*parameters, *injected)}  # unknown ones are refused
    values = check(parameters, given | {key: parameters[key].default for key in lacking})
    if values["fast"]:
        quick = defaults(parameters, fast=True)
        untouched = {key for key in values if values[key] == parameters[key].default} - injected
        values |= {key: quick[key] for key in untouched}
    notebook.update(values)
    standard = {**defaults(parameters, fast=values["fast"]), "seed": values["seed"]}
    running = Running(name, values["fast"], values == standard and not lacking and not gone)
    if lacking or gone:
        print(_older(lacking, gone))
    print(", ".join(f"{key} = {value}" for key, value in values.items()))


def _concerns_a_learner(record: logging.LogRecord) -> bool:
    """Return false for the warning of frequent tracing: TensorFlow takes many models of few steps for one function."""
    return "triggered tf.function retracing" not in record.getMessage()


def _older(lacking: list[str], gone: list[str]) -> str:
    """Say of a notebook that the lesson has changed since it was given out, and what that means for its parameters."""
    new = (
        f"it lacks {', '.join(lacking)}, for which the course's default is used" if lacking else ""
    )
    old = f"it has {', '.join(gone)}, which the course no longer has" if gone else ""
    return f"This notebook is older than the course: {'; '.join(filter(None, [new, old]))}."


def _parameters_cell(executed: list[str]) -> tuple[str, set[str]]:
    """Return the parameters cell, as it last ran, and the names that papermill assigned in a cell right after it.

    `executed` is IPython's record of executed cells. Any other cell that looks like papermill's is a learner's.
    """
    declared = ""
    injected: set[str] = set()
    for before, cell in pairwise(executed):
        if not before.startswith(INJECTED) and EVERY_LESSON.issubset(ASSIGNED.findall(before)):
            declared = before
            injected = _assigned(cell) - PATHS
    return declared, injected


def _assigned(cell: str) -> set[str]:
    """Return the names that `cell` assigns if it can be papermill's: headed so, and nothing but assignments."""
    try:
        nodes = ast.parse(cell).body if cell.startswith(INJECTED) else []
    except SyntaxError:
        return set()
    targets = [node.targets[0] for node in nodes if isinstance(node, ast.Assign)]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    return names if len(names) == len(nodes) else set()
