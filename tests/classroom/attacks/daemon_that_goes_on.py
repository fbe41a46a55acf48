"""Leaves a process that goes on after the grading, to meddle with the next one."""

import os
import subprocess
import sys

STOPPED_BY = ("processes", "files", "user")


CODE = (
    "import pathlib, sys, time; time.sleep(3); pathlib.Path(sys.argv[1]).write_text('still here')"
)


def attack(target):
    path = os.path.join(target["folder"], "daemon.txt")
    subprocess.Popen([sys.executable, "-c", CODE, path], start_new_session=True)
    return "later", path
