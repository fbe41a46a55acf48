"""The lessons as a course of nbgrader: its own marks around each solution, its own points, and a configuration.

`nbgrader generate_assignment` then gives the stubs that learners know, names and docstrings kept. When it grades, it
runs each check, which fails unless the answer is right.
"""

import ast
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course.authoring.source import cuts
from course.catalog import Lesson
from course.files import write_whole
from course.runs.folder import FolderError

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
CONFIGURED = "nbgrader_config.py"
CONFIGURATION = '''"""Configuration of nbgrader for the course; run its commands in this folder."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = {course!r}
c.ClearSolutions.code_stub = {{"python": "...  # your code here"}}
c.ExecutePreprocessor.timeout = 900
c.ExecutePreprocessor.allow_errors = True  # an answer that fails must not hide the others
'''


def write(course: str, lessons: list[Lesson], out: Path, *, replace: bool = False) -> list[Path]:
    """Write the folder of an nbgrader course: an assignment a lesson under source/, and CONFIGURED where there is none.

    Raises FolderError, before anything is written, where an assignment differs from what stands there already, unless
    that is to be replaced.
    """
    contents = {
        out / "source" / lesson.name / f"{lesson.name}.ipynb": nbformat.writes(source(lesson))
        + "\n"
        for lesson in lessons
    }
    for path, content in contents.items():
        if not replace and path.exists() and path.read_bytes() != content.encode():
            raise FolderError(f"{path}: differs from what would be written; --replace replaces it")
    for path, content in contents.items():
        write_whole(path, content)
    if not (out / CONFIGURED).exists():
        write_whole(out / CONFIGURED, CONFIGURATION.format(course=course))
    return list(contents)


def source(lesson: Lesson) -> NotebookNode:
    """Return the solutions of a lesson, without outputs, each answer between nbgrader's marks."""
    notebook = nbformat.read(lesson.notebook("solutions"), as_version=4)
    learner = nbformat.read(lesson.notebook("learner"), as_version=4)
    prose = {cell.id: cell for cell in learner.cells if cell.cell_type == "markdown"}
    notebook.cells = [
        prose.get(cell.id, cell)  # the learner's way on, not that of the solutions
        for cell in notebook.cells
    ]
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = []
        cell.execution_count = None
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = marked(cell.source)
    return notebook


def marked(answer: str) -> str:
    """Return an answer with nbgrader's marks around what its stub leaves out."""
    lines = answer.splitlines()
    for node in reversed(ast.parse(answer).body):
        for start, end, stub in reversed(cuts(node, lines)):
            indent = stub[: len(stub) - len(stub.lstrip())]
            name = [] if stub.lstrip().startswith("...") else [stub]  # of a value that is asked for
            lines[start:end] = [*name, indent + BEGIN, *lines[start:end], indent + END]
    return "\n".join(lines)
