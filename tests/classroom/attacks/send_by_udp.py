"""Sends a datagram to this machine and waits for the answer."""

import socket

STOPPED_BY = ("network",)


def attack(target):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.sendto(b"hello", ("127.0.0.1", target["udp"]))
        return sender.recv(100)
