"""What the notebook of lesson 15 must say of the engines; gradients and epochs stand as bounds in the lesson."""


def test_over_two_hosts_a_loop_works_and_fit_does_not(printed):
    assert "the loop over two hosts equals one process to 1e-5: True" in printed
    assert (
        printed.count("fit: ValueError: Attempt to convert a value (PerReplica") == 2
    )  # once a host


def test_the_prototype_says_so_itself(printed):
    assert "!!!DO NOT USE!!!" in printed
