"""Reads another file through a symbolic link in its own folder."""

import os

STOPPED_BY = ("files", "user")


def attack(target):
    os.symlink(target["secret"], "/tmp/link")
    with open("/tmp/link") as file:
        return file.read()
