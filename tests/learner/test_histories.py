"""A thousand histories of a learner who works and a course that changes: nothing that was typed is ever lost."""

import json
import re
import tempfile
from pathlib import Path

import nbformat
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course.learner.copies import update
from course.learner.merge import handed_out

TYPED = re.compile(r"typed\d+;")  # every text that the learner types is one of its kind
NAME = "01_first.ipynb"

place = st.integers(0, 9)
WORK = ["write", "write answer", "add", "delete", "move", "paste", "paste with its id"]
EDITOR = ["run", "rewrite metadata", "drop ids", "drop metadata", "damage", "remove file"]
COURSE = ["reword", "reword answer", "drop", "insert", "insert answer", "reorder"]
histories = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(WORK), place, place),
        st.tuples(st.sampled_from(EDITOR), place, place),
        st.tuples(st.sampled_from(COURSE), place, place),
        st.tuples(st.just("update"), place, place),
    ),
    max_size=12,
)


def answer(exercise, version):
    grading = {"grade": False, "grade_id": f"exercise-01-{exercise}-{version}", "solution": True}
    stub = f"def f{exercise}(x):\n    ...  # version {version}"
    return new_code_cell(
        stub, id=f"a{exercise}-{version}", metadata={"nbgrader": grading, "tags": ["solution"]}
    )


class Course:
    """Texts of a lesson, one after another."""

    def __init__(self):
        self.count = 0
        self.cells = [
            self.prose(),
            self.code(),
            answer(1, 0),
            self.code(),
            answer(2, 0),
            self.prose(),
        ]

    def prose(self):
        self.count += 1
        return new_markdown_cell(f"prose {self.count}", id=f"p{self.count}")

    def code(self):
        self.count += 1
        return new_code_cell(f"x = {self.count}", id=f"c{self.count}")

    def change(self, what, i, j):
        i = i % max(1, len(self.cells))
        j = j % max(1, len(self.cells))
        self.count += 1
        if what == "reword" and self.cells:
            self.cells[i] = new_markdown_cell(f"prose {self.count}", id=self.cells[i].id)
        elif what == "reword answer":
            exercises = [place for place, cell in enumerate(self.cells) if cell.id.startswith("a")]
            if exercises:
                at = exercises[i % len(exercises)]
                self.cells[at] = answer(self.cells[at].id[1:].split("-")[0], self.count)
        elif what == "drop" and self.cells:
            del self.cells[i]
        elif what == "insert":
            self.cells.insert(i, self.code() if j % 2 else self.prose())
        elif what == "insert answer":
            self.cells.insert(i, answer(self.count, self.count))
        elif what == "reorder" and self.cells:
            self.cells.insert(j, self.cells.pop(i))

    def write(self, folder):
        course = {"lesson": "01_first", "edition": "learner"}
        self.notebook = new_notebook(cells=self.cells, metadata={"course": course})
        folder.mkdir(exist_ok=True)
        (folder / NAME).write_text(nbformat.writes(self.notebook))


class Learner:
    """What a learner and their editor do to the file."""

    def __init__(self, path):
        self.path = path
        self.count = 0

    def act(self, what, i, j):
        try:
            notebook = json.loads(self.path.read_text())
        except (FileNotFoundError, ValueError):
            return
        cells = notebook["cells"]
        at = i % max(1, len(cells))
        to = j % max(1, len(cells))
        self.count += 1
        text = f"typed{self.count};"
        if what == "add":
            cells.insert(
                at,
                json.loads(json.dumps(new_code_cell(text) if j % 2 else new_markdown_cell(text))),
            )
        elif what == "write" and cells:
            cells[at]["source"] = text
        elif what == "write answer":
            mine = [cell for cell in cells if "nbgrader" in cell["metadata"]]
            if mine:
                mine[i % len(mine)]["source"] = f"def g(x):\n    return {text}"
        elif what == "delete" and cells:
            del cells[at]
        elif what == "move" and cells:
            cells.insert(to, cells.pop(at))
        elif what.startswith("paste") and cells:
            copied = json.loads(json.dumps(cells[at]))
            if "id" not in what:
                copied["id"] = f"pasted-{self.count}"
            cells.insert(to, copied)
        elif what == "run":
            for cell in cells:
                if cell["cell_type"] == "code":
                    cell["outputs"] = [
                        {"output_type": "stream", "name": "stdout", "text": ["out\n"]}
                    ]
        elif what == "rewrite metadata":
            notebook["metadata"]["kernelspec"] = {
                "display_name": "Course (Python 3)",
                "name": "python3",
            }
        elif what == "drop ids":
            notebook["nbformat_minor"] = 4
            for cell in cells:
                cell.pop("id", None)
        elif what == "drop metadata":
            notebook["metadata"] = {}
        elif what == "remove file":
            self.path.unlink()
            return
        content = json.dumps(notebook)
        self.path.write_text(
            content[: len(content) * (10 + i) // 20] if what == "damage" else content
        )


def typed(*paths):
    return set(TYPED.findall("".join(path.read_text() for path in paths if path.exists())))


def answers(path):
    """Exercise -> what was typed in its cells."""
    found = {}
    for cell in json.loads(path.read_text())["cells"]:
        grade = cell["metadata"].get("nbgrader", {}).get("grade_id", "--").split("-")[2]
        if grade:
            found.setdefault(grade, set()).update(TYPED.findall("".join(cell["source"])))
    return found


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_DATA_DIR", str(tmp_path_factory.mktemp("jupyter")))
        patch.setattr(
            "course.learner.progress.standings", lambda mine: {}
        )  # reads the real lessons, and takes time
        yield


@given(histories)
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_typed_is_ever_lost(jupyter, history):
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "notebooks")
        mine = Path(folder, "mine")
        course = Course()
        learner = Learner(mine / NAME)
        course.write(given)
        update(mine, given)
        is_known = (
            True  # what of the copy is the course's; an old stub may later pass for an answer
        )
        for what, i, j in [*history, ("update", 0, 0)]:
            is_known = is_known and what != "drop metadata"
            if what in COURSE:
                course.change(what, i, j)
            elif what == "update":
                course.write(given)
                check_update(mine, given, course.notebook, is_known)
            else:
                learner.act(what, i, j)


def check_update(mine, given, lesson, is_known):
    copy = mine / NAME
    fresh = handed_out(lesson)
    kept_before = set(mine.glob("*.kept-*"))
    alive = typed(*mine.iterdir())
    here = typed(copy)
    try:
        before = answers(copy)
        old = json.loads(copy.read_text())
    except (FileNotFoundError, ValueError, AttributeError):
        before = {}
        old = {}
    told = update(mine, given)
    assert typed(*mine.iterdir()) == alive
    kept = set(mine.glob("*.kept-*")) - kept_before
    assert len(kept) == len(told)
    now = nbformat.read(copy, as_version=4)
    exercises = answers(copy)
    for exercise, texts in before.items():
        if exercise in exercises:
            assert texts <= exercises[exercise]
    if kept:
        event("work was kept")
        assert here <= typed(*kept)
    given_before = old.get("metadata", {}).get("course", {}).get("given")
    if given_before and given_before["text"] == fresh.metadata.course.given.text:
        assert json.loads(copy.read_text()) == old
        return
    ids = [cell.id for cell in now.cells]
    assert [cell.id for cell in fresh.cells] == [
        id_ for id_ in ids if id_ in {cell.id for cell in fresh.cells}
    ]
    if given_before and is_known and not here:
        event("nothing was written")
        assert not kept
        assert now == fresh
