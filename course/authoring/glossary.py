"""The glossary: every term in one sentence, linked where a lesson first uses it, and a page of them all.

lessons/glossary.toml maps a term to its sentence; under [forms] stand further spellings of a term. A plural in -s needs
none. A form with a capital letter is found as it is written, any other in either case. Under [unlinked] stand, by
lesson, the terms that it uses in another sense than the glossary's.
"""

import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from course import catalog
from course.authoring.links import GLOSSARY, heading_id, in_prose, to_lesson
from course.authoring.source import Cell, Source, read

HEADING = re.compile(r"^(#+ .*)$", re.MULTILINE)
SHORT = {"predict", "quiz"}  # questions, which a link would lead away from


@dataclass(frozen=True)
class Glossary:
    """Terms with their sentences, further `forms` of some, each mapped to its term, and those `unlinked` by lesson."""

    terms: dict[str, str]
    forms: dict[str, str]
    unlinked: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def spellings(self) -> dict[str, str]:
        """Every spelling, as it is matched, with its term."""
        return {term: term for term in self.terms} | self.forms

    @cached_property
    def pattern(self) -> re.Pattern:
        """Any spelling between the borders of words, the longest first; a line may break inside one."""
        words = {
            form: r"\s+".join(map(re.escape, form.split()))
            for form in sorted(self.spellings, key=len)
        }
        either = [
            word if form != form.lower() else f"(?i:{word})"
            for form, word in reversed(words.items())
        ]
        return re.compile(rf"(?<![\w-])(?:{'|'.join(either)})(?:s|es)?(?![\w-])")

    def term(self, text: str) -> str:
        """Return the term that a match of the pattern spells, in whatever number and case."""
        text = " ".join(text.split())
        stems = [text, text.removesuffix("s"), text.removesuffix("es")]
        return next(
            self.spellings[each]
            for stem in stems
            for each in (stem, stem.lower())
            if each in self.spellings
        )

    def linked(self, text: str, seen: set[str], up: str = "") -> str:
        """Return Markdown `text` with a link at the first use of each term that is not in `seen`, which then has it."""

        def link(found: re.Match) -> str:
            term = self.term(found[0])
            if term in seen:
                return found[0]
            seen.add(term)
            return f"[{found[0]}]({up}{GLOSSARY}#{heading_id(term)})"

        if not self.terms:
            return text
        parts = HEADING.split(text)  # headings at the odd places
        parts[::2] = [
            in_prose(body, lambda prose: self.pattern.sub(link, prose)) for body in parts[::2]
        ]
        return "".join(parts)


def glossary() -> Glossary:
    """Return the glossary of the lessons; an empty one where there is none."""
    return _read(catalog.SOURCES / "glossary.toml")


@cache
def _read(path: Path) -> Glossary:
    entries = catalog.toml(path) if path.exists() else {}
    forms = {form: term for term, others in entries.pop("forms", {}).items() for form in others}
    unlinked = entries.pop("unlinked", {})
    terms = dict(sorted(entries.items(), key=lambda entry: entry[0].lower()))
    return Glossary(terms, forms, unlinked)


def is_linked(cell: Cell) -> bool:
    """Whether terms are linked in `cell`."""
    return cell.kind == "markdown" and not cell.tags & SHORT


def used(source: Source) -> set[str]:
    """Return the terms that are linked in a lesson."""
    unlinked = set(glossary().unlinked.get(source.number, ()))
    seen = set(unlinked)
    for cell in filter(is_linked, source.cells):
        glossary().linked(cell.source, seen)
    return seen - unlinked


def page() -> str:
    """Return the glossary as Markdown: a heading a term, so that a link can lead to each."""
    first: dict[str, catalog.Lesson] = {}
    for lesson in catalog.all_lessons():
        for term in used(read(lesson.name)):
            first.setdefault(term, lesson)
    lines = ["# Glossary", "", "Each term in one sentence, with the lesson that uses it first."]
    for term, says in glossary().terms.items():
        if heading_id(term) != term.replace(
            " ", "-"
        ):  # JupyterLab knows a heading by its text just as it is
            lines += ["", f'<a id="{heading_id(term)}"></a>']
        lines += ["", f"## {term}", "", says]
        if term in first:
            lines[-1] += f" ({to_lesson(first[term], f'Lesson {first[term].number}')})"
    return "\n".join(lines) + "\n"
