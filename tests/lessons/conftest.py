"""What the tests of the lessons share: the measured bands, and what exercises said in an executed notebook."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from course.catalog import Lesson
from course.claims import bands


@pytest.fixture
def full() -> Callable[[str], SimpleNamespace]:
    """A function from a claim's name to its band in full mode: `median`, `low`, `high`, `seeds`."""
    return lambda name: SimpleNamespace(**bands()[name]["full"])


@pytest.fixture
def printed(request: pytest.FixtureRequest) -> str:
    """All plain text in the solutions edition of the lesson that the test file is named for."""
    notebook = nbformat.read(Lesson(request.path.stem.removeprefix("test_")).path("solutions"), as_version=4)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.fixture
def exercise_records() -> Callable[[Any], list[dict[str, Any]]]:
    """A function from an executed notebook to the exercise records in its outputs, in order."""

    def records(notebook: Any) -> list[dict[str, Any]]:
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", []) if "metadata" in output]
        found = [output.metadata.get("course", {}) for output in outputs]
        return [each["exercise"] for each in found if "exercise" in each]

    return records
