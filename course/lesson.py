"""The lesson that is running: its parameters checked, its mode known to claims and exercises.

`begin` is the second code cell of every notebook. It applies the rules of `course.parameters` to whatever a
learner typed or papermill injected, before any data is loaded.
"""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from course.catalog import parameters_of
from course.parameters import check, defaults

INJECTED = "# Parameters\n"  # how papermill heads the cell that it adds


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
    parameters = parameters_of(name)
    injected = _injected(notebook.get("In", []))
    values = check(parameters, {key: notebook.get(key) for key in (*parameters, *injected)})  # unknown ones: refused
    if values["fast"]:
        quick = defaults(parameters, fast=True)
        untouched = {key for key in values if values[key] == parameters[key].default} - injected
        values |= {key: quick[key] for key in untouched}
    notebook.update(values)
    standard = {**defaults(parameters, fast=values["fast"]), "seed": values["seed"]}
    running = Running(name, values["fast"], values == standard)
    print(", ".join(f"{key} = {value}" for key, value in values.items()))


def _injected(cells: list[str]) -> set[str]:
    """Names that an injected parameters cell assigns, taken from IPython's record of executed cells."""
    sources = [source for source in cells if source.startswith(INJECTED)]
    return set(re.findall(r"^(\w+) = ", "\n".join(sources), re.MULTILINE))
