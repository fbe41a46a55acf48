import re

import pytest

from course.authoring.source import LONGEST, only_records, problems, read, stub, vary_problems
from course.catalog import LessonError

EXERCISE = """
# %% tags=["solution"]
def rmse(target, prediction):
    \"\"\"Root of the mean squared error.\"\"\"
    return np.sqrt(np.mean((target - prediction) ** 2))

# %% tags=["check"]
@exercise("98.1", rmse)
def check(rmse):
    expect(True, "")

# %% tags=["wrong"] hint="after the mean"
def rmse(target, prediction):
    return np.mean(np.abs(target - prediction))
"""


def extend(lessons, text):
    path = lessons / "98_trial.py"
    path.write_text(path.read_text() + text)
    return read("98_trial")


def test_a_solution_is_cut_to_its_signature_docstring_and_targets():
    solution = '''import numpy as np
def rmse(target, prediction):
    """Root of the mean squared error."""
    error = target - prediction
    return np.sqrt(np.mean(error**2))

rate = 2 / max(
    1, 2)
class Mean(Base):
    unit = "m"

    def update(self, value):
        self.total += value'''
    assert (
        stub(solution)
        == '''import numpy as np
def rmse(target, prediction):
    """Root of the mean squared error."""
    ...  # your code here

rate = ...  # your code here
class Mean(Base):
    unit = "m"

    def update(self, value):
        ...  # your code here'''
    )


def test_a_stub_is_python_that_runs(lessons):
    namespace = {}
    exec(stub("def f(x):\n    return x\n\nanswer = f(3)"), namespace)
    assert namespace["answer"] is Ellipsis
    assert namespace["f"](1) is None


@pytest.mark.parametrize(
    ("solution", "left"),
    [
        ("answer: float = 0.5", "answer: float = ...  # your code here"),
        ("a = b = 3", "a = b = ...  # your code here"),
        ("async def f(x):\n    return 1", "async def f(x):\n    ...  # your code here"),
        ("def f(x):\n    # divide by n - 1\n    return x", "def f(x):\n    ...  # your code here"),
        (
            'def f(x):\n    """Do it."""\n\n    # how\n    return x',
            'def f(x):\n    """Do it."""\n    ...  # your code here',
        ),
    ],
)
def test_a_stub_keeps_nothing_of_the_answer(solution, left):
    assert stub(solution) == left


@pytest.mark.parametrize(
    "line",
    [
        "total += 5",
        "def f(x): return x",
        'f"{1}"; x = 2',
        "for x in y:",
        "print(1)",
        "x = 1; y = 2",
    ],
)
def test_a_solution_that_no_stub_could_hide_is_a_problem(lessons, line):
    solution = f"{line}\n    pass" if line.endswith(":") else line
    check = '\n# %% tags=["check"]'
    source = extend(lessons, EXERCISE.replace(check, f"\n{solution}\n{check}"))
    assert f"exercise 98.1: a stub cannot be made of a solution with the line {line!r}" in problems(
        source
    )


def test_an_exercise_gathers_answer_check_and_wrong_answers(lessons):
    source = extend(lessons, EXERCISE)
    assert [sorted(cell.tags) for cell in source.exercises["98.1"]] == [
        ["solution"],
        ["check"],
        ["wrong"],
    ]
    assert source.exercises["98.1"][-1].hint == "after the mean"


def test_what_a_lesson_lacks_is_listed(lessons):
    long = "\n# %%\n" + "x = 1\n\n" * (LONGEST + 1)
    found = problems(extend(lessons, EXERCISE + long))
    assert found == [
        "a cell has 13 lines, must be at most 12: x = 1",
        "1 exercises: at least 3",
        "1 wrong answers an exercise: at least 2",
        "0 predictions: at least 2",
        "0 quiz questions: at least 2",
    ]


def test_code_wider_than_a_page_is_listed_and_wide_prose_is_not(lessons):
    prose = "\n\n# %% [markdown]\n# " + "word " * 30 + "\n#\n#     y = 1" + " + 1" * 17 + "\n"
    wide = "\n# %%\nx = 1" + " + 1" * 21 + prose
    found = problems(extend(lessons, EXERCISE + wide))
    assert [line for line in found if "columns" in line] == [
        "a line has 89 columns, must be at most 88: x = 1" + " + 1" * 21,
        "a line has 73 columns, must be at most 72: y = 1" + " + 1" * 17,
    ]


@pytest.mark.parametrize(
    ("source", "only"),
    [
        ('fact("05.sum", "the sum", 3, equals=3)', True),
        ('from course.claims import fact\n\nfact("05.sum", "the sum", 3, equals=3)', True),
        ('for name in names:\n    spread(name, "a sum", sums[name])', True),
        ('total = 1 + 2\nfact("05.sum", "the sum", total, equals=3)', False),
        ("from course.claims import fact", False),
        ("print(3)", False),
    ],
)
def test_a_cell_that_only_records_results_is_told_from_one_that_computes(source, only):
    assert only_records(source) is only


def test_a_cell_that_only_records_results_may_not_be_longer_than_others(lessons):
    fact = 'fact("98.sum", "the sum", 3, equals=3)\n'
    found = problems(extend(lessons, "\n# %%\n" + fact * (LONGEST + 1)))
    assert f"a cell has 13 lines, must be at most 12: {fact.strip()}" in found


def test_an_unknown_tag_is_refused(lessons):
    with pytest.raises(
        LessonError, match="tag 'puzzle' must be one of answer, check, helper, parameters"
    ):
        extend(lessons, '\n# %% tags=["puzzle"]\nx = 1\n')


def test_a_solution_without_a_check_is_refused(lessons):
    with pytest.raises(LessonError, match="no check"):
        extend(lessons, '\n# %% tags=["solution"]\nx = 1\n')


def test_a_lesson_without_a_header_is_refused(lessons):
    (lessons / "98_trial.py").write_text("# %%\nx = 1\n")
    with pytest.raises(LessonError, match="must begin with a header"):
        read("98_trial")


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("title: A trial", "title: 2001", "title = 2001: must be text"),
        ("title: A trial", "reading: []", "header: title is missing"),
        ("objectives: [try it]", "", "header: objectives is missing"),
        ('reading: ["A book, 2020"]', "", "header: reading is missing"),
        (
            "[try it]",
            "[]",
            "objectives = []: must be a list of texts; one with a colon in it is quoted; at",
        ),
        ("part: 1 Fit", "part: Fit", "part = 'Fit': must be a number and words, such as 1 Fit"),
        (
            "prerequisites: [nothing]",
            "prerequisites: NumPy",
            "prerequisites = 'NumPy': must be a list of texts; one with a colon in it is quoted",
        ),
        (
            "[try it]",
            "[explain: this]",
            "objectives = {'explain': 'this'}: must be a list of texts",
        ),
    ],
)
def test_a_header_that_says_something_else_is_refused(lessons, line, instead, message):
    path = lessons / "98_trial.py"
    path.write_text(path.read_text().replace(line, instead))
    with pytest.raises(LessonError, match="^" + re.escape(f"lessons/98_trial.py: {message}")):
        read("98_trial")


VARIED = """seed: int = 0  # seed, 0 to 99
fast: bool = False  # fewer epochs
epochs: int = 20  # passes, 1 to 200, fast 2
noise: float = 0.5  # noise, 0.1 to 3"""


@pytest.mark.parametrize(
    ("vary", "told"),
    [
        ({}, []),
        ({"noise": [0.3, 0.5], "epochs": [3, 4]}, []),
        (["noise"], ["header: vary must name parameters, each with a list of values"]),
        ({"noise": 0.3}, ["header: vary must name parameters, each with a list of values"]),
        ({"ratio": [1, 2]}, ["header: vary: ratio is no parameter"]),
        ({"noise": [0.3, 9]}, ["header: vary: noise = 9: must be a number between 0.1 and 3"]),
        ({"noise": [0.3]}, ["header: vary: noise must have two values or more, each once"]),
        ({"noise": [0.3, 0.3]}, ["header: vary: noise must have two values or more, each once"]),
        (
            {"epochs": [20, 30]},
            ["header: vary: epochs = 20: is the default, for which fast mode takes 2"],
        ),
        (
            {"seed": [1, 2]},
            ["header: vary: seed must not be listed; every variant has its own seed"],
        ),
    ],
)
def test_what_a_variant_may_vary_is_checked(vary, told):
    assert vary_problems(vary, VARIED) == told
