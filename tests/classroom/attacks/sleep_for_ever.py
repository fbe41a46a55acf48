"""Waits longer than it may, without computing."""

import time

STOPPED_BY = ("time",)
LIMITS = {"wall": 1.5}


def attack(target):
    time.sleep(4)
    return True
