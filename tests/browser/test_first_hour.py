"""From `make lab` to the first tick: the start page, a lesson, its links, and the way back."""

import nbformat
import pytest

from course.catalog import all_lessons, find
from course.cli.lab import write_pages
from course.learner.copies import update
from tests.browser.driving import PANEL, api, axe, open_and_settle, run_all

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


def come_to(page, lesson, found):
    """Scroll through a lesson until `found` is in view: JupyterLab renders a cell when it comes near."""
    on = """panel => panel.scrollTop + panel.clientHeight < panel.scrollHeight - 1
        ? panel.scrollBy(0, panel.clientHeight / 2) : panel.scrollTo(0, 0)"""
    while not (found.count() and found.first.is_visible()):
        lesson.locator(".jp-WindowedPanel-outer").evaluate(on)
        page.wait_for_timeout(200)
    found.first.scroll_into_view_if_needed()
    return found.first


def solve(path, exercise):
    """Write the solution of an exercise into the learner's notebook at `path`."""
    solution = find(exercise[:2]).exercises[exercise].solution
    notebook = nbformat.read(path, as_version=4)
    prefix = f"exercise-{exercise.replace('.', '-')}-"
    answers = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").startswith(prefix)
    ]
    answers[0].source = solution
    nbformat.write(notebook, path)


def assert_readable(page, selector):
    """No prose is wider than its column, and axe finds nothing."""
    found = axe.Axe().run(page, context=selector).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []
    wide = []
    for each in page.locator(selector).element_handles():
        each.evaluate("each => each.scrollIntoView()")  # JupyterLab lays out only what is near
        page.wait_for_timeout(100)
        if each.evaluate("each => each.scrollWidth > each.clientWidth + 1"):
            wide.append(each.inner_text())
    assert wide == []


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
    come_to(page, lesson, lesson.get_by_role("link", name="This lesson, solved")).click()
    page.locator(PANEL).get_by_role("link", name="Back to your own notebook").wait_for(
        timeout=30_000
    )
    page.locator(PANEL).get_by_role("link", name="Start page").first.click()
    api.expect(
        page.locator(PREVIEW).get_by_role("heading", name="Training neural networks")
    ).to_be_visible()


def test_a_prediction_has_its_answer_folded(opened, page):
    address, _ = opened
    lesson = open_lesson(page, address, FIRST.name)
    fold = come_to(page, lesson, lesson.locator("details", has_text="times as far"))
    api.expect(fold.get_by_text("farther")).to_be_hidden()
    fold.get_by_text("Then open").click()
    api.expect(fold.get_by_text("farther")).to_be_visible()


def test_the_first_right_answer_shows_on_the_start_page_when_the_lab_starts_again(
    opened, given, page
):
    address, work = opened
    solve(work / f"{FIRST.name}.ipynb", "01.1")
    lesson = run_all(page, address, f"{FIRST.name}.ipynb", timeout=120)
    api.expect(lesson.get_by_text("1 of 4 exercises right; to do: 01.2, 01.3, 01.4")).to_be_visible(
        timeout=20_000
    )
    page.keyboard.press("Control+s")
    page.wait_for_timeout(2_000)
    update(work, given)
    write_pages(work)
    open_anew(page, address)
    row = page.locator(PREVIEW).get_by_role("row").filter(has_text="Gradient descent")
    api.expect(row.get_by_role("cell").first).to_have_text("1 of 4")


@pytest.mark.parametrize("width", [1280, 800, 640])  # the last is 1280 at 200 %
def test_the_courses_pages_need_no_sideways_scrolling_and_break_no_rule_of_accessibility(
    opened, page, width
):
    address, _ = opened
    page.set_viewport_size({"width": width, "height": 1000})
    open_anew(page, address)
    assert_readable(page, PREVIEW)
    page.locator(PREVIEW).get_by_role("link", name="glossary").click()
    page.locator(PREVIEW).get_by_role("heading", name="Glossary").wait_for()
    assert_readable(page, PREVIEW)
    open_lesson(page, address, FIRST.name)
    assert_readable(page, f"{PANEL} .jp-MarkdownOutput")


WRONG = "def mean_step(weights, X, y, rate):\n    return weights - rate * X.T @ (y - X @ weights)"
RIGHT = find("01").exercises["01.1"].solution


@pytest.fixture(scope="module")
def exercise(opened, given):
    """A short notebook with exercise 01.1 alone, and what it rests on."""
    _, work = opened
    notebook = nbformat.read(given / f"{FIRST.name}.ipynb", as_version=4)
    begin = next(i for i, cell in enumerate(notebook.cells) if "begin(" in cell.source)
    own = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id", "").startswith("exercise-01-1")
    ]
    notebook.cells = [
        *notebook.cells[: begin + 1],
        nbformat.v4.new_code_cell("import numpy as np"),
        *own,
    ]
    nbformat.write(notebook, work / "keyboard.ipynb")
    return notebook


def test_an_exercise_is_solved_by_keyboard_alone_and_what_it_says_can_be_read_in_the_dark_theme(
    opened, exercise, page
):
    address, work = opened
    page.set_viewport_size({"width": 1280, "height": 1400})
    panel = open_and_settle(page, address, "keyboard.ipynb")
    keys = page.keyboard
    keys.press("Escape")
    for _ in exercise.cells:
        keys.press("k")
    for _ in exercise.cells[:-2]:
        keys.press("Shift+Enter")
    answer_and_check(keys, WRONG)
    status = panel.get_by_role("status").last
    api.expect(status).to_contain_text("Exercise 01.1: wrong.", timeout=60_000)
    first = status.inner_text()
    keys.press("Escape")
    keys.press("b")
    keys.press("Enter")
    keys.insert_text('hint("01.1")')
    keys.press("Shift+Enter")
    api.expect(panel.get_by_role("status")).to_have_count(2, timeout=30_000)
    assert len(panel.get_by_role("status").last.inner_text()) > len(first)
    keys.press("Escape")
    for _ in range(len(exercise.cells) + 2):  # the hint's cell, and the one that opened below it
        keys.press("k")
    for _ in range(len(exercise.cells) - 2):
        keys.press("j")
    answer_and_check(keys, RIGHT)
    api.expect(panel.get_by_role("status").first).to_contain_text(
        "Exercise 01.1: right.", timeout=30_000
    )

    keys.press("Escape")
    keys.press("Control+s")
    page.wait_for_timeout(2_000)
    settings = work.parent / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    chosen = settings / "themes.jupyterlab-settings"
    chosen.write_text('{"theme": "JupyterLab Dark"}')
    panel = open_and_settle(page, address, "keyboard.ipynb")
    chosen.unlink()
    api.expect(panel.get_by_role("status").first).to_be_visible(timeout=30_000)
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"
    assert_readable(page, f"{PANEL} .jp-MarkdownOutput")
    assert_readable(page, f"{PANEL} [role=status]")


def answer_and_check(keys, answer):
    """Write an answer into the selected cell, run it, and the check below it."""
    keys.press("Enter")
    keys.press("Control+a")
    keys.insert_text(answer)
    keys.press("Shift+Enter")
    keys.press("Shift+Enter")
