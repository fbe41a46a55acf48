"""What Python objects are made of: their parts, whose they are, and whether they are more than their parts.

For `course.training.memory`, which walks from part to part.
"""

import copyreg
import datetime
import decimal
import dis
import enum
import fractions
import functools
import hashlib
import inspect
import pathlib
import random
import re
import sys
import types
import uuid
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

FRAMEWORKS = {"keras", "tensorflow"}
LIBRARIES = {*sys.stdlib_module_names, *FRAMEWORKS, "course", "numpy"} - {
    "__main__"
}  # functions without a memory
CALLABLES = (functools.partial, types.FunctionType, types.MethodType, types.BuiltinMethodType)
UNCHANGING = (
    *(type, types.ModuleType, types.BuiltinFunctionType, types.EllipsisType, inspect.Signature),
    *(
        range,
        slice,
        enum.Enum,
        pathlib.PurePath,
        re.Pattern,
        uuid.UUID,
        decimal.Decimal,
        fractions.Fraction,
    ),
    *(datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo, np.dtype, np.ufunc),
    *(tf.DType, tf.TensorShape, tf.TypeSpec, tf.data.Dataset, keras.KerasTensor, keras.DTypePolicy),
)
SCAFFOLDING_OF_CALLBACKS = frozenset({"_model", "params"})
SCAFFOLDING_OF_FRAMEWORKS = frozenset(
    {
        *("_tracker", "_auto_config", "_eval_epoch_iterator", "build", "quantize"),
        *("_nodes", "_nodes_by_depth", "_operations_by_depth", "_inbound_nodes", "_outbound_nodes"),
    }
)
TABLES = (tf.lookup.experimental.MutableHashTable, tf.lookup.experimental.DenseHashTable)
COMPOSITE_TENSORS = (tf.SparseTensor, tf.RaggedTensor, tf.IndexedSlices)


def fingerprint(array: np.ndarray) -> str:
    """Return the type, shape and sha256 of an array's bytes, shortened."""
    content = (
        repr(array.tolist()).encode()
        if array.dtype.hasobject
        else np.ascontiguousarray(array).tobytes()
    )
    digest = hashlib.sha256(content).hexdigest()[:12]
    return f"{array.dtype} {array.shape} {digest}"


def attributes(value: Any) -> dict[str, Any]:
    """By name, the parts of an object: attributes and slots, or what a function carries with it."""
    if isinstance(value, functools.partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    if isinstance(value, types.MethodType | types.BuiltinMethodType):
        return (
            {}
            if isinstance(value.__self__, types.ModuleType | None)
            else {"__self__": value.__self__}
        )
    attributes = dict(getattr(value, "__dict__", {}))
    if isinstance(value, types.FunctionType):
        if is_from(value, LIBRARIES):
            return {}
        attributes |= {name: cell.cell_contents for name, cell in _cells(value).items()}
        attributes["__defaults__"] = value.__defaults__
        attributes["__kwdefaults__"] = value.__kwdefaults__
        return attributes
    slots = [name for name in copyreg._slotnames(type(value)) if hasattr(value, name)]  # type: ignore[attr-defined]
    return attributes | {name: getattr(value, name) for name in slots}


def set_attribute(value: Any, name: str, new: Any) -> None:
    """Give one of `attributes` another value."""
    if isinstance(value, types.FunctionType) and name in _cells(value):
        _cells(value)[name].cell_contents = new
    elif isinstance(value, functools.partial):
        parts = attributes(value) | {name: new}
        value.__setstate__((*parts.values(), vars(value)))  # type: ignore[attr-defined]
    elif not isinstance(value, types.MethodType | types.BuiltinMethodType):
        try:
            setattr(value, name, new)
        except AttributeError:  # a frozen dataclass refuses its own content, too
            object.__setattr__(value, name, new)


def _cells(function: types.FunctionType) -> dict[str, Any]:
    """Return the filled cells of a closure, by the names of their variables."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return {name: cell for name, cell in cells.items() if _is_filled(cell)}


def _is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def identity(value: Any) -> int:
    """Return the id of an object; that of a Keras variable is of the TensorFlow variable in it."""
    return id(getattr(value, "_value", value) if isinstance(value, keras.Variable) else value)


def is_variable(value: Any) -> bool:
    return isinstance(value, keras.Variable | tf.Variable)


def is_from(thing: Any, names: set[str]) -> bool:
    """Whether a class or function was defined in one of these packages."""
    return (thing.__module__ or "").split(".")[0] in names


def is_framework_object(value: Any) -> bool:
    """Whether an object is of a class of Keras or TensorFlow, or of one derived from such; callbacks are not meant."""
    return not isinstance(value, keras.callbacks.Callback) and _of_framework(type(value))  # type: ignore[arg-type]


def is_of_the_user(value: Any) -> bool:
    return hasattr(value, "__dict__") and not is_from(type(value), LIBRARIES)


def is_read_up(value: Any) -> bool:
    """Whether an object of TensorFlow hides how far it has been read: iterators, queues, arrays of tensors."""
    has_a_place = hasattr(type(value), "__next__") and is_framework_object(value)
    return has_a_place or isinstance(value, tf.queue.QueueBase | tf.TensorArray)


def scaffolding(value: Any) -> frozenset[str]:
    """Return the attributes in which Keras itself keeps what every process makes again."""
    if isinstance(value, keras.callbacks.Callback):
        return SCAFFOLDING_OF_CALLBACKS
    return SCAFFOLDING_OF_FRAMEWORKS if is_framework_object(value) else frozenset()


@functools.cache
def _of_framework(kind: type) -> bool:
    return any(is_from(base, FRAMEWORKS) for base in kind.__mro__)


@functools.cache
def framework_names(kind: type) -> frozenset[str]:
    """Return the attributes that the code of Keras and TensorFlow sets in objects of this class."""
    if issubclass(kind, keras.callbacks.Callback):
        return frozenset()
    names: set[str] = set()
    for base in kind.__mro__:
        if is_from(base, FRAMEWORKS):
            for function in _functions(base):
                names.update(names_of("STORE_ATTR", function.__code__))
    return frozenset(names)


def _functions(kind: type) -> Iterator[types.FunctionType]:
    """Give the functions of a class, of its properties too, without their decorators."""
    for member in vars(kind).values():
        for function in (member, getattr(member, "fget", None), getattr(member, "fset", None)):
            if isinstance(function, types.FunctionType):
                inner = inspect.unwrap(function)
                if isinstance(inner, types.FunctionType):
                    yield inner


def names_of(operation: str, code: types.CodeType) -> Iterator[str]:
    """Give the names on which code, and what is defined within it, uses one of Python's operations (see `dis`)."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == operation:
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from names_of(operation, constant)


def is_plain(value: Any) -> bool:
    """Whether an object is no more than its attributes: Python itself tells, when it is asked how to copy it."""
    get_state = getattr(type(value), "__getstate__", None)
    if get_state is not getattr(object, "__getstate__", None) and not isinstance(
        get_state, types.FunctionType
    ):
        return False  # it has something to hide from Python
    try:
        answer: Any = object.__reduce_ex__(value, 2)
        make, arguments, _, items, pairs = answer
    except Exception:  # whatever a class makes of the question
        return False
    if make is not copyreg.__newobj__:  # type: ignore[attr-defined]
        return False
    return arguments == (type(value),) and items is None and pairs is None


def seed_state(value: Any) -> Any:
    """Return what the children of one of NumPy's generators follow from, and how many it has; None for others."""
    source = getattr(getattr(value, "bit_generator", value), "seed_seq", None)
    return source.state if type(source) is np.random.SeedSequence else None


def set_seed(value: Any, state: dict[str, Any]) -> None:
    """Have a generator's next children be those that follow from this state."""
    source = getattr(value, "bit_generator", value)
    source.__setstate__((source.state, np.random.SeedSequence(**state)))


def generator_state(value: Any) -> Any:
    if isinstance(value, np.random.Generator):
        return value.bit_generator.state
    if isinstance(value, np.random.BitGenerator):
        return value.state
    if isinstance(value, np.random.RandomState):
        return value.get_state(legacy=False)
    return value.getstate() if type(value) is random.Random else None


def generator_in(kind: str, state: Any, now: Any) -> Any:
    """Return a generator in this state: the one that is there now, if it is of the same kind."""
    if kind == "Random":
        generator = now if type(now) is random.Random else random.Random()
        generator.setstate(state)
        return generator
    bits = getattr(np.random, state["bit_generator"])
    if kind == "RandomState":
        old: Any = now if isinstance(now, np.random.RandomState) else np.random.RandomState(bits())
        old.set_state(state)
        return old
    if kind == "Generator":
        new: Any = (
            now
            if type(getattr(now, "bit_generator", None)) is bits
            else np.random.Generator(bits())
        )
        new.bit_generator.state = state
        return new
    source: Any = now if type(now) is bits else bits()
    source.state = state
    return source


def is_found_by_name(value: Any) -> bool:
    """Whether something is a class, or a function of a library, that any process finds by its name."""
    if not isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return False
    if not isinstance(value, type) and not is_from(value, LIBRARIES):
        return False
    return find(value.__module__, value.__qualname__) is value


def find(module: str | None, name: str) -> Any:
    """Return what has this name in a module that is imported already: a checkpoint must not have code run."""
    value: Any = sys.modules.get(module or "")
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def describe(value: Any) -> str:
    """Return a value that is not taken apart, such that another one at its place is noticed."""
    if isinstance(value, types.FunctionType):
        digest = "" if is_from(value, LIBRARIES) else f" ({_digest(value.__code__)})"
        return f"the function {value.__qualname__}{digest}"
    if isinstance(value, types.MethodType):
        return f"the method {getattr(value.__func__, '__qualname__', describe(value.__func__))}"
    if isinstance(value, types.BuiltinMethodType) and attributes(value):
        return f"the method {value.__qualname__}"  # its repr has an address
    if isinstance(value, UNCHANGING):
        return f"{value!r:.200}"
    kind = type(value)
    said = f"an object of the class {kind.__module__}.{kind.__qualname__}"
    if isinstance(value, (*TABLES, *COMPOSITE_TENSORS)):
        return f"{said} ({_digest_of_tensors(value)})"
    return said


def _digest_of_tensors(value: Any) -> str:
    """Return what tells apart the contents of tables, which have no order, or of tensors made of several."""
    if isinstance(value, TABLES):
        keys, values = (each.numpy() for each in value.export())
        pairs = zip(keys, values, strict=True)
        parts = sorted(f"{key}: {fingerprint(np.asarray(each))}" for key, each in pairs)
    else:
        tensors = tf.nest.flatten(value, expand_composites=True)
        parts = [fingerprint(np.asarray(each)) for each in tensors if hasattr(each, "__array__")]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]


@functools.cache
def _digest(code: types.CodeType) -> str:
    """Return what tells apart functions of one name, as lambdas have it."""
    content = repr([code.co_code, [*map(_constant, code.co_consts)], code.co_names])
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def _constant(value: Any) -> str:
    """Return a constant of a function's code as every process writes it: the order of a set hangs on the process."""
    if isinstance(value, types.CodeType):
        return _digest(value)
    if isinstance(value, frozenset):
        return f"frozenset({sorted(map(_constant, value))})"
    return repr(value)
