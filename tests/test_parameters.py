import re

import numpy as np
import pytest

from course.parameters import ParameterError, check, defaults, did_you_mean, read_parameters

CELL = """seed: int = 0  # random seed, 0 to 1000000
fast: bool = False  # less data, fewer epochs
epochs: int = 20  # passes over the data, 1 to 200, fast 2
rate: float = 1e-4  # step size, 1e-7 to 1e-2
optimizer: str = "adam"  # which rule moves the weights, one of sgd|adam"""


@pytest.fixture
def parameters():
    return read_parameters(CELL)


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"epochs": "3"}, 3),
        ({"epochs": 3}, 3),
        ({"epochs": " 003 "}, 3),
        ({"epochs": np.int64(3)}, 3),
        ({"seed": 1_0}, 10),
        ({"rate": "0.0010"}, 1e-3),
        ({"rate": "1e-3"}, 1e-3),
        ({"rate": 1e-3}, 1e-3),
        ({"fast": "false"}, False),
        ({"fast": "True"}, True),
        ({"optimizer": "sgd"}, "sgd"),
    ],
)
def test_text_from_a_command_line_takes_the_declared_type(parameters, given, value):
    [found] = check(parameters, given).values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": -3}, "epochs = -3: must be a whole number between 1 and 200"),
        ({"epochs": 201}, "epochs = 201: must be a whole number between 1 and 200"),
        ({"epochs": 2.5}, "epochs = 2.5: must be a whole number"),
        ({"epochs": True}, "epochs = True: must be a whole number between 1 and 200"),
        (
            {"epochs": "many"},
            "epochs = 'many': must be a whole number between 1 and 200; write it in digits alone",
        ),
        (
            {"epochs": "3.0"},
            "epochs = '3.0': must be a whole number between 1 and 200; write it in digits alone",
        ),
        (
            {"epochs": 3.0},
            "epochs = 3.0: must be a whole number between 1 and 200; write it in digits alone",
        ),
        (
            {"epochs": "1_0"},
            "epochs = '1_0': must be a whole number between 1 and 200; write it in digits alone",
        ),
        ({"epochs": "٣"}, "epochs = '٣': must be a whole number"),
        ({"rate": "0.00_1"}, "rate = '0.00_1': must be a number between 1e-07 and 0.01"),
        ({"seed": 2_000_000}, "seed = 2000000: must be a whole number between 0 and 1000000"),
        ({"epochs": None}, "epochs = None"),
        ({"rate": "nan"}, "rate = 'nan': must be a number between 1e-07 and 0.01"),
        ({"rate": float("inf")}, "rate = inf"),
        ({"fast": "maybe"}, "fast = 'maybe': must be true or false"),
        ({"fast": 1}, "fast = 1"),
        ({"optimizer": "adamw"}, "optimizer = 'adamw': must be one of sgd, adam"),
        (
            {"epoch": 3},
            "epoch: no such parameter; this lesson has seed, fast, epochs, rate, optimizer; did you mean epochs?",
        ),
        (
            {"width": 3},
            "width: no such parameter; this lesson has seed, fast, epochs, rate, optimizer",
        ),
    ],
)
def test_a_refusal_names_the_parameter_the_value_and_what_is_allowed(parameters, given, message):
    with pytest.raises(ParameterError, match="^" + re.escape(message)):
        check(parameters, given)


def test_a_range_of_whole_numbers_has_whole_ends():
    with pytest.raises(ParameterError, match="a range of whole numbers has whole ends"):
        read_parameters("epochs: int = 1  # passes over the data, 1e-3 to 2")


def test_a_value_of_fast_mode_is_read_as_on_a_command_line():
    found = read_parameters("shuffle: bool = True  # mix the rows, fast false")
    assert found["shuffle"].fast is False


def test_fast_mode_has_defaults_of_its_own(parameters):
    assert defaults(parameters, fast=False)["epochs"] == 20
    assert defaults(parameters, fast=True) == {
        **defaults(parameters, fast=False),
        "fast": True,
        "epochs": 2,
    }


@pytest.mark.parametrize(
    "line",
    ["epochs = 20  # untyped", "epochs: int = 20", "epochs: list = []  # a list", "print(1)"],
)
def test_a_line_that_declares_no_parameter_is_refused_when_read(line):
    with pytest.raises(ParameterError, match="a parameter reads"):
        read_parameters(line)


def test_a_default_outside_its_own_range_is_refused_when_read():
    with pytest.raises(ParameterError, match="epochs = 0"):
        read_parameters("epochs: int = 0  # passes, 1 to 200")


@pytest.mark.parametrize("value", ["nan", "inf", float("nan"), float("-inf")])
def test_a_number_without_a_range_is_still_a_number(value):
    free = read_parameters("rate: float = 0.1  # step size")
    with pytest.raises(ParameterError, match=r"must be a number$"):
        check(free, {"rate": value})
    assert check(free, {"rate": "1e9"}) == {"rate": 1e9}


def test_help_may_hold_commas_and_the_rules_come_in_any_order():
    [parameter] = read_parameters(
        "rule: str = 'a'  # which rule moves, stops, or waits, fast b, one of a|b"
    ).values()
    assert parameter.help == "which rule moves, stops, or waits"
    assert (parameter.fast, parameter.choices) == ("b", ("a", "b"))


def test_half_a_word_is_near_enough_to_be_meant():
    assert did_you_mean("opt", ["seed", "optimizer"]) == "; did you mean optimizer?"
    assert did_you_mean("xyz", ["seed", "optimizer"]) == ""
