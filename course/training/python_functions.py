"""Python functions that pipelines of TensorFlow call: what they hold must not change.

Such a function runs ahead of training, so that what it remembers belongs to no batch. One that remembers nothing is as
good as any step of a pipeline; so what it holds, in closures, objects, global variables and the random numbers that all
share, is compared. Not seen is what it reaches by `super()` or by what a call returns, nor that it asks the model.
"""

import contextlib
import functools
import inspect
import random
import types
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.ops import script_ops

from course.training import reads
from course.training.checkpoint_files import CheckpointError
from course.training.memory import Memory
from course.training.objects import (
    FRAMEWORKS,
    LIBRARIES,
    attributes,
    fingerprint,
    is_from,
    is_of_the_user,
)
from course.training.programs import functions, operations, uncached_steps
from course.training.settings import differences

CALLS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
WRAPPER = "ag_dnc_wrapper__"  # where TensorFlow notes its own at a function of the user's


class Held:
    """Something that a function holds, by its name."""

    def __init__(self, name: str, value: Any) -> None:
        vars(self)[name] = value


class PythonFunctions:
    """The Python functions in pipelines, and what they held at first; the `model` that is trained does not count."""

    def __init__(self, pipelines: list[Any], model: keras.Model) -> None:
        self._functions = [
            function
            for pipeline in pipelines
            if isinstance(pipeline, tf.data.Dataset)
            for function in _called(pipeline)
        ]
        self._model = model
        self._begin = self._settings()

    def _settings(self) -> dict[str, str]:
        """Return what can be compared: a log, a table of objects or an open file is taken as it is."""
        found: dict[str, str] = {}
        known = {"the model": self._model, "the optimizer": self._model.optimizer}
        known |= {f"the variable {each.path}": each for each in self._model.variables}
        for place, name, value in self._held():
            with contextlib.suppress(CheckpointError):
                memory = Memory({place: Held(name, value)}, known=known)
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
            for name, value in _parts(function):
                yield place, f"function.{name}", value
            variables: Counter[str] = Counter()
            read = {(name, id(value)): value for name, value in _read(function, set())}
            for (name, _), value in read.items():
                yield place, _numbered(f"globals.{name}", variables), value

    def check(self) -> None:
        """Raise CheckpointError, which names it, for what has changed since it was first there."""
        now = self._settings()
        self._begin = now | self._begin
        if changed := differences(self._begin, self._begin | now):
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


def _parts(function: Any) -> Iterator[tuple[str, Any]]:
    """Give what a function holds in its closure, its object and its defaults, part by part."""
    for name, part in attributes(function).items():
        if name == "__self__" and is_of_the_user(part):
            for inner, value in attributes(part).items():
                yield f"{name}.{inner}", value
        elif name != WRAPPER:
            yield name, part


def _read(value: Any, seen: set[tuple[int, int]]) -> Iterator[tuple[str, Any]]:
    """Give the global variables that a function and those that it calls read, by name; no modules and classes."""
    for function, owner in _functions(value):
        if _stands_in(LIBRARIES, function) or (id(function), id(owner)) in seen:
            continue
        seen.add((id(function), id(owner)))
        for read in reads.of(function, owner):
            if (shared := _shared_random_numbers(read.value)) is not None:
                yield read.name, shared
            elif not isinstance(read.value, types.ModuleType | type):
                if read.is_variable:
                    yield read.name, read.value
                yield from _read(read.value, seen)
        for part in reads.enclosed(function).values():
            yield from _read(part, seen)


def _functions(value: Any) -> Iterator[tuple[types.FunctionType, Any]]:
    """Give the functions of Python in a value that is called, or that holds what is called, each with its owner."""
    if isinstance(value, functools.partial):
        value = [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            if not isinstance(part, list | tuple | dict):
                yield from _functions(part)
        return
    if isinstance(value, functools._lru_cache_wrapper):
        value = value.__wrapped__
    if isinstance(value, types.FunctionType):
        yield value, reads.NOTHING
    elif isinstance(value, types.MethodType):
        if isinstance(value.__func__, types.FunctionType):
            yield value.__func__, value.__self__
    elif is_of_the_user(value) and not isinstance(value, types.ModuleType | type):
        call = inspect.getattr_static(type(value), "__call__", None)
        if isinstance(call, types.FunctionType):
            yield call, value


def _shared_random_numbers(value: Any) -> Any:
    """Return the generator from which something such as np.random.normal draws, which all share, or None."""
    if isinstance(value, types.FunctionType):
        name = f"{value.__module__}.{value.__name__}"
        if ("random" in name or "dropout" in name) and "stateless" not in name:
            if _stands_in({"keras"}, value):
                return random.random.__self__  # type: ignore[attr-defined]  # which seeds each thread's own
            if _stands_in({"tensorflow"}, value):
                return getattr(context.context(), "_rng", None)
        return None
    owner = value
    with contextlib.suppress(Exception):  # whatever a class of the user's makes of the question
        owner = value.__self__
    return owner if isinstance(owner, np.random.RandomState | random.Random) else None
