"""What this machine is and does: what decides its floating point, and how long its processor worked for a kernel."""

import contextlib
import os
from functools import cache
from importlib.metadata import version

PACKAGES = ("tensorflow", "keras", "numpy")


@cache
def fingerprint() -> dict[str, str]:
    """Return the versions of the packages that compute, the processor's vector features and the cores in use.

    Two runs of one seed with equal fingerprints give the same digits. A backend other than TensorFlow is named.
    """
    import numpy as np

    features = np.show_config(mode="dicts")["SIMD Extensions"]
    vectors = " ".join([*features["baseline"], *features.get("found", [])])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    return {
        **{package: version(package) for package in PACKAGES},
        "vectors": vectors,
        "cores": str(cores),
        **({} if backend == "tensorflow" else {"backend": backend}),
    }


def processor_seconds(process: int) -> float:
    """Return the seconds that processors worked for process number `process` and all that it started."""
    import psutil

    total = 0.0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process)
        for each in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += sum(
                    each.cpu_times()[:4]
                )  # its own and those of its ended children, as user and as system
    return total
