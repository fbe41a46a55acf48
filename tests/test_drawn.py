import numpy as np
import pytest
import tensorflow as tf

from course.drawn import DRAWS, NOTHING, alike, difference, generators, plain, trial


def draw(rng):
    return (rng.normal(size=rng.integers(2, 6)),)


def behavior(answer, reference=np.cumsum):
    found = difference(answer, trial(reference, draw))
    return found.behavior if found else None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (np.cumsum, None),
        (lambda x: list(np.cumsum(x)), None),
        (lambda x: tuple(map(float, np.cumsum(x))), None),
        (lambda x: (each for each in np.cumsum(x)), None),
        (lambda x: tf.cumsum(x), None),
        (lambda x: np.cumsum(x).astype("float32"), None),
        (lambda x: -np.cumsum(x), "The sign is turned: it always returns minus what is right."),
        (lambda x: 3 * np.cumsum(x), "It always returns 3 times what is right."),
        (lambda x: np.cumsum(x) + 0.5, "It is always 0.5 too large."),
        (lambda x: np.cumsum(x)[::-1], "The order is reversed."),
        (lambda x: np.sort(np.cumsum(x)), "These are the right values in the wrong order."),
        (lambda x: None, NOTHING),
        (lambda x: np.cumsum(x) * np.nan, "It returns numbers that are not finite."),
        (lambda x: x * 0 + 2, "It returns 2 whatever the input."),
        (
            lambda x: {"sum": 3},
            "It returns a dictionary of 1, and an array of shape (5,) is wanted.",
        ),
    ],
)
def test_what_all_answers_have_in_common_is_said_in_words(answer, words):
    assert behavior(answer) == words


@pytest.mark.parametrize(
    ("answer", "reference", "words"),
    [
        (lambda x: abs(np.mean(x)), np.mean, "Where it is wrong, it is always too large."),
        (lambda x: -abs(np.mean(x)), np.mean, "Where it is wrong, it is always too small."),
        (lambda x: 1 + x.max() ** 2, lambda x: 1 / (1 + x.max() ** 2), "all is right from 0 to 1."),
        (
            lambda x: "up",
            lambda x: "up" if x[0] > 0 else "down",
            'It says "up" where "down" is right.',
        ),
        (lambda x: np.ones(2), lambda x: np.ones(2) * x[0], "It returns 1 whatever the input."),
        (
            lambda x: x > 0,
            lambda x: x <= 0,
            "It says True where False is right, and False where True is.",
        ),
    ],
)
def test_a_side_a_range_and_a_single_confusion_are_named(answer, reference, words):
    assert behavior(answer, reference).endswith(words)


def test_an_argument_that_makes_no_difference_is_named():
    tried = trial(lambda x, rate: x + 1 + np.sin(rate) * x, lambda rng: (*draw(rng), 2.0))
    found = difference(lambda x, rate: x + 1, tried)
    assert found.behavior == "It returns the same, whatever `rate` is."


def test_a_difference_on_some_inputs_is_counted_and_the_shortest_of_them_is_shown():
    def on_even(x):
        return np.cumsum(x) if len(x) % 2 else np.cumsum(x) * x

    even = sum(rng.integers(2, 6) % 2 == 0 for rng in generators())
    found = difference(on_even, trial(lambda values: np.cumsum(values), draw))
    assert found.general
    assert found.behavior == f"It is wrong for {even} of {DRAWS} inputs drawn at random."
    assert found.example.startswith("For values = [")
    assert found.example.count(" ") < 20


def test_an_answer_may_change_what_it_was_given_without_misleading_the_reference():
    def in_place(x):
        x += 1
        return np.cumsum(x - 1)

    assert behavior(in_place) is None


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        (np.int64(3), 3, True),
        (np.array(3.0), 3, True),
        ([3], 3, False),
        (True, np.True_, True),
        ("a", "a", True),
        ("a", 1, False),
        ({"a": np.float32(0.5)}, {"a": 0.5}, True),
        ({"a": 1}, {"b": 1}, False),
        ([1, 3], {3, 1}, True),
        (np.array([3, 1]), {3, 1}, True),
        ([1], {3, 1}, False),
        ([[1, 2], [3]], [[1, 2], [3]], True),
        ([np.array([1, 2]), np.array([3])], [[1, 2], [3]], True),
        ([[1, 2], [4]], [[1, 2], [3]], False),
        (None, 0, False),
        (None, None, True),
        (1.0 + 1e-7, 1.0, True),
        (1.0 + 1e-3, 1.0, False),
        ("b", np.array(["b", "c"]), False),
        (("b", 2.0), ("b", 2), True),
        (("b", 2.0), ("c", 2), False),
    ],
)
def test_values_are_alike_whatever_holds_them(found, expected, same):
    assert alike(plain(found), plain(expected)) is same


def test_the_draws_are_the_same_each_time():
    first, second = ([rng.random() for rng in generators()] for _ in range(2))
    assert first == second
    assert len(set(first)) == DRAWS >= 100
