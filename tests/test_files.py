"""A write that fails must leave the file as it was, and nothing beside it; an empty folder is empty."""

from pathlib import Path

import pytest

from course.files import empty_folder, write_whole


def test_text_and_bytes_are_written_and_folders_made(tmp_path):
    write_whole(tmp_path / "new" / "text", "café\n")
    write_whole(tmp_path / "bytes", b"\x00\r\n")
    assert (tmp_path / "new" / "text").read_bytes() == "café\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\x00\r\n"


@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_a_failed_write_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path, monkeypatch, step):
    path = tmp_path / "lesson.ipynb"
    write_whole(path, "before")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(Path, step, full)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_folder_is_made_where_there_is_none_and_emptied_where_there_is_one(tmp_path):
    path = tmp_path / "new" / "runs"
    assert empty_folder(path) == path
    (path / "older").mkdir()
    (path / "older" / "file").touch()
    (path / "file").touch()
    assert list(empty_folder(path).iterdir()) == []
    assert [each.name for each in path.parent.iterdir()] == ["runs"]
