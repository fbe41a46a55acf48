"""A model taken back to before its training, for lessons that train often: compiling takes longer than they do."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import keras


class _First(NamedTuple):
    """What a seed gives a model: its first values, and Python's random state once they are drawn."""

    values: list[Any]
    state: tuple


# To draw the same weights again takes longer than to keep them.
_weights: WeakKeyDictionary[keras.Model, dict[int, _First]] = WeakKeyDictionary()
_memory: WeakKeyDictionary[keras.optimizers.Optimizer, list[Any]] = WeakKeyDictionary()


def reinitialize(model: keras.Model, seed: int) -> keras.Model:
    """Take a compiled model back to before training: initial weights drawn from `seed`, no memory in the optimizer.

    What Keras has compiled stays and serves again: to compile another model takes longer than many a training. The
    learning rate stays as it is, and so does what layers such as Normalization took from data by `adapt`. Returns the
    model; one that `keras.models.clone_model` can copy, so no subclass. Raises ValueError before it is built.
    """
    if not model.built:
        raise ValueError(
            f"{model.name}: has no weights yet; begin it with keras.Input, or build it"
        )
    adapted = {id(variable) for variable in _adapted(model)}
    keras.utils.set_random_seed(seed)
    first = _weights.setdefault(model, {})
    if seed not in first:
        fresh = keras.models.clone_model(model)  # draws as when its layers are made one by one
        first[seed] = _First(_values(fresh), random.getstate())
    random.setstate(first[seed].state)  # from which Keras draws the seeds of what is made next
    for variable, value in zip(model.variables, first[seed].values, strict=True):
        if id(variable) not in adapted:
            variable.assign(value)
    empty(model.optimizer, model.trainable_variables)
    return model


def empty(optimizer: keras.optimizers.Optimizer, trained: list[keras.Variable]) -> None:
    """Give an optimizer of the variables `trained` the memory of a new one; the learning rate stays as it is."""
    optimizer.build(trained)  # does nothing where it is done
    if optimizer not in _memory:
        fresh = type(optimizer).from_config(optimizer.get_config())
        fresh.build(trained)
        _memory[optimizer] = _values(fresh)
    for variable, value in zip(optimizer.variables, _memory[optimizer], strict=True):
        if variable.name != "learning_rate":
            variable.assign(value)


def _adapted(model: keras.Model) -> Iterator[keras.Variable]:
    for layer in model._flatten_layers():
        if hasattr(layer, "adapt"):
            yield from layer.non_trainable_variables


def _values(part: keras.Model | keras.optimizers.Optimizer) -> list[Any]:
    return [keras.ops.convert_to_numpy(variable) for variable in part.variables]
