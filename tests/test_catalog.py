import pytest

from course import catalog
from course.catalog import LessonError, all_lessons, choose, find


@pytest.mark.parametrize("text", ["98", "98_trial"])
def test_a_lesson_is_found_by_number_and_by_name(lessons, text):
    found = find(text)
    assert (found.name, found.number, found.source) == ("98_trial", "98", lessons / "98_trial.py")


def test_a_leading_zero_may_be_left_out(lessons):
    (lessons / "05_mnist.py").write_text("", encoding="utf-8")
    assert find("5").name == "05_mnist"
    assert [each.name for each in all_lessons()] == ["05_mnist", "98_trial"]


def test_a_lesson_that_there_is_not_is_refused_with_those_there_are(lessons):
    with pytest.raises(LessonError, match="lesson '42': must be one of 98_trial"):
        find("42")


def test_a_lesson_of_nearly_that_name_is_named(lessons):
    with pytest.raises(
        LessonError, match=r"'trail': must be one of 98_trial; did you mean 98_trial\?$"
    ):
        find("trail")


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        ([], ["02", "03", "05", "98"]),
        (["2..05"], ["02", "03", "05"]),
        (["98", "05..98", "02..02"], ["98", "05", "02"]),
    ],
)
def test_lessons_are_chosen_one_by_one_and_by_range_each_once(lessons, texts, numbers):
    for name in ("02_two", "03_three", "05_five"):
        (lessons / f"{name}.py").write_text("", encoding="utf-8")
    assert [each.number for each in choose(texts)] == numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("98..02", "lessons 98..02: the range must go up"),
        ("02..", "lessons '02..': a range reads 02..05; several lessons read 02 05"),
        ("02..04", "lesson '04': must be one of 02_two, 98_trial"),
    ],
)
def test_a_range_of_lessons_that_there_is_not_is_refused(lessons, text, message):
    (lessons / "02_two.py").write_text("", encoding="utf-8")
    with pytest.raises(LessonError) as refusal:
        choose([text])
    assert str(refusal.value) == message


def test_header_and_parameters_are_read_from_the_source(lessons):
    found = find("98")
    assert found.header["title"] == "A trial"
    assert found.header["objectives"] == ["try it"]
    assert list(found.parameters) == ["seed", "fast", "epochs"]


@pytest.mark.parametrize(
    "text", ["# %%\n1", "# ---\n# just text\n# ---\n", "# ---\n# title: [\n# ---\n"]
)
def test_a_source_without_a_header_is_named(lessons, text):
    (lessons / "05_mnist.py").write_text(text, encoding="utf-8")
    with pytest.raises(LessonError, match=r"lessons/05_mnist\.py: must begin with a header"):
        _ = find("05").header


def test_a_notebook_that_was_not_built_is_named_with_its_cure(lessons):
    with pytest.raises(LessonError, match=r"98_trial\.ipynb: missing; run: course build 98"):
        find("98").notebook("solutions")


def test_seconds_are_those_of_the_last_measurement(lessons):
    assert find("98").seconds("full") is None
    catalog.TIMES.write_text('["98"]\nfull = 12.5\n', encoding="utf-8")
    catalog.times.cache_clear()
    assert find("98").seconds("full") == 12.5
    assert find("98").seconds("fast") is None
