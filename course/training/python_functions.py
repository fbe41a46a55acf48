"""Python functions that pipelines of TensorFlow call: what they hold must not change.

Such a function runs ahead of training, so that what it remembers belongs to no batch. One that remembers nothing is as
good as any step of a pipeline; so what it holds, in closures, objects and global variables, is compared.
"""

import contextlib
import inspect
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.ops import script_ops

from course.training.checkpoint_files import CheckpointError
from course.training.memory import Memory
from course.training.objects import FRAMEWORKS, LIBRARIES, is_from, names_of
from course.training.programs import functions, operations, uncached_steps
from course.training.settings import differences

CALLS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


class Held:
    """A function, and the global variables that it reads."""

    def __init__(self, function: Any) -> None:
        self.function = function
        self.globals = Globals()
        vars(self.globals).update(_globals(function, set()))


class Globals:
    """Global variables, by their names."""


class PythonFunctions:
    """The Python functions in pipelines, and what they held at first."""

    def __init__(self, pipelines: list[Any]) -> None:
        self._held: dict[str, Any] = {}
        count: Counter[str] = Counter()
        for pipeline in pipelines:
            if isinstance(pipeline, tf.data.Dataset):
                for function in _called(pipeline):
                    name = getattr(function, "__qualname__", type(function).__qualname__)
                    number = "" if name not in count else f" {count[name] + 1}"
                    count[name] += 1
                    self._held[f"data: the function {name}{number}"] = Held(function)
        self._begin = self._settings()

    def _settings(self) -> dict[str, str]:
        """Return what can be compared: a log, a table of objects or an open file is taken as it is."""
        found: dict[str, str] = {}
        for name, held in self._held.items():
            with contextlib.suppress(CheckpointError):
                found |= Memory({name: held}).settings
        return found

    def check(self) -> None:
        """Raise CheckpointError, which names it, for what has changed since the beginning."""
        if changed := differences(self._begin, self._settings()):
            name = next(iter(changed))
            raise CheckpointError(
                f"{name}: changes while the data are read, ahead of training, so that a resumed run would read others; "
                "give a keras.utils.PyDataset, whose memory is saved, or draw from the seed of `each_epoch` of the "
                "Checkpoints"
            )


def _called(pipeline: tf.data.Dataset) -> Iterator[Any]:
    """Give the functions of the user's own that a pipeline calls in every epoch: above a cache, only in the first."""
    seen: set[int] = set()
    for step in uncached_steps(pipeline):
        for program in functions(step):
            for operation in operations(program.graph):
                if operation.op in CALLS:
                    token = operation.attr["token"].s.decode()
                    yield from _of_the_user(script_ops._py_funcs._funcs.get(token), seen)


def _of_the_user(value: Any, seen: set[int]) -> Iterator[Any]:
    """Give the callables that are wrapped in what TensorFlow makes of them."""
    value = inspect.unwrap(value) if isinstance(value, types.FunctionType) else value
    if id(value) in seen:
        return
    seen.add(id(value))
    parts: list[Any] = []
    if isinstance(value, types.FunctionType) and is_from(value, FRAMEWORKS):
        parts = [*_enclosed(value)]
    elif isinstance(value, types.MethodType) and is_from(value, FRAMEWORKS):
        parts = [value.__self__]
    elif is_from(type(value), FRAMEWORKS):
        parts = [*getattr(value, "__dict__", {}).values()]
    elif callable(value):
        yield value
    for part in parts:
        yield from _of_the_user(part, seen)


def _globals(function: Any, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Give the global variables that a function and those that it calls read, by name; no modules and classes."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType):
        function = vars(type(function)).get("__call__")  # of an object that is called
    if not isinstance(function, types.FunctionType) or is_from(function, LIBRARIES):
        return
    if id(function) in seen:
        return
    seen.add(id(function))
    for name in names_of("LOAD_GLOBAL", function.__code__):  # attributes have names, too
        if name in function.__globals__:
            value = function.__globals__[name]
            if not isinstance(value, types.ModuleType | type):
                yield name, value
                yield from _globals(value, seen)
    for value in _enclosed(function):
        yield from _globals(value, seen)


def _enclosed(function: types.FunctionType) -> Iterator[Any]:
    """Give what a function's closure holds by now."""
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # nothing yet
            yield cell.cell_contents
