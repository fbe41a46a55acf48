"""The program in the sandbox: runs a student's cells and calls their answers as it is told.

It reads messages on its standard input and answers each on what was its standard output: four bytes of length, then
plain data. It knows neither what is expected nor whether an answer is right. What it says is believed as little as
the student's code that shares its process.
"""

import contextlib
import inspect
import json
import os
import resource
import signal
import struct
import sys
import threading
import time
import traceback
from typing import Any, BinaryIO

from course.answers import run
from course.classroom.plain_data import MOST, NotPlain, Packed, decode, encode

ENOUGH = 1.0  # seconds after which many calls are answered in part
CELL = "<answer to {}>"  # the file name of an answer, by its exercise


def main() -> None:
    """Confine this process as its arguments say, then serve until there is no more message."""
    user = int(sys.argv[1])
    limits = json.loads(sys.argv[2])
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    confine(user, limits)
    if os.getpid() == os.getpgrp():  # there is no sandbox, which would end with the grader
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    spaces: dict[str, dict[str, Any]] = {}
    while (request := read(requests)) is not None:
        write(replies, _answer(request, spaces))


def _end_with(grader: int) -> None:
    """End this process, and what answers have started, when the grader is no more."""
    while os.getppid() == grader:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


def confine(user: int, limits: dict[str, int]) -> None:
    """Set resource limits by name, such as {"RLIMIT_FSIZE": 1000}, and become `user` unless it is 0."""
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    if user:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def read(stream: BinaryIO) -> Any:
    """Return the next message, None at the end. Raises NotPlain for one that is too large."""
    header = stream.read(4)
    if len(header) < 4:
        return None
    (length,) = struct.unpack(">I", header)
    if length > MOST:
        raise NotPlain(f"a message of {length} bytes: must be at most {MOST}")
    return decode(stream.read(length))


def write(stream: BinaryIO, message: Any) -> None:
    """Write one message."""
    content = encode(message)
    stream.write(struct.pack(">I", len(content)) + content)
    stream.flush()


def _answer(request: dict[str, Any], spaces: dict[str, dict[str, Any]]) -> dict[str, Any]:
    try:
        if request["do"] == "prepare":
            return _prepare(request, spaces)
        if request["do"] == "judge":
            return _judge(request, spaces[request["exercise"]])
        function = spaces[request["exercise"]][request["name"]]
        if request["do"] == "call many":
            return _call_many(function, request["calls"])
        return _call(function, request)
    except BaseException as error:
        return {"raised": _told(error)}


def _prepare(request: dict[str, Any], spaces: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Run what the exercise rests on, then the answer with what it uses of cells above; say what each name is."""
    exercise = request["exercise"]
    space: dict[str, Any] = {"__name__": "__main__"}
    spaces[exercise] = space
    exec(compile(request["lesson"], "<lesson>", "exec"), space)
    cells = {"above": request.get("above", ""), "own": request["own"]}
    run(request["answer"], space, name=CELL.format(exercise), **cells)
    return {"answers": {each: _kind(space, each) for each in request["names"]}}


def _kind(space: dict[str, Any], name: str) -> dict[str, Any]:
    """Say what a name holds: nothing, a stub, a function and its parameters, plain data, or something else."""
    from course.stubs import is_stub

    if name not in space:
        return {"kind": "missing"}
    value = space[name]
    if is_stub(value):
        return {"kind": "stub"}
    if callable(value) and not isinstance(value, type):
        with contextlib.suppress(Exception):
            return {"kind": "function", "parameters": list(inspect.signature(value).parameters)}
        return {"kind": "function", "parameters": []}
    try:
        encode(value)
    except Exception:
        return {"kind": "other", "type": type(value).__name__}
    return {"kind": "data", "value": value}


def _judge(request: dict[str, Any], space: dict[str, Any]) -> dict[str, Any]:
    """Judge in here an answer that is not plain data; the token, sent only now, says that this code has run."""
    from course.catalog import Exercise
    from course.classroom.tally import tallied
    from course.drawn import fresh
    from course.exercises import judging

    names = request["names"]
    answers = tuple(space.get(name, ...) for name in names)
    text = Exercise(request["exercise"], tuple(names), request["solution"], request["check"])
    with fresh(*request["seed"]):
        verdict, met = tallied(judging(text, space), space, answers)
    return {
        "token": request["token"],
        "outcome": verdict.outcome,
        "hints": list(verdict.hints),
        "met": met,
    }


def _call(function: Any, request: dict[str, Any]) -> dict[str, Any]:
    """Call an answer; say what it returns, and which of its arguments it has changed."""
    arguments = request["arguments"]
    before = [encode(each) for each in arguments]
    result = function(*arguments, **request["keywords"])
    changed = {}
    for place, (old, now) in enumerate(zip(before, arguments, strict=True)):
        with contextlib.suppress(NotPlain):
            if encode(now) != old:
                changed[place] = now
    return _sendable({"value": _once(result), "changed": changed})


def _call_many(function: Any, calls: list[Any]) -> dict[str, Any]:
    """Call an answer with one call's arguments after another; say what it returned, as far as it came.

    It ends early where time passes, where a later call raises, and where the results are too many for a message: the
    grader then asks for the rest.
    """
    values: list[Any] = []
    start = time.monotonic()
    for arguments in calls:
        try:
            values.append(_once(function(*arguments)))
        except BaseException:
            if not values:
                raise
            break
        if time.monotonic() - start > ENOUGH:
            break
    while len(values) > 1 and "odd" in _sendable({"values": values}):
        values = values[: len(values) // 2]
    return _sendable({"values": values})


def _once(value: Any) -> Any:
    """Return a value as it is sent, since an iterator gives its content once. What cannot be sent stays as it is."""
    with contextlib.suppress(NotPlain):
        return Packed(value)
    return value


def _sendable(reply: dict[str, Any]) -> dict[str, Any]:
    """Return the reply, or in its place that it is not plain data."""
    try:
        encode(reply)
    except NotPlain as error:
        return {"odd": str(error)}
    return reply


def _told(error: BaseException) -> dict[str, Any]:
    """Describe an error as far as a person needs it: its classes, its text, and the student's line."""
    classes = [each.__name__ for each in type(error).__mro__ if issubclass(each, BaseException)]
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(CELL.format("")[:-1])
    ]
    line = (own[-1].line or own[-1].name) if own else ""
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return {"classes": classes, "message": f"{message:.300}", "line": f"{line:.200}"}


if __name__ == "__main__":
    main()
