"""Reads the environment of another process, with its passwords."""

STOPPED_BY = ("processes", "user")


def attack(target):
    with open(f"/proc/{target['victim']}/environ", "rb") as file:
        return b"PASSWORD" in file.read()
