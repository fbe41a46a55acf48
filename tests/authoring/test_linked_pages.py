"""What the build has linked, read by a Markdown parser that is not ours: no link is missing, and none leads nowhere."""

import re
from itertools import pairwise
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt

from course.authoring import glossary, start
from course.authoring.notebook import make
from course.authoring.source import read
from course.catalog import all_lessons

PARSER = MarkdownIt("commonmark").enable("table")
LESSONS = [lesson.name for lesson in all_lessons()]
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.DOTALL)
UNNAMED = re.compile(r"\b[Ll]essons?\s+\d\d\b(?!\.\d)|doi:10\.|arXiv:\d")
SHOWN = {"softbreak": " ", "hardbreak": " "}  # anything else that is no text parts words
FOLD = re.compile(r"</?details>|<summary>.*?</summary>")


@pytest.fixture(scope="module")
def pages():
    """The Markdown of every page by its path: a notebook's is a list of cells."""
    made = {"START.md": [start.page()], "GLOSSARY.md": [glossary.page()]}
    for name in LESSONS:
        for edition, folder in (("learner", ""), ("solutions", "solutions/")):
            cells = make(read(name), edition, quotes=False).cells
            made[f"{folder}{name}.ipynb"] = [
                cell.source for cell in cells if cell.cell_type == "markdown"
            ]
    return made


def links(text):
    """Give the address of every link in Markdown."""
    for block in PARSER.parse(text):
        for token in block.children or []:
            if token.type == "link_open":
                yield token.attrs["href"]


def prose(text):
    """Give the running text of Markdown outside headings, code, formulas and links, paragraph by paragraph.

    A link is left in it as its address between two tabs.
    """
    blocks = PARSER.parse(FORMULA.sub("$", FOLD.sub("", text)))
    for before, block in pairwise(blocks):
        if block.type == "inline" and before.type != "heading_open":
            inside = False
            parts = []
            for token in block.children:
                if token.type == "link_open":
                    inside = True
                    parts.append(f"\t{token.attrs['href']}\t")
                elif token.type == "link_close":
                    inside = False
                elif not inside:
                    parts.append(
                        SHOWN.get(token.type, "*") if token.type != "text" else token.content
                    )
            yield "".join(parts)


def test_every_relative_link_and_its_anchor_lead_somewhere(pages):
    headings = {
        path: [found[1] for found in re.finditer(r"^#+ (.*)$", "\n".join(cells), re.MULTILINE)]
        for path, cells in pages.items()
    }
    followed = 0
    for path, cells in pages.items():
        for address in (link for cell in cells for link in links(cell)):
            parts = urlsplit(unquote(address))
            if parts.scheme:
                assert parts.scheme == "https", address
                continue
            parents = PurePosixPath(path).parent.parts
            steps = [*parents, *parts.path.split("/")]
            while ".." in steps:
                place = steps.index("..")
                assert place > 0, f"{path}: {address} leaves the folder"
                del steps[place - 1 : place + 1]
            target = "/".join(steps)
            assert target in pages, f"{path}: {address}"
            if parts.fragment:
                on_a_code_host = [
                    re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-")
                    for each in headings[target]
                ]
                assert on_a_code_host.count(parts.fragment) == 1, f"{path}: {address}"
                in_jupyterlab = [each.replace(" ", "-") for each in headings[target]]
                in_jupyterlab += re.findall(r'<a id="([^"]+)"></a>', "".join(pages[target]))
                assert in_jupyterlab.count(parts.fragment) == 1, f"{path}: {address}"
            followed += 1
    assert followed > 500


@pytest.mark.parametrize("name", LESSONS)
def test_no_lesson_doi_or_arxiv_number_is_left_without_a_link(pages, name):
    for cell in pages[f"{name}.ipynb"]:
        for text in prose(cell):
            assert not UNNAMED.search(text), text


@pytest.mark.parametrize("name", LESSONS)
def test_every_term_is_linked_where_a_lesson_first_uses_it(pages, name):
    met = set()
    for cell in pages[f"{name}.ipynb"][1:-2]:  # without the opening, the reading and the way on
        if cell.startswith(("> **Predict", "**Quiz.**")):
            continue
        for text in prose(cell):
            words = []
            for part in text.split("\t"):
                if part.startswith(("GLOSSARY.md#", "../")):
                    assert part not in met, f"{part} is linked twice"
                    met.add(part)
                elif not part.startswith("https://") and not part.endswith(".ipynb"):
                    words.append(part)
            elsewhere = glossary.glossary().unlinked.get(name[:2], ())
            for term in glossary.glossary().terms.keys() - elsewhere:
                address = "GLOSSARY.md#" + term.lower().replace(" ", "-")
                flags = re.IGNORECASE if term == term.lower() else 0
                if any(re.search(rf"(?<![\w-]){term}(?![\w-])", part, flags) for part in words):
                    longer = [
                        other
                        for other in glossary.glossary().terms
                        if term in other and other != term
                    ]
                    assert address in met or longer, f"{term}: {text}"
    assert len(met) >= 8
