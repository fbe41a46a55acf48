"""Every result of the course in words, as the page of claims shows it: what was published and what came out here.

Three places are put together, and nothing is skipped: lessons/claims.toml (what was measured), the stored notebooks
(which cell computes it; what was hoped for and not reached) and the lessons' text (what nobody has measured yet).
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

from course import claims, outputs
from course.authoring.source import read
from course.book import BookError
from course.book.lesson_page import anchor, read_notebook
from course.catalog import Lesson, all_lessons
from course.claims import Band, Claim

NOT_REACHED = re.compile(r"\bnot\s+reached\b", re.IGNORECASE)
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*[-*] )")  # between paragraphs, and between the items of a list
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z*\"])")
KINDS = ("fact", "bound", "spread")


@dataclass(frozen=True)
class Result:
    """One claim of `lesson` as it was measured: `entry` is what claims.toml says of it, `machine` where it was run."""

    name: str
    lesson: Lesson
    entry: dict[str, Any]
    machine: dict[str, dict[str, str]]
    cell: str | None = None  # which computes it

    @property
    def kind(self) -> str:
        return self.entry["kind"]

    @property
    def words(self) -> str:
        return self.entry["words"]

    @property
    def href(self) -> str:
        return f"{self.lesson.name}.html" + (f"#{anchor(self.cell)}" if self.cell else "")

    def band(self, mode: str = "full") -> Band | None:
        """Return the results over seeds in `mode`; None where it was not measured."""
        if mode not in self.entry:
            return None
        return Band(self.entry[mode]["values"], self.entry["digits"], self.entry["unit"])

    @property
    def shown(self) -> str:
        """Median and range of full mode; a fact that is true "holds", one that is a number shows it."""
        found = self.band()
        return "holds" if self._is_plain else str(found or "")

    @property
    def promise(self) -> str:
        """What the text promises of it in full mode, in words; empty where it promises nothing."""
        if self._is_plain:
            return "must hold"
        return self.claim("full").promise if self.band() else ""

    @property
    def published(self) -> float | None:
        return self.entry.get("published")

    @property
    def published_shown(self) -> str:
        found = self.entry["unit"]
        return "" if self.published is None else f"{self.published:g}{f' {found}' if found else ''}"

    @property
    def comparison(self) -> str:
        """Where the published figure lies beside our runs: "same", "higher" or "lower" are ours."""
        found = self.band()
        if self.published is None or found is None:
            return ""
        if found.low <= self.published <= found.high:
            return "same"
        return "higher" if found.low > self.published else "lower"

    def claim(self, mode: str) -> Claim:
        """Return the claim in `mode`, with the median for its value."""
        found = self.entry[mode]
        limits = {limit: found[limit] for limit in claims.LIMITS if limit in found}
        band = Band(found["values"], self.entry["digits"], self.entry["unit"])
        return Claim(
            self.name,
            self.entry["kind"],
            self.words,
            band.median,
            self.entry["unit"],
            digits=self.entry["digits"],
            **limits,
        )

    @property
    def _is_plain(self) -> bool:
        found = self.band()
        return bool(found and self.claim("full").is_truth and found.low == found.high == 1)


@dataclass(frozen=True)
class Unmeasured:
    """A claim that a lesson makes and that lessons/claims.toml does not have."""

    lesson: Lesson
    name: str
    kind: str
    words: str


@dataclass(frozen=True)
class NotReached:
    """A hope that was not met, in the lesson's own sentences (Markdown)."""

    lesson: Lesson
    cell: str
    text: str

    @property
    def href(self) -> str:
        return f"{self.lesson.name}.html#{anchor(self.cell)}"


def measured() -> list[Result]:
    """Return every measured claim, by name. Raises BookError for one without words, kind or lesson."""
    stored = claims.stored()
    lessons = {lesson.number: lesson for lesson in all_lessons()}
    cells = {lesson.number: _cells(lesson) for lesson in lessons.values()}
    found = []
    for name, entry in sorted(stored.items()):
        if name in lessons or "." not in name:
            continue  # the machine of a lesson
        if name[:2] not in lessons:
            raise BookError(f"lessons/claims.toml: {name}: there is no lesson {name[:2]}")
        if not str(entry.get("words", "")).strip():
            place = f", made in cell {cell}" if (cell := cells[name[:2]].get(name)) else ""
            raise BookError(f"lessons/claims.toml: {name}{place}: a claim without words")
        if entry.get("kind") not in KINDS:
            raise BookError(
                f"lessons/claims.toml: {name}: kind = {entry.get('kind')!r}: must be one of {KINDS}"
            )
        lesson = lessons[name[:2]]
        found.append(
            Result(
                name, lesson, entry, stored.get(lesson.number, {}), cells[lesson.number].get(name)
            )
        )
    return found


def unmeasured() -> list[Unmeasured]:
    """Return the claims in the text of the lessons that were never measured, in order.

    Raises BookError for one without words, measured or not.
    """
    stored = claims.stored()
    found = []
    for lesson in all_lessons():
        for number, cell in enumerate(read(lesson.name).cells, start=1):
            for kind, name, words in _written(cell.source) if cell.kind == "code" else ():
                if not words.strip():
                    begins = cell.source.splitlines()[0]
                    place = f"lessons/{lesson.name}.py: cell {number}, which begins {begins!r}"
                    raise BookError(f"{place}: {name}: a claim without words")
                pattern = re.compile(re.escape(name).replace("…", ".+"))
                if not any(pattern.fullmatch(each) for each in stored):
                    found.append(Unmeasured(lesson, name, kind, words))
    return found


def not_reached(lesson: Lesson) -> list[NotReached]:
    """Return what `lesson` says was hoped for and not reached, in order."""
    found = []
    for cell in read_notebook(lesson, "learner").cells:
        if cell.cell_type == "markdown":
            blocks = [
                " ".join(re.sub(r"^[-*] ", "", block.strip()).split())
                for block in BLOCK.split(cell.source)
            ]
            found += [
                NotReached(lesson, cell.id, _around(block))
                for block in blocks
                if NOT_REACHED.search(block)
            ]
    return found


def _around(block: str) -> str:
    """Return the sentence that says "not reached", with the one before and the one after."""
    sentences = SENTENCE.split(block)
    place = next((i for i, sentence in enumerate(sentences) if NOT_REACHED.search(sentence)), None)
    return block if place is None else " ".join(sentences[max(place - 1, 0) : place + 2])


def anchors(lesson: Lesson) -> set[str]:
    """Return the cells of `lesson` to which the page of claims links."""
    return {*_cells(lesson).values(), *(each.cell for each in not_reached(lesson))}


def _cells(lesson: Lesson) -> dict[str, str]:
    """Return by claim the cell that makes it: told by its stored output, else by its code."""
    notebook = read_notebook(lesson, "solutions")
    return _in_code(notebook, lesson) | {
        record["name"]: cell.id
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for record in outputs.claims_of(output)
    }


def _in_code(notebook: NotebookNode, lesson: Lesson) -> dict[str, str]:
    names = [name for name in claims.stored() if name.startswith(f"{lesson.number}.")]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found: dict[str, str] = {}
    for cell in code:
        for _, written, _ in _written(cell.source):
            pattern = re.compile(re.escape(written).replace("…", ".+"))
            found |= {
                name: cell.id for name in names if pattern.fullmatch(name) and name not in found
            }
    return found


def _written(source: str) -> Iterator[tuple[str, str, str]]:
    """Give kind, name and words of each claim in a code cell; "…" stands for what only a run can tell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS:
            name, words = (_text(argument) for argument in node.args[:2])
            yield node.func.id, name, words


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.Call) and isinstance(
        node.func, ast.Attribute
    ):  # f"...".replace(" ", "_")
        return _text(node.func.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return "…"
