"""Writes a file into the folder of submissions."""

import pathlib

STOPPED_BY = ("files", "user")


def attack(target):
    path = pathlib.Path(target["folder"], "written.txt")
    path.write_text("I was here")
    return path.exists()
