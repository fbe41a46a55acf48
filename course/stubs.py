"""Answers that a learner has not begun: what the stub of an exercise leaves open."""

from types import FunctionType
from typing import Any


def is_stub(answer: Any) -> bool:
    """Return true for `...`, for a function that only holds `...`, and for a class with such a method."""
    if isinstance(answer, type):
        return any(
            is_stub(member) for member in vars(answer).values() if isinstance(member, FunctionType)
        )
    if isinstance(answer, FunctionType):
        code = answer.__code__
        return code.co_code in _EMPTY and {*code.co_consts} <= {None, answer.__doc__}
    return answer is Ellipsis


def _plain() -> None: ...


def _documented() -> None:
    """As `_plain`, with a docstring, which shifts the constants."""
    ...


_EMPTY = {_plain.__code__.co_code, _documented.__code__.co_code}
