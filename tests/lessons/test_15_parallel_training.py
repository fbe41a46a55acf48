"""What lesson 15 must show: every way of sharing gives the gradient of one process; the published gain; the cost of
large batches; and what its notebook says of the engines."""

import pytest


@pytest.mark.parametrize("way", ["data", "model", "hybrid"])
def test_shared_gradients_equal_those_of_one_process_to_a_millionth(full, way):
    assert full(f"15.{way}_difference").high <= 1  # in millionths


def test_a_mirrored_network_equals_the_plain_one(full):
    assert full("15.mirrored_difference").high <= 10  # millionths


def test_the_published_gain_of_the_hybrid_is_reproduced(full):
    assert 1 + full("15.published_gain").median / 100 == pytest.approx(1.265, abs=0.001)


def test_large_batches_need_at_least_twice_the_epochs_in_every_seed(full):
    assert full("15.epochs_1024").low >= 2 * full("15.epochs_64").high


def test_sixteen_times_the_batch_takes_more_than_four_times_the_epochs_in_every_run(full):
    assert full("15.growth").low > 4


def test_over_two_hosts_a_loop_works_and_fit_does_not(printed):
    assert "the loop over two hosts equals one process to 1e-5: True" in printed
    assert printed.count("fit: ValueError: Attempt to convert a value (PerReplica") == 2  # once a host


def test_the_prototype_says_so_itself(printed):
    assert "!!!DO NOT USE!!!" in printed
