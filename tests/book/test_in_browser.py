"""The site as readers meet it: in a real browser, light and dark, on a phone, by keyboard alone.

Needs Chromium and the `browser` extra (playwright, axe); skips with a reason where either is missing.
"""

import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from course.catalog import all_lessons
from tests.book.reading import DESKTOP, FORMS, PHONE, api, picture_of, what_is_wrong

PAGES = [  # one of each type
    "index.html",
    "lessons.html",
    "takeaways.html",
    "03_classification.html",
    "claims.html?lesson=03",
    "teaching.html",
    "authors.html",
    "GLOSSARY.html",
    "times.html",
    "data.html",
    "reading.html",
    "about.html",
    "versions.html",
    "changelog.html",
    "citation.html",
    "search.html?q=momentum",
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.parametrize("page", FORMS.values(), indirect=True, ids=FORMS)
def test_each_type_of_page_is_quiet_fits_and_is_accessible(address, page, request):
    assert what_is_wrong(page, address, PAGES, request) == []


@pytest.mark.parametrize(
    "page", [(DESKTOP, "light"), (PHONE, "light")], indirect=True, ids=["desktop", "phone"]
)
@pytest.mark.parametrize(
    ("clicks", "shown"),
    [
        (["Glossary"], "#overfitting, #epoch"),  # a definition
        (["differs from the published one"], "#claims tr:visible .verdict"),  # theirs and ours
        (["Gradient descent", "Solution"], "details:has(summary:has-text('Solution')) pre"),
        (["Teach"], "strong:has-text('hours')"),  # the minutes of a term
    ],
)
def test_what_readers_look_for_is_three_clicks_from_the_front_page(address, page, clicks, shown):
    page.goto(f"{address}/index.html")
    done = 0
    for words in clicks:
        found = page.locator("a, summary").filter(has_text=words)
        if found.locator("visible=true").count() == 0:  # on a phone, in the menu
            page.get_by_role("button", name="Site navigation").click()
            done += 1
        found.locator("visible=true").first.click()
        done += 1
    api.expect(page.locator(shown).first).to_be_visible()
    assert done <= 3


def test_folds_of_a_lesson_open_and_close_by_keyboard_alone(address, page):
    page.goto(f"{address}/01_gradient_descent.html")
    for words in ("If you say A", "Then open", "Hints", "Solution"):
        summary = page.locator("summary", has_text=words).first
        summary.focus()
        page.keyboard.press("Enter")
        fold = summary.locator("xpath=..")
        api.expect(fold).to_have_attribute("open", "")
        page.keyboard.press("Space")
        api.expect(fold).not_to_have_attribute("open", "")


@pytest.mark.parametrize("page", FORMS.values(), indirect=True, ids=FORMS)
def test_a_solution_is_folded_until_it_is_opened(address, page, request):
    page.goto(f"{address}/01_gradient_descent.html")
    fold = page.locator("details", has=page.locator("summary", has_text="Solution")).first
    code = fold.locator("pre")
    api.expect(code).to_be_hidden()
    fold.locator("summary").click()
    api.expect(code).to_be_visible()
    api.expect(code).to_contain_text("return")
    fold.screenshot(path=picture_of("solution", request))


def test_formulas_are_set_without_another_host(address, page):
    page.goto(f"{address}/01_gradient_descent.html")
    formula = page.locator("mjx-container svg").first
    formula.wait_for()
    assert formula.evaluate("element => element.getBoundingClientRect().width") > 5


def test_the_search_finds_a_term_and_leads_to_its_lesson(address, page):
    page.goto(f"{address}/search.html?q=imbalance")
    found = page.locator("#search-results a", has_text="Imbalance").first
    found.wait_for()
    found.click()
    page.wait_for_url("**/09_imbalance.html*")


def test_the_page_of_claims_works_by_keyboard_alone(address, page):
    page.goto(f"{address}/claims.html")
    rows = page.locator("#claims tbody tr:visible")
    every = rows.count()
    page.get_by_label("Words").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("spreads")  # chooses in the list that has the focus
    api.expect(page.locator("select[name=show]")).to_have_value("spread")
    spreads = page.locator('#claims tbody tr[data-show~="spread"]').count()
    assert 0 < spreads < every
    assert rows.count() == spreads
    api.expect(page.locator("#claims-count")).to_have_text(f"{spreads} of {every} rows shown.")

    page.keyboard.press("Tab")  # lesson
    page.keyboard.press("Tab")  # show all
    page.keyboard.press("Enter")
    api.expect(page.locator("#claims-count")).to_contain_text("Published figures beside ours")
    page.keyboard.press("Tab")  # the first heading, already ascending
    page.keyboard.press("Enter")
    api.expect(page.locator("#claims [aria-sort]")).to_have_attribute("aria-sort", "descending")
    assert rows.first.get_attribute("data-lesson") == all_lessons()[-1].number


def test_published_and_different_is_one_click_from_the_front_page_and_leads_to_the_cell(
    address, page
):
    page.goto(f"{address}/index.html")
    page.get_by_role("link", name="differs from the published one").click()
    page.wait_for_url("**/claims.html?show=differs")
    rows = page.locator("#claims tbody tr:visible")
    assert rows.count() == page.locator('#claims tr[data-show~="differs"]').count() > 0
    for row in rows.all():
        assert "different: ours are" in row.inner_text()


def test_the_page_of_claims_works_from_a_file(site, page):
    page.goto(f"{(site / 'claims.html').as_uri()}?lesson=05")
    shown = {
        row.get_attribute("data-lesson") for row in page.locator("#claims tbody tr:visible").all()
    }
    assert shown == {"05"}
