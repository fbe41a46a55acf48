import ast
import re
import subprocess
import sys

import nbformat
import pytest
from nbconvert import ScriptExporter

from course import ROOT, claims
from course.authoring.notebook import PREDICTION, make, text_of
from course.authoring.source import read
from course.catalog import LessonError, all_lessons

BODY = """
# %% [markdown] tags=["predict"]
# Which one wins?

# %%
print("the second")

# %% [markdown] tags=["answer"]
# The **second** wins.

# %% [markdown] tags=["quiz"]
# Why is the loss **higher**?
#
# - [ ] Chance.
#   Chance is not one-sided.
# - [x] Dropout is on.
#   It is off
#   when validating.

# %% [markdown]
# It reached {{98.accuracy}}, never less than {{98.accuracy:limit}}, {{98.accuracy:sign}}.

# %% tags=["varies"]
print("0.3 s")

# %% tags=["solution"]
answer = 42

# %% tags=["helper"]
truth = 42

# %% tags=["check"]
@exercise("98.1", answer)
def check(answer):
    expect(answer == 42, "Think.")

# %% tags=["wrong"] hint="Think"
answer = 41
"""


MEASURED = """["98.accuracy"]
unit = "%"
digits = 0
["98.accuracy".full]
at_least = 95.0
values = [98.0, 97.0, 99.0]
"""


@pytest.fixture
def source(lessons):
    path = lessons / "98_trial.py"
    path.write_text(path.read_text() + BODY)
    claims.VALUES.write_text(MEASURED)
    return read("98_trial")


def sources(notebook):
    return [cell.source for cell in notebook.cells]


def test_both_editions_are_valid_and_the_same_source_gives_the_same_bytes(source):
    for edition in ("solutions", "learner"):
        made = make(source, edition)
        nbformat.validate(made)
        assert text_of(made) == text_of(make(read("98_trial"), edition))


def test_the_editions_differ_in_the_answers_alone_and_neither_shows_a_wrong_one(source):
    solutions, learner = (sources(make(source, edition)) for edition in ("solutions", "learner"))
    pairs = list(zip(solutions, learner, strict=True))[1:-1]  # without the ways to other notebooks
    assert [pair for pair in pairs if pair[0] != pair[1]] == [
        ("answer = 42", "answer = ...  # your code here")
    ]
    assert "answer = 41" not in solutions


def test_prose_quotes_the_measured_band(source):
    (text,) = [text for text in sources(make(source, "learner")) if text.startswith("It reached")]
    assert text == (
        "It reached 98% (97 to 99), never less than 95%, "
        "above 0 for 3 of 3 seeds (sign test, p = 0.25, which tells no direction)."
    )


def test_the_opening_says_once_how_results_read_and_how_many_runs_stand_behind_them(source):
    opening = sources(make(source, "learner"))[0]
    assert "give the median of 3 runs with different seeds" in opening


def test_prose_cannot_quote_what_was_never_measured(source):
    claims.VALUES.unlink()
    claims.stored.cache_clear()
    with pytest.raises(LessonError, match=r"98\.accuracy, never measured; run: course measure 98"):
        make(source, "learner")


def test_a_quiz_folds_what_each_option_is_worth_behind_the_question(source):
    [quiz] = [text for text in sources(make(source, "learner")) if text.startswith("**Quiz.**")]
    question, *answers = quiz.split("<details>")
    assert "- **A.** Chance.\n- **B.** Dropout is on." in question
    assert [" ".join(answer.split()) for answer in answers] == [
        "<summary>If you say A</summary> **Not so.** Chance is not one-sided. </details>",
        "<summary>If you say B</summary> **Right.** It is off when validating. </details>",
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("#   Chance is not one-sided.\n", "", "option 'Chance.' gives no reason"),
        (
            "] Chance.\n",
            "] Chance, and\n#   nothing else.\n",
            "'Chance, and' must stand on one line",
        ),
        ("[x] Dropout", "[ ] Dropout", "exactly one option must be marked"),
        ("[ ] Chance", "[x] Chance", "exactly one option must be marked"),
        (
            "# - [ ] Chance",
            "# - [ ] Luck.\n#   No.\n" * 7 + "# - [ ] Chance",
            "more than 8 options",
        ),
    ],
)
def test_a_quiz_without_a_reason_for_each_of_few_options_or_without_one_right_answer_is_refused(
    lessons, old, new, message
):
    path = lessons / "98_trial.py"
    path.write_text(path.read_text() + BODY.replace(old, new))
    claims.VALUES.write_text(MEASURED)
    with pytest.raises(LessonError, match=message):
        make(read("98_trial"), "learner")


@pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name)
def test_every_quiz_of_the_course_has_as_many_reasons_as_options(lesson):
    quizzes = [cell.source for cell in read(lesson.name).cells if "quiz" in cell.tags]
    published = [
        text
        for text in sources(make(read(lesson.name), "learner", quotes=False))
        if "**Quiz.**" in text
    ]
    assert len(published) == len(quizzes) >= 2
    for quiz, text in zip(quizzes, published, strict=True):
        options = quiz.count("- [ ] ") + quiz.count("- [x] ")
        reasons = re.findall(r"\*\*(?:Not so|Right)\.\*\* \S.{20,}", text)
        assert len(reasons) == len({*reasons}) == options >= 3
        assert text.count("**Right.**") == 1


def test_checks_and_answers_carry_the_metadata_that_nbgrader_reads(source):
    cells = [cell for cell in make(source, "learner").cells if "nbgrader" in cell.metadata]
    answer, check = (cell.metadata.nbgrader for cell in cells)
    assert (answer.solution, answer.grade, answer.locked) == (True, False, False)
    assert (check.solution, check.grade, check.locked, check.points) == (False, True, True, 1)
    assert answer.grade_id != check.grade_id


def test_a_check_is_folded_and_says_first_what_it_is_for(source):
    [folded] = [cell for cell in make(source, "learner").cells if "jupyter" in cell.metadata]
    assert folded.source.splitlines()[0] == "# Run this cell to check exercise 98.1."
    assert folded.source.splitlines()[-1] == 'check("98.1")'


@pytest.mark.parametrize("lesson", all_lessons(), ids=lambda lesson: lesson.name)
def test_no_notebook_of_a_learner_holds_a_check_its_helper_a_wrong_answer_or_a_solution(lesson):
    text = read(lesson.name)
    published = "\n".join(sources(make(text, "learner", quotes=False)))
    for cell in text.cells:
        if cell.tags & {"check", "helper", "wrong", "solution"} and cell.kind == "code":
            assert cell.source not in published


def test_nbval_compares_every_output_but_those_that_vary(source):
    ignored = [
        c.source
        for c in make(source, "solutions").cells
        if "nbval-ignore-output" in c.metadata.get("tags", [])
    ]
    assert ignored == ['print("0.3 s")']


def test_a_lesson_opens_with_its_objectives_and_closes_with_its_reading_and_a_count_of_its_exercises(
    source,
):
    first, *_, reading, count, _ = sources(make(source, "learner"))
    assert "\n# 98. A trial\n" in first
    assert "- try it" in first
    assert reading.startswith("## Further reading\n\n- A book, 2020\n")
    assert count == 'from course.exercises import tally\n\ntally("98")'


def test_a_lesson_leads_to_its_neighbors_the_start_page_and_its_solutions(source, lessons):
    for name in ("97_before", "99_after"):
        (lessons / f"{name}.py").write_text(
            (lessons / "98_trial.py").read_text().replace("98", name[:2])
        )
    learner, solved = (sources(make(source, edition)) for edition in ("learner", "solutions"))
    way = "← [97 A trial](97_before.ipynb) · [Start page](START.md) · [99 A trial](99_after.ipynb) →\n"
    assert learner[0].startswith(way)
    assert learner[-1].startswith(
        "**Next: [99 A trial](99_after.ipynb)** · [This lesson, solved](solutions/98_trial.ipynb) · [Start page]"
    )
    assert solved[0].startswith(
        "**Solved.** [Back to your own notebook](../98_trial.ipynb) · ← [97 A trial](../97_"
    )
    assert solved[-1].startswith(
        "**Next: [99 A trial](../99_after.ipynb)** · [Start page](../START.md)"
    )


def test_an_answer_to_a_prediction_is_folded_and_the_prediction_has_a_line_to_write_on(source):
    predict, answer = [
        text for text in sources(make(source, "learner")) if text.startswith(("> ", "<details>"))
    ]
    assert predict == f"> **Predict before you run.** Which one wins?\n>\n> {PREDICTION}"
    assert answer == "<details><summary>Then open</summary>\n\nThe **second** wins.\n\n</details>"


ALONE = """
import json, sys
sys.path = [path for path in sys.path if path not in ("", sys.argv[1])]
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance(colors="nocolor")
for path in sys.argv[2:]:
    cells = [cell for cell in json.load(open(path, encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    next(cell for cell in cells if not shell.run_cell("".join(cell["source"])).success)
"""


def test_without_the_course_the_first_cell_that_fails_says_where_it_comes_from(tmp_path):
    paths = [
        lesson.path(edition) for lesson in all_lessons() for edition in ("solutions", "learner")
    ]
    command = [sys.executable, "-c", ALONE, str(ROOT), *map(str, paths)]
    printed = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert printed.count(
        "----> 1 from course.lesson import begin  # comes with the notebooks"
    ) == len(paths)
    assert printed.count("ModuleNotFoundError: No module named 'course'") == len(paths)
    assert printed.count("get the whole course and run `make lab` there") == len(paths)


def test_a_notebook_converts_to_a_python_program():
    program, resources = ScriptExporter().from_filename(str(all_lessons()[0].path("solutions")))
    assert resources["output_extension"] == ".py"
    assert ast.parse(program).body


def test_a_cell_that_only_records_results_is_folded_and_one_that_computes_is_not(lessons):
    path = lessons / "98_trial.py"
    records = 'fact("98.sum", "the sum", 3, equals=3)'
    path.write_text(f"{path.read_text()}\n# %%\n{records}\n\n# %%\ntotal = 1 + 2\n")
    cells = make(read("98_trial"), "learner").cells
    hidden = {cell.source: cell.metadata.get("jupyter", {}).get("source_hidden") for cell in cells}
    assert hidden[records] is True
    assert hidden["total = 1 + 2"] is None
