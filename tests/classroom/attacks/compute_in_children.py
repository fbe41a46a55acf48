"""Computes more than it may, in processes that take a little each."""

import os
import time

STOPPED_BY = ("time",)
LIMITS = {"processor": 4}


def attack(target):
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            end = time.process_time() + 2
            while time.process_time() < end:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    return True
