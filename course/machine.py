"""What this machine is: what decides the digits of its floating point."""

import contextlib
import json
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("tensorflow", "keras", "numpy")


@cache
def fingerprint() -> dict[str, str]:
    """Return the versions of the packages that compute, the processor's vector features and the cores in use.

    Two runs of one seed with equal fingerprints give the same digits, unless a setting of the packages that is not here
    differs. A backend other than TensorFlow is named, and that oneDNN is off: TensorFlow then rounds otherwise.
    """
    import numpy as np

    features = np.show_config(mode="dicts")["SIMD Extensions"]
    vectors = " ".join([*features["baseline"], *features.get("found", [])])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    backend = _backend()
    onednn_off = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "").lower() in ("0", "false")
    return {
        **{package: version(package) for package in PACKAGES},
        "vectors": vectors,
        "cores": str(cores),
        **({} if backend == "tensorflow" else {"backend": backend}),
        **({"onednn": "off"} if onednn_off else {}),
    }


def _backend() -> str:
    """Return what Keras runs on, found as Keras does, which takes seconds to import."""
    if named := os.environ.get("KERAS_BACKEND"):
        return named
    try:
        folder = Path(os.environ.get("KERAS_HOME") or _home() / ".keras").expanduser()
        return json.loads((folder / "keras.json").read_text()).get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):  # none, or none that Keras can read
        return "tensorflow"


def _home() -> Path:
    """Return where Keras looks for its folder: not every user in a container has a home."""
    with contextlib.suppress(RuntimeError):
        if os.access(Path.home(), os.W_OK):
            return Path.home()
    return Path("/tmp")
