"""From a lesson's source to its two notebooks, not yet executed: the solutions edition and the learner's.

Pure text work: the same source and the same bands give the same bytes. Cell ids come from the content.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

import nbformat
from nbformat import NotebookNode, v4

from course.authoring.source import UNPUBLISHED, Cell, Source, stub
from course.catalog import Edition, LessonError, times
from course.claims import quote, stored

QUOTE = re.compile(r"\{\{(\d\d\.\w+)(?::(limit|sign))?\}\}")
OPTION = re.compile(r"^- \[([ x])\] ", re.MULTILINE)
LETTERS, VERDICTS = "ABCDEFGH", {"x": "**Right.**", " ": "**Not so.**"}
CHECK = """# Run this cell to check exercise {name}.
from course.exercises import check, hint

check("{name}")"""
CHECKED = re.compile(r'^check\("(\d\d\.\d+)"\)', re.MULTILINE)
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python", "nbconvert_exporter": "python"}
IMPORT = "from course.lesson import begin\n"
ORIGIN = "comes with the notebooks, not from PyPI: get the whole course and run `make lab` there"
FOLDED = {"jupyter": {"source_hidden": True}}
WORDS_A_MINUTE, MINUTES_A_CODE_CELL, MINUTES_AN_EXERCISE = 150, 0.5, 5  # reading to learn, not to skim
LIMITS = (10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900)  # seconds: a notebook need not change with every timing


def make(source: Source, edition: Edition, *, quotes: bool = True) -> NotebookNode:
    """Make one edition. With `quotes` false the claims that the prose quotes are left as they are written.

    Raises LessonError when the prose quotes a claim that was never measured.
    """
    cells = [v4.new_markdown_cell(_opening(source), id=f"{source.number}-opening")]
    published = list(_published(source))
    for cell, id_ in zip(published, _ids(source.number, published), strict=True):
        cells.append(_node(source, cell, id_, edition, quotes))
    reading = "\n".join(f"- {item}" for item in source.header["reading"])
    cells.append(v4.new_markdown_cell(f"## Further reading\n\n{reading}", id=f"{source.number}-reading"))
    course = {"lesson": source.name, "edition": edition}
    metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE, "course": course}
    return v4.new_notebook(cells=cells, metadata=metadata)


def text_of(notebook: NotebookNode) -> str:
    """The notebook as it is stored: one spelling for one content."""
    return nbformat.writes(notebook) + "\n"


def _published(source: Source) -> Iterator[Cell]:
    """The cells that a notebook holds; of a check only its call, since its text would give the answer away."""
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
            text = "\n".join(f"> {line}".rstrip() for line in f"**Predict before you run.** {text}".splitlines())
        return v4.new_markdown_cell(_fill(source, text) if quotes else text, id=id_)
    text = text.replace(IMPORT, f"{IMPORT.rstrip()}  # {ORIGIN}\n")
    if edition == "learner" and "solution" in cell.tags:
        text = stub(text)
    tags = sorted(cell.tags | ({"nbval-ignore-output"} if cell.tags & {"varies", "widget"} else set()))
    return v4.new_code_cell(text, id=id_, metadata=({"tags": tags} if tags else {}) | _grading(cell))


def _grading(cell: Cell) -> dict:
    """The metadata by which nbgrader releases, collects and grades exercises; checks are folded."""
    if not cell.exercise:
        return {}
    graded = "check" in cell.tags
    grade_id = f"exercise-{cell.exercise.replace('.', '-')}" + ("-check" if graded else "-" + _digest(cell.source))
    data = {"grade": graded, "grade_id": grade_id, "locked": graded, "schema_version": 3}
    data |= {"solution": not graded, "task": False} | ({"points": 1} if graded else {})
    return {"nbgrader": data} | (FOLDED if graded else {})


def _ids(number: str, cells: Iterable[Cell]) -> Iterator[str]:
    """A stable id a cell: lesson number and digest of the content, counted up where content repeats."""
    seen: dict[str, int] = {}
    for cell in cells:
        digest = _digest(cell.source)
        seen[digest] = seen.get(digest, 0) + 1
        yield f"{number}-{digest}" + (f"-{seen[digest]}" if seen[digest] > 1 else "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _opening(source: Source) -> str:
    header = source.header
    lines = [f"# {int(source.number)}. {header['title']}", "", f"*Part {header['part']}*", ""]
    lines += ["**After this lesson you can**", "", *(f"- {item}" for item in header["objectives"]), ""]
    lines += [f"**Before you start:** {'; '.join(header['prerequisites'])}.", "", f"**Time:** {_time(source)}"]
    if any(QUOTE.search(cell.source) for cell in source.cells if cell.kind == "markdown"):
        lines += ["", _how_to_read(source)]
    return "\n".join(lines)


def _how_to_read(source: Source) -> str:
    """How many runs stand behind the results that the prose quotes."""
    seeds = {len(entry["full"]["values"]) for name, entry in stored().items() if name.startswith(f"{source.number}.")}
    runs = f"{min(seeds)} runs with different seeds" if seeds else "many runs with different seeds"
    return f"**Results** read 0.752 (0.715 to 0.768): the median, and the least to the greatest, of {runs}."


def _time(source: Source) -> str:
    """Reading and exercise time estimated from the text, run time as measured."""
    words = sum(len(cell.source.split()) for cell in source.cells if cell.kind == "markdown")
    code = sum(cell.kind == "code" and not cell.exercise for cell in source.cells)
    reading = words / WORDS_A_MINUTE + code * MINUTES_A_CODE_CELL
    exercises = len(source.exercises) * MINUTES_AN_EXERCISE
    text = f"about {_round(reading)} minutes to work through and {_round(exercises)} for the exercises"
    if measured := times().get(source.number):
        full, fast = (next(limit for limit in LIMITS if measured[mode] < limit) for mode in ("full", "fast"))
        quick = f" (with `fast = True` {fast})" if fast < full else ""
        text += f"; the code itself runs in less than {full} seconds{quick} on two cores"
    return text + "."


def _round(minutes: float) -> int:
    return max(5, 5 * round(minutes / 5))


def _quiz(text: str) -> str:
    """Letter the options and fold, for each, whether it is right and why: the indented lines below it."""
    question, *parts = OPTION.split(text)
    marks, options = parts[::2], [part.partition("\n") for part in parts[1::2]]
    if marks.count("x") != 1:
        raise LessonError(f"quiz {question.strip()!r}: exactly one option must be marked - [x]")
    reasons = [" ".join(reason.split()) for _, _, reason in options]
    if not all(reasons):
        raise LessonError(f"quiz {question.strip()!r}: option {options[reasons.index('')][0]!r} gives no reason")
    choices = [f"- **{letter}.** {option}" for letter, (option, _, _) in zip(LETTERS, options, strict=False)]
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
            raise LessonError(f"lessons/{source.name}.py quotes {found[1]}, never measured; {cure}") from None

    return QUOTE.sub(fill, text)
