"""How a test drives JupyterLab."""

import json
import re
import time
import urllib.request
from pathlib import Path

import pytest

MISSING = "Playwright is not installed; install it: python bootstrap.py browser"
api = pytest.importorskip("playwright.sync_api", reason=MISSING)
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=MISSING)

PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"


def settled_kernel(address, path):
    """The id of the notebook's only kernel when it is connected and idle, else None."""
    sessions = json.load(urllib.request.urlopen(f"{address}/api/sessions"))
    kernels = [session["kernel"] for session in sessions if session["path"] == path]
    ready = (
        len(kernels) == 1
        and kernels[0]["connections"] >= 1
        and kernels[0]["execution_state"] == "idle"
    )
    return kernels[0]["id"] if ready else None


def open_and_settle(page, address, path):
    """Open notebook `path` and return its panel when its kernel has been ready for a second.

    JupyterLab may drop the first kernel that it started.
    """
    page.goto(
        f"{address}/lab/workspaces/{Path(path).stem}/tree/{path}", wait_until="domcontentloaded"
    )
    panel = page.locator(PANEL)
    panel.wait_for(timeout=60_000)
    seen = None
    since = time.monotonic()
    end = time.monotonic() + 60
    while time.monotonic() < end and not (seen and time.monotonic() - since > 1):
        kernel = settled_kernel(address, path)
        if kernel is None or kernel != seen:
            seen = kernel
            since = time.monotonic()
        page.wait_for_timeout(200)
    return panel


def run_all(page, address, path, *, timeout):
    """Open notebook `path`, choose Run All Cells, wait for the last prompt, return the notebook's panel."""
    panel = open_and_settle(page, address, path)
    prompts = panel.locator(".jp-CodeCell .jp-InputArea-prompt")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    api.expect(prompts.first).to_have_text(re.compile(r"\[(\*|\d+)\]:"), timeout=10_000)
    api.expect(prompts.last).to_have_text(re.compile(r"\[\d+\]:"), timeout=1000 * timeout)
    return panel
