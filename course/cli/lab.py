"""JupyterLab on the learner's own copy of the notebooks, whose kernels start warm."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from course.authoring import glossary, start
from course.authoring.links import GLOSSARY, START
from course.files import set_aside, write_whole
from course.kernels.kernelspec import FOR_LAB
from course.learner import progress

FOR_JUPYTER = (
    Path(__file__).parent / "jupyter"
)  # opens START.md rendered, shows one kernel, asks nobody for news


MADE = re.compile(rb"(.*)<!-- made by the course, ([0-9a-f]+) -->\n", re.DOTALL)  # text, digest


def write_pages(mine: Path) -> list[str]:
    """Write the start page, with a tick for what is done in the notebooks in `mine`, and the glossary beside them.

    A page of theirs, or one that they wrote in, is kept as `NAME.kept-1.md`; return a line for each.
    """
    pages = {START: start.page(progress.right(mine)), GLOSSARY: glossary.page()}
    return [line for name, text in pages.items() for line in _write_page(mine / name, text)]


def _write_page(path: Path, text: str) -> Iterator[str]:
    if path.exists() and not _is_made(path.read_bytes()):
        kept = set_aside(path, (f"{path.stem}.kept-{number}.md" for number in count(1)))
        yield f"{path.name}: is made again each time; the one that you may have written in is kept as {kept.name}"
    write_whole(path, f"{text}<!-- made by the course, {_digest(text.encode())} -->\n")


def _is_made(content: bytes) -> bool:
    """Whether a page is as the course has written it, whatever its line breaks have become."""
    found = MADE.fullmatch(content.replace(b"\r\n", b"\n"))
    return found is not None and _digest(found[1]) == found[2].decode()


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def open_lab(mine: Path) -> None:
    """Start JupyterLab on the learner's notebooks, whose kernels start warm, and stay until it is closed.

    Ctrl-C is left to the server, which asks and tidies up; SIGTERM ends the server, too.
    """
    program = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={mine}"]
    if (
        hasattr(os, "geteuid") and os.geteuid() == 0
    ):  # as in a container, where Jupyter would refuse
        program.append("--allow-root")
    server = subprocess.Popen(program, env=os.environ | environment())
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal has told the server as well
    server.wait()


def environment() -> dict[str, str]:
    """Return what makes Jupyter find the course's settings, and the warm kernel under the notebooks' name `python3`."""
    ours = {"JUPYTER_PATH": FOR_LAB, "JUPYTER_CONFIG_PATH": FOR_JUPYTER}
    return {
        name: os.pathsep.join(filter(None, [str(path), os.environ.get(name)]))
        for name, path in ours.items()
    }
