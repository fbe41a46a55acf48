"""Takes more memory than it may."""

STOPPED_BY = ("memory",)
LIMITS = {"memory": 300 << 20}


def attack(target):
    taken = [bytearray(64 << 20) for _ in range(10)]
    return len(taken) == 10
