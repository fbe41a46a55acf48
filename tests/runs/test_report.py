import os
from dataclasses import replace
from html.parser import HTMLParser

import nbformat
import pytest

from course.claims import Claim
from course.runs import judge, report
from course.runs.records import Failure, Record, executed

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
        self.pictures = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        if tag == "img":
            self.pictures.append(dict(attributes))
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
        (made(loss=9.0, parameters={"seed": 30}), "0 of 1", "0 of 1 in the interval"),
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
    notebook = "98_trial--epochs%3D1.executed.ipynb"  # an empty file, of which there is no page
    assert page.links == [notebook, f"{notebook}#papermill-error-cell"]
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


def notebook(record, out, text="x = 1"):
    cells = [nbformat.v4.new_code_cell(text)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), executed(record.name, out))


def test_every_notebook_has_a_page_that_is_made_anew_when_it_changes_and_goes_with_it(
    house, tmp_path
):
    record = made(loss=2.0)
    path = tmp_path / "98_trial.executed.html"
    notebook(record, tmp_path, "x = 1")
    assert Page(report.write([record], tmp_path).read_text("utf-8")).links == [path.name]
    page = Page(path.read_text("utf-8"))
    assert page.open == []
    assert "report.html" in page.links
    assert "x = 1" in page.text

    path.write_text("as it was")
    report.write([record], tmp_path)
    assert path.read_text() == "as it was"
    notebook(record, tmp_path, "x = 2")
    os.utime(path, (0, 0))
    report.write([record], tmp_path)
    assert "x = 2" in Page(path.read_text("utf-8")).text

    executed(record.name, tmp_path).unlink()
    assert Page(report.write([record], tmp_path).read_text("utf-8")).links == []
    assert not path.exists()


def test_a_grid_has_its_pictures_and_a_single_run_has_none(house, tmp_path):
    runs = [made(f"98_trial--{n}", parameters={"epochs": n}, loss=n) for n in (1, 2, 3)]
    grid = [replace(record, lesson="98_trial") for record in runs]
    page = Page(report.write(grid, tmp_path).read_text("utf-8"))
    (picture,) = page.pictures
    assert picture["alt"] == "the loss over epochs, 3 runs. Median: 1.0 at 1, 2.0 at 2, 3.0 at 3."
    assert picture["src"].startswith("data:image/png;base64,")
    assert page.open == []
    assert Page(report.write(grid[:1], tmp_path).read_text("utf-8")).pictures == []


@pytest.mark.parametrize(
    "parameters",
    [[{"optimizer": "<sgd>"}, {"optimizer": "adam"}], [{"epochs": 1}, {"epochs": 1, "seed": 3}]],
    ids=["texts", "one number each"],
)
def test_a_grid_without_several_numbers_has_no_pictures(house, tmp_path, parameters):
    runs = [made(f"98_trial--{n}", parameters=each, loss=n) for n, each in enumerate(parameters)]
    page = Page(
        report.write([replace(r, lesson="98_trial") for r in runs], tmp_path).read_text("utf-8")
    )
    assert page.pictures == []
    assert page.open == []


def test_runs_that_failed_or_recorded_nothing_leave_a_whole_report(house, tmp_path):
    failure = Failure(None, "", "DeadKernel", "the kernel was killed")
    runs = [
        made("98_trial--1", "failed", failure, {"epochs": 1}),
        made("98_trial--2", "timed out", failure, {"epochs": 2}),
    ]
    for gathered in (runs, [replace(each, lesson="98_trial") for each in runs], []):
        page = Page(report.write(gathered, tmp_path).read_text("utf-8"))
        assert f"0 of {len(gathered)} passed" in page.text
        assert "No run recorded a claim." in page.text
        assert page.text.count("DeadKernel: the kernel was killed") == len(gathered)
        assert page.pictures == []
        assert page.open == []


def test_every_machine_that_ran_something_is_named_with_its_runs(house, tmp_path):
    one = {"cores": "2", "vectors": "X86_V3"}
    runs = [replace(made(f"9{n}_trial"), machine=one) for n in (6, 7)]
    runs.append(replace(made("98_trial"), machine={"cores": "8", "vectors": "NEON"}))
    text = " ".join(Page(report.write(runs, tmp_path).read_text("utf-8")).text.split())
    assert "python 3; 2 cores, X86_V3 (2 runs)" in text
    assert "python 3; 8 cores, NEON (1 run)" in text
    text = Page(report.write(runs[:1], tmp_path).read_text("utf-8")).text
    assert "(1 run)" not in text
