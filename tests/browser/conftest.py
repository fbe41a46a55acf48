"""JupyterLab on a learner's folder, and a real browser. Needs Chromium and the `browser` extra (playwright, axe)."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

from course.authoring.notebook import make
from course.authoring.source import read
from course.catalog import all_lessons
from course.cli import lab as handed_out

MISSING = "Playwright is not installed; install it: python bootstrap.py browser"
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder of notebooks as the lessons make them, not executed."""
    folder = tmp_path_factory.mktemp("notebooks")
    for lesson in all_lessons():
        for edition, path in (("learner", folder), ("solutions", folder / "solutions")):
            path.mkdir(exist_ok=True)
            nbformat.write(
                make(read(lesson.name), edition, quotes=False), path / f"{lesson.name}.ipynb"
            )
    return folder


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
    folders |= {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "spaces"),
    }
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        f"--ServerApp.root_dir={work}",
        "--IdentityProvider.token=",
    ]
    options += [
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
    ]
    with (home / "lab.log").open("w") as log:
        program = [str(Path(sys.executable).parent / "jupyter-lab"), *options]
        server = subprocess.Popen(
            program,
            env=os.environ | {"HOME": str(home)} | folders | handed_out.environment(),
            stdout=log,
            stderr=log,
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
    server.wait(60)


@pytest.fixture(scope="module")
def page():
    """A page of a browser of its own; without one the test is skipped."""
    api = pytest.importorskip("playwright.sync_api", reason=MISSING)
    if CHROMIUM is None:
        pytest.skip("no Chromium on this system")
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
