"""What lesson 16 must show, and what it states of Keras and TensorFlow. Of its times only medians are judged."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from course.topics.hardware import devices, support


def test_the_roofline_predicts_the_four_others_within_30_percent_and_axpy_too_low(full):
    assert full("16.within_30").median >= 4
    assert full("16.others_off").median <= 30
    axpy = full("16.sgd_off")
    assert axpy.low > -25  # which it would be, were the uncounted transfer all there is
    assert axpy.high < 0


def test_124_million_parameters_fit_24_gb_and_7_billion_with_adam_do_not(printed):
    assert "124 million parameters: 1.98 GB; fits 24 GB: True" in printed
    assert "7,000 million parameters: 112 GB; fits 24 GB: False" in printed


def test_keras_keeps_sixteen_bytes_a_parameter_with_adam_in_both_precisions(printed):
    kept = r"keeps float32:\n +16 bytes per parameter with Adam"
    assert len(re.findall(kept, printed)) == 2


def test_the_consumer_card_has_four_times_the_fp32_rate_and_half_of_what_trains(printed):
    assert "fp32         4.24 times the A100's" in printed
    for quantity, ratio in {"tf32": 0.53, "fp16": 0.53, "bandwidth": 0.52, "memory": 0.30}.items():
        assert f"{quantity:12} {ratio:.2f} times the A100's" in printed


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


def test_matrix_units_do_fp16_at_twice_the_rate_of_tf32():
    cards = devices().dropna(subset=["tf32"])
    assert len(cards) > 3
    np.testing.assert_allclose(cards["fp16"] / cards["tf32"], 2, rtol=0.02)


def test_tensorflow_uses_tf32_by_default():
    assert tf.config.experimental.tensor_float_32_execution_enabled()


def test_in_the_official_linux_package_the_4090_and_the_l40s_run_the_same_code_and_the_a100_its_own():
    build = tf.sysconfig.get_build_info()
    if not build["is_cuda_build"]:
        pytest.skip("a TensorFlow without CUDA")
    capability = devices()["compute_capability"]
    assert capability["GeForce RTX 4090"] == capability["L40S"] == 8.9
    runs = {
        card: support(capability[card], build["cuda_compute_capabilities"])
        for card in ("GeForce RTX 4090", "A100 PCIe 80 GB", "H100 SXM")
    }
    assert runs["GeForce RTX 4090"] == runs["A100 PCIe 80 GB"] == "code of its own"
    assert runs["H100 SXM"] == "compiled by the driver from compute_90"


@pytest.fixture
def policy():
    """Sets the global policy, until the end of the test."""
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy("float32")


def network(**options):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, **options)])
    model.compile("adam", "mse", jit_compile=False)
    return model


def optimizer_of(model):
    return type(model.optimizer).__name__


def test_keras_scales_the_loss_only_if_the_model_has_the_policy(policy):
    assert optimizer_of(network(dtype="mixed_float16")) == "Adam"
    policy("mixed_float16")
    model = network()
    assert optimizer_of(model) == "LossScaleOptimizer"
    assert model.layers[0].compute_dtype == "float16"
    assert model.layers[0].kernel.dtype == "float32"


def test_bfloat16_needs_no_loss_scaling(policy):
    policy("mixed_bfloat16")
    assert optimizer_of(network()) == "Adam"
    assert tf.bfloat16.max > 1e38
    assert np.float16(2**-26) == 0
    assert float(tf.cast(2.0**-126, tf.bfloat16)) == 2.0**-126


def test_fp16_has_11_significant_bits_and_bfloat16_8():
    for dtype, bits in ((tf.float16, 11), (tf.bfloat16, 8)):
        assert float(tf.cast(1 + 2.0 ** (1 - bits), dtype)) > 1
        assert float(tf.cast(1 + 2.0 ** (-bits), dtype)) == 1


def scaled(initial, **options):
    """An optimizer of loss scaling over plain SGD, and the one weight that it changes."""
    weight = keras.Variable(1.0)
    optimizer = keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.5), initial_scale=initial, **options
    )
    optimizer.build([weight])
    return optimizer, weight


def test_it_skips_a_step_whose_gradients_are_not_finite_and_halves_the_factor():
    optimizer, weight = scaled(1024.0)
    optimizer.apply([keras.ops.convert_to_tensor(np.inf)], [weight])
    assert float(weight) == 1.0
    assert float(optimizer.dynamic_scale) == 512.0


def test_it_divides_by_the_factor_and_doubles_it_after_2000_good_steps():
    optimizer, weight = scaled(1024.0)
    assert optimizer.dynamic_growth_steps == 2000
    optimizer, weight = scaled(1024.0, dynamic_growth_steps=2)
    optimizer.apply([optimizer.scale_loss(keras.ops.convert_to_tensor(0.25))], [weight])
    assert float(weight) == 1.0 - 0.5 * 0.25
    optimizer.apply([keras.ops.convert_to_tensor(0.0)], [weight])
    assert float(optimizer.dynamic_scale) == 2048.0


def test_accumulating_gradients_takes_four_more_bytes_per_parameter():
    sizes = []
    for options in ({}, {"gradient_accumulation_steps": 4}):
        model = network()
        model.compile(keras.optimizers.Adam(**options), "mse")
        model.optimizer.build(model.trainable_variables)
        optimizer = model.optimizer
        held = {
            id(v): v
            for v in [*optimizer.variables, *getattr(optimizer, "_accumulated_gradients", [])]
        }
        sizes.append(sum(v.numpy().nbytes for v in held.values() if v.ndim))
    assert sizes[1] - sizes[0] == 4 * model.count_params()
