"""The whole course as one EPUB, an extension of Sphinx: the pages of the site for a reader without a browser.

An e-book runs no script and is strict about its pages: formulas become MathML, every page well-formed XML, and what
only the site has (downloads, filters) is left out.
"""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder
from sphinx.util import logging

from course.runs.on_pages import mathml

FILE = "training-neural-networks.epub"
IN_XML = {"svg": 'xmlns="http://www.w3.org/2000/svg"'}  # what HTML knows by itself
MANIFEST = re.compile(r'(<item id="[^"]+" href="([^"]+\.xhtml)" media-type="[^"]+")')
OF_THE_SITE = ("form", "script", "a[download]")

log = logging.getLogger(__name__)


class Book(Epub3Builder):
    """Sphinx's builder, which does not tell a reader which pages hold formulas and drawings."""

    def build_epub(self) -> None:
        content = Path(self.outdir, "content.opf")
        content.write_text(MANIFEST.sub(self._with_properties, content.read_text("utf-8")), "utf-8")
        super().build_epub()

    def _with_properties(self, item: re.Match) -> str:
        page = Path(self.outdir, item[2]).read_text("utf-8")
        found = [name for name, tag in (("mathml", "<math"), ("svg", "<svg")) if tag in page]
        return f'{item[1]} properties="{" ".join(found)}"' if found else item[1]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_builder(Book, override=True)
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    app.connect("html-page-context", _strict)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def well_formed(body: str, pages: set[str]) -> str:
    """Return HTML as XML; a link that leads to none of `pages`, nor elsewhere, keeps its words only."""
    soup = BeautifulSoup(body, "html.parser")
    for part in soup.select(", ".join(OF_THE_SITE)):
        part.decompose()
    for link in soup.select("a[href]"):
        parts = urlsplit(str(link["href"]))
        if parts.scheme or not parts.path:
            continue
        name, _, kind = parts.path.rpartition(".")
        if name in pages and kind in ("html", "xhtml"):
            link["href"] = f"{name}.xhtml" + (f"#{parts.fragment}" if parts.fragment else "")
        else:
            link.unwrap()
    text = str(soup).replace("viewbox=", "viewBox=")
    for tag, namespace in IN_XML.items():
        text = text.replace(f"<{tag} ", f"<{tag} {namespace} ")
    return text


def _strict(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: Any) -> None:
    if app.builder.name == "epub" and "body" in context:
        context["body"] = well_formed(context["body"], set(app.env.found_docs))
        context["css_files"] = [
            each for each in context["css_files"] if "mystnb" not in each.filename
        ]


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_mathml(node))
    raise nodes.SkipNode


def _display(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f"<div>{_mathml(node, as_block=True)}</div>\n")
    raise nodes.SkipNode


def _mathml(node: nodes.Element, *, as_block: bool = False) -> str:
    try:
        return mathml(node.astext(), block=as_block)
    except ValueError as error:
        log.warning(
            "a formula that MathML does not know: %s: %s", node.astext(), error, location=node
        )
        return f"<code>{node.astext()}</code>"
