import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from jupyter_client.kernelspec import KernelSpecManager

from course import ROOT
from course.cli.lab import environment, write_pages

OPEN = (
    "import sys, pathlib; from course.cli.lab import open_lab; open_lab(pathlib.Path(sys.argv[1]))"
)


@pytest.fixture
def server(tmp_path):
    """What JupyterLab, as `course lab` starts it on an empty folder, has written about itself: address and token."""
    runtime = tmp_path / "runtime"
    surroundings = {
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
    }
    surroundings["BROWSER"] = "true"  # the program of this name, which opens nothing
    (tmp_path / "mine").mkdir()
    command = [sys.executable, "-c", OPEN, str(tmp_path / "mine")]
    started = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **surroundings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 300
        while not (found := list(runtime.glob("jpserver-*.json"))):
            assert started.poll() is None, "JupyterLab ended"
            assert time.monotonic() < deadline, "JupyterLab does not start"
            time.sleep(0.2)
        time.sleep(1)  # the file is written before the server listens
        yield json.loads(found[0].read_text()) | {"file": found[0]}
    finally:
        children = psutil.Process(started.pid).children(recursive=True)
        for process in (*children, started):
            process.terminate()
        started.wait(60)


# In the place of JupyterLab: asks at Ctrl-C, and tidies up when it is told to end.
SERVER = """
import signal, sys

def ask(*_):
    print("Shut down?", flush=True)
    if sys.stdin.readline() == "y\\n":
        sys.exit()
    print("goes on", flush=True)

def end(*_):
    print("tidies up", flush=True)
    sys.exit()

signal.signal(signal.SIGINT, ask)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def lab(tmp_path):
    """`course lab` in a terminal of its own, with a stand-in for the server, which is up."""
    package = tmp_path / "jupyterlab"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(SERVER)
    started = subprocess.Popen(
        [sys.executable, "-c", OPEN, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert started.stdout.readline() == "up\n"
        yield started
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
        started.communicate()


@pytest.mark.skipif(os.name == "nt", reason="signals to a process group are POSIX")
def test_ctrl_c_in_the_lab_leaves_the_server_the_time_to_ask(lab):
    os.killpg(lab.pid, signal.SIGINT)
    assert lab.stdout.readline() == "Shut down?\n"
    with pytest.raises(subprocess.TimeoutExpired):
        lab.wait(1)
    lab.stdin.write("n\n")
    lab.stdin.flush()
    assert lab.stdout.readline() == "goes on\n"
    os.killpg(lab.pid, signal.SIGINT)
    assert lab.stdout.readline() == "Shut down?\n"
    lab.stdin.write("y\n")
    lab.stdin.flush()
    assert lab.wait(60) == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_the_lab_that_is_told_to_end_ends_its_server(lab):
    lab.terminate()
    assert lab.stdout.readline() == "tidies up\n"
    assert lab.wait(60) == 0


def status(address):
    """The HTTP status of an address."""
    try:
        with urlopen(Request(address), timeout=60) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


@pytest.mark.skipif(os.name == "nt", reason="rights on files are POSIX")
def test_the_lab_listens_on_loopback_alone_and_answers_nobody_without_its_token(server):
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(server["pid"]).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening
    assert listening <= {"127.0.0.1", "::1"}
    files = f"{server['url']}api/contents"
    assert len(server["token"]) >= 32
    assert status(files) == 403
    assert status(f"{files}?token=wrong") == 403
    assert status(f"{files}?token={server['token']}") == 200
    assert server["file"].stat().st_mode & 0o077 == 0  # no other user may read the token


def test_in_the_lab_python3_starts_warm_and_elsewhere_it_stays_plain(monkeypatch):
    assert "kernel_provisioner" not in KernelSpecManager().get_kernel_spec("python3").metadata
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "course-warm"


def test_the_start_page_and_the_glossary_lie_beside_the_lessons(tmp_path):
    write_pages(tmp_path)
    assert (
        (tmp_path / "START.md").read_text(encoding="utf-8").startswith("# Training neural networks")
    )
    assert (tmp_path / "GLOSSARY.md").read_text(encoding="utf-8").startswith("# Glossary")


def test_a_page_that_a_person_wrote_is_kept(tmp_path):
    assert write_pages(tmp_path) == []
    assert write_pages(tmp_path) == []  # the course's own is not kept
    start = tmp_path / "START.md"
    start.write_bytes(start.read_bytes().replace(b"\n", b"\r\n"))  # as an editor on Windows
    assert write_pages(tmp_path) == []
    with start.open("a") as file:
        file.write("my notes")
    mine = start.read_bytes()
    (tmp_path / "GLOSSARY.md").write_text("words of mine")
    assert write_pages(tmp_path) == [
        "START.md: is made again each time; the one that you may have written in is kept as START.kept-1.md",
        "GLOSSARY.md: is made again each time; the one that you may have written in is kept as GLOSSARY.kept-1.md",
    ]
    assert (tmp_path / "START.kept-1.md").read_bytes() == mine
    assert (tmp_path / "GLOSSARY.kept-1.md").read_text() == "words of mine"
    assert write_pages(tmp_path) == []
