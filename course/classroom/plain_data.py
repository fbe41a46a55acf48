"""Plain data as bytes: what passes between the grader and an answer. Numbers, texts, containers, arrays; never code.

Reading such bytes makes nothing but these, so that the grader may read what a stranger's program has written.
"""

import base64
import json
import math
from collections import deque
from collections.abc import Iterator, Set
from numbers import Real
from typing import Any

import numpy as np

MOST = 64 << 20  # bytes of a message
DEEPEST = 40  # containers within containers
KINDS = "biufcSU"  # of arrays: truth values, numbers, texts
LIKE = {  # what passes as which container: the first that fits
    "list": list | deque,
    "tuple": tuple,
    "frozenset": frozenset,
    "set": Set,  # also the keys of a dictionary
    "range": range,
    "iterator": Iterator,
}


class NotPlain(TypeError):
    """A value that cannot pass, or bytes that are no such value."""


class Packed:
    """A value that is sent again and again: most of the work on it is done once. Raises NotPlain."""

    def __init__(self, value: Any) -> None:
        self.content = _down(value, DEEPEST)


def encode(value: Any) -> bytes:
    """Return `value` as bytes. Raises NotPlain for what is not plain data, or too large."""
    message = json.dumps(_down(value, DEEPEST), separators=(",", ":")).encode()
    if len(message) > MOST:
        raise NotPlain(f"{len(message)} bytes: must be at most {MOST}")
    return message


def decode(message: bytes, most: int | None = None) -> Any:
    """Return the value that `encode` made the bytes from.

    Raises NotPlain for any others, and for more than `most` bytes, by default MOST.
    """
    most = MOST if most is None else most
    if len(message) > most:
        raise NotPlain(f"{len(message)} bytes: must be at most {most}")
    try:
        return _up(json.loads(message), DEEPEST)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise NotPlain(f"no plain data: {type(error).__name__}: {error!s:.80}") from None


def _down(value: Any, depth: int) -> Any:
    """Return what JSON can hold: scalars as they are, everything else as [kind, content]."""
    if depth == 0:
        raise NotPlain(f"nested deeper than {DEEPEST}")
    if value is None or type(value) in (bool, str, float):
        return value
    if type(value) is np.ndarray:
        return ["array", _array(value)]
    if type(value) is Packed:
        return value.content
    if type(value) is int:
        return value if abs(value) < 1 << 53 else ["int", hex(value)]
    if value is ...:
        return ["ellipsis", None]
    if type(value) is complex:
        return ["complex", [value.real, value.imag]]
    if type(value) is bytes:
        return ["bytes", base64.b64encode(value).decode()]
    if isinstance(value, np.generic):
        return ["scalar", _array(np.asarray(value))]
    if isinstance(value, np.ndarray) or hasattr(value, "__array__"):
        return ["array", _array(np.asarray(value))]
    if isinstance(value, dict):
        pairs = [[_down(key, depth - 1), _down(each, depth - 1)] for key, each in value.items()]
        return ["dict", pairs]
    for kind, like in LIKE.items():
        if isinstance(value, like):
            return [kind, [_down(each, depth - 1) for each in value]]
    if isinstance(value, Real):
        return _down(int(value) if isinstance(value, int) else float(value), depth)
    raise NotPlain(f"{type(value).__name__} is not plain data")


def _array(array: np.ndarray) -> list[Any]:
    if array.dtype.kind not in KINDS:
        raise NotPlain(f"an array of {array.dtype} is not plain data")
    content = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return [array.dtype.str, list(array.shape), content]


def _up(value: Any, depth: int) -> Any:
    if depth == 0:
        raise ValueError(f"nested deeper than {DEEPEST}")
    if not isinstance(value, list):
        if isinstance(value, dict):
            raise ValueError("a dictionary without its kind")
        return value
    kind, content = value
    if kind == "int":
        return int(content, 16)
    if kind == "ellipsis":
        return ...
    if kind == "complex":
        return complex(*content)
    if kind == "bytes":
        return base64.b64decode(content, validate=True)
    if kind == "scalar":
        return _read_array(content)[()]
    if kind == "array":
        return _read_array(content)
    if kind == "dict":
        return {_up(key, depth - 1): _up(each, depth - 1) for key, each in content}
    items = [_up(each, depth - 1) for each in content]
    makers: dict[str, Any] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
    makers |= {"range": list, "iterator": iter}
    return makers[kind](items)


def _read_array(content: list[Any]) -> np.ndarray:
    name, shape, text = content
    dtype = np.dtype(str(name))
    if dtype.kind not in KINDS or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"an array of {dtype} and shape {shape}")
    buffer = base64.b64decode(text, validate=True)
    if len(buffer) != dtype.itemsize * math.prod(shape):
        raise ValueError(f"{len(buffer)} bytes for {shape} of {dtype}")
    return np.frombuffer(buffer, dtype).reshape(shape).copy()
