"""From a lesson's source to its two notebooks, not yet executed: the solutions edition and the learner's.

Pure text work: the same source and the same bands give the same bytes. Cell ids come from the content.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode, ValidationError, v4

from course import catalog
from course.authoring import frame
from course.authoring.glossary import glossary, is_linked
from course.authoring.links import linked
from course.authoring.source import QUOTE, UNPUBLISHED, Cell, Source, only_records, stub
from course.catalog import Edition, LessonError
from course.claims import quote

OPTION = re.compile(r"^- \[([ x])\] ", re.MULTILINE)
LETTERS = "ABCDEFGH"
VERDICTS = {"x": "**Right.**", " ": "**Not so.**"}
CHECK = """# Run this cell to check exercise {name}.
from course.exercises import check, hint

check("{name}")"""
CHECKED = re.compile(r'^check\("(\d\d\.\d+)"\)', re.MULTILINE)
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "name": "python",
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "nbconvert_exporter": "python",
}
IMPORT = "from course.lesson import begin\n"
ORIGIN = "comes with the notebooks, not from PyPI: get the whole course and run `make lab` there"
PREDICTION = "*My prediction (double-click here and write it down):*"
FOLDED = {"jupyter": {"source_hidden": True}}


def make(source: Source, edition: Edition, *, quotes: bool = True) -> NotebookNode:
    """Make one edition. With `quotes` false the claims that the prose quotes are left as they are written.

    Raises LessonError when the prose quotes a claim that was never measured.
    """
    up = "../" if edition == "solutions" else ""
    cells = [frame.opening(source, edition, up)]
    seen = set(glossary().unlinked.get(source.number, ()))
    published = list(_published(source))
    for cell, id_ in zip(published, _ids(source.number, published), strict=True):
        node = _node(source, cell, id_, edition, quotes)
        if cell.kind == "markdown":
            node.source = linked(node.source, up)
        if is_linked(cell):
            node.source = glossary().linked(node.source, seen, up)
        cells.append(node)
    cells += frame.closing(source, edition, up)
    course = {"lesson": source.name, "edition": edition}
    metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE, "course": course}
    return v4.new_notebook(cells=cells, metadata=metadata)


def stored(path: Path) -> NotebookNode:
    """Read a notebook that was built. Raises LessonError for what is none, as after a merge in conflict."""
    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        label = path.relative_to(catalog.NOTEBOOKS.parent).as_posix()
        raise LessonError(
            f"{label}: is not a notebook; run: course build {path.name[:2]}"
        ) from error


def text_of(notebook: NotebookNode) -> str:
    """Return the notebook as it is stored: one spelling for one content."""
    return nbformat.writes(notebook) + "\n"


def _published(source: Source) -> Iterator[Cell]:
    """Return the cells that a notebook holds; of a check only its call, since its text would give the answer away."""
    for cell in source.cells:
        if "check" in cell.tags:
            yield replace(cell, source=CHECK.format(name=cell.exercise))
        elif not cell.tags & UNPUBLISHED:
            yield cell


def _node(source: Source, cell: Cell, id_: str, edition: Edition, quotes: bool) -> NotebookNode:
    text = cell.source
    if cell.kind == "markdown":
        if "quiz" in cell.tags:
            text = _quiz(text)
        elif "predict" in cell.tags:
            asked = f"**Predict before you run.** {text}\n\n{PREDICTION}"
            text = "\n".join(f"> {line}".rstrip() for line in asked.splitlines())
        elif "answer" in cell.tags:
            text = f"<details><summary>Then open</summary>\n\n{text}\n\n</details>"
        return v4.new_markdown_cell(_fill(source, text) if quotes else text, id=id_)
    text = text.replace(IMPORT, f"{IMPORT.rstrip()}  # {ORIGIN}\n")
    if edition == "learner" and "solution" in cell.tags:
        text = stub(text)
    tags = sorted(
        cell.tags | ({"nbval-ignore-output"} if cell.tags & {"varies", "widget"} else set())
    )
    folded = FOLDED if only_records(text) else {}
    metadata = ({"tags": tags} if tags else {}) | folded | _grading(cell)
    return v4.new_code_cell(text, id=id_, metadata=metadata)


def _grading(cell: Cell) -> dict:
    """Return the metadata by which nbgrader releases, collects and grades exercises; checks are folded."""
    if not cell.exercise:
        return {}
    graded = "check" in cell.tags
    grade_id = f"exercise-{cell.exercise.replace('.', '-')}" + (
        "-check" if graded else "-" + _digest(cell.source)
    )
    data = {"grade": graded, "grade_id": grade_id, "locked": graded, "schema_version": 3}
    data |= {"solution": not graded, "task": False} | ({"points": 1} if graded else {})
    return {"nbgrader": data} | (FOLDED if graded else {})


def _ids(number: str, cells: Iterable[Cell]) -> Iterator[str]:
    """Return a stable id a cell: lesson number and digest of the content, counted up where content repeats."""
    seen: dict[str, int] = {}
    for cell in cells:
        digest = _digest(cell.source)
        seen[digest] = seen.get(digest, 0) + 1
        yield f"{number}-{digest}" + (f"-{seen[digest]}" if seen[digest] > 1 else "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _quiz(text: str) -> str:
    """Letter the options and fold, for each, whether it is right and why: the indented lines below it."""
    question, *parts = OPTION.split(text)
    marks = parts[::2]
    options = [part.partition("\n") for part in parts[1::2]]
    if marks.count("x") != 1:
        raise LessonError(f"quiz {question.strip()!r}: exactly one option must be marked - [x]")
    if len(options) > len(LETTERS):
        raise LessonError(f"quiz {question.strip()!r}: has more than {len(LETTERS)} options")
    reasons = [" ".join(reason.split()) for _, _, reason in options]
    if not all(reasons):
        raise LessonError(
            f"quiz {question.strip()!r}: option {options[reasons.index('')][0]!r} gives no reason"
        )
    for (option, _, _), reason in zip(options, reasons, strict=True):
        if reason[0].islower():  # as after text was wrapped
            raise LessonError(
                f"quiz {question.strip()!r}: option {option!r} must stand on one line; its reason, which begins a new "
                f"sentence, on the lines below it, and not {reason!r}"
            )
    choices = [
        f"- **{letter}.** {option}"
        for letter, (option, _, _) in zip(LETTERS, options, strict=False)
    ]
    answers = [
        f"<details><summary>If you say {letter}</summary>\n\n{VERDICTS[mark]} {reason}\n\n</details>"
        for letter, mark, reason in zip(LETTERS, marks, reasons, strict=False)
    ]
    return "\n\n".join([f"**Quiz.** {question.strip()}", "\n".join(choices), *answers])


def _fill(source: Source, text: str) -> str:
    def fill(found: re.Match) -> str:
        try:
            return quote(found[1], found[2] or "")
        except KeyError:
            cure = f"run: course measure {source.number}"
            raise LessonError(
                f"lessons/{source.name}.py quotes {found[1]}, never measured; {cure}"
            ) from None
        except ValueError as error:  # such as the limit of a spread
            raise LessonError(f"lessons/{source.name}.py: quotes {found[0]}, but {error}") from None

    return QUOTE.sub(fill, text)
