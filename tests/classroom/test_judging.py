"""Every attack in attacks_on_judging/ gets no point, and would get it from a grader that judges where answers run."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from course import ROOT
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
