"""The variables of a model in training, and the global random generators, taken down and put back.

Most of what a training run depends on sits there: weights, Adam's two running means of each, a dropout's seed.
What else model and callbacks remember is found by `course.training.memory`.
"""

import random
import re
from collections.abc import Iterator, Mapping
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


def capture(model: keras.Model, *, metrics: bool, copy: bool = True) -> dict[str, Any]:
    """Return all variables that training changes, with the running metrics if asked for.

    Without `copy`, arrays share the variables' memory where they can, and hold only until training goes on.
    """
    variables = {
        name: variable.numpy() if copy else _shared(variable)
        for name, variable in _variables(model, metrics=metrics).items()
    }
    is_built = model.compiled and model.optimizer.built
    return {
        "variables": variables,
        "build": model.get_build_config(),
        "optimizer_is_built": is_built,
    }


def _shared(variable: Any) -> Any:
    array = np.asarray(tf.convert_to_tensor(variable))
    return array[()]  # a scalar as one, as `numpy` does


def restore(captured: dict[str, Any], model: keras.Model, *, metrics: bool, source: Any) -> None:
    """Give the model's variables their captured values.

    Raises CheckpointError if the model has other variables: it names the source and them. No variable is changed then;
    but a model that was not built is built by then, as the source has it, and must be made anew for another.
    """
    was_built = model.built
    if not model.built and captured["build"]:
        model.build_from_config(captured["build"])
    if model.compiled and captured["optimizer_is_built"] and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    ours = _variables(model, metrics=metrics)
    groups = {name.split("/")[0] for name in ours}
    theirs = {
        name: array for name, array in captured["variables"].items() if name.split("/")[0] in groups
    }
    differences = []
    for old, new in zip_longest(theirs.items(), ours.items(), fillvalue=("", None)):
        if _identity(*old) != _identity(*new):
            differences.append(f"{_describe(*old)} there, {_describe(*new)} here")
    if differences:
        cure = "" if was_built else "; this model has been built for it, so make it anew"
        raise CheckpointError(f"{source}: of another model: {'; '.join(differences[:5])}{cure}")
    for array, variable in zip(theirs.values(), ours.values(), strict=True):
        variable.assign(array)


def check_logs(logs: Mapping[str, Any]) -> None:
    """Raise CheckpointError, which names it, for a value of an epoch's logs that no history can be saved with."""
    savable = (type(None), bool, int, float, str, np.generic, np.ndarray)
    for name, value in logs.items():
        for part in _parts(value):
            if not isinstance(part, savable):
                raise CheckpointError(
                    f"logs[{name!r}]: a {type(part).__name__} cannot be saved; put in a number, as by float(...)"
                )


def _parts(value: Any) -> Iterator[Any]:
    """Give what is in nested containers, the keys of dictionaries too."""
    if isinstance(value, dict):
        yield from _parts([*value.items()])
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _parts(part)
    else:
        yield value


def history_with(
    history: keras.callbacks.History, done: int, logs: Mapping[str, Any]
) -> tuple[list[int], dict[str, list[Any]]]:
    """Return the epochs and values of `history` as they are once it has learned `logs`, after `done` epochs."""
    epochs = list(history.epoch)
    values = dict(history.history)
    if logs:
        epochs.append(done - 1)
    for name, value in logs.items():
        values[name] = [*values.get(name, []), value]
    return epochs, values


def restore_history(history: keras.callbacks.History, state: Mapping[str, Any]) -> None:
    """Give `history` the epochs and values that the state of a checkpoint holds."""
    history.epoch = state["epochs"]
    history.history = state["history"]


def random_state() -> dict[str, Any]:
    """Return the state of the global generators of Python, NumPy, Keras and TensorFlow, as far as these are in use."""
    operations = getattr(context.context(), "_rng", None)  # there once a seed was set
    variables = {name: variable.numpy() for name, variable in random_variables().items()}
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),
        "tensorflow": operations and operations.getstate(),
        "variables": variables,
    }


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put the global generators back, those that `state` names."""
    values = state["variables"]
    if "keras" in values:
        global_seed_generator()  # made if need be; first, since it draws from Python's generator
    if "tensorflow" in values:
        tf.random.get_global_generator()
    for name, variable in random_variables().items():
        if name in values:
            variable.assign(values[name])
    if "python" in state:
        random.setstate(state["python"])
    if "numpy" in state:
        np.random.set_state(state["numpy"])
    if state.get("tensorflow"):
        context.context()._rng.setstate(state["tensorflow"])


def unless_drawn(state: Mapping[str, Any], *, since: Mapping[str, Any]) -> dict[str, Any]:
    """Return of `state` what belongs to generators from which nobody has drawn since they were as in `since`.

    A generator that the data have drawn from again is left alone: the data may be read ahead, so that a thread draws
    from it at this moment.
    """
    now = random_state()
    generators = ("python", "numpy", "tensorflow")
    drawn = {name for name in generators if repr(now[name]) != repr(since[name])}
    return {name: value for name, value in state.items() if name not in drawn}


def random_variables() -> dict[str, Any]:
    """Return the variables of the generators that Keras and TensorFlow share among all who bring none of their own."""
    generators = {
        "keras": get_global_attribute(GLOBAL_SEED_GENERATOR),
        "tensorflow": stateful_random_ops.global_generator,
    }
    return {name: generator.state for name, generator in generators.items() if generator}


def variables(model: keras.Model) -> dict[str, Any]:
    """All variables that `capture` knows of, by number."""
    return {
        f"variable {i}": each for i, each in enumerate(_variables(model, metrics=True).values())
    }


def _variables(model: keras.Model, *, metrics: bool) -> dict[str, Any]:
    """By path, after a number that tells apart those of equal path."""
    groups = {"model": model.variables}
    if model.compiled:
        groups["optimizer"] = model.optimizer.variables
    if metrics:
        groups["metrics"] = model.metrics_variables
    named = {}
    for group, members in groups.items():
        for number, variable in enumerate(members):
            named[f"{group}/{number:03}/{variable.path}"] = variable
    return named


def _identity(name: str, value: Any) -> tuple | None:
    """Return what must agree. Keras numbers layers through a whole process: of their names only the last word can."""
    if not name:
        return None
    group, *_, last = re.split("[/_]", name)
    return group, last, tuple(value.shape), str(value.dtype)


def _describe(name: str, value: Any) -> str:
    if not name:
        return "nothing"
    _group, _number, path = name.split("/", 2)
    return f"{path} {tuple(value.shape)}"
