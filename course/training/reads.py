"""What the names in a function's code stand for, read from its bytecode."""

import contextlib
import dis
import inspect
import re
import sys
import sysconfig
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

from course.training.objects import LIBRARIES

NOTHING = object()
ATTRIBUTES = {"LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"}
LOCAL = re.compile("(LOAD|STORE)_(?:FAST|DEREF)")  # newer versions of Python do two in one step
KEEPS = {"PUSH_NULL", "SWAP", "POP_TOP", "COPY"}  # steps between those that matter
INSTALLED = tuple(sysconfig.get_paths()[key] for key in ("purelib", "platlib"))


class Read(NamedTuple):
    """A name such as np.random.normal, what it stands for, and whether that is a variable of a module of the user's."""

    name: str
    value: Any
    is_variable: bool


NOWHERE = Read("", NOTHING, False)


def of(function: types.FunctionType, owner: Any = NOTHING) -> Iterator[Read]:
    """Give what a function's code reads beyond its arguments.

    Followed are global variables, what the closure holds, what is imported within, the `owner` of a method, and the
    attributes of all of them; what a call returns is not.
    """
    code = function.__code__
    local = enclosed(function)
    if owner is not NOTHING and code.co_argcount:
        local[code.co_varnames[0]] = owner
    is_own = not code.co_filename.startswith(INSTALLED)
    for read in _of_code(code, function.__globals__, local):
        yield read._replace(is_variable=read.is_variable and is_own)


def enclosed(function: types.FunctionType) -> dict[str, Any]:
    """Return what a function's closure holds by now, by name."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # nothing yet
            found[name] = cell.cell_contents
    return found


def _of_code(
    code: types.CodeType, variables: dict[str, Any], local: dict[str, Any]
) -> Iterator[Read]:
    last = NOWHERE
    constant: Any = None
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            last = Read(step.argval, variables.get(step.argval, NOTHING), True)
        elif step.opname == "IMPORT_NAME":  # without a list of names, Python gives the package
            module = step.argval if constant else step.argval.partition(".")[0]
            last = Read(module, sys.modules.get(module, NOTHING), False)
        elif step.opname in ATTRIBUTES:
            last = _attribute(last, step.argval)
        elif actions := LOCAL.findall(step.opname):
            names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
            for action, name in zip(actions, names, strict=True):
                if action == "STORE":
                    # Nothing known is not noted: one way through the code would hide another.
                    if last.value is not NOTHING:
                        local[name] = last.value
                    last = NOWHERE
                else:
                    last = Read(name, local.get(name, NOTHING), False)
        elif step.opname not in KEEPS:
            last = NOWHERE
        if last.value is not NOTHING:
            yield last
        constant = step.argval if step.opname == "LOAD_CONST" else None
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _of_code(inner, variables, dict(local))


def _attribute(read: Read, name: str) -> Read:
    """Follow an attribute, without having a property of the user's compute it."""
    full = f"{read.name}.{name}"
    if isinstance(read.value, types.ModuleType):
        return Read(full, _in_module(read.value, name), not _is_installed(read.value.__name__))
    value = inspect.getattr_static(read.value, name, NOTHING)
    if isinstance(read.value, type) or name in getattr(read.value, "__dict__", ()):
        is_wrapped = isinstance(value, staticmethod | classmethod)
        return Read(full, value.__func__ if is_wrapped else value, False)
    kind = type(read.value)
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, staticmethod):
        value = value.__func__
    elif isinstance(value, classmethod):
        value = types.MethodType(value.__func__, kind)
    elif isinstance(value, types.FunctionType):
        value = types.MethodType(value, read.value)
    else:  # a variable of the class
        return Read(full, value, not _is_installed(kind.__module__))
    return Read(full, value, False)


def _in_module(module: types.ModuleType, name: str) -> Any:
    """Return what has a name in a module; some import it only when they are asked, or fail to."""
    with contextlib.suppress(Exception):
        return getattr(module, name)
    return NOTHING


def _is_installed(module: str) -> bool:
    path = getattr(sys.modules.get(module), "__file__", None) or ""
    return module.partition(".")[0] in LIBRARIES or path.startswith(INSTALLED)
