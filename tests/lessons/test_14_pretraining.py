"""What lesson 14 says of several claims together, asserted on the stored values."""

from course.evidence import SIGNIFICANT, sign_test


def test_swapping_alone_gains_beyond_the_chance_of_the_seeds(full):
    assert full("14.gain_swap").median > 0
    assert sign_test(full("14.gain_swap").values) < SIGNIFICANT


def test_the_published_pair_of_changes_gains_more_than_the_backbone_alone_in_the_median(full):
    assert full("14.gain_both").median > full("14.gain_backbone").median


def test_the_seeds_cannot_tell_whether_the_two_changes_add_up(full):
    assert sign_test(full("14.gain_beyond").values) >= SIGNIFICANT
