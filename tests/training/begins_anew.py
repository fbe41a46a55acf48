"""Stands in for the training process of `benchmarks.kill_and_resume`, without Keras: three epochs of one step."""

import numpy as np

from course.training.checkpoint_files import CheckpointFolder, Position


class Trainer:
    """Goes on from the newest checkpoint, or begins anew."""

    def __init__(self, *, anew):
        self.anew = anew

    def run(self, reports, folder, writer, keep, asynchronous):
        reports.send(("ready", None))
        files = CheckpointFolder(folder, keep=keep, asynchronous=False)
        files.open()
        newest = files.newest()
        first = 1 if self.anew or newest is None else newest.position.epoch + 1
        reports.send(("began", (first, 0)))
        for epoch in range(first, 4):
            files.save(Position(epoch, 0), {"weights": np.full(9, epoch, "float32")}, best=None)
            reports.send(("saved", (epoch, 0)))
        files.close()
        reports.send(("final", ["weights", None]))
