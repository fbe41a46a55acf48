"""How a test reads a page in a real browser, as readers do: on a desktop, a phone and enlarged, light and dark.

Needs Chromium and the `browser` extra (playwright, axe); skips with a reason where either is missing.
"""

import shutil

import pytest

api = pytest.importorskip("playwright.sync_api", reason="install the browser extra")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="install the browser extra"
)
CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
if CHROMIUM is None:
    pytest.skip("no Chromium on this system", allow_module_level=True)

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 1000}
ZOOMED = {"width": 640, "height": 500}  # what is left of a desktop at 200%
FORMS = {
    "desktop": (DESKTOP, "light"),
    "desktop, dark": (DESKTOP, "dark"),
    "phone": (PHONE, "light"),
    "phone, dark": (PHONE, "dark"),
    "200%": (ZOOMED, "light"),
}


def picture_of(name, request):
    """Where a test keeps its picture of a page, in the form that it has the page in."""
    form = request.node.callspec.id.replace(", ", "-")
    return request.config.cache.mkdir("screenshots") / f"{name}-{form}.png"


def what_is_wrong(page, address, paths, request):
    """Open each of `paths` and return what a reader would miss: errors, foreign requests, sideways scrolling, axe.

    A picture of each page is kept in pytest's cache, under screenshots, to be looked at.
    """
    wrong = []
    page.on(
        "console",
        lambda said: wrong.append((said.text, said.location)) if said.type == "error" else None,
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "response", lambda got: wrong.append((got.status, got.url)) if got.status >= 400 else None
    )
    own = (address, "data:", "blob:")
    page.on(
        "request", lambda asked: wrong.append(asked.url) if not asked.url.startswith(own) else None
    )
    for path in paths:
        page.goto(f"{address}/{path}")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=picture_of(path.partition(".")[0], request), full_page=True)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{path} scrolls sideways")
        seen = list(wrong)  # while it works, axe looks for style sheets in places of its own
        found = axe.Axe().run(page).response["violations"]
        wrong[:] = [*seen, *((path, each["id"], each["nodes"][0]["html"]) for each in found)]
    return wrong
