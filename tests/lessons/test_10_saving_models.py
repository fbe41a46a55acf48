"""What the executed notebook of lesson 10 must show; what is measured stands as facts and bounds in the lesson."""

import pytest

TABLE = {  # structure, weights, optimizer, dropout seed
    ".keras": ["kept", "kept", "kept", "-"],
    ".weights.h5": ["-", "kept", "-", "-"],
    "optimizer.build, then .weights.h5": ["-", "kept", "kept", "-"],
    ".h5": ["kept", "kept", "-", "-"],
    "JSON": ["kept", "-", "-", "-"],
}


@pytest.mark.parametrize("way", TABLE)
def test_the_table_of_formats_says_what_each_keeps(way, printed):
    rows = [line.rsplit(maxsplit=4) for line in printed.splitlines()]
    assert [way, *TABLE[way]] in rows


@pytest.mark.parametrize(
    "line", ["loaded: 0.0", "trains on: False", "difference from weights alone: 0.0"]
)
def test_a_keras_file_loads_exactly_and_an_h5_file_cannot_train_on(line, printed):
    assert line in printed.splitlines()


def test_every_damaged_file_is_refused_by_its_name(printed):
    for name in ("model.keras", "model.weights.h5", "model.h5"):
        for damage in ("cut", "flipped"):
            assert f"ValueError: {damage}_{name}: not the file that was saved" in printed


def test_code_in_a_file_runs_only_with_the_safety_off(printed):
    runs = [line.split()[-1] for line in printed.splitlines() if "code has run:" in line]
    assert runs == ["False", "False", "False", "True", "False"]  # the last takes the weights alone
    assert "same weights: True" in printed.splitlines()
