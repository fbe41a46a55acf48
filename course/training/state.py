"""What the rest of a training run depends on, taken from a model and its callbacks and put back into them.

All that `course.training.checkpoints` names sits in variables of Keras (Adam's two running means of each weight, a
dropout's seed), in attributes of callbacks or in global random generators, where it can be read and set.
"""

import copy
import inspect
import random
import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import keras
import numpy as np

from course.training.checkpoint_files import CheckpointError, is_data


def capture(model: keras.Model, *, metrics: bool) -> dict[str, Any]:
    """A copy of all variables that training changes, with the running metrics if asked for."""
    variables = {name: variable.numpy() for name, variable in _variables(model, metrics=metrics).items()}
    return {"variables": variables, "build": model.get_build_config()}


def restore(captured: dict[str, Any], model: keras.Model, *, metrics: bool, source: Any) -> None:
    """Give the model's variables their captured values.

    Raises CheckpointError, and changes nothing, if the model has other variables: it names the source and them.
    """
    if not model.built and captured["build"]:
        model.build_from_config(captured["build"])
    if model.compiled and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    ours = _variables(model, metrics=metrics)
    groups = {name.split("/")[0] for name in ours}
    theirs = {name: array for name, array in captured["variables"].items() if name.split("/")[0] in groups}
    differences = [
        f"{_describe(*old)} there, {_describe(*new)} here"
        for old, new in zip_longest(theirs.items(), ours.items(), fillvalue=("", None))
        if _identity(*old) != _identity(*new)
    ]
    if differences:
        raise CheckpointError(f"{source}: of another model: {'; '.join(differences[:5])}")
    for array, variable in zip(theirs.values(), ours.values(), strict=True):
        variable.assign(array)


def memory(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """A copy of what a callback has come to know: its attributes that are data, not settings, and not None."""
    settings = {"params", *inspect.signature(type(callback).__init__).parameters}
    known = {name: value for name, value in vars(callback).items() if name not in settings and value is not None}
    return copy.deepcopy({name: value for name, value in known.items() if is_data(value)})


def remind(callback: keras.callbacks.Callback, known: Mapping[str, Any]) -> None:
    """Put a memory back, except where the callback now has something that is not data, as an open file."""
    attributes = vars(callback)
    attributes.update({name: value for name, value in known.items() if is_data(attributes.get(name))})


def random_state() -> dict[str, Any]:
    """The state of the global generators of Python and NumPy."""
    return {"python": random.getstate(), "numpy": np.random.get_state(legacy=False)}


def set_random_state(state: Mapping[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])


def _variables(model: keras.Model, *, metrics: bool) -> dict[str, Any]:
    """By path, after a number that tells apart those of equal path."""
    groups = {"model": model.variables}
    if model.compiled:
        groups["optimizer"] = model.optimizer.variables
    if metrics:
        groups["metrics"] = model.metrics_variables
    return {f"{group}/{i:03}/{each.path}": each for group, some in groups.items() for i, each in enumerate(some)}


def _identity(name: str, value: Any) -> tuple | None:
    """What must agree. Keras numbers layers through a whole process: of their names only the last word can."""
    words = re.split("[/_]", name)
    return (words[0], words[-1], tuple(value.shape), str(value.dtype)) if name else None


def _describe(name: str, value: Any) -> str:
    return f"{name.split('/', 2)[2]} {tuple(value.shape)}" if name else "nothing"
