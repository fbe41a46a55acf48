"""A learner's first minutes: JupyterLab in a real browser, Run All, figures there, outputs accessible."""

import json
import re

from course.catalog import all_lessons
from course.learner.copies import update
from tests.browser.driving import PANEL, api, axe, run_all

NOT_OURS = {
    "aria-input-field-name",  # ipywidgets gives its sliders a label that is not tied to them
    "empty-table-header",  # pandas leaves the corner of a table empty
}


def test_a_solution_that_the_lab_handed_out_has_its_alt_texts_before_anything_is_run(
    lab, page, monkeypatch
):
    address, work = lab
    monkeypatch.setenv(
        "JUPYTER_DATA_DIR", str(work.parent / "DATA")
    )  # where the server looks for what is trusted
    update(work)
    name = all_lessons()[1].name
    page.goto(
        f"{address}/lab/workspaces/stored/tree/solutions/{name}.ipynb",
        wait_until="domcontentloaded",
    )
    picture = page.locator(f"{PANEL} .jp-OutputArea-output img").first
    picture.wait_for(timeout=60_000)
    api.expect(picture).to_have_attribute("alt", re.compile(".{40,}"), timeout=10_000)


def test_the_first_lesson_runs_in_jupyterlab_with_its_figures_and_without_outside_requests(
    lab, page
):
    address, work = lab
    original = all_lessons()[0].path("learner")
    notebook = json.loads(original.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    (work / original.name).write_text(json.dumps(notebook), encoding="utf-8")
    outside = []
    own = (address, "data:", "blob:", f"ws{address.removeprefix('http')}")
    page.on(
        "request",
        lambda request: outside.append(request.url) if not request.url.startswith(own) else None,
    )
    panel = run_all(page, address, original.name, timeout=120)

    assert panel.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert panel.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
    pictures = panel.locator(".jp-OutputArea-output img")
    assert pictures.count() >= 3
    for picture in pictures.all():
        assert picture.evaluate("element => element.naturalWidth") > 100
        assert len(picture.get_attribute("alt") or "") > 40
    assert outside == []
    found = axe.Axe().run(page, context=".jp-NotebookPanel .jp-OutputArea").response["violations"]
    assert [violation["id"] for violation in found if violation["id"] not in NOT_OURS] == []
