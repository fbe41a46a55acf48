"""Lesson 15: a pipeline of worker processes, each of which holds some of a network's layers.

A batch goes through in microbatches, so that a stage can work on one while the next stage works on another. The
order is that of GPipe (Huang et al., 2019, arXiv:1811.06965): all forward, then all backward. Workers import this
module: it must not load TensorFlow.
"""

import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from course.topics.parallel_training import Branch, cross_entropy_error, step_lengths
from course.topics.workers import Worker, run_workers


class Task(NamedTuple):
    """What a stage does in a slot of time."""

    direction: str  # "forward" or "backward"
    microbatch: int


class PipelineRun(NamedTuple):
    """The milliseconds of a step, and the weights and last gradient of the whole network (size,)."""

    step_time: float
    weights: NDArray
    gradient: NDArray


def timetable(stages: int, microbatches: int) -> list[list[Task | None]]:
    """Return for each stage what it does in each slot: a task, or None while it waits."""
    slots = 2 * (microbatches + stages - 1)
    table: list[list[Task | None]] = [[None] * slots for _ in range(stages)]
    for stage, row in enumerate(table):
        for microbatch in range(microbatches):
            row[stage + microbatch] = Task("forward", microbatch)
            row[slots // 2 + stages - 1 - stage + microbatch] = Task("backward", microbatch)
    return table


def idle_share(table: Sequence[Sequence[Task | None]]) -> float:
    """Return the share of all slots in which a stage waits: the bubble."""
    tasks = [task for row in table for task in row]
    return tasks.count(None) / len(tasks)


def train_pipeline(
    network: Branch,
    cuts: Sequence[int],
    x: NDArray,
    y: NDArray,
    *,
    batch: int,
    microbatches: int,
    steps: int,
    learning_rate: float,
) -> PipelineRun:
    """Take `steps` steps of SGD on a network that is cut before the layers `cuts` (the first layer is 0).

    Each step takes the next `batch` rows of `x` (rows, inputs) and labels `y` (rows,), from the start again at their
    end. There is one worker process a stage, one stage more than cuts.
    """
    stages = split(network, cuts)
    rows = -(-batch // microbatches)
    shared = {"x": x, "y": y}
    for number, stage in enumerate(stages[1:], start=1):  # what stages pass on to each other
        both_ways = np.zeros((microbatches, rows, stage.widths[0]), x.dtype)
        shared |= {f"forward {number}": both_ways, f"backward {number}": both_ways}
    results = run_workers(
        _train, len(stages), shared, stages, batch, microbatches, steps, learning_rate
    )
    clocks, weights, gradients = zip(*results, strict=True)
    begin, end = np.moveaxis(np.array(clocks), -1, 0)
    step_time = 1000 * float(step_lengths(begin, end).min())
    return PipelineRun(step_time, np.concatenate(weights), np.concatenate(gradients))


def split(network: Branch, cuts: Sequence[int]) -> list[Branch]:
    """Return the stages of a network that is cut before the layers `cuts`."""
    stages = []
    ends = [0, *cuts, len(network.widths) - 1]
    place = 0
    for first, last in pairwise(ends):
        widths = network.widths[first : last + 1]
        size = sum((inputs + 1) * units for inputs, units in pairwise(widths))
        stages.append(Branch(widths, network.weights[place : place + size].copy()))
        place += size
    return stages


def _train(
    worker: Worker,
    stages: list[Branch],
    batch: int,
    microbatches: int,
    steps: int,
    learning_rate: float,
) -> tuple[NDArray, NDArray, NDArray]:
    """Take the steps of one stage."""
    stage = stages[worker.rank]
    rank = worker.rank
    is_last = rank == worker.count - 1
    clock = np.zeros((steps, 2))
    total = stage.gradient
    worker.wait()
    for step in range(steps):
        clock[step, 0] = time.perf_counter()
        all_rows = np.arange(step * batch, (step + 1) * batch) % len(worker.shared["x"])
        parts = np.array_split(all_rows, microbatches)
        copies = [Branch(stage.widths, stage.weights) for _ in parts]  # each keeps its inputs
        logits = {}
        for task in timetable(worker.count, microbatches)[rank]:
            if task:
                number = task.microbatch
                rows = parts[number]
                box = (number, slice(len(rows)))  # where a message of this microbatch lies
            if task and task.direction == "forward":
                received = (
                    worker.shared[f"forward {rank}"][box] if rank else worker.shared["x"][rows]
                )
                logits[number] = copies[number].forward(received)
                if not is_last:
                    worker.shared[f"forward {rank + 1}"][box] = np.maximum(logits[number], 0)
            elif task:
                if is_last:
                    labels = worker.shared["y"][rows]
                    error = cross_entropy_error(logits[number], labels, batch)
                else:
                    error = worker.shared[f"backward {rank + 1}"][box]
                copies[number].backward(error, from_relu=rank > 0)
                if rank:
                    worker.shared[f"backward {rank}"][box] = copies[number].input_error
            worker.wait()
        total = np.sum([copy.gradient for copy in copies], axis=0)
        stage.weights -= learning_rate * total
        worker.wait()  # the step ends when every stage has its new weights
        clock[step, 1] = time.perf_counter()
    return clock, stage.weights, total
