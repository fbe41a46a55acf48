"""Reads the list of this system's users."""

STOPPED_BY = ("files", "user")


def attack(target):
    with open("/etc/passwd") as file:
        return file.read()
