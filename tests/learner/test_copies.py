import contextlib
import json
import os
from pathlib import Path

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course.catalog import find
from course.classroom import variants
from course.classroom.roster import Student
from course.learner import copies
from course.learner.copies import update
from course.runs.folder import FolderError


def answer(exercise, source="def f(x):\n    ...  # your code here", *, version="a"):
    """The cell of an answer, whose id and grade change with the solution, as in a built notebook."""
    grade_id = f"exercise-{exercise.replace('.', '-')}-{version}"
    grading = {"grade": False, "grade_id": grade_id, "solution": True}
    return new_code_cell(
        source, id=f"answer-{exercise[-1]}-{version}", metadata={"nbgrader": grading}
    )


def lesson(*cells, edition="learner"):
    return new_notebook(
        cells=list(cells), metadata={"course": {"lesson": "01_first", "edition": edition}}
    )


def prose(text, id_="prose"):
    return new_markdown_cell(text, id=id_)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    given = tmp_path / "notebooks"
    mine = tmp_path / "my-course"
    give(given, lesson(prose("lesson one"), answer("01.1"), prose("the end", "end")))
    return mine, given


def give(given, notebook, name="01_first.ipynb"):
    (given / name).parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, given / name)


def change(path, edit):
    """Change a notebook as a learner does: `edit` is given its cells."""
    notebook = nbformat.read(path, as_version=4)
    edit(notebook.cells)
    nbformat.write(notebook, path)


def texts(path):
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


def rewrite_as_jupyterlab_does(path):
    """Run every cell, and fill in the metadata as JupyterLab does some time after it opened a notebook."""
    notebook = json.loads(path.read_text())
    notebook["metadata"]["kernelspec"] = {
        "display_name": "Course (Python 3)",
        "language": "python",
        "name": "python3",
    }
    notebook["metadata"]["language_info"] = {
        "name": "python",
        "version": "3.11.7",
        "pygments_lexer": "ipython3",
    }
    for count, cell in enumerate(cell for cell in notebook["cells"] if cell["cell_type"] == "code"):
        cell["execution_count"] = count + 1
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["yes\n"]}]
    path.write_text(json.dumps(notebook, indent=1))


def test_a_copy_has_no_outputs_and_a_solution_keeps_them(folders):
    mine, given = folders
    run = new_code_cell("1 + 1", id="run", execution_count=1)
    run.outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    give(given, lesson(run))
    give(given, lesson(run, edition="solutions"), "solutions/01_first.ipynb")
    assert update(mine, given) == []
    copied, solved = (
        nbformat.read(mine / name, 4).cells[0]
        for name in ("01_first.ipynb", "solutions/01_first.ipynb")
    )
    assert (copied.outputs, copied.execution_count) == ([], None)
    assert solved.outputs == run.outputs
    assert NotebookNotary().check_signature(nbformat.read(mine / "solutions" / "01_first.ipynb", 4))


def test_a_lesson_that_was_opened_and_run_follows_the_course(folders):
    mine, given = folders
    update(mine, given)
    rewrite_as_jupyterlab_does(mine / "01_first.ipynb")
    give(given, lesson(prose("lesson one, better"), answer("01.1")))
    assert update(mine, given) == []
    assert texts(mine / "01_first.ipynb")[0] == "lesson one, better"
    assert [path.name for path in mine.glob("*.ipynb")] == ["01_first.ipynb"]


def test_without_a_change_of_the_course_a_copy_is_not_touched(folders):
    mine, given = folders
    update(mine, given)
    rewrite_as_jupyterlab_does(mine / "01_first.ipynb")
    before = (mine / "01_first.ipynb").read_bytes()
    assert update(mine, given) == []
    assert (mine / "01_first.ipynb").read_bytes() == before


def test_answers_go_into_the_new_text_and_the_old_file_is_kept(folders):
    mine, given = folders
    update(mine, given)
    change(mine / "01_first.ipynb", lambda cells: cells[1].update(source="def f(x):\n    return 1"))
    before = (mine / "01_first.ipynb").read_bytes()
    give(
        given,
        lesson(prose("lesson one, better"), prose("more", "more"), answer("01.1", version="b")),
    )
    [told] = update(mine, given)
    assert told == (
        "01_first.ipynb: has the course's new text, with your answer to 01.1; "
        "as you left it, it is kept in 01_first.kept-1.ipynb"
    )
    assert texts(mine / "01_first.ipynb") == [
        "lesson one, better",
        "more",
        "def f(x):\n    return 1",
    ]
    assert (mine / "01_first.kept-1.ipynb").read_bytes() == before
    assert update(mine, given) == []
    give(given, lesson(prose("lesson one, best"), answer("01.1", version="c")))
    [told] = update(mine, given)
    assert told.endswith("kept in 01_first.kept-2.ipynb")
    assert texts(mine / "01_first.ipynb") == ["lesson one, best", "def f(x):\n    return 1"]


def test_a_prediction_written_under_its_question_and_a_note_come_along(folders):
    mine, given = folders
    update(mine, given)

    def work(cells):
        cells[2]["source"] = "the end, I predict"
        cells.insert(1, new_markdown_cell("my note", id="note"))

    change(mine / "01_first.ipynb", work)
    give(given, lesson(prose("lesson one, better"), answer("01.1"), prose("the end", "end")))
    [told] = update(mine, given)
    assert "with 2 other cells of yours" in told
    assert texts(mine / "01_first.ipynb")[:2] == ["lesson one, better", "my note"]
    assert texts(mine / "01_first.ipynb")[3] == "the end, I predict"


def test_where_course_and_learner_changed_the_same_text_the_course_has_it_and_the_learners_is_kept(
    folders,
):
    mine, given = folders
    update(mine, given)
    change(mine / "01_first.ipynb", lambda cells: cells[0].update(source="my remark"))
    give(given, lesson(prose("lesson one, better"), answer("01.1")))
    [told] = update(mine, given)
    assert "without what you changed in 1 cell" in told
    assert texts(mine / "01_first.ipynb")[0] == "lesson one, better"
    assert texts(mine / "01_first.kept-1.ipynb")[0] == "my remark"


def test_what_is_left_out_is_said_also_where_other_work_is_carried(folders):
    mine, given = folders
    update(mine, given)

    def work(cells):
        for place, text in enumerate(["my remark", "def f(x):\n    return 1", "my prediction"]):
            cells[place].update(source=text)

    change(mine / "01_first.ipynb", work)
    give(given, lesson(prose("better"), answer("01.1"), prose("the end, better", "end")))
    [told] = update(mine, given)
    assert "with your answer to 01.1, without what you changed in 2 cells; as you left it" in told


def test_two_answers_of_one_exercise_each_find_their_place(folders):
    mine, given = folders
    stubs = ["def save():\n    ...", "def restore():\n    ..."]
    give(given, lesson(*(answer("01.1", stub, version=f"a{n}") for n, stub in enumerate(stubs))))
    update(mine, given)
    change(
        mine / "01_first.ipynb",
        lambda cells: cells[1].update(source="def restore():\n    return 1"),
    )
    give(
        given,
        lesson(*(answer("01.1", stub, version=f"b{n}") for n, stub in enumerate(reversed(stubs)))),
    )
    update(mine, given)
    assert texts(mine / "01_first.ipynb") == [
        "def restore():\n    return 1",
        "def save():\n    ...",
    ]


def test_a_notebook_copied_by_hand_has_its_answers_carried_too(folders):
    mine, given = folders
    mine.mkdir()
    (mine / "01_first.ipynb").write_bytes((given / "01_first.ipynb").read_bytes())
    change(mine / "01_first.ipynb", lambda cells: cells[1].update(source="def f(x):\n    return 1"))
    [told] = update(mine, given)
    assert "with your answer to 01.1" in told
    assert texts(mine / "01_first.ipynb") == ["lesson one", "def f(x):\n    return 1", "the end"]


def test_a_file_that_is_no_notebook_any_more_is_kept(folders):
    mine, given = folders
    update(mine, given)
    (mine / "01_first.ipynb").write_bytes(b'{"cells": [{"source": "my answ')
    [told] = update(mine, given)
    assert "could not be read" in told
    assert (mine / "01_first.kept-1.ipynb").read_bytes() == b'{"cells": [{"source": "my answ'
    assert texts(mine / "01_first.ipynb")[0] == "lesson one"


def test_a_lesson_that_was_deleted_comes_back_as_the_course_has_it(folders):
    mine, given = folders
    update(mine, given)
    (mine / "01_first.ipynb").unlink()
    assert update(mine, given) == []
    assert texts(mine / "01_first.ipynb")[0] == "lesson one"


def save_in_place(copy, content):
    copy.write_bytes(content)


def save_by_a_new_file(copy, content):
    copy.with_name("editor").write_bytes(content)
    copy.with_name("editor").replace(copy)


def no_links(*_):
    raise OSError("no links here")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("moment", ["before it is kept", "after it is kept"])
@pytest.mark.parametrize("save", [save_in_place, save_by_a_new_file])
def test_what_an_editor_saves_during_an_update_is_carried(
    folders, monkeypatch, moment, save, links
):
    mine, given = folders
    update(mine, given)
    copy = mine / "01_first.ipynb"
    change(copy, lambda cells: cells[1].update(source="first answer"))
    give(given, lesson(prose("lesson one, better"), answer("01.1")))
    saved = copy.read_bytes().replace(b"first answer", b"second answer")
    real = copies._keep

    def keep(path):
        if moment == "before it is kept":
            save(copy, saved)
        kept = real(path)
        if moment == "after it is kept":
            save(copy, saved)
        return kept

    monkeypatch.setattr(copies, "_keep", keep)
    if not links:
        monkeypatch.setattr(copies.os, "link", no_links)
    [told] = update(mine, given)
    assert told.endswith("kept in 01_first.kept-1.ipynb")
    assert texts(copy) == ["lesson one, better", "second answer"]
    assert (mine / "01_first.kept-1.ipynb").read_bytes() == saved


def test_what_an_editor_places_where_no_copy_was_stays(folders, monkeypatch):
    mine, given = folders
    copy = mine / "01_first.ipynb"
    real = copies._written

    @contextlib.contextmanager
    def written(*arguments):
        with real(*arguments) as temporary:
            copy.write_bytes(b"an editor's")
            yield temporary

    monkeypatch.setattr(copies, "_written", written)
    update(mine, given)
    assert copy.read_bytes() == b"an editor's"


class Killed(BaseException):
    """Stands for a kill: from its moment on the process changes no name of a file."""


def killed_at(step, monkeypatch):
    """Have the process die before the change of a file's name that has the number `step`."""
    left = iter(range(step))

    def dying(change):
        def changed(*arguments, **keywords):
            if next(left, None) is None:
                raise Killed
            return change(*arguments, **keywords)

        return changed

    for name in ("link", "rename", "replace", "unlink"):
        monkeypatch.setattr(os, name, dying(getattr(os, name)))


@pytest.mark.parametrize("how", ["update", "reset"])
@pytest.mark.parametrize("links", [True, False])
def test_a_kill_at_any_step_leaves_a_copy_with_their_work(folders, monkeypatch, how, links):
    mine, given = folders
    copy = mine / "01_first.ipynb"
    mine_is = "def f(x):\n    return 1"
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    for step in range(20):
        for kept in mine.glob("*.kept-*"):
            kept.unlink()
        update(mine, given)
        change(copy, lambda cells: cells[1].update(source=mine_is))
        before = copy.read_bytes()
        if how == "update":
            give(given, lesson(prose(f"lesson one, text {step}"), answer("01.1")))
        with pytest.MonkeyPatch.context() as patch:
            killed_at(step, patch)
            try:
                update(mine, given) if how == "update" else copies.reset(copy, "01.1", given)
            except Killed:
                is_killed = True
            else:
                is_killed = False
        assert how == "reset" or mine_is in texts(copy)
        assert before in [path.read_bytes() for path in (copy, *mine.glob("*.kept-*"))]
        assert len(texts(copy)) in (2, 3)
        if not is_killed:
            break
        update(mine, given)
        assert how == "reset" or texts(copy)[:2] == [f"lesson one, text {step}", mine_is]
    assert step > 2
    assert not is_killed


@pytest.mark.parametrize("how", ["update", "reset"])
def test_a_copy_that_cannot_be_replaced_stays_alone(folders, monkeypatch, how):
    """As on Windows, where another program has it open."""
    mine, given = folders
    update(mine, given)
    copy = mine / "01_first.ipynb"
    change(copy, lambda cells: cells[1].update(source="f = 1"))
    give(given, lesson(prose("lesson one, better"), answer("01.1")))
    before = copy.read_bytes()
    replace = Path.replace

    def refused(path, target):
        if target == copy:
            raise PermissionError(13, "is open", str(copy))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(OSError if how == "reset" else FolderError, match="is open"):
        update(mine, given) if how == "update" else copies.reset(copy, "01.1", given)
    assert copy.read_bytes() == before
    assert [path.name for path in mine.glob("*.ipynb")] == [copy.name]


def test_a_folder_that_cannot_be_written_to_is_named_with_the_cure(folders, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        FolderError,
        match=r"file/mine: cannot be written to \(.*\); name a folder of your own$",
    ):
        update(tmp_path / "file" / "mine", folders[1])


def damage_cell(**metadata):
    return lambda notebook: notebook["cells"][0].update(metadata=metadata)


def write_half_a_character(notebook):
    notebook["cells"][0]["source"] = "mine \ud83d and \U0001f600"


def damage_output(metadata):
    output = {"output_type": "display_data", "data": {}, "metadata": metadata}
    return lambda notebook: notebook["cells"][1].update(outputs=[output])


@pytest.mark.parametrize(
    "damage",
    [
        damage_cell(nbgrader="solution"),
        damage_cell(nbgrader={"solution": True, "grade_id": 5}),
        damage_cell(tags=5),
        damage_output({"course": {"exercise": []}}),
        damage_output({"course": "x"}),
        lambda notebook: notebook["metadata"].update(course="x"),
        lambda notebook: notebook["metadata"].update(course={"given": {"cells": [1]}}),
        lambda notebook: notebook["cells"][0].update(id=5),
        lambda notebook: notebook["cells"][1].update(outputs=5),
        write_half_a_character,
    ],
)
def test_metadata_of_another_form_keep_no_lesson_from_its_update(folders, damage):
    mine, given = folders
    update(mine, given)
    copy = mine / "01_first.ipynb"
    notebook = json.loads(copy.read_text())
    notebook["cells"][1]["source"] = "def f(x):\n    return 2 * x"
    damage(notebook)
    copy.write_text(json.dumps(notebook))
    give(given, lesson(prose("lesson one, mended"), answer("01.1", version="b")))
    update(mine, given)
    assert update(mine, given) == []
    if notebook["cells"][1].get("outputs") != 5:  # which is no notebook
        assert "def f(x):\n    return 2 * x" in texts(copy)
    assert (mine / "01_first.kept-1.ipynb").exists()
    copies.reset(copy, "01.1", given)


def test_a_home_that_cannot_be_written_to_is_named_with_the_cure(folders, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "file" / "jupyter"))
    with pytest.raises(
        FolderError,
        match=r"file/jupyter: cannot be written to \(.*\); .*set HOME, or JUPYTER_DATA_DIR",
    ):
        update(*folders)
    assert not folders[0].exists()


@pytest.mark.parametrize("place", [".", "solutions", "new"])
def test_the_courses_own_notebooks_are_nobodys_copy(folders, place):
    mine, given = folders
    run = new_code_cell("1 + 1", id="run", execution_count=1)
    run.outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=1)]
    give(given, lesson(run, answer("01.1")))
    give(given, lesson(run, answer("01.1", "f = 1")), "solutions/01_first.ipynb")
    before = {path: path.read_bytes() for path in given.rglob("*.ipynb")}
    with pytest.raises(FolderError, match=r"own notebooks.*; name a folder of your own"):
        update(given / place, given)
    if (copy := given / place / "01_first.ipynb").exists():
        with pytest.raises(FolderError, match="own notebooks"):
            copies.reset(copy, "01.1", given)
    assert {path: path.read_bytes() for path in given.rglob("*.ipynb")} == before
    update(mine, given)


@pytest.mark.parametrize("is_touched", [False, True])
def test_an_assigned_notebook_keeps_its_students_values_and_question(folders, is_touched):
    mine, given = folders
    given_lesson = find("01")
    name = f"{given_lesson.name}.ipynb"
    newer = nbformat.read(given_lesson.notebook("learner"), as_version=4)
    newer.cells[0].source += " Better."
    give(given, newer, name)
    ann = Student("ann")
    variant = variants.variant("ml", ann, given_lesson, full=False)
    assigned = variants.notebook(ann, given_lesson, variant)
    mine.mkdir()
    give(mine, assigned, name)
    if is_touched:
        change(mine / name, lambda cells: cells[0].update(source="mine"))
    before = (mine / name).read_bytes()
    assert update(mine, given) == []
    assert (mine / name).read_bytes() == before
    assert not list(mine.glob("*.kept-*"))
