"""The code and the data that a run's result rests on beside its notebook."""

import hashlib
from functools import lru_cache
from pathlib import Path

from course import ROOT

COURSE = Path(__file__).parents[1]
LESSONS_IMPORT = ("*.py", "topics/*.py", "training/*.py")
DATA = ROOT / "data" / "SHA256SUMS"


def digest() -> str:
    """Return a sum (sha256) over all that lessons import of the course, and over the sums of its data."""
    files = [path for pattern in LESSONS_IMPORT for path in sorted(COURSE.glob(pattern))]
    return _digest(tuple((path, path.stat().st_mtime_ns) for path in [*files, DATA]))


@lru_cache(maxsize=1)  # a grid asks for it run by run
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    content = b"".join(path.read_bytes() for path, _ in files)
    return hashlib.sha256(content).hexdigest()
