"""Fills the memory that processes share."""

STOPPED_BY = ("disk",)
LIMITS = {"disk": 16 << 20}


def attack(target):
    for number in range(40):
        with open(f"/dev/shm/part{number}", "wb") as file:
            file.write(bytes(1 << 20))
    return True
