"""Fills the disk with files that are small."""

STOPPED_BY = ("disk",)
LIMITS = {"disk": 16 << 20}


def attack(target):
    for number in range(40):
        with open(f"/tmp/part{number}", "wb") as file:
            file.write(bytes(1 << 20))
    return True
