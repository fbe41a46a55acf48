"""Stored notebooks are compared by content: every kind of drift must be named."""

import nbformat
import pytest

from course import catalog, outputs
from course.authoring import build
from course.catalog import Lesson, LessonError, all_lessons

REAL = catalog.NOTEBOOKS


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Both editions of the first lesson, copied where a test may alter them."""
    name = all_lessons()[0].name
    originals = [Lesson(name).path(edition) for edition in build.EDITIONS]
    monkeypatch.setattr(catalog, "NOTEBOOKS", tmp_path)
    for original in originals:
        copy = tmp_path / original.relative_to(REAL)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(original.read_bytes())
    return name


def alter(name, edition, change):
    path = Lesson(name).path(edition)
    notebook = nbformat.read(path, as_version=4)
    change(notebook)
    nbformat.write(notebook, path)


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_stored_notebooks_equal_their_source(stored):
    assert list(build.differences(stored)) == []


def drift(name):
    return "\n".join(build.differences(name))


@pytest.mark.parametrize("edition", build.EDITIONS)
def test_an_edited_cell_is_named(stored, edition):
    alter(stored, edition, lambda notebook: code(notebook)[1].update(source="begin()"))
    assert "its source is not what the source makes" in drift(stored)


def test_a_cell_too_many_is_noticed(stored):
    alter(
        stored,
        "learner",
        lambda notebook: notebook.cells.append(nbformat.v4.new_markdown_cell("more")),
    )
    assert "cells, the source makes" in drift(stored)


def test_a_cell_never_executed_is_noticed(stored):
    alter(stored, "solutions", lambda notebook: code(notebook)[0].update(execution_count=None))
    assert "was never executed" in drift(stored)


def test_a_stored_error_is_noticed(stored):
    error = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    alter(stored, "solutions", lambda notebook: code(notebook)[0].outputs.append(error))
    assert "holds an error" in drift(stored)


def test_an_output_that_only_one_edition_has_is_noticed(stored):
    output = nbformat.v4.new_output("stream", name="stdout", text="epoch 1")
    alter(stored, "learner", lambda notebook: code(notebook)[0].outputs.append(output))
    assert "its output is not that of the solutions edition" in drift(stored)


CONFLICT = "<<<<<<< HEAD\n"


@pytest.mark.parametrize("text", [CONFLICT, "", "{}", "[]"])
def test_a_stored_notebook_that_is_none_is_named_and_built_anew(stored, monkeypatch, text):
    path = Lesson(stored).path("solutions")
    sound = nbformat.read(path, as_version=4)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        LessonError, match=rf"{stored}\.ipynb: is not a notebook; run: course build 01"
    ):
        drift(stored)
    monkeypatch.setattr(build, "_execute", lambda made, name, *, fast: made if fast else sound)
    build.build(stored, execute=False)
    assert nbformat.read(path, as_version=4).cells == sound.cells


def test_a_missing_edition_is_noticed(stored):
    Lesson(stored).path("solutions").unlink()
    assert "missing; run: course build" in drift(stored)


def test_text_that_came_in_pieces_is_stored_as_one_up_to_the_next_output_of_another_kind(
    stored, monkeypatch
):
    def text(text):
        return nbformat.v4.new_output("stream", name="stdout", text=text)

    def in_pieces(made, *_, **__):
        run = nbformat.from_dict(made)
        for cell in code(run):
            cell.outputs = [
                text("a "),
                text("line\n"),
                nbformat.v4.new_output("display_data"),
                text("more\n"),
            ]
        return run

    monkeypatch.setattr(build, "_execute", in_pieces)
    build.build(stored)
    cell = code(nbformat.read(Lesson(stored).path("solutions"), as_version=4))[0]
    assert [output.get("text") for output in cell.outputs] == ["a line\n", None, "more\n"]


def test_of_a_widget_its_picture_is_stored_and_nothing_that_needs_a_kernel(stored, monkeypatch):
    view = "application/vnd.jupyter.widget-view+json"

    def widgets(made, *_, **__):
        run = nbformat.from_dict(made)
        for cell in code(run):
            data = {view: {"model_id": "1"}, "image/png": "AA==", "text/plain": "Figure()"}
            described = {"image/png": {"alt": "a path"}}
            cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=described)]
        return run

    monkeypatch.setattr(build, "_execute", widgets)
    build.build(stored)
    cells = code(nbformat.read(Lesson(stored).path("solutions"), as_version=4))
    [widget] = [cell for cell in cells if "widget" in cell.metadata.get("tags", [])]
    assert [(output.data, output.metadata) for output in widget.outputs] == [
        ({"image/png": "AA=="}, {"image/png": {"alt": "a path"}})
    ]
    assert view in cells[0].outputs[0].data


@pytest.fixture
def no_execution(monkeypatch):
    """Whoever executes a notebook is found out."""

    def execute(*_, **__):
        raise RuntimeError("executed")

    monkeypatch.setattr(build, "_execute", execute)


def test_outputs_are_kept_where_the_prose_alone_has_changed(stored, no_execution):
    before = {edition: Lesson(stored).path(edition).read_bytes() for edition in build.EDITIONS}
    for edition in build.EDITIONS:
        alter(stored, edition, lambda notebook: notebook.cells[0].update(source="An older opening"))
    build.build(stored, execute=False)
    assert {
        edition: Lesson(stored).path(edition).read_bytes() for edition in build.EDITIONS
    } == before


def test_claims_are_set_beside_what_is_measured_now_without_executing(stored, no_execution):
    before = Lesson(stored).path("solutions").read_bytes()
    older = "a result: yours 1 · course 1.0 (0.9 to 1.1)"
    alter(
        stored, "solutions", lambda notebook: claim_of(notebook).data.update({"text/plain": older})
    )
    assert "shows results beside others than those measured; run: course build" in drift(stored)
    build.build(stored, execute=False)
    assert Lesson(stored).path("solutions").read_bytes() == before


def test_a_limit_other_than_the_measured_one_is_noticed(stored):
    alter(stored, "solutions", lambda notebook: limited(notebook).update(at_most=1e9))
    assert "was measured with other limits; run: course measure" in drift(stored)


@pytest.mark.parametrize(
    "described",
    [{"words": "something else"}, {"unit": "seconds"}, {"digits": 9}, {"published": 42.0}],
)
def test_a_description_other_than_the_measured_one_is_noticed(stored, described):
    alter(stored, "solutions", lambda notebook: limited(notebook).update(described))
    (key,) = described
    assert f"was measured with other {key}; run: course measure" in drift(stored)


def test_a_limit_of_fast_mode_other_than_the_measured_one_stops_a_build(stored, monkeypatch):
    def execute(made, name, *, fast):
        run = nbformat.read(Lesson(name).path("solutions"), as_version=4)
        if fast:
            limited(run).update(mode="fast", at_most=1e9)
        return run

    monkeypatch.setattr(build, "_execute", execute)
    before = Lesson(stored).path("solutions").read_bytes()
    with pytest.raises(
        LessonError, match=r"other limits in fast mode; run: course measure 01 --mode fast"
    ):
        build.build(stored)
    assert Lesson(stored).path("solutions").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda notebook: code(notebook)[2].update(id="01-older"),
        lambda notebook: code(notebook)[2].metadata.update(tags=["older"]),
    ],
    ids=["code", "tags"],
)
def test_a_lesson_is_executed_when_something_else_has_changed(stored, no_execution, change):
    alter(stored, "solutions", change)
    with pytest.raises(RuntimeError, match="executed"):
        build.build(stored, execute=False)


def claim_of(notebook):
    """The output of the first claims."""
    shown = [output for cell in code(notebook) for output in cell.outputs]
    return next(output for output in shown if outputs.claims_of(output))


def limited(notebook):
    """The record of the first bound."""
    shown = [
        output for cell in code(notebook) for output in cell.outputs if outputs.claims_of(output)
    ]
    records = [record for output in shown for record in output.metadata["course"]["claims"]]
    return next(record for record in records if record["kind"] == "bound")
