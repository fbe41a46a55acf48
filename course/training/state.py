"""The variables of a model in training, and the global random generators, taken down and put back.

Most of what a training run depends on sits there: weights, Adam's two running means of each, a dropout's seed.
What else model and callbacks remember is found by `course.training.memory`.
"""

import random
import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common.global_state import get_global_attribute
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator
from tensorflow.python.eager import context
from tensorflow.python.ops import stateful_random_ops

from course.training.checkpoint_files import CheckpointError


def capture(model: keras.Model, *, metrics: bool) -> dict[str, Any]:
    """A copy of all variables that training changes, with the running metrics if asked for."""
    variables = {name: variable.numpy() for name, variable in _variables(model, metrics=metrics).items()}
    is_built = model.compiled and model.optimizer.built
    return {"variables": variables, "build": model.get_build_config(), "optimizer_is_built": is_built}


def restore(captured: dict[str, Any], model: keras.Model, *, metrics: bool, source: Any) -> None:
    """Give the model's variables their captured values.

    Raises CheckpointError, and changes nothing, if the model has other variables: it names the source and them.
    """
    if not model.built and captured["build"]:
        model.build_from_config(captured["build"])
    if model.compiled and captured["optimizer_is_built"]:
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


def random_state() -> dict[str, Any]:
    """The state of the global generators of Python, NumPy, Keras and TensorFlow, as far as these are in use."""
    operations = getattr(context.context(), "_rng", None)  # there once a seed was set
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),
        "tensorflow": operations and operations.getstate(),
        "variables": {name: variable.numpy() for name, variable in random_variables().items()},
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put the global generators back, those that `state` names."""
    for name, make in {"keras": global_seed_generator, "tensorflow": tf.random.get_global_generator}.items():
        if name in state["variables"]:
            make()  # unless it is there; first, since it draws from Python's generator
    for name, variable in random_variables().items():
        if name in state["variables"]:
            variable.assign(state["variables"][name])
    if "python" in state:
        random.setstate(state["python"])
    if "numpy" in state:
        np.random.set_state(state["numpy"])
    if state.get("tensorflow"):
        context.context()._rng.setstate(state["tensorflow"])


def random_variables() -> dict[str, Any]:
    """The variables of the generators that Keras and TensorFlow share among all who bring none of their own."""
    keras_generator = get_global_attribute(GLOBAL_SEED_GENERATOR)
    found = {"keras": keras_generator.state} if keras_generator else {}
    tensorflow_generator = stateful_random_ops.global_generator
    return found | ({"tensorflow": tensorflow_generator.state} if tensorflow_generator else {})


def variables(model: keras.Model) -> dict[str, Any]:
    """All variables that `capture` knows of, by number."""
    return {f"variable {i}": each for i, each in enumerate(_variables(model, metrics=True).values())}


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
