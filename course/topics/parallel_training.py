"""Lesson 15: training on several worker processes: what each computes, what they exchange, when more of them pay.

A network here is a sum of branches, and there are two ways to split its work. Data parallel: each worker has every
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
    input_error: NDArray | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self.gradient = np.zeros_like(self.weights)

    def forward(self, x: NDArray) -> NDArray:
        """Return logits (rows, outputs) for `x` (rows, inputs)."""
        *hidden, (kernel, bias) = layers(self.weights, self.widths)
        self.inputs = [x]
        for hidden_kernel, hidden_bias in hidden:
            self.inputs.append(np.maximum(self.inputs[-1] @ hidden_kernel + hidden_bias, 0))
        return self.inputs[-1] @ kernel + bias

    def backward(self, error: NDArray, *, from_relu: bool = False) -> NDArray:
        """Return the gradient of a loss, given its derivative `error` (rows, outputs) by the last logits.

        Where the inputs come `from_relu`, of a stage before, the derivative by what entered it is the `input_error`.
        """
        kernels = layers(self.weights, self.widths)
        gradients = layers(self.gradient, self.widths)
        for (kernel, _), (d_kernel, d_bias) in reversed(list(zip(kernels, gradients, strict=True))):
            x = self.inputs.pop()
            np.matmul(x.T, error, out=d_kernel)
            error.sum(axis=0, out=d_bias)
            if self.inputs or from_relu:
                error = (error @ kernel.T) * (x > 0)
        self.input_error = error if from_relu else None
        return self.gradient


def random_branch(widths: Sequence[int], rng: np.random.Generator) -> Branch:
    """Return a branch with normal weights of variance 2 / inputs (He et al., 2015) and biases of 0, float32."""
    size = sum((inputs + 1) * units for inputs, units in pairwise(widths))
    branch = Branch(widths, np.zeros(size, "float32"))
    for kernel, _ in layers(branch.weights, widths):
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
    """What `train` returns.

    `clock` (workers, steps, 6), in seconds: when each worker began a step, had its logits, saw those of the others,
    had the error, had new weights, and saw that all have theirs. Of each branch, `weights` and the last `gradients`
    (shards, size); of each worker, `state`: how many numbers of optimizer state it holds.
    """

    clock: NDArray
    weights: list[NDArray]
    gradients: list[NDArray]
    state: list[int]

    def step_time(self) -> float:
        """Return the milliseconds of a step: the least, since other programs only add to it."""
        return 1000 * float(step_lengths(self.clock[..., 0], self.clock[..., -1]).min())


def step_lengths(begin: NDArray, end: NDArray) -> NDArray:
    """Return the time of each step, from the first worker to begin it to the first to see that all have ended it.

    `begin` and `end` (workers, steps). Workers wait for each other at the end of a step, so all its work lies between
    these two, and no work of another step does. No worker's own clock will do: it leaves out what the others did
    while it was held up.
    """
    return end.min(axis=0) - begin.min(axis=0)


def train(
    network: Sequence[Branch],
    x: NDArray,
    y: NDArray,
    *,
    batch: int,
    steps: int,
    learning_rate: float,
    momentum: float = 0.0,
    shards: int = 1,
    placement: Sequence[Sequence[int]] | None = None,
    summing: int = 0,
    split_state: bool = False,
) -> Run:
    """Take `steps` steps of SGD on the sum of the branches, in `shards` x `len(placement)` worker processes.

    Each step takes the next `batch` rows of `x` (rows, inputs) and labels `y` (rows,), from the start again at their
    end, and ends when every worker has its new weights. A shard is a part of these rows; `placement` lists the numbers
    of the branches of each model-parallel worker, one worker with all of them when left out, and worker `summing` of
    them adds the logits up. With `split_state` each shard updates a part of the weights and passes it on (ZeRO stage
    1); it knows the sum of gradients of that part alone. Raises WorkerError when a worker fails.
    """
    parts = [list(part) for part in placement or [range(len(network))]]
    if sorted(chain(*parts)) != list(range(len(network))):
        raise ValueError(
            f"placement = {parts}: must hold each branch from 0 to {len(network) - 1} once"
        )
    if summing not in range(len(parts)):
        raise ValueError(f"summing = {summing}: must be between 0 and {len(parts) - 1}")
    most_rows = -(-batch // shards)
    classes = network[0].widths[-1]
    logits = np.zeros((shards, len(parts), most_rows, classes), x.dtype)
    shared = {"x": x, "y": y, "logits": logits, "error": logits[:, 0]}
    for number, branch in enumerate(network):
        shared[f"gradient {number}"] = np.zeros((shards, len(branch.weights)), x.dtype)
        shared[f"weights {number}"] = branch.weights
    rule = Rule(learning_rate, momentum, split_state)
    results = run_workers(
        _train, shards * len(parts), shared, network, parts, summing, batch, steps, rule
    )
    weights = []
    gradients = []
    for number in range(len(network)):  # one copy of each shard
        copies = [branches[number] for _, branches, _ in results if number in branches]
        weights.append(np.array([branch_weights for branch_weights, _ in copies]))
        gradients.append(np.array([gradient for _, gradient in copies]))
    clock = np.array([clock for clock, _, _ in results])
    return Run(clock, weights, gradients, [state for _, _, state in results])


@dataclass(frozen=True)
class Rule:
    """How a worker changes its weights: SGD with momentum, its state whole in each shard or split among them."""

    learning_rate: float
    momentum: float
    split_state: bool


def _train(
    worker: Worker,
    network: list[Branch],
    parts: list[list[int]],
    summing: int,
    batch: int,
    steps: int,
    rule: Rule,
) -> tuple[NDArray, dict[int, tuple[NDArray, NDArray]], int]:
    """Take the steps of one worker of the grid: row `shard`, column `part`."""
    shard, part = divmod(worker.rank, len(parts))
    shards = worker.count // len(parts)
    mine = {number: network[number] for number in parts[part]}
    owned = {number: slice(None) for number in mine}  # the weights that this worker updates
    if rule.split_state:
        owned = {number: _part(len(mine[number].weights), shard, shards) for number in mine}
    velocity = {number: np.zeros_like(mine[number].weights[owned[number]]) for number in mine}
    clock = np.zeros((steps, 6))
    worker.wait()
    for step in range(steps):
        clock[step, 0] = time.perf_counter()
        all_rows = np.arange(step * batch, (step + 1) * batch) % len(worker.shared["x"])
        rows = np.array_split(all_rows, shards)[shard]
        inputs = worker.shared["x"][rows]
        logits: Any = sum(branch.forward(inputs) for branch in mine.values())
        clock[step, 1] = time.perf_counter()
        error = worker.shared["error"][shard, : len(rows)]
        if len(parts) > 1:
            everyone = worker.shared["logits"][shard, :, : len(rows)]
            everyone[part] = logits
            worker.wait()
            logits = everyone.sum(axis=0) if part == summing else None
        clock[step, 2] = time.perf_counter()
        if logits is not None:
            error[:] = cross_entropy_error(logits, worker.shared["y"][rows], batch)
        if len(parts) > 1:
            worker.wait()
        clock[step, 3] = time.perf_counter()
        for branch in mine.values():
            branch.backward(error)
        if shards > 1:
            _add_up(worker, mine, owned, shard)
        for number, branch in mine.items():
            velocity[number] *= rule.momentum
            velocity[number] += branch.gradient[owned[number]]
            branch.weights[owned[number]] -= rule.learning_rate * velocity[number]
        if shards > 1 and rule.split_state:
            _gather(worker, mine, owned)
        clock[step, 4] = time.perf_counter()
        if worker.count > 1:
            worker.wait()
        clock[step, 5] = time.perf_counter()
    state = sum(map(len, velocity.values()))
    trained = {number: (branch.weights, branch.gradient) for number, branch in mine.items()}
    return clock, trained, state


def _part(size: int, shard: int, shards: int) -> slice:
    """Return which of `size` weights are a shard's own."""
    return slice(size * shard // shards, size * (shard + 1) // shards)


def _add_up(
    worker: Worker, mine: Mapping[int, Branch], owned: Mapping[int, slice], shard: int
) -> None:
    """Add the gradients of all shards up, in the part that is owned.

    The wait at the end of a step keeps a worker from overwriting what a slower one still reads.
    """
    for number, branch in mine.items():
        worker.shared[f"gradient {number}"][shard] = branch.gradient
    worker.wait()
    for number, branch in mine.items():
        everyone = worker.shared[f"gradient {number}"][:, owned[number]]
        everyone.sum(axis=0, out=branch.gradient[owned[number]])


def _gather(worker: Worker, mine: Mapping[int, Branch], owned: Mapping[int, slice]) -> None:
    """Pass on the weights that are owned, and fetch the others."""
    for number, branch in mine.items():
        worker.shared[f"weights {number}"][owned[number]] = branch.weights[owned[number]]
    worker.wait()
    for number, branch in mine.items():
        branch.weights[:] = worker.shared[f"weights {number}"]


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
    groups = _groups(devices, ways)
    return model * efficiency[groups] * groups * epochs[1] / epochs[groups]


def least_model_speedup(
    devices: int, efficiency: Mapping[int, float], epochs: Mapping[int, float], *, ways: int
) -> float:
    """Return the model-parallel speed-up above which groups of `ways` devices beat data parallelism on all of them.

    With MN = devices, M = ways: M * SE_MN / SE_N * E_N / E_MN (Pal et al., as above).
    """
    groups = _groups(devices, ways)
    return ways * efficiency[devices] / efficiency[groups] * epochs[groups] / epochs[devices]


def _groups(devices: int, ways: int) -> int:
    if ways < 1 or devices % ways:
        raise ValueError(f"ways = {ways}: must divide the {devices} devices into equal groups")
    return devices // ways


def layers(vector: NDArray, widths: Sequence[int]) -> Iterator[tuple[NDArray, NDArray]]:
    """Give kernel (inputs, units) and bias (units,) of each layer as views of `vector`."""
    begin = 0
    for inputs, units in pairwise(widths):
        end = begin + inputs * units
        yield vector[begin:end].reshape(inputs, units), vector[end : end + units]
        begin = end + units
