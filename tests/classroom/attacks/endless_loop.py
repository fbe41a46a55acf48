"""Computes longer than it may."""

import time

STOPPED_BY = ("time",)
LIMITS = {"wall": 1.5}


def attack(target):
    end = time.monotonic() + 4
    while time.monotonic() < end:
        pass
    return True
