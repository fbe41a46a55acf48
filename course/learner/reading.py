"""Reads notebooks that people and editors have written: older formats, ids that are missing, and what is none.

What the course reads in a notebook's metadata is there in its form, or it is not there: nothing else need look twice.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from pydantic import TypeAdapter, ValidationError


@dataclass
class _Grading:
    grade_id: str = ""
    solution: bool = False


@dataclass
class _Given:
    text: str = ""
    cells: dict[str, str] = field(default_factory=dict)


@dataclass
class _Course:
    given: _Given = field(default_factory=_Given)


Form = TypeAdapter[Any]
OF_NOTEBOOK: dict[str, Form] = {"course": TypeAdapter(_Course)}
OF_CELL: dict[str, Form] = {"nbgrader": TypeAdapter(_Grading), "tags": TypeAdapter(list[str])}
OF_OUTPUT: dict[str, Form] = {"course": TypeAdapter(dict[str, Any])}
ID: dict[str, Form] = {"id": TypeAdapter(str)}


def parse(content: bytes) -> NotebookNode | None:
    """Return the notebook in `content`; None where it is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of ids that are missing or not unique, which readers here cope with
            notebook = nbformat.reads(_text(content), as_version=4)
        _tidy(notebook)
    except Exception:  # whatever a damaged file makes of a reader
        return None
    return notebook


def read(path: Path) -> NotebookNode | None:
    """Return the notebook at `path`; None where there is none that can be read."""
    return parse(path.read_bytes()) if path.is_file() else None


def _text(content: bytes) -> str:
    """Return the text of a notebook, with a question mark for half a character, which no file can hold."""
    if b"\\ud" not in content.lower():
        return content.decode()
    return json.dumps(json.loads(content), ensure_ascii=False).encode(errors="replace").decode()


def _tidy(notebook: NotebookNode) -> None:
    """Take out what has not the form that the course reads. Raises an error where cells are none."""
    _keep(notebook.metadata, OF_NOTEBOOK)
    for cell in notebook.cells:
        cell.source.strip()
        _keep(cell, ID)
        _keep(cell.metadata, OF_CELL)
        for output in cell.get("outputs", []):
            _keep(output.get("metadata", NotebookNode()), OF_OUTPUT)


def _keep(node: NotebookNode, forms: Mapping[str, Form]) -> None:
    for key in forms.keys() & node.keys():
        try:
            forms[key].validate_python(node[key])
        except ValidationError:
            del node[key]
