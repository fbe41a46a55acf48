"""What tests share: lessons, bands and data of their own, in place of the course's."""

import pytest

from course import claims, lesson

LESSON = """# ---
# title: A trial
# part: 1 Fit
# objectives: [try it]
# prerequisites: [nothing]
# data: []
# reading: ["A book, 2020"]
# ---

# %% tags=["parameters"]
seed: int = 0  # random seed, 0 to 999999
fast: bool = False  # the same steps on less data
epochs: int = 20  # passes over the data, 1 to 200, fast 2

# %%
from course.lesson import begin

begin("98_trial", globals())
"""


@pytest.fixture
def lessons(tmp_path, monkeypatch):
    """A folder of lessons with one trial lesson and no bands, instead of the course's own."""
    folder = tmp_path / "lessons"
    folder.mkdir()
    (folder / "98_trial.py").write_text(LESSON, encoding="utf-8")
    monkeypatch.setattr(lesson, "SOURCES", folder)
    monkeypatch.setattr(lesson, "running", None)
    monkeypatch.setattr(claims, "BANDS", folder / "claims.toml")
    claims.bands.cache_clear()
    yield folder
    claims.bands.cache_clear()
