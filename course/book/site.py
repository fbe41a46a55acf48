"""Build the site: whole or not at all.

Sphinx writes into a temporary folder. Only when it has not warned, every link on every page leads somewhere, every
picture says what it shows and no page asks another host for anything, that folder takes the place of the old site. Each
site lists what was made for it, so that a build deletes nothing else.
"""

import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat

from course.book import BookError, pages
from course.files import empty_folder, write_whole

CELL = re.compile(r"(\S+\.ipynb):(\d+)")  # a place in a notebook as Sphinx names it
LINES_A_CELL = 10_000  # how myst-nb counts: the line 30012 is line 12 of the third cell
MARKER = ".course-{kind}"  # in a built folder: all that the build made there
LITTER = {".DS_Store", "Thumbs.db"}  # of file managers
COLOR = re.compile(r"\x1b\[[\d;]*m")
SAID = {"alt", "title", "value", "content", "cite", "action"}  # whose addresses no page fetches
LOADED = ("src", "poster", "data")  # attributes whose file a page needs
ELSEWHERE = r"((?:https?:)?//[^\s'\")]+)"  # an address on another host
ADDRESS = re.compile(rf"\s*{ELSEWHERE}", re.IGNORECASE)
IN_STYLE = re.compile(rf"""(?:url\(|@import)\s*['"]?\s*{ELSEWHERE}""", re.IGNORECASE)


def build(site: Path) -> None:
    """Build the site in folder `site`, in place of the one there.

    Raises BookError for everything that is wrong with the pages, one line each; the old site then stays.
    """
    site = site.resolve()
    refuse_what_is_no_site(site)
    with tempfile.TemporaryDirectory(dir=parent(site), prefix=f".{site.name}.") as workshop:
        source = empty_folder(Path(workshop) / "source")
        made = Path(workshop) / "site"
        pages.write(source)
        sphinx(source, made, "html")
        _epub(source, made)
        if broken := list(problems(made)):
            raise BookError("\n".join(broken))
        replace(site, made)


def problems(site: Path) -> Iterator[str]:
    """Say what is wrong with a built site: links that lead nowhere, pictures without words, other hosts."""
    paths = (path for path in site.rglob("*.html") if path.parts[len(site.parts)] != "_static")
    read = {path: _Page(path) for path in sorted(paths)}
    for sheet in sorted(site.rglob("*.css")):
        for address in IN_STYLE.findall(sheet.read_text(encoding="utf-8")):
            yield f"{sheet.relative_to(site).as_posix()}: asks another host: {address}"
    for path, page in read.items():
        name = path.relative_to(site).as_posix()
        yield from (f"{name}: {problem}" for problem in page.problems)
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                yield f"{name}: the link {link} leads nowhere"
            elif (
                parts.fragment
                and target in read
                and unquote(parts.fragment) not in read[target].ids
            ):
                yield f"{name}: the link {link}: there is no such place on that page"


def parent(site: Path) -> Path:
    """Return the folder of `site`, made if need be."""
    site.parent.mkdir(parents=True, exist_ok=True)
    return site.parent


def _epub(source: Path, site: Path) -> None:
    """Add the whole as one e-book; what a browser alone uses stays out of it."""
    from course.book import epub

    made = source.with_name("epub")
    shutil.rmtree(source / "static" / "mathjax", ignore_errors=True)
    options = {"html_math_renderer": "mathml", "html_css_files": [], "html_js_files": []}
    options["html_extra_path"] = []
    sphinx(source, made, "epub", options)
    shutil.move(next(made.glob("*.epub")), site / epub.FILE)


def sphinx(source: Path, made: Path, builder: str, options: dict[str, Any] | None = None) -> None:
    """Run Sphinx in this process; what one builder has read, the next one uses. Raises BookError with all warnings."""
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    said = io.StringIO()
    with patch_docutils(source), docutils_namespace():
        app = Sphinx(
            source,
            source,
            made,
            source.with_name("doctrees"),
            builder,
            options,
            status=None,
            warning=said,
            parallel=2,
        )
        app.build(force_all=True)
    if warnings := COLOR.sub("", said.getvalue()).strip():
        raise BookError(
            "\n".join(_place(line, source) for line in warnings.splitlines() if line.strip())
        )


def _place(warning: str, source: Path) -> str:
    """Return a warning with the cell it is about, by the id that it has in notebooks/ as well."""

    def name(found: re.Match) -> str:
        path = Path(found[1])
        line = int(found[2])
        cells = nbformat.read(path, as_version=4).cells if path.exists() else []
        index = min(max(line // LINES_A_CELL - 1, 0), len(cells) - 1)
        return f"notebooks/{path.name}: cell {cells[index].id}" if cells else found[0]

    return CELL.sub(name, warning).replace(f"{source}/", "book/")


def refuse_what_is_no_site(site: Path, kind: str = "site") -> None:
    """Raise BookError where `site` is a file, or a folder that holds something that no build of this kind made."""
    if not site.exists() or (site.is_dir() and not any(site.iterdir())):
        return
    marker = site / MARKER.format(kind=kind)
    if not marker.is_file():
        raise BookError(
            f"{site}: is no {kind} of this version's builds, which have a file {marker.name}; delete it, or choose "
            "another folder"
        )
    made = {marker.name, *marker.read_text(encoding="utf-8").splitlines()}
    folders = any(path.is_dir() for path in site.iterdir())
    if folders and not any("/" in name for name in made):  # it listed the names at the top only
        raise BookError(f"{site}: was built by an earlier version; delete it once")
    if others := [name for name in _names(site) if name not in made]:
        raise BookError(
            f"{site / others[0]}: no build made this; move it, or choose another folder"
        )


def replace(site: Path, made: Path, kind: str = "site") -> None:
    """Put the new site in place of the old one. Raises BookError where something else is there."""
    old = made.with_name("old")
    refuse_what_is_no_site(site, kind)
    write_whole(made / MARKER.format(kind=kind), "\n".join(_names(made)))
    if site.exists():
        site.rename(old)
    try:
        made.rename(site)
    except OSError:
        if old.exists():
            old.rename(site)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _names(folder: Path) -> list[str]:
    """Return all that is in a folder and below it, but for what file managers leave there."""
    paths = (path for path in folder.rglob("*") if path.name not in LITTER)
    return sorted(path.relative_to(folder).as_posix() for path in paths)


class _Page(HTMLParser):
    """One page: the places on it, where its links lead, and what is wrong with it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.problems: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        have = {name: value or "" for name, value in attrs}
        self.ids.add(have.get("id", ""))
        if tag == "a":
            self.ids.add(have.get("name", ""))
        if tag == "img" and not have.get("alt", "").strip():
            self.problems.append(f"the picture {have.get('src', '')} has no alt text")
        if tag in ("a", "link") and "href" in have:
            self.links.append(have["href"])
        self.links += [have[name] for name in LOADED if have.get(name)]
        for name, value in have.items():
            only_named = name in SAID or name.startswith("xmlns") or have.get("rel") == "canonical"
            if not only_named and (tag, name) != ("a", "href"):
                self._refuse_elsewhere(tag, name, value)

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self._refuse_elsewhere("style", "style", data)

    def _refuse_elsewhere(self, tag: str, name: str, value: str) -> None:
        parts = value.split(",") if name.endswith("srcset") else [value]
        found = [match[1] for part in parts if (match := ADDRESS.match(part))]
        found += IN_STYLE.findall(value) if name == "style" else []
        self.problems += [f"<{tag}> asks another host: {address}" for address in found]
