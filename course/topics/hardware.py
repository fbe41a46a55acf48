"""Lesson 16: what a device can do and what a training run asks of it: a roofline, sourced figures, a calculator.

To one piece of arithmetic a device is two numbers: FLOP a second and bytes a second. Whichever runs out first sets
the time (the roofline: Williams, Waterman, Patterson, CACM 52(4), 2009, doi:10.1145/1498765.1498785). To a training
run it is a third as well, its memory. Everything here counts in FLOP, bytes and seconds; 1 GB is 1e9 bytes.
"""

import math
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd
from scipy.linalg.blas import saxpy
from threadpoolctl import threadpool_limits

from course.data import verified

FACTORS = {"GB": 1e9, "GB/s": 1e9, "TFLOP/s": 1e12}  # units of the file in bytes, bytes/s, FLOP/s
ALLOWED = {  # what the calculator takes: the least value, the greatest, and in words
    "parameters": (1, math.inf, "a whole number of at least 1"),
    "tokens": (1, math.inf, "a whole number of at least 1"),
    "activations": (0, math.inf, "bytes, at least 0"),
    "memory": (1e6, math.inf, "bytes, at least 1e6 (24 GB is 24e9)"),
    "rate": (1e9, math.inf, "FLOP/s, at least 1e9 (1 TFLOP/s is 1e12)"),
    "utilization": (0.001, 1, "a share of the peak rate, 0.001 to 1"),
    "price": (0.001, math.inf, "in your currency an hour, at least 0.001"),
}
FLOAT_BYTES = {  # bytes a parameter: weights, their gradients, and the float32 copy that mixed precision updates
    "full": {"weights": 4, "gradients": 4, "float32 copy": 0},
    "mixed": {"weights": 2, "gradients": 2, "float32 copy": 4},
}
TARGET = re.compile(r"(sm|compute)_(\d+)([af]?)")
MOMENTS = {
    "sgd": 0,
    "momentum": 1,
    "adam": 2,
}  # float32 numbers a parameter that the optimizer keeps


def clock(platform: str) -> Callable[[], float]:
    """Return what counts the seconds a core works for this thread, not for other programs.

    On some systems that is too coarse: on Windows it has a tick of about 16 ms, and says of itself that it is finer.
    """
    is_coarse = platform == "win32" or time.get_clock_info("thread_time").resolution >= 1e-5
    return time.perf_counter if is_coarse else time.thread_time


CLOCK = clock(sys.platform)


@dataclass(frozen=True)
class Machine:
    """A peak `rate` in FLOP/s and a `bandwidth` in bytes/s between arithmetic and memory."""

    rate: float
    bandwidth: float

    @property
    def ridge(self) -> float:
        """The intensity in FLOP/byte at which both limits meet; below it memory sets the time."""
        return self.rate / self.bandwidth

    def attainable(self, intensity):
        """Return the greatest rate in FLOP/s at `intensity` in FLOP/byte, a number or an array (the roofline)."""
        return np.minimum(self.rate, self.bandwidth * intensity)


@dataclass(frozen=True)
class Kernel:
    """A piece of arithmetic: `run` does it; `flops` and `bytes` are counted by hand, every array moved once."""

    run: Callable[[], object]
    flops: float
    bytes: float

    @property
    def intensity(self) -> float:
        """FLOP done for each byte moved."""
        return self.flops / self.bytes


def calibration(megabytes: int) -> dict[str, Kernel]:
    """Return what shows the two limits: a sum of arrays of `megabytes` each, and a product of small matrices."""
    x, y, z = (_random(megabytes * 2**18) for _ in range(3))
    product = matrix_product(1024, 1024, 1024)
    addition = Kernel(lambda: np.add(x, y, out=z), x.size, 12 * x.size)
    return {"bandwidth": addition, "rate": product}


def five_kernels(megabytes: int) -> dict[str, Kernel]:
    """Five kernels of training, on float32 arrays of `megabytes`, in the order of their intensity."""
    n = megabytes * 2**18
    inputs = 4096
    outputs = n // inputs
    x = _random(n)
    y = _random(n)
    row = _random(inputs)
    matrix = _random(inputs, outputs)
    return {
        "axpy, a step of SGD": Kernel(lambda: saxpy(x, y, a=1e-6), 2 * n, 12 * n),
        "dot, two gradients": Kernel(lambda: x @ y, 2 * n, 8 * n),
        "vector x matrix, one row": Kernel(lambda: row @ matrix, 2 * n, 4 * (n + inputs + outputs)),
        "matrix product, 256 rows": matrix_product(256, 4000, 4000),
        "matrix product, square": matrix_product(2048, 2048, 2048),
    }


def matrix_product(m: int, k: int, n: int) -> Kernel:
    """Return the product of an (m, k) and a (k, n) matrix of float32."""
    a = _random(m, k)
    b = _random(k, n)
    out = _random(m, n)
    flops = 2 * m * k * n
    moved = a.nbytes + b.nbytes + out.nbytes
    return Kernel(lambda: np.matmul(a, b, out=out), flops, moved)


def fastest(kernels: Mapping[str, Kernel], rounds: int) -> dict[str, float]:
    """Return the least seconds of each kernel on one core; in every round each has its turn."""
    seconds = dict.fromkeys(kernels, math.inf)
    with threadpool_limits(1):
        for _ in range(rounds):
            for name, kernel in kernels.items():
                start = CLOCK()
                kernel.run()
                seconds[name] = min(seconds[name], CLOCK() - start)
    return seconds


def measure(
    kernels: Mapping[str, Kernel], *, megabytes: int, rounds: int
) -> tuple[Machine, dict[str, float]]:
    """Return one core's two numbers, by `calibration`, and the least seconds of each kernel, from the same rounds."""
    standards = calibration(megabytes)
    seconds = fastest(standards | dict(kernels), rounds)
    rate = standards["rate"].flops / seconds.pop("rate")
    bandwidth = standards["bandwidth"].bytes / seconds.pop("bandwidth")
    return Machine(rate, bandwidth), seconds


def sourced_figures() -> pd.DataFrame:
    """Return data/hardware.csv: device, quantity, value, unit, source; one figure a row."""
    return pd.read_csv(verified("hardware.csv"))


def devices() -> pd.DataFrame:
    """Return a row a device and a column a quantity, in FLOP/s, bytes and bytes/s; NaN where no source was found."""
    figures = sourced_figures()
    figures["value"] *= figures["unit"].map(FACTORS).fillna(1)
    wide = figures.pivot(index="device", columns="quantity", values="value")
    return wide.loc[figures["device"].unique()]


def support(capability: float, built_for: Sequence[str]) -> str:
    """Say how a card of a compute capability runs a package that was built for targets such as sm_80 or compute_90.

    Machine code (sm) runs on its own version and on later minor ones; from intermediate code (compute) the driver
    compiles for any later version. Code for one version's own features (sm_90a) runs on that version alone, code for
    those of a family (sm_100f) on later minor ones (CUDA C++ Programming Guide, sections on compatibility). Raises
    ValueError for any other target.
    """
    card = divmod(round(10 * capability), 10)
    fitting = []
    for target in built_for:
        found = TARGET.fullmatch(target)
        if not found:
            raise ValueError(f"target {target!r}: must be like sm_80, compute_90 or sm_90a")
        kind, digits, own_features = found.groups()
        version = divmod(int(digits), 10)
        if own_features == "a" and version != card:
            continue
        if version <= card and (version[0] == card[0] or (kind == "compute" and not own_features)):
            fitting.append((kind == "sm", version, target))
    if not fitting:
        return "no code"
    ready, version, target = max(fitting)
    if not ready:
        return f"compiled by the driver from {target}"
    return "code of its own" if version == card else f"code of {target}"


def training_bytes(
    parameters: float, *, activations: float = 0, optimizer: str = "adam", precision: str = "mixed"
) -> dict[str, float]:
    """Return the bytes that a training step keeps, by part (Rajbhandari et al. 2020, section 3.1).

    `activations` are given in bytes. Raises ValueError for what ALLOWED, MOMENTS and FLOAT_BYTES do not know.
    """
    _check(parameters=parameters, activations=activations)
    for name, value, known in (
        ("optimizer", optimizer, MOMENTS),
        ("precision", precision, FLOAT_BYTES),
    ):
        if value not in known:
            raise ValueError(f"{name} = {value!r}: must be one of {', '.join(known)}")
    each = FLOAT_BYTES[precision] | {"moments": 4 * MOMENTS[optimizer]}
    return {part: size * parameters for part, size in each.items()} | {"activations": activations}


def training_seconds(parameters: float, tokens: float, *, rate: float, utilization: float) -> float:
    """Return the seconds of a run over `tokens` (or rows) at a share of the peak `rate` in FLOP/s.

    6 FLOP a parameter and token, 2 forward and 4 backward (Kaplan et al. 2020, section 2.1). Raises ValueError.
    """
    _check(parameters=parameters, tokens=tokens, rate=rate, utilization=utilization)
    return 6 * parameters * tokens / (rate * utilization)


@dataclass(frozen=True)
class Offer:
    """A card for rent: its memory in bytes, its peak rate in FLOP/s, its price an hour."""

    name: str
    memory: float
    rate: float
    price: float

    def __post_init__(self) -> None:
        _check(memory=self.memory, rate=self.rate, price=self.price)


def choose(need: float, offers: Sequence[Offer]) -> Offer | None:
    """Return the offer whose FLOP cost least among those with memory for `need` bytes; None when no card has it."""
    roomy = [offer for offer in offers if offer.memory >= need]
    return min(roomy, key=lambda offer: offer.price / offer.rate, default=None)


def _check(**given: float) -> None:
    """Raise ValueError for a value outside its row of ALLOWED; the message says what is allowed."""
    for name, value in given.items():
        low, high, allowed = ALLOWED[name]
        is_number = isinstance(value, Real) and not isinstance(value, bool)
        fits = is_number and low <= value <= high and value < math.inf
        if not fits or ("whole" in allowed and value != int(value)):
            raise ValueError(f"{name} = {value!r}: must be {allowed}")


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, dtype=np.float32)
