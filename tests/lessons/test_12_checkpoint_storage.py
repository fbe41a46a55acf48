"""What lesson 12 must reach, asserted on its measured bands and on the outputs of its executed notebook."""

import pytest


def test_kills_lose_no_checkpoint_of_the_course_and_some_of_both_naive_writers(full):
    assert full("12.course_not_whole").high == 0
    assert full("12.new_file_unreadable").low == 1
    assert full("12.old_file_mixed").low == 1


def test_the_square_root_of_young_is_within_a_tenth_of_the_simulated_optimum_in_every_seed(full):
    band = full("12.young_over_simulated")
    assert 0.9 <= band.low <= band.high <= 1.1


def test_twice_or_half_the_best_interval_loses_about_a_quarter_more(full):
    for name in ("12.twice_the_interval", "12.half_the_interval"):
        assert 1.2 <= full(name).low <= full(name).high <= 1.3


@pytest.mark.parametrize(
    "line",
    [
        "as saved: True",
        "shards-8/shard-005.npz: missing or damaged; the checkpoint cannot be used",
        "shards-8: has no manifest.json, so its save did not come to an end",
        "OSError in save",
        "ValueError in load_model",
    ],
)
def test_what_cannot_be_loaded_is_refused(line, printed):
    assert line in printed.splitlines()


def test_the_plan_of_the_published_run_by_hand(printed):
    # 405e9 * 14 bytes at 2e12 a second; 54 days over 419; the root of 2 * 2.835 s * 11,135 s is 251 s; 11 * 5.67 TB
    for figure in ("5.67 TB, written in 2.8 s", "3.1 hours", "4.2 minutes", "62 TB"):
        assert figure in printed
