import pytest
from jupyter_client.kernelspec import KernelSpecManager

from course.classroom.lab import environment, update


@pytest.fixture
def folders(tmp_path):
    given, mine = tmp_path / "notebooks", tmp_path / "my-course"
    given.mkdir()
    (given / "01_first.ipynb").write_text("lesson one")
    return mine, given


def test_lessons_are_copied_and_new_ones_added(folders):
    mine, given = folders
    assert update(mine, given) == []
    (given / "02_second.ipynb").write_text("lesson two")
    assert update(mine, given) == []
    assert {path.name: path.read_text() for path in mine.glob("*.ipynb")} == {
        "01_first.ipynb": "lesson one",
        "02_second.ipynb": "lesson two",
    }


def test_a_lesson_nobody_worked_in_follows_the_course(folders):
    mine, given = folders
    update(mine, given)
    (given / "01_first.ipynb").write_text("lesson one, better")
    assert update(mine, given) == []
    assert (mine / "01_first.ipynb").read_text() == "lesson one, better"


def test_a_learners_work_is_kept_through_update_after_update(folders):
    mine, given = folders
    update(mine, given)
    (mine / "01_first.ipynb").write_text("my answers")
    for version in ("better", "still better"):
        (given / "01_first.ipynb").write_text(version)
        [told] = update(mine, given)
        assert "01_first.ipynb: kept as you left it" in told
        assert (mine / "01_first.ipynb").read_text() == "my answers"
        assert (mine / told.split()[-1]).read_text() == version
    assert update(mine, given) == []


def test_a_lesson_the_learner_deleted_comes_back_only_when_it_changed(folders):
    mine, given = folders
    update(mine, given)
    (mine / "01_first.ipynb").unlink()
    update(mine, given)
    assert not (mine / "01_first.ipynb").exists()
    (given / "01_first.ipynb").write_text("lesson one, better")
    update(mine, given)
    assert (mine / "01_first.ipynb").read_text() == "lesson one, better"


def test_in_the_lab_python3_starts_warm_and_elsewhere_it_stays_plain(monkeypatch):
    assert "kernel_provisioner" not in KernelSpecManager().get_kernel_spec("python3").metadata
    monkeypatch.setenv("JUPYTER_PATH", "elsewhere")
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    spec = KernelSpecManager().get_kernel_spec("python3")
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == "course-warm"
