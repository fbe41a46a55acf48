import pytest

from course import data
from course.catalog import all_lessons
from course.cli import doctor


def test_an_installation_that_is_fit_answers_every_question_well(capsys):
    assert doctor.examine(), capsys.readouterr().out
    *lines, last = capsys.readouterr().out.splitlines()
    assert all(line.startswith("ok    ") for line in lines)
    assert f"{all_lessons()[0].name} passed in" in "\n".join(lines)
    assert last == "All well."


def test_a_home_that_cannot_be_written_to_is_named_with_the_cure(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "file" / "jupyter"))
    with pytest.raises(doctor.Unfit, match=r"file/jupyter, where Jupyter keeps its files, .*; set HOME"):
        doctor._home()


def test_missing_sums_are_named_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "DATA", tmp_path)
    with pytest.raises(data.DataError, match="data/SHA256SUMS: missing; get it back with: git restore data/SHA256SUMS"):
        doctor._data()
