"""What the tests of the lessons share: the measured bands, and what exercises said in an executed notebook."""

from collections.abc import Callable

import nbformat
import pytest

from course.catalog import Lesson
from course.claims import Band, band


@pytest.fixture
def full() -> Callable[[str], Band]:
    """A function from a claim's name to its results in full mode, seed by seed."""

    def results(name: str) -> Band:
        found = band(name, "full")
        assert found, f"{name} was never measured in full mode"
        return found

    return results


@pytest.fixture
def printed(request: pytest.FixtureRequest) -> str:
    """All plain text in the solutions edition of the lesson that the test file is named for."""
    notebook = nbformat.read(
        Lesson(request.path.stem.removeprefix("test_")).path("solutions"), as_version=4
    )
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    )
