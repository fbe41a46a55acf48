"""Links are set where prose names something, and nowhere else."""

import pytest

from course.authoring.links import heading_id, linked
from course.catalog import LessonError


@pytest.fixture(autouse=True)
def three(lessons):
    for name in ("01_first", "02_second", "03_third"):
        (lessons / f"{name}.py").touch()


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("See lesson 02.", "See [lesson 02](02_second.ipynb)."),
        ("Lesson 02's rate", "[Lesson 02](02_second.ipynb)'s rate"),
        ("in lesson\n02", "in [lesson\n02](02_second.ipynb)"),
        ("lessons 01 and 03", "lessons [01](01_first.ipynb) and [03](03_third.ipynb)"),
        (
            "Lessons 01, 02, and 03",
            "Lessons [01](01_first.ipynb), [02](02_second.ipynb), and [03](03_third.ipynb)",
        ),
        (
            "doi:10.1109/5.726791 (digits)",
            "[doi:10.1109/5.726791](https://doi.org/10.1109/5.726791) (digits)",
        ),
        (
            "(Yeh, doi:10.1016/S0(98)3).",
            "(Yeh, [doi:10.1016/S0(98)3](https://doi.org/10.1016/S0%2898%293)).",
        ),
        ("arXiv:1706.04599.", "[arXiv:1706.04599](https://arxiv.org/abs/1706.04599)."),
    ],
)
def test_lessons_dois_and_arxiv_numbers_become_links(text, link):
    assert linked(text) == link


@pytest.mark.parametrize(
    "text",
    [
        "`lesson 02`",
        "$lesson 02$",
        "$$\nlesson 02\n$$",
        "[see lesson 02](elsewhere.md)",
        "```\nlesson 02\n```",
        "    lesson 02",
        "exercise 02.1",
        "10 lessons 2 days",
        "https://doi.org/doi:10.1000/182",
    ],
)
def test_code_formulas_and_links_stay_as_they_are(text):
    assert linked(text) == text


def test_from_solutions_a_lesson_is_one_folder_up():
    assert linked("lesson 02", "../") == "[lesson 02](../02_second.ipynb)"


def test_a_lesson_that_there_is_not_is_refused():
    with pytest.raises(LessonError, match=r"'lesson 17': must be one of 01, 02, 03"):
        linked("See lesson 17.")


def test_a_heading_has_the_name_that_code_hosts_give_it():
    assert heading_id("Area under the ROC curve (AUC)") == "area-under-the-roc-curve-auc"
