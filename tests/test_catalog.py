import pytest

from course import catalog
from course.authoring import glossary
from course.catalog import LessonError, all_lessons, choose, find, parameters_of
from course.parameters import ParameterError


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


EXERCISES = """# %% tags=["solution"]
def first():
    return 1

# %% tags=["solution"]
SECOND = 2

# %% tags=["helper"]
helped = True

# %% tags=["check"]
@exercise("05.1", first, SECOND, draw=draw)
def check(first, second):
    expect(first() == 1, "One.")

# %%
print("worked")

# %% tags=["solution"]
third = 3

# %% tags=["check"]
@exercise("05.2", third)
def check(third):
    expect(third == 3, "Three.")
"""


def test_an_exercise_is_its_solutions_and_its_check_with_the_helpers_above(lessons):
    (lessons / "05_mnist.py").write_text(EXERCISES, encoding="utf-8")
    first, second = find("05").exercises.values()
    assert (first.name, first.answers) == ("05.1", ("first", "SECOND"))
    assert first.solution == "def first():\n    return 1\n\n\nSECOND = 2\n\n"
    assert first.check.startswith("helped = True\n\n\n@exercise(")
    assert (second.name, second.answers) == ("05.2", ("third",))
    assert second.solution == "third = 3\n\n"
    assert second.check.startswith("@exercise(")
    assert list(find("98").exercises) == []


def test_a_check_that_names_no_exercise_is_shown_by_its_first_60_characters(lessons):
    body = "# a check\n" + "x" * 100
    text = f'# %% tags=["check"]\n{body}\n'
    (lessons / "05_mnist.py").write_text(text, encoding="utf-8")
    with pytest.raises(LessonError) as refusal:
        _ = find("05").exercises
    assert str(refusal.value) == (
        f'lessons/05_mnist.py: no @exercise("NN.N", answer) in {body[:60]!r}'
    )


def test_a_source_that_is_no_text_is_named_with_the_place(lessons):
    (lessons / "05_mnist.py").write_bytes(b"# %%\n\xff\n")
    with pytest.raises(LessonError, match=r"^lessons/05_mnist\.py: is not UTF-8, from byte 5$"):
        _ = find("05").header


@pytest.mark.parametrize("read", [catalog.times, catalog.backends, glossary.glossary])
def test_a_table_with_the_marks_of_a_conflict_is_named(lessons, read):
    for name in ("times", "backends", "glossary"):
        (lessons / f"{name}.toml").write_text("<<<<<<< HEAD\n", encoding="utf-8")
    with pytest.raises(LessonError, match=r"lessons/\w+\.toml: is not TOML \(.*line 1"):
        read()


@pytest.mark.parametrize("value", ["2026-02-30", "[1, 2"])
def test_a_header_that_yaml_does_not_read_is_refused(lessons, value):
    text = f"# ---\n# title: A trial\n# date: {value}\n# ---\n"
    (lessons / "05_mnist.py").write_text(text, encoding="utf-8")
    with pytest.raises(LessonError, match="must begin with a header"):
        _ = find("05").header


def test_a_lesson_without_parameters_is_refused(lessons):
    (lessons / "05_mnist.py").write_text("# %%\n1\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"^lesson '05_mnist': has no parameters cell$"):
        parameters_of("05_mnist")
    with pytest.raises(ParameterError, match=r"^lesson '06_none': not in lessons/$"):
        parameters_of("06_none")


def test_notebooks_lie_by_edition():
    assert find("01").path("learner") == catalog.NOTEBOOKS / "01_gradient_descent.ipynb"
    solved = catalog.NOTEBOOKS / "solutions" / "01_gradient_descent.ipynb"
    assert find("01").path("solutions") == find("01").notebook("solutions") == solved
    assert solved.exists()


@pytest.mark.parametrize("text", ["02,05", "2-5", "02.05", "2..3..5"])
def test_a_range_written_otherwise_is_refused_with_how_it_reads(lessons, text):
    with pytest.raises(LessonError, match=r"a range reads 02\.\.05; several lessons read 02 05"):
        choose([text])


def test_the_courses_own_lessons_are_found_with_their_times():
    assert [each.number for each in all_lessons()][:3] == ["01", "02", "03"]
    assert find("1").number == "01"
    assert find("01").seconds("full") > 0
    assert find("01").header["title"]
