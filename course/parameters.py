"""The parameters of a lesson: one tagged cell of `name: type = default  # help, low to high, fast value`.

The cell is the contract between lesson and instructor. It is read as text (`ast`, never executed), so a wrong
value is refused before a kernel starts; `course.lesson.begin` applies the same rules inside the notebook.
"""

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError

TYPES: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
TRUTH = {"true": True, "false": False}
RANGE = re.compile(r"^(?P<low>\S+) to (?P<high>\S+)$")
DIGITS = re.compile(r"\s*[+-]?[0-9]+\s*")


class ParameterError(ValueError):
    """A parameter that the lesson does not have, or a value that it does not allow."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: its type, its default in full and in fast mode, and what else is allowed."""

    name: str
    type: str
    default: Any
    fast: Any
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What values are allowed, in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        words = {
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
            "str": "text",
        }[self.type]
        return (
            words if self.low is None else f"{words} between {self.low:.15g} and {self.high:.15g}"
        )

    def parse(self, value: Any) -> Any:
        """Return `value` with this parameter's type; text is read as on a command line.

        A whole number is written in digits alone: 3.0 and 1_0 are none. Raises ParameterError when the value has
        another type or lies outside the range.
        """
        try:
            return TypeAdapter(self._constraint()).validate_python(value)
        except ValidationError as error:
            spelled = (
                self.type == "int"
                and isinstance(value, str | float)
                and not DIGITS.fullmatch(str(value))
            )
            cure = "; write it in digits alone" if spelled else ""
            raise ParameterError(
                f"{self.name} = {value!r}: must be {self.allowed}{cure}"
            ) from error

    def _constraint(self) -> Any:
        if self.choices:
            return Literal[self.choices]
        if self.type == "bool":
            return Annotated[bool, Field(strict=True), BeforeValidator(_truth)]
        if self.type == "str":
            return str
        limits = Field(
            ge=self.low, le=self.high, allow_inf_nan=False if self.type == "float" else None
        )
        return Annotated[
            TYPES[self.type], limits, BeforeValidator(_whole if self.type == "int" else _number)
        ]


def read_parameters(cell: str) -> dict[str, Parameter]:
    """Read the source of a parameters cell.

    Raises ParameterError for a line that is not `name: type = default  # help, ...`.
    """
    parameters = {}
    lines = cell.splitlines()
    try:
        statements = ast.parse(cell).body
    except (SyntaxError, ValueError) as error:
        raise ParameterError(f"the parameters cell is not Python: {error}") from error
    for node in statements:
        line = lines[node.lineno - 1]
        _, commented, comment = line.partition("  # ")
        match node:
            case ast.AnnAssign(ast.Name(name), ast.Name(type_), ast.expr() as value) if (
                type_ in TYPES and commented
            ):
                try:
                    parameters[name] = _parameter(name, type_, ast.literal_eval(value), comment)
                except ParameterError:
                    raise
                except (ValueError, TypeError) as error:
                    raise ParameterError(f"{line!r}: {error}") from error
            case _:
                raise ParameterError(
                    f"{line!r}: a parameter reads `name: type = default  # help, low to high`"
                )
    return parameters


def check(parameters: Mapping[str, Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given `values`, typed; raises ParameterError for an unknown name or a value not allowed."""
    for name in values:
        if name not in parameters:
            known = ", ".join(parameters)
            raise ParameterError(
                f"{name}: no such parameter; this lesson has {known}{did_you_mean(name, parameters)}"
            )
    return {name: parameters[name].parse(value) for name, value in values.items()}


def defaults(parameters: Mapping[str, Parameter], *, fast: bool) -> dict[str, Any]:
    """Return the value of every parameter in full or in fast mode when nothing else is asked for."""
    return {name: p.fast if fast else p.default for name, p in parameters.items()} | {"fast": fast}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a refusal of `word` that names the nearest of the `known` words; "" where none is near."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else ""


def _parameter(name: str, type_: str, default: Any, comment: str) -> Parameter:
    """Read the comment: help first, then in any order `low to high`, `one of a|b`, `fast value`."""
    help_, *rules = [part.strip() for part in comment.split(", ")]
    low = high = None
    choices: tuple[str, ...] = ()
    fast: str | None = None
    for rule in rules:
        if found := RANGE.match(rule):
            low = float(found["low"])
            high = float(found["high"])
            if type_ == "int" and not (low.is_integer() and high.is_integer()):
                raise ValueError("a range of whole numbers has whole ends")
        elif rule.startswith("one of "):
            choices = tuple(rule.removeprefix("one of ").split("|"))
        elif rule.startswith("fast "):
            fast = rule.removeprefix("fast ")
        else:
            help_ += ", " + rule
    parameter = Parameter(name, type_, default, default, help_, low, high, choices)
    parameter.parse(default)
    return parameter if fast is None else replace(parameter, fast=parameter.parse(fast))


def _truth(value: Any) -> Any:
    return TRUTH.get(value.lower(), value) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    """Refuse what pydantic would make a whole number of, and a person may not have meant as one."""
    if isinstance(value, float) or (isinstance(value, str) and not DIGITS.fullmatch(value)):
        raise ValueError("not written in digits alone")
    return _number(value)


def _number(value: Any) -> Any:
    """Python counts True as 1; a learner who writes `epochs = True` did not mean one epoch."""
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        raise ValueError("a truth value, or digits in groups")
    return value
