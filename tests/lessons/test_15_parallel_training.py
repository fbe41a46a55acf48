"""What lesson 15 says of TensorFlow, Keras and JAX, run; gradients and epochs stand as bounds in the lesson."""

import json

import numpy as np
import pytest

from course.authoring.source import read
from course.topics.hosts import free_ports, jax_on_cpu, run_hosts

SMALL = {
    "x": np.random.default_rng(0).normal(size=(192, 784)).astype("float32"),
    "y": np.arange(192) % 10,
}

OVER_HOSTS = """
import json, os
import numpy as np, keras, tensorflow as tf

strategy = tf.distribute.MultiWorkerMirroredStrategy()
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
data = np.load("data.npz")
x, y = data["x"][index::2], data["y"][index::2]

def network():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((784,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dense(10)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.5), loss, jit_compile=False)
    return model

with strategy.scope():
    model = network()

@tf.function
def step(x, y):
    with tf.GradientTape() as tape:
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x))
        loss = tf.reduce_sum(losses) / len(data["x"])
    gradients = tape.gradient(loss, model.trainable_variables)
    total = tf.distribute.get_replica_context().all_reduce("sum", gradients)
    for variable, gradient in zip(model.trainable_variables, total):
        variable.value.assign_sub(0.5 * gradient)

strategy.run(step, (tf.constant(x), tf.constant(y)))
alone = network()
alone.fit(data["x"], data["y"], batch_size=192, verbose=0)
pairs = zip(model.get_weights(), alone.get_weights())
print("loop:", bool(max(abs(a - b).max() for a, b in pairs) < 1e-5))
try:
    model.fit(x, y, batch_size=64, verbose=0)
    print("fit: ran")
except Exception as error:
    print(f"fit: {type(error).__name__}: {str(error).split(':')[0]}")
"""

ON_TENSORFLOW = """
import keras, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
data = np.load("data.npz")
keras.distribution.set_distribution(keras.distribution.DataParallel(devices=["cpu:0", "cpu:1"]))
model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
model.compile("sgd", "mse", jit_compile=False)
model.fit(data["x"], np.eye(10)[data["y"]], verbose=0)
print(type(model.layers[0].kernel.value).__name__, model.layers[0].kernel.value.device.split("/")[-1])
"""


@pytest.fixture(scope="module")
def jax_program() -> str:
    """The lesson's own program."""
    pytest.importorskip("jax", reason="JAX is not installed; install it: python bootstrap.py jax")
    cells = [cell.source for cell in read("15_parallel_training").cells]
    parts = [
        cell for cell in cells if cell.startswith("split_training =") or "jax_program =" in cell
    ]
    names: dict[str, str] = {}
    exec("\n".join(parts), names)
    return names["jax_program"]


def on_two_hosts(program: str) -> tuple[str, list[dict[str, str]]]:
    """The program with the first line that the lesson names, and the environments of two hosts."""
    [port] = free_ports(1)
    begin = (
        "import os, keras\n"
        f"keras.distribution.initialize('localhost:{port},localhost:{port}', num_processes=2,"
        " process_id=int(os.environ['HOST']))\n"
    )
    return begin + program, [{**jax_on_cpu(devices=2), "HOST": str(host)} for host in range(2)]


def test_with_multiworkermirrored_a_loop_of_your_own_works_and_fit_of_keras_3_ends_in_an_error():
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    settings = [
        {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        for index in range(2)
    ]
    printed = run_hosts(
        OVER_HOSTS, SMALL, [{"TF_CONFIG": json.dumps(setting)} for setting in settings]
    )
    for lines in printed:
        loop, fit = lines.splitlines()[-2:]
        assert loop == "loop: True"
        assert fit.startswith("fit: ValueError: Attempt to convert a value (PerReplica")


def test_the_prototype_on_tensorflow_says_so_itself(printed):
    assert "!!!DO NOT USE!!!" in printed


def test_on_tensorflow_keras_distribution_trains_without_complaint_on_one_device():
    [printed] = run_hosts(ON_TENSORFLOW, SMALL, [{"KERAS_BACKEND": "tensorflow"}])
    kind, device = printed.splitlines()[-1].split()
    assert (kind, device) == ("ResourceVariable", "device:CPU:0")  # a plain variable


def test_on_jax_four_devices_split_the_hidden_kernel_and_equal_plain_training(jax_program):
    [printed] = run_hosts(jax_program, SMALL, [jax_on_cpu(devices=4)])
    assert "the hidden kernel on 4 devices: P(None, 'model')" in printed
    assert "equals plain training to 1e-5: True" in printed


def test_over_two_processes_each_passes_its_own_rows_and_equals_plain_training(jax_program):
    own_rows = (
        "own = np.arange(192).reshape(3, 2, 32)[:, int(os.environ['HOST'])].ravel()\n"
        "x, y, size = x[own], y[own], 32\n"
    )
    at = jax_program.index("parallel = trained()")
    program, environments = on_two_hosts(jax_program[:at] + own_rows + jax_program[at:])
    printed = run_hosts(program, SMALL, environments)
    assert all("on 4 devices: P(None, 'model')" in lines for lines in printed)
    assert all("equals plain training to 1e-5: True" in lines for lines in printed)


def test_without_auto_shard_dataset_false_fit_over_two_hosts_refuses_arrays(jax_program):
    program, environments = on_two_hosts(jax_program.replace(', "auto_shard_dataset": False', ""))
    with pytest.raises(RuntimeError, match=r"must be provided as a `tf\.data\.Dataset`"):
        run_hosts(program, SMALL, environments)


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_in_a_ring_each_worker_sends_2_n_minus_1_over_n_times_its_gradients(workers):
    """Twice around, in pieces: first each piece is added up, then the sums are passed on."""
    rng = np.random.default_rng(0)
    pieces = rng.normal(size=(workers, workers, 5))  # of each worker's gradient
    total = pieces.sum(axis=0)
    sent = np.zeros(workers)
    for turn in range(2 * (workers - 1)):
        is_adding = turn < workers - 1
        messages = []
        for worker in range(workers):
            piece = (worker - turn) % workers
            messages.append((worker, piece, pieces[worker, piece].copy()))
        for worker, piece, message in messages:
            neighbor = (worker + 1) % workers
            pieces[neighbor, piece] = pieces[neighbor, piece] * is_adding + message
            sent[worker] += message.size
    for ours in pieces:
        np.testing.assert_allclose(ours, total)
    assert sent.tolist() == [2 * (workers - 1) / workers * total.size] * workers
