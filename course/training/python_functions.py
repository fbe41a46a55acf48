"""Python functions that pipelines of TensorFlow call: what they hold must not change.

Such a function runs ahead of training, so that what it remembers belongs to no batch. One that remembers nothing is as
good as any step of a pipeline; so what it holds, in closures, objects, global variables and the random numbers that all
share, is compared.
"""

import contextlib
import functools
import random
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.ops import script_ops

from course.training import reads
from course.training.checkpoint_files import CheckpointError
from course.training.memory import Memory
from course.training.objects import FRAMEWORKS, LIBRARIES, fingerprint, is_from
from course.training.programs import functions, operations, uncached_steps
from course.training.settings import differences

CALLS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


class Held:
    """Something that a function holds, by its name."""

    def __init__(self, name: str, value: Any) -> None:
        vars(self)[name] = value


class PythonFunctions:
    """The Python functions in pipelines, and what they held at first."""

    def __init__(self, pipelines: list[Any]) -> None:
        self._functions = [
            function
            for pipeline in pipelines
            if isinstance(pipeline, tf.data.Dataset)
            for function in _called(pipeline)
        ]
        self._begin = self._settings()

    def _settings(self) -> dict[str, str]:
        """Return what can be compared: a log, a table of objects or an open file is taken as it is."""
        found: dict[str, str] = {}
        for place, name, value in self._held():
            with contextlib.suppress(CheckpointError):
                memory = Memory({place: Held(name, value)})
                found |= memory.settings
                for where, variable in memory.variables.items():
                    found[where] = fingerprint(np.asarray(variable))
        return found

    def _held(self) -> Iterator[tuple[str, str, Any]]:
        """Give what the functions hold by now: a place, a name there, and the value."""
        functions: Counter[str] = Counter()
        for function in self._functions:
            called = getattr(function, "__qualname__", type(function).__qualname__)
            place = f"data: the function {_numbered(called, functions)}"
            yield place, "function", function
            variables: Counter[str] = Counter()
            read = {(name, id(value)): value for name, value in _read(function, set())}
            for (name, _), value in read.items():
                yield place, _numbered(f"globals.{name}", variables), value

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


def _numbered(name: str, count: Counter[str]) -> str:
    count[name] += 1
    return name if count[name] == 1 else f"{name} {count[name]}"


def _of_the_user(value: Any, seen: set[int]) -> Iterator[Any]:
    """Give the callables that are wrapped in what TensorFlow makes of them."""
    if id(value) in seen:
        return
    seen.add(id(value))
    parts: list[Any] = []
    if isinstance(value, types.FunctionType) and _stands_in(FRAMEWORKS, value):
        parts = [getattr(value, "__wrapped__", None), *reads.enclosed(value).values()]
    elif isinstance(value, types.MethodType) and _stands_in(FRAMEWORKS, value.__func__):
        parts = [value.__self__]
    elif is_from(type(value), FRAMEWORKS):
        parts = [*getattr(value, "__dict__", {}).values()]
    elif callable(value):
        yield value
    for part in parts:
        yield from _of_the_user(part, seen)


def _stands_in(packages: set[str], function: Any) -> bool:
    """Whether the code of a function stands in one of these packages; by its own word a wrapper is what it wraps."""
    module = getattr(function, "__globals__", {}).get("__name__", function.__module__)
    return (module or "").split(".")[0] in packages


def _read(value: Any, seen: set[tuple[int, int]]) -> Iterator[tuple[str, Any]]:
    """Give the global variables that a function and those that it calls read, by name; no modules and classes."""
    if isinstance(value, functools.partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _read(part, seen)
        return
    if not isinstance(value, types.FunctionType | types.MethodType):
        value = getattr(value, "__call__", None)  # noqa: B004  # the method of an object that is called
    function = getattr(value, "__func__", value)
    owner = getattr(value, "__self__", reads.NOTHING)
    if not isinstance(function, types.FunctionType) or _stands_in(LIBRARIES, function):
        return
    if (id(function), id(owner)) in seen:
        return
    seen.add((id(function), id(owner)))
    for read in reads.of(function, owner):
        if (shared := _shared_random_numbers(read)) is not None:
            yield read.name, shared
        elif not isinstance(read.value, types.ModuleType | type):
            if read.is_variable:
                yield read.name, read.value
            yield from _read(read.value, seen)
    for part in reads.enclosed(function).values():
        yield from _read(part, seen)


def _shared_random_numbers(read: reads.Read) -> Any:
    """Return the generator that a name such as np.random.normal draws from, which all share; None for other names."""
    if isinstance(read.value, types.FunctionType) and ".random." in read.name:
        if _stands_in({"keras"}, read.value):
            return random.random.__self__  # type: ignore[attr-defined]  # which seeds each thread's own
        if _stands_in({"tensorflow"}, read.value) and "stateless" not in read.name:
            return getattr(context.context(), "_rng", None)
    for generator in (read.value, getattr(read.value, "__self__", None)):
        if isinstance(generator, np.random.RandomState | random.Random):
            return generator
    return None
