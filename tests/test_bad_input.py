"""Damaged inputs in bulk: each is refused by a named error, or read; none leaves a file or takes long."""

import pytest

from benchmarks.bad_input import TARGETS, trial

CASES = 60


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_refused_by_name(name):
    count, wrong = trial(TARGETS[name], cases=CASES)
    assert not wrong
    assert count["cases"] >= CASES
    print(f"{count['cases']} cases, {count['refused']} refused")
