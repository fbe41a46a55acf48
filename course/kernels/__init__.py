"""Kernels that start warm, for any notebook. Nothing here knows of lessons, runs or the course's files."""
