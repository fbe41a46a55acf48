"""Connects to a server on this machine."""

import socket

STOPPED_BY = ("network",)


def attack(target):
    with socket.create_connection(("127.0.0.1", target["tcp"]), timeout=5) as connection:
        return connection.recv(100)
