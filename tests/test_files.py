"""A write that fails must leave the file as it was, and nothing beside it; an empty folder is empty."""

import errno
import hashlib
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from course.files import (
    PARTIAL,
    empty_folder,
    keep,
    make_folder,
    set_aside,
    whole_file,
    write_whole,
)


def test_text_and_bytes_are_written_and_folders_made(tmp_path):
    write_whole(tmp_path / "new" / "and newer" / "text", "café\n")
    write_whole(tmp_path / "bytes", b"\x00\r\n")
    assert (tmp_path / "new" / "and newer" / "text").read_bytes() == "café\n".encode()
    assert (tmp_path / "bytes").read_bytes() == b"\x00\r\n"


def test_a_failed_write_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "lesson.ipynb"
    write_whole(path, "before")

    def full(*_):
        raise OSError("disk full")

    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "after \ud800")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        write_whole(path, "after")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


WRITE = """
import sys
from pathlib import Path
from course.files import whole_file
with whole_file(Path(sys.argv[1]), "file") as file:
    file.write(b"after")
    file.flush()
    print("half", flush=True)
    sys.stdin.read()
"""


def test_a_write_that_fails_names_the_file_that_was_asked_for(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "folder"))):
        write_whole(tmp_path / "folder", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_kill_leaves_the_file_as_it_was_and_a_partial_one_under_its_own_name(tmp_path):
    (tmp_path / "file").write_text("before")
    command = [sys.executable, "-c", WRITE, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout.readline() == "half\n"
        writer.kill()
    assert (tmp_path / "file").read_text() == "before"
    partial = next(path for path in tmp_path.iterdir() if path.name != "file")
    assert partial.suffix == PARTIAL
    assert partial.read_text() == "after"


def test_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "file"
    with whole_file(tmp_path, "file") as first, whole_file(tmp_path, "file") as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_text() == "first"  # the outer block ended last
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_may_be_named_by_its_whole_content(tmp_path):
    def name(written):
        return hashlib.sha256(written.read_bytes()).hexdigest()

    with whole_file(tmp_path, name) as file:
        file.write(b"abc")
    # The digest of "abc" in FIPS 180-4's examples.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert [path.name for path in tmp_path.iterdir()] == [expected]


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot open a folder to force it to the disk"
)
@pytest.mark.parametrize("durable", [False, True])
def test_a_durable_file_is_forced_to_the_disk_before_it_gets_its_name_and_its_folder_after(
    tmp_path, monkeypatch, durable
):
    forced = []
    fsync = os.fsync

    def record(descriptor):
        fsync(descriptor)
        status = os.fstat(descriptor)
        forced.append((stat.S_ISDIR(status.st_mode), status.st_size, path.exists()))

    path = tmp_path / "new" / "file"
    monkeypatch.setattr(os, "fsync", record)
    write_whole(path, "x" * 1000, **{"durable": True} if durable else {})
    assert path.stat().st_size == 1000
    file = (False, 1000, False)
    folder = (True, path.parent.stat().st_size, True)
    assert forced[-2:] == ([file, folder] if durable else [])
    assert len(forced) == (4 if durable else 0)  # and the folders that hold the new one, before


def test_a_file_is_not_forced_to_the_disk_unless_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("forced"))
    with whole_file(tmp_path, "file") as file:
        file.write(b"abc")
    assert (tmp_path / "file").read_bytes() == b"abc"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts handles")
def test_a_durable_write_leaves_no_descriptor_open(tmp_path):
    before = psutil.Process().num_fds()
    write_whole(tmp_path / "new" / "file", "text", durable=True)
    assert psutil.Process().num_fds() == before


def test_a_folder_that_another_process_makes_meanwhile_is_taken(tmp_path, monkeypatch):
    there = tmp_path / "there"
    there.mkdir()
    is_dir = Path.is_dir
    not_yet = iter([False])
    monkeypatch.setattr(
        Path, "is_dir", lambda path: is_dir(path) and (path != there or next(not_yet, True))
    )
    make_folder(there)
    assert there.exists()


def test_a_drive_that_is_not_there_is_an_error_of_the_system():
    class Drive:
        """As `Path("Z:\\\\")`, which is its own parent."""

        def __init__(self):
            self.parent = self

        def is_dir(self):
            return False

        def mkdir(self, exist_ok):
            raise FileNotFoundError(errno.ENOENT, "The system cannot find the path specified")

    with pytest.raises(FileNotFoundError):
        make_folder(Drive())


def test_an_empty_folder_is_made_where_there_is_none_and_emptied_where_there_is_one(tmp_path):
    path = tmp_path / "new" / "runs"
    assert empty_folder(path) == path
    (path / "older").mkdir()
    (path / "older" / "file").touch()
    (path / "file").touch()
    assert list(empty_folder(path).iterdir()) == []
    assert [each.name for each in path.parent.iterdir()] == ["runs"]


def test_a_file_is_set_aside_under_the_first_name_that_is_free(tmp_path):
    for name in ("mine", "kept-1"):
        (tmp_path / name).write_text(name)
    assert set_aside(tmp_path / "mine", ["kept-1", "kept-2", "kept-3"]) == tmp_path / "kept-2"
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"kept-1": "kept-1", "kept-2": "mine"}


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_keeps_its_content_under_a_second_name_that_is_free(
    tmp_path, monkeypatch, has_links
):
    if not has_links:

        def refused(*_):
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refused)
    for name in ("mine", "kept-1"):
        (tmp_path / name).write_text(name)
    assert keep(tmp_path / "mine", ["kept-1", "kept-2", "kept-3"]) == tmp_path / "kept-2"
    write_whole(tmp_path / "mine", "newer")
    found = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found == {"mine": "newer", "kept-1": "kept-1", "kept-2": "mine"}


def test_what_is_gone_is_not_set_aside_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError):
        set_aside(tmp_path / "gone", ["kept"])
    assert not any(tmp_path.iterdir())
