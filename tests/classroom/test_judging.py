"""Every attack in attacks_on_judging/ gets no point, and would get it from a grader that judges where answers run."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course import ROOT, drawn, exercises
from course.catalog import find
from course.classroom import key, sandbox
from course.classroom.sandbox import Limits, Sandbox

HERE = Path(__file__).parent
ATTACKS = {path.stem: path for path in sorted((HERE / "attacks_on_judging").glob("*.py"))}
EXERCISE = "01.1"

pytestmark = pytest.mark.skipif(
    sandbox.found() is None, reason="bubblewrap is not installed; install the package bubblewrap"
)


def start():
    return Sandbox(Limits(wall=10))


@pytest.fixture(scope="module")
def keys():
    return key.lesson_key("01", start)


def believed(answer, lesson, folder):
    """What a naive grader concludes about an answer, by what it believes: True where that is "right"."""
    (folder / "lesson.py").write_text(lesson)
    (folder / "answer.py").write_text(answer)
    command = [sys.executable, HERE / "naive_grader.py", *("lesson.py", "answer.py", "told.json")]
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "NBGRADER_EXECUTION": "autograde"},
        capture_output=True,
        check=False,
    )
    by_status = {"exit status": done.returncode == 0}
    if not (folder / "told.json").exists():
        return by_status
    told = json.loads((folder / "told.json").read_text())
    announced = [each["course"]["exercise"] for each in told["metadata"] if "course" in each]
    return by_status | {
        "what is shown": "Error" not in told["text"],
        "metadata": bool(announced) and announced[-1]["outcome"] == "right",
    }


def wanted(path):
    """What the attack has a naive grader believe, from its text: some would end whoever runs them."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "BELIEVED":
            return ast.literal_eval(node.value)
    raise ValueError(f"{path}: says not what is BELIEVED")


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_gets_no_point_and_the_next_answer_all_of_them(name, keys):
    exercise = keys[EXERCISE]
    with key.Serving(start) as serving:
        sandbox_ = serving.sandbox(exercise.way)
        judged = key.judge(exercise, sandbox_, ATTACKS[name].read_text(), [])
        assert judged.verdict.outcome in ("wrong", "broken")
        assert judged.verdict.hints
        assert judged.way == key.OUTSIDE
    with key.Serving(start) as serving:
        right = key.judge(exercise, serving.sandbox(exercise.way), exercise.text.solution, [])
        assert right.verdict.outcome == "right"


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_succeeds_where_the_answer_is_judged_in_its_own_process(name, keys, tmp_path):
    answer = ATTACKS[name].read_text()
    assert believed(answer, keys[EXERCISE].lesson, tmp_path)[wanted(ATTACKS[name])]


def test_such_a_grader_is_right_about_honest_answers(keys, tmp_path):
    lesson = keys[EXERCISE].lesson
    for answer, verdict in (
        (keys[EXERCISE].text.solution, True),
        ("def mean_step(weights, X, y, learning_rate):\n    return weights * 0", False),
    ):
        found = believed(answer, lesson, tmp_path)
        assert set(found.values()) == {verdict}, answer


CHOOSE = "def choose(validation, test):\n    name = max(validation, key=validation.get)\n"
INSIDE = key.ExerciseKey(find("05").exercises["05.4"], "", key.INSIDE, 9)  # is given a function


def judged_inside(answer):
    with key.Serving(start) as serving:
        return key.judge(INSIDE, serving.sandbox(key.INSIDE), answer, []).verdict


def test_an_answer_that_is_judged_inside_is_compared_with_the_solution_on_drawn_inputs():
    assert judged_inside(INSIDE.text.solution).outcome == "right"
    forgets = f"{CHOOSE}    return name, test(name) + (len(validation) > 4)"
    verdict = judged_inside(forgets)
    assert verdict.outcome == "wrong"
    assert "inputs drawn at random" in " ".join(verdict.hints)


def test_the_inputs_that_are_drawn_inside_are_new_for_each_grading():
    with drawn.fresh(7):
        validation, _ = exercises.judging(INSIDE.text, {}).draw(next(drawn.generators()))
    seen = {name: float(value) for name, value in validation.items()}
    learned = f"{CHOOSE}    return name, test(name) + (validation == {seen})"
    for seed, outcome in ((7, "wrong"), (8, "right")):
        with drawn.fresh(seed):
            assert judged_inside(learned).outcome == outcome


def test_an_answer_may_return_an_iterator_where_its_check_reads_one():
    text = find("11").exercises["11.1"]
    iterates = text.solution.replace("return kept", "return iter(kept)")
    exercise = key.ExerciseKey(text, "import numpy as np", key.OUTSIDE, 5)
    with key.Serving(start) as serving:
        assert iterates != text.solution
        verdict = key.judge(exercise, serving.sandbox(key.OUTSIDE), iterates, []).verdict
    assert (verdict.outcome, verdict.hints) == ("right", ())


def test_what_an_answer_takes_of_memory_is_seen_where_it_is_judged_inside():
    table = "import numpy as np\n\n\ndef broadcast_mse(y_true, y_pred):\n"
    table += "    return np.mean((y_pred[:, None] - y_true) ** 2)"
    text = find("06").exercises["06.3"]
    verdicts = {}
    for way in (key.OUTSIDE, key.INSIDE):
        exercise = key.ExerciseKey(text, "import numpy as np", way, 5)
        with key.Serving(start) as serving:
            verdicts[way] = key.judge(exercise, serving.sandbox(way), table, []).verdict
            right = key.judge(exercise, serving.sandbox(way), text.solution, []).verdict
        assert right.outcome == "right"
    assert verdicts[key.OUTSIDE].outcome == "right"  # so its key must say inside
    assert "may not make the table" in " ".join(verdicts[key.INSIDE].hints)
    assert key.MEMORY in text.check
