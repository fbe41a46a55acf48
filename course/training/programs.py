"""What TensorFlow has compiled, asked for its memory: programs of training, and pipelines of data.

A compiled program tells more than the model's attributes do: every variable that it reads, wherever it is kept, and
its random operations, whose state nobody can read. A pipeline runs ahead of training, so that the state in it
belongs to no batch: the data of an epoch have to be a function of the epoch.
"""

import re
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from course.training.checkpoint_files import CheckpointError
from course.training.memory import Memory
from course.training.objects import fingerprint

SEEDS = {"seed", "seed2"}
# Operations that have seeds and draw nothing: data sets, which have their own check, networks of GPUs as Keras calls
# them, and the search for accidental hits among candidates.
DRAWS_NOTHING = re.compile("Dataset|Cudnn|ComputeAccidentalHits")


def check_program(function: Any, memory: Memory, checked: set[str]) -> None:
    """Refuse a train or test function with a memory of its own, beside the one that is saved.

    What is in `checked` has been looked at before; the programs looked at now are added.
    Raises CheckpointError, which names the variable or the operation.
    """
    for program in _programs(function, set()):
        if program.name in checked:
            continue
        for variable in program.graph.variables:
            if not memory.knows(variable):
                raise CheckpointError(
                    f"model: its steps use the variable {variable.name}, which neither model nor callbacks hold, so "
                    "that it would not be saved; make it an attribute of the model"
                )
        for operation in operations(program.graph):
            if _is_random(operation):
                raise CheckpointError(
                    f"model: its steps draw random numbers by {operation.op} ({operation.name}), whose state cannot "
                    "be saved; draw them by keras.random with a SeedGenerator that the model holds"
                )
        checked.add(program.name)


def check_data(call: dict[str, Any], *, own: tf.Variable) -> None:
    """Refuse data, given as the arguments of `fit`, that cannot be wound forward to a batch of an epoch.

    Pipelines may read the epoch from the variable `own`. Raises CheckpointError.
    """
    for name in ("x", "validation_data"):
        data = call.get(name)
        if isinstance(data, tf.data.Dataset):
            check_pipeline(data, own=own)
        elif hasattr(data, "__next__") or type(data).__module__.split(".")[0] == "torch":
            raise CheckpointError(
                f"data: {name} is a {type(data).__name__}, which cannot be wound forward; give arrays, a "
                "tf.data.Dataset or a keras.utils.PyDataset"
            )
    if is_dealt_by_fit(call) and context.global_seed() is None:
        raise CheckpointError(
            "data: `fit` shuffles arrays by the seed of TensorFlow, which is not set, so that a resumed run would take "
            "other rows; use `shuffled` of the Checkpoints, or call `keras.utils.set_random_seed` before `fit`"
        )
    if call.get("steps_per_epoch") and not _is_one_element(call["x"]):
        raise CheckpointError(
            f"data: steps_per_epoch = {call['steps_per_epoch']}: an epoch would begin where the last one ended, which "
            "cannot be saved; let the data end with the epoch, and give no steps_per_epoch"
        )


def is_dealt_by_fit(call: dict[str, Any]) -> bool:
    """Whether a call of `fit` has Keras itself shuffle the rows: those of arrays."""
    brings_its_order = (tf.data.Dataset, tf.distribute.DistributedDataset, keras.utils.PyDataset)
    is_array = call.get("x") is not None and not isinstance(call["x"], brings_its_order)
    return is_array and bool(call.get("shuffle"))


def _is_one_element(data: Any) -> bool:
    """Whether data are one element again and again, as `fast_fit` gives them: there is no place in them to lose."""
    if not isinstance(data, tf.data.Dataset):
        return False
    kinds = [type(step).__name__ for step in _steps(data)]
    return kinds == ["_RepeatDataset", "_TensorDataset"]


def check_pipeline(dataset: tf.data.Dataset, *, own: tf.Variable) -> None:
    """Refuse a pipeline whose data depend on more than the epoch, which it may read from the variable `own`.

    Raises CheckpointError, which names the step of the pipeline.
    """
    cure = "use `shuffled` or `each_epoch` of the Checkpoints, and draw from the seed that it gives"
    for step in _steps(dataset):
        name = type(step).__name__.strip("_")
        if any(
            getattr(step, f"_{re}", False)
            for re in ("reshuffle_each_iteration", "rerandomize_each_iteration")
        ):
            raise CheckpointError(
                f"data: {name} has another order in every epoch, which cannot be saved; {cure}"
            )
        if name == "CacheDataset" and any(_reads(before, own) for before in _steps(step)):
            raise CheckpointError(
                f"data: {name} keeps the order of the first epoch for all, and a resumed run would keep another; cache "
                "before the order is made, in the function that you give to `each_epoch`"
            )
        seeds = [getattr(step, f"_{seed}", 1) for seed in ("seed", "seed2")]
        if not any(map(int, seeds)):
            raise CheckpointError(
                f"data: {name} has no seed, so that no run is like another; give it one"
            )
        for program in functions(step):
            for variable in program.graph.variables:
                if variable is not own:
                    raise CheckpointError(
                        f"data: {name} uses the variable {variable.name}, which runs ahead of training; put a random "
                        f"layer into the model, or {cure}"
                    )
            for operation in operations(program.graph):
                unseeded = not any(operation.attr[seed].i for seed in SEEDS & operation.attr.keys())
                if unseeded and _is_random(operation):
                    raise CheckpointError(
                        f"data: {name} draws random numbers by {operation.op} without a seed, so that no run is like "
                        f"another; give it one, call `keras.utils.set_random_seed`, or {cure}"
                    )


def pipeline_fingerprint(dataset: tf.data.Dataset) -> str:
    """Return a hash of a pipeline's steps, their numbers and the tensors in them, without running it."""
    parts: list[Any] = []
    for step in _steps(dataset):
        parts.append(type(step).__name__)
        held = [
            value for name, value in sorted(vars(step).items()) if name != "_variant_tensor_attr"
        ]
        parts += [
            tensor_fingerprint(value)
            for value in keras.tree.flatten(held)
            if isinstance(value, tf.Tensor)
        ]
        for program in functions(step):
            found = operations(program.graph)
            parts += [operation.op for operation in found]
            parts += [operation.attr["value"].tensor for operation in found]
            parts += [tensor_fingerprint(value) for value in program.captured_inputs]
    return fingerprint(np.frombuffer(repr(parts).encode(), "uint8")).split()[-1]


def tensor_fingerprint(value: Any) -> str:
    """Return a fingerprint of a tensor or array; of what has no numbers, as a resource, its type."""
    if isinstance(value, tf.Tensor) and value.dtype in (tf.resource, tf.variant):
        return value.dtype.name
    return fingerprint(np.asarray(value))


def _programs(value: Any, seen: set[int]) -> Iterator[Any]:
    """Return the compiled programs that a function, or an object that stands in for one, has at hand."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if hasattr(value, "_list_all_concrete_functions"):
        yield from value._list_all_concrete_functions()
    elif hasattr(value, "__closure__"):
        for cell in value.__closure__ or ():
            yield from _programs(cell.cell_contents, seen)
    elif type(value).__module__.split(".")[0] == "course":  # fast_fit's
        for part in vars(value).values():
            yield from _programs(part, seen)


def _is_random(operation: Any) -> bool:
    """Whether an operation draws random numbers from a state of its own: it has two seeds then, or can have none."""
    has_seeds = operation.attr.keys() >= SEEDS and not operation.attr["deterministic"].b
    return operation.op == "NonDeterministicInts" or (
        has_seeds and not DRAWS_NOTHING.search(operation.op)
    )


def operations(graph: Any) -> list[Any]:
    """All operations in a graph, and in the functions that these call."""
    definition = graph.as_graph_def()
    nodes = list(definition.node)
    for inner in definition.library.function:
        nodes += inner.node_def
    return nodes


def _reads(step: Any, own: tf.Variable) -> bool:
    """Whether a step of a pipeline reads the variable `own`."""
    return any(
        variable is own for program in functions(step) for variable in program.graph.variables
    )


def uncached_steps(dataset: Any) -> Iterator[Any]:
    """Give the steps of a pipeline that run in every epoch: none before a cache."""
    yield dataset
    if type(dataset).__name__.strip("_") != "CacheDataset":
        for before in dataset._inputs():
            yield from uncached_steps(before)


def _steps(dataset: Any) -> Iterator[Any]:
    yield dataset
    for before in dataset._inputs():
        yield from _steps(before)


def functions(step: Any) -> list[Any]:
    return [wrapper.function for wrapper in step._functions()]
