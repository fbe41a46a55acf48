from html.parser import HTMLParser

import pytest

from course.claims import Claim
from course.runs import judge, report
from course.runs.records import Failure, Record

MEASURED = """["98.loss"]
unit = ""
digits = 1
["98.loss".full]
at_most = 5.0
values = [2.0, 1.9, 2.1, 2.05, 1.95, 2.02, 1.98, 2.01]
"""


def made(name="98_trial", outcome="passed", failure=None, parameters=None, **values):
    parameters = parameters or {}
    mode = "fast" if "fast" in parameters else "full"
    standard = parameters.keys() <= {"seed", "fast"}
    origin = {"published": 2.5, "source": "A & B", "mode": mode, "standard": standard}
    claims = {
        f"98.{key}": Claim(
            f"98.{key}", "bound", f"the {key}", value, digits=1, at_most=5.0, **origin
        )
        for key, value in values.items()
    }
    exercises = {"98.1": "right", "98.2": "right", "98.3": "wrong"}
    return Record(
        name, name, parameters, outcome, 3.14, "", 1.0, claims, exercises, failure, {"python": "3"}
    )


class Page(HTMLParser):
    """Collects links, header cells and text, and that every opened element is closed in its turn."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.links = []
        self.scopes = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attributes)["href"])
        if tag == "th":
            self.scopes.append(dict(attributes)["scope"])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    ("record", "kept", "repeated"),
    [
        (made(loss=2.0), "1 of 1", "1 of 1 in the interval"),
        (made(loss=9.0), "0 of 1", "0 of 1 in the interval"),
        (made(loss=2.0, speed=1.0), "2 of 2", "1 of 1 in the interval"),
        (made(loss=9.0, parameters={"seed": 30}), "1 of 1", "0 of 1 in the interval"),
        (made(loss=9.0, parameters={"epochs": 3}), "", ""),
        (made(), "", ""),
    ],
)
def test_promises_are_counted_for_standard_parameters_and_apart_from_them_what_repeats(
    house, record, kept, repeated
):
    house.claims(MEASURED)
    judge._expected.cache_clear()
    assert report.row(record)[4:6] == (kept, repeated)


def test_a_row_counts_exercises_by_outcome(house):
    assert report.row(made()) == ("98_trial", "full", "passed", "3.1", "", "", "2 right, 1 wrong")


def test_the_page_links_to_notebooks_that_exist_and_shows_errors_as_they_are(house, tmp_path):
    house.claims(MEASURED)
    (tmp_path / "98_trial--epochs=1.executed.ipynb").touch()
    failure = Failure(3, "x = '<script>'", "ValueError", "<b> & </b>")
    failed = made("98_trial--epochs=1", "failed", failure, loss=9.0)
    page = Page(
        report.write([made("97_other", loss=2.0), failed], tmp_path).read_text(encoding="utf-8")
    )
    assert set(page.links) == {"98_trial--epochs%3D1.executed.ipynb"}
    assert set(page.scopes) == {"col", "row"}
    assert page.open == []
    assert "ValueError: <b> & </b>" in page.text
    assert "x = '<script>'" in page.text
    assert "1 of 2 passed" in page.text
    assert "published 2.5 (A & B)" in page.text


def test_a_result_that_is_not_finite_is_shown_and_not_kept(house, tmp_path):
    house.claims(MEASURED)
    records = [made(loss=float("nan")), made("97_other", loss=float("inf"))]
    assert [report.row(record)[4] for record in records] == ["0 of 1", "0 of 1"]
    page = Page(report.write(records, tmp_path).read_text(encoding="utf-8"))
    assert "nan" in page.text
    assert "inf" in page.text
