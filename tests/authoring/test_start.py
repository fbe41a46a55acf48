"""The start page shows the way on, and ticks what the learner's own notebooks hold."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course.authoring import start
from course.catalog import all_lessons

LESSONS = all_lessons()


def checked(path, *outcomes):
    """Write a notebook whose checks, exercise and outcome each, have run."""
    outputs = [
        new_output("display_data", metadata={"course": {"exercise": {"name": name, "outcome": outcome}}})
        for name, outcome in outcomes
    ]
    nbformat.write(new_notebook(cells=[new_code_cell("check", outputs=[output]) for output in outputs]), path)


def test_answers_are_counted_from_the_notebooks_that_can_be_read(tmp_path):
    checked(tmp_path / f"{LESSONS[0].name}.ipynb", ("01.1", "right"), ("01.2", "wrong"), ("01.3", "right"))
    (tmp_path / f"{LESSONS[1].name}.ipynb").write_text("{ broken")
    (tmp_path / f"{LESSONS[2].name}.ipynb").write_text("[]")
    counts = start.right_answers(tmp_path)
    assert counts == dict.fromkeys((lesson.name for lesson in LESSONS), 0) | {LESSONS[0].name: 2}


def test_an_exercise_whose_check_ran_twice_counts_as_it_came_out_last(tmp_path):
    checked(tmp_path / f"{LESSONS[0].name}.ipynb", ("01.1", "right"), ("01.1", "wrong"))
    assert start.right_answers(tmp_path)[LESSONS[0].name] == 0


def test_the_page_begins_with_the_first_lesson_and_goes_on_with_the_first_that_is_not_done():
    first, second = (f"{lesson.number} {lesson.header['title']}]({lesson.name}.ipynb)" for lesson in LESSONS[:2])
    assert f"**Begin here: [{first}**" in start.page()
    assert f"**Go on here: [{first}**" in start.page({LESSONS[0].name: 3})
    page = start.page({LESSONS[0].name: 4})
    assert f"**Go on here: [{second}**" in page
    assert f"| ✓ 4 of 4 | [{first} |" in page
    assert page.count("✓") == 1


def test_when_all_is_done_the_page_says_so():
    assert "You have done every exercise" in start.page({lesson.name: 9 for lesson in LESSONS})


def test_the_page_lists_every_lesson_with_its_minutes():
    rows = [line for line in start.page().splitlines() if line.startswith("| 0 of ")]
    assert [row.split("](")[1].split(")")[0] for row in rows] == [f"{lesson.name}.ipynb" for lesson in LESSONS]
    assert all(int(row.split(" | ")[2]) >= 30 for row in rows)
