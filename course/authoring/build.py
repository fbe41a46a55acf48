"""Execute what was made and store it, or say where stored notebooks no longer equal their sources.

The solutions edition is executed in full mode. The learner's edition is executed in fast mode, which proves that
it runs with every exercise open; stored are its own check outputs and, for all worked cells, those of full mode.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course import catalog, claims
from course.authoring import notebook as notebooks
from course.authoring.source import Source, problems, read
from course.catalog import Edition, Lesson, LessonError
from course.files import write_whole
from course.runs import records
from course.runs.records import Job

TIME_LIMIT = 900.0  # seconds for one edition
EDITIONS: tuple[Edition, ...] = ("solutions", "learner")


def build(name: str, *, execute: bool = True) -> None:
    """Write both editions of lesson `name`, executed; both or neither.

    With `execute` false the stored outputs are kept where no code cell and no band that they show has changed.
    Raises LessonError when the source breaks a rule or a cell fails.
    """
    source = read(name)
    if broken := problems(source):
        raise LessonError(f"lessons/{name}.py: " + "; ".join(broken))
    solutions, learner = (notebooks.make(source, edition) for edition in EDITIONS)
    if execute or not _keep_outputs(name, solutions, learner):
        _adopt(solutions, _execute(solutions, name, fast=False))
        _adopt(learner, _execute(learner, name, fast=True))
        _share(solutions, learner)
    for edition, made in zip(EDITIONS, (solutions, learner), strict=True):
        write_whole(Lesson(name).path(edition), notebooks.text_of(made))


def differences(name: str) -> Iterator[str]:
    """Where the stored notebooks of lesson `name` differ from what its source makes; executes nothing."""
    source = read(name)
    yield from (f"lessons/{name}.py: {problem}" for problem in problems(source))
    stored = {}
    for edition in EDITIONS:
        path = Lesson(name).path(edition)
        label = path.relative_to(catalog.NOTEBOOKS.parent).as_posix()
        if not path.exists():
            yield f"{label}: missing; run: course build {source.number}"
            return
        stored[edition] = nbformat.read(path, as_version=4)
        yield from (f"{label}: {line}" for line in _compare(notebooks.make(source, edition), stored[edition]))
    yield from _claim_differences(source, stored["solutions"])
    worked = {cell.id: cell for cell in stored["solutions"].cells}
    for cell in stored["learner"].cells:
        twin = worked.get(cell.id)
        if twin and cell.cell_type == "code" and not _own(cell) and cell.outputs != twin.outputs:
            yield f"notebooks/{name}.ipynb: cell {cell.id}: its output is not that of the solutions edition"


def _execute(made: NotebookNode, name: str, *, fast: bool) -> NotebookNode:
    """Run a copy of `made` in a fresh kernel and return it."""
    from course.runs import runner  # papermill takes seconds to import, and --check executes nothing

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lesson.ipynb"
        nbformat.write(made, path)
        job = Job(path, name, {"fast": fast})
        record = runner.run(job, Path(folder), TIME_LIMIT)
        if record.outcome != "passed":
            raise LessonError(f"lessons/{name}.py {record.outcome}: {record.failure}")
        return nbformat.read(records.executed(job.name, Path(folder)), as_version=4)


def _adopt(made: NotebookNode, run: NotebookNode) -> None:
    """Take the outputs of `run` into `made`, without anything that changes from run to run."""
    outputs = {cell.id: cell.outputs for cell in run.cells if cell.cell_type == "code"}
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
        cell.outputs = [] if "widget" in cell.metadata.get("tags", []) else _joined(outputs[cell.id])
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            if output.get("name") == "stderr":
                raise LessonError(f"cell {cell.id} writes to stderr: {output.text[:200]!r}")


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs, where text that a busy machine sent in pieces is one again."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.get("name") and output.get("name") == joined[-1].get("name"):
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _keep_outputs(name: str, *editions: NotebookNode) -> bool:
    """Take the outputs that are stored, if in each edition the code and the bands shown are what they were."""
    pairs: list[tuple[NotebookNode, NotebookNode]] = []
    for edition, made in zip(EDITIONS, editions, strict=True):
        if not (path := Lesson(name).path(edition)).exists():
            return False
        new, old = (
            [cell for cell in each.cells if cell.cell_type == "code"]
            for each in (made, nbformat.read(path, as_version=4))
        )
        if [(cell.id, cell.metadata) for cell in new] != [(cell.id, cell.metadata) for cell in old]:
            return False
        pairs += zip(new, old, strict=True)
    shown = [pair for _, cell in pairs for pair in _claims(cell)]
    if not all(line.endswith(f"measured: {claims.quote(claim)}") for claim, line in shown):
        return False
    for cell, stored in pairs:
        cell.outputs, cell.execution_count = stored.outputs, stored.execution_count
    return True


def _claims(cell: NotebookNode) -> Iterator[tuple[str, str]]:
    """Names and lines of the claims among a cell's outputs."""
    for output in cell.outputs:
        if claim := output.get("metadata", {}).get("course", {}).get("claim"):
            yield claim["name"], output.data["text/plain"]


def _share(solutions: NotebookNode, learner: NotebookNode) -> None:
    worked = {cell.id: cell for cell in solutions.cells}
    for cell in learner.cells:
        if cell.cell_type == "code" and not _own(cell):
            cell.outputs = worked[cell.id].outputs


def _own(cell: NotebookNode) -> bool:
    """True for the cells in which the learner's edition has outputs of its own."""
    return bool({"solution", "check"} & set(cell.metadata.get("tags", [])))


def _compare(made: NotebookNode, stored: NotebookNode) -> Iterator[str]:
    if made.metadata != stored.metadata:
        yield "its metadata are not what the source makes"
    for position, (want, have) in enumerate(zip(made.cells, stored.cells, strict=False)):
        for part in ("id", "cell_type", "source", "metadata"):
            if want[part] != have.get(part):
                yield f"cell {position} ({want.id}): its {part} is not what the source makes"
        if have.cell_type == "code" and have.execution_count is None:
            yield f"cell {position} ({want.id}): was never executed"
        if have.cell_type == "code" and any(output.output_type == "error" for output in have.outputs):
            yield f"cell {position} ({want.id}): holds an error"
    if len(made.cells) != len(stored.cells):
        yield f"{len(stored.cells)} cells, the source makes {len(made.cells)}"


def _claim_differences(source: Source, solutions: NotebookNode) -> Iterator[str]:
    """Bands without a claim in the lesson, and claims without a band."""
    made = {name for cell in solutions.cells if cell.cell_type == "code" for name, _ in _claims(cell)}
    measured = {name for name in claims.bands() if name.startswith(source.number + ".")}
    yield from (f"lessons/claims.toml: {name} has no claim in lessons/{source.name}.py" for name in measured - made)
    yield from (f"lessons/{source.name}.py: {name} was never measured" for name in made - measured)
