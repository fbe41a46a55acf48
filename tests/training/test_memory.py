"""State in odd places: a run that was killed ends as the run left alone, or is refused by the place of that state."""

import collections
import dataclasses
import functools
import io
import itertools
import math
import os
import random
import threading

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course.training.checkpoint_files import CheckpointError, CheckpointFolder, Position
from course.training.checkpoints import Checkpoints
from course.training.memory import Memory
from course.training.state import set_random_state, unless_drawn

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 3)).astype("float32")
Y = rng.normal(size=(24, 1)).astype("float32")


class Killed(BaseException):
    """What stands in for SIGKILL within one process."""


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 1):
            raise Killed


def dense():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.05), "mse", run_eagerly=True)
    return model


def fit(folder, *, model=dense, callbacks=list, data=None, kill=False, **options):
    """The command that is started again and again: three epochs of three batches, a save after the second of each."""
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(3)
    model = model()
    callbacks = callbacks()
    run = Checkpoints(folder, callbacks, **{"save_freq": 2, "monitor": "loss"} | options)
    given = data(run) if data else {"x": run.shuffled(X, Y, batch_size=8, seed=1), "shuffle": False}
    history = model.fit(**given, epochs=3, verbose=0, callbacks=[run, *([Kill()] if kill else [])])
    return model, callbacks, history.history


def weights(model):
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


def assert_resumes(tmp_path, **case):
    """A run that is killed after a save within its second epoch must end as the run left alone; returns both."""
    whole = fit(tmp_path / "whole", **case)
    with pytest.raises(Killed):
        fit(tmp_path / "killed", kill=True, **case)
    assert len(list((tmp_path / "killed").glob("*.npz"))) == 3
    resumed = fit(tmp_path / "killed", **case)
    for one, other in zip(whole[1], resumed[1], strict=True):
        assert getattr(one, "values", None) == getattr(other, "values", None), type(one).__name__
    np.testing.assert_equal(weights(resumed[0]), weights(whole[0]))
    assert resumed[2] == whole[2]
    return whole[0], resumed[0]


class Odd(keras.callbacks.Callback):
    """Sets the learning rate by what it remembers of all batches so far: who forgets, trains otherwise."""

    def __init__(self):
        super().__init__()
        self.values = []

    def remember(self, loss):
        """Return a number that hangs on all losses so far."""

    def on_train_batch_end(self, batch, logs=None):
        self.values.append(self.remember(float(logs["loss"])))
        rate = float(self.model.optimizer.learning_rate)
        self.model.optimizer.learning_rate = 0.01 + 0.04 * (abs(self.values[-1] + 100 * rate) % 1)


class SettingThatChanges(Odd):
    def __init__(self, best=np.inf, wait=0):
        super().__init__()
        self.best = best
        self.wait = wait

    def remember(self, loss):
        self.wait = 0 if loss < self.best else self.wait + 1
        self.best = min(loss, self.best)
        return self.best + self.wait / 7


class EpochNumbersAsKeys(Odd):
    def __init__(self):
        super().__init__()
        self.losses = {}

    def remember(self, loss):
        self.losses[len(self.losses)] = loss
        return sum(key * value for key, value in self.losses.items())


class Deque(Odd):
    def __init__(self):
        super().__init__()
        self.last = collections.deque(maxlen=9)

    def remember(self, loss):
        self.last.append((loss, {"seen": len(self.last)}))
        return sum(loss for loss, _ in self.last)


class Set(Odd):
    def __init__(self):
        super().__init__()
        self.seen = set()
        self.counts = collections.Counter()
        self.by_digit = collections.defaultdict(list)

    def remember(self, loss):
        digit = int(loss * 1000) % 10
        self.seen.add(digit)
        self.counts[digit] += 1
        self.by_digit[digit].append(loss)
        return len(self.seen) / 13 + self.counts[digit] / 17 + sum(map(sum, self.by_digit.values()))


class NumpyNumbers(Odd):
    """A total that is replaced at each step and never changes in place, and keys."""

    def __init__(self):
        super().__init__()
        self.total = np.float64(0)
        self.trace = []
        self.seen = set()

    def remember(self, loss):
        self.total += loss
        self.trace.append(self.total)
        self.seen.add(np.int64(len(self.trace)))
        return float(sum(self.trace)) + len(self.seen)


@dataclasses.dataclass(frozen=True)
class Options:
    rate: float = 0.1
    widths: tuple = (3, 4)
    scale: object = dataclasses.field(default_factory=lambda: np.ones(2))


class FrozenOptions(Odd):
    def __init__(self):
        super().__init__()
        self.options = Options()

    def remember(self, loss):
        self.options.scale[0] += loss
        return self.options.rate + self.options.scale.sum()


class TensorFlowVariable(Odd):
    def __init__(self):
        super().__init__()
        self.mean = tf.Variable(0.0)

    def remember(self, loss):
        self.mean.assign(0.9 * self.mean + loss)
        return float(self.mean)


class Average:
    """An object with a state of its own, in slots and in an attribute."""

    __slots__ = ("__dict__", "total")

    def __init__(self):
        self.total = 0.0
        self.count = 0
        self.parent = self

    def add(self, value):
        self.total += value
        self.count += 1
        return self.total / self.count


class ObjectWithAState(Odd):
    def __init__(self):
        super().__init__()
        self.averages = {"train": [Average()]}

    def remember(self, loss):
        return self.averages["train"][0].add(loss)


class KerasMetric(Odd):
    def on_train_begin(self, logs=None):
        self.metric = keras.metrics.Mean()

    def remember(self, loss):
        self.metric.update_state(loss)
        return float(self.metric.result())


class Generators(Odd):
    def __init__(self):
        super().__init__()
        self.numpy = np.random.default_rng(1)
        self.python = random.Random(1)
        self.old = np.random.RandomState(1)
        self.tensorflow = tf.random.Generator.from_seed(1)
        self.keras = keras.random.SeedGenerator(1)

    def remember(self, loss):
        drawn = (
            self.numpy.random()
            + self.python.random()
            + self.old.rand()
            + float(self.tensorflow.uniform([]))
        )
        return drawn + float(keras.random.uniform([], seed=self.keras))


class Children(Odd):
    """Draws by new generators, which follow from a seed and from how many there are: no state of its own changes."""

    def __init__(self):
        super().__init__()
        self.parent = np.random.default_rng(1)
        self.other = np.random.default_rng(2)
        self.source = np.random.PCG64(3)
        self.spawn = self.other.spawn

    def remember(self, loss):
        drawn = self.parent.spawn(1)[0].random() + self.spawn(2)[1].random()
        return drawn + np.random.Generator(self.source.spawn(1)[0]).random()


class GlobalGenerators(Odd):
    def __init__(self):
        super().__init__()
        tf.random.set_global_generator(
            tf.random.Generator.from_seed(1)
        )  # else another one in every process

    def remember(self, loss):
        drawn = (
            np.random.rand()
            + random.random()
            + float(tf.random.uniform([]))
            + float(keras.random.uniform([]))
        )
        return drawn + float(tf.random.get_global_generator().uniform([]))


class Aliases(Odd):
    """Two names of one list, an array that changes in place, and a large one that does not."""

    def __init__(self):
        super().__init__()
        self.losses = []
        self.same = self.losses
        self.array = np.zeros(3)
        self.constant = np.arange(20_000.0)

    def remember(self, loss):
        self.losses.append(loss)
        self.array[len(self.same) % 3] += loss
        return sum(self.same) + self.array @ [1, 2, 3] + self.constant[7]


class NamesOfKeras(Odd):
    """Has an object with names that Keras uses in callbacks and layers for its own purposes."""

    def __init__(self):
        super().__init__()
        self.average = Record()
        self.average.params = [0.0]
        self.average.build = 0
        self.average._model = {"seen": 0}
        self.build = 0

    def remember(self, loss):
        self.build += 1
        self.average.params[0] += loss
        self.average.build += 1
        self.average._model["seen"] += 2
        return (
            self.average.params[0] / (self.average.build + self.average._model["seen"]) + self.build
        )


class Bound(Odd):
    """Binds a method anew at each step, to what it is bound to already, and a function to other arguments."""

    def __init__(self):
        super().__init__()
        self.losses = []
        self.scale = np.ones(3)
        self.rebind(7)

    def rebind(self, seen):
        self.note = self.note_loss
        self.rate = functools.partial(np.multiply, 0.5, self.scale, dtype="float64")
        self.count = functools.partial(sum, [1.0, 2.0], start=seen)
        self.power = functools.partial(math.pow if seen > 20 else pow, 0.5, seen / 10)

    def note_loss(self, loss):
        self.losses.append(loss)

    def remember(self, loss):
        self.note(loss)
        self.rebind(self.count())
        self.scale += loss
        return sum(self.losses) + self.rate()[0] + self.count() + self.power()


class Chosen(Odd):
    """Takes one method after another of a list."""

    def __init__(self):
        super().__init__()
        self.choices = [self.first, self.second]
        self.choose = self.choices[0]

    def first(self):
        self.choose = self.choices[1]
        return 1

    def second(self):
        self.choose = self.choices[0]
        return 2

    def remember(self, loss):
        return loss + self.choose()


class Large(Odd):
    def __init__(self):
        super().__init__()
        self.array = np.zeros(20_000)

    def remember(self, loss):
        self.array += loss
        return self.array[5]


class LargeRarely(Odd):
    """Holds a large array that training makes once, as EarlyStopping its best weights, and then leaves alone."""

    def __init__(self):
        super().__init__()
        self.best = [None]

    def remember(self, loss):
        if self.best[0] is None and len(self.values) == 1:
            self.best[0] = np.full(20_000, loss)
        return 0.0 if self.best[0] is None else self.best[0][5]


def in_a_closure():
    count = 0
    losses = []

    def remember(epoch, logs):
        nonlocal count
        count += 1
        losses.append(logs["loss"])

    def rate(epoch):
        return 0.01 + 0.04 * (abs(count / 7 + sum(losses)) % 1)

    return [
        keras.callbacks.LambdaCallback(on_epoch_end=remember),
        keras.callbacks.LearningRateScheduler(rate),
    ]


KINDS = [
    SettingThatChanges,
    EpochNumbersAsKeys,
    Deque,
    Set,
    NumpyNumbers,
    FrozenOptions,
    TensorFlowVariable,
    ObjectWithAState,
    KerasMetric,
]
KINDS += [Generators, GlobalGenerators, Aliases, Large, LargeRarely]
KINDS += [Children, NamesOfKeras, Bound, Chosen]


def test_callbacks_remember_after_a_kill_wherever_they_hold_it(tmp_path):
    assert_resumes(tmp_path, callbacks=lambda: [kind() for kind in KINDS])


def test_functions_remember_what_is_in_their_closures(tmp_path):
    assert_resumes(tmp_path, callbacks=in_a_closure)


def epochs(run, callbacks, *, until):
    """Drive callbacks through three epochs of three batches as `fit` does, or until a batch; no training."""
    run.on_train_begin()
    first = 0
    done = 0
    if run._resumed:
        first, done = run._resumed.position
        state = run._resumed.state
        set_random_state(state["random"])
        set_random_state(unless_drawn(state["random_now"], since=state["random"]))
        run._resumed = None
    for step in range(3 * first + done, until):
        epoch, batch = divmod(step, 3)
        run._done = 0
        if batch == 0 or step == 3 * first + done:
            run.on_epoch_begin(epoch)
        for callback in callbacks:
            callback.values.append(callback.remember(np.sin(step)))
        run._save(Position(epoch, batch + 1), {})
    run._files.close()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    kills=st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True).map(sorted),
)
def test_any_set_of_callbacks_goes_on_from_any_batch_and_once_more(tmp_path_factory, kinds, kills):
    folder = tmp_path_factory.mktemp("run")
    model = dense()
    ends = []
    model.history = keras.callbacks.History()
    model.history.on_train_begin()
    for name, until in (("whole", 9), *(("killed", kill) for kill in kills), ("killed", 9)):
        keras.utils.set_random_seed(3)
        callbacks = [kind() for kind in kinds]
        run = Checkpoints(folder / name, callbacks)
        run.set_params({"epochs": 3, "steps": 3})
        run.set_model(model)
        epochs(run, callbacks, until=until)
        ends.append([callback.values for callback in callbacks])
    assert ends[-1] == ends[0]


def with_attribute(make, *, change=lambda callback: None):
    class Callback(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.history = ["a", "b", "c", make()]

        def on_epoch_begin(self, epoch, logs=None):
            change(self)

    return Callback


class Phases(keras.callbacks.Callback):
    """Warms up for one epoch, and decays from then on."""

    def __init__(self):
        super().__init__()
        self.phase = self.warm_up

    def warm_up(self):
        self.phase = self.decay
        return 0.1

    def decay(self):
        return 0.5 * float(self.model.optimizer.learning_rate)

    def on_epoch_begin(self, epoch, logs=None):
        self.model.optimizer.learning_rate = self.phase()


def replaced(make):
    """A callback whose attribute is made of the one before it, at each epoch."""

    class Callback(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.part = make(None)

        def on_epoch_begin(self, epoch, logs=None):
            self.part = make(self.part)

    return Callback


def counted(table=None):
    if not table:
        return tf.lookup.experimental.MutableHashTable(tf.int64, tf.int64, 0)
    key = tf.constant(1, tf.int64)
    table.insert(key, table.lookup(key) + 1)
    return table


def appended(thing):
    return with_attribute(lambda: None, change=lambda callback: callback.history.append(thing()))


class Record:
    pass


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (
            with_attribute(threading.Lock),
            r"callback Callback: attribute history\[3\]: .*lock cannot be saved; hold",
        ),
        (
            with_attribute(io.StringIO),
            r"callback Callback: attribute history\[3\]: .*StringIO cannot be saved",
        ),
        (
            functools.partial(keras.callbacks.CSVLogger, os.devnull),
            "attribute csv_file: .*cannot be saved.*beside",
        ),
        (
            with_attribute(itertools.count),
            r"callback Callback: attribute history\[3\]: .*count cannot be saved",
        ),
        (
            with_attribute(lambda: (i for i in X)),
            r"callback Callback: attribute history\[3\]: .*generator cannot",
        ),
        (
            with_attribute(lambda: np.array([object()])),
            r"attribute history\[3\]: .*ndarray of object cannot be saved",
        ),
        (
            with_attribute(lambda: np.zeros(2, [("a", ml_dtypes.bfloat16)])),
            r"attribute history\[3\]: .*ndarray of \[\('a', bfloat16\)\] cannot be saved",
        ),
        (
            with_attribute(
                lambda: np.zeros(
                    2, {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 0]}
                )
            ),
            r"attribute history\[3\]: .*ndarray of .*'offsets'.* cannot be saved",
        ),
        (
            appended(Record),
            r"attribute history\[4\]: .*Record came there during training.*`__init__`",
        ),
        (
            appended(lambda: tf.Variable(1.0)),
            r"attribute history\[4\]: this variable was made during training",
        ),
        (Phases, r"attribute phase: the method Phases\.decay came there during training"),
        (
            replaced(lambda old: old * 2.0 if old else tf.sparse.from_dense([0.0, 1.0])),
            r"attribute part: .*SparseTensor \(\w+\) came there during training",
        ),
        (
            replaced(lambda old: tf.ragged.constant([[1.0], [2.0 if old is None else 3.0, 4.0]])),
            r"attribute part: .*RaggedTensor \(\w+\) came there during training",
        ),
        (replaced(counted), r"attribute part: .*MutableHashTable \(\w+\) came there during"),
        (
            with_attribute(lambda: iter(tf.data.Dataset.range(9))),
            r"history\[3\]: .*OwnedIterator cannot be saved.*how far.*make it where it is read",
        ),
        (
            with_attribute(tf.data.Dataset.range(9).as_numpy_iterator),
            r"history\[3\]: .*NumpyIterator cannot be saved, since nobody",
        ),
        (
            with_attribute(lambda: tf.queue.FIFOQueue(3, tf.float32)),
            r"history\[3\]: .*FIFOQueue cannot be saved, since nobody",
        ),
        (
            appended(lambda: lambda: 1),
            r"attribute history\[4\]: the function .*<lambda> .* came there during",
        ),
    ],
)
def test_what_cannot_be_saved_is_refused_at_the_first_save_by_its_place(
    tmp_path, callback, message
):
    with pytest.raises(CheckpointError, match=message):
        fit(tmp_path, callbacks=lambda: [callback()])
    assert not list(tmp_path.glob("*.npz"))


# Models


class Counting(keras.Model):
    """Has a tf.Variable, a Python number, a generator and a Keras variable beside its layers."""

    def __init__(self):
        super().__init__()
        self.out = keras.layers.Dense(1)
        self.scale = tf.Variable(1.0, trainable=False)
        self.steps = {"taken": 0}
        self.noise = tf.random.Generator.from_seed(1)

    def call(self, inputs, training=False):
        if training:
            self.scale.assign(self.scale * 0.99)
            inputs = inputs + 0.1 * self.noise.normal(tf.shape(inputs))
        return self.out(inputs) * self.scale

    def train_step(self, data):
        self.steps["taken"] += 1
        return super().train_step((data[0] * (1 + self.steps["taken"] / 100), data[1]))


def counting():
    model = Counting()
    model(X[:1])
    model.compile(keras.optimizers.Adam(0.05), "mse", run_eagerly=True)
    return model


def stateful_lstm():
    inputs = keras.Input(batch_shape=(8, 3, 1))
    outputs = keras.layers.Dense(1)(keras.layers.LSTM(2, stateful=True)(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
    return model


def scaled():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(
        keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.05)), "mse", run_eagerly=True
    )
    return model


class Unseeded(keras.layers.Layer):
    """Draws with the global generator of Keras."""

    def call(self, inputs, training=False):
        return inputs + keras.random.normal(keras.ops.shape(inputs)) if training else inputs


def with_layer(layer):
    def make():
        model = keras.Sequential([keras.Input((3,)), layer(), keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
        return model

    return make


class Gan(keras.Model):
    """Two networks with an optimizer each, as tutorials have them; the optimizers are built by their first step."""

    def __init__(self):
        super().__init__()
        self.generator = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
        self.discriminator = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1)]
        )
        self.seeds = keras.random.SeedGenerator(1)

    def compile(self, d_optimizer, g_optimizer, loss_fn):
        super().compile(run_eagerly=True)
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    def train_step(self, data):
        real, _ = data
        noise = keras.random.normal((8, 2), seed=self.seeds)
        with tf.GradientTape() as tape:
            answers = keras.ops.concatenate(
                [self.discriminator(real), self.discriminator(self.generator(noise))]
            )
            truth = keras.ops.concatenate([keras.ops.ones((8, 1)), keras.ops.zeros((8, 1))])
            d_loss = self.loss_fn(truth, answers)
        variables = self.discriminator.trainable_weights
        self.d_optimizer.apply_gradients(
            zip(tape.gradient(d_loss, variables), variables, strict=True)
        )
        with tf.GradientTape() as tape:
            g_loss = self.loss_fn(keras.ops.ones((8, 1)), self.discriminator(self.generator(noise)))
        variables = self.generator.trainable_weights
        self.g_optimizer.apply_gradients(
            zip(tape.gradient(g_loss, variables), variables, strict=True)
        )
        return {"loss": d_loss, "g_loss": g_loss}


def gan(build):
    model = Gan()
    adam = functools.partial(keras.optimizers.Adam, 0.01)
    model.compile(adam(), adam(), keras.losses.BinaryCrossentropy(from_logits=True))
    if build:
        model.d_optimizer.build(model.discriminator.trainable_variables)
        model.g_optimizer.build(model.generator.trainable_variables)
    return model


@pytest.mark.parametrize("build", [False, True])
def test_two_optimizers_go_on_with_their_memories(tmp_path, build):
    whole, resumed = assert_resumes(tmp_path, model=lambda: gan(build))
    for name in ("d_optimizer", "g_optimizer"):
        assert int(getattr(resumed, name).iterations) == 9
        np.testing.assert_equal(
            *(
                [variable.numpy() for variable in getattr(model, name).variables]
                for model in (whole, resumed)
            )
        )


class Seen(keras.layers.Layer):
    """Counts its training steps under a name that Keras gives to what callbacks are told."""

    def __init__(self):
        super().__init__()
        self.params = {"seen": 0}

    def call(self, inputs, training=False):
        self.params["seen"] += training
        return inputs * (1 + self.params["seen"] / 10)


def seeing():
    model = keras.Sequential([keras.Input((3,)), Seen(), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse", run_eagerly=True)
    return model


class Constant(keras.callbacks.Callback):
    """Holds what training could change, and does not."""

    def __init__(self):
        super().__init__()
        keys = tf.constant(["a", "b"])
        self.table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)
        self.table.insert(keys, [1, 2])
        values = tf.lookup.KeyValueTensorInitializer(keys, tf.constant([1, 2], tf.int64))
        self.fixed = tf.lookup.StaticHashTable(values, 0)
        self.sparse = tf.sparse.from_dense([0.0, 1.0])
        self.ragged = tf.ragged.constant([[1.0], [2.0, 3.0]])
        self.words = keras.layers.StringLookup()
        self.words.adapt(np.array(["a", "b", "a"]))


def test_tables_and_tensors_of_several_parts_that_do_not_change_are_taken(tmp_path):
    assert_resumes(tmp_path, callbacks=lambda: [Constant()])


@pytest.mark.parametrize(
    "model",
    [counting, seeing, stateful_lstm, with_layer(Unseeded), scaled],
    ids=["attributes", "names of Keras", "stateful", "unseeded", "optimizer in an optimizer"],
)
def test_a_model_remembers_after_a_kill(tmp_path, model):
    data = (
        (lambda run: {"x": X[..., None], "y": Y, "batch_size": 8})
        if model is stateful_lstm
        else None
    )
    assert_resumes(tmp_path, model=model, data=data)


def test_a_model_that_only_says_that_it_is_built_is_refused_at_the_first_save(tmp_path):
    def model():
        model = Counting()
        model.built = True
        model.compile("sgd", "mse", run_eagerly=True)
        return model

    with pytest.raises(
        CheckpointError,
        match=r"model: the variable \S*kernel was made during training.*calling the",
    ):
        fit(tmp_path, model=model)


ELSEWHERE = tf.Variable(1.0)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (
            lambda x: x + tf.random.normal(tf.shape(x)),
            r"draw random numbers by RandomStandardNormal .*SeedGenerator",
        ),
        (
            lambda x: x * ELSEWHERE.assign(ELSEWHERE * 0.9),
            r"use the variable Variable:0, which neither",
        ),
    ],
)
def test_a_compiled_step_with_a_memory_that_nobody_holds_is_refused(tmp_path, step, message):
    class Step(keras.layers.Layer):
        def call(self, inputs):
            return step(inputs)

    with pytest.raises(CheckpointError, match=message):
        fit(tmp_path, model=with_layer(Step))
    assert not list(tmp_path.glob("*.npz"))


# Data


class OwnOrder(keras.utils.PyDataset):
    """Shuffles at the end of each epoch, with a generator of its own."""

    def __init__(self):
        super().__init__()
        self.rows = np.arange(24)
        self.generator = np.random.default_rng(1)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = self.rows[8 * index : 8 * index + 8]
        return X[rows], Y[rows]

    def on_epoch_end(self):
        self.generator.shuffle(self.rows)


def test_a_dataset_of_python_goes_on_with_its_own_order(tmp_path):
    assert_resumes(tmp_path, data=lambda run: {"x": OwnOrder(), "shuffle": False})


def noisy(run):
    noise = keras.layers.GaussianNoise(0.1)
    data = run.shuffled(X, Y, batch_size=8, seed=1)
    return {"x": data.map(lambda x, y: (noise(x, training=True), y)), "shuffle": False}


def repeated(run):
    return {
        "x": run.shuffled(X, Y, batch_size=8, seed=1).repeat(),
        "steps_per_epoch": 3,
        "shuffle": False,
    }


def reshuffled(run):
    return {
        "x": tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(40, seed=1).batch(8),
        "shuffle": False,
    }


def drawn(run):
    generator = tf.random.Generator.from_seed(1)
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    return {"x": data.map(lambda x, y: (x + generator.normal(tf.shape(x)), y)), "shuffle": False}


def from_generator(run):
    return {"x": ((X[:8], Y[:8]) for _ in itertools.count()), "steps_per_epoch": 3}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            noisy,
            "data: MapDataset uses the variable seed_generator.*put a random layer into the model",
        ),
        (repeated, "data: steps_per_epoch = 3: an epoch would begin where the last one ended"),
        (
            reshuffled,
            "data: ShuffleDataset has another order in every epoch.*use `shuffled` or `each_epoch`",
        ),
        (drawn, "data: MapDataset uses the variable StateVar"),
        (from_generator, "data: x is a generator, which cannot be wound forward; give arrays"),
    ],
)
def test_data_that_cannot_be_wound_forward_are_refused_before_training(tmp_path, data, message):
    with pytest.raises(CheckpointError, match=message):
        fit(tmp_path, data=data)


def test_what_a_class_does_not_let_be_put_back_is_named_by_its_place():
    class Positive:
        def __setattr__(self, name, value):
            if value < 0:
                raise ValueError(f"{value}: must be positive")
            super().__setattr__(name, value)

    holder = Holder()
    holder.value = Positive()
    vars(holder.value)["rate"] = -1.0
    content = Memory({"callback": holder}).content
    holder.value.rate = 2.0
    with pytest.raises(
        CheckpointError, match=r"value\.rate: cannot be put back \(-1\.0: must be positive\)"
    ):
        Memory({"callback": holder}).put_back(content)


def test_numbers_of_numpy_come_back_from_a_checkpoint_that_held_them_as_arrays():
    callback = NumpyNumbers()
    callback.total = np.float64(0.5)
    callback.seen = {np.int64(1)}
    memory = Memory({"callback": callback})
    content = memory.content["callback"]
    content["total"] = np.array(content["total"])
    content["seen"]["items"] = [np.array(item) for item in content["seen"]["items"]]
    again = NumpyNumbers()
    Memory({"callback": again}).put_back(memory.content)
    assert (type(again.total), again.total) == (np.float64, 0.5)
    assert again.seen == {1}


# Property: whatever is generated comes back, or is refused by its place


def leaves():
    arrays = st.integers(0, 5).map(lambda n: np.arange(n, dtype="float32"))
    arrays |= st.integers(0, 5).map(lambda n: np.full(n, 7, [("a", "i4"), ("b", "f8")]))
    atoms = (
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.binary()
        | st.complex_numbers()
        | numpy_numbers()
    )
    made = [
        Average,
        threading.Lock,
        np.random.default_rng,
        random.Random,
        io.BytesIO,
        lambda: tf.Variable(1.0),
        object,
    ]
    return atoms | arrays | st.sampled_from(made).map(lambda make: make())


def numpy_numbers():
    return st.integers(0, 99).map(np.int64) | st.floats(width=32).map(np.float32)


def keys():
    return (
        st.integers()
        | st.text()
        | st.tuples(st.integers(), st.text())
        | st.booleans()
        | st.none()
        | st.binary()
        | st.integers(0, 99).map(np.int64)
    )


def nested():
    def containers(parts):
        lists = st.lists(parts, max_size=3)
        pairs = st.dictionaries(keys(), parts, max_size=3)
        return (
            lists
            | lists.map(tuple)
            | lists.map(collections.deque)
            | pairs
            | pairs.map(collections.OrderedDict)
        )

    return st.recursive(
        leaves() | st.frozensets(keys()) | st.sets(keys()), containers, max_leaves=8
    )


class Holder:
    pass


def fresh(value):
    """The value as a new process makes it: containers empty, objects there, but with nothing in them."""
    if isinstance(value, list | tuple):
        return type(value)(map(fresh, value))
    if isinstance(value, collections.deque):
        return collections.deque(map(fresh, value), value.maxlen)
    if isinstance(value, dict):
        return type(value)((key, fresh(part)) for key, part in value.items())
    if isinstance(value, Average):
        return Average()
    if isinstance(value, tf.Variable):
        return tf.Variable(0.0)
    return None


def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple | collections.deque):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(map(repr, one)) == list(map(repr, other)) and all(
            map(same, one.values(), other.values())
        )
    if isinstance(one, set | frozenset):
        return sorted(map(repr, one)) == sorted(map(repr, other))  # 1 equals NumPy's 1
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, np.random.Generator):
        return one.bit_generator.state == other.bit_generator.state
    if isinstance(one, random.Random):
        return one.getstate() == other.getstate()
    if isinstance(one, tf.Variable):
        return float(one) == float(other)
    if isinstance(one, Average):
        return (one.total, one.count, one.parent is one) == (
            other.total,
            other.count,
            other.parent is other,
        )
    return repr(one) == repr(other)


def holds(value, kinds):
    if isinstance(value, dict):
        return any(holds(part, kinds) for part in value.values())
    if isinstance(value, list | tuple | collections.deque):
        return any(holds(part, kinds) for part in value)
    return type(value) in kinds


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=nested())
def test_any_value_comes_back_from_a_file_or_is_refused_by_its_place(tmp_path_factory, value):
    folder = CheckpointFolder(tmp_path_factory.mktemp("checkpoints"), keep=1, asynchronous=False)
    there = Holder()
    here = Holder()
    there.value = value
    here.value = fresh(value)
    unsavable = holds(value, {type(threading.Lock()), io.BytesIO})
    if unsavable:
        with pytest.raises(
            CheckpointError,
            match=r"^callback Holder: attribute value.* cannot be saved; hold plain",
        ):
            Memory({"callback Holder": there})
        return
    memory = Memory({"callback Holder": there})
    variables = {place: variable.numpy() for place, variable in memory.variables.items()}
    folder.save(Position(1, 0), {"content": memory.content, "variables": variables}, best=None)
    state = folder.newest().state
    new = Memory({"callback Holder": here})
    if not holds(value, {object}):  # which comes only by the process that makes it
        new.assign(state["variables"])
        new.put_back(state["content"])
        assert same(here.value, value)
