"""Reads a file that the grader has open, through a descriptor that it has inherited."""

import os
import stat

STOPPED_BY = ("descriptors",)


def attack(target):
    for descriptor in range(3, 1024):
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                continue
            if text := os.pread(descriptor, 100, 0).decode():
                return text
        except (OSError, UnicodeDecodeError):
            continue
    return None
