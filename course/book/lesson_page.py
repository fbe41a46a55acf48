"""One lesson as a page: the learner's notebook, with hints, solutions and checks folded below each exercise.

The page is again a notebook, which Sphinx renders. Its outputs are the stored ones; scripts that only serve JupyterLab
are left out, and every picture must have an alt text.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TypeGuard

import nbformat
from nbformat import NotebookNode, v4

from course.book import BookError
from course.catalog import Edition, Lesson
from course.runs import on_pages
from course.runs.on_pages import BEFORE_TITLE, EMPTY_HEADING, ONWARD, SCRIPT, TO_WRITE_ON

PICTURE = re.compile(r"<img\b[^>]*>")
CHECK = re.compile(r'^check\("(\d\d\.\d+)"\)', re.MULTILINE)  # all that a notebook holds of it
SENTENCE = re.compile(r"[A-Z`].*\s.*\s.*[.?!]", re.DOTALL)  # of three words at least
LANGUAGE = {"name": "python", "pygments_lexer": "python"}
ONLY_IN_NOTEBOOKS = {"tally"}  # tags of cells that are of no use on a page
TALLY = re.compile(r"\n+## How far you are\s*\Z")
SOLUTIONS = re.compile(r"\]\(solutions/")  # they stand on the same page


def read_notebook(lesson: Lesson, edition: Edition) -> NotebookNode:
    """Read a stored notebook, which nobody changes: it is kept for the next who asks.

    Raises BookError where it does not parse, LessonError where it is missing.
    """
    path = lesson.notebook(edition)
    return _read(path, path.stat().st_mtime_ns)


@cache
def _read(path: Path, changed: int) -> NotebookNode:
    return parse(path.read_text(encoding="utf-8"), label(path))


def parse(text: str, name: str) -> NotebookNode:
    """Return the notebook that `text` holds. Raises BookError, with its `name`, where it holds none."""
    try:
        return on_pages.parse(text)
    except ValueError as error:
        raise BookError(f"{name}: {error}") from None


def label(path: Path) -> str:
    """Return a path as messages name it: from the folder of the course."""
    return (
        "/".join(path.parts[path.parts.index("notebooks") :])
        if "notebooks" in path.parts
        else path.name
    )


def page(lesson: Lesson, anchors: Collection[str] = (), opening: str = "") -> NotebookNode:
    """Make the page of `lesson` from its stored notebooks; see `put_together`."""
    editions: tuple[Edition, ...] = ("learner", "solutions")
    stored = {edition: read_notebook(lesson, edition) for edition in editions}
    return put_together(lesson, stored, anchors, opening)


def put_together(
    lesson: Lesson,
    notebooks: Mapping[Edition, NotebookNode],
    anchors: Collection[str] = (),
    opening: str = "",
) -> NotebookNode:
    """Make one page of both notebooks; the cells in `anchors` can be linked to, `opening` (Markdown) follows the first.

    Raises BookError where a picture has no alt text, or a cell two pictures.
    """
    worked = {cell.id: cell for cell in notebooks["solutions"].cells}
    cells: list[NotebookNode] = []
    for cell in notebooks["learner"].cells:
        if cell.id in anchors:
            cells.append(
                v4.new_markdown_cell(f'<a id="{anchor(cell.id)}"></a>', id=f"{cell.id}-anchor")
            )
        cells += _markdown(cell) if cell.cell_type == "markdown" else _code(lesson, cell, worked)
        if "check" in cell.metadata.get("tags", []):
            _put_before_solution(cells, _hints(lesson, cell))
    if opening:
        cells.insert(1, v4.new_markdown_cell(opening, id=f"{lesson.number}-open"))
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": LANGUAGE,
    }
    return v4.new_notebook(cells=cells, metadata=metadata)


def anchor(cell_id: str) -> str:
    """Return the name by which a link on another page reaches a cell."""
    return f"cell-{cell_id}"


def hints(check: str) -> list[str]:
    """Return the hints of a check in order, each once; those that are put together when it runs are left out.

    They are its arguments to `expect` and `expect_close`, and the sentences in its tables of cases and mistakes.
    """
    tree = ast.parse(check)
    apart: set[int] = set()  # docstrings, and parts of texts that are put together
    found: dict[tuple[int, int], str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            apart |= {id(part) for part in node.values}
        elif isinstance(node, ast.Expr):
            apart.add(id(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = {"expect": 1, "expect_close": 2}.get(node.func.id)
            if place is not None:
                found |= {_place(each): str(each.value) for each in _texts(node.args[place:])}
        elif _is_text(node) and id(node) not in apart and SENTENCE.fullmatch(str(node.value)):
            found[_place(node)] = str(node.value)
    return list(dict.fromkeys(found[place] for place in sorted(found)))


def _is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _texts(nodes: list[ast.expr]) -> Iterator[ast.Constant]:
    """Give the texts among arguments, and the keys of a dictionary of mistakes."""
    for node in nodes:
        for part in node.keys if isinstance(node, ast.Dict) else [node]:
            if part and _is_text(part):
                yield part


def _markdown(cell: NotebookNode) -> list[NotebookNode]:
    if ONWARD.search(cell.id):
        return []
    text = TALLY.sub("", SOLUTIONS.sub("](", cell.source)).replace("](START.md", "](index.md")
    text = TO_WRITE_ON.sub("", text)
    if cell.id.endswith("-opening"):
        text = BEFORE_TITLE.sub("", text)
    return [v4.new_markdown_cell(text, id=cell.id)]


def _code(
    lesson: Lesson, cell: NotebookNode, worked: dict[str, NotebookNode]
) -> list[NotebookNode]:
    """Return the cells that one code cell becomes."""
    tags = set(cell.metadata.get("tags", []))
    solved = worked.get(cell.id, cell)
    if tags & ONLY_IN_NOTEBOOKS:
        return []
    if "solution" in tags:
        stub = _shown(lesson, cell, [])
        answer = _folded(_shown(lesson, solved, solved.outputs), "Solution")
        answer.id = f"{cell.id}-solution"
        return [stub, answer]
    if "check" in tags:
        return [
            _folded(
                _shown(lesson, solved, solved.outputs), "Check, and what it says of the solution"
            )
        ]
    if "helper" in tags:
        return [_folded(_shown(lesson, solved, solved.outputs), "Helper of the check")]
    shown = _shown(lesson, solved, solved.outputs)
    if cell.metadata.get("jupyter", {}).get("source_hidden"):
        return [_folded(shown, "How these results are recorded", "hide-input")]
    if "widget" in tags:
        note = "*The slider works in JupyterLab, where the lesson can be run.*"
        return [shown, v4.new_markdown_cell(note, id=f"{cell.id}-widget")]
    return [shown]


def _hints(lesson: Lesson, check: NotebookNode) -> list[NotebookNode]:
    """Return a folded list of what a check, whose text the lesson's source alone holds, can hint at, if anything."""
    named = CHECK.search(check.source)
    text = lesson.exercises[named[1]].check if named and named[1] in lesson.exercises else ""
    listed = "\n".join(f"- {hint}" for hint in hints(text))
    fold = f"<details><summary>Hints</summary>\n\n{listed}\n\n</details>"
    return [v4.new_markdown_cell(fold, id=f"{check.id}-hints")] if listed else []


def _put_before_solution(cells: list[NotebookNode], added: list[NotebookNode]) -> None:
    """Insert cells before the last solution, so that nobody must pass it to be helped."""
    place = max(
        (i for i, cell in enumerate(cells) if cell.id.endswith("-solution")), default=len(cells) - 1
    )
    cells[place:place] = added


def _folded(cell: NotebookNode, words: str, part: str = "hide-cell") -> NotebookNode:
    cell.metadata.tags = [part]
    cell.metadata.setdefault("mystnb", {}).update(code_prompt_show=words, code_prompt_hide=words)
    return cell


def _shown(lesson: Lesson, cell: NotebookNode, outputs: list[NotebookNode]) -> NotebookNode:
    """Return a code cell with `outputs`, as the site shows them."""
    shown = v4.new_code_cell(cell.source, id=cell.id, execution_count=cell.execution_count)
    for output in outputs:
        data = output.get("data", {})
        where = f"{label(lesson.path('solutions'))}: cell {cell.id}"
        if picture := next((kind for kind in data if kind.startswith("image/")), None):
            details = output.metadata.get(picture, {})
            alt = details.get("alt", "").strip()
            if not alt:
                raise BookError(f"{where}: its picture has no alt text")
            if "mystnb" in shown.metadata:  # which holds one alt text
                raise BookError(f"{where}: has two pictures; give each a cell")
            width = {"width": f"{details['width']}px"} if "width" in details else {}
            shown.metadata["mystnb"] = {"image": {"alt": alt, **width}}
        html = data.get("text/html", "")
        if SCRIPT.fullmatch(html):
            continue
        if any("alt=" not in tag for tag in PICTURE.findall(html)):
            raise BookError(f"{where}: its picture has no alt text")
        kept = nbformat.from_dict(output)
        if html:
            kept.data["text/html"] = EMPTY_HEADING.sub("<td></td>", html)
        shown.outputs.append(kept)
    return shown
