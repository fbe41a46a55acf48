"""The oracle is Keras' own fit: the same model, the same batches in the same order, without the fast path."""

import os
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_allclose

from course import ROOT
from course.training import fast_fit as module
from course.training.checkpoints import Checkpoints
from course.training.fast_fit import epoch_order
from course.training.fit_arrays import sample_weights

fast_fit = partial(module.fast_fit, xla_from=0)  # compiled by XLA, short as these fits are
# The last batch has 11 rows.
ROWS = 75
BATCH = 16
generator = np.random.default_rng(0)
X = generator.normal(size=(ROWS, 6)).astype("float32")
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype("int64") + (X[:, 2] > 1)


def network(hidden=list, *, optimizer="sgd", metrics=("accuracy",)):
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((6,)), *hidden(), keras.layers.Dense(3, activation="softmax")]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def assert_same(fast, plain, *, fast_history=None, plain_history=None):
    for ours, keras_own in zip(fast.get_weights(), plain.get_weights(), strict=True):
        assert_allclose(ours, keras_own, atol=1e-5)
    for ours, keras_own in zip(fast.optimizer.variables, plain.optimizer.variables, strict=True):
        assert_allclose(ours.numpy(), keras_own.numpy(), atol=1e-5)
    if fast_history:
        assert fast_history.history.keys() == plain_history.history.keys()
        assert fast_history.epoch == plain_history.epoch
        for name, values in plain_history.history.items():
            assert_allclose(fast_history.history[name], values, atol=1e-5, err_msg=name)


def fit_both(make, capsys, x=X, y=Y, **arguments):
    """Fit one model fast and its twin plainly, on unshuffled data; both must give the same."""
    arguments = {"batch_size": BATCH, "epochs": 3, "shuffle": False, "verbose": 0} | arguments
    fast = fast_fit(make())
    plain = make()
    copies = {"callbacks": arguments.pop("callbacks", list)}
    fast_history = fast.fit(x, y, **arguments, callbacks=copies["callbacks"]())
    assert capsys.readouterr().out == "", "the fast path was not taken"
    plain_history = plain.fit(x, y, **arguments, callbacks=copies["callbacks"]())
    assert_same(fast, plain, fast_history=fast_history, plain_history=plain_history)
    return fast, plain


def test_weights_optimizer_and_history_equal_those_of_plain_fit(capsys):
    fit_both(
        lambda: network(lambda: [keras.layers.Dense(5, "tanh")], optimizer="adam"),
        capsys,
        validation_split=0.2,
    )


@pytest.mark.parametrize("batch_size", [25, 100, None])
def test_batches_that_divide_the_rows_or_exceed_them_are_counted_as_keras_does(batch_size, capsys):
    fit_both(network, capsys, batch_size=batch_size)


def test_shuffled_rows_come_in_the_order_of_seed_and_epoch():
    fast = fast_fit(network(), seed=7)
    plain = network()
    history = fast.fit(X, Y, batch_size=BATCH, epochs=3, verbose=0)
    losses = []
    for epoch in range(3):
        order = np.random.default_rng([7, epoch]).permutation(ROWS)
        losses += plain.fit(X[order], Y[order], batch_size=BATCH, shuffle=False, verbose=0).history[
            "loss"
        ]
    assert_same(fast, plain)
    assert_allclose(history.history["loss"], losses, atol=1e-5)


def test_every_epoch_and_every_seed_has_its_own_order_of_all_rows():
    orders = [tuple(epoch_order(ROWS, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4
    assert all(sorted(order) == list(range(ROWS)) for order in orders)


def test_class_weights_count_as_in_plain_fit_and_not_in_validation(capsys):
    fit_both(network, capsys, class_weight={0: 5.0, 2: 0.5}, validation_split=0.2)


@pytest.mark.parametrize(
    "labels", [[0, 2, 1], [[0.0], [2.0], [1.0]], [[1, 0, 0], [0, 0, 1], [0, 1, 0]]]
)
def test_a_row_weighs_as_its_class_however_it_is_written(labels):
    assert sample_weights(np.array(labels), {0: 5.0, 2: 0.5}).tolist() == [5.0, 0.5, 1.0]


def test_sample_weights_count_as_in_plain_fit_also_in_validation(capsys):
    weights = np.linspace(0, 2, ROWS)
    validation = X[:20], Y[:20], weights[:20]
    fit_both(
        network, capsys, sample_weight=weights, validation_data=validation, validation_batch_size=7
    )


def test_dropout_draws_and_batch_normalization_averages_as_in_plain_fit(capsys):
    def hidden():
        return keras.layers.BatchNormalization(momentum=0.9), keras.layers.Dropout(0.3, seed=3)

    fast, plain = fit_both(lambda: network(hidden), capsys, validation_split=0.2)
    states = [model.layers[1].seed_generator.state.numpy().tolist() for model in (fast, plain)]
    assert states[0] == states[1] == [3, 3 * 4]  # three epochs of four batches of 60 rows


class Recalls(keras.metrics.Metric):
    """Two numbers from one metric, by a dictionary."""

    def __init__(self):
        super().__init__(name="recalls")
        self.counts = self.add_variable(shape=(3, 2), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        truth = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), 3)
        hit = truth * keras.ops.one_hot(keras.ops.argmax(y_pred, -1), 3)
        self.counts.assign_add(
            keras.ops.stack([keras.ops.sum(hit, 0), keras.ops.sum(truth, 0)], -1)
        )

    def result(self):
        recalls = self.counts[:, 0] / keras.ops.maximum(self.counts[:, 1], 1)
        return {"recall_0": recalls[0], "recall_1": recalls[1]}


def root_of_batch(y_true, y_pred):  # not a mean over samples, so it depends on the batches
    return keras.ops.sqrt(keras.ops.mean(y_pred[:, 0]))


def test_metrics_of_every_kind_equal_those_of_plain_fit(capsys):
    def make():
        return network(
            metrics=[
                "accuracy",
                root_of_batch,
                Recalls(),
                keras.metrics.SparseTopKCategoricalAccuracy(2),
            ]
        )

    fit_both(make, capsys, validation_split=0.2)


def test_schedules_and_callbacks_at_epochs_act_as_in_plain_fit(capsys, tmp_path):
    def callbacks():
        return [
            keras.callbacks.ReduceLROnPlateau(patience=1, min_delta=1.0),
            keras.callbacks.EarlyStopping(patience=3, min_delta=0.5, restore_best_weights=True),
            keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"),
        ]

    fast, _ = fit_both(network, capsys, validation_split=0.2, epochs=9, callbacks=callbacks)
    assert len(fast.history.epoch) == 4  # stopped early
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{epoch}.keras" for epoch in (1, 2, 3, 4)
    ]


def test_a_schedule_over_steps_goes_on_step_by_step(capsys):
    decay = keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.7)
    fit_both(lambda: network(optimizer=keras.optimizers.SGD(decay)), capsys)


def test_a_model_of_several_inputs_and_outputs_fits_the_same(capsys):
    def make():
        keras.utils.set_random_seed(1)
        left = keras.Input((6,), name="left")
        right = keras.Input((6,), name="right")
        both = keras.layers.concatenate([left, right])
        model = keras.Model(
            [left, right], [keras.layers.Dense(n, name=f"out_{n}")(both) for n in (1, 2)]
        )
        model.compile("sgd", ["mse", "mae"])
        return model

    fit_both(
        make, capsys, x=[X, X[::-1]], y=[X[:, :1], X[:, :2].astype("float64")], validation_split=0.2
    )


class OwnStep(keras.Sequential):
    def train_step(self, data):
        logs = super().train_step(data)
        return {"loss": logs["loss"], "rows": keras.ops.shape(data[0])[0]}


def test_an_overridden_train_step_is_the_one_that_runs(capsys):
    def make():
        keras.utils.set_random_seed(1)
        model = OwnStep([keras.layers.Dense(3)])  # not built before fit
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    fast, _ = fit_both(make, capsys)
    assert fast.history.history["rows"] == [11, 11, 11]  # of the last batch, as in Keras


def test_a_saved_and_resumed_run_equals_the_uninterrupted_one_bit_for_bit(tmp_path):
    whole, begun = (fast_fit(network(optimizer="adam"), seed=3) for _ in range(2))
    whole.fit(X, Y, batch_size=BATCH, epochs=4, verbose=0)
    begun.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
    begun.save(tmp_path / "begun.keras")
    resumed = fast_fit(keras.saving.load_model(tmp_path / "begun.keras"), seed=3)
    resumed.fit(X, Y, batch_size=BATCH, epochs=4, initial_epoch=2, verbose=0)
    for ours, expected in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_the_same_random_seed_gives_the_same_bits():
    runs = [fast_fit(network(optimizer="adam")) for _ in range(2)]  # network() sets the random seed
    for run in runs:
        run.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
    for one, other in zip(*(run.get_weights() for run in runs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fit_can_be_called_again_after_compile_and_beside_keras_other_functions(capsys):
    model = fast_fit(fast_fit(network()))
    model.fit(X, Y, batch_size=BATCH, verbose=0)
    program = model.train_function
    model.fit(X, Y, batch_size=BATCH, verbose=0)
    assert model.train_function is program
    assert program.loop.experimental_get_tracing_count() == 1
    model.compile(
        "sgd", "sparse_categorical_crossentropy", metrics=["sparse_top_k_categorical_accuracy"]
    )
    history = model.fit(X, Y, batch_size=BATCH, verbose=0)
    assert set(history.history) == {"loss", "sparse_top_k_categorical_accuracy"}
    assert model.steps_per_execution == 1
    probabilities = model.predict(X, verbose=0)
    loss = -np.log(probabilities[np.arange(ROWS), Y]).mean()
    assert_allclose(model.evaluate(X, Y, verbose=0)[0], loss, rtol=1e-5)
    assert_allclose(model.train_on_batch(X, Y)[0], loss, rtol=1e-5)
    assert capsys.readouterr().out == ""


def test_a_callback_may_evaluate_other_data_between_epochs():
    class Other(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.loss = self.model.evaluate(X[:30], Y[:30], verbose=0)[0]
            self.probabilities = self.model.predict(X[:30], verbose=0)

    other = Other()
    fast_fit(network()).fit(
        X, Y, batch_size=BATCH, verbose=0, callbacks=[other], validation_data=(X[30:], Y[30:])
    )
    assert_allclose(
        other.loss, -np.log(other.probabilities[np.arange(30), Y[:30]]).mean(), rtol=1e-5
    )


def test_validation_data_in_batches_of_their_own_are_left_to_keras(capsys):
    validation = tf.data.Dataset.from_tensor_slices((X[:30], Y[:30])).batch(8)
    fit_both(network, capsys, validation_data=validation)


class AtBatches(keras.callbacks.Callback):
    seen = 0

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1


class CheckpointAtBatches(keras.callbacks.ModelCheckpoint):
    """Says "epoch" of what it saves, and acts on batches all the same."""

    def on_train_batch_end(self, batch, logs=None):
        self.seen = batch

    def on_epoch_end(self, epoch, logs=None):
        assert self.seen == 4, "the last of five batches"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"x": X[:0], "y": Y[:0]}, "train on"),
        ({"x": X[:1], "y": Y[:1], "validation_split": 0.5}, "train on"),
        ({"x": X, "y": Y, "validation_data": (X[:0], Y[:0])}, "validate on"),
    ],
)
def test_without_rows_keras_answers_as_in_plain_fit(capsys, arguments, reason):
    answers = []
    for model in (network(), fast_fit(network(), seed=1)):
        try:
            answers.append(list(model.fit(**arguments, verbose=0).history))
        except ValueError as error:
            answers.append(str(error))
    assert answers[0] == answers[1]
    assert capsys.readouterr().out == (
        f"fast_fit: plain fit, because there are no rows to {reason}\n"
    )


def test_a_callback_within_checkpoints_is_called_at_every_batch_as_in_plain_fit(capsys, tmp_path):
    inner = AtBatches()
    model = fast_fit(network())
    model.fit(X, Y, batch_size=15, epochs=3, verbose=0, callbacks=[Checkpoints(tmp_path, [inner])])
    assert "Checkpoints acts on batches" in capsys.readouterr().out
    assert inner.seen == 15


def test_containers_of_callbacks_that_act_at_epochs_only_leave_the_fast_path_open(capsys, tmp_path):
    def callbacks():
        stop = keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=1.0)
        number = len(list(tmp_path.iterdir()))
        return [keras.callbacks.CallbackList([Checkpoints(tmp_path / str(number), [stop])])]

    fast, _ = fit_both(network, capsys, epochs=5, callbacks=callbacks)
    assert len(fast.history.epoch) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"x": tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH), "y": None}, "not arrays"),
        ({"callbacks": [AtBatches()]}, "AtBatches acts on batches"),
        (
            {"callbacks": [keras.callbacks.CallbackList([AtBatches()])]},
            "CallbackList acts on batches",
        ),
        (
            {
                "callbacks": [
                    (keras.callbacks.CallbackList([keras.callbacks.CallbackList([AtBatches()])]),)
                ]
            },
            "CallbackList",
        ),
        (
            {"callbacks": [CheckpointAtBatches("never{epoch}.weights.h5", save_weights_only=True)]},
            "CheckpointAtBatches",
        ),
        (
            {
                "callbacks": [
                    keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
                ]
            },
            "Lambda",
        ),
        (
            {"callbacks": [keras.callbacks.ModelCheckpoint("never.keras", save_freq=10**6)]},
            "ModelCheckpoint",
        ),
        ({"steps_per_epoch": 5}, "steps_per_epoch"),
        ({"shuffle": "batch"}, "shuffle"),
    ],
)
def test_what_cannot_run_as_whole_epochs_runs_plainly_and_says_why(arguments, reason, capsys):
    model = fast_fit(network())
    model.fit(
        **{
            "x": X,
            "y": Y,
            "verbose": 0,
            "batch_size": None if arguments.get("y", X) is None else 15,
        }
        | arguments
    )
    out = capsys.readouterr().out
    assert out.startswith("fast_fit: plain fit, because ")
    assert reason in out
    assert model.optimizer.iterations == 5


@pytest.mark.parametrize(("xla_from", "compiled"), [(16, False), (15, True)])
def test_fits_of_fewer_steps_are_not_compiled_and_equal_plain_fit_as_well(
    xla_from, compiled, capsys
):
    fast, plain = module.fast_fit(network(), seed=7, xla_from=xla_from), network()
    fast.fit(X, Y, batch_size=BATCH, epochs=3, verbose=0)  # 15 steps
    program = fast.train_function.compiled_loop
    assert program.experimental_get_tracing_count() == int(compiled)
    for epoch in range(3):
        order = epoch_order(ROWS, 7, epoch)
        plain.fit(X[order], Y[order], batch_size=BATCH, shuffle=False, verbose=0)
    assert_same(fast, plain)
    assert capsys.readouterr().out == ""


def test_a_short_fit_also_deals_new_batches_in_every_epoch():
    """`fit` of arrays repeats one order after set_random_seed (lesson 03)."""
    seen = []

    class Seeing(keras.Sequential):
        def train_step(self, data):
            tf.py_function(lambda rows: seen.append(tuple(rows.numpy()[:, 0])), [data[0]], [])
            return super().train_step(data)

    keras.utils.set_random_seed(1)
    model = Seeing([keras.Input((6,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    module.fast_fit(model, seed=1).fit(X, Y, batch_size=25, epochs=2, verbose=0)
    epochs = [np.concatenate(seen[:3]), np.concatenate(seen[3:])]
    assert [sorted(rows) for rows in epochs] == [sorted(X[:, 0])] * 2
    assert not np.array_equal(*epochs)


ROWS_OF_WORDS = np.random.default_rng(1).integers(0, 10, (ROWS, 2))


def words(*layers):
    """A model that looks two words up in a table of ten."""
    keras.utils.set_random_seed(1)
    table = [
        keras.Input((2,), dtype="int64"),
        *layers,
        keras.layers.Embedding(10, 4),
        keras.layers.Flatten(),
    ]
    model = keras.Sequential([*table, keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def test_a_model_with_a_table_fits_the_same(capsys):
    fast, _ = fit_both(words, capsys, ROWS_OF_WORDS, validation_split=0.2)
    assert fast.train_function.suits_xla


class AtMostNine(keras.layers.Layer):
    def call(self, x):
        tf.raw_ops.Assert(condition=tf.reduce_all(x < 10), data=["a word beyond 9"])
        return x % 10


class InAFunction(keras.layers.Layer):
    def call(self, x):
        return tf.function(lambda words: tf.gather(tf.range(10), words))(x)


def with_one(array, value):
    array = array.copy()
    array[(-2,) * array.ndim] = value
    return array


@pytest.mark.parametrize("where", ["training", "validation"])
@pytest.mark.parametrize(
    ("layers", "x", "y", "message"),
    [
        ([], with_one(ROWS_OF_WORDS, 12), Y, r"= 12 is not in \[0, 10\)"),
        (
            [],
            ROWS_OF_WORDS,
            with_one(Y, 7),
            r"Received a label value of 7 which is outside the valid range of \[0, 3\)",
        ),
        ([], ROWS_OF_WORDS, with_one(Y, -1), r"Received a label value of -1"),
        ([AtMostNine], with_one(ROWS_OF_WORDS, 12), Y, "assertion failed"),
        ([InAFunction], with_one(ROWS_OF_WORDS, 12), Y, r"= 12 is not in \[0, 10\)"),
    ],
    ids=["table", "label", "label below 0", "assertion", "within a function"],
)
def test_what_xla_would_not_notice_raises_the_error_of_plain_fit(layers, x, y, message, where):
    data = (
        {"x": x, "y": y}
        if where == "training"
        else {"x": ROWS_OF_WORDS, "y": Y, "validation_data": (x, y)}
    )
    for make in (lambda model: model, fast_fit):
        model = make(words(*(layer() for layer in layers)))
        before = model.get_weights()
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            model.fit(**data, batch_size=BATCH, epochs=2, verbose=0)
    if (
        where == "training" and InAFunction not in layers
    ):  # what is checked beforehand leaves the model as it was
        for ours, first in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, first)


def test_each_fit_checks_its_own_data():
    model = fast_fit(words())
    model.fit(ROWS_OF_WORDS, Y, batch_size=BATCH, verbose=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
        model.fit(with_one(ROWS_OF_WORDS, 12), Y, batch_size=BATCH, verbose=0)


def outside_xla(y_true, y_pred):
    return tf.ensure_shape(tf.numpy_function(lambda p: p.max(-1), [y_pred], tf.float32), [None])


def test_a_model_that_xla_does_not_compile_still_trains_and_says_why(capsys):
    fast = fast_fit(network(metrics=[outside_xla]), seed=7)
    plain = network(metrics=[outside_xla])
    fast.fit(X, Y, batch_size=BATCH, epochs=2, verbose=0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(
        "fast_fit: not compiled, since XLA cannot: Detected unsupported operations"
    )
    for epoch in range(2):
        order = epoch_order(ROWS, 7, epoch)
        plain.fit(X[order], Y[order], batch_size=BATCH, shuffle=False, verbose=0)
    assert_same(fast, plain)


@pytest.mark.parametrize(
    "wrong",
    [
        {"y": Y[:-1]},
        {"sample_weight": np.ones(ROWS), "class_weight": {0: 2.0}},
        {"x": X[:, :4]},
    ],
    ids=["lengths differ", "two kinds of weights", "columns missing"],
)
def test_mistakes_raise_the_error_of_keras(wrong):
    arguments = {"x": X, "y": Y, "verbose": 0} | wrong
    with pytest.raises(ValueError) as expected:  # noqa: PT011
        network().fit(**arguments)
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        fast_fit(network()).fit(**arguments)
    assert str(raised.value)[:60] == str(expected.value)[:60]


ON_ANOTHER_BACKEND = """
import keras
import numpy as np
from numpy.testing import assert_allclose

from course.training.fast_fit import fast_fit
from tests.training.test_fast_fit import BATCH, ROWS, X, Y, network

weights = np.linspace(0, 2, ROWS).astype("float32")
split = 60
fast, plain = fast_fit(network(), seed=7), network()
arguments = {"sample_weight": weights, "validation_split": 0.2, "batch_size": BATCH}
history = fast.fit(X, Y, epochs=3, initial_epoch=1, verbose=0, **arguments).history
losses, validation = [], []
for epoch in (1, 2):
    rows = np.random.default_rng([7, epoch]).permutation(split)
    given = {"sample_weight": weights[rows], "validation_data": (X[split:], Y[split:], weights[split:])}
    one = plain.fit(X[rows], Y[rows], batch_size=BATCH, shuffle=False, verbose=0, **given).history
    losses += one["loss"]
    validation += one["val_loss"]
for ours, expected in zip(fast.get_weights(), plain.get_weights(), strict=True):
    assert_allclose(ours, expected, atol=1e-5)
assert_allclose(history["loss"], losses, atol=1e-5)
assert_allclose(history["val_loss"], validation, atol=1e-5)
print(keras.backend.backend())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_on_another_backend_the_rows_come_in_the_same_order_and_a_line_says_how(backend):
    pytest.importorskip(backend, reason=f"install it: python bootstrap.py {backend}")
    run = subprocess.run(
        [sys.executable, "-c", ON_ANOTHER_BACKEND],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        f"fast_fit: batch by batch, since Keras runs on {backend}",
        backend,
    ]


@pytest.mark.parametrize("name", ["batch_size", "validation_batch_size"])
@pytest.mark.parametrize("value", [2.5, 8.0, True, "abc", float("nan"), 0, -8])
def test_a_batch_of_no_whole_number_of_rows_is_refused(name, value):
    fast = fast_fit(network(), seed=1)
    with pytest.raises(ValueError, match=f"{name} = {value!r}: must be a whole number"):
        fast.fit(X, Y, verbose=0, **{name: value})
