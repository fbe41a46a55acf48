"""Reads the lesson's source, with its solutions and checks."""

import pathlib

STOPPED_BY = ("files", "user")


def attack(target):
    return [path.read_text() for path in pathlib.Path(target["lessons"]).glob("01_*.py")]
