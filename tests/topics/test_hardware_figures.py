"""The figures of lesson 16, read out: every number is worked out by hand."""

import numpy as np
import pandas as pd

from course.topics.hardware import Kernel, Machine
from course.topics.hardware_figures import (
    batch_roofline,
    card_rooflines,
    memory_needed,
    roofline,
    two_limits,
)


def test_a_kernel_is_read_out_by_its_intensity_and_the_rate_it_reached(capsys):
    kernel = Kernel(lambda: None, flops=2e9, bytes=1e9)
    roofline(Machine(100e9, 10e9), {"copy": kernel}, {"copy": 0.1}, title="A core")
    roof = "The roof rises to 100 GFLOP/s at 10 FLOP/byte and is flat from there."
    assert capsys.readouterr().out == f"A core. {roof} copy: 20 GFLOP/s at 2 FLOP/byte.\n"


def test_a_batch_is_read_out_at_its_ends_and_in_the_middle(capsys):
    batch_roofline(
        [1, 2, 8], np.array([1e9, 2e9, 8e9]), np.array([1e9, 0.5e9, 4e9]), title="A layer"
    )
    told = capsys.readouterr().out
    assert "roofline: 1 for one row to 8 GFLOP/s for 8, 2 for 2." in told
    assert "measured: 1 for one row to 4 GFLOP/s for 8, 0.5 for 2." in told


def test_a_card_is_read_out_by_its_market_its_peak_and_its_ridge(capsys):
    slow = pd.DataFrame({"fp16": [300e12], "bandwidth": [2e12]}, index=["Card"])
    fast = pd.DataFrame({"fp16": [400e12], "bandwidth": [1e12]}, index=["Other"])
    card_rooflines({"home": slow, "office": fast}, title="Cards")
    first = "home, Card: 300 TFLOP/s from 150 FLOP/byte on."
    second = "office, Other: 400 TFLOP/s from 400 FLOP/byte on."
    assert capsys.readouterr().out == f"Cards. {first} {second}\n"


def test_the_sketch_of_two_limits_is_read_out(capsys):
    two_limits()
    assert "the longer one sets the time" in capsys.readouterr().out


def test_sixteen_bytes_a_parameter_fill_the_memory_of_a_card(capsys):
    memory_needed({"Card": 24e9}, title="Memory")
    told = capsys.readouterr().out
    assert "Adam: 0.16 GB for 0.01 billion parameters to 1600 GB for 100." in told
    assert "The memory of the Card crosses Adam's line at 1.5 billion parameters." in told
