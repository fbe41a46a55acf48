"""The network is cut while tests run: who connects beyond this machine is refused, and the test fails.

Only the process of the tests is watched; what it starts is tried by `tests/test_network.py` where there is no network.
A datagram's socket may be connected, which sends nothing and tells a program its own address; what is then sent through
it nobody hears of.
"""

import ipaddress
import socket
import sys
from functools import cache
from typing import Any

import psutil

INTERNET = (socket.AF_INET, socket.AF_INET6)
attempts: list[str] = []  # since the last test
NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")  # which ask for one
SENDS = ("socket.sendto", "socket.sendmsg")
WATCHED = dict.fromkeys(NAMES, 0) | dict.fromkeys(("socket.connect", *SENDS), 1)  # where it is


def cut() -> None:
    """Watch this process from now on; there is no way back."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in WATCHED:
        return
    address = arguments[WATCHED[event]]
    if event not in NAMES and arguments[0].family not in INTERNET:
        return  # as to the kernel, by netlink
    host = address[0] if isinstance(address, tuple) else address
    if event in NAMES:
        local = _is_here(host)
    else:
        sends = event in SENDS or arguments[0].type == socket.SOCK_STREAM
        local = not sends or not isinstance(address, tuple) or _is_here(host)
    if not local:
        text = f"{event} to {address!r}: tests and the course have no network"
        attempts.append(text)
        raise ConnectionRefusedError(text)


def _is_here(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host in (None, "", "localhost", "0.0.0.0", "::", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback or host in _addresses()
    except ValueError:
        return False


@cache
def _addresses() -> set[str]:
    """This machine's own, which no packet leaves for."""
    interfaces = psutil.net_if_addrs().values()
    return {each.address.split("%")[0] for addresses in interfaces for each in addresses}
