"""Every attack in attacks/ is stopped and named, harms nobody, and succeeds once what stops it is taken away."""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from runpy import run_path

import h5py
import pytest

from course import ROOT
from course.classroom import sandbox
from course.classroom.sandbox import Contained, Limits, Sandbox

ATTACKS = {path.stem: path for path in sorted(Path(__file__).with_name("attacks").glob("*.py"))}
SECRET = "the answers of somebody else"

pytestmark = pytest.mark.skipif(
    sandbox.found() is None, reason="bubblewrap is not installed; install the package bubblewrap"
)


@pytest.fixture
def target(tmp_path):
    """What an attack is after: files, servers, and a process; all would let it in if they could be reached."""
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    submissions = tmp_path / "submissions"
    submissions.mkdir()
    submissions.chmod(0o777)
    secret = submissions / "other.ipynb"
    secret.write_text(SECRET)
    (tmp_path / "key.json").write_text("{}")
    with h5py.File(tmp_path / "grades.h5", "w") as file:
        file["grades"] = [1, 2, 3]
    servers = {
        "tcp": _server(socket.AF_INET, ("127.0.0.1", 0)),
        "tcp6": _server(socket.AF_INET6, ("::1", 0)),
        "abstract": _server(socket.AF_UNIX, f"\0attacked-{os.getpid()}-{time.monotonic_ns()}"),
        "socket": _server(socket.AF_UNIX, str(tmp_path / "open.socket")),
    }
    (tmp_path / "open.socket").chmod(0o777)
    echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    echo.bind(("127.0.0.1", 0))
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_USERSOCK)
    netlink.bind((0, 0))
    for each in (echo, netlink):
        threading.Thread(target=_echo, args=(each,), daemon=True).start()
    descriptor = os.open(secret, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    victim = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={"PASSWORD": "secret"}
    )
    yield {
        "secret": str(secret),
        "folder": str(submissions),
        "lessons": str(ROOT / "lessons"),
        "hdf5": str(tmp_path / "grades.h5"),
        "tcp": servers["tcp"].getsockname()[1],
        "tcp6": servers["tcp6"].getsockname()[1],
        "abstract": servers["abstract"].getsockname()[1:].decode(),
        "socket": servers["socket"].getsockname(),
        "udp": echo.getsockname()[1],
        "netlink": netlink.getsockname()[0],
        "victim": victim.pid,
        "alive": victim.poll,
    }
    victim.kill()
    victim.wait()
    os.close(descriptor)
    for server in [*servers.values(), echo, netlink]:
        server.close()


def _server(family, address):
    server = socket.socket(family)
    server.bind(address)
    server.listen()
    threading.Thread(target=_greet, args=(server,), daemon=True).start()
    return server


def _greet(server):
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connection.sendall(b"welcome")
        connection.close()


def _echo(server):
    while True:
        try:
            message, sender = server.recvfrom(100)
        except OSError:
            return
        server.sendto(message, sender)


def attacked(name, target, lifted=()):
    """Run an attack; return what it achieved, None where it failed or was stopped, and what is said of that."""
    path = ATTACKS[name]
    known = run_path(str(path))
    limits = Limits(**known.get("LIMITS", {}))
    given = {key: value for key, value in target.items() if key != "alive"}
    with Sandbox(limits, lifted=lifted) as inside:
        prepare = {"do": "prepare", "exercise": "01.1", "lesson": "", "own": []}
        told = inside.ask(
            prepare | {"answer": path.read_text(), "names": ["attack"]}, seconds=limits.start
        )
        assert told["answers"]["attack"]["kind"] == "function", told
        call = {"do": "call", "exercise": "01.1", "name": "attack"}
        try:
            reply = inside.ask(call | {"arguments": (given,), "keywords": {}})
        except Contained as stopped:
            return None, str(stopped)
    if "raised" in reply:
        return None, reply["raised"]["message"]
    if isinstance(reply["value"], tuple) and reply["value"][0] == "later":
        time.sleep(5)  # the sandbox is closed: is there still somebody?
        return Path(reply["value"][1]).exists() or None, "it is gone"
    return reply["value"] or None, "nothing was found"


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_stopped_and_named_and_harms_nobody(name, target):
    achieved, said = attacked(name, target)
    assert achieved is None
    assert said
    assert target["alive"]() is None
    assert Path(target["secret"]).read_text() == SECRET
    assert sorted(path.name for path in Path(target["folder"]).iterdir()) == ["other.ipynb"]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_succeeds_once_what_stops_it_is_taken_away(name, target):
    achieved, said = attacked(name, target, run_path(str(ATTACKS[name]))["STOPPED_BY"])
    assert achieved is not None, said


def test_an_attack_leaves_the_next_answer_unaffected(target):
    for name in ("memory_bomb", "fork_bomb", "daemon_that_goes_on"):
        attacked(name, target)
        with Sandbox() as inside:
            prepare = {"do": "prepare", "exercise": "01.1", "lesson": "", "own": []}
            inside.ask(prepare | {"answer": "def f(x):\n    return 2 * x", "names": ["f"]})
            call = {"do": "call", "exercise": "01.1", "name": "f", "keywords": {}}
            assert inside.ask(call | {"arguments": (21,)})["value"] == 42


def test_without_bubblewrap_the_package_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(sandbox.SandboxError, match="install the package bubblewrap"):
        Sandbox()
