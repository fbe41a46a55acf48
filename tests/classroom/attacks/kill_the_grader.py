"""Kills another process of this machine, such as the grader."""

import os
import signal

STOPPED_BY = ("processes", "user")


def attack(target):
    os.kill(target["victim"], signal.SIGKILL)
    return True
