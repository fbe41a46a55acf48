"""Nothing needs a network: the process of the tests may not reach for it, and a run works where there is none."""

import shutil
import socket
import subprocess
import sys

import pytest

from course import ROOT
from tests import network

WITHOUT = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "-"]
SEE = """
import socket
from contextlib import suppress
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
with suppress(OSError):
    socket.create_connection(("203.0.113.1", 80), timeout=5)
    print("there is a network")
print("seen")
"""


@pytest.fixture
def without():
    """What to start a program with so that this machine is all it can reach."""
    missing = [program for program in ("unshare", "ip") if not shutil.which(program)]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed: the network cannot be cut here")
    if subprocess.run([*WITHOUT, "true"], capture_output=True).returncode:
        pytest.skip("this system lets no user make a network of their own: it cannot be cut here")
    return WITHOUT


@pytest.mark.parametrize("host", ["203.0.113.1", "2001:db8::1", "example.invalid"])
def test_who_connects_beyond_this_machine_is_refused_and_noted(host):
    with pytest.raises(ConnectionRefusedError, match="have no network"):
        socket.create_connection((host, 80), timeout=1)
    with pytest.raises(ConnectionRefusedError), socket.socket() as client:
        client.connect(("203.0.113.1", 80))
    assert len(network.attempts) == 2
    network.attempts.clear()  # else this test fails


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.gethostbyname("example.invalid"),
        lambda: socket.gethostbyname_ex("example.invalid"),
        lambda: socket.gethostbyaddr("203.0.113.1"),
    ],
)
def test_who_asks_for_a_name_beyond_this_machine_is_refused_and_noted(reach):
    with pytest.raises(ConnectionRefusedError, match="have no network"):
        reach()
    assert len(network.attempts) == 1
    network.attempts.clear()


@pytest.mark.skipif(not hasattr(socket.socket, "sendmsg"), reason="this system has no sendmsg")
def test_who_sends_beyond_this_machine_is_refused_and_noted():
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        with pytest.raises(ConnectionRefusedError, match="have no network"):
            client.sendmsg([b"x"], [], 0, ("203.0.113.1", 9))
        with pytest.raises(ConnectionRefusedError, match="have no network"):
            client.sendto(b"x", ("203.0.113.1", 9))
    assert len(network.attempts) == 2
    network.attempts.clear()


def test_what_stays_on_this_machine_is_let_through():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        socket.create_connection(("localhost", server.getsockname()[1])).close()
        socket.gethostbyname("localhost")
    assert not network.attempts


def test_a_lesson_runs_where_there_is_no_network(without, tmp_path):
    seen = subprocess.run([*without, sys.executable, "-c", SEE], capture_output=True, text=True)
    assert (seen.stdout, seen.stderr) == ("seen\n", "")
    command = [sys.executable, str(ROOT / "lessons" / "01_gradient_descent.py")]
    done = subprocess.run([*without, *command], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) > 20
