"""Reads the command lines of this machine's processes."""

import os

STOPPED_BY = ("processes",)


def attack(target):
    return target["victim"] in [int(name) for name in os.listdir("/proc") if name.isdigit()]
