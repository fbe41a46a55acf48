"""What the lessons of the course import: data, plots, metrics, claims, exercises, checkpoints.

Importing `course` itself loads nothing else, so that it is quick everywhere.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # lessons/, notebooks/ and data/ stand beside the package
