"""Fast fit: a Keras model's own `fit`, with each epoch run as one program.

Plain `fit` comes back to Python after every batch. For a small network that takes longer than the arithmetic: the
input pipeline hands over a batch, TensorFlow starts some two hundred operations one by one, callbacks are called,
and a millisecond or two have gone. The cure is to move the loop over batches into the program. It is given the
whole data set and the order of its rows: for every batch pick the rows, run forward and backward, update weights and
metrics. For a long fit XLA compiles it. Each step is still the model's own `train_step`, so the loss, the metrics,
dropout and the optimizer's state are those of plain `fit`. Rows are picked batch by batch within the loop: a
shuffled copy of all the data costs more than the shuffle does, since every epoch needs fresh memory for it.
"""

import inspect
import itertools
import math
import re
from collections.abc import Callable
from numbers import Integral
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from course.training.fit_arrays import (
    are_arrays,
    count_rows,
    pick,
    rows_to_train_on,
    training_and_validation,
)
from course.training.order import epoch_order
from course.training.rows_in_order import RowsInOrder

# Steps of a fit from which XLA compiles it. When that pays, depends on machine and network:
# `benchmarks.time_to_accuracy` and lesson 05 measure it.
XLA_FROM = 1_000
# XLA on a CPU: convolutions are slow, random numbers are not TensorFlow's, and CheckNumerics checks nothing.
UNSUITED = re.compile("Conv|Random|CheckNumerics")
# What TensorFlow checks and XLA does not: places in a table, labels, assertions.
CHECKED = re.compile(
    "(Resource)?Gather(V2|Nd)?|SparseSoftmaxCrossEntropyWithLogits|(Dense)?Bincount|.*Segment.*|Assert"
)
BATCH_HOOKS = [
    f"on_{kind}batch_{edge}" for kind in ("", "train_", "test_") for edge in ("begin", "end")
]
# Arguments of `fit` that have done their work when the data are ready.
IN_THE_DATA = {
    **dict.fromkeys(("y", "sample_weight", "class_weight", "batch_size")),
    "validation_split": 0.0,
    "shuffle": False,
}


def fast_fit(
    model: keras.Model, *, seed: int | None = None, xla_from: int = XLA_FROM
) -> keras.Model:
    """Let `model.fit` run each epoch as one program. Call it once; returns the model.

    All else stays as it is: the arguments of `fit`, callbacks, history, validation (which is compiled too), saving.
    Callbacks see an epoch as one execution of all its steps, as with Keras' own `steps_per_execution`. The rows of
    an epoch come in `epoch_order(rows, seed, epoch)`, so that a run resumed with `initial_epoch` shuffles like one
    that was never stopped. Without `seed` one is drawn from NumPy, which `keras.utils.set_random_seed` makes repeat.

    A fit of at least `xla_from` steps has XLA compile its program, which takes seconds that a shorter fit does not win
    back. Steps decide, not a clock: XLA rounds differently, and the same seed must give the same bits. Models with
    convolutions or random numbers, those that check something within a `tf.function` of their own, and those that XLA
    cannot compile, run as TensorFlow's program in any case. Data that are not arrays, and callbacks that act on
    batches, need plain `fit`, and one line says why. XLA checks no ranges, and would train on with a label
    beyond the last class or an index beyond an Embedding's table. So each `fit` first takes all its rows through
    those operations of a step that check, as TensorFlow runs them, and raises InvalidArgumentError as plain `fit`.

    With another backend than TensorFlow, Keras' own loop takes the batches, and one line says so: the rows come in the
    same order, and a fit takes as long as a plain one.
    """
    if seed is None:
        seed = int(np.random.randint(2**31))
    plain_fit = type(model).fit.__get__(model)
    signature = inspect.signature(plain_fit)
    backend = keras.backend.backend()
    if backend != "tensorflow":
        print(f"fast_fit: batch by batch, since Keras runs on {backend}")

    def fit(*args: Any, **kwargs: Any) -> keras.callbacks.History:
        call = signature.bind(*args, **kwargs)
        call.apply_defaults()
        for name in ("batch_size", "validation_batch_size"):
            _check_batch(name, call.arguments[name])
        reason = _reason_for_plain_fit(model, call.arguments)
        if reason:
            print(f"fast_fit: plain fit, because {reason}")
            return plain_fit(*args, **kwargs)
        if backend != "tensorflow":
            return _fit_batch_by_batch(plain_fit, call.arguments, seed=seed)
        return _fit_whole_epochs(model, plain_fit, call.arguments, seed=seed, xla_from=xla_from)

    model.fit = fit
    return model


def _check_batch(name: str, value: Any) -> None:
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    if value is not None and not (is_whole and value > 0):
        raise ValueError(f"{name} = {value!r}: must be a whole number of at least 1")


def _fit_whole_epochs(
    model: keras.Model,
    plain_fit: Callable[..., Any],
    call: dict[str, Any],
    *,
    seed: int,
    xla_from: int,
) -> keras.callbacks.History:
    """Keras' own fit, on a data set whose single element is all the training data."""
    batch_size = call["batch_size"] or 32
    validation_batch_size = call["validation_batch_size"] or batch_size
    training, validation = training_and_validation(call)
    if are_arrays(validation):
        validation = _whole(validation, validation_batch_size)
    steps_per_execution = model.steps_per_execution
    steps = math.ceil(count_rows(training) / batch_size)
    all_steps = steps * (call["epochs"] - call["initial_epoch"])
    epochs = _Epochs(seed if call["shuffle"] else None, steps_per_execution)
    _install_programs(model, pays=all_steps >= xla_from)
    call |= IN_THE_DATA | {
        "x": _whole(training, batch_size).repeat(),
        "steps_per_epoch": steps,
        "validation_data": validation,
        "validation_batch_size": validation_batch_size,
        "callbacks": keras.tree.flatten([epochs, call["callbacks"] or []]),
    }
    model.steps_per_execution = steps  # so that Keras asks for all steps at once
    try:
        return plain_fit(**call)
    finally:
        model.steps_per_execution = steps_per_execution


def _fit_batch_by_batch(
    plain_fit: Callable[..., Any], call: dict[str, Any], *, seed: int
) -> keras.callbacks.History:
    """Keras' own fit, of the rows in the order of `_fit_whole_epochs`."""
    training, validation = training_and_validation(call)
    rows = RowsInOrder(
        training, batch_size=call["batch_size"] or 32, seed=seed if call["shuffle"] else None
    )
    begin_epoch = keras.callbacks.LambdaCallback(on_epoch_begin=rows.begin_epoch)
    call |= IN_THE_DATA | {
        "x": rows,
        "validation_data": validation,
        "validation_batch_size": call["validation_batch_size"] or rows.batch_size,
        "callbacks": keras.tree.flatten([begin_epoch, call["callbacks"] or []]),
    }
    return plain_fit(**call)


class _Epochs(keras.callbacks.Callback):
    """Tells the training program which epoch it is, for the order of the rows."""

    def __init__(self, seed: int | None, steps_per_execution: int) -> None:
        super().__init__()
        self.order_seed = seed  # which Checkpoints compare
        self.steps_per_execution = steps_per_execution

    def on_train_begin(self, logs: Any = None) -> None:
        self.model.steps_per_execution = (
            self.steps_per_execution
        )  # for evaluate and predict in other callbacks
        for program in (self.model.train_function, self.model.test_function):
            program.checked = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        seed = self.order_seed
        order = np.arange if seed is None else lambda rows: epoch_order(rows, seed, epoch)
        self.model.train_function.order = order


class _Whole(NamedTuple):
    """All the data of a pass, marked so that they cannot be taken for one batch."""

    data: Any
    batch_size: Any


def _whole(data: tuple, batch_size: int) -> tf.data.Dataset:
    def tensor(array: Any) -> tf.Tensor:
        if tf.as_dtype(
            array.dtype
        ).is_floating:  # Keras gives all floats the type that it computes in
            array = tf.cast(array, keras.config.floatx())
        return tf.convert_to_tensor(array)

    given = tuple(part for part in data if part is not None)
    tensors = keras.tree.map_structure(tensor, keras.tree.lists_to_tuples(given))
    return tf.data.Dataset.from_tensors(_Whole(tensors, batch_size))


class _WholePass:
    """A train or test function for Keras: a `_Whole` in one program, anything else as Keras does it."""

    def __init__(self, step: Callable[..., dict], keras_function: Callable[..., dict]) -> None:
        self.keras_function = keras_function
        self.order: Callable[[int], np.ndarray] = np.arange
        self.step = tf.function(step, autograph=False)
        self.loop = tf.function(_loop(self.step), autograph=False)
        self.compiled_loop = tf.function(self.loop, autograph=False, jit_compile=True)
        self.suits_xla: bool | None = None
        self.pays = True  # whether the fit is long enough for XLA
        self.checked = False  # whether the data of this fit have been through `_check`

    def __call__(self, iterator: Any) -> dict:
        if not isinstance(getattr(iterator, "element_spec", None), _Whole):
            return self.keras_function(iterator)
        data, batch_size = next(iterator)
        order = self.order(count_rows(data)).astype("int32")
        size = int(batch_size)
        full_batches = (len(order) - 1) // size  # the last batch may be smaller
        full, last = np.split(order, [full_batches * size])
        arguments = data, tf.constant(full.reshape(-1, size)), tf.constant(last)
        if not self.pays:
            return self.loop(*arguments)
        if self.suits_xla is None:
            operations = _operations(self.loop.get_concrete_function(*arguments))
            self.suits_xla = not UNSUITED.search(operations)
            self.suits_xla = self.suits_xla and not _checks_within_calls(
                _any_batch(self.step, data)
            )
        if self.suits_xla:
            if not self.checked:
                _check(_any_batch(self.step, data), data)
                self.checked = True
            try:
                return self.compiled_loop(*arguments)
            except tf.errors.OpError as error:
                self.suits_xla = False
                print(f"fast_fit: not compiled, since XLA cannot: {error.message.splitlines()[0]}")
        return self.loop(*arguments)


def _any_batch(step: Any, data: tuple) -> Any:
    """Return the step, traced once for batches of any size, as plain fit does it."""

    def any_rows(array: Any) -> tf.TensorSpec:
        return tf.TensorSpec([None, *array.shape[1:]], array.dtype)

    return step.get_concrete_function(keras.tree.map_structure(any_rows, data))


def _loop(step: Any) -> Callable[..., dict]:
    """Return a function that takes a step on every batch, given by its rows' numbers, and returns the last logs."""

    def loop(data: tuple, batches: tf.Tensor, last: tf.Tensor) -> dict:
        take_step = _any_batch(step, data)

        def body(i: tf.Tensor) -> tuple[tf.Tensor]:
            take_step(pick(data, batches[i]))
            return (i + 1,)

        if batches.shape[0]:
            tf.while_loop(lambda i: i < batches.shape[0], body, (0,), parallel_iterations=1)
        return take_step(pick(data, last))

    return loop


def _check(step: Any, data: tuple) -> None:
    """Run what of a step TensorFlow checks and XLA does not, on all rows, and nothing else of it.

    Raises tf.errors.InvalidArgumentError as plain fit does. What the operations need is computed with the weights
    as they are; nothing is assigned.
    """
    graph = step.graph.as_graph_def()
    checked = [node.name for node in graph.node if CHECKED.fullmatch(node.op)]
    if not checked:
        return
    needed = _keep_what_leads_to(checked, graph)
    names = {place.op.name: place.name for place in step.inputs}

    @tf.function(autograph=False)
    def run(*values: tf.Tensor) -> list[list[tf.Tensor]]:
        given = {}
        for (name, place), value in zip(names.items(), values, strict=True):
            if name in needed:
                given[place] = value
        operations = tf.graph_util.import_graph_def(graph, given, checked, name="fast_fit")
        return [
            operation.outputs for operation in operations
        ]  # what nobody asks for is not computed

    traced = run.get_concrete_function(
        *(tf.TensorSpec(place.shape, place.dtype) for place in step.inputs)
    )
    rows = count_rows(data)
    for start in range(0, rows, 1024):
        end = min(start + 1024, rows)
        batch = pick(data, np.arange(start, end))
        traced(*keras.tree.flatten(batch), *step.captured_inputs)


def _keep_what_leads_to(targets: list[str], graph: Any) -> set[str]:
    """Reduce a graph to the operations that compute the inputs of `targets`; return their names.

    The order of side effects ("^" before a name) is dropped with them.
    """
    nodes = {node.name: node for node in graph.node}
    needed: set[str] = set()
    waiting = list(targets)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            inputs = [source for source in nodes[name].input if not source.startswith("^")]
            nodes[name].input[:] = inputs
            waiting += [source.partition(":")[0] for source in inputs]
    kept = []
    for node in graph.node:
        if node.name in needed:
            kept.append(
                type(node).FromString(node.SerializeToString())
            )  # a copy, since the graph is emptied
    del graph.node[:]
    graph.node.extend(kept)
    return needed


def _checks_within_calls(step: Any) -> bool:
    """Whether a function that the step calls checks something: `_check` does not look into those."""
    library = step.graph.as_graph_def().library
    nodes = itertools.chain.from_iterable(function.node_def for function in library.function)
    return any(CHECKED.fullmatch(node.op) for node in nodes)


def _operations(function: Any) -> str:
    """Return the kinds of operations in a traced function and in those that it calls."""
    graph = function.graph.as_graph_def()
    kinds = {node.op for node in graph.node}
    for inner in graph.library.function:
        kinds |= {node.op for node in inner.node_def}
    return " ".join(kinds)


def _install_programs(model: keras.Model, *, pays: bool) -> None:
    """Put programs in the place of Keras' functions, unless they are there since an earlier fit."""
    for kind in ("train", "test"):
        attribute = f"{kind}_function"
        if not isinstance(getattr(model, attribute), _WholePass):  # compile sets it to None
            make_function = getattr(model, f"make_{attribute}")
            make_function(force=True)
            step = getattr(model, f"{kind}_step")
            setattr(model, attribute, _WholePass(step, getattr(model, attribute)))
        getattr(model, attribute).pays = pays


def _reason_for_plain_fit(model: keras.Model, call: dict[str, Any]) -> str | None:
    """Why this call of fit cannot run as whole epochs, or None."""
    is_weighted = [call["class_weight"] is not None, call["sample_weight"] is not None]
    if not are_arrays((call["x"], call["y"], call["sample_weight"])):
        return "the data are not arrays of equal length"
    if all(is_weighted) or (any(is_weighted) and keras.tree.is_nested(call["y"])):
        return "there are weights of two kinds, or for several outputs"
    if call["steps_per_epoch"] or call["validation_steps"] or call["shuffle"] == "batch":
        return "steps_per_epoch, validation_steps or shuffle='batch' is set"
    if model.run_eagerly or tf.distribute.has_strategy():
        return "the model runs eagerly or distributed"
    if not rows_to_train_on(call):
        return "there are no rows to train on"
    if are_arrays(call["validation_data"]) and not count_rows(call["validation_data"]):
        return "there are no rows to validate on"
    for callback in keras.tree.flatten(call["callbacks"] or []):
        if _acts_on_batches(callback):
            return f"{type(callback).__name__} acts on batches"
    return None


def _acts_on_batches(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback, or one that it holds, has work to do at batches."""
    if isinstance(callback, keras.callbacks.CallbackList) and any(
        map(_acts_on_batches, callback.callbacks)
    ):
        return True
    return any(_works(callback, getattr(callback, hook)) for hook in BATCH_HOOKS)


def _works(callback: keras.callbacks.Callback, hook: Callable[..., None]) -> bool:
    """Whether a hook does more than hand on, and is none of Keras (or this course) that waits for the epoch's end."""
    module = getattr(hook, "__module__", "")
    if module in (keras.callbacks.Callback.__module__, keras.callbacks.CallbackList.__module__):
        return False
    frequencies = (getattr(callback, "save_freq", None), getattr(callback, "update_freq", None))
    profiles = getattr(callback, "_should_trace", False)  # TensorBoard, given batches to profile
    package = module.partition(".")[0]
    return profiles or "epoch" not in frequencies or package not in ("keras", "course")
