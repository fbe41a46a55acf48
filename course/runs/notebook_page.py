"""An executed notebook as a page that stands alone: it runs no script, needs no other file and asks no other host.

nbconvert makes its body. Formulas become MathML, which browsers set by themselves. Links to other notebooks, which do
not lie beside those of a run, keep their words alone.
"""

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import (
    InvalidNotebook,
    IPythonRenderer,
    MarkdownWithMath,
)
from nbconvert.utils.exceptions import ConversionException
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from course.runs.on_pages import (
    BEFORE_TITLE,
    EMPTY_HEADING,
    ONWARD,
    SCRIPT,
    TO_WRITE_ON,
    mathml,
    parse,
)

HERE = Path(__file__).parent
SHOWN = ["image/svg+xml", "image/png", "image/jpeg", "text/html", "text/markdown", "text/plain"]
STYLES = {"light": "xcode", "dark": "lightbulb"}  # of code: Pygments' own with most contrast


class NoPageError(ValueError):
    """A notebook of which no page can be made."""


def body(path: Path) -> Markup:
    """Return the cells of the notebook at `path` as HTML. Raises NoPageError where it holds none that can be shown."""
    try:
        notebook = parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NoPageError(f"{path.name}: {error}") from error
    cells = [cell for cell in notebook.cells if not ONWARD.search(cell.get("id", ""))]
    shown = nbformat.from_dict({**notebook, "cells": [_shown(cell) for cell in cells]})
    try:
        made, _ = _exporter().from_notebook_node(shown)
    except (ConversionException, InvalidNotebook) as error:
        raise NoPageError(f"{path.name}: {error}") from error
    return Markup(made)  # what people wrote is escaped; what is not, no browser runs


def colors_of_code(scheme: str) -> Markup:
    """Return the style sheet of code in a "light" or a "dark" page."""
    formatter = HtmlFormatter(style=STYLES[scheme])
    return Markup(formatter.get_style_defs(".highlight"))


class _Renderer(IPythonRenderer):
    """nbconvert's own, for formulas and links."""

    def inline_math(self, body: str) -> str:
        return self._formula(body)

    def block_math(self, body: str) -> str:
        return self._formula(body, block=True)

    def latex_environment(self, name: str, body: str) -> str:
        return self._formula(rf"\begin{{{name}}}{body}\end{{{name}}}", block=True)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, url, title) if _leads_somewhere(url) else text

    def _formula(self, tex: str, *, block: bool = False) -> str:
        try:
            made = mathml(tex, block=block)
        except ValueError:
            made = f"<code>{self.escape_html(tex)}</code>"
        return f'<div class="formula" tabindex="0">{made}</div>' if block else made


def _leads_somewhere(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.scheme) or (not parts.path and bool(parts.fragment))


def _markdown(source: str) -> str:
    return MarkdownWithMath(renderer=_Renderer(escape=False, exclude_anchor_links=True)).render(
        source
    )


def _as_it_is(html: str) -> str:
    return html


@cache
def _exporter() -> HTMLExporter:
    exporter = HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": SHOWN}}),
        extra_template_paths=[str(HERE)],
        template_file="notebook_body.html.j2",
        template_name="basic",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    exporter.register_filter("markdown2html", _markdown)
    exporter.register_filter("clean_html", _as_it_is)  # of code, which Pygments has escaped
    return exporter


def _shown(cell: NotebookNode) -> NotebookNode:
    """Return a cell without what serves JupyterLab alone."""
    shown = nbformat.from_dict(cell)
    if cell.cell_type == "markdown":
        shown.source = TO_WRITE_ON.sub("", cell.source)
    if cell.get("id", "").endswith("-opening"):
        shown.source = BEFORE_TITLE.sub("", shown.source)
    if cell.cell_type == "code":
        shown.outputs = [each for each in shown.outputs if not _is_script(each)]
        for output in shown.outputs:
            _tidy(output)
    return shown


def _is_script(output: NotebookNode) -> bool:
    return bool(SCRIPT.fullmatch(output.get("data", {}).get("text/html", "")))


def _tidy(output: NotebookNode) -> None:
    data: dict[str, Any] = output.get("data", {})
    if "text/html" in data:
        data["text/html"] = EMPTY_HEADING.sub("<td></td>", data["text/html"])
