"""Puts a hard link to its own file into the folder of submissions."""

import os
import pathlib

STOPPED_BY = ("files", "user")


def attack(target):
    pathlib.Path(target["folder"], "own.txt").write_text("mine")
    os.link(f"{target['folder']}/own.txt", f"{target['folder']}/linked.txt")
    return os.path.exists(f"{target['folder']}/linked.txt")
