"""Lesson 15: programs that run once on each host of a cluster, here as processes of one machine."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

# The beginning of lesson 15's program for JAX: what trains without any distribution.
PLAIN_TRAINING = """
import keras, numpy as np

def trained():
    keras.utils.set_random_seed(0)
    hidden = keras.layers.Dense(32, activation="relu", name="hidden")
    model = keras.Sequential([keras.Input((784,)), hidden, keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss)
    model.fit(x, y, batch_size=size, shuffle=False, verbose=0)
    return model

data = np.load("data.npz")
x = data["x"]
y = data["y"]
size = 64
plain = trained()
"""


def jax_on_cpu(devices: int) -> dict[str, str]:
    """Return the environment in which Keras runs on JAX, and a CPU poses as several devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}


def free_ports(count: int) -> list[int]:
    """Return ports of this machine that nobody listens on."""
    sockets = [socket.create_server(("localhost", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def run_hosts(
    program: str,
    data: Mapping[str, NDArray],
    environments: Sequence[Mapping[str, str]],
    *,
    timeout: float = 300,
) -> list[str]:
    """Run a program at the same time in each environment, with `data` in data.npz; return what each printed.

    All share a folder. Raises RuntimeError with the last lines of an error as soon as a program fails, and
    TimeoutExpired where not all have ended after `timeout` seconds; no process is left.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "program.py").write_text(program, encoding="utf-8")
        np.savez(folder / "data.npz", **data)  # type: ignore[arg-type]
        hosts = []
        try:
            for number, environment in enumerate(environments):
                with (
                    (folder / f"{number}.out").open("w") as out,
                    (folder / f"{number}.err").open("w") as err,
                ):  # files, since a full pipe would stop a talkative program
                    command = [sys.executable, "program.py"]
                    variables = {**os.environ, **environment}
                    hosts.append(
                        subprocess.Popen(command, cwd=folder, env=variables, stdout=out, stderr=err)
                    )
            _wait(hosts, folder, timeout)
            return [(folder / f"{number}.out").read_text().strip() for number in range(len(hosts))]
        finally:
            for host in hosts:
                host.kill()
                host.wait()


def _wait(hosts: Sequence[subprocess.Popen], folder: Path, timeout: float) -> None:
    """Wait until all hosts have ended, however they wait for each other. Raises as `run_hosts` does."""
    names = [f"host {number} of {len(hosts)}" for number in range(len(hosts))]
    deadline = time.monotonic() + timeout
    while running := [name for name, host in zip(names, hosts, strict=True) if host.poll() is None]:
        _refuse_failed(hosts, names, folder)
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(", ".join(running), timeout)
        time.sleep(0.05)
    _refuse_failed(hosts, names, folder)


def _refuse_failed(hosts: Sequence[subprocess.Popen], names: Sequence[str], folder: Path) -> None:
    for number, host in enumerate(hosts):
        if host.returncode:
            last = (folder / f"{number}.err").read_text().strip().splitlines()[-3:]
            said = "\n".join(last) or f"ended with exit status {host.returncode}"
            raise RuntimeError(f"{names[number]}: {said}")
