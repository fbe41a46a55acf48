"""Lists the folders of this system's users."""

import os

STOPPED_BY = ("files", "user")


def attack(target):
    return os.listdir("/home") + os.listdir("/var")
