"""From `make lab` to the first tick: the start page, a lesson, its links, and the way back."""

import pytest

from course.catalog import all_lessons
from course.cli.lab import write_pages
from course.learner.copies import update
from tests.browser.driving import PANEL, api

PREVIEW = ".jp-MarkdownViewer:not(.lm-mod-hidden)"
FIRST = all_lessons()[0]


@pytest.fixture(scope="module")
def opened(lab, given, page, monkeypatch_module):
    """The page right after the lab has opened, as `course lab` opens it."""
    address, work = lab
    monkeypatch_module.setenv("JUPYTER_DATA_DIR", str(work.parent / "DATA"))
    update(work, given)
    write_pages(work)
    open_anew(page, address)
    return address, work


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def open_anew(page, address):
    """Open the lab where it opens by itself, and wait for the start page."""
    page.goto(f"{address}/?reset", wait_until="domcontentloaded")
    page.locator(PREVIEW).get_by_role("heading", name="Training neural networks").wait_for(
        timeout=60_000
    )


def open_lesson(page, address, name):
    """Open a lesson in a workspace of its own, and return its panel when its first cell can be read."""
    page.goto(
        f"{address}/lab/workspaces/read-{name}/tree/{name}.ipynb", wait_until="domcontentloaded"
    )
    panel = page.locator(PANEL)
    panel.get_by_role("link", name="Start page").first.wait_for(timeout=60_000)
    return panel


def test_the_lab_opens_on_the_start_page_and_asks_nothing(opened, page):
    page.wait_for_timeout(3_000)
    assert page.locator(".jp-Launcher").count() == 0
    assert page.locator(".Toastify__toast").count() == 0
    assert (
        page.locator(PREVIEW)
        .get_by_text(f"Begin here: {FIRST.number} {FIRST.header['title']}")
        .is_visible()
    )


def test_one_kernel_is_offered(opened, page):
    page.locator(".lm-TabBar-addButton:not(.lm-mod-hidden)").first.click()
    tiles = page.locator(".jp-LauncherCard[data-category='Notebook']").filter(has_text="Python")
    tiles.first.wait_for()
    assert tiles.count() == 1


def test_the_start_page_leads_to_a_lesson_and_the_lesson_to_a_term_its_solution_and_back(
    opened, page
):
    address, _ = opened
    open_anew(page, address)
    page.locator(PREVIEW).get_by_role(
        "link", name=f"{FIRST.number} {FIRST.header['title']}"
    ).first.click()
    lesson = page.locator(PANEL)
    lesson.get_by_role("heading", name="1. Gradient descent").wait_for(timeout=30_000)
    assert lesson.locator(".jp-OutputArea-output").count() == 0

    lesson.get_by_role("link", name="learning rate").first.click()
    term = page.locator(PREVIEW).get_by_role("heading", name="learning rate", exact=True)
    api.expect(term).to_be_in_viewport(timeout=10_000)

    lesson = open_lesson(page, address, FIRST.name)
    solved = lesson.get_by_role("link", name="This lesson, solved")
    to_the_end = "panel => panel.scrollTo(0, panel.scrollHeight)"  # JupyterLab renders a cell when it comes into view
    while not solved.count():
        lesson.locator(".jp-WindowedPanel-outer").evaluate(to_the_end)
        page.wait_for_timeout(200)
    solved.click()
    page.locator(PANEL).get_by_role("link", name="Back to your own notebook").wait_for(
        timeout=30_000
    )
    page.locator(PANEL).get_by_role("link", name="Start page").first.click()
    api.expect(
        page.locator(PREVIEW).get_by_role("heading", name="Training neural networks")
    ).to_be_visible()
