"""Connects to a socket in a folder of this machine."""

import socket

STOPPED_BY = ("files", "user")


def attack(target):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(target["socket"])
        return connection.recv(100)
