"""What `quoted` prints of a library's warnings and log, and what the sketch of lesson 10 says."""

import logging
import warnings

from course.topics.saving import format_test, quoted


def test_warnings_and_log_are_printed_and_the_handlers_come_back(capsys):
    before = logging.getLogger().handlers
    with quoted():
        logging.getLogger("absl").warning("a logged line")
        warnings.warn("a warning", UserWarning, stacklevel=1)
        warnings.warn("of no interest", DeprecationWarning, stacklevel=1)
    assert capsys.readouterr().out == "Keras says: a logged line\nKeras says: a warning\n"
    assert logging.getLogger().handlers is before


def test_what_was_said_before_an_error_is_still_printed(capsys):
    try:
        with quoted():
            warnings.warn("said first", UserWarning, stacklevel=1)
            raise ValueError("then this")
    except ValueError:
        pass
    assert capsys.readouterr().out == "Keras says: said first\n"


def test_the_sketch_asks_for_a_difference_of_exactly_0(capsys):
    format_test()
    assert "exactly 0?" in capsys.readouterr().out


def test_what_is_known_is_not_printed_again(capsys):
    with quoted(known="legacy"):
        warnings.warn("this format is legacy", UserWarning, stacklevel=1)
        warnings.warn("something new", UserWarning, stacklevel=1)
    assert capsys.readouterr().out == "Keras says: something new\n"


def test_what_is_said_is_wrapped_at_100_letters(capsys):
    with quoted():
        warnings.warn(" ".join(["ab"] * 70), UserWarning, stacklevel=1)
    first, second, third = map(len, capsys.readouterr().out.splitlines())
    assert max(first, second, third) <= 100
    assert first == 98  # one word more would make it 101
