"""The network is cut while tests run: who connects beyond this machine is refused, and the test fails.

Only the process of the tests is watched; what it starts is tried by `tests/test_network.py` where there is no network.
"""

import ipaddress
import socket
import sys
from functools import cache
from typing import Any

import psutil

INTERNET = (socket.AF_INET, socket.AF_INET6)
attempts: list[str] = []  # since the last test
WATCHED = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0}  # where the address is


def cut() -> None:
    """Watch this process from now on; there is no way back."""
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in WATCHED:
        return
    address = arguments[WATCHED[event]]
    if event != "socket.getaddrinfo" and arguments[0].family not in INTERNET:
        return  # as to the kernel, by netlink
    host = address[0] if isinstance(address, tuple) else address
    if event == "socket.getaddrinfo":
        local = _is_here(host)
    else:
        sends = event == "socket.sendto" or arguments[0].type == socket.SOCK_STREAM
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
