"""The figures of lesson 11 in words, and what was measured in PyTorch as it is printed."""

import pytest

from course.topics import checkpointing

STORED = """
torch = "9.9.9"

[distances]
"the tutorial's way" = [0.25, 0.125, 0.5]
"all of it" = [0.0, 0.0, 0.0]
"""


def test_what_was_measured_in_pytorch_is_printed_with_its_range(tmp_path, monkeypatch, capsys):
    file = tmp_path / "pytorch.toml"
    file.write_text(STORED, encoding="utf-8")
    monkeypatch.setattr(checkpointing, "IN_PYTORCH", file)
    checkpointing.measured_in_pytorch()
    assert capsys.readouterr().out.splitlines() == [
        "PyTorch 9.9.9, 3 seeds: largest difference of any weight",
        "the tutorial's way   0.250 (0.125 to 0.500)",
        "all of it            0, to the last bit",
    ]


def test_the_courses_own_measurement_is_where_the_lesson_reads_it(capsys):
    checkpointing.measured_in_pytorch()
    assert capsys.readouterr().out.startswith("PyTorch ")


def test_distances_are_said_in_words_from_the_last_to_the_first(capsys):
    checkpointing.distances({"some": 0.25, "all": 0.0}, title="How far")
    assert capsys.readouterr().out.endswith("all: 0, to the last bit. some: 0.25.\n")


def test_the_sketch_tells_of_the_kill_and_of_both_processes(capsys):
    checkpointing.kill_and_resume()
    told = capsys.readouterr().out
    for words in ("checkpoints 1, 2 and 3", "killed", "A second process loads checkpoint 3"):
        assert words in told
    assert checkpointing.SAVES[-1] < checkpointing.KILL


@pytest.mark.filterwarnings("error")
def test_runs_that_all_end_exactly_alike_are_drawn_without_a_warning(capsys):
    checkpointing.distances({"a": 0.0, "b": 0.0}, title="T")
    assert capsys.readouterr().out == "T. b: 0, to the last bit. a: 0, to the last bit.\n"
