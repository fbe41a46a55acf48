"""What a page of HTML shows of a notebook's cells otherwise than JupyterLab, in the site and beside a report alike."""

import re

import nbformat
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from nbformat import NotebookNode, v4

ONWARD = re.compile(
    r"-onward$"
)  # id of the last cell: links to the next lesson, which a page has elsewhere
BEFORE_TITLE = re.compile(
    r"\A(?!# ).*?^(?=# )", re.DOTALL | re.MULTILINE
)  # the same links at the top
SCRIPT = re.compile(
    r"\s*<script>.*</script>\s*", re.DOTALL
)  # an output that serves JupyterLab alone
TO_WRITE_ON = re.compile(
    r"\n>\n> \*My prediction \(double-click [^*]+\*\s*\Z"
)  # which a page is not
EMPTY_HEADING = re.compile(
    r"<th[^>]*>\s*</th>"
)  # in a table's corner: an empty cell, not a heading


def mathml(tex: str, *, block: bool = False) -> str:
    """Return a formula as MathML, which browsers set by themselves. Raises ValueError for one that cannot be read."""
    try:
        return tex2mathml(tex.replace(r"\dots", r"\ldots"), as_block=block)
    except (MathError, SyntaxError) as error:
        raise ValueError(str(error)) from error


def parse(text: str) -> NotebookNode:
    """Return the notebook that `text` holds. Raises ValueError where it holds none."""
    try:
        notebook = v4.reads(text)
        nbformat.validate(notebook)
    except (ValueError, TypeError, KeyError, AttributeError, nbformat.ValidationError) as error:
        raise ValueError(f"is not a notebook: {str(error).splitlines()[0]}") from None
    return notebook
