"""Connects to an abstract socket, as that of a warm kernel, which no file guards."""

import socket

STOPPED_BY = ("network",)


def attack(target):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect("\0" + target["abstract"])
        return connection.recv(100)
