import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_markdown_cell, new_notebook

from course.cli.lab import environment, update
from course.runs.folder import FolderError


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    given, mine = tmp_path / "notebooks", tmp_path / "my-course"
    given.mkdir()
    write(given / "01_first.ipynb", "lesson one")
    return mine, given


def write(path, text):
    nbformat.write(new_notebook(cells=[new_markdown_cell(text, id="only")]), path)


def text(path):
    return nbformat.read(path, as_version=4).cells[0].source


def test_lessons_are_copied_and_new_ones_added(folders):
    mine, given = folders
    assert update(mine, given) == []
    write(given / "02_second.ipynb", "lesson two")
    assert update(mine, given) == []
    assert {path.name: text(path) for path in mine.glob("*.ipynb")} == {
        "01_first.ipynb": "lesson one",
        "02_second.ipynb": "lesson two",
    }


def test_a_lesson_nobody_worked_in_follows_the_course(folders):
    mine, given = folders
    update(mine, given)
    write(given / "01_first.ipynb", "lesson one, better")
    assert update(mine, given) == []
    assert text(mine / "01_first.ipynb") == "lesson one, better"


def test_a_learners_work_is_kept_through_update_after_update(folders):
    mine, given = folders
    update(mine, given)
    write(mine / "01_first.ipynb", "my answers")
    for version in ("better", "still better"):
        write(given / "01_first.ipynb", version)
        [told] = update(mine, given)
        assert "01_first.ipynb: kept as you left it" in told
        assert text(mine / "01_first.ipynb") == "my answers"
        assert text(mine / told.split()[-1]) == version
    assert update(mine, given) == []


def test_a_lesson_the_learner_deleted_comes_back_only_when_it_changed(folders):
    mine, given = folders
    update(mine, given)
    (mine / "01_first.ipynb").unlink()
    update(mine, given)
    assert not (mine / "01_first.ipynb").exists()
    write(given / "01_first.ipynb", "lesson one, better")
    update(mine, given)
    assert text(mine / "01_first.ipynb") == "lesson one, better"


def test_what_the_course_gives_is_trusted_and_what_a_learner_wrote_is_not(folders):
    mine, given = folders
    update(mine, given)
    write(mine / "01_first.ipynb", "my answers")
    write(given / "01_first.ipynb", "better")
    [told] = update(mine, given)
    trusted = [NotebookNotary().check_signature(nbformat.read(path, 4)) for path in sorted(mine.glob("*.ipynb"))]
    assert trusted == [False, True]
    write(mine / told.split()[-1], "my answers to the new text")
    (mine / ".given.json").unlink()  # as after a crash
    update(mine, given)
    assert text(mine / told.split()[-1]) == "my answers to the new text"


def test_in_the_lab_python3_starts_warm_and_elsewhere_it_stays_plain(monkeypatch):
    assert "kernel_provisioner" not in KernelSpecManager().get_kernel_spec("python3").metadata
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "course-warm"


def test_a_folder_that_cannot_be_written_to_is_named_with_the_cure(folders, tmp_path):
    _, given = folders
    (tmp_path / "file").touch()
    with pytest.raises(
        FolderError, match=r"file/mine: cannot be written to \(.*\); name a folder of your own: course lab"
    ):
        update(tmp_path / "file" / "mine", given)


def test_a_home_that_cannot_be_written_to_is_named_with_the_cure(folders, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "file" / "jupyter"))
    with pytest.raises(
        FolderError, match=r"file/jupyter: cannot be written to \(.*\); .*set HOME, or JUPYTER_DATA_DIR"
    ):
        update(*folders)
    assert not folders[0].exists()
