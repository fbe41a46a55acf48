"""A run that goes on from any batch position ends as the run left alone: some cases of `benchmarks.every_position`."""

import pytest

from benchmarks.every_position import REFUSED, Case, cases, optimizers, trial
from course.training.checkpoint_files import CheckpointFolder

SOME = [
    Case("Adam", "each_epoch", True, 1, "dropout"),
    Case("Muon", "PyDataset", False, 3),
]


@pytest.mark.parametrize("case", SOME, ids=str)
def test_a_run_ends_as_the_run_left_alone_from_any_position(case):
    count, wrong = trial(case, every=3)
    assert not wrong
    assert count["positions"] >= 2
    print(f"{count['positions']} positions, {count['again']} killed again")


def test_what_cannot_be_exact_is_refused():
    for special in REFUSED:
        count, why = trial(Case(special=special))
        assert count["refused"] == 1
        assert "random" in why


def test_the_cases_are_all_optimizers_by_all_data_in_both_modes_and_two_numbers_of_steps():
    assert {"SGD", "Adam", "Muon", "Lion", "Ftrl"} <= optimizers().keys()
    plain = {case for case in cases() if not case.special}
    assert len(plain) == len(optimizers()) * 4 * 2 * 2


def test_a_run_that_begins_anew_is_noticed_though_it_ends_alike(monkeypatch):
    monkeypatch.setattr(CheckpointFolder, "newest", lambda folder: None)
    count, wrong = trial(Case(), every=10)
    assert count["different"] == 2
    assert "; 8 steps from epoch-0000-batch-000001, where 7 were left" in wrong
    assert "; different after a second and a third kill" in wrong
