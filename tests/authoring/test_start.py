"""The start page shows the way on, and ticks what is done."""

from course.authoring import start
from course.catalog import all_lessons

LESSONS = all_lessons()


def test_the_page_begins_with_the_first_lesson_and_goes_on_with_the_first_that_is_not_done():
    first, second = (
        f"{lesson.number} {lesson.header['title']}]({lesson.name}.ipynb)" for lesson in LESSONS[:2]
    )
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
    assert [row.split("](")[1].split(")")[0] for row in rows] == [
        f"{lesson.name}.ipynb" for lesson in LESSONS
    ]
    assert all(int(row.split(" | ")[2]) >= 30 for row in rows)
