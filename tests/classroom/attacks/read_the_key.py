"""Looks for the key, from the folder of submissions upward."""

import pathlib

STOPPED_BY = ("files", "user")


def attack(target):
    folder = pathlib.Path(target["folder"])
    return [str(path) for path in folder.parent.rglob("key.json")]
