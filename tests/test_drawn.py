import warnings

import numpy as np
import pytest
import tensorflow as tf

from course import drawn
from course.drawn import DRAWS, NOTHING, alike, difference, fresh, generators, numbers, plain, trial


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
        (lambda x: -np.cumsum(x), "The sign is flipped: it always returns minus what is right."),
        (lambda x: 3 * np.cumsum(x), "It always returns 3 times what is right."),
        (lambda x: np.cumsum(x) + 0.5, "It is always 0.5 too large."),
        (lambda x: np.cumsum(x)[::-1], "The order is reversed."),
        (lambda x: np.sort(np.cumsum(x)), "These are the right values in the wrong order."),
        (lambda x: None, NOTHING),
        (lambda x: np.cumsum(x) * np.nan, "It returns numbers that are not finite."),
        (lambda x: x * 0 + 2, "It returns 2 whatever the input."),
        (
            lambda x: {"sum": 3},
            "It returns a dictionary of 1, but an array of shape (5,) is expected.",
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
        (
            lambda x: 1 + x.max() ** 2,
            lambda x: 1 / (1 + x.max() ** 2),
            "right values are in [0, 1].",
        ),
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
        (2**70, 2**70, True),
        (2**70, 2**70 + 2**60, False),
        ([1, 2**70], [1, 2**70], True),
        ([2, 2**70], [1, 2**70], False),
        ([[1], [2]], {1, 2}, False),
        (np.array([[1, 2], [2, 1]]), {1, 2}, False),
    ],
)
def test_values_are_alike_whatever_holds_them(found, expected, same):
    assert alike(plain(found), plain(expected)) is same


def test_the_draws_are_the_same_each_time():
    first, second = ([rng.random() for rng in generators()] for _ in range(2))
    assert first == second
    assert len(set(first)) == DRAWS >= 100


def test_draws_within_a_seed_are_others_and_the_same_for_that_seed():
    usual = [rng.random() for rng in generators(3)]
    with fresh(7):
        first = [rng.random() for rng in generators(3)]
    with fresh(7):
        second = [rng.random() for rng in generators(3)]
    with fresh(8):
        third = [rng.random() for rng in generators(3)]
    assert first == second
    assert not {*usual, *first} & {*third}
    assert usual == [rng.random() for rng in generators(3)]


def test_numbers_of_both_are_paired_where_they_have_one_shape():
    found, expected = numbers(lambda x: 2 * x, trial(lambda x: x, draw))
    assert len(found) == len(expected) > 5
    assert np.array_equal(found, 2 * expected)
    assert len(numbers(lambda x: 1.0, trial(lambda x: 1.0, draw))[0]) == drawn.TRIED
    for odd in ("text", None, np.ones((2, 2))):
        assert [len(each) for each in numbers(lambda x, odd=odd: odd, trial(np.cumsum, draw))] == [
            0,
            0,
        ]


def test_an_answer_that_takes_many_calls_gets_them_at_once():
    calls = []

    def answer(x):
        raise AssertionError("one by one")

    def many(all_calls):
        calls.append(len(all_calls))
        return [np.cumsum(x) for (x,) in all_calls]

    answer.many = many
    assert behavior(answer) is None
    assert calls == [DRAWS]


@pytest.mark.parametrize(
    ("found", "expected", "same"),
    [
        ({}, {"a": 1}, False),
        ([("a", 1)], {"a": 1}, False),
        ({1: 0, 3: 0}, {3, 1}, False),
        (3, {3}, False),
        ([np.array([3]), 1.0], {3, 1}, True),
        (0, None, False),
        (["a", 1], ["a", 1, 2], False),
        (float("nan"), float("nan"), True),
        ([1.0, float("nan")], [1.0, float("nan")], True),
        (1 + 5e-6, 1.0, True),
        (1 + 5e-5, 1.0, False),
        (5e-6, 0.0, True),
        ([1, 2], [[1, 2]], False),
        (True, False, False),
    ],
)
def test_what_is_not_the_same_kind_is_not_alike(found, expected, same):
    assert bool(alike(plain(found), plain(expected))) is same


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "nothing"),
        ("text", "a string"),
        ({"a": 1}, "a dictionary of 1"),
        ({1, 2}, "a set"),
        ([[1, 2], [3]], "a list of 2"),
        (["a", "b", "c"], "a list of 3"),
        ([1, None], "a list of 2"),
        ([np.ones(2), np.ones(3)], "a list of 2"),
        (3, "one number"),
        (np.array(3.0), "one number"),
        (np.mean, "a function"),
        (len, "a function"),
        (b"text", "an object of the class bytes"),
        ([1, 2], "an array of shape (2,)"),
        (np.ones((2, 3)), "an array of shape (2, 3)"),
    ],
)
def test_what_a_value_is_is_said_in_words(value, kind):
    assert drawn._kind(value) == kind


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333"),
        (3, "3"),
        ("text", "'text'"),
        (np.array([1 / 3, 2e-9]), "[0.3333 0. ]"),
        (np.arange(40), "[ 0 1 2 ... 37 38 39]"),
        ("a" * 158, f"'{'a' * 158}'"),
        ("a" * 159, f"'{'a' * 159} ..."),
    ],
)
def test_a_value_is_shown_short(value, text):
    assert drawn._shown(value) == text


@pytest.mark.parametrize(
    ("answer", "reference", "words"),
    [
        (
            lambda x: x - 0.5,
            lambda x: x,
            "It is always 0.5 too small.",
        ),
        (
            lambda x: np.clip(x, 0, 1) - (x > 1) * 3,
            lambda x: np.clip(x, 0, 1),
            "It returns -2, where right values are in [0, 1].",
        ),
        (
            lambda x: np.clip(x, 0, 1) + (x > 1) * 3,
            lambda x: np.clip(x, 0, 1),
            "It returns 4, where right values are in [0, 1].",
        ),
        (
            lambda x: np.array([x.min(), x.max()]),
            lambda x: np.array([x.max(), x.min()]),
            "The order is reversed.",
        ),
        (lambda x: "a text", lambda x: x.sum(), "It returns a string, but one number is expected."),
        (lambda x: -3 * x, lambda x: x, "It always returns -3 times what is right."),
        (lambda x: x * (x > 0), lambda x: abs(x), "Where it is wrong, it is always too small."),
        (
            lambda x: np.maximum(x, 0) + 0.5 * (x <= 0),
            lambda x: np.maximum(x, 0),
            "Where it is wrong, it is always too large.",
        ),
        (
            lambda x: -np.maximum(x, 0) - 0.5 * (x <= 0),
            lambda x: np.maximum(x, 0),
            "Where it is wrong, it is always too small.",
        ),
        (lambda x: -np.maximum(x, 0) + 9 * (x <= 0), lambda x: np.maximum(x, 0), None),
        (
            lambda x: (np.maximum(x, 0) + 0.5) * (x > 0),
            lambda x: np.maximum(x, 0),
            "Where it is wrong, it is always too large.",
        ),
        (
            lambda x: -3 * np.maximum(x, 0),
            lambda x: np.maximum(x, 0),
            "It always returns -3 times what is right.",
        ),
        (
            lambda x: np.mean,
            lambda x: x,
            "It returns a function, but an array of shape (5,) is expected.",
        ),
        (lambda x: {1}, lambda x: {2}, None),
        (lambda x: [3], lambda x: {len(x)}, None),
        (lambda x: {"a": 1}, lambda x: {"a": 2}, None),
    ],
)
def test_more_of_what_wrong_answers_have_in_common(answer, reference, words):
    found = difference(answer, trial(reference, draw))
    if words:
        assert (found.behavior, found.general) == (words, False)
    else:
        assert found.general
        assert found.behavior.startswith("It is wrong for ")


def test_an_array_that_makes_no_difference_is_named_and_a_whole_number_is_not_tried():
    def three(rng):
        return rng.normal(size=3), rng.normal(size=3), int(rng.integers(2, 5))

    found = difference(
        lambda x, bias, times: x * times, trial(lambda x, bias, times: x * times + bias, three)
    )
    assert found.behavior == "It returns the same, whatever `bias` is."
    found = difference(lambda x, bias, times: x * 2, trial(lambda x, bias, times: x * times, three))
    assert found.general


def test_the_example_names_each_argument_with_its_value_and_both_results():
    found = difference(lambda x, n: n + 1, trial(lambda x, n: n, lambda rng: (2.0, 3)))
    assert found.example == "For x = 2, n = 3 it returns 4; right is 3."


def test_where_both_give_no_number_they_agree_and_the_others_decide_the_side():
    def right(x):
        return np.where(x > 1, np.nan, x)

    found = difference(lambda x: right(x) + (x < 0), trial(right, draw))
    assert found.behavior == "Where it is wrong, it is always too large."


def test_a_warning_of_an_answer_is_not_shown_and_no_mistake():
    def warns(x):
        warnings.warn("odd", stacklevel=1)
        return np.cumsum(x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert behavior(warns) is None


@pytest.mark.parametrize(
    ("value", "same"),
    [({1}, {1}), ("ab", "ab"), (b"ab", b"ab"), ({"a": (1, 2)}, {"a": [1, 2]}), (range(2), [0, 1])],
)
def test_what_is_plain_stays_what_it_is(value, same):
    assert plain(value) == same
    assert type(plain(value)) is type(same)
