"""Reads another HDF5 file through an external link in its own."""

import tempfile

import h5py

STOPPED_BY = ("files", "user")


def attack(target):
    with h5py.File(tempfile.mkdtemp() + "/own.h5", "w") as file:
        file["link"] = h5py.ExternalLink(target["hdf5"], "grades")
        return file["link"][:].tolist()
