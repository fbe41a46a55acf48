import sys
import types
from dataclasses import replace

import numpy as np
import pytest

from course import cells, exercises, verdicts
from course.catalog import LessonError
from course.exercises import check, exercise, expect, expect_close, hint, tally, verdict
from course.stubs import is_stub
from course.verdicts import GRADING


@pytest.fixture(autouse=True)
def no_tries(monkeypatch):
    monkeypatch.setattr(verdicts, "_tries", {})


def judge(*answers):
    @exercise("98.1", *answers)
    def outcome(double):
        expect(double(3) == 6, "Twice three is six.")
        expect(double("ab") == "abab", "Text can be doubled too.")

    return outcome


def double(x):
    return 2 * x


def test_a_right_answer_is_right_however_it_is_written(capsys):
    assert [judge(double), judge(lambda x: x + x)] == ["right", "right"]
    assert capsys.readouterr().out.splitlines() == ["Exercise 98.1: right."] * 2


def test_a_wrong_answer_is_told_the_hint_of_the_first_expectation_it_misses(capsys):
    assert judge(lambda x: x**2) == "wrong"
    assert "Twice three is six." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "outcome", "hint"),
    [
        (lambda x: sum(x) / len(x), "right", ""),
        (lambda x: sum(x) / len(x) + 1e-9, "right", ""),
        (lambda x: sum(x), "wrong", "That is the sum."),
        (lambda x: max(x), "wrong", "Take the mean."),
        (lambda x: [sum(x) / len(x)], "wrong", "Take the mean."),
        (lambda x: float("nan"), "wrong", "Take the mean."),
        (lambda x: print(end=""), "wrong", "returns nothing"),
    ],
)
def test_numbers_are_judged_by_value_and_shape_and_a_typical_mistake_has_its_own_hint(
    capsys, answer, outcome, hint
):
    @exercise("98.2", answer)
    def found(mean):
        expect_close(mean([1.0, 2.0, 6.0]), 3.0, "Take the mean.", {"That is the sum.": 9.0})

    assert found == outcome
    assert hint in capsys.readouterr().out


def test_the_learners_own_error_is_shown_as_broken(capsys):
    assert judge(lambda x: 2 * x.real) == "broken"
    assert "AttributeError: 'str' object has no attribute 'real'" in capsys.readouterr().out


def test_open_answers_are_not_attempted():
    def stub(x): ...

    def documented(x):
        """Double x."""
        ...  # your code here

    class Model:
        def __init__(self):
            self.ready = True

        def call(self, x): ...

    assert [judge(answer) for answer in (..., stub, documented)] == ["not attempted"] * 3
    assert is_stub(Model)


def test_an_answer_that_returns_nothing_is_wrong_rather_than_not_attempted():
    def prints(x):
        print(2 * x)

    assert judge(prints) == "wrong"


def test_an_answer_that_returns_nothing_is_told_so_where_the_check_cannot_work_with_it(capsys):
    @exercise("98.3", lambda x: print(end=""))
    def sum_of(double):
        expect(double(3) + double(4) == 14, "Twice three and twice four are fourteen.")

    assert sum_of == "wrong"
    assert "returns nothing" in capsys.readouterr().out


def test_an_answer_that_returns_an_array_which_the_check_cannot_work_with_is_broken(capsys):
    @exercise("98.5", lambda x: np.ones(2))
    def length(double):
        expect(len(double(3)["a"]) == 1, "It has one entry.")

    assert length == "broken"
    assert "IndexError" in capsys.readouterr().out


def test_an_answer_that_returns_a_constant_is_attempted():
    assert judge(lambda x: 6) == "wrong"


def test_an_answer_is_not_blamed_for_an_earlier_nothing_where_it_raises(capsys):
    def late(x):
        if x == "ab":
            return x.real
        return print(end="")

    @exercise("98.4", late)
    def twice(double):
        double(3)
        double("ab")

    assert twice == "broken"


@pytest.mark.parametrize("answer", [..., lambda x: x])
def test_a_grader_sees_everything_but_right_as_a_failed_cell(monkeypatch, answer):
    monkeypatch.setenv(GRADING, "1")
    with pytest.raises(AssertionError, match=r"Exercise 98\.1"):
        judge(answer)
    assert judge(double) == "right"


def mean_step(weights, X, y, learning_rate):
    return weights + learning_rate * 2 / len(y) * (X.T @ (y - X @ weights))


def uphill(weights, X, y, learning_rate):
    return weights - learning_rate * 2 / len(y) * (X.T @ (y - X @ weights))


def test_a_check_comes_from_its_lesson_by_name_and_judges_what_the_notebook_holds():
    assert verdict("01.1", {"np": np, "mean_step": mean_step}).outcome == "right"
    found = verdict("01.1", {"np": np, "mean_step": uphill})
    assert found.outcome == "wrong"
    assert found.hints[0] == "This step goes uphill."


def test_hints_come_one_at_a_time_with_each_new_wrong_try_and_the_solutions_place_is_the_last(
    capsys,
):
    def again(x):
        return x**2 + 0

    def run(answer):
        @exercise("01.1", answer)
        def outcome(double):
            expect(double(3) == 6, "It is no double. Twice three is six.")

        return capsys.readouterr().out

    first = run(lambda x: x**2)
    assert "It is no double." in first
    assert "Twice three is six." not in first
    assert "Twice three is six." in run(again)
    assert "solutions/01_gradient_descent.ipynb" not in run(again)  # the same try
    last = run(lambda x: x + 1)
    assert (
        "It is no double. Twice three is six. A solution is in solutions/01_gradient_descent.ipynb"
        in last
    )
    assert "hint(" not in last


def test_another_mistake_begins_with_its_own_first_hint(capsys):
    for answer, words in ((lambda x: x**2, "One."), (lambda x: x * 2.0, "Three.")):

        @exercise("98.1", answer)
        def outcome(double):
            expect(double(3) == 6, "One. Two.")
            expect(isinstance(double(3), int), "Three. Four.")

        assert capsys.readouterr().out.startswith(
            f"Exercise 98.1: wrong. {words} For one more hint"
        )


def test_a_nearer_hint_comes_on_request(capsys):
    hint("98.1")
    assert "run its check first" in capsys.readouterr().out
    judge(lambda x: x**2)
    hint("98.1")
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .startswith("Exercise 98.1: wrong. Twice three is six. A solution")
    )


def test_an_answer_run_again_as_it_was_gets_no_nearer_hint(capsys):
    def answered(text):
        space = {}
        exec(text, space)
        judge(space["answer"])
        return "A solution is" in capsys.readouterr().out

    square = "def answer(x, power=2):\n    return x**power"
    assert [answered(square), answered(square)] == [False, False]
    assert answered(square.replace("power=2", "power=3"))


def test_of_two_answers_one_that_changed_counts_as_another_try(capsys):
    def shown(*answers):
        @exercise("98.1", *answers)
        def outcome(first, second):
            expect(first + second == 6, "One. Two. Three.")

        return capsys.readouterr().out

    assert "Two." not in shown(1, 2)
    assert "Two." not in shown(1, 2)
    assert "Two." in shown(1, 3)


def test_an_exercise_of_which_one_answer_is_a_stub_is_not_attempted():
    @exercise("98.1", double, ...)
    def outcome(first, second):
        raise AssertionError("the check has run")

    assert outcome == "not attempted"


def test_each_request_shows_one_hint_more(capsys):
    @exercise("98.1", lambda x: x)
    def outcome(double):
        expect(double(3) == 6, "One. Two. Three.")

    for words in ("One. Two. Three. For one more hint", "One. Two. Three. A solution is in"):
        hint("98.1")
        assert f"wrong. {words}" in capsys.readouterr().out.splitlines()[-1]


def test_nbgrader_is_told_the_outcome_and_the_hint_by_an_error(monkeypatch):
    monkeypatch.setenv(GRADING, "validate")
    with pytest.raises(AssertionError, match=r"^Exercise 98\.1: wrong\. Twice three is six\.$"):
        judge(lambda x: x**2)


def test_an_error_within_a_library_is_shown_at_the_learners_own_line():
    def own(weights, X, y, learning_rate):
        return np.concatenate([weights, np.linalg.inv(X)])

    (told,) = verdict("01.1", {"np": np, "mean_step": own}).hints
    assert told.startswith("LinAlgError")
    assert told.endswith("(at `return np.concatenate([weights, np.linalg.inv(X)])`)")


def test_an_answer_that_the_check_cannot_work_with_is_shown_by_its_value():
    (told,) = verdict("01.1", {"np": np, "mean_step": lambda *_: "text"}).hints
    assert told.endswith("The check cannot work with the answer, which your function gave: 'text'.")


def test_a_check_before_its_answer_says_which_cell_has_not_run(capsys, monkeypatch):
    monkeypatch.setattr(cells, "_stopped", {})
    check("01.1")
    assert capsys.readouterr().out == (
        "Exercise 01.1: not attempted. The cell of `mean_step` has not run yet. Run it, then run this one again.\n"
    )


def test_a_tally_counts_what_is_right_and_names_what_is_left(capsys):
    tally("01")
    assert capsys.readouterr().out == "0 of 4 exercises right; to do: 01.1, 01.2, 01.3, 01.4\n"
    for name, answer in (("01.1", double), ("01.2", lambda x: x), ("01.3", ...)):
        exercise(name, answer)(lambda twice: expect(twice(3) == 6, "Twice three is six."))
    capsys.readouterr()
    tally("01")
    assert capsys.readouterr().out == "1 of 4 exercises right; to do: 01.2, 01.3, 01.4\n"


def test_a_lesson_whose_exercises_are_all_right_has_nothing_left(capsys):
    for name in ("01.1", "01.2", "01.3", "01.4"):
        exercise(name, double)(lambda twice: expect(twice(3) == 6, "Twice three is six."))
    capsys.readouterr()
    tally("01")
    assert capsys.readouterr().out == "4 of 4 exercises right\n"


def test_an_exercise_that_there_is_not_is_refused_with_those_there_are():
    with pytest.raises(LessonError, match=r"exercise '01\.9': must be one of 01\.1, 01\.2"):
        check("01.9")


def test_the_solution_of_a_lesson_that_is_not_the_courses_stands_in_its_edition(capsys):
    judge(lambda x: x**2)
    hint("98.1")
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith("A solution is in the lesson's solutions edition.")


def test_a_hint_is_no_help_for_an_answer_that_is_right(capsys):
    judge(double)
    hint("98.1")
    assert "There are hints for an answer that is wrong." in capsys.readouterr().out


def test_a_cell_that_stopped_is_named_before_the_old_answer_is_judged(monkeypatch, capsys):
    monkeypatch.setattr(cells, "_stopped", {"mean_step": "SyntaxError: invalid syntax, line 2"})
    check("01.1")
    assert capsys.readouterr().out == (
        "Exercise 01.1: broken. The cell of `mean_step` did not run: SyntaxError: invalid syntax, line 2."
        " Fix that cell, run it, then run this one again.\n"
    )


def test_a_check_judges_the_names_of_the_running_notebook(monkeypatch, capsys):
    main = types.ModuleType("__main__")
    vars(main).update(np=np, mean_step=mean_step)
    monkeypatch.setitem(sys.modules, "__main__", main)
    check("01.1")
    main.mean_step = uphill
    check("01.1")
    assert capsys.readouterr().out.splitlines() == [
        "Exercise 01.1: right.",
        'Exercise 01.1: wrong. This step goes uphill. For one more hint, run hint("01.1").',
    ]


def test_a_name_that_the_cells_above_make_is_told_as_such(capsys):
    def unknown(x):
        return x

    @exercise("98.6", unknown)
    def outcome(answer):
        raise NameError("name 'rate' is not defined")

    assert outcome == "broken"
    assert capsys.readouterr().out == (
        "Exercise 98.6: broken. NameError: name 'rate' is not defined. The cells above make it: "
        "run them from the first on, then run this one again.\n"
    )


def test_what_an_answer_gave_is_shown_in_80_characters():
    def long(*_):
        return "a" * 500

    (told,) = verdict("01.1", {"np": np, "mean_step": long}).hints
    assert told.endswith(f"which your function gave: '{'a' * 79}.")


def test_an_error_in_a_method_is_shown_at_its_line():
    class Meter:
        def read(self):
            return 1 / 0

    found = exercises.judge("98.7", lambda kind: kind().read(), (Meter,))
    assert found.outcome == "broken"
    assert found.hints == ("ZeroDivisionError: division by zero (at `return 1 / 0`)",)


def test_numbers_are_close_to_one_in_a_hundred_thousand():
    expect_close(1 + 1e-6, 1.0, "Far.")
    with pytest.raises(AssertionError, match="Far"):
        expect_close(1 + 1e-4, 1.0, "Far.")


def test_a_hint_beside_named_mistakes_fits_any_mistake_and_others_do_not():
    def general(call, *arguments, **options):
        with pytest.raises(exercises.Hint) as raised:
            call(*arguments, **options)
        return raised.value.general

    assert not general(expect, False, "No.")
    assert general(expect, False, "No.", general=True)
    assert not general(expect_close, 1, 2, "No.")
    assert general(expect_close, 1, 2, "No.", {"Three.": 3})
    assert not general(expect_close, 3, 2, "No.", {"Three.": 3})


def shifted(weights, X, y, learning_rate):
    return mean_step(weights, X, y, learning_rate) + 0.25


def test_a_general_hint_comes_after_the_behavior_that_drawn_inputs_show():
    found = verdict("01.1", {"np": np, "mean_step": shifted})
    assert found.hints[0] == "It is always 0.25 too large."
    assert found.hints[1].startswith("Return the weights, moved by minus the learning rate")
    assert found.hints[2].startswith("For weights = [")
    assert not found.general


def test_a_mistake_that_the_checks_own_cases_miss_is_found_by_drawn_inputs():
    def right_for_two(weights, X, y, learning_rate):
        moved = mean_step(weights, X, y, learning_rate)
        return moved if len(weights) == 2 else -moved

    found = verdict("01.1", {"np": np, "mean_step": right_for_two})
    assert found.outcome == "wrong"
    assert found.general
    assert found.hints[0].startswith("It is wrong for ")
    assert found.hints[-1].startswith("For weights = [")


def test_a_check_that_imports_nothing_has_the_tools_of_this_module():
    assert "import" not in exercises.find("01").exercises["01.2"].check
    found = verdict("01.2", {"np": np, "mean_limit": lambda X: -1.0})
    assert (found.outcome, found.hints[0]) == ("wrong", "The limit is one positive number.")


def test_tools_may_stand_in_for_those_of_a_check():
    text = exercises.find("01").exercises["01.1"]
    met = []
    tools = {
        "expect": lambda condition, hint, **_: met.append(bool(condition)),
        "expect_close": lambda *_: met.append("close"),
    }
    found = exercises.judging(text, {"np": np}, tools).judge((shifted,))
    assert found.outcome == "right"
    assert met == [True, "close", "close"]
    assert exercises.judging(text, {"np": np}).judge((shifted,)).outcome == "wrong"
    bare = replace(text, check=text.check.replace(", draw=draw", ""))
    assert exercises.judging(text, {"np": np}).draw
    assert exercises.judging(bare, {"np": np}).draw is None


def test_hints_begin_anew_for_the_same_answer_and_go_on_for_another(capsys):
    answer = lambda x: x**2  # noqa: E731
    for _ in range(2):
        judge(answer)
        assert "A solution is" not in capsys.readouterr().out
    judge(lambda x: x**2)
    assert "A solution is" in capsys.readouterr().out
    judge(double)
    judge(answer)
    assert "A solution is" not in capsys.readouterr().out
