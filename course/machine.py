"""What this machine is: what decides the digits of its floating point."""

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
