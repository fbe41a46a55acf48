"""Reads notebooks that people and editors have written: older formats, ids that are missing, and what is none."""

import warnings
from pathlib import Path

import nbformat
from nbformat import NotebookNode


def parse(content: bytes) -> NotebookNode | None:
    """Return the notebook in `content`; None where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of ids that are missing or not unique, which readers here cope with
            notebook = nbformat.reads(content.decode(), as_version=4)
        all(cell.source.strip() or cell.metadata for cell in notebook.cells)  # every cell has both
    except Exception:  # whatever a damaged file makes of a reader
        return None
    return notebook


def read(path: Path) -> NotebookNode | None:
    """Return the notebook at `path`; None where there is none that can be read."""
    return parse(path.read_bytes()) if path.is_file() else None
