import json

import pytest

from course.catalog import LessonError
from course.learner import certificate
from course.learner.certificate import issue, verify
from course.learner.progress import digest
from tests.learner.conftest import RIGHT, WRONG


@pytest.fixture
def certified(mine, answer, tmp_path):
    answer(RIGHT, "right")
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(issue(mine)[0]))
    return path


def results(path, mine):
    return [(each.what, each.result) for each in verify(path, mine)]


def test_a_certificate_is_proved_by_the_notebooks_and_by_nothing_less(certified, mine, answer):
    assert results(certified, mine) == [("file", "proved"), ("01.1", "proved")]
    assert results(certified, None) == [("file", "proved"), ("01.1", "not proved")]
    answer(WRONG)
    assert results(certified, mine) == [("file", "proved"), ("01.1", "not proved")]


def test_a_changed_certificate_and_one_for_a_wrong_answer_are_refuted(certified, mine, answer):
    content = json.loads(certified.read_text())
    content["exercises"]["01.1"]["answer"] = digest(WRONG)
    certified.write_text(json.dumps(content))
    answer(WRONG)
    assert results(certified, mine) == [("file", "refuted"), ("01.1", "refuted")]
    content["sha256"] = certificate._seal(
        {key: value for key, value in content.items() if key != "sha256"}
    )
    certified.write_text(json.dumps(content))
    assert results(certified, mine) == [("file", "proved"), ("01.1", "refuted")]


def test_what_only_says_that_it_is_right_is_not_certified(mine, answer):
    answer(WRONG, "right")
    content, left_out = issue(mine)
    assert content["exercises"] == {}
    assert left_out == {"01.1": "wrong: This is half the step."}


def test_an_exercise_unknown_or_changed_since_is_named(certified, mine):
    content = json.loads(certified.read_text())
    entry = content["exercises"]["01.1"]
    content["exercises"] = {"01.9": entry, "01.1": entry | {"exercise": "0" * 64}}
    certified.write_text(json.dumps(content))
    assert results(certified, mine)[1:] == [("01.9", "refuted"), ("01.1", "not proved")]


@pytest.mark.parametrize("content", ["[]", "[" * 200_000, '{"sha256": "", "exercises": [1]}'])
def test_what_is_no_certificate_is_refused(content, tmp_path):
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(LessonError, match=r"other\.json: is not a certificate"):
        list(verify(tmp_path / "other.json", None))


@pytest.mark.parametrize("name", ["\ud800", "\x1b[2K\r01.1: proved", "01.1\n", "01.", "٠١.١"])
def test_a_name_that_is_no_exercise_is_refused_and_escaped(name, certified):
    content = json.loads(certified.read_text())
    content["exercises"][name] = content["exercises"]["01.1"]
    certified.write_text(json.dumps(content))
    with pytest.raises(LessonError, match="is not the name of an exercise") as refusal:
        list(verify(certified, None))
    assert str(refusal.value).isascii()
    assert str(refusal.value).isprintable()
