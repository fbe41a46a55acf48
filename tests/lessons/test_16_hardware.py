"""What lesson 16 must show. Of its times only medians are judged; sums and texts exactly."""

import re

from course.evidence import SIGNIFICANT, sign_test


def test_the_roofline_predicts_all_but_axpy_within_30_percent_and_axpy_too_low(full):
    assert full("16.within_30").low < 5
    assert full("16.others_off").median <= 30
    assert max(full("16.sgd_off").values) < 0
    assert sign_test(full("16.sgd_off").values) < SIGNIFICANT


def test_124_million_parameters_fit_24_gb_and_7_billion_with_adam_do_not(printed):
    assert "124 million parameters: 1.98 GB; fits 24 GB: True" in printed
    assert "7,000 million parameters: 112 GB; fits 24 GB: False" in printed


def test_keras_keeps_sixteen_bytes_a_parameter_with_adam_in_both_precisions(printed):
    assert len(re.findall(r"keeps float32: 16 bytes a parameter", printed)) == 2


def test_the_consumer_card_has_four_times_the_fp32_rate_and_half_of_what_trains(printed):
    assert "fp32         4.2 times the A100's" in printed
    for quantity, ratio in {"tf32": 0.53, "fp16": 0.53, "bandwidth": 0.52, "memory": 0.30}.items():
        assert f"{quantity:10} {ratio:.2f} times the A100's" in printed


def test_each_quoted_figure_has_more_than_one_meaning_in_the_vendors_documents(printed):
    assert re.search(r"82.6 on the RTX 4090: fp32, tf32$", printed, re.MULTILINE)
    assert re.search(r"165 on the RTX 4090: fp16, tf32_sparse$", printed, re.MULTILINE)
    assert re.search(
        r"330 on the RTX 4090: fp16_accumulate_fp16, fp16_sparse$", printed, re.MULTILINE
    )


def test_the_verdict_flips_with_the_size_of_the_model(printed):
    verdicts = re.findall(r"billion, +[\d.]+ GB: (consumer|professional|several cards)", printed)
    assert verdicts == ["consumer", "consumer", "consumer", "professional", "several cards"]


def test_the_price_of_an_hour_decides_where_both_cards_have_room(printed):
    cards = re.findall(
        r"A100 at [\d.]+ times the price: 124 million parameters on the (\w+) card", printed
    )
    assert cards == ["professional", "professional", "consumer", "consumer"]
