"""A learner's first minutes: JupyterLab in a real browser, Run All, figures there, outputs accessible.

Needs Chromium and the `browser` extra (playwright, axe); skips with a reason where either is missing.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from course.catalog import all_lessons
from course.cli.lab import environment
from course.learner.copies import update

MISSING = "Playwright is not installed; install it: python bootstrap.py browser"
api = pytest.importorskip("playwright.sync_api", reason=MISSING)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=MISSING)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium on this system", allow_module_level=True)


NOT_OURS = {
    "aria-input-field-name",  # ipywidgets gives its sliders a label that is not tied to them
    "empty-table-header",  # pandas leaves the corner of a table empty
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab of its own on a folder of learner's notebooks: its address and the folder."""
    home = tmp_path_factory.mktemp("lab")
    work = home / "my course"
    work.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    folders |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(home / "spaces")}
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        f"--ServerApp.root_dir={work}",
        "--IdentityProvider.token=",
    ]
    options += ["--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", "--LabApp.news_url=None"]
    with (home / "lab.log").open("w") as log:
        program = [str(Path(sys.executable).parent / "jupyter-lab"), *options]
        server = subprocess.Popen(
            program, env=os.environ | {"HOME": str(home)} | folders | environment(), stdout=log, stderr=log
        )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=1)
            break
        except OSError:
            time.sleep(0.5)
    yield address, work
    server.terminate()
    server.wait(20)


@pytest.fixture(scope="module")
def page():
    options = [
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
    ]
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser.new_page(viewport={"width": 1280, "height": 1400})
        browser.close()


def settled_kernel(address, path):
    """The id of the notebook's only kernel when it is connected and idle, else None."""
    sessions = json.load(urllib.request.urlopen(f"{address}/api/sessions"))
    kernels = [session["kernel"] for session in sessions if session["path"] == path]
    ready = len(kernels) == 1 and kernels[0]["connections"] >= 1 and kernels[0]["execution_state"] == "idle"
    return kernels[0]["id"] if ready else None


def run_all(page, address, path, *, timeout):
    """Open notebook `path`, choose Run All Cells, wait for the last prompt, return the notebook's panel.

    JupyterLab may drop the first kernel that it started, so wait until one has been ready for a second.
    """
    page.goto(f"{address}/lab/workspaces/{Path(path).stem}/tree/{path}", wait_until="domcontentloaded")
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    panel.wait_for(timeout=60_000)
    seen, since, end = None, time.monotonic(), time.monotonic() + 60
    while time.monotonic() < end and not (seen and time.monotonic() - since > 1):
        kernel = settled_kernel(address, path)
        if kernel is None or kernel != seen:
            seen, since = kernel, time.monotonic()
        page.wait_for_timeout(200)
    prompts = panel.locator(".jp-CodeCell .jp-InputArea-prompt")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    api.expect(prompts.first).to_have_text(re.compile(r"\[(\*|\d+)\]:"), timeout=10_000)
    api.expect(prompts.last).to_have_text(re.compile(r"\[\d+\]:"), timeout=1000 * timeout)
    return panel


def test_a_lesson_that_the_lab_handed_out_has_its_alt_texts_before_anything_is_run(lab, page, monkeypatch):
    address, work = lab
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(work.parent / "DATA"))  # where the server looks for what is trusted
    update(work)
    name = all_lessons()[1].path("learner").name
    page.goto(f"{address}/lab/workspaces/stored/tree/{name}", wait_until="domcontentloaded")
    picture = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output img").first
    picture.wait_for(timeout=60_000)
    api.expect(picture).to_have_attribute("alt", re.compile(".{40,}"), timeout=10_000)


def test_the_first_lesson_runs_in_jupyterlab_with_its_figures_and_without_outside_requests(lab, page):
    address, work = lab
    original = all_lessons()[0].path("learner")
    notebook = json.loads(original.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    (work / original.name).write_text(json.dumps(notebook), encoding="utf-8")
    outside = []
    own = (address, "data:", "blob:", f"ws{address.removeprefix('http')}")
    page.on("request", lambda request: outside.append(request.url) if not request.url.startswith(own) else None)
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
