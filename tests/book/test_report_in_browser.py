"""The report of a run as its readers meet it: a grid with figures, a run that failed, notebooks as pages."""

import shutil
from dataclasses import replace

import pytest

from course import claims
from course.catalog import find
from course.claims import Claim
from course.runs import report
from course.runs.records import Failure, Record, executed
from tests.book.reading import FORMS, api, what_is_wrong

LESSON = find("01")
MACHINE = {"cores": "2", "vectors": "X86_V3"}


def made(seed):
    """A run of the lesson with what was measured for `seed`."""
    found = {}
    for name, entry in claims.stored().items():
        if name.startswith(f"{LESSON.number}."):
            measured = entry["full"]
            limits = {limit: measured[limit] for limit in claims.LIMITS if limit in measured}
            told = (name, entry["kind"], entry["words"], measured["values"][seed], entry["unit"])
            found[name] = Claim(*told, entry["digits"], **limits)
    name = f"{LESSON.name}--seed={seed}"
    rest = ({"seed": seed}, "passed", 3.1, "", 1.0, found, {"01.1": "right"}, None)
    return Record(name, LESSON.name, *rest, {"python": "3.11"}, MACHINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of runs: four seeds, of which the last failed."""
    out = tmp_path_factory.mktemp("runs")
    records = [made(seed) for seed in range(4)]
    failure = Failure(3, "weights = np.zeros(3)", "ValueError", "shapes (3,) and (2,)")
    records[3] = replace(records[3], outcome="failed", failure=failure, claims={})
    for record in records:
        shutil.copy(LESSON.path("solutions"), executed(record.name, out))
    report.write(records, out)
    return out


@pytest.mark.parametrize("page", FORMS.values(), indirect=True, ids=FORMS)
def test_report_and_notebooks_are_quiet_fit_and_are_accessible(folder, page, request):
    notebook = f"{LESSON.name}--seed%3D0.executed.html"
    assert what_is_wrong(page, folder.as_uri(), ["report.html", notebook], request) == []


def test_a_notebook_is_one_click_away_and_leads_back(folder, page):
    page.goto(f"{folder.as_uri()}/report.html")
    page.get_by_role("link", name=f"{LESSON.name}--seed=0").first.click()
    api.expect(page.get_by_role("heading", level=1)).to_have_text("1. Gradient descent")
    assert page.locator("math").first.evaluate("each => each.getBoundingClientRect().width") > 5
    page.get_by_role("link", name="All runs").click()
    api.expect(page.get_by_role("heading", level=1)).to_have_text("Runs of the course")


def test_pictures_of_the_grid_are_drawn_and_say_what_they_show(folder, page):
    page.goto(f"{folder.as_uri()}/report.html")
    pictures = page.locator(".panels img").all()
    assert pictures
    for picture in pictures:
        assert picture.evaluate("each => each.naturalWidth") > 100
        assert "over seed, 3 runs" in picture.get_attribute("alt")
