"""Reads a file that the grader has open, through a descriptor that it has inherited."""

import os
import stat

STOPPED_BY = ("descriptors",)


def attack(target):
    for descriptor in range(3, 64):
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return os.pread(descriptor, 100, 0).decode()
        except (OSError, UnicodeDecodeError):
            continue
    return None
