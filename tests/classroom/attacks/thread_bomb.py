"""Starts threads until there is no room for more."""

import threading

STOPPED_BY = ("processes",)


def attack(target):
    stop = threading.Event()
    try:
        for _ in range(300):
            threading.Thread(target=stop.wait, daemon=True).start()
    finally:
        stop.set()
    return True
