"""What compiled programs and pipelines draw at random, against TensorFlow itself run twice."""

import numpy as np
import pytest
import tensorflow as tf

from course.training.checkpoint_files import CheckpointError
from course.training.memory import Memory
from course.training.programs import check_pipeline, check_program

X = tf.ones((3, 4))
WEIGHTS = tf.Variable(tf.reshape(tf.range(200.0), (50, 4)) / 200)
BIASES = tf.Variable(tf.zeros(50))
LABELS = tf.constant([[1], [2], [3]], tf.int64)
BOX = tf.constant([[[0.1, 0.1, 0.9, 0.9]]])
IMAGES = tf.reshape(tf.range(400.0), (1, 20, 20, 1))


def sampled(loss):
    return lambda: loss(WEIGHTS, BIASES, LABELS, X, num_sampled=5, num_classes=50)


def crop(seed=0):
    return tf.image.sample_distorted_bounding_box(
        [640, 640, 3], BOX, min_object_covered=0.1, seed=seed
    )[0]


DRAW = {
    "normal": lambda: tf.random.normal((3,)),
    "gamma": lambda: tf.random.gamma((3,), 1.0),
    "categorical": lambda: tf.random.categorical(tf.zeros((1, 99)), 3),
    "truncated": lambda: tf.random.truncated_normal((3,)),
    "shuffle": lambda: tf.random.shuffle(tf.range(99)),
    "sampled softmax": sampled(tf.nn.sampled_softmax_loss),
    "contrastive": sampled(tf.nn.nce_loss),
    "crop": crop,
    "fractional pooling": lambda: tf.nn.fractional_max_pool(IMAGES, [1, 1.44, 1.73, 1])[0],
    "ints": lambda: tf.raw_ops.NonDeterministicInts(shape=[3], dtype=tf.int64),
}
DRAW_NOTHING = {
    "arithmetic": lambda: X @ tf.transpose(WEIGHTS),
    "stateless": lambda: tf.random.stateless_normal((3,), (1, 2)),
    "stateless shuffle": lambda: tf.random.experimental.stateless_shuffle(tf.range(99), (1, 2)),
    "index shuffle": lambda: tf.random.experimental.index_shuffle(3, [1, 2], 99),
    "fractional pooling by a seed": lambda: tf.nn.fractional_max_pool(
        IMAGES, [1, 1.44, 1.73, 1], seed=1
    )[0],
    "accidental hits": lambda: tf.nn.compute_accidental_hits(
        LABELS, tf.constant([1, 2, 9], tf.int64), num_true=1
    )[0],
}


@pytest.fixture(autouse=True)
def unseeded():
    """No seed, as in a program that sets none."""
    tf.random.set_seed(None)


class Holder:
    def __init__(self):
        self.variables = [WEIGHTS, BIASES]


def check(step):
    step.get_concrete_function()
    check_program(step, Memory({"model": Holder()}), set())


def within(draw):
    """The same in a function that the program calls."""
    inner = tf.function(draw)
    return lambda: inner()


@pytest.mark.parametrize("wrap", [lambda draw: draw, within], ids=["plain", "within"])
@pytest.mark.parametrize("name", DRAW)
def test_a_program_that_draws_by_itself_is_refused(name, wrap):
    step = tf.function(wrap(DRAW[name]))
    if name != "fractional pooling":  # which may draw the same once more
        assert len({step().numpy().tobytes() for _ in range(5)}) > 1
    with pytest.raises(CheckpointError, match="model: its steps draw random numbers by"):
        check(step)


@pytest.mark.parametrize("name", DRAW_NOTHING)
def test_a_program_that_gives_the_same_each_time_is_taken(name):
    step = tf.function(DRAW_NOTHING[name])
    assert len({step().numpy().tobytes() for _ in range(5)}) == 1
    check(step)


def pipeline(draw):
    return tf.data.Dataset.range(3).map(lambda _: draw())


def contents(data):
    return [np.asarray(value).tobytes() for value in data]


@pytest.mark.parametrize("name", ["normal", "categorical", "crop", "ints", "fractional pooling"])
def test_a_pipeline_that_draws_without_a_seed_is_refused(name):
    with pytest.raises(CheckpointError, match="data: MapDataset draws random numbers by"):
        check_pipeline(pipeline(DRAW[name]), own=tf.Variable(0))


@pytest.mark.parametrize(
    "draw", [DRAW["normal"], lambda: crop(seed=1)], ids=["by the seed of all", "by its own"]
)
def test_a_pipeline_that_draws_by_a_seed_is_taken(draw):
    tf.random.set_seed(1)
    data = pipeline(draw)
    assert contents(data) == contents(data)
    check_pipeline(data, own=tf.Variable(0))


@pytest.mark.parametrize("name", ["stateless", "index shuffle"])
def test_a_pipeline_that_draws_nothing_is_taken(name):
    check_pipeline(pipeline(DRAW_NOTHING[name]), own=tf.Variable(0))
