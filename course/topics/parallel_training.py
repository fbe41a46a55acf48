"""Lesson 15: training on several worker processes: what each computes, what they exchange, when more of them pay.

A network here is a sum of branches, and there are two ways to share its work. Data parallel: each worker has every
branch and some of the rows; gradients are added up. Model parallel: each has every row and some of the branches;
logits are added up. A grid of workers does both. `speedup` is the model of Pal et al. (2019) of what that gains.
Workers import this module: it must not load TensorFlow.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from course.topics.workers import Worker, run_workers


@dataclass
class Branch:
    """A dense ReLU network. Its weights lie in one vector, its gradient in another, so that each travels as one.

    `widths`: the numbers of inputs, of units in each hidden layer, and of outputs.
    """

    widths: Sequence[int]
    weights: NDArray
    gradient: NDArray = field(init=False)
    inputs: list[NDArray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.gradient = np.zeros_like(self.weights)

    def forward(self, x: NDArray) -> NDArray:
        """Return logits (rows, outputs) for `x` (rows, inputs)."""
        *hidden, (kernel, bias) = _layers(self.weights, self.widths)
        self.inputs = [x]
        for hidden_kernel, hidden_bias in hidden:
            self.inputs.append(np.maximum(self.inputs[-1] @ hidden_kernel + hidden_bias, 0))
        return self.inputs[-1] @ kernel + bias

    def backward(self, error: NDArray) -> NDArray:
        """Return the gradient of a loss, given its derivative `error` (rows, outputs) by the last logits."""
        layers = _layers(self.weights, self.widths)
        gradients = _layers(self.gradient, self.widths)
        pairs = list(zip(layers, gradients, strict=True))
        for (kernel, _), (d_kernel, d_bias) in reversed(pairs):
            x = self.inputs.pop()
            np.matmul(x.T, error, out=d_kernel)
            error.sum(axis=0, out=d_bias)
            if self.inputs:
                error = (error @ kernel.T) * (x > 0)
        return self.gradient


def random_branch(widths: Sequence[int], rng: np.random.Generator) -> Branch:
    """Return a branch with normal weights of variance 2 / inputs (He et al., 2015) and biases of 0, float32."""
    size = sum((inputs + 1) * units for inputs, units in pairwise(widths))
    branch = Branch(widths, np.zeros(size, "float32"))
    for kernel, _ in _layers(branch.weights, widths):
        scale = np.sqrt(2 / len(kernel))
        kernel[:] = rng.normal(scale=scale, size=kernel.shape)
    return branch


def cross_entropy_error(logits: NDArray, labels: NDArray, batch: int) -> NDArray:
    """Return the derivative by `logits` (rows, classes) of the summed cross-entropy of these rows over `batch`."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = odds / odds.sum(axis=1, keepdims=True)
    error[np.arange(len(labels)), labels] -= 1
    return error / np.asarray(batch, error.dtype)


@dataclass(frozen=True)
class Run:
    """What `train` returns: the seconds of each step, and of each branch weights and last gradient (shards, size)."""

    seconds: NDArray
    weights: list[NDArray]
    gradients: list[NDArray]


def train(
    network: Sequence[Branch],
    x: NDArray,
    y: NDArray,
    *,
    batch: int,
    steps: int,
    learning_rate: float,
    shards: int = 1,
    placement: Sequence[Sequence[int]] | None = None,
) -> Run:
    """Take `steps` steps of SGD on the sum of the branches, in `shards` x `len(placement)` worker processes.

    Each step takes the next `batch` rows of `x` (rows, inputs) and labels `y` (rows,), from the start again at their
    end. A shard is a share of these rows; `placement` lists the numbers of the branches of each model-parallel
    worker, one worker with all of them when left out. Raises WorkerError when a worker fails.
    """
    parts = [list(part) for part in placement or [range(len(network))]]
    if sorted(chain(*parts)) != list(range(len(network))):
        raise ValueError(
            f"placement = {parts}: must hold each branch from 0 to {len(network) - 1} once"
        )
    most_rows = -(-batch // shards)
    classes = network[0].widths[-1]
    logits = np.zeros((2, shards, len(parts), most_rows, classes), x.dtype)
    shared = {"x": x, "y": y, "logits": logits}
    for number, branch in enumerate(network):
        shared[f"gradient {number}"] = np.zeros((2, shards, len(branch.weights)), x.dtype)
    results = run_workers(
        _train, shards * len(parts), shared, network, parts, batch, steps, learning_rate
    )
    weights = []
    gradients = []
    for number in range(len(network)):
        copies = [
            branches[number] for _, branches in results if number in branches
        ]  # one of each shard
        weights.append(np.array([copy[0] for copy in copies]))
        gradients.append(np.array([copy[1] for copy in copies]))
    seconds, _ = results[0]
    return Run(seconds, weights, gradients)


def _train(
    worker: Worker,
    network: list[Branch],
    parts: list[list[int]],
    batch: int,
    steps: int,
    learning_rate: float,
) -> tuple[NDArray, dict[int, tuple[NDArray, NDArray]]]:
    """Take the steps of one worker of the grid: row `shard`, column `part`."""
    shard, part = divmod(worker.rank, len(parts))
    shards = worker.count // len(parts)
    mine = {number: network[number] for number in parts[part]}
    x = worker.shared["x"]
    y = worker.shared["y"]
    worker.wait()
    ticks = [time.perf_counter()]
    for step in range(steps):
        all_rows = np.arange(step * batch, (step + 1) * batch) % len(x)
        rows = np.array_split(all_rows, shards)[shard]
        inputs = x[rows]
        turn = step % 2  # two sets of buffers: nobody overwrites what a slower worker still reads
        logits: Any = sum(branch.forward(inputs) for branch in mine.values())
        if len(parts) > 1:
            exchange = worker.shared["logits"][turn, shard, :, : len(rows)]
            exchange[part] = logits
            worker.wait()
            logits = exchange.sum(axis=0)
        error = cross_entropy_error(logits, y[rows], batch)
        gradients = {number: branch.backward(error) for number, branch in mine.items()}
        if shards > 1:
            for number, gradient in gradients.items():
                worker.shared[f"gradient {number}"][turn, shard] = gradient
            worker.wait()
            for number, gradient in gradients.items():
                worker.shared[f"gradient {number}"][turn].sum(axis=0, out=gradient)
        for number, branch in mine.items():
            branch.weights -= learning_rate * gradients[number]
        ticks.append(time.perf_counter())
    return np.diff(ticks), {
        number: (branch.weights, branch.gradient) for number, branch in mine.items()
    }


def speedup(
    devices: int,
    efficiency: Mapping[int, float],
    epochs: Mapping[int, float],
    *,
    ways: int = 1,
    model: float = 1.0,
) -> float:
    """Return how many times faster than one device `devices` of them reach the target, in groups of `ways`.

    N = devices / ways groups are data parallel, with `efficiency[N]` and `epochs[N]`; each is model parallel and
    `model` times as fast as one device: SU^M * SE_N * N * E_1 / E_N (Pal et al., IEEE Micro 39(5), 2019).
    """
    groups = devices // ways
    return model * efficiency[groups] * groups * epochs[1] / epochs[groups]


def least_model_speedup(
    devices: int, efficiency: Mapping[int, float], epochs: Mapping[int, float], *, ways: int
) -> float:
    """Return the model-parallel speed-up above which groups of `ways` devices beat data parallelism on all of them.

    With MN = devices, M = ways: M * SE_MN / SE_N * E_N / E_MN (Pal et al., as above).
    """
    groups = devices // ways
    return ways * efficiency[devices] / efficiency[groups] * epochs[groups] / epochs[devices]


def _layers(vector: NDArray, widths: Sequence[int]) -> Iterator[tuple[NDArray, NDArray]]:
    """Give kernel (inputs, units) and bias (units,) of each layer as views of `vector`."""
    begin = 0
    for inputs, units in pairwise(widths):
        end = begin + inputs * units
        yield vector[begin:end].reshape(inputs, units), vector[end : end + units]
        begin = end + units
