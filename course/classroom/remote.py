"""A student's answer as the grader sees it: a function that calls into the sandbox, and what comes back as data."""

import builtins
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from course.classroom.plain_data import Packed
from course.classroom.sandbox import Contained
from course.drawn import Calls
from course.exercises import OddAnswer

MOST_AT_ONCE = 16 << 20  # bytes of arrays in one message

Ask = Callable[[dict[str, Any]], dict[str, Any]]


def answer(ask: Ask, exercise: str, name: str, told: dict[str, Any]) -> Any:
    """Return what stands for an answer of which the sandbox has `told` what it is.

    A stub and a name that is missing are `...`. Raises OddAnswer for what cannot leave the sandbox.
    """
    kind = told.get("kind")
    if kind == "function":
        return _function(ask, exercise, name, told.get("parameters"))
    if kind == "data":
        return told["value"]
    if kind in ("stub", "missing"):
        return ...
    raise OddAnswer(f"`{name}` is a {told.get('type')}", "")


def _function(ask: Ask, exercise: str, name: str, parameters: Any) -> Callable[..., Any]:
    request = {"exercise": exercise, "name": name}

    def call(*arguments: Any, **keywords: Any) -> Any:
        reply = ask(request | {"do": "call", "arguments": arguments, "keywords": keywords})
        _refuse(name, reply)
        if "value" not in reply or not isinstance(reply.get("changed"), dict):
            raise Contained("its reply is no reply")
        for place, now in reply["changed"].items():
            _change(arguments[place], now)
        return reply["value"]

    def many(calls: list[tuple]) -> list[Any]:
        found: list[Any] = []
        while len(found) < len(calls):
            left = _fitting(calls[len(found) :] if found else calls)
            reply = ask(request | {"do": "call many", "calls": _packed(left)})
            _refuse(name, reply)
            values = reply.get("values")
            if not isinstance(values, list) or not 0 < len(values) <= len(left):
                raise Contained("its reply is no reply")
            found += values
        return found

    call.many = many  # type: ignore[attr-defined]
    names = [each for each in parameters or [] if isinstance(each, str) and each.isidentifier()]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    unique = list(dict.fromkeys(names))
    call.__signature__ = inspect.Signature([inspect.Parameter(each, kind) for each in unique])  # type: ignore[attr-defined]
    call.__name__ = name
    return call


def _refuse(name: str, reply: dict[str, Any]) -> None:
    """Raise what an answer has raised, or that it returns what is no data."""
    if "raised" in reply:
        raise error(reply["raised"])
    if "odd" in reply:
        raise OddAnswer(f"`{name}` returns what is no data: {reply['odd']}", "")


def _fitting(calls: list[tuple]) -> list[tuple]:
    """Return as many of the calls, one at least, as one message can carry by the size of their arrays."""
    total = 0
    for place, call in enumerate(calls):
        total += sum(getattr(each, "nbytes", 0) for each in call)
        if total > MOST_AT_ONCE and place:
            return calls[:place]
    return calls


def _packed(calls: list[tuple]) -> Any:
    """Return what to send for calls, prepared once where another answer may be called in the same way."""
    if not isinstance(calls, Calls):
        return calls
    calls.sent = calls.sent or Packed(calls)
    return calls.sent


def _change(argument: Any, now: Any) -> None:
    """Do to an argument what the answer has done to it."""
    if isinstance(argument, np.ndarray) and np.shape(now) == argument.shape:
        argument[...] = now
    elif isinstance(argument, list) and isinstance(now, list):
        argument[:] = now
    elif isinstance(argument, dict) and isinstance(now, dict):
        argument.clear()
        argument.update(now)


def error(told: Any) -> Exception:
    """Return the error that an answer raised: one of Python's own classes, so that a check can expect it."""
    try:
        classes = [str(each) for each in told["classes"]]
        message = str(told["message"])
        line = str(told["line"])
    except (KeyError, TypeError):
        raise Contained("its reply is no reply") from None
    own = (getattr(builtins, each, None) for each in classes)
    known = next(
        (each for each in own if isinstance(each, type) and issubclass(each, Exception)), None
    )
    raised = (known or Exception)(message)
    raised.told = (f"{classes[0] if classes else 'Error'}: {message}", line)  # type: ignore[attr-defined]
    return raised
