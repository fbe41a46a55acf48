"""Takes more memory than it may in many processes, each of which takes little."""

import os
import signal
import time

STOPPED_BY = ("memory",)
LIMITS = {"memory": 400 << 20}


def attack(target):
    children = []
    try:
        for _ in range(8):
            child = os.fork()
            if child == 0:
                taken = bytearray(80 << 20)
                time.sleep(60)
                os._exit(len(taken) & 0)
            children.append(child)
        time.sleep(3)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
    return True
