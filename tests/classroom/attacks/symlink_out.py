"""Reads another file through a symbolic link in its own folder."""

import os
import tempfile

STOPPED_BY = ("files", "user")


def attack(target):
    link = tempfile.mkdtemp() + "/link"
    os.symlink(target["secret"], link)
    with open(link) as file:
        return file.read()
