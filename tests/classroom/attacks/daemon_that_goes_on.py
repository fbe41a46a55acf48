"""Leaves a process that goes on after the grading, to meddle with the next one."""

import os
import subprocess
import sys

STOPPED_BY = ("processes", "files", "user")
CODE = (
    "import pathlib, sys, time; time.sleep(3); pathlib.Path(sys.argv[1]).write_text('still here')"
)


def attack(target):
    path = target["folder"] + "/daemon.txt"
    child = os.fork()
    if child == 0:  # whose own child nobody can find once it has ended
        subprocess.Popen([sys.executable, "-c", CODE, path], start_new_session=True)
        os._exit(0)
    os.waitpid(child, 0)
    return "later", path
