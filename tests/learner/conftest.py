import json

import pytest

from course.catalog import Lesson
from course.learner import copies

LESSON = Lesson("01_gradient_descent")
RIGHT = LESSON.exercises["01.1"].solution
WRONG = RIGHT.replace("2 / len(y)", "1 / len(y)")  # half the step


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A learner's folder with lesson 01."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    given = tmp_path / "given"
    given.mkdir()
    (given / f"{LESSON.name}.ipynb").write_bytes(LESSON.path("learner").read_bytes())
    folder = tmp_path / "my-course"
    copies.update(folder, given)
    return folder


@pytest.fixture
def answer(mine):
    """A function that writes an answer to 01.1 into the learner's notebook, as an editor saves it."""

    def write(source, outcome=None):
        path = mine / f"{LESSON.name}.ipynb"
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            grading = cell["metadata"].get("nbgrader", {})
            if grading.get("grade_id", "").startswith("exercise-01-1-"):
                if grading["solution"]:
                    cell["source"] = source
                elif outcome:
                    record = {"exercise": {"name": "01.1", "outcome": outcome, "message": ""}}
                    shown = {"data": {"text/plain": outcome}, "metadata": {"course": record}}
                    cell["outputs"] = [{"output_type": "display_data"} | shown]
        path.write_text(json.dumps(notebook))

    return write
