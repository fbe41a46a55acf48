"""A Dask cluster on loopback, of processes that a test may kill."""

import socket
import subprocess
import sys


class Dask:
    """A scheduler at an address that stays, and workers: processes as a cluster has them, started again when killed."""

    def __init__(self, folder, *for_workers):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.folder = folder
        self.for_workers = for_workers
        self.processes = []

    def scheduler(self):
        return self._start(
            "scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"
        )

    def worker(self, **how):
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", *self.for_workers]
        return self._start("worker", self.address, *options, **how)

    def _start(self, kind, *options, **how):
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.processes.append(subprocess.Popen(command, cwd=self.folder, **quiet, **how))
        return self.processes[-1]

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()
