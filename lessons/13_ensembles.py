# ---
# title: "Ensembles: averaging weights, averaging predictions"
# part: 4 Combine and scale
# objectives:
#   - average the weights of a training run, from stored files or in constant memory
#   - predict whether a weight average will help, do nothing, or destroy a network
#   - compare two methods by paired differences over seeds, and make every choice on validation rows
#   - use the averages built into Keras, and repair batch normalization after averaging
#   - train many small networks at once, and weigh what an ensemble gains against what it costs
# prerequisites:
#   - "lesson 03 (Classification): softmax and cross-entropy"
#   - "lesson 04 (Training history): validation and learning curves"
#   - "lesson 05 (Digits): choosing on validation rows, standard errors"
# data: [mnist]
# vary: {noisy_rate: [0.05, 0.1, 0.2]}
# reading:
#   - "Brownlee, *Ensemble Neural Network Model Weights in Keras (Polyak Averaging)*, machinelearningmastery.com/polyak-neural-network-model-weight-ensemble, 2019"
#   - "Polyak, Juditsky, *Acceleration of stochastic approximation by averaging*, SIAM J. Control Optim. 30, 1992, doi:10.1137/0330046"
#   - "Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, *Averaging weights leads to wider optima and better generalization*, 2018, arXiv:1803.05407"
#   - "Lakshminarayanan, Pritzel, Blundell, *Simple and scalable predictive uncertainty estimation using deep ensembles*, 2017, arXiv:1612.01474"
#   - "Wolpert, *Stacked generalization*, Neural Networks 5, 1992, doi:10.1016/S0893-6080(05)80023-1"
# ---

# %% [markdown]
# A training run passes through thousands of networks and keeps only the last one. Why the last? Perhaps an average of
# several is better: an average of their weights, or of their predictions. Both are easy to program, and both are often
# recommended with a table in which they win by a little.
#
# This lesson takes such a table and asks what it can show. Then it builds an experiment that can show more: many small
# networks trained at once and compared in pairs. You will see averaging do nothing, help, and do great harm, and you
# will be able to tell beforehand which of the three to expect.

# %% tags=["parameters"]
seed: int = 0  # seed of points, initial weights and order, 0 to 1000000
fast: bool = False  # fewer epochs, test points and members
epochs: int = 500  # passes in the published regime, 40 to 1000, fast 60
rest_epochs: int = 500  # passes in the converged regime, 300 to 1000, fast 300
noisy_rate: float = 0.1  # learning rate of the noisy regime, 0.01 to 1
noisy_epochs: int = 100  # passes in the noisy regime, 40 to 400, fast 40
test_points: int = 5000  # points that test the study, 1000 to 20000, fast 1000
members: int = 5  # networks in an ensemble, 2 to 20, fast 4
digit_epochs: int = 12  # passes for batch normalization, 2 to 50, fast 3

# %%
from course.lesson import begin

begin("13_ensembles", globals())

# %% [markdown]
# ## A published table
#
# Jason Brownlee's tutorial (see the reading) draws 1,100 points in three overlapping clouds. A network with 25 ReLU
# units learns from the first 100 of them for 500 epochs. Its accuracy is 0.860 on these points and 0.812 on the other
# 1,000, the test points. The tutorial then saves the weights after each of the last ten epochs to a file and averages
# the newest 1 to 10 files in three ways. The best averages reach 0.814 and 0.815 on the test points.

# %%
import numpy as np
from sklearn.datasets import make_blobs

x, y, centers = make_blobs(
    1100, centers=3, n_features=2, cluster_std=2, random_state=2, return_centers=True
)
x_train, y_train, x_test, y_test = x[:100], y[:100], x[100:], y[100:]
print(x_train.shape, x_test.shape)

# %%
from course.topics.ensembles_figures import averaging_sketch, clouds

averaging_sketch()

# %%
clouds(x_train, y_train, centers, title="One hundred training points")

# %% [markdown]
# The clouds overlap, two of them widely, so no classifier can be right everywhere. The training follows the tutorial's
# first listing, in batches of 32. Two details only save time: the data set repeats itself instead of being set up again
# for every epoch, and the four batches of an epoch run as one call (`steps_per_execution`). A callback saves the last
# ten epochs to files and passes the same weights to a running average, which you will meet below.

# %%
import keras


def network():
    hidden = keras.layers.Dense(25, activation="relu")
    output = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((2,)), hidden, output])
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    loss = "sparse_categorical_crossentropy"
    # XLA (jit_compile) does not pay off for so small a network
    how = {"steps_per_execution": 4, "jit_compile": False}
    model.compile(optimizer, loss, metrics=["accuracy"], **how)
    return model


# %%
import tempfile
from pathlib import Path

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)

# %%
import tensorflow as tf


def repeated_batches(x, y):
    """Batches of 32 without end, shuffled again in every epoch."""
    rows = tf.data.Dataset.from_tensor_slices((x, y))
    return rows.shuffle(len(x)).batch(32).repeat()


# %%
from course.topics.ensembles import RunningAverage

running = RunningAverage()


def keep(epoch, logs):
    if epoch >= epochs - 10:
        model.save_weights(folder / f"{epoch:04d}.weights.h5")
        running.update(model.get_weights())


# %%
keras.utils.set_random_seed(seed)
model = network()
batches = repeated_batches(x_train, y_train)
keep_epochs = keras.callbacks.LambdaCallback(on_epoch_end=keep)
how = {"steps_per_epoch": 4, "epochs": epochs, "shuffle": False, "verbose": 0}
history = model.fit(batches, callbacks=[keep_epochs], **how)
print(len(list(folder.iterdir())), "files")

# %% [markdown]
# Draw how the network learns, as the tutorial does:

# %%
from course import plots

learned = history.history["accuracy"]
plots.lines(
    range(1, epochs + 1),
    {"training points": learned},
    title="The tutorial's network learns",
    x_label="epoch",
    y_label="accuracy (share)",
)

# %%
from course.claims import bound, fact, spread

source = "Brownlee, machinelearningmastery.com, 2019"
told = {"published": 0.86, "source": source}
is_right = np.asarray(model(x_train)).argmax(axis=1) == y_train
spread("13.published_train", "last epoch, training points", is_right.mean(), **told)

# %% [markdown]
# The accuracy rises quickly and then keeps jumping up and down, by a few percentage points from epoch to epoch. So it
# is partly luck which network comes last.
#
# Now compute the three averages. An equal average counts all files equally. A linear one counts the oldest file once,
# the next one twice, and so on. In the tutorial's exponential average, each file counts $e^{-1/2}$ times as much as the
# next newer one.

# %%
stored = []
for file in sorted(folder.iterdir()):
    model.load_weights(file)
    stored.append(model.get_weights())

age = np.arange(9, -1, -1)  # oldest first
schemes = {"equal": np.ones(10), "linear": 10.0 - age, "exponential": np.exp(-age / 2)}


# %%
def average(snapshots, weights):
    """Average the snapshots array by array."""
    return [
        np.average(same, axis=0, weights=weights)
        for same in zip(*snapshots, strict=True)
    ]


def right(weights):
    """Say which test points the network gets right with these weights."""
    model.set_weights(weights)
    return np.asarray(model(x_test)).argmax(axis=1) == y_test


# %% [markdown] tags=["predict"]
# The published gains are 0.002 and 0.003 on 1,000 test points. How many more points are right? And suppose you tested
# the same network on another 1,000 points, and then on yet another 1,000: would its accuracy vary by less than these
# gains, by about as much, or by several times as much?

# %%
last = right(stored[-1])
averaged = {name: right(average(stored, scheme)) for name, scheme in schemes.items()}
standard_error = 100 * np.sqrt(last.mean() * (1 - last.mean()) / len(x_test))
for name, is_right in {"last epoch": last, **averaged}.items():
    print(f"{name}: {is_right.sum()} of {len(x_test)} right")
print(f"standard error: {standard_error:.2f} percentage points")

# %%
told = {"published": 0.812, "source": source}
spread("13.published_test", "last epoch, test", last.mean(), **told)
published = {"equal": 0.807, "linear": 0.809, "exponential": 0.813}
for name, is_right in averaged.items():
    told = {"published": published[name], "source": source}
    spread(f"13.published_{name}", f"{name} average, test", is_right.mean(), **told)

# %%
words = "standard error of one test set"
limit = {"at_least": 1, "digits": 2, "unit": "points"}
bound("13.standard_error", words, standard_error, **limit)

# %% [markdown] tags=["answer"]
# | accuracy (on test points, unless otherwise noted) | published | here |
# | --- | --- | --- |
# | last epoch, training points | 0.860 | {{13.published_train}} |
# | last epoch | 0.812 | {{13.published_test}} |
# | equal average | 0.807 | {{13.published_equal}} |
# | linear average | 0.809 | {{13.published_linear}} |
# | exponential average | 0.813 | {{13.published_exponential}} |
# | last epoch of the training that the published averages come from | 0.814 | - |
#
# (The averages in the table are over all ten files. The best published ones, 0.814 and 0.815, are over fewer.) The
# published gains are two and three of the 1,000 points, or 0.2 and 0.3 percentage points. (From here on, "points" of
# gain are percentage points.) The standard error of an accuracy is {{13.standard_error}}, which is **several times as
# much**.

# %% [markdown]
# You may object that the last epoch and the average are tested on the *same* points, so both share the luck of the
# sample. That is true. Their difference depends only on the points that exactly one of them gets right. Count them for
# the equal average:

# %%
gained = (averaged["equal"] & ~last).sum()
lost = (last & ~averaged["equal"]).sum()
print(f"only the average is right: {gained} points; only the last epoch: {lost}")

# %%
spread("13.points_gained", "right by the average alone", gained, digits=0)
spread("13.points_lost", "right by the last epoch alone", lost, digits=0)

# %% [markdown]
# There are {{13.points_gained}} test points that only the equal average gets right, and {{13.points_lost}} that only
# the last epoch gets right. If both networks were equally good, a coin flip could decide each of these. With $g$ test
# points won and $l$ lost, the difference $g - l$ would then have a standard deviation of $\sqrt{g + l}$. With nine such
# test points it is already three, as much as the larger published gain, and here there are usually more. So chance
# alone can explain such a gain.
#
# Besides, the published table shows only *one* run. With other seeds, as the ranges above show, the last epoch alone
# moves by more than the published gains. And the published gains compare two different training runs. The 0.812 comes
# from the tutorial's first listing. The averages come from another listing, which trains with another optimizer (Adam).
# There the last epoch alone reached 0.814, so the best averages gained 0.000 and 0.001 over it. Moreover, 0.814 and
# 0.815 are the best of ten lengths by *test* accuracy. Over all ten files, as here, the published averages are the
# 0.807, 0.809 and 0.813 in the table.
#
# None of this shows that averaging is useless. It shows that this experiment cannot settle the question. A better one
# takes the difference between two networks *of the same run* on the same points, and repeats it over many runs.

# %% [markdown]
# ## Without files
#
# The running average in the callback kept no files. It holds a single average and moves it with every new *snapshot*
# $w_k$, the weights at the end of an epoch:
#
# $$a_k = a_{k-1} + s_k\,(w_k - a_{k-1})$$
#
# The share $s_k$ of the newest snapshot decides everything:
#
# - If all $k$ snapshots count the same, the newest has the share $s_k = 1/k$.
# - If they count $1, 2, \dots, k$, it has $k / (1 + 2 + \dots + k) = 2/(k+1)$.
# - If each counts $q$ times as much as the next newer one, it has $1 / (1 + q + \dots + q^{k-1}) = (1 - q) / (1 -
#   q^k)$.
#
# `RunningAverage` in `course/topics/ensembles.py` takes the share as a function. Does its result equal the average of
# the stored files?

# %%
from course.topics.ensembles import equal, exponential, linear


def equal_to_1e_7(weights, others):
    return all(abs(a - b).max() < 1e-7 for a, b in zip(weights, others, strict=True))


# %%
shares = {"equal": equal, "linear": linear, "exponential": exponential}
same = {}
for name, share in shares.items():
    streamed = RunningAverage(share)
    for snapshot in stored:
        streamed.update(snapshot)
    same[name] = equal_to_1e_7(streamed.weights, average(stored, schemes[name]))
same["callback"] = equal_to_1e_7(running.weights, average(stored, schemes["equal"]))
print(same)

# %%
for name in shares:
    words = f"{name} average, streamed, equals the stored files'"
    fact(f"13.streaming_{name}", words, same[name])
fact("13.streaming_callback", "so does the callback's", same["callback"])

# %% [markdown] tags=["predict"]
# A network has 25,000 weights, which take 0.2 megabytes in double precision. How many megabytes does an average of
# stored snapshots need at its peak, for 10 snapshots and for 200? And how many does the running average need?


# %%
def artificial_snapshot(number):
    return [np.full(25_000, float(number))]


def average_stored(count):
    return average([artificial_snapshot(number) for number in range(count)], None)


def average_stream(count):
    streamed = RunningAverage()
    for number in range(count):
        streamed.update(artificial_snapshot(number))


# %%
import tracemalloc


def peak_memory(averaging, count):
    """Return the greatest memory, in megabytes, of averaging `count` snapshots."""
    tracemalloc.start()
    averaging(count)
    megabytes = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return megabytes


# %% tags=["varies"]
counts = [10, 25, 50, 100, 200]
memory = {
    "stored": [peak_memory(average_stored, count) for count in counts],
    "streaming": [peak_memory(average_stream, count) for count in counts],
}

# %% tags=["varies"]
plots.lines(
    counts,
    memory,
    title="Memory for an average of snapshots of 0.2 MB",
    x_label="snapshots",
    y_label="greatest memory (MB)",
)

# %%
growth = {name: megabytes[-1] / megabytes[0] for name, megabytes in memory.items()}

# %%
bound(
    "13.memory_stored",
    "memory of stored ones, 200 over 10",
    growth["stored"],
    at_least=10,
    digits=0,
    unit="times",
    timed=True,
)

# %%
bound(
    "13.memory_streaming",
    "memory of the stream",
    growth["streaming"],
    at_most=1.5,
    digits=1,
    unit="times",
    timed=True,
)

# %% [markdown] tags=["answer"]
# The memory for stored snapshots grows linearly. It is twice their size, about 4 MB for 10 and 80 MB for 200, because
# `np.average` first copies them into one array. The memory of the running average ("streaming") stays **flat**, at 0.8
# MB, the size of four snapshots: the average, the newest snapshot, and two arrays that the update needs for a moment.

# %% [markdown]
# ### Exercise 13.1: what do the shares amount to?
#
# Now go the other way. You know the share that each snapshot had when it arrived. How much does each snapshot count in
# the final average? The first share is always 1. For example, the shares 1, 1/2 and 1/3 make each of three snapshots
# count 1/3. (The newest counts its share. All earlier ones are then scaled down. By what?)


# %% tags=["solution"]
def weights_from(shares):
    """Return the final weight of each snapshot, oldest first, given the share that each
    had when it came."""
    weights = []
    for share in shares:
        weights = [weight * (1 - share) for weight in weights] + [share]
    return weights


# %% tags=["check"]
from course.exercises import exercise, expect


def draw(rng):
    return ([1.0, *rng.uniform(0.05, 0.9, rng.integers(0, 6)).tolist()],)


@exercise("13.1", weights_from, draw=draw)
def check(weights_from):
    for shares in (
        [1, 1 / 2, 1 / 3, 1 / 4],
        [1, 2 / 3, 2 / 4, 2 / 5],
        [1.0, 0.1, 0.1, 0.1, 0.1],
        [1.0],
    ):
        true = [
            s * np.prod([1 - later for later in shares[i + 1 :]])
            for i, s in enumerate(shares)
        ]
        found = np.asarray(weights_from(list(shares)), dtype=float)
        expect(
            found.shape == (len(shares),),
            f"{len(shares)} snapshots have {len(shares)} weights.",
        )
        scaled = np.divide(shares, sum(shares))
        expect(
            len(shares) == 1
            or not (np.allclose(found, shares) or np.allclose(found, scaled)),
            "The share is what a snapshot counted when it arrived. Each later one takes"
            " some of it away.",
        )
        expect(
            len(shares) == 1
            or not np.allclose(found, true[::-1])
            or np.allclose(true, true[::-1]),
            "The order is reversed: the oldest comes first.",
        )
        expect(
            np.isclose(found.sum(), 1),
            f"The weights of an average add up to 1; yours to {found.sum():.3f}.",
        )
        expect(
            np.allclose(found, true),
            f"For {shares} it returns {found}.",
            general=True,
        )


# %% tags=["wrong"] hint="Each later one takes some"
def weights_from(shares):
    return [share / sum(shares) for share in shares]


# %% tags=["wrong"] hint="The order is reversed"
def weights_from(shares):
    weights = []
    for share in shares:
        weights = [share] + [weight * (1 - share) for weight in weights]
    return weights


# %% tags=["wrong"] hint="add up to 1"
def weights_from(shares):
    weights = []
    for share in shares:
        weights = [weight * share for weight in weights] + [share]
    return weights


# %% [markdown]
# ## Ten networks at once
#
# A study needs many runs, and an epoch of `fit` on 100 points is almost all overhead (lesson 05). But the networks are
# so small that NumPy can train them all together. The trick is an extra first axis in every array, with one entry per
# network. `a @ b` multiplies along the last two axes and broadcasts over the others, so the formulas do not change.

# %%
from course.topics.ensembles import initialize, predict, stack, train

weights = initialize(10, [2, 25, 3], np.random.default_rng(seed))
print([array.shape for array in weights])
print("probabilities:", predict(weights, x_test).shape)

# %% [markdown]
# Are these the same networks that Keras would compute? Compare two of them:

# %%
pair = [network(), network()]
stacked = predict(stack([model.get_weights() for model in pair]), x_test)
one_by_one = [np.asarray(model(x_test)) for model in pair]
same_predictions = np.allclose(stacked, one_by_one, atol=1e-5)
same_mean = np.allclose(stacked.mean(axis=0), np.mean(one_by_one, axis=0), atol=1e-5)
print("predictions:", same_predictions, "; mean prediction:", same_mean)

# %%
fact("13.stacked", "stacked networks predict as Keras does", same_predictions)
fact("13.mean_of_members", "their mean is the ensemble's prediction", same_mean)

# %% [markdown]
# The course's tests also train one network of the stack and one Keras network on the same batches; the weights agree.
# (`benchmarks/stacked_prediction.py` measures how much time one call for all networks saves.)

# %% [markdown]
# ### The study
#
# Since the clouds are artificial, you can draw as many points from them as you like. Each of ten runs gets its own 100
# training points, initial weights and order of the points. All runs share 1,000 further points for **validation** and
# `test_points` for the **test**.


# %%
def draw(rows, number):
    return make_blobs(
        rows, centers=centers, cluster_std=2, random_state=20 * seed + number
    )


runs = 10
drawn = [draw(100, number) for number in range(runs)]
x_runs, y_runs = (np.stack(part) for part in zip(*drawn, strict=True))
validation = draw(1000, runs)
test = draw(test_points, runs + 1)


# %%
def study(rates, batch_size, momentum):
    """Train all runs with one learning rate per epoch; return the last 30 snapshots."""
    random = np.random.default_rng(seed)
    start = initialize(runs, [2, 25, 3], random)
    how = {"batch_size": batch_size, "momentum": momentum}
    epoch_by_epoch = train(start, x_runs, y_runs, random, learning_rates=rates, **how)
    snapshots = []
    for weights in epoch_by_epoch:
        snapshots = [*snapshots[-29:], [array.copy() for array in weights]]
    return snapshots


# %%
def accuracy(weights, points):
    """The share of the points that each network gets right."""
    return np.mean(predict(weights, points[0]).argmax(axis=-1) == points[1], axis=-1)


# %% [markdown]
# Compare three ways to train:
#
# - **Converged:** every step uses all 100 points, with rate 0.01 and momentum 0.9. Nothing in a step is random, and
#   after `rest_epochs` epochs the descent has come to rest.
# - **Noisy:** every step uses 2 points, at a high rate, for `noisy_epochs` epochs. It uses no momentum, because
#   momentum already averages the gradients.
# - **As published** (in the first listing): rate and momentum as in the converged regime, but a step uses 32 points,
#   and the last step of an epoch uses the 4 points left over.
#
# The first two are extremes. The tutorial's training lies somewhere between them.

# %% [markdown] tags=["predict"]
# For each of the three: what will the average over the last epochs gain over the last epoch alone? Nothing, less than
# one percentage point, or more?

# %%
settings = {
    "converged": ([0.01] * rest_epochs, 100, 0.9),
    "as published": ([0.01] * epochs, 32, 0.9),
    "noisy": ([noisy_rate] * noisy_epochs, 2, 0.0),
}
snapshots = {name: study(*setting) for name, setting in settings.items()}


# %% [markdown]
# Now average the newest $n$ snapshots, for every $n$ up to 30. A stream that starts with the last epoch and goes
# backward gives all 30 averages in one pass.


# %%
def by_length(snapshots, points):
    """Accuracy (n, runs) of the average over the last n = 1, 2, ... epochs."""
    running = RunningAverage()
    accuracies = []
    for snapshot in reversed(snapshots):
        running.update(snapshot)
        accuracies.append(accuracy(running.weights, points))
    return np.array(accuracies)


# %%
from course.topics.ensembles_figures import gains_by_length

tested = {name: by_length(kept, test) for name, kept in snapshots.items()}
gains_by_length(
    {name: 100 * (found - found[0]) for name, found in tested.items()},
    title="What averaging the last n epochs gains over the last epoch alone",
    y_label="test accuracy gained (points)",
)

# %% [markdown] tags=["answer"]
# Each thin line is a run, and each panel has its own scale: read the numbers on the axes first. Converged runs gain
# nothing at any $n$, or next to nothing: the average of nearly equal snapshots is nearly the same network. As
# published, some runs gain and others do not. In the noisy regime most runs gain, and how much they gain differs
# greatly. The converged and the noisy regimes were chosen to show this: one gives averaging the worst chance, the other
# the best.

# %% [markdown]
# ### Choose n, then look
#
# Which $n$ should you take? Taking the one with the best *test* accuracy would count luck as a gain. So choose $n$ on
# the validation points.

# %% [markdown]
# ### Exercise 13.2: choose on one set, report on the other
#
# The arguments `validation` and `test` hold accuracies, as `by_length` returns them: one row per $n$, beginning with 1,
# and one column per run. Choose the best $n$ **for each run** and return the test accuracy of that choice.


# %% tags=["solution"]
def chosen(validation, test):
    """Return each run's test accuracy (runs,) at its best n on validation."""
    best = validation.argmax(axis=0)
    return test[best, np.arange(test.shape[1])]


# %% tags=["check"]
def draw(rng):
    validation, test = rng.random((2, rng.integers(1, 6), rng.integers(1, 6)))
    return validation, test


@exercise("13.2", chosen, draw=draw)
def check(chosen):
    random = np.random.default_rng(0)
    for lengths, trials in ((3, 2), (30, 10), (5, 5)):
        judged, reported = (
            random.permutation(lengths * trials * 2).reshape(2, lengths, trials) / 1000
        )
        true = [reported[np.argmax(judged[:, run]), run] for run in range(trials)]
        found = np.asarray(chosen(judged.copy(), reported.copy()))
        expect(
            found.shape == (trials,),
            f"{trials} runs give {trials} accuracies; yours have shape {found.shape}.",
        )
        best = reported.max(axis=0)
        expect(
            not np.allclose(found, best) or np.allclose(true, best),
            "This is the best test accuracy. Choose by it, and you have no test left.",
        )
        expect(
            not np.allclose(found, judged.max(axis=0)),
            "This is the validation accuracy of the choice, which was chosen for being"
            " high: report the test accuracy.",
        )
        worst = reported[judged.argmin(axis=0), np.arange(trials)]
        expect(
            not np.allclose(found, worst),
            "This is the test accuracy at the worst n. Take the greatest accuracy.",
        )
        common = reported[judged.mean(axis=1).argmax()]
        expect(
            not np.allclose(found, common) or np.allclose(true, common),
            "You use one n for all runs. Each run chooses its own.",
        )
        expect(
            np.allclose(found, true),
            f"Wrong rows were picked: {found[:3]} instead of {np.round(true[:3], 3)}.",
            general=True,
        )


# %% tags=["wrong"] hint="have no test left"
def chosen(validation, test):
    return test.max(axis=0)


# %% tags=["wrong"] hint="report the test"
def chosen(validation, test):
    return validation.max(axis=0)


# %% tags=["wrong"] hint="one n for all runs"
def chosen(validation, test):
    return test[validation.mean(axis=1).argmax()]


# %% [markdown]
# The lesson makes this choice with a function from `course/topics/ensembles.py`, and keeps the difference *of each
# run*:

# %%
from course.topics.ensembles import at_best_length

gains = {}
for name, kept in snapshots.items():
    picked = at_best_length(by_length(kept, validation), tested[name])
    gains[name] = 100 * (picked - tested[name][0])

# %%
from course.topics.ensembles_figures import run_dots

gain_label = "test accuracy gained (percentage points)"
title = "Gain of the weight average, n chosen on validation"
run_dots(gains, title=title, label=gain_label)

# %%
points = {"digits": 2, "unit": "points"}
wins = {}
for name, gain in gains.items():
    key = name.split()[-1]
    wins[key] = (gain > 0).sum()
    words = f"standard deviation between runs, {name}"
    spread(f"13.{key}_spread", words, gain.std(ddof=1), **points)

# %%
near_zero = {"at_least": -0.5, "at_most": 0.5, **points}
bound("13.converged_gain", "gain, converged", gains["converged"].mean(), **near_zero)

# %%
spread(
    "13.published_gain", "gain, as published", gains["as published"].mean(), **points
)
spread("13.noisy_gain", "gain, noisy", gains["noisy"].mean(), **points)
words = "runs of ten that gain"
spread("13.converged_wins", f"{words}, converged", wins["converged"], digits=0)
spread("13.published_wins", f"{words}, as published", wins["published"], digits=0)
least = {"at_least": {"full": 6}, "digits": 0}
bound("13.noisy_wins", f"{words}, noisy", wins["noisy"], **least)

# %% [markdown]
# | regime | mean gain | runs of ten that gain | standard deviation between runs |
# | --- | --- | --- | --- |
# | converged | {{13.converged_gain}} | {{13.converged_wins}} | {{13.converged_spread}} |
# | as published | {{13.published_gain}} | {{13.published_wins}} | {{13.published_spread}} |
# | noisy | {{13.noisy_gain}} | {{13.noisy_wins}} | {{13.noisy_spread}} |
#
# - **Converged:** averaging does **nothing**, because the snapshots are all nearly the same network.
# - **Noisy:** averaging helps. The mean gain is {{13.noisy_gain:sign}}, and {{13.noisy_wins}} of the ten runs gain. Do
#   not rely on the size of the gain: ten runs that differ so much give only a rough mean, as the range shows, and the
#   few that happened to stop at a bad epoch pull it up. (The figure shows the median of the ten.) We had aimed for at
#   least one point, in at least eight of ten runs, with every seed. That goal was **not reached**, as the lower ends of
#   both ranges in the table show. Izmailov et al. explain the gain as follows: the steps stay near the edge of a region
#   of good weights, and the mean lies nearer its center.
# - **As published:** there *is* something to gain: the mean gain is {{13.published_gain:sign}}. But a typical gain (the
#   median in the table) is smaller than the standard deviation between runs. It is also no larger than what chance
#   alone does to such a difference on 1,000 test points: take $\sqrt{g + l}$ with the medians of $g$ and $l$ from
#   above. So one run cannot show it. Most of the noise may come from the last step of an epoch, whose four points make
#   an unreliable gradient ("Try next" tests that).
#
# So averaging does help this recipe a little, and the tutorial's numbers could not show it.

# %% [markdown]
# ### Exercise 13.3: a difference and its spread
#
# Summarize the differences between two networks over runs. Return the mean difference, its standard error (the standard
# deviation of the *differences*, computed with $n - 1$, divided by $\sqrt n$), and the number of runs in which the
# second network was better. Then try `paired(np.zeros(10), gains["as published"])`: is that gain larger than two
# standard errors?


# %% tags=["solution"]
def paired(before, after):
    """Compare `after` with `before`, both (runs,): mean difference, its standard error
    and the number of wins."""
    difference = np.asarray(after) - np.asarray(before)
    return (
        difference.mean(),
        difference.std(ddof=1) / np.sqrt(len(difference)),
        int((difference > 0).sum()),
    )


# %% tags=["check"]
def draw(rng):
    before, after = rng.integers(0, 9, (2, rng.integers(2, 12))) / 4
    return before, after


@exercise("13.3", paired, draw=draw)
def check(paired):
    random = np.random.default_rng(1)
    for number in (4, 10, 25):
        luck = random.normal(0, 5, number)
        before, after = (
            luck + random.normal(0, 0.1, number),
            luck + random.normal(0.2, 0.1, number),
        )
        after[0] = before[0]
        found = paired(before.copy(), after.copy())
        three = isinstance(found, tuple | list | np.ndarray) and [
            np.ndim(value) for value in found
        ] == [0, 0, 0]
        expect(three, "Return three numbers: mean, standard error, wins.")
        mean, error, wins = found
        d, root = after - before, np.sqrt(number)
        expect(
            not np.isclose(mean, -d.mean()),
            "The sign is reversed: a gain of `after` counts as positive.",
        )
        expect(
            np.isclose(mean, d.mean()),
            f"The mean difference is {d.mean():.4f}, not {mean:.4f}.",
        )
        unpaired = [
            np.sqrt((before.var(ddof=k) + after.var(ddof=k)) / (number - j))
            for k in (0, 1)
            for j in (0, 1)
        ]
        mistakes = {
            (
                "This is for *independent* samples. The luck they share cancels out "
                "only in differences."
            ): (unpaired),
            "Divide the squares by n - 1: ddof=1.": [d.std() / root],
            "You multiply by the root of n. More runs make the mean more certain.": [
                d.std(ddof=1) * root
            ],
            (
                "This is the spread of single runs. The mean of n runs is more "
                "certain, by the root of n."
            ): [
                d.std(ddof=1),
                d.std(),
            ],
        }
        for hint, errors in mistakes.items():
            expect(not np.isclose(error, errors).any(), hint)
        expect(
            np.isclose(error, d.std(ddof=1) / root),
            f"The standard error is off: {error:.4f}.",
            general=True,
        )
        expect(wins != (d >= 0).sum(), "A tie is no win.")
        expect(wins == (d > 0).sum(), f"{(d > 0).sum()} runs were won, not {wins}.")


# %% tags=["wrong"] hint="for *independent* samples"
def paired(before, after):
    error = np.sqrt((np.var(before, ddof=1) + np.var(after, ddof=1)) / len(before))
    return np.mean(after) - np.mean(before), error, int((after > before).sum())


# %% tags=["wrong"] hint="by the root of n"
def paired(before, after):
    difference = after - before
    return difference.mean(), difference.std(ddof=1), int((difference > 0).sum())


# %% tags=["wrong"] hint="A tie is no win"
def paired(before, after):
    difference = after - before
    return (
        difference.mean(),
        difference.std(ddof=1) / np.sqrt(len(difference)),
        int((difference >= 0).sum()),
    )


# %% [markdown]
# ## Would something else have done as well?
#
# First, the question from exercise 13.3: the answer depends on the seed. With some seeds the gain as published is more
# than two standard errors, and with others it is less. So your ten runs alone may not decide whether averaging helps.
# The table does decide it, since there the whole study was repeated with many seeds: the mean gain is
# {{13.published_gain:sign}}.
#
# Now back to the noisy regime. It was designed so that averaging could cure it. A fair trial compares the average with
# other cures on the same runs. Here are three: let the rate fall to zero over the last 30 epochs; of the last 30, keep
# the single epoch that is best on the same validation points; or average the *predictions* of the last 30 epochs
# instead of their weights.

# %% [markdown] tags=["predict"]
# Rank them by gain: the weight average, the falling rate, the best single epoch, the averaged predictions.

# %%
noisy = snapshots["noisy"]
rates = [*[noisy_rate] * (noisy_epochs - 30), *np.linspace(noisy_rate, 0, 31)[1:]]
falling = study(rates, 2, 0.0)

judged = np.array([accuracy(snapshot, validation) for snapshot in noisy])
best = [
    accuracy([array[[run]] for array in noisy[epoch]], test)[0]
    for run, epoch in enumerate(judged.argmax(axis=0))
]
mixed = np.mean([predict(snapshot, test[0]) for snapshot in noisy], axis=0)


# %%
def share_right(probabilities, points):
    return np.mean(probabilities.argmax(axis=-1) == points[1], axis=-1)


plain = tested["noisy"][0]
cures = {
    "weight average": gains["noisy"],
    "falling rate": 100 * (accuracy(falling[-1], test) - plain),
    "best single epoch": 100 * (np.array(best) - plain),
    "averaged predictions": 100 * (share_right(mixed, test) - plain),
}
run_dots(cures, title="Cures for the noisy regime, ten runs each", label=gain_label)

# %%
for name, gain in list(cures.items())[1:]:
    key = name.replace(" ", "_")
    spread(f"13.{key}", f"gain of the {name}", gain.mean(), **points)
    lead = np.mean(gain - gains["noisy"])
    spread(f"13.{key}_lead", f"{name} minus weight average", lead, **points)

# %% [markdown] tags=["answer"]
# | cure | gain over the last epoch | the same minus the gain of the weight average, {{13.noisy_gain}} |
# | --- | --- | --- |
# | falling rate | {{13.falling_rate}} | {{13.falling_rate_lead}}, {{13.falling_rate_lead:sign}} |
# | averaged predictions | {{13.averaged_predictions}} | {{13.averaged_predictions_lead}}, {{13.averaged_predictions_lead:sign}} |
# | best single epoch | {{13.best_single_epoch}} | {{13.best_single_epoch_lead}}, {{13.best_single_epoch_lead:sign}} |
#
# All of them help. In full mode the weight average, the falling rate and the averaged predictions gain about the same,
# so the order of these three is not certain. (The course claims a direction only where the p of the sign test is below
# 0.01.) The surprise is the single epoch: with 1,000 labeled points to choose with, *one* snapshot does a little better
# than an average. The average used the same labels here, to choose $n$. But it can do without labels if $n$ is fixed
# beforehand, and the curves above show what it gains at $n = 30$.

# %% [markdown] tags=["quiz"]
# In one of your runs, the last twenty epochs have nearly the same validation loss, and the rate has been lowered almost
# to zero. What do you expect from averaging their weights?
#
# - [ ] A gain, since more networks are combined.
#   More networks help where they differ. These hardly do.
# - [x] Almost nothing.
#   An average removes what varies between the snapshots, and the lowered rate has removed that already.
# - [ ] A loss, since older epochs are worse.
#   They are hardly worse: their validation loss is nearly the same.
# - [ ] It depends on whether the average is equal, linear or exponential.
#   That matters where the snapshots differ. These are nearly equal, and so are all their averages.

# %% [markdown]
# ## What Keras has built in
#
# `use_ema=True` in an optimizer keeps an average of the weights and updates it after every *batch*, with the constant
# share `1 - ema_momentum`. For `RunningAverage` this is one more rule for the share:


# %%
def ema(momentum):
    return lambda count: 1 if count == 1 else 1 - momentum


# %% [markdown]
# The callback `SwapEMAWeights` puts the average into the model for every validation and takes it out again. Train a
# noisy run and keep two averages, Keras' and that of `RunningAverage`, called "ours" below. (`shuffled_batches`
# shuffles the points again in every epoch. Lesson 03 shows that `fit` with arrays repeats one order after
# `set_random_seed`.)

# %%
from course.training.batches import shuffled_batches


def averaging_network():
    model = network()
    optimizer = keras.optimizers.SGD(noisy_rate, use_ema=True, ema_momentum=0.99)
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    return model


def take_in(batch, logs):
    running.update(model.get_weights())


# %%
keras.utils.set_random_seed(seed)
model = averaging_network()
running = RunningAverage(ema(0.99))
ours = keras.callbacks.LambdaCallback(on_train_batch_end=take_in)
swap = keras.callbacks.SwapEMAWeights()
noisy_points = shuffled_batches(x_runs[0], y_runs[0], batch_size=2, seed=seed)
how = {"epochs": 2, "shuffle": False, "verbose": 0}
held_out = {"validation_data": validation, "validation_batch_size": 1000}
history = model.fit(noisy_points, callbacks=[swap, ours], **how, **held_out).history

# %%
same = zip(running.weights, model.get_weights(), strict=True)
agree = all(np.allclose(a, b, atol=1e-4) for a, b in same)
print("our average equals the weights that fit left:", agree)
_, validated = model.evaluate(*validation, batch_size=1000, verbose=0)
agree = np.isclose(history["val_accuracy"][-1], validated)
print("and the last val_accuracy in the history is theirs:", agree)

# %% [markdown]
# When `fit` ends, an optimizer with `use_ema` overwrites the model's weights with the average, even without the
# callback. But without it, every `val_accuracy` in the history is that of the *raw* weights, and the model that you end
# up with was never validated. With the callback, history and model agree, as here.
#
# The first share is 1: the average starts as the weights after the first batch. After $k$ batches, these first weights
# still count $0.99^{k-1}$:

# %%
for batches in (10, 100, 500):
    share = 0.99 ** (batches - 1)
    print(f"after {batches:3} batches the first weights still count {share:.2f}")

# %% [markdown]
# In a short run the built-in average mostly remembers a bad start. Choose the momentum by how many batches the average
# should reach back: about `1 / (1 - ema_momentum)`.

# %% [markdown]
# ## Batch normalization: the part that is not averaged
#
# A layer of batch normalization has two weights that are learned and two that are *measured*: the mean and the variance
# of its inputs, which it tracks during training with a running average of its own. Averaging the learned weights gives
# a network that never ran, so nobody has measured its statistics. You can keep those of the last epoch, average them
# together with the weights, or measure them again. Only the third is right by construction, because the variance under
# averaged weights is in general not the average of the variances.

# %%
from course.data import load

digits = load("mnist", fast=fast)


def as_rows(images):
    return images.reshape(-1, 784).astype("float32") / 255


x_digits = as_rows(digits.x_train[:2000])
y_digits = digits.y_train[:2000]
x_held_out = as_rows(digits.x_validation[:5000])
y_held_out = digits.y_validation[:5000]


# %%
def normalized_network():
    """Three hidden layers, each with batch normalization."""
    layers = [keras.Input((784,))]
    for _ in range(3):
        normalization = keras.layers.BatchNormalization(momentum=0.9)
        layers += [keras.layers.Dense(64), normalization, keras.layers.ReLU()]
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    optimizer = keras.optimizers.SGD(0.3, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    return model


# %%
keras.utils.set_random_seed(seed)
model = normalized_network()
running = RunningAverage()
keep = keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: running.update(model.get_weights())
)
digit_batches = shuffled_batches(x_digits, y_digits, batch_size=32, seed=seed)
how = {"epochs": digit_epochs, "shuffle": False, "verbose": 0}
_ = model.fit(digit_batches, callbacks=[keep], **how)
last = model.get_weights()

# %% [markdown]
# The callback has averaged the weights of all epochs. Now the statistics must match these weights. Re-estimating takes
# one pass over the training digits. In training mode the layer measures its inputs. Its own `momentum` is the share
# that the old statistics keep, so with 0 it forgets what it measured before. (A larger data set goes through in
# batches, and the measurements are averaged.)


# %%
def reestimate(model, x):
    """Measure all statistics of batch normalization again, on `x` as one batch."""
    kind = keras.layers.BatchNormalization
    normalizations = [layer for layer in model.layers if isinstance(layer, kind)]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(x, training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum  # as it was, if you train on


# %% [markdown] tags=["predict"]
# Compare three networks with the same averaged weights: with the statistics of the last epoch, with averaged
# statistics, and with re-estimated ones. Which one comes last?

# %%
learned = {variable.path for variable in model.trainable_variables}
names = [variable.path for variable in model.weights]
with_last_statistics = [
    averaged if name in learned else measured
    for name, averaged, measured in zip(names, running.weights, last, strict=True)
]
trials = {
    "last epoch": last,
    "statistics of the last epoch": with_last_statistics,
    "averaged statistics": running.weights,
}


# %%
def share_read():
    """Return the share of the held-out digits that the model reads right."""
    return np.mean(np.asarray(model(x_held_out)).argmax(axis=1) == y_held_out)


results = {}
for name, weights in trials.items():
    model.set_weights(weights)
    results[name] = share_read()
reestimate(model, x_digits)
results["re-estimated"] = share_read()

# %%
run_dots(
    results,
    title="Batch normalization: last epoch, three averages",
    label="share of validation digits right",
)

# %%
lost_by = {
    name: 100 * (results["re-estimated"] - results[name])
    for name in ("statistics of the last epoch", "averaged statistics")
}
for name, lost in lost_by.items():
    print(f"{name}: {lost:.2f} points lost against re-estimating")

# %%
keys = ["last", "stale", "averaged", "reestimated"]
for key, (name, right_share) in zip(keys, results.items(), strict=True):
    spread(f"13.bn_{key}", name, right_share)
lost = {"digits": 1, "unit": "points"}
words = "what the last epoch's statistics lose"
spread("13.bn_stale_loss", words, lost_by["statistics of the last epoch"], **lost)
words = "what averaged statistics lose"
spread("13.bn_averaged_loss", words, lost_by["averaged statistics"], **lost)

# %% [markdown] tags=["answer"]
# | weights | statistics | validation digits read |
# | --- | --- | --- |
# | last epoch | its own | {{13.bn_last}} |
# | averaged | of the last epoch | {{13.bn_stale}} |
# | averaged | averaged | {{13.bn_averaged}} |
# | averaged | measured again | {{13.bn_reestimated}} |
#
# The same averaged weights make three different networks. The statistics of the last epoch do worst: compared with
# re-estimating, they lose {{13.bn_stale_loss}}, {{13.bn_stale_loss:sign}}. They probably lose so much here because the
# average reaches back to the first epoch and the learning rate is high. Keras' `use_ema` leaves you with the same kind
# of mismatch, because it averages the learned weights only. Averaged statistics do no great harm here: they lose
# {{13.bn_averaged_loss}}, {{13.bn_averaged_loss:sign}}. But nothing guarantees that they lose so little. **After
# averaging weights, re-estimate the statistics.** It costs one pass over the training rows.

# %% [markdown] tags=["quiz"]
# You average the weights of a network with batch normalization and re-estimate its statistics. Which rows may you use
# for that?
#
# - [x] The training rows.
#   The statistics are part of the fitted network, so they are measured on the rows that it is fitted to.
# - [ ] The validation rows, since the network is judged there.
#   Then the network would be adapted to the rows that judge it.
# - [ ] The test rows, since no labels are needed.
#   Even without labels, the network would be adapted to the rows that judge it.
# - [ ] None; the statistics must be averaged with the weights.
#   The averaged network has its own activations, and averages of the old statistics do not describe them.

# %% [markdown]
# ## Networks of different seeds
#
# So far you have averaged snapshots of *one* run. Now take networks that were trained separately: on the same points,
# but from different initial weights and in a different order. The stacked trainer takes them all at once, `members` for
# each of the ten training sets.


# %%
def train_members(rates, batch_size, momentum):
    """Train `members` networks on the points of each run: runs * members in all."""
    random = np.random.default_rng([seed, members])
    x = np.repeat(x_runs, members, axis=0)
    y = np.repeat(y_runs, members, axis=0)
    start = initialize(runs * members, [2, 25, 3], random)
    how = {"batch_size": batch_size, "momentum": momentum}
    *_, weights = train(start, x, y, random, learning_rates=rates, **how)
    return weights


trained = {name: train_members(*settings[name]) for name in ("converged", "noisy")}

# %% [markdown] tags=["predict"]
# For each training set, average the *predictions* of its networks, or average their *weights*. What will each do to the
# accuracy, in the converged and in the noisy regime?


# %%
def by_run(array):
    return array.reshape(runs, members, *array.shape[1:])


# %%
compared = {}
agreement = {}
for name, weights in trained.items():
    probabilities = by_run(predict(weights, test[0]))
    votes = probabilities.argmax(axis=-1)
    agreement[name] = (votes == votes[:, :1]).all(axis=1).mean()
    compared[f"{name}: single"] = share_right(probabilities, test).mean(axis=1)
    compared[f"{name}: predictions"] = share_right(probabilities.mean(axis=1), test)
    mean_weights = [by_run(array).mean(axis=1) for array in weights]
    compared[f"{name}: weights"] = accuracy(mean_weights, test)

# %%
title = "Networks trained apart, averaged in two ways"
run_dots(compared, title=title, label="test accuracy (share)")

# %%
gains_of = {
    name: 100 * (compared[f"{name}: predictions"] - compared[f"{name}: single"])
    for name in trained
}
for name, agreed in agreement.items():
    print(f"{name}: all members agree on {agreed:.0%} of the test points")

# %%
apart = compared["converged: weights"].mean()
most = {"at_most": {"full": 0.55, "fast": 0.65}, "digits": 2}
bound("13.weights_apart", "weights averaged, converged", apart, **most)
found = gains_of["noisy"].mean()
bound("13.noisy_ensemble", "predictions gain, noisy", found, at_least=0, **points)
found = gains_of["converged"].mean()
words = "predictions gain, converged"
bound("13.converged_ensemble", words, found, at_most=0.5, **points)

# %%
found = (gains_of["noisy"] > 0).sum()
spread("13.noisy_ensemble_wins", "sets of ten that gain, noisy", found, digits=0)
found = agreement["converged"]
words = "networks agree, converged"
bound("13.converged_agreement", words, found, at_least=0.9, digits=2)
found = agreement["noisy"]
bound("13.noisy_agreement", "networks agree, noisy", found, at_most=0.9, digits=2)

# %% [markdown] tags=["answer"]
# - **Averaging the weights of networks trained separately ruins them**: in the converged regime the mean network gets a
#   share of {{13.weights_apart}} right, where guessing gets a third. The figure shows the same harm in the noisy
#   regime.
# - **Averaging their predictions** gains {{13.noisy_ensemble}} over a single network (the mean of the members) in the
#   noisy regime. It gains in {{13.noisy_ensemble_wins}} of ten training sets. The networks differ by luck, and their
#   mean contains less of it.
# - In the converged regime it gains {{13.converged_ensemble}}, almost nothing. All networks of a set agree on a share
#   of {{13.converged_agreement}} of the test points, compared with {{13.noisy_agreement}} in the noisy regime. Some
#   points they all get wrong, because the clouds overlap there or because the same 100 points misled them. No average
#   can correct those.

# %% [markdown]
# Why do weights from one run average well, and weights from two runs so badly? Hidden unit 7 of one network has nothing
# to do with hidden unit 7 of another, so their mean is not a useful unit at all. In the snapshots of one run, unit 7 is
# the same unit a little later. The sketch shows this in the space of all weights: the mean of one run's snapshots stays
# among good weights, and the mean of two runs falls between two regions of good weights.

# %%
from course.topics.ensembles_figures import valleys_sketch

valleys_sketch()

# %% [markdown]
# Averaging predictions takes `members` training runs and as many predictions. The weight average of one run takes one
# of each. In the noisy regime that weight average gained {{13.noisy_gain}} over the last epoch, with 1,000 labels to
# choose $n$ by. Averaging the predictions gained about as much (in the median over seeds) and needed no such labels.

# %% [markdown]
# ### Stacking
#
# Must every member count the same? In *stacking*, a second model learns how to combine the members: its inputs are
# their probabilities. It needs rows that the members have not learned from. Here those are the validation points.

# %%
from sklearn.linear_model import LogisticRegression


def features(probabilities):
    """Probabilities (members, rows, classes) as rows of one table."""
    return np.moveaxis(probabilities, 0, 1).reshape(probabilities.shape[1], -1)


def stacked_accuracy(x_fit, y_fit, x_test):
    combiner = LogisticRegression(C=10, solver="newton-cholesky").fit(
        features(x_fit), y_fit
    )
    return combiner.score(features(x_test), test[1])


# %% [markdown] tags=["predict"]
# Which wins, stacking with 1,000 validation points or the plain mean? And does one logistic regression that simply
# *trains* on those points, together with the 100, do better than the winner, or worse?

# %%
noisy_members = trained["noisy"]
repeated = np.repeat(x_runs, members, axis=0)
on_test = by_run(predict(noisy_members, test[0]))
on_validation = by_run(predict(noisy_members, validation[0]))
on_training = by_run(predict(noisy_members, repeated))

# %%
combined = {"mean of members": compared["noisy: predictions"]}
combined["stacked, fitted on training"] = [
    stacked_accuracy(on_training[run], y_runs[run], on_test[run]) for run in range(runs)
]
combined["stacked, fitted on validation"] = [
    stacked_accuracy(on_validation[run], validation[1], on_test[run])
    for run in range(runs)
]

# %%
linear_model = LogisticRegression(solver="newton-cholesky")
combined["one linear model, 100 points"] = [
    linear_model.fit(x, y).score(*test) for x, y in zip(x_runs, y_runs, strict=True)
]

# %%
everything = [
    (np.vstack([x, validation[0]]), np.append(y, validation[1]))
    for x, y in zip(x_runs, y_runs, strict=True)
]
combined["one linear model, all 1,100"] = [
    linear_model.fit(x, y).score(*test) for x, y in everything
]

# %%
run_dots(combined, title="Noisy members, combined", label="test accuracy (share)")

# %%
short = ["mean", "stacked_training", "stacked_validation", "linear_100", "linear_1100"]
for key, (name, values) in zip(short, combined.items(), strict=True):
    spread(f"13.combined_{key}", name, np.mean(values))

# %%
best_stack = np.array(combined["stacked, fitted on validation"])
gain = 100 * np.mean(best_stack - combined["mean of members"])
spread("13.stacking_gain", "stacked on validation minus mean", gain, **points)
seen = np.mean(combined["stacked, fitted on training"])
words = "stacked on validation minus stacked on training"
spread("13.stacking_new", words, 100 * (np.mean(best_stack) - seen), **points)
lead = 100 * np.mean(combined["one linear model, 100 points"] - best_stack)
spread("13.linear_lead", "linear model, 100 points, minus stacked", lead, **points)

# %% [markdown] tags=["answer"]
# Fitted on rows that the members have not seen, stacking beats the mean by {{13.stacking_gain}},
# {{13.stacking_gain:sign}}. Fitted on the training points it does worse, by {{13.stacking_new}},
# {{13.stacking_new:sign}}: on those points the members look better than they are, and the combining model believes
# them.
#
# But the combining model learned from ten times as many labels as each member. *One* logistic regression on the same
# 1,100 points does better with every seed: it reaches {{13.combined_linear_1100}}, where stacking reaches
# {{13.combined_stacked_validation}}. Even on the 100 training points alone, the logistic regression beats the best of
# these combinations by {{13.linear_lead}}, {{13.linear_lead:sign}}. For round clouds of the same size, straight borders
# are the best there are. An ensemble reduces the luck in a model. It does not turn an unsuitable model into a suitable
# one.

# %% [markdown]
# ## What you have learned
#
# - A weight average needs no files. A running average moves by a share of the difference, in constant memory, and the
#   shares make it equal, linear or exponential.
# - Averaging the last epochs of a run does nothing if training has come to rest, and helps if training is noisy. A rate
#   that falls to zero helps about as much, and a single epoch, chosen on many validation points, a little more.
# - Do not average the weights of networks that started from different initial weights.
# - To judge a difference smaller than the standard error, compare pairs over many seeds. Make every choice on
#   validation rows.
# - Keras averages after every batch and starts from the initial weights. Validate with `SwapEMAWeights`, and
#   re-estimate the statistics of batch normalization after any averaging of weights.
# - Averaging predictions reduces the luck that makes members differ. It costs the training and the predictions of all
#   members. Stacking needs further labels, on which you could also have trained.
#
# ## Try next
#
# - Average the predictions of five *noisy* runs, each of them a weight average. Do the gains add up?
# - Give the ten runs a batch size of 25, which divides 100 evenly. What is left of the gain "as published"?
# - Before you average the weights of networks trained separately, sort their hidden units, for example by bias. Does it
#   help?
# - Let each member learn from a resample of its 100 points (bagging). Does the converged ensemble gain now?
