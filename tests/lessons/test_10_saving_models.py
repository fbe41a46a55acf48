"""What lesson 10 must reach, asserted on its measured bands and on the outputs of its executed notebook."""

import pytest

TABLE = {  # structure, weights, optimizer, dropout seed
    ".keras": ["kept", "kept", "kept", "-"],
    ".weights.h5": ["-", "kept", "-", "-"],
    "optimizer.build, then .weights.h5": ["-", "kept", "kept", "-"],
    ".h5": ["kept", "kept", "-", "-"],
    "JSON": ["kept", "-", "-", "-"],
}


def test_the_optimizer_built_first_resumes_to_the_last_bit_and_without_it_does_not(full):
    assert full("10.weights_and_build").high == 0
    assert full("10.weights_only").low > 0


def test_with_dropout_only_the_seed_put_back_resumes_to_the_last_bit(full):
    assert full("10.dropout_keras").low > 0
    assert full("10.dropout_and_seed").high == 0


@pytest.mark.parametrize("way", TABLE)
def test_the_table_of_formats_says_what_each_keeps(way, printed):
    rows = [line.rsplit(maxsplit=4) for line in printed.splitlines()]
    assert [way, *TABLE[way]] in rows


@pytest.mark.parametrize(
    "line", ["loaded:  0.0", "resumed: 0.0", "trains on: False", "difference from weights alone: 0.0"]
)
def test_a_keras_file_resumes_exactly_and_an_h5_file_not_at_all(line, printed):
    assert line in printed.splitlines()


def test_every_damaged_file_is_refused_by_its_name(printed):
    assert "3 of 3 intact files loaded, 6 of 6 damaged files refused" in printed
    for name in ("model.keras", "model.weights.h5", "model.h5"):
        for damage in ("cut", "flipped"):
            assert f"ValueError: {damage}_{name}: not the file that was saved" in printed


def test_code_in_a_file_runs_only_with_the_safety_off(printed):
    runs = [line.split()[-1] for line in printed.splitlines() if "code has run:" in line]
    assert runs == ["False", "False", "False", "True"]
