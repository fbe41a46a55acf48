"""A course of one lesson with notebooks of its own, and the whole course's site, built once for all tests."""

import subprocess
import sys

import nbformat
import pytest
from filelock import FileLock

from course import catalog, claims
from course.catalog import Lesson

OPENING = "# 98. A trial\n\n**Time:** about 20 minutes to work through and 5 for the exercises."
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CLAIMS = """
[98.full]
tensorflow = "2.21.0"
keras = "3.15.1"
numpy = "2.4.6"
vectors = "X86_V3"
cores = "2"

["98.accuracy"]
kind = "bound"
words = "accuracy of the trial"
unit = ""
digits = 2
published = 0.8
source = "A book, 2020"

["98.accuracy".full]
at_least = 0.5
values = [0.6, 0.7, 0.62]
"""


EXERCISE = """
# %% tags=["solution"]
answer = 1 + 1

# %% tags=["check"]
@exercise("98.1", answer)
def check(answer):
    expect(answer == 2, "Count again.")
"""
BUILD = """
import sys
from pathlib import Path
from course.book.site import build

build(Path(sys.argv[1]))
print(*sys.modules, sep="\\n")
"""


class Trial:
    """The notebooks of lesson 98_trial; `write` stores them."""

    lesson = Lesson("98_trial")

    def __init__(self):
        v4 = nbformat.v4
        record = {
            "name": "98.accuracy",
            "kind": "bound",
            "words": "accuracy of the trial",
            "value": 0.6,
        }
        told = {
            "metadata": {"course": {"claims": [record]}},
            "data": {"text/plain": "accuracy of the trial: 0.6"},
        }
        picture = {
            "data": {"image/png": PICTURE},
            "metadata": {"image/png": {"alt": "A line that falls from 9 to 1."}},
        }
        check = 'check("98.1")'
        self.cells = {
            "opening": v4.new_markdown_cell(OPENING, id="98-opening"),
            "claim": v4.new_code_cell(
                "measure()", id="98-claim", outputs=[v4.new_output("display_data", **told)]
            ),
            "picture": v4.new_code_cell(
                "draw()", id="98-picture", outputs=[v4.new_output("display_data", **picture)]
            ),
            "hope": v4.new_markdown_cell(
                "One. We had hoped for 0.9. **Not reached**. Two. Three.", id="98-hope"
            ),
            "answer": v4.new_code_cell(
                "answer = 1 + 1", id="98-answer", metadata={"tags": ["solution"]}
            ),
            "check": v4.new_code_cell(check, id="98-check", metadata={"tags": ["check"]}),
        }

    def write(self):
        for edition, answer in (("solutions", "answer = 1 + 1"), ("learner", "answer = ...")):
            self.cells["answer"].source = answer
            path = self.lesson.path(edition)
            path.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(nbformat.v4.new_notebook(cells=list(self.cells.values())), path)


@pytest.fixture
def trial(lessons, monkeypatch):
    """A course that consists of lesson 98_trial, with its notebooks and one measured claim."""
    source = lessons / "98_trial.py"
    source.write_text(source.read_text(encoding="utf-8") + EXERCISE, encoding="utf-8")
    monkeypatch.setattr(catalog, "NOTEBOOKS", lessons.parent / "notebooks")
    (lessons / "claims.toml").write_text(CLAIMS, encoding="utf-8")
    claims.stored.cache_clear()
    made = Trial()
    made.write()
    return made


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site of the whole course, one for all processes of the test run."""
    pytest.importorskip("myst_nb", reason="install the book extra")
    shared = (
        tmp_path_factory.getbasetemp().parent
        if "gw" in tmp_path_factory.getbasetemp().name
        else None
    )
    folder = (shared or tmp_path_factory.mktemp("book")) / "site"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            done = subprocess.run(
                [sys.executable, "-c", BUILD, folder], capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            folder.with_name("modules.txt").write_text(done.stdout, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser():
    from tests.book.reading import CHROMIUM, api

    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, request):
    """A page in one of the FORMS of tests/book/reading.py; by default on a light desktop."""
    from tests.book.reading import FORMS, api

    viewport, scheme = getattr(request, "param", FORMS["desktop"])
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.set_default_timeout(120_000)
    api.expect.set_options(timeout=60_000)
    yield page
    page.close()
