"""A changed lesson before and after: from what git has, and from what the source makes now."""

import subprocess

import pytest

from course import catalog
from course.book import BookError, preview
from course.catalog import Lesson

pytest.importorskip("myst_nb", reason="install the book extra")
LESSON = Lesson("98_trial")


def git(folder, *arguments):
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def committed(trial, lessons):
    """The trial course in a repository of its own, with a prose cell in its source."""
    path = lessons / "98_trial.py"
    path.write_text(f"{path.read_text()}\n# %% [markdown]\n# The old words.\n", encoding="utf-8")
    git(lessons.parent, "init", "--quiet")
    git(lessons.parent, "add", "lessons", "notebooks")
    git(lessons.parent, "commit", "--quiet", "-m", "all")
    return path


def test_a_changed_lesson_stands_before_and_after_side_by_side(committed, trial, tmp_path):
    committed.write_text(committed.read_text().replace("The old words.", "The new words."))
    out = tmp_path / "preview"
    ((lesson, changes),) = preview.write(out, [LESSON], "HEAD")
    assert (lesson, changes > 0) == (LESSON, True)
    before, after = ((out / side / "98_trial.html").read_text("utf-8") for side in preview.SIDES)
    assert "A line that falls from 9 to 1." in before  # a picture, as it is stored
    assert "The new words." in after
    assert "The new words." not in before
    for number in range(1, changes + 1):
        assert f'id="change-{number}"' in before
        assert f'id="change-{number}"' in after
    pair = (out / "98_trial.html").read_text("utf-8")
    assert pair.count("<iframe") == 2
    assert "98_trial.html" in (out / "index.html").read_text("utf-8")


def test_what_has_not_changed_has_no_page(committed, tmp_path):
    assert preview.write(tmp_path / "preview", [LESSON], "HEAD") == []
    assert "No lesson differs" in (tmp_path / "preview" / "index.html").read_text("utf-8")


def test_another_time_in_the_opening_is_shown(committed, lessons, tmp_path):
    (lessons / "times.toml").write_text("[98]\nfull = 100.0\nfast = 50.0\n", encoding="utf-8")
    catalog.times.cache_clear()
    preview.write(tmp_path / "preview", [LESSON], "HEAD")
    after = (tmp_path / "preview" / "after" / "98_trial.html").read_text("utf-8")
    assert "runs in less than 120 seconds" in after


def test_a_commit_that_there_is_not_is_refused(committed, tmp_path):
    with pytest.raises(BookError, match="nowhere: git has no such commit"):
        preview.write(tmp_path / "preview", [LESSON], "nowhere")


def test_what_cannot_be_shown_is_named_and_leaves_the_old_preview(committed, tmp_path):
    out = tmp_path / "preview"
    preview.write(out, [LESSON], "HEAD")
    (out / "searchindex.js").write_text("old")
    committed.write_text(committed.read_text().replace("The old words.", "[x](nothing.md)"))
    with pytest.raises(BookError, match=r"98_trial\.ipynb: cell 98-\w+: WARNING: .*nothing\.md"):
        preview.write(out, [LESSON], "HEAD")
    assert (out / "searchindex.js").read_text() == "old"
