"""Connects to a server on this machine by its other address."""

import socket

STOPPED_BY = ("network",)


def attack(target):
    with socket.create_connection(("::1", target["tcp6"]), timeout=5) as connection:
        return connection.recv(100)
