"""The lesson that is running: its parameters checked, its mode known to claims and exercises.

`begin` is the second code cell of every notebook. It applies the rules of `course.parameters` to whatever a
learner typed or papermill injected, before any data is loaded.
"""

import ast
import logging
import re
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from course.catalog import parameters_of
from course.parameters import check, defaults

INJECTED = "# Parameters\n"  # how papermill heads the cell that it adds
PATHS = {"PAPERMILL_INPUT_PATH", "PAPERMILL_OUTPUT_PATH"}  # what its options --inject-paths and the like assign there
DECLARED = re.compile(r"^(\w+)(?:: \w+)? = ", re.MULTILINE)


@dataclass(frozen=True)
class Running:
    """The lesson at work in this process. `standard` is true while only seed and fast were chosen."""

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
    logging.getLogger("tensorflow").addFilter(_concerns_a_learner)
    parameters = parameters_of(name)
    injected = _injected(notebook.get("In", []), parameters) - PATHS
    values = check(parameters, {key: notebook.get(key) for key in (*parameters, *injected)})  # unknown ones: refused
    if values["fast"]:
        quick = defaults(parameters, fast=True)
        untouched = {key for key in values if values[key] == parameters[key].default} - injected
        values |= {key: quick[key] for key in untouched}
    notebook.update(values)
    standard = {**defaults(parameters, fast=values["fast"]), "seed": values["seed"]}
    running = Running(name, values["fast"], values == standard)
    print(", ".join(f"{key} = {value}" for key, value in values.items()))


def _concerns_a_learner(record: logging.LogRecord) -> bool:
    """False for the warning of frequent tracing: TensorFlow takes many models of few steps for one function."""
    return "triggered tf.function retracing" not in record.getMessage()


def _injected(cells: list[str], parameters: Iterable[str]) -> set[str]:
    """Return the names that papermill assigned, taken from IPython's record of executed cells.

    Its cell comes right after the parameters cell; any other of that look is a learner's.
    """
    names: set[str] = set()
    for before, cell in pairwise(cells):
        if not before.startswith(INJECTED) and set(DECLARED.findall(before)) >= set(parameters):
            names = _assigned(cell)
    return names


def _assigned(cell: str) -> set[str]:
    """Return the names that `cell` assigns if it can be papermill's: headed so, and nothing but assignments."""
    try:
        nodes = ast.parse(cell).body if cell.startswith(INJECTED) else []
    except SyntaxError:
        return set()
    targets = [node.targets[0] for node in nodes if isinstance(node, ast.Assign)]
    names = {target.id for target in targets if isinstance(target, ast.Name)}
    return names if len(names) == len(nodes) else set()
