"""A change as its reader will see it: each changed lesson before and after, side by side. Nothing is executed.

Before is what git has committed. After is what the source makes now, each cell with the output that is stored for it:
a cell whose code is new has none until `course build` runs it.
"""

import difflib
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode, v4

from course import catalog, claims
from course.authoring import build, glossary
from course.authoring.links import GLOSSARY
from course.book import BookError, pages, site
from course.book.lesson_page import parse, put_together
from course.catalog import Edition, Lesson, LessonError, all_lessons
from course.files import write_whole

SIDES = ("before", "after")
OF_ALL = (  # what decides how any lesson reads
    "lessons/glossary.toml",
    "lessons/times.toml",
    "course/authoring",
    "course/claims.py",
    "course/outputs.py",
)
LINK = re.compile(r"\]\((\w+)\.(ipynb|md)[#)]")
LESSON_LINK = re.compile(r"\[([^\]]+)\]\(\w+\.ipynb\)")
MARK = '<div class="change" id="change-{number}">Change {number} of {all}: {what}</div>'
Notebooks = Mapping[Edition, NotebookNode]


def write(folder: Path, lessons: Iterable[Lesson], ref: str) -> list[tuple[Lesson, int]]:
    """Write to `folder` a page for each of `lessons` that differs from commit `ref`; return these with their changes.

    The pages stand there whole or not at all. Raises BookError where git has no such commit, or a page cannot be made.
    """
    _git(
        "rev-parse",
        "--verify",
        "--quiet",
        f"{ref}^{{commit}}",
        why=f"{ref}: git has no such commit here",
    )
    folder = folder.resolve()
    site.refuse_what_is_no_site(folder, "preview")
    found = []
    with tempfile.TemporaryDirectory(
        dir=site.parent(folder), prefix=f".{folder.name}."
    ) as workshop:
        source = Path(workshop, "source")
        for lesson in _touched(lessons, ref):
            before = _committed(lesson, ref)
            after = build.stored_anew(lesson.name)
            if changes := _write_lesson(source, lesson, before, after):
                found.append((lesson, changes))
        context = {"changed": found, "ref": ref, "sides": SIDES}
        pages.write_frame(source)
        write_whole(source / "index.md", "# Before and after\n")
        for side, text in zip(SIDES, _glossaries(ref), strict=True) if found else ():
            terms = LESSON_LINK.sub(r"\1", text or "# Glossary\n")
            write_whole(source / side / GLOSSARY, _orphan(terms))
        made = Path(workshop, "site")
        site.sphinx(source, made, "html", {"html_sidebars": {"**": []}})
        write_whole(made / "index.html", pages.filled("parts/preview_index.html.j2", context))
        for lesson, changes in found:
            text = pages.filled(
                "parts/preview.html.j2", context | {"lesson": lesson, "changes": changes}
            )
            write_whole(made / f"{lesson.name}.html", text)
        site.replace(folder, made, "preview")
    return found


def _touched(lessons: Iterable[Lesson], ref: str) -> list[Lesson]:
    """Leave out the lessons of which no file and no result has changed since `ref`, to be quick."""
    listed = _run("status", "--porcelain", "--", "lessons", "notebooks").stdout
    listed += _run("diff", "--name-only", ref, "--", "lessons", "notebooks", *OF_ALL).stdout
    if any(name in listed for name in OF_ALL):
        return list(lessons)
    old = tomllib.loads(_show(f"{ref}:lessons/claims.toml") or "")
    new = claims.stored()
    changed = {name[:2] for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    return [each for each in lessons if each.name in listed or each.number in changed]


def _glossaries(ref: str) -> tuple[str | None, str | None]:
    """Return the glossary before and after; it is made anew, from all lessons, only where its terms have changed."""
    before = _show(f"{ref}:notebooks/{GLOSSARY}")
    terms = catalog.SOURCES / "glossary.toml"
    now = terms.read_text(encoding="utf-8") if terms.exists() else None
    return before, before if now == _show(f"{ref}:lessons/glossary.toml") else glossary.page()


def _committed(lesson: Lesson, ref: str) -> Notebooks | None:
    """Return both notebooks of `lesson` as they stand in `ref`; None where it has them not."""
    found: dict[Edition, NotebookNode] = {}
    for edition in build.EDITIONS:
        path = lesson.path(edition).relative_to(catalog.NOTEBOOKS.parent).as_posix()
        if (text := _show(f"{ref}:{path}")) is None:
            return None
        found[edition] = parse(text, f"{ref}:{path}")
    return found


def _write_lesson(source: Path, lesson: Lesson, before: Notebooks | None, after: Notebooks) -> int:
    """Write both sides of `lesson` with their changes marked, and what they link to; return how many there are."""
    sides = [put_together(lesson, each) if each else v4.new_notebook() for each in (before, after)]
    blocks = list(_changes(*(each.cells for each in sides)))
    for place, (side, notebook) in enumerate(zip(SIDES, sides, strict=True)):
        for number, block in reversed(list(enumerate(blocks, start=1))):
            what = _what(block, place)
            text = MARK.format(number=number, all=len(blocks), what=what)
            cell = v4.new_markdown_cell(text, id=f"{side}-{number}")
            notebook.cells.insert(block[1 + 2 * place], cell)
        if blocks:
            _write_page(source / side, lesson, notebook)
    return len(blocks)


def _changes(before: list[NotebookNode], after: list[NotebookNode]) -> Iterator[tuple]:
    """Give where two lists of cells differ: kind, start and end in the one, start and end in the other."""
    old, new = ([_content(cell) for cell in cells] for cells in (before, after))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return (block for block in matcher.get_opcodes() if block[0] != "equal")


def _content(cell: NotebookNode) -> str:
    """All of a cell that a reader sees."""
    return repr((cell.cell_type, cell.source, cell.metadata, cell.get("outputs", [])))


def _what(block: tuple, place: int) -> str:
    """Say in words what a mark on one of the two sides stands for."""
    kind, *places = block
    cells = places[2 * place + 1] - places[2 * place]
    if not cells:
        return "nothing here, cells on the other side"
    only = "" if kind == "replace" else ", on this side alone"
    return f"the next {cells} cells{only}" if cells > 1 else f"the next cell{only}"


def _write_page(folder: Path, lesson: Lesson, notebook: NotebookNode) -> None:
    """Write a page, and for each page that it links to one that holds no more than its name."""
    notebook.metadata["orphan"] = True
    write_whole(folder / f"{lesson.name}.ipynb", nbformat.writes(notebook))
    for name, kind in LINK.findall("\n".join(cell.source for cell in notebook.cells)):
        target = folder / f"{name}.{kind}"
        known = {f"{each.name}.ipynb" for each in all_lessons()}
        known |= {page.name for page in pages.BOOK.glob("*.md")}
        if target.exists() or target.name not in known:  # then Sphinx names the link
            continue
        title = v4.new_markdown_cell(f"# {name}", id="title")
        stub = v4.new_notebook(cells=[title], metadata={"orphan": True})
        write_whole(target, _orphan(f"# {name}\n") if kind == "md" else nbformat.writes(stub))


def _orphan(text: str) -> str:
    return f"---\norphan: true\n---\n\n{text}"


def _show(place: str) -> str | None:
    """Return a file as git has it, such as "HEAD:README.md"; None where it has none."""
    done = _run("show", place)
    return done.stdout if done.returncode == 0 else None


def _git(*arguments: str, why: str) -> None:
    if _run(*arguments).returncode:
        raise BookError(why)


def _run(*arguments: str) -> Any:
    try:
        return subprocess.run(
            ["git", *arguments],
            cwd=catalog.NOTEBOOKS.parent,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
    except FileNotFoundError:
        raise LessonError(
            "course preview compares with what git has; there is no git here"
        ) from None
