"""Replaces a module of the course, for whoever is graded next."""

import importlib.util
import pathlib

STOPPED_BY = ("files", "user")


def attack(target):
    path = pathlib.Path(importlib.util.find_spec("course").origin).with_name("hacked.py")
    path.write_text("")
    found = path.exists()
    path.unlink()
    return found
