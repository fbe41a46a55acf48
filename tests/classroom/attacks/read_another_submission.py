"""Reads what another student has handed in."""

STOPPED_BY = ("files", "user")


def attack(target):
    with open(target["secret"]) as file:
        return file.read()
