"""What makes a forked kernel equal to a started one: libraries imported as in a kernel, everything else from its owner.

Libraries ask when they are imported whether they run in a notebook, and keep what they see (streams, a random state,
variables they set); `preload` gives them a kernel's answers, and `become_kernel` renews in each fork what must not be
shared. A test compares the outputs and the state of warm and cold kernels.
"""

import builtins
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# None that registers itself with the running shell when imported (ipywidgets, matplotlib's inline backend), and none
# that starts a thread, since only a single-threaded process forks safely.
KERNEL = (
    "ipykernel.kernelapp",
    "ipykernel.debugger",
    "IPython.core.debugger",
    "tornado.platform.asyncio",
)
LIBRARIES = ("matplotlib.pyplot", "pandas", "sklearn", "keras", "tensorflow")


def preload() -> dict[str, str]:
    """Import the libraries, and return the environment variables that they set."""
    if sys.path[0] == str(Path.cwd()):  # the folder of sockets
        del sys.path[0]
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ["JE_ARROW_MALLOC_CONF"] = (
        "background_thread:false"  # pandas: pyarrow's allocator starts no thread
    )
    sys.ps1 = "In : "  # TensorFlow: log as in an interactive session
    sys.ps2 = "...: "
    shell = SimpleNamespace(
        kernel=None
    )  # TensorFlow: tf.print writes to sys.stdout; pandas: no terminal
    builtins.get_ipython = lambda: shell  # type: ignore[attr-defined]
    sys.stdout = CurrentStream("stdout")  # type: ignore[assignment]
    sys.stderr = CurrentStream("stderr")  # type: ignore[assignment]
    before = dict(os.environ)
    for module in (*KERNEL, *LIBRARIES):
        importlib.import_module(module)
    sys.stdout = sys.__stdout__  # type: ignore[assignment]
    sys.stderr = sys.__stderr__  # type: ignore[assignment]
    del builtins.get_ipython  # type: ignore[attr-defined]
    gc.collect()
    gc.freeze()  # else the kernels' collections would touch, and so copy, every page
    if os.fork() == 0:  # OpenBLAS ends its threads before a fork, and starts them when next needed
        os._exit(0)
    os.wait()
    return {name: value for name, value in os.environ.items() if before.get(name) != value}


class CurrentStream:
    """sys.stdout or sys.stderr as it is when used: what an import keeps of it (log handlers) reaches the notebook."""

    encoding = "UTF-8"  # as a kernel's streams have it

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        stream = getattr(sys, self.name)
        if stream is self:
            stream = getattr(sys, f"__{self.name}__")
        return getattr(stream, attribute)

    def close(self) -> None:
        """Not ours to close: the kernel sets up its logging anew, and with that closes earlier handlers."""


def become_kernel(
    connection: socket.socket, owner_pidfd: int, set_by_imports: dict[str, str]
) -> None:
    """Take on what the owner asks for, tell it the process id, and run a kernel as ipykernel's launcher does."""
    connection.settimeout(10)
    _, (request, *streams), *_ = socket.recv_fds(connection, 1, 3)
    with os.fdopen(request) as file:
        launch = json.load(file)
    os.setsid()
    os.chdir(launch["directory"])
    os.environ.clear()
    os.environ.update(launch["environment"] | set_by_imports)
    for number, stream in enumerate(streams, start=1):  # 0 is /dev/null already
        os.dup2(stream, number)
        os.close(stream)
    threading.Thread(target=die_with, args=(owner_pidfd,), daemon=True).start()

    import numpy as np
    from ipykernel.kernelapp import IPKernelApp

    np.random.seed()  # the parent's is the same in every fork; Python's own is renewed by fork
    for module in [name for name in sys.modules if name.partition(".")[0] == "course"]:
        del sys.modules[module]  # imported afresh, since authors edit it
    sys.orig_argv[:] = launch["command"]
    sys.argv[:] = [find_spec("ipykernel_launcher").origin, *launch["command"][3:]]  # type: ignore
    kernel = IPKernelApp.instance()
    # ipykernel's own watch knows only parents; 1 switches it off, and die_with is in its place
    kernel.initialize([*sys.argv[1:], "--IPKernelApp.parent_handle=1"])
    connection.sendall(str(os.getpid()).encode())  # now it listens
    connection.close()
    kernel.start()


def die_with(owner_pidfd: int) -> None:
    """Kill the kernel and what it started when its owner ends, however that happens."""
    poll = select.poll()
    poll.register(owner_pidfd, select.POLLIN)
    poll.poll()
    os.killpg(0, signal.SIGKILL)


def skip_teardown(modules: list[str]) -> None:
    """Keep modules alive when the process ends: to take them apart would copy their pages, for 0.2 s."""
    kept = [sys.modules.pop(name) for name in modules if name in sys.modules]
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
