"""Unpacks an archive that is a thousand times its size."""

import zipfile

STOPPED_BY = ("disk",)
LIMITS = {"file": 5 << 20}


def attack(target):
    with zipfile.ZipFile("/tmp/bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(40 << 20))
    with zipfile.ZipFile("/tmp/bomb.zip") as archive:
        archive.extractall("/tmp/unpacked")
    return True
