"""Plain data come back as they were; nothing else passes, and no bytes make anything else or bring the reader down."""

import json
import math
from collections import deque
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from course.classroom import plain_data
from course.classroom.plain_data import DEEPEST, NotPlain, decode, encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers()
    | st.just(...)
)
KEYS = st.integers() | st.text() | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(KEYS, inner)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
    ),
    max_leaves=20,
)
DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes()
    | hnp.floating_dtypes(sizes=(16, 32, 64))
    | hnp.unicode_string_dtypes()
)


def same(a, b):
    """Equal in value and type, with NaN equal to itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(same, a.values(), b.values()))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    return a == b or (isinstance(a, float) and math.isnan(a) and math.isnan(b))


@given(VALUES)
def test_plain_data_come_back_as_they_were(value):
    assert same(decode(encode(value)), value)


@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0)))
def test_arrays_come_back_with_their_type_and_shape(array):
    found = decode(encode(array))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)
    found[...] = found  # may be changed, as an answer may change its arguments


def test_iterators_and_scalars_of_numpy_come_as_what_they_give():
    assert list(decode(encode(iter([1, 2])))) == [1, 2]
    assert decode(encode(range(3))) == [0, 1, 2]
    number = decode(encode(np.float32(0.1)))
    assert type(number) is np.float32
    assert number == np.float32(0.1)


def test_what_stands_for_plain_data_comes_as_that():
    assert decode(encode(deque([1, 2]))) == [1, 2]
    assert decode(encode({"a": 1}.keys())) == {"a"}
    assert decode(encode(Fraction(1, 2))) == 0.5


@pytest.mark.parametrize("value", [object(), print, int, np.array([object()]), {1: [open]}])
def test_what_is_no_data_is_refused(value):
    with pytest.raises(NotPlain, match="is not plain data"):
        encode(value)


def test_what_is_nested_too_deep_is_refused_on_both_sides():
    value = []
    for _ in range(DEEPEST):
        value = [value]
    with pytest.raises(NotPlain, match="nested deeper than 40"):
        encode(value)
    for depth in (DEEPEST + 1, 100_000):
        message = b'["list",[' * depth + b"]]" * depth
        with pytest.raises(NotPlain, match=r"nested deeper than 40|RecursionError"):
            decode(message)


def test_too_large_a_message_is_refused_on_both_sides(monkeypatch):
    monkeypatch.setattr(plain_data, "MOST", 100)
    for refuse in (lambda: encode("x" * 101), lambda: decode(b"[" * 101)):
        with pytest.raises(NotPlain, match=r"10\d bytes: must be at most 100"):
            refuse()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"{",
        b"{}",
        b"[]",
        b'["list"]',
        b'["open","/etc/passwd"]',
        b'["array",["O",[1],""]]',
        b'["array",["<f8",[1000000000000],""]]',
        b'["array",["<f8",[-1],""]]',
        b'["array",["<f8",[true],"AAAAAAAAAAA="]]',
        b'["dict",[[["list",[]],1]]]',
        b'["int","0x"]',
        b'["bytes","*"]',
    ],
)
def test_bytes_that_are_no_plain_data_are_refused(message):
    with pytest.raises(NotPlain):
        decode(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(st.sampled_from(["list", "array", "dict", "int", "set", "scalar"]), inner)
    ),
    max_leaves=12,
)


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_any_bytes_give_plain_data_or_are_refused(message):
    try:
        value = decode(message)
    except NotPlain:
        return
    encode(value)
