"""What decides a training run, by name: a run goes on with the settings that it began with, or says which differ.

Settings are those of the model and its layers, optimizers, loss and metrics, callbacks, the data and their order.
Their values are short texts, which a checkpoint keeps and a person can compare.
"""

import inspect
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from course.training.checkpoint_files import CheckpointError
from course.training.objects import describe, fingerprint
from course.training.programs import is_dealt_by_fit, pipeline_fingerprint

FIT = (
    "batch_size",
    "shuffle",
    "class_weight",
    "validation_freq",
    "validation_batch_size",
    "validation_steps",
)
COMPILE = ("loss", "loss_weights", "metrics", "weighted_metrics")
VERSION = 3  # of what checkpoints hold
UNTOLD = "an object of the class builtins.method"  # what versions before 3 said of every method
SINCE_VERSION_2 = ("order fast_fit seed", "order set_random_seed", "data: ")
SINCE_VERSION_3 = ("validation data: ",)
IRRELEVANT = {
    "name",
    "registered_name",
    "module",
    "build_config",
    "build_input_shape",
    "compile_config",
}


def check_options(*, save_freq: Any, keep: Any, mode: str, changed: Any) -> None:
    """Raise ValueError, naming it and what is allowed, for an option that checkpoints cannot have."""
    if save_freq != "epoch" and not _is_count(save_freq):
        raise ValueError(
            f"save_freq = {save_freq!r}: must be 'epoch' or a number of batches, at least 1"
        )
    if not _is_count(keep):
        raise ValueError(f"keep = {keep!r}: must be a whole number, at least 1")
    if mode not in ("min", "max"):
        raise ValueError(f"mode = {mode!r}: must be 'min' or 'max'")
    if isinstance(changed, str):
        raise ValueError(f"changed = {changed!r}: must be a list of names, [{changed!r}]")


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def model_settings(model: keras.Model) -> dict[str, str]:
    """Return the settings of a model, its layers, its optimizer and of `compile`."""
    settings: dict[str, str] = {}
    layers = [
        layer for layer in model._flatten_layers() if not isinstance(layer, keras.layers.InputLayer)
    ]
    names = []
    for number, layer in enumerate(layers):
        names.append(layer.name)
        names += [operation.name for operation in getattr(layer, "operations", ())]
        where = f"layer {number} ({type(layer).__name__})"
        _flatten(settings, where, _config(layer))
        settings[f"{where}.trainable"] = str(layer.trainable)
    if model.compiled:
        compiled = getattr(model._compile_config, "config", {})
        for name in COMPILE:
            _flatten(settings, name, compiled.get(name))
        settings["optimizer"] = type(model.optimizer).__name__
        _flatten(settings, "optimizer", _config(model.optimizer))
    return _without_names(settings, names)


def with_built_layers(begin: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """Return the settings that a model began with, those of its layers as they are now that it is built."""
    layers = {name: text for name, text in now.items() if name.startswith("layer ")}
    return layers | {name: text for name, text in begin.items() if not name.startswith("layer ")}


def data_settings(call: dict[str, Any]) -> dict[str, str]:
    """Return the settings in the arguments of a call of `fit`: the data, how they are dealt, and their weights."""
    settings: dict[str, str] = {}
    for name in ("x", "y", "sample_weight", "validation_data"):
        parts = keras.tree.flatten(call.get(name))
        for i, part in enumerate(parts):
            number = f"[{i}]" if len(parts) > 1 else ""
            settings[f"data {name}{number}"] = _of_data(part)
    for name in FIT:
        _flatten(settings, f"fit {name}", call.get(name))
    return settings | _seed_of_the_order(call)


def _seed_of_the_order(call: dict[str, Any]) -> dict[str, str]:
    """Return the seed by which the rows are dealt: that of `fast_fit`, or TensorFlow's own where `fit` does it."""
    settings = {}
    for callback in getattr(call.get("callbacks"), "callbacks", []):
        if hasattr(callback, "order_seed"):
            settings["order fast_fit seed"] = repr(callback.order_seed)
    if is_dealt_by_fit(call):
        settings["order set_random_seed"] = repr(context.global_seed())
    return settings


def name_callbacks(
    callbacks: Iterable[keras.callbacks.Callback],
) -> dict[str, keras.callbacks.Callback]:
    """Return callbacks by their class, and by a number where there are several."""
    count: Counter[str] = Counter()
    named = {}
    for callback in callbacks:
        name = f"callback {type(callback).__name__}"
        count[name] += 1
        named[name if count[name] == 1 else f"{name} {count[name]}"] = callback
    return named


def call_of_fit() -> dict[str, Any]:
    """Return the arguments of the `fit` that is under way, if any: Keras tells a callback nothing of the data."""
    frame = inspect.currentframe()
    while frame:
        if frame.f_code.co_name == "fit" and "epoch_iterator" in frame.f_code.co_varnames:
            return dict(frame.f_locals)
        frame = frame.f_back
    return {}


def callbacks_of_fit() -> list[keras.callbacks.Callback]:
    """Return the callbacks of the `fit` that is under way, if any."""
    return getattr(call_of_fit().get("callbacks"), "callbacks", [])


def differences(there: dict[str, str], here: dict[str, str]) -> dict[str, str]:
    """Return what is to be told of each setting that differs, by its name."""
    texts = {}
    for name in there | here:
        old = there.get(name, "not set")
        new = here.get(name, "not set")
        if old != new:
            texts[name] = f"{name}: {old} there, {new} here"
    return texts


def check_changes(
    there: dict[str, str], here: dict[str, str], changed: list[str], *, source: Path
) -> frozenset[str]:
    """Return the settings that differ from those of the checkpoint `source`, all of which must be in `changed`.

    Raises CheckpointError for one that differs unasked, ValueError for a name in `changed` that no setting has.
    """
    for name in changed:
        if not any(is_meant(setting, name) for setting in there | here):
            raise ValueError(f"changed = [{name!r}]: must be among {', '.join(sorted(here))}")
    changes = differences(there, here)
    unasked = [name for name in changes if not any(is_meant(name, each) for each in changed)]
    if unasked:
        shown = unasked[:5]
        texts = "; ".join(changes[name] for name in shown)
        more = f"; and {len(unasked) - 5} more" if len(unasked) > 5 else ""
        raise CheckpointError(
            f"{source}: saved with other settings: {texts}{more}. Put "
            f"them back, or go on with the new ones by Checkpoints(..., changed={shown})"
        )
    return frozenset(changes)


def check_constancy(begin: dict[str, str], now: dict[str, str]) -> None:
    """Raise CheckpointError for a setting of the model that training has changed: it is not saved."""
    # Learning rates are saved.
    changes = differences(begin, now)
    texts = [text for name, text in changes.items() if not name.endswith("learning_rate")]
    if texts:
        raise CheckpointError(
            f"{'; '.join(texts)}: there when training began, here by now. A resumed run would not have "
            "such a change; make it before `fit`, or in a second run"
        )


def compared(state: dict[str, Any], here: dict[str, str], *, source: Path) -> dict[str, str]:
    """Return the settings of the checkpoint `state` that those of this run are compared with.

    What training has moved in the data is put back, so it need not be as it was at the beginning.
    """
    there = state["settings"]
    version = state.get("version", 1)
    since = SINCE_VERSION_3 if version == 2 else (*SINCE_VERSION_2, *SINCE_VERSION_3)
    if version < VERSION:
        there = completed(there, here, since, source=source)
        there = {
            name: here.get(name, text) if text == UNTOLD else text for name, text in there.items()
        }
    return there | {name: here.get(name, "not set") for name in state.get("moved", ())}


def changed_unnoted(
    state: dict[str, Any], here: dict[str, str], changed: list[str]
) -> frozenset[str]:
    """Return what data hold that is `changed` on purpose, where a checkpoint of version 1 does not say what it was."""
    if "version" in state:
        return frozenset()
    of_data = (name for name in here if name.startswith("data: "))
    return frozenset(name for name in of_data if any(is_meant(name, each) for each in changed))


def completed(
    there: dict[str, str], here: dict[str, str], since: tuple[str, ...], *, source: Path
) -> dict[str, str]:
    """Return the settings of an earlier version's checkpoint, which noted none whose name begins as in `since`.

    What it lacks is taken to be as it is now, and a line says so; what training data hold is put back from it.
    """
    lacking = {name: here[name] for name in here if name.startswith(since)}
    if lacking:
        names = ", ".join(lacking)
        print(
            f"{source}: saved by an earlier version, without {names}: an order is taken to be as now, and so are "
            "validation data; what training data hold is put back"
        )
    return there | lacking


def chosen_rates(
    model: keras.Model, optimizers: Mapping[str, Any], meant: Collection[str]
) -> list[keras.Variable]:
    """Return the learning rates that have been changed on purpose: those of the settings `meant`.

    `optimizers` are those met beside the model's own, by their place. A schedule has no rate to choose.
    """
    chosen = [optimizer for place, optimizer in optimizers.items() if place in meant]
    if any(name.startswith("optimizer.") and name.endswith("learning_rate") for name in meant):
        chosen.append(getattr(model.optimizer, "inner_optimizer", model.optimizer))
    rates = [optimizer._learning_rate for optimizer in chosen]
    return [rate for rate in rates if isinstance(rate, keras.Variable)]


def is_meant(name: str, changed: str) -> bool:
    """Whether a change that is asked for by `changed` means a setting: its whole name or a part of it."""
    return changed == name or changed in re.split(r"[ .:()\[\]]+", name)


def _config(value: Any) -> Any:
    """Return the configuration of an object of Keras; of layers within, which speak for themselves, the connections."""
    try:
        config = value.get_config()
    except NotImplementedError:  # Keras' answer for a layer of the user's own without get_config
        return None  # its attributes are compared all the same
    layers = config.pop("layers", None)
    if isinstance(layers, list):
        nodes = [layer.get("inbound_nodes") for layer in layers if isinstance(layer, dict)]
        if any(nodes):  # not in a Sequential
            config["connections"] = repr(nodes)
    return config


def _flatten(settings: dict[str, str], name: str, value: Any) -> None:
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in IRRELEVANT:
                _flatten(settings, f"{name}.{key}", part)
    elif isinstance(value, list | tuple) and len(value) == 1 and isinstance(value[0], int):
        settings[name] = repr(value[0])  # as layers write their axis, once they are built
    elif (
        isinstance(value, list | tuple)
        and value
        and not all(isinstance(p, int | float | None) for p in value)
    ):
        for i, part in enumerate(value):
            _flatten(settings, f"{name}[{i}]", part)
    elif hasattr(value, "get_config") and not isinstance(value, type):
        settings[name] = type(value).__name__
        _flatten(settings, name, _config(value))
    elif isinstance(value, np.ndarray | tf.Tensor):
        settings[name] = fingerprint(np.asarray(value))
    else:
        settings[name] = _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str | int | float | bool | list | tuple | None):
        return repr(value)
    if isinstance(value, np.generic):
        return repr(value.item())
    return describe(value)


def _of_data(part: Any) -> str:
    if isinstance(part, tf.data.Dataset):
        return f"{keras.tree.flatten(part.element_spec)} {pipeline_fingerprint(part)}"
    if hasattr(part, "__array__"):
        return fingerprint(np.asarray(part))
    if isinstance(part, keras.utils.PyDataset):
        return f"{type(part).__qualname__} of {part.num_batches} batches"
    return _text(part)


def _without_names(settings: dict[str, str], names: list[str]) -> dict[str, str]:
    """Keras numbers what it names through a whole process: number it through the model instead."""
    numbers = {name: f"'{number}'" for number, name in enumerate(dict.fromkeys(names))}
    longest_first = sorted(numbers, key=len, reverse=True)
    names_pattern = "|".join(map(re.escape, longest_first))
    quoted = re.compile(f"'({names_pattern})'")
    return {
        name: quoted.sub(lambda match: numbers[match[1]], text) for name, text in settings.items()
    }
