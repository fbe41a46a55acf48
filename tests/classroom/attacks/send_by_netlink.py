"""Sends a message to another process by a socket of the kernel's own family."""

import socket

STOPPED_BY = ("network",)


def attack(target):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_USERSOCK) as sender:
        sender.settimeout(5)
        sender.bind((0, 0))
        sender.sendto(b"hello", (target["netlink"], 0))
        return sender.recv(100)
