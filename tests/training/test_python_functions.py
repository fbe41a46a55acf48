"""Pipelines that call Python: what remembers nothing resumes bit for bit, the rest is refused by its name."""

import functools
import io
import logging
import sys
import types

import keras
import numpy as np
import pytest
import sklearn.utils
import tensorflow as tf
from PIL import Image

from course.training.checkpoint_files import CheckpointError
from course.training.checkpoints import Checkpoints

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = X[:, :1]
SCALE = 2.0
NOISE = np.random.default_rng(1)
SPECS = (tf.TensorSpec((8, 3)), tf.TensorSpec((8, 1)))


class Killed(BaseException):
    """What stands in for SIGKILL within one process."""


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 2):
            raise Killed


def fit(folder, make, *callbacks):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    run = Checkpoints(folder, monitor="loss", save_freq=2)
    data = make(run)
    return model.fit(data, epochs=3, shuffle=False, verbose=0, callbacks=[run, *callbacks]).history


def generated(rows):
    return lambda run: tf.data.Dataset.from_generator(rows, output_signature=SPECS)


def mapped(function, call=tf.numpy_function):
    def make(run):
        def changed(x, y):
            return tf.ensure_shape(call(function, [x], tf.float32), (8, 3)), y

        return run.shuffled(X, Y, batch_size=8, seed=1).map(changed)

    return make


def noise(x):
    return x + NOISE.normal(size=x.shape).astype("float32")


def plain_rows():
    own = np.random.default_rng(1)
    for batch in range(3):
        rows = own.integers(0, 24, 8)
        yield X[rows] * SCALE, Y[rows] + batch


def noisy_rows():
    for x, y in plain_rows():
        yield noise(x), y


def in_a_closure():
    generator = np.random.default_rng(1)
    return lambda x: x + generator.normal(size=np.shape(x)).astype("float32")


class WithALog:
    """An object that holds a log, which cannot be compared, beside a generator."""

    def __init__(self):
        self.log = LOG
        self.noise = np.random.default_rng(1)

    def __call__(self, x):
        return x + self.noise.normal(size=x.shape).astype("float32")


class OfTheClass:
    """An object whose class holds a generator, which a property asks."""

    noise = np.random.default_rng(1)

    @property
    def drawn(self):
        return np.float32(self.noise.normal())

    def __call__(self, x):
        return x + self.drawn


class Several:
    """An object that calls a list of functions."""

    def __init__(self, *steps):
        self.steps = [*steps]

    def __call__(self, x):
        for step in self.steps:
            x = step(x)
        return x


@functools.lru_cache
def drawn_once(number):
    return np.float32(NOISE.normal())


def of_a_cache(x):
    return x + drawn_once(len(x))


def of_tensorflow_by_another_name(x):
    return tf.image.random_brightness(x[..., None], 0.1)[..., 0]


def decorated(function):
    generator = np.random.default_rng(1)

    @functools.wraps(function)
    def noisy(x):
        return function(x) + generator.normal(size=x.shape).astype("float32")

    return noisy


@decorated
def with_a_decorator(x):
    return x


def in_a_module(x):
    return x + OTHER.NOISE.normal(size=x.shape).astype("float32")


def of_one_name(x):
    return OTHER.noise(x) * SCALE  # where SCALE is another one


def of_numpy(x):
    return x + np.random.normal(size=x.shape).astype("float32")


def of_python(x):
    from random import random

    return x + np.float32(sum(random() for _ in range(2)))


def of_tensorflow(x):
    return x + tf.random.normal(tf.shape(x))


def of_keras(x):
    return x + keras.random.normal(x.shape)


def with_a_seed_of_keras(x):
    return x + keras.random.normal(x.shape, seed=SEEDS)


def of_scikit_learn(x):
    return sklearn.utils.shuffle(x)


class Augmented:
    """An object that is called, and calls a method of its own."""

    def __call__(self, x):
        return self.noisy(x)

    def noisy(self, x, again=True):
        return self.noisy(x, again=False) if again else noise(x)


SEEDS = keras.random.SeedGenerator(1)
OTHER = types.ModuleType("other")
OTHER.SCALE, OTHER.NOISE = 1.0, np.random.default_rng(1)
exec(
    "def noise(x):\n    global SCALE\n    SCALE += 1.0\n    return x * x.dtype.type(SCALE)",
    vars(OTHER),
)


class Rows:
    """Batches whose number is counted from epoch to epoch."""

    def __init__(self):
        self.seen = 0

    def __call__(self):
        for x, y in plain_rows():
            self.seen += 1
            yield x * self.seen, y

    def rows(self):
        yield from self()


@pytest.mark.parametrize(
    "make",
    [mapped(lambda x: x * SCALE), mapped(lambda x: x * SCALE, tf.py_function)],
    ids=["NumPy", "eager"],
)
def test_functions_that_remember_nothing_are_taken(tmp_path, make):
    whole = fit(tmp_path / "whole", make)
    with pytest.raises(Killed):
        fit(tmp_path / "killed", make, Kill())
    assert fit(tmp_path / "killed", make) == whole


LOG = logging.getLogger(__name__)
NAMES = np.array(["a", None], object)


def logged(x):
    LOG.debug("%s of %s rows", NAMES[0], len(x))
    return x


def drawn_never(augment):
    if augment:
        generator = np.random.default_rng(1)
    return lambda x: x + generator.normal() if augment else x


def with_an_attribute(x):
    return x.reshape(x.shape).copy()


reshape = NOISE  # has the name of an attribute of `x` above


def drawn_from_the_data(x):
    generator = np.random.default_rng(int(1e6 * abs(x[0, 0])))
    return x + generator.normal(size=x.shape).astype("float32")


def logged_and_drawn(x):
    return noise(logged(x))


def test_what_cannot_be_compared_hides_nothing_else(tmp_path):
    with pytest.raises(CheckpointError, match=r"logged_and_drawn\.globals\.NOISE: changes"):
        fit(tmp_path, mapped(logged_and_drawn))


class Config(dict):
    """A dictionary with dots, whose every attribute is a key."""

    __getattr__ = dict.__getitem__


def not_installed(name):
    raise ImportError(f"{name} is not installed")


CONFIG = Config(scale=2.0)
OPTIONAL = types.ModuleType("optional")
OPTIONAL.__getattr__ = not_installed


def configured(x):
    return x * np.float32(CONFIG.scale) if len(x) else OPTIONAL.resize(x)


class Piped:
    """An object with a function among its attributes, which Python does not bind, and a dictionary with dots."""

    def __init__(self):
        self.scale = lambda: 2.0
        self.config = CONFIG

    def __call__(self, x):
        return x * np.float32(self.scale() * self.config.scale)


PICTURE = b"P5 1 1 255\n\x07"


def opened(x):
    """A library that prepares itself when it is first used."""
    return x + np.float32(np.asarray(Image.open(io.BytesIO(PICTURE))).mean())


@pytest.mark.parametrize(
    "function",
    [
        *(logged, drawn_never(False), with_an_attribute, drawn_from_the_data),
        *(configured, Piped(), opened),
    ],
)
def test_what_cannot_be_compared_or_is_not_there_refuses_nothing(tmp_path, function):
    assert len(fit(tmp_path, mapped(function))["loss"]) == 3


def test_a_generator_that_remembers_nothing_is_taken(tmp_path):
    assert len(fit(tmp_path, generated(plain_rows))["loss"]) == 3


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (generated(noisy_rows), r"noisy_rows\.globals\.NOISE"),
        (generated(Rows()), r"Rows\.function\.seen"),
        (generated(Rows().rows), r"Rows\.rows\.function\.__self__\.seen"),
        (mapped(noise), r"noise\.globals\.NOISE"),
        (mapped(in_a_closure()), r"<lambda>\.function\.generator"),
        (mapped(in_a_closure(), tf.py_function), r"<lambda>\.function\.generator"),
        (mapped(WithALog()), r"WithALog\.function\.noise"),
        (mapped(OfTheClass()), r"OfTheClass\.globals\.self\.noise"),
        (mapped(Several(noise)), r"Several\.globals\.NOISE"),
        (mapped(of_a_cache), r"of_a_cache\.globals\.NOISE"),
        (mapped(of_tensorflow_by_another_name, tf.py_function), r"tf\.image\.random_brightness"),
        (mapped(with_a_decorator), r"with_a_decorator\.function\.generator"),
        (mapped(functools.partial(noise)), r"partial\.globals\.NOISE"),
        (mapped(Augmented()), r"Augmented\.globals\.NOISE"),
        (mapped(in_a_module), r"in_a_module\.globals\.OTHER\.NOISE"),
        (mapped(of_one_name), r"of_one_name\.globals\.SCALE"),
        (mapped(of_numpy), r"of_numpy\.globals\.np\.random\.normal"),
        (mapped(of_python), r"of_python\.globals\.random\.random"),
        (mapped(of_tensorflow, tf.py_function), r"of_tensorflow\.globals\.tf\.random\.normal"),
        (mapped(of_keras, tf.py_function), r"of_keras\.globals\.keras\.random\.normal"),
        (mapped(with_a_seed_of_keras, tf.py_function), r"with_a_seed_of_keras\.globals\.SEEDS"),
        (mapped(of_scikit_learn), r"of_scikit_learn\.globals\.np\.random\.mtrand\._rand"),
    ],
)
def test_a_function_that_changes_what_it_holds_is_refused_by_the_end_of_the_first_epoch(
    tmp_path, make, name
):
    with pytest.raises(CheckpointError, match=f"the function .*{name}.*: changes .*PyDataset"):
        fit(tmp_path, make)
    assert not list(tmp_path.glob("epoch-0001*"))


def test_a_cache_is_taken_before_the_order_is_made_and_refused_after_it(tmp_path):
    def before(run):
        data = tf.data.Dataset.from_tensor_slices((X, Y)).cache()
        return run.each_epoch(lambda seed: data.shuffle(24, seed=seed).batch(8), seed=1)

    whole = fit(tmp_path / "whole", before)
    with pytest.raises(Killed):
        fit(tmp_path / "killed", before, Kill())
    assert fit(tmp_path / "killed", before) == whole
    with pytest.raises(CheckpointError, match="data: CacheDataset keeps the order of the first"):
        fit(tmp_path / "after", lambda run: run.shuffled(X, Y, batch_size=8, seed=1).cache())


def test_above_a_cache_a_function_runs_in_the_first_epoch_alone_and_may_draw(tmp_path):
    def make(run):
        data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
        draw = in_a_closure()
        return data.map(lambda x, y: (tf.numpy_function(draw, [x], tf.float32), y)).cache()

    def shaped(run):
        return make(run).map(lambda x, y: (tf.ensure_shape(x, (8, 3)), y))

    whole = fit(tmp_path / "whole", shaped)
    with pytest.raises(Killed):
        fit(tmp_path / "killed", shaped, Kill())
    assert fit(tmp_path / "killed", shaped) == whole


class Experiment:
    """What holds the model, and gives the rows as well."""

    def __init__(self, model):
        self.model = model

    def rows(self):
        yield from plain_rows()


@pytest.mark.parametrize(
    "name", ["a method beside the model", "a function that asks for its shape"]
)
def test_what_training_changes_in_the_model_is_no_memory_of_the_data(tmp_path, name):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("adam", "mse", run_eagerly=True)

    def sized():
        for x, y in plain_rows():
            yield x[:, : model.input_shape[1]], y

    rows = Experiment(model).rows if "method" in name else sized
    run = Checkpoints(tmp_path, monitor="loss")
    data = tf.data.Dataset.from_generator(rows, output_signature=SPECS)
    assert model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=[run]).epoch == [0, 1]


def test_what_a_function_imports_counts_from_its_first_use(tmp_path, monkeypatch):
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "found_here.py").write_text("SCALE = 2.0")
    monkeypatch.syspath_prepend(folder)

    def imported(x):
        import found_here

        found_here.SCALE += CHANGE
        return x * np.float32(found_here.SCALE)

    global CHANGE
    CHANGE = 0.0
    assert len(fit(tmp_path / "first", mapped(imported))["loss"]) == 3
    del sys.modules["found_here"]
    CHANGE = 1.0
    with pytest.raises(CheckpointError, match=r"found_here\.SCALE: changes"):
        fit(tmp_path / "second", mapped(imported))
