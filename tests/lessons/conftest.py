"""Acceptance tests read the measured bands: what every seed reached in full mode, not the median alone."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from course.claims import bands


@pytest.fixture
def full() -> Callable[[str], SimpleNamespace]:
    """A function from a claim's name to its band in full mode: `median`, `low`, `high`, `seeds`."""
    return lambda name: SimpleNamespace(**bands()[name]["full"])
