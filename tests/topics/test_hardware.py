import math
import sys
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from course.topics import hardware
from course.topics.hardware import Kernel, Machine, Offer, choose, training_bytes, training_seconds


def test_every_figure_has_a_title_and_an_address_as_its_source_and_stands_once():
    figures = hardware.sourced_figures()
    assert figures.notna().all(axis=None)
    assert figures["source"].str.fullmatch(r".{10,}; https://\S+").all()
    assert not figures.duplicated(["device", "quantity"]).any()


def test_every_quantity_has_one_unit_and_no_figure_is_negative():
    figures = hardware.sourced_figures()
    assert (figures.groupby("quantity")["unit"].nunique() == 1).all()
    assert set(figures["unit"]) == {"count", "TFLOP/s", "GB", "GB/s", "W", "version"}
    assert (figures["value"][figures["quantity"] != "nvlink"] > 0).all()


def test_devices_are_given_in_flop_bytes_and_seconds():
    cards = hardware.devices()
    assert len(cards) == 9
    published = {
        "memory": 80e9,
        "bandwidth": 1935e9,
        "fp32": 19.5e12,
        "fp16": 312e12,
        "cuda_cores": 6912,
        "power": 300,
    }
    assert cards.loc["A100 PCIe 80 GB", list(published)].to_dict() == pytest.approx(published)
    assert math.isnan(cards.loc["T4", "nvlink"])


@pytest.mark.parametrize("precision", ["tf32", "fp16", "fp16_accumulate_fp16"])
def test_a_sparse_peak_is_twice_the_dense_one_up_to_the_rounding_of_the_data_sheet(precision):
    cards = hardware.devices().dropna(subset=[precision, f"{precision}_sparse"])
    ratio = cards[f"{precision}_sparse"] / cards[precision]
    assert len(ratio) >= 2
    assert ratio.to_list() == pytest.approx([2] * len(ratio), rel=0.015)


def test_sums_in_fp16_double_the_rate_of_the_consumer_card_only():
    cards = hardware.devices()
    doubled = cards["fp16_accumulate_fp16"] / cards["fp16"]
    assert doubled["GeForce RTX 4090"] == pytest.approx(2, rel=0.001)
    assert doubled["A100 PCIe 80 GB"] == 1


def test_the_roofline_takes_as_long_as_the_slower_of_arithmetic_and_memory():
    machine = Machine(rate=100.0, bandwidth=20.0)
    assert machine.ridge == 5
    for flops, size in [(10, 40), (1000, 40), (200, 40)]:
        seconds = max(flops / 100, size / 20)
        assert machine.attainable(flops / size) == pytest.approx(flops / seconds)
    assert machine.attainable(np.array([1.0, 50.0])).tolist() == [20, 100]


def test_a_product_counts_its_operations_and_moves_each_matrix_once():
    kernel = hardware.matrix_product(2, 3, 5)
    assert kernel.flops == 10 * (3 + 3)  # ten sums of three products, and the additions into them
    arrays = [cell.cell_contents for cell in kernel.run.__closure__]
    assert kernel.bytes == sum(array.nbytes for array in arrays)
    assert kernel.intensity == 60 / 124
    a, b = arrays[:2]
    assert np.allclose(kernel.run(), np.einsum("mk,kn->mn", a.astype(float), b), rtol=1e-6)


def test_the_bytes_of_every_kernel_are_those_of_the_arrays_that_it_reads_and_writes():
    for name, kernel in (hardware.five_kernels(1) | hardware.calibration(1)).items():
        arrays = [cell.cell_contents for cell in kernel.run.__closure__]
        written_again = arrays[-1].nbytes if name.startswith("axpy") else 0
        result = kernel.run()
        new = result.nbytes if name.startswith("vector") else 0
        assert kernel.bytes == sum(array.nbytes for array in arrays) + written_again + new, name


def test_the_five_kernels_come_in_the_order_of_their_intensity_and_lie_far_from_one_another():
    intensities = [kernel.intensity for kernel in hardware.five_kernels(1).values()]
    assert intensities == sorted(intensities)
    assert intensities[:3] == pytest.approx([1 / 6, 1 / 4, 1 / 2], rel=0.02)
    assert intensities[3] > 100
    products = list(hardware.five_kernels(1).values())[3:]
    assert [kernel.flops for kernel in products] == [2 * 256 * 4000**2, 2 * 2048**3]


def test_kernels_take_turns_on_one_thread():
    calls = []
    threads = set()

    def kernel(name):
        def run():
            calls.append(name)
            threads.update(
                pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
            )

        return Kernel(run, 1, 1)

    seconds = hardware.fastest({name: kernel(name) for name in "abc"}, 3)
    assert calls == list("abcabcabc")
    assert all(0 < taken < 10 for taken in seconds.values())
    assert threads <= {1}


def test_the_least_time_of_a_kernel_counts(monkeypatch):
    ticks = iter([10.0, 13.0, 20.0, 21.0, 30.0, 32.0])
    monkeypatch.setattr(hardware, "CLOCK", lambda: next(ticks))
    assert hardware.fastest({"a": Kernel(lambda: None, 1, 1)}, 3) == {"a": 1.0}


def test_a_clock_that_says_it_is_finer_than_its_tick_is_not_taken():
    assert hardware.clock("win32") is time.perf_counter
    assert hardware.CLOCK is hardware.clock(sys.platform)


def test_the_units_of_the_file_are_powers_of_a_thousand():
    assert hardware.FACTORS == {"GB": 10**9, "GB/s": 10**9, "TFLOP/s": 10**12}


def test_a_machine_that_is_measured_runs_the_standards_exactly_at_its_two_limits(monkeypatch):
    monkeypatch.setattr(hardware, "fastest", lambda kernels, rounds: dict.fromkeys(kernels, 2.0))
    machine, seconds = hardware.measure(
        {"other": Kernel(lambda: None, 1, 1)}, megabytes=1, rounds=1
    )
    assert machine == Machine(rate=2 * 1024**3 / 2, bandwidth=12 * 2**18 / 2)
    assert seconds == {"other": 2.0}


@pytest.mark.parametrize("precision", ["full", "mixed"])
def test_adam_takes_the_sixteen_bytes_of_the_zero_paper(precision):
    assert (
        sum(training_bytes(1.5e9, precision=precision).values()) == 24e9
    )  # its example, GPT-2 with 1.5 billion


def test_parts_are_counted_apart_and_activations_come_on_top():
    parts = training_bytes(10, optimizer="momentum", precision="mixed", activations=7)
    assert parts == {
        "weights": 20,
        "gradients": 20,
        "float32 copy": 40,
        "moments": 40,
        "activations": 7,
    }
    assert sum(training_bytes(10, optimizer="sgd", precision="full").values()) == 80


def test_124_million_parameters_fit_24_gb_and_7_billion_with_adam_do_not():
    assert sum(training_bytes(124e6).values()) < 24e9
    assert sum(training_bytes(7e9).values()) == 112e9


def test_the_time_of_gpt_3_is_the_published_3640_petaflop_days():
    days = (
        training_seconds(174.6e9, 300e9, rate=1e15, utilization=1) / 86400
    )  # Brown et al. 2020, table D.1
    assert days == pytest.approx(3640, rel=0.005)
    assert training_seconds(174.6e9, 300e9, rate=1e15, utilization=0.5) == pytest.approx(
        2 * 86400 * days
    )


def offers(price):
    """The two cards of lesson 16, the professional one at `price` times the hour of the other."""
    cards = hardware.devices()[["memory", "fp16"]]
    return [
        Offer("consumer", *cards.loc["GeForce RTX 4090"], 1.0),
        Offer("professional", *cards.loc["A100 PCIe 80 GB"], price),
    ]


def test_the_verdict_flips_with_the_size_of_the_model():
    chosen = [
        choose(sum(training_bytes(size).values()), offers(3.0))
        for size in (124e6, 1.5e9, 1.6e9, 5e9, 7e9)
    ]
    names = [offer and offer.name for offer in chosen]
    assert names == ["consumer", "consumer", "professional", "professional", None]


@pytest.mark.parametrize(("price", "name"), [(1.8, "professional"), (2.0, "consumer")])
def test_where_both_fit_the_cheaper_flop_wins(price, name):
    assert choose(2e9, offers(price)).name == name  # 312 / 165.2 = 1.89


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 312}, r"rate = 312: must be FLOP/s, at least 1e9"),
        ({"rate": math.inf}, "rate = inf: must be FLOP/s"),
        ({"utilization": 40}, "utilization = 40: must be a share of the peak rate, 0.001 to 1"),
        ({"utilization": 0}, "utilization = 0: must be a share"),
        ({"parameters": -7e9}, r"parameters = -7000000000.0: must be a whole number of at least 1"),
        ({"parameters": 0.124}, r"parameters = 0.124: must be a whole number"),
        ({"parameters": "7B"}, "parameters = '7B': must be a whole number"),
        ({"parameters": True}, "parameters = True: must be a whole number"),
        ({"tokens": 0}, "tokens = 0: must be a whole number"),
        ({"tokens": math.nan}, "tokens = nan: must be a whole number"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_name_its_value_and_what_is_allowed(
    change, message
):
    good = {"parameters": 124e6, "tokens": 2.5e9, "rate": 312e12, "utilization": 0.4}
    with pytest.raises(ValueError, match=message):
        training_seconds(**good | change)


def test_the_other_inputs_are_checked_as_well():
    with pytest.raises(ValueError, match="activations = -1: must be bytes, at least 0"):
        training_bytes(10, activations=-1)
    for rule in (
        training_bytes,
        lambda number: training_seconds(number, 1, rate=1e9, utilization=1),
    ):
        with pytest.raises(ValueError, match="parameters = 0: must be a whole number of at least"):
            rule(0)
    with pytest.raises(ValueError, match="optimizer = 'lion': must be one of sgd, momentum, adam"):
        training_bytes(10, optimizer="lion")
    with pytest.raises(ValueError, match="precision = 'half': must be one of full, mixed"):
        training_bytes(10, precision="half")
    with pytest.raises(
        ValueError, match=r"memory = 24: must be bytes, at least 1e6 \(24 GB is 24e9\)"
    ):
        Offer("card", 24, 1e14, 1.0)
    with pytest.raises(ValueError, match="price = 0: must be in your currency an hour"):
        Offer("card", 24e9, 1e14, 0)


@pytest.mark.parametrize(
    ("capability", "runs"),
    [
        (8.9, "code of its own"),  # the RTX 4090
        (8.6, "code of sm_80"),  # a later minor version, but not sm_89
        (8.0, "code of its own"),
        (7.5, "code of sm_70"),
        (9.0, "compiled by the driver from compute_90"),
        (12.0, "compiled by the driver from compute_90"),
        (5.2, "no code"),
    ],
)
def test_machine_code_runs_on_later_minor_versions_and_intermediate_code_on_all_later_ones(
    capability, runs
):
    assert hardware.support(capability, ["sm_60", "sm_70", "sm_80", "sm_89", "compute_90"]) == runs


def test_a_package_without_cuda_has_no_code():
    assert hardware.support(8.9, []) == "no code"


@pytest.mark.parametrize("target", ["sm_90a", "compute_90a"])
def test_code_for_a_versions_own_features_runs_on_that_version_alone(target):
    found = [hardware.support(card, ["sm_80", target]) for card in (9.0, 10.0)]
    ready = "code of its own" if target == "sm_90a" else "compiled by the driver from compute_90a"
    assert found == [ready, "no code"]


def test_code_for_the_features_of_a_family_runs_on_later_minor_versions():
    found = [hardware.support(card, ["compute_100f"]) for card in (10.0, 10.3, 11.0)]
    assert found == [*["compiled by the driver from compute_100f"] * 2, "no code"]


@pytest.mark.parametrize("target", ["90", "sm_", "gfx_90", "sm_90b"])
def test_a_target_of_another_kind_is_refused_by_name(target):
    with pytest.raises(ValueError, match=f"target '{target}': must be like sm_80"):
        hardware.support(9.0, [target])
