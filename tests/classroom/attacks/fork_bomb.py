"""Starts processes until there is no room for more."""

import os
import signal
import time

STOPPED_BY = ("processes", "memory")


def attack(target):
    children = []
    try:
        while len(children) < 300:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
    return len(children) == 300
