"""Execute what was made and store it, or say where stored notebooks no longer equal their sources.

The solutions edition is executed in full mode. The learner's edition is executed in fast mode, which proves that
it runs with every exercise open; stored are its own check outputs and, for all worked cells, those of full mode.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course import catalog, claims, outputs
from course.authoring import measure as measurement
from course.authoring import notebook as notebooks
from course.authoring import predictions
from course.authoring.source import Source, problems, read
from course.catalog import Edition, Lesson, LessonError
from course.claims import Claim
from course.files import write_whole
from course.runs import records
from course.runs.records import Job

TIME_LIMIT = 900.0  # seconds for one edition
EDITIONS: tuple[Edition, ...] = ("solutions", "learner")


def build(name: str, *, execute: bool = True) -> None:
    """Write both editions of lesson `name`, executed; both or neither.

    With `execute` false the stored outputs are kept where no code cell has changed. Raises LessonError when the source
    breaks a rule, a cell fails, a fact or a bound does not hold, or fast mode was measured with other limits.
    """
    source = read(name)
    if broken := _problems(source):
        raise LessonError(f"lessons/{name}.py: " + "; ".join(broken))
    solutions, learner = (notebooks.make(source, edition) for edition in EDITIONS)
    if execute or not _keep_outputs(name, solutions, learner):
        _adopt(solutions, _execute(solutions, name, fast=False))
        fast = _execute(learner, name, fast=True)
        _refuse_other_limits(source, fast)
        _adopt(learner, fast)
        _share(solutions, learner)
    for edition, made in zip(EDITIONS, (solutions, learner), strict=True):
        write_whole(Lesson(name).path(edition), notebooks.text_of(made))


def differences(name: str) -> Iterator[str]:
    """Where the stored notebooks of lesson `name` differ from what its source makes; executes nothing."""
    source = read(name)
    yield from (f"lessons/{name}.py: {problem}" for problem in _problems(source))
    stored = {}
    for edition in EDITIONS:
        path = Lesson(name).path(edition)
        label = path.relative_to(catalog.NOTEBOOKS.parent).as_posix()
        if not path.exists():
            yield f"{label}: missing; run: course build {source.number}"
            return
        stored[edition] = notebooks.stored(path)
        yield from (
            f"{label}: {line}"
            for line in _compare(notebooks.make(source, edition), stored[edition])
        )
    yield from _claim_differences(source, stored["solutions"])
    worked = {cell.id: cell for cell in stored["solutions"].cells}
    for cell in stored["learner"].cells:
        twin = worked.get(cell.id)
        if twin and cell.cell_type == "code" and not _own(cell) and cell.outputs != twin.outputs:
            yield f"notebooks/{name}.ipynb: cell {cell.id}: its output is not that of the solutions edition"


def stored_anew(name: str) -> dict[Edition, NotebookNode]:
    """Return both editions of lesson `name` as its source makes them, each cell with the output stored for it.

    Nothing is executed: a cell whose code is new has no output. A draft may still break a rule.
    """
    source = read(name)
    made = {edition: notebooks.make(source, edition) for edition in EDITIONS}
    for edition, notebook in made.items():
        path = Lesson(name).path(edition)
        stored = notebooks.stored(path).cells if path.exists() else []
        kept = {cell.id: cell for cell in stored if cell.cell_type == "code"}
        for cell in notebook.cells:
            if cell.cell_type == "code" and cell.id in kept:
                cell.outputs = kept[cell.id].outputs
                cell.execution_count = kept[cell.id].execution_count
                _show_claims_anew(cell)
    return made


def _problems(source: Source) -> list[str]:
    """Tell what breaks the rules of a lesson."""
    return [*problems(source), *predictions.problems(source.cells)]


def _execute(made: NotebookNode, name: str, *, fast: bool) -> NotebookNode:
    """Run a copy of `made` in a fresh kernel and return it."""
    from course.runs import (
        judge,
        runner,
    )  # papermill takes seconds to import, and --check executes nothing

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lesson.ipynb"
        nbformat.write(made, path)
        job = Job(path, name, {"fast": fast})
        record = runner.run(job, Path(folder), TIME_LIMIT)
        if record.outcome != "passed":
            raise LessonError(f"lessons/{name}.py {record.outcome}: {record.failure}")
        if refused := list(judge.refusals(record)):
            raise LessonError(f"lessons/{name}.py: {'; '.join(refused)}")
        return nbformat.read(records.executed(job.name, Path(folder)), as_version=4)


def _adopt(made: NotebookNode, run: NotebookNode) -> None:
    """Take the outputs of `run` into `made`, without anything that changes from run to run."""
    outputs = {cell.id: cell.outputs for cell in run.cells if cell.cell_type == "code"}
    code = [cell for cell in made.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code, start=1):
        cell.execution_count = count
        cell.outputs = _joined(outputs[cell.id])
        if "widget" in cell.metadata.get("tags", []):
            cell.outputs = list(_stills(cell.outputs))
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            if output.get("name") == "stderr":
                raise LessonError(f"cell {cell.id} writes to stderr: {output.text[:200]!r}")


def _stills(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Give the pictures of widgets, which stand where no kernel runs; a widget itself is nothing without one."""
    for output in outputs:
        if "image/png" in output.get("data", {}):
            output.data = NotebookNode({"image/png": output.data["image/png"]})
            yield output


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return the outputs, where text that a busy machine sent in pieces is one again."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.get("name") and output.get("name") == joined[-1].get("name"):
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _keep_outputs(name: str, *editions: NotebookNode) -> bool:
    """Take the outputs that are stored, if in each edition the code is what it was."""
    pairs: list[tuple[NotebookNode, NotebookNode]] = []
    for edition, made in zip(EDITIONS, editions, strict=True):
        if not (path := Lesson(name).path(edition)).exists():
            return False
        try:
            old = notebooks.stored(path)
        except LessonError:  # such as after a merge in conflict: it is made anew
            return False
        code, before = (
            [cell for cell in each.cells if cell.cell_type == "code"] for each in (made, old)
        )
        if [(cell.id, cell.metadata) for cell in code] != [
            (cell.id, cell.metadata) for cell in before
        ]:
            return False
        pairs += zip(code, before, strict=True)
    for cell, kept in pairs:
        cell.outputs = kept.outputs
        cell.execution_count = kept.execution_count
        _show_claims_anew(cell)
    return True


def _show_claims_anew(cell: NotebookNode) -> None:
    """Set this cell's values beside what is measured now: a claim's output is made from its record alone."""
    for output in cell.get("outputs", []):
        if records := outputs.claims_of(output):
            output.data = {
                **output.data,
                **outputs.table([claims.row(Claim(**record)) for record in records]),
            }


def _share(solutions: NotebookNode, learner: NotebookNode) -> None:
    worked = {cell.id: cell for cell in solutions.cells}
    for cell in learner.cells:
        if cell.cell_type == "code" and not _own(cell):
            cell.outputs = worked[cell.id].outputs


def _own(cell: NotebookNode) -> bool:
    """Return true for the cells in which the learner's edition has outputs of its own."""
    return bool({"solution", "check", "tally"} & set(cell.metadata.get("tags", [])))


def _compare(made: NotebookNode, stored: NotebookNode) -> Iterator[str]:
    if made.metadata != stored.metadata:
        yield "its metadata are not what the source makes"
    for position, (want, have) in enumerate(zip(made.cells, stored.cells, strict=False)):
        for part in ("id", "cell_type", "source", "metadata"):
            if want[part] != have.get(part):
                yield f"cell {position} ({want.id}): its {part} is not what the source makes"
        if have.cell_type == "code" and have.execution_count is None:
            yield f"cell {position} ({want.id}): was never executed"
        if have.cell_type == "code" and any(
            output.output_type == "error" for output in have.outputs
        ):
            yield f"cell {position} ({want.id}): holds an error"
    if len(made.cells) != len(stored.cells):
        yield f"{len(stored.cells)} cells, the source makes {len(made.cells)}"


def _refuse_other_limits(source: Source, fast: NotebookNode) -> None:
    """Raise LessonError where fast mode was measured with other limits, which a stored notebook does not show."""
    for record in outputs.claims_in(fast):
        claim = Claim(**record)
        stored = claims.stored().get(claim.name, {}).get("fast", {})
        limits = measurement.filled(claim, claims.LIMITS)
        if stored and limits != measurement.part_of(stored, claims.LIMITS):
            raise LessonError(
                f"lessons/{source.name}.py: {claim.name} was measured with other limits in fast mode; run: "
                f"course measure {source.number} --mode fast"
            )


def _claim_differences(source: Source, solutions: NotebookNode) -> Iterator[str]:
    """Claims that were not measured as they now stand, or are not shown beside what was measured."""
    made = {record["name"]: Claim(**record) for record in outputs.claims_in(solutions)}
    stored = {
        name: entry
        for name, entry in claims.stored().items()
        if name.startswith(f"{source.number}.")
    }
    measure = f"run: course measure {source.number}"
    for name in stored.keys() - made.keys():
        yield f"lessons/claims.toml: {name} has no claim in lessons/{source.name}.py; {measure}"
    for name, claim in made.items():
        entry = stored.get(name, {})
        if not entry.get(claim.mode):
            yield f"lessons/{source.name}.py: {name} was never measured; {measure}"
        elif changed := measurement.changed(claim, entry):
            yield f"lessons/{source.name}.py: {name} was measured with {changed}; {measure}"
    for cell in solutions.cells:
        shown = [output.data for output in cell.get("outputs", []) if outputs.claims_of(output)]
        _show_claims_anew(cell)
        if shown != [
            output.data for output in cell.get("outputs", []) if outputs.claims_of(output)
        ]:
            yield f"cell {cell.id}: shows results beside others than those measured; run: course build {source.number}"
