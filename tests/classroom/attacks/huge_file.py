"""Writes one file that is larger than it may be."""

STOPPED_BY = ("disk",)
LIMITS = {"file": 5 << 20}


def attack(target):
    with open("/tmp/huge", "wb") as file:
        for _ in range(20):
            file.write(bytes(1 << 20))
    return True
