"""All pages of the site, as Sphinx reads them: book/*.md filled with what is stored, and one page a lesson.

The pages lie side by side, as the notebooks do, so that a link from one to another is the same in both.
"""

import re
import shutil
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markdown_it import MarkdownIt

from course import ROOT, catalog, claims
from course.authoring import frame
from course.authoring.links import linked
from course.authoring.source import read
from course.book import BookError, results
from course.book.lesson_page import page
from course.book.strip import strip
from course.catalog import Lesson, all_lessons
from course.files import write_whole

BOOK = ROOT / "book"
MATHJAX = "static/mathjax/es5/tex-svg-full.js"  # of the package: one file, which asks for no other
TO_SOURCE = re.compile(
    r"\]\((\w+)\.(?:md|ipynb)(?=[#)])"
)  # a link from one notebook or page to another
LEARNED = re.compile(r"^## What you have learned\n+(.+?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
HOURS_A_WEEK = 6  # in class and at home
ALONGSIDE = (
    "GLOSSARY.md",
)  # pages that the build writes beside the notebooks; index.md stands for START.md


@dataclass(frozen=True)
class Entry:
    """A lesson as the site lists it."""

    lesson: Lesson

    @property
    def name(self) -> str:
        return self.lesson.name

    @property
    def number(self) -> str:
        return self.lesson.number

    @property
    def header(self) -> dict[str, Any]:
        return self.lesson.header

    @cached_property
    def minutes(self) -> tuple[int, int]:
        """Minutes to work through it and for its exercises, as its opening states them."""
        return frame.minutes(read(self.name))

    @property
    def learned(self) -> str:
        """What its closing section says that you have learned, with the results filled in; empty without one."""
        notebook = nbformat.read(self.lesson.notebook("learner"), as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown" and (found := LEARNED.search(cell.source)):
                return found.group(1)
        return ""

    @property
    def times(self) -> dict[str, Any]:
        """Seconds as measured: by the clock in each mode, and under "processor" those of the processor."""
        return catalog.times().get(self.number, {})

    @property
    def machine(self) -> dict[str, dict[str, str]]:
        """Versions and machine on which its results were measured, by mode."""
        return claims.stored().get(self.number, {})


def write(folder: Path) -> None:
    """Write everything that Sphinx reads to `folder`, which is empty. Raises BookError, naming file and cell."""
    write_frame(folder)
    entries = [Entry(lesson) for lesson in all_lessons()]
    context = _context(entries)
    for source in sorted(BOOK.glob("*.md")):
        write_whole(folder / source.name, filled(source.name, context))
    for name in ALONGSIDE:
        if (catalog.NOTEBOOKS / name).exists():
            shutil.copy(catalog.NOTEBOOKS / name, folder)
    for entry in entries:
        write_lesson(entry.lesson, folder)


def write_frame(folder: Path) -> None:
    """Write what is not a page: settings, style sheets, scripts."""
    shutil.copytree(BOOK / "static", folder / "static")
    shutil.copy(BOOK / "conf.py", folder)
    (folder / "files").mkdir()
    script = resources.files("mathjax").joinpath(*MATHJAX.split("/"))
    write_whole(folder / "static" / "mathjax" / MATHJAX.rpartition("/")[2], script.read_bytes())


def write_lesson(lesson: Lesson, folder: Path) -> None:
    """Write the page of one lesson, and its two notebooks to be downloaded."""
    opening = filled("parts/opening.md.j2", {"lesson": lesson, "repository": repository()})
    write_whole(
        folder / f"{lesson.name}.ipynb",
        nbformat.writes(page(lesson, results.anchors(lesson), opening)),
    )
    for edition in ("learner", "solutions"):
        path = lesson.notebook(edition)  # type: ignore[arg-type]
        write_whole(
            folder / "files" / "notebooks" / path.relative_to(catalog.NOTEBOOKS), path.read_bytes()
        )


def repository() -> str:
    """Return the address of the course's repository, from pyproject.toml; empty while it has none."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project.get("urls", {}).get("Repository", "")


def weeks(entries: list[Entry], hours: float = HOURS_A_WEEK) -> list[list[Entry]]:
    """Deal the lessons out in order into weeks of at most `hours`; a lesson that is longer has a week of its own."""
    dealt: list[list[Entry]] = []
    left = 0.0
    for entry in entries:
        minutes = sum(entry.minutes)
        if minutes > left:
            dealt.append([])
            left = 60 * hours
        dealt[-1].append(entry)
        left -= minutes
    return dealt


def _context(entries: list[Entry]) -> dict[str, Any]:
    return {
        "lessons": entries,
        "weeks": weeks(entries),
        "hours": HOURS_A_WEEK,
        "results": results.measured(),
        "unmeasured": results.unmeasured(),
        "not_reached": [each for entry in entries for each in results.not_reached(entry.lesson)],
        "text": lambda name: (ROOT / name).read_text(encoding="utf-8"),
        "alongside": [name for name in ALONGSIDE if (catalog.NOTEBOOKS / name).exists()],
        "repository": repository(),
    }


def filled(name: str, context: dict[str, Any]) -> str:
    """Return one file of book/ with the context filled in. Raises BookError for what it does not know."""
    environment = Environment(
        loader=FileSystemLoader(BOOK), undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"strip_plot": strip, "inline": _inline, "linked": linked}
    try:
        return environment.get_template(name).render(context) + "\n"
    except TemplateError as error:
        raise BookError(f"book/{name}: {error}") from None


def _inline(text: str) -> str:
    """Return Markdown of a notebook as HTML of a page, its links led to the pages."""
    return MarkdownIt("commonmark").renderInline(TO_SOURCE.sub(r"](\1.html", text))
