# ---
# title: "Ensembles: averaging weights, averaging predictions"
# part: 4 Combine and scale
# objectives:
#   - average the weights of a training run, from stored files or in constant memory, and show that both agree
#   - say when a weight average helps, when it does nothing, and when it destroys a network
#   - compare two treatments by paired differences over seeds, with every choice made on validation rows
#   - use the averages built into Keras, and re-estimate the statistics of batch normalization after averaging
#   - train and ask many small networks at once, and compare an ensemble with what it costs
# prerequisites:
#   - "lesson 03 (Classification): softmax and cross-entropy"
#   - "lesson 04 (Training history): validation and learning curves"
#   - "lesson 05 (Digits): choosing on validation rows, standard errors"
# data: [mnist]
# reading:
#   - "Brownlee, *Ensemble Neural Network Model Weights in Keras (Polyak Averaging)*, machinelearningmastery.com/polyak-neural-network-model-weight-ensemble, 2019"
#   - "Polyak, Juditsky, *Acceleration of stochastic approximation by averaging*, SIAM J. Control Optim. 30, 1992, doi:10.1137/0330046"
#   - "Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, *Averaging weights leads to wider optima and better generalization*, 2018, arXiv:1803.05407"
#   - "Lakshminarayanan, Pritzel, Blundell, *Simple and scalable predictive uncertainty estimation using deep ensembles*, 2017, arXiv:1612.01474"
#   - "Wolpert, *Stacked generalization*, Neural Networks 5, 1992, doi:10.1016/S0893-6080(05)80023-1"
# ---

# %% [markdown]
# A training run passes through thousands of networks and keeps the last. Why the last? Perhaps the mean of several
# is better: the mean of their weights, or of their predictions. Both are cheap to write, and both are often
# recommended with a table in which they win by a little.
#
# This lesson takes such a table, asks what it can show, and then builds an experiment that can show more: many small
# networks trained at once, compared in pairs. Averaging will turn out to be useless, useful and ruinous, each in a
# place that you can name beforehand.

# %% tags=["parameters"]
seed: int = 0  # seed of points, first weights and order, 0 to 1000000
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
# units learns from the first 100 of them, for 500 epochs: 0.860 of these are right, and 0.812 of the other 1,000, the
# test points. The weights after each of the last ten epochs go into files, and the newest 1 to 10 files are averaged
# in three ways. The best averages reach 0.814 or 0.815 on the test points.

# %%
import numpy as np
from sklearn.datasets import make_blobs

x, y, centers = make_blobs(
    1100, centers=3, n_features=2, cluster_std=2, random_state=2, return_centers=True
)
x_train, y_train, x_test, y_test = x[:100], y[:100], x[100:], y[100:]
print(x_train.shape, x_test.shape)

# %%
from course.topics.ensembles import clouds

clouds(x_train, y_train, centers, title="One hundred training points")

# %% [markdown]
# The clouds overlap, two of them widely, so no classifier can be right everywhere. We train as in the tutorial's first
# listing, in batches of 32. Two things save time: the data set repeats itself, so it is not set up anew for every
# epoch, and the four batches of an epoch are one call (`steps_per_execution`). A callback writes the last ten files,
# and hands the same weights to a running average (see below).

# %%
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from course.topics.ensembles import RunningAverage


def network():
    layers = [
        keras.Input((2,)),
        keras.layers.Dense(25, activation="relu"),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    loss = "sparse_categorical_crossentropy"
    # too small to pay for compiling
    model.compile(optimizer, loss, steps_per_execution=4, jit_compile=False)
    return model


# %%
temporary, running = tempfile.TemporaryDirectory(), RunningAverage()
folder = Path(temporary.name)


def keep(epoch, logs):
    if epoch >= epochs - 10:
        model.save_weights(folder / f"{epoch:04d}.weights.h5")
        running.update(model.get_weights())


keras.utils.set_random_seed(seed)
model = network()
batches = (
    tf.data.Dataset.from_tensor_slices((x_train, y_train))
    .shuffle(100)
    .batch(32)
    .repeat()
)
callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=keep)]
_ = model.fit(
    batches,
    steps_per_epoch=4,
    epochs=epochs,
    shuffle=False,
    callbacks=callbacks,
    verbose=0,
)
print(len(list(folder.iterdir())), "files")

# %% [markdown]
# Now the three averages. An equal one weighs all files alike. A linear one weighs the oldest 1, the next 2, and so
# on. In the exponential one of the tutorial, each file weighs $e^{-1/2}$ times as much as the next, newer one.

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
    """Which of the test points does the network get right with these weights?"""
    model.set_weights(weights)
    return model(x_test).numpy().argmax(axis=1) == y_test


# %% [markdown] tags=["predict"]
# The published gains are 0.002 and 0.003 on 1,000 test points. How many more of the 1,000 are right? And how far would
# the accuracy of one and the same network scatter between different samples of 1,000: less than that, about as much, or
# several times as much?

# %%
source = "Brownlee, machinelearningmastery.com, 2019"
last, averaged = (
    right(stored[-1]),
    {name: right(average(stored, scheme)) for name, scheme in schemes.items()},
)
spread(
    "13.published_test", "last epoch, test", last.mean(), published=0.812, source=source
)
for (name, found), published in zip(
    averaged.items(), [0.807, 0.809, 0.813], strict=True
):
    spread(
        f"13.published_{name}",
        f"{name} average, test",
        found.mean(),
        published=published,
        source=source,
    )
standard_error = 100 * np.sqrt(last.mean() * (1 - last.mean()) / len(x_test))

# %%
from course.claims import bound, fact, spread

bound(
    "13.standard_error",
    "standard error of one test set",
    standard_error,
    at_least=1,
    digits=2,
    unit="points",
)

# %% [markdown] tags=["answer"]
# The network itself reaches {{13.published_test}}, the equal average {{13.published_equal}}, the linear one
# {{13.published_linear}} and the exponential one {{13.published_exponential}}. The published gains are two or three of
# the 1,000, or 0.2 and 0.3 percentage points. (A gain in points is always in percentage points.) The standard error of
# an accuracy is {{13.standard_error}}: **several times as much**.

# %% [markdown]
# You may object that both networks are judged on the *same* points: the luck of the sample falls on both. True. In
# their difference only those points count that one gets right and the other does not:

# %%
gained, lost = (averaged["equal"] & ~last).sum(), (last & ~averaged["equal"]).sum()

# %%
spread("13.points_gained", "right by the average alone", gained, digits=0)
spread("13.points_lost", "right by the last epoch alone", lost, digits=0)

# %% [markdown]
# On {{13.points_gained}} of them the equal average is right and the last epoch wrong, on {{13.points_lost}} it is the
# other way round. Were both equally good, each such point would be the toss of a coin, and the difference of $g$ won
# and $l$ lost would scatter by $\sqrt{g + l}$. A net gain of three is no more than that as soon as nine points differ.
#
# And all this is *one* run. Over other seeds, as the ranges above show, the last epoch alone moves by more than the
# published gains. Nor are those what they seem. The files come from another listing than the 0.812, with another
# optimizer (Adam), and there the last epoch alone reached 0.814. And 0.814 and 0.815 are the best of ten lengths by
# *test* accuracy; over all ten files, as here, the published averages are 0.807, 0.809 and 0.813.
#
# That does not make averaging useless; this experiment cannot tell. The repair: take the difference between two
# networks *of the same run* on the same points, and repeat it over many runs.

# %% [markdown]
# ## Without files
#
# The running average above kept no file. It holds one average and moves it with every new snapshot $w_k$:
#
# $$a_k = a_{k-1} + s_k\,(w_k - a_{k-1})$$
#
# The share $s_k$ of the newest snapshot decides everything. If all $k$ snapshots weigh the same, the newest is worth
# $s_k = 1/k$. If they weigh $1, 2, \dots, k$, it is worth $k / (1 + 2 + \dots + k) = 2/(k+1)$. If each weighs $q$ times
# as much as the next, newer one, it is worth $1 / (1 + q + \dots + q^{k-1}) = (1 - q) / (1 - q^k)$. `RunningAverage` of
# `course/topics/ensembles.py` takes the share as a function.

# %%
from course.topics.ensembles import equal, exponential, linear


def equal_to_1e_7(weights, others):
    return all(abs(a - b).max() < 1e-7 for a, b in zip(weights, others, strict=True))


for name, share in {
    "equal": equal,
    "linear": linear,
    "exponential": exponential,
}.items():
    streamed = RunningAverage(share)
    for snapshot in stored:
        streamed.update(snapshot)
    same = equal_to_1e_7(streamed.weights, average(stored, schemes[name]))
    fact(
        f"13.streaming_{name}",
        f"{name} average, streamed, equals the stored files'",
        same,
    )

# %%
same = equal_to_1e_7(running.weights, average(stored, schemes["equal"]))

# %%
fact("13.streaming_callback", "so does the callback's", same)

# %% [markdown] tags=["predict"]
# A network has 25,000 weights, 0.2 megabytes. How does the memory of the streaming average grow from 10 to 200
# snapshots, and that of the stored ones?

# %%
import tracemalloc

from course import plots


def peak(snapshots, keep):
    """Greatest memory in megabytes while `snapshots` snapshots are averaged;
    `keep` stores them first."""
    streamed, kept = RunningAverage(), []
    tracemalloc.start()
    for number in range(snapshots):
        snapshot = [np.full(25_000, float(number))]
        kept.append(snapshot) if keep else streamed.update(snapshot)
    _ = keep and average(kept, None)
    megabytes = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return megabytes


# %% tags=["varies"]
counts = [10, 25, 50, 100, 200]
memory = {
    "stored": [peak(n, True) for n in counts],
    "streaming": [peak(n, False) for n in counts],
}
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
)
bound(
    "13.memory_streaming",
    "memory of the stream",
    growth["streaming"],
    at_most=1.5,
    digits=1,
    unit="times",
)

# %% [markdown] tags=["answer"]
# The memory for stored snapshots grows in a straight line, at twice their size, since `np.average` first copies them
# into one array; that of the stream stays **flat**.

# %% [markdown]
# ### Exercise 13.1: what do the shares amount to?
#
# Go the other way: given the shares, what weight does each snapshot have in the final average? (The newest has its
# share. All that were there before are then scaled down. By what?)


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
            "The share is what a snapshot was worth when it came. Each later one takes"
            " something of it away.",
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


# %% tags=["wrong"] hint="Each later one takes something"
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
# A study needs runs, and each epoch of `fit` on 100 points is nearly all overhead (lesson 05). But the networks are
# so small that NumPy can train all of them together. The trick: give every array a further axis in front, one entry
# a network. `a @ b` multiplies the last two axes and repeats over the others, so the formulas do not change.

# %%
from course.topics.ensembles import initialize, predict, stack, train

weights = initialize(10, [2, 25, 3], np.random.default_rng(seed))
print([array.shape for array in weights])
print("probabilities:", predict(weights, x_test).shape)

# %% [markdown]
# Are they the same networks? Two members, as Keras computes them and stacked:

# %%
pair = [network(), network()]
stacked = predict(stack([model.get_weights() for model in pair]), x_test)
apart = [model(x_test).numpy() for model in pair]
mean_of_members = np.allclose(stacked.mean(axis=0), np.mean(apart, axis=0), atol=1e-5)

# %%
fact(
    "13.stacked",
    "stacked networks predict as Keras does",
    np.allclose(stacked, apart, atol=1e-5),
)
fact("13.mean_of_members", "their mean is the ensemble's prediction", mean_of_members)

# %% [markdown]
# The tests of the course also train one member and one Keras network on the same batches, and the weights agree. The
# program `benchmarks/stacked_prediction.py` measures what one call saves over a call for each member.

# %% [markdown]
# ### The study
#
# The clouds are ours, so we can draw more points from them. Each of ten runs gets 100 training points, first weights
# and an order of its own. There are 1,000 further points for **validation** and `test_points` for the **test**.


# %%
def draw(rows, number):
    return make_blobs(
        rows, centers=centers, cluster_std=2, random_state=20 * seed + number
    )


runs = 10
x_runs, y_runs = (
    np.stack(part)
    for part in zip(*[draw(100, number) for number in range(runs)], strict=True)
)
validation, test = draw(1000, runs), draw(test_points, runs + 1)


# %%
def study(rates, batch_size, momentum):
    """Train all runs, with one learning rate an epoch;
    return their weights after each of the last 30 epochs."""
    random = np.random.default_rng(seed)
    start = initialize(runs, [2, 25, 3], random)
    snapshots = []
    for weights in train(
        start,
        x_runs,
        y_runs,
        random,
        learning_rates=rates,
        batch_size=batch_size,
        momentum=momentum,
    ):
        snapshots = [*snapshots[-29:], [array.copy() for array in weights]]
    return snapshots


def accuracy(weights, points):
    return np.mean(predict(weights, points[0]).argmax(axis=-1) == points[1], axis=-1)


# %% [markdown]
# Two regimes. In the **converged** one every step uses all 100 points, with a rate of 0.01 and momentum 0.9: no step
# is left to chance, and `rest_epochs` epochs bring the descent to rest. In the **noisy** one a step sees 2 points, at a
# high rate and without momentum (which would average the gradients), for `noisy_epochs` epochs. The recipe *as
# published* (in the first listing) stands between them: rate and momentum of the converged one, but a step sees 32
# points, and the last of an epoch the 4 left over.

# %% [markdown] tags=["predict"]
# For each of the three: what will the average over the last epochs gain over the last epoch alone? Nothing, less than
# one point in a hundred, or more?

# %%
settings = {
    "converged": ([0.01] * rest_epochs, 100, 0.9),
    "as published": ([0.01] * epochs, 32, 0.9),
    "noisy": ([noisy_rate] * noisy_epochs, 2, 0.0),
}
snapshots = {name: study(*setting) for name, setting in settings.items()}


# %% [markdown]
# The newest $n$ snapshots are averaged for every $n$ up to 30: streaming backward from the last epoch gives all 30
# averages in one pass.


# %%
def by_length(snapshots, points):
    """Accuracy (n, runs) of the average over the last n = 1, 2, ... epochs."""
    average, found = RunningAverage(), []
    for snapshot in reversed(snapshots):
        average.update(snapshot)
        found.append(accuracy(average.weights, points))
    return np.array(found)


tested = {name: by_length(kept, test) for name, kept in snapshots.items()}
plots.lines(
    range(1, 31),
    {name: 100 * (found - found[0]).T for name, found in tested.items()},
    title="What averaging the last n epochs gains over the last alone",
    x_label="epochs averaged, n",
    y_label="test accuracy gained (percentage points)",
)

# %% [markdown] tags=["answer"]
# The curves start at 0, where the "average" is the last epoch. Converged runs lie on the axis for every $n$, or very
# close: nearly equal snapshots have nearly the same average. In the noisy regime most runs gain, and how much differs
# greatly between them.

# %% [markdown]
# ### Choose n, then look
#
# Which $n$? Taking the one with the best *test* accuracy would count luck as gain. The choice belongs to the
# validation points.

# %% [markdown]
# ### Exercise 13.2: choose on one set, report on the other
#
# `validation` and `test` are arrays (n, runs) as from `by_length`. Choose the best $n$ **for each run** and return
# what the test says about that choice.


# %% tags=["solution"]
def chosen(validation, test):
    """Return the test accuracy (runs,) of each run at the n that is best for it on
    validation."""
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
            "This is the best test accuracy. Whoever chooses by it has no test left.",
        )
        expect(
            not np.allclose(found, judged.max(axis=0)),
            "This is the validation accuracy at the choice. It was selected for being"
            " high: report the test.",
        )
        worst = reported[judged.argmin(axis=0), np.arange(trials)]
        expect(
            not np.allclose(found, worst),
            "This is the test at the worst n. The best has the greatest accuracy.",
        )
        common = reported[judged.mean(axis=1).argmax()]
        expect(
            not np.allclose(found, common) or np.allclose(true, common),
            "One n serves all runs here. Each run chooses its own.",
        )
        expect(
            np.allclose(found, true),
            f"Wrong rows were picked: {found[:3]} instead of {np.round(true[:3], 3)}.",
            general=True,
        )


# %% tags=["wrong"] hint="has no test left"
def chosen(validation, test):
    return test.max(axis=0)


# %% tags=["wrong"] hint="report the test"
def chosen(validation, test):
    return validation.max(axis=0)


# %% tags=["wrong"] hint="One n serves all runs"
def chosen(validation, test):
    return test[validation.mean(axis=1).argmax()]


# %% [markdown]
# The worked cells do it in a loop of their own, and keep the difference *of each run*:

# %%
gains = {}
for name, kept in snapshots.items():
    lengths = by_length(kept, validation).argmax(axis=0)
    picked = [tested[name][length, run] for run, length in enumerate(lengths)]
    gains[name] = 100 * (np.array(picked) - tested[name][0])
gain_label = "test accuracy gained (percentage points)"
plots.bars(
    gains,
    title="Gain of the weight average, n chosen on validation",
    label=gain_label,
    zero=False,
)

# %%
points = {"digits": 2, "unit": "points"}
means = {name.split()[-1]: gain.mean() for name, gain in gains.items()}
bound(
    "13.converged_gain",
    "gain, converged",
    means["converged"],
    at_least=-0.5,
    at_most=0.5,
    **points,
)
spread("13.published_gain", "gain, as published", means["published"], **points)
spread("13.noisy_gain", "gain, noisy", means["noisy"], **points)
for name, gain in gains.items():
    short = name.split()[-1]
    spread(
        f"13.{short}_spread",
        f"standard deviation between runs, {name}",
        gain.std(ddof=1),
        **points,
    )
wins = {name.split()[-1]: (gain > 0).sum() for name, gain in gains.items()}

# %%
spread(
    "13.converged_wins", "runs of ten that gain, converged", wins["converged"], digits=0
)
spread(
    "13.published_wins",
    "runs of ten that gain, as published",
    wins["published"],
    digits=0,
)
bound(
    "13.noisy_wins",
    "runs of ten that gain, noisy",
    wins["noisy"],
    at_least={"full": 6},
    digits=0,
)

# %% [markdown]
# | regime | mean gain | better in, of ten runs | standard deviation between runs |
# | --- | --- | --- | --- |
# | converged | {{13.converged_gain}} | {{13.converged_wins}} | {{13.converged_spread}} |
# | as published | {{13.published_gain}} | {{13.published_wins}} | {{13.published_spread}} |
# | noisy | {{13.noisy_gain}} | {{13.noisy_wins}} | {{13.noisy_spread}} |
#
# - **Converged:** averaging does **nothing**, as the snapshots are all very nearly the same network. With every seed
#   the change is smaller than half a point.
# - **Noisy:** averaging helps, {{13.noisy_gain:sign}}, and in most of the ten runs. Do not take the size for granted:
#   ten runs that differ so much make a rough mean, as the range shows. Izmailov et al. explain the gain so: the steps
#   keep to the edge of a region of good weights, and the mean lies nearer its center. (Runs that stopped at a bad epoch
#   pull the mean up; the figure marks the median.)
# - **As published:** there *is* something to gain, {{13.published_gain:sign}}, but in the median less than the standard
#   error of one test set of 1,000 points: one run cannot show it. Most of the noise may come from the last four points
#   of an epoch, too small a batch for a reliable gradient ("Try next" tests that).
#
# So averaging does help this recipe a little, and the tutorial's figures could not show it.

# %% [markdown]
# ### Exercise 13.3: a difference and its spread
#
# Summarize differences of runs: the mean difference, its standard error (the standard deviation
# of the *differences*, with $n - 1$, over $\sqrt n$), and in how many runs the second was better. Afterwards try
# `paired(np.zeros(10), gains["as published"])`: is that gain more than two standard errors?


# %% tags=["solution"]
def paired(before, after):
    """Return mean difference, its standard error and the number of wins of `after` over
    `before`, both (runs,)."""
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
            "The sign is turned: a gain of `after` counts as positive.",
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
                "This is for *independent* samples. The luck that both share cancels "
                "only in differences."
            ): (unpaired),
            "Divide the squares by n - 1: ddof=1.": [d.std() / root],
            "You multiply by the root of n. Of more runs the mean is surer.": [
                d.std(ddof=1) * root
            ],
            (
                "This is the spread of single runs. The mean of n is surer, by the "
                "root of n."
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
# (The gain as published is near two standard errors: your ten runs may leave it open, the ten runs of every seed
# together do not.)
#
# The noisy regime was made to be cured. A fair trial sets other cures beside the average, on the same runs: let the
# rate fall to zero over the last 30 epochs; take the single epoch that is best on the same validation points; average
# the *predictions* of the last 30 epochs instead of their weights.

# %% [markdown] tags=["predict"]
# Order them by their gain: the weight average, the falling rate, the best single epoch, the averaged predictions.

# %%
noisy = snapshots["noisy"]
falling = study(
    [*[noisy_rate] * (noisy_epochs - 30), *np.linspace(noisy_rate, 0, 31)[1:]], 2, 0.0
)

judged = np.array([accuracy(snapshot, validation) for snapshot in noisy]).argmax(axis=0)
best = [
    accuracy([array[[run]] for array in noisy[epoch]], test)[0]
    for run, epoch in enumerate(judged)
]
mixed = np.mean([predict(snapshot, test[0]) for snapshot in noisy], axis=0)

# %%
plain = tested["noisy"][0]
cures = {
    "weight average": gains["noisy"],
    "falling rate": 100 * (accuracy(falling[-1], test) - plain),
    "best single epoch": 100 * (np.array(best) - plain),
    "averaged predictions": (
        100 * (np.mean(mixed.argmax(axis=-1) == test[1], axis=-1) - plain)
    ),
}
plots.bars(
    cures,
    title="Cures for the noisy regime, ten runs each",
    label=gain_label,
    zero=False,
)

# %%
for name, gain in list(cures.items())[1:]:
    key = name.replace(" ", "_")
    spread(f"13.{key}", f"gain of the {name}", gain.mean(), **points)
    spread(
        f"13.{key}_lead",
        f"{name} minus weight average",
        np.mean(gain - gains["noisy"]),
        **points,
    )

# %% [markdown] tags=["answer"]
# | cure | gains | minus the weight average's {{13.noisy_gain}} |
# | --- | --- | --- |
# | falling rate | {{13.falling_rate}} | {{13.falling_rate_lead}}, {{13.falling_rate_lead:sign}} |
# | averaged predictions | {{13.averaged_predictions}} | {{13.averaged_predictions_lead}}, {{13.averaged_predictions_lead:sign}} |
# | best single epoch | {{13.best_single_epoch}} | {{13.best_single_epoch_lead}}, {{13.best_single_epoch_lead:sign}} |
#
# All of them help. The surprise is the single epoch: with 1,000 labeled points to choose by, *one* snapshot is at least
# a match for an average. Here the average chose $n$ by the same labels; but it needs none where $n$ is fixed beforehand
# (the curves above end at $n = 30$).

# %% [markdown] tags=["quiz"]
# In your runs, the last twenty epochs have nearly the same validation loss, and the rate has been lowered to almost
# zero. What do you expect of averaging their weights?
#
# - [ ] A gain, since more networks are combined.
#   More networks help where they differ. These hardly do.
# - [x] Next to nothing.
#   The snapshots hardly differ. An average removes what scatters, and a lowered rate has removed it already.
# - [ ] A loss, since older epochs are worse.
#   They are hardly worse: their validation loss is nearly the same.
# - [ ] It depends on whether the weights are equal, linear or exponential.
#   Weights of an average matter where its members differ. Of equal things every average is the same.

# %% [markdown]
# ## What Keras has built in
#
# `use_ema=True` in an optimizer keeps an average of the weights, updated after every *batch*, with the constant
# share `1 - ema_momentum`. In our terms it is one more rule:


# %%
def ema(momentum):
    return lambda count: 1 if count == 1 else 1 - momentum


# %% [markdown]
# The callback `SwapEMAWeights` puts the average in place for every validation and takes it out again. We let a noisy
# run keep Keras' average and ours side by side.

# %%
keras.utils.set_random_seed(seed)
model, running = network(), RunningAverage(ema(0.99))
optimizer = keras.optimizers.SGD(noisy_rate, use_ema=True, ema_momentum=0.99)
model.compile(
    optimizer,
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
    jit_compile=False,
)
swap = keras.callbacks.SwapEMAWeights()
ours = keras.callbacks.LambdaCallback(
    on_train_batch_end=lambda batch, logs: running.update(model.get_weights())
)
noisy_run = {
    "batch_size": 2,
    "epochs": 2,
    "validation_data": validation,
    "validation_batch_size": 1000,
}
history = model.fit(
    x_runs[0], y_runs[0], **noisy_run, callbacks=[swap, ours], verbose=0
).history

# %%
same = zip(running.weights, model.get_weights(), strict=True)
print(
    "our stream equals the weights that fit left:",
    all(np.allclose(a, b, atol=1e-4) for a, b in same),
)
_, validated = model.evaluate(*validation, batch_size=1000, verbose=0)
print(
    "and history's last val_accuracy is theirs:",
    np.isclose(history["val_accuracy"][-1], validated),
)

# %% [markdown]
# When `fit` ends, an optimizer with `use_ema` overwrites the model's weights with the
# average, also without the callback. Without it, though, every `val_accuracy` in the history is that of the *raw*
# weights, and the model that you hold afterwards was never validated. With it, history and model agree, as here.
#
# The first share is 1. After $k$ batches the first weights still count $0.99^{k-1}$:

# %%
for batches in (10, 100, 500):
    print(
        f"after {batches:3} batches the first still weighs {0.99 ** (batches - 1):.2f}"
    )

# %% [markdown]
# In a short run the built-in average is mostly memory of a bad start. Choose the momentum by the number of batches
# that it should reach back, about `1 / (1 - ema_momentum)`.

# %% [markdown]
# ## Batch normalization: the part that is not averaged
#
# A layer of batch normalization has weights that are learned, and two that are *measured*: the mean and the variance
# of its inputs, followed up during training. The average of the learned weights is a network that was never run, so
# nobody has measured its statistics. One can keep those of the last epoch, average them along with the weights, or
# measure anew. Only the third is right by construction: the variance under averaged weights is in general not the
# average of the variances.

# %%
from course.data import load

digits = load("mnist", fast=fast)
x_digits, y_digits = (
    digits.x_train[:2000].reshape(-1, 784).astype("float32") / 255,
    digits.y_train[:2000],
)
x_held_out, y_held_out = (
    digits.x_validation[:5000].reshape(-1, 784).astype("float32") / 255,
    digits.y_validation[:5000],
)


def normalized_network():
    """Three hidden layers, each with batch normalization."""
    layers = [keras.Input((784,))]
    for _ in range(3):
        layers += [
            keras.layers.Dense(64),
            keras.layers.BatchNormalization(momentum=0.9),
            keras.layers.ReLU(),
        ]
    model = keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])
    optimizer = keras.optimizers.SGD(0.3, momentum=0.9)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    return model


# %%
keras.utils.set_random_seed(seed)
model, running = normalized_network(), RunningAverage()
keep = keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: running.update(model.get_weights())
)
_ = model.fit(
    x_digits, y_digits, batch_size=32, epochs=digit_epochs, verbose=0, callbacks=[keep]
)
last = model.get_weights()

# %% [markdown]
# Re-estimating takes one pass over the training digits. In training mode the layer measures; with momentum 0 it
# forgets what it knew before. (Larger data go through in batches, and the measurements are averaged.)


# %%
def reestimate(model, x):
    """Measure the statistics of all batch normalization anew, on all rows of `x` as one
    batch."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(x, training=True)


# %% [markdown] tags=["predict"]
# Three networks with the same averaged weights: with the statistics of the last epoch, with averaged statistics, and
# re-estimated. Which comes last, and how far behind?

# %%
learned = {variable.path for variable in model.trainable_variables}
names = [variable.path for variable in model.weights]
stale = [
    a if name in learned else b
    for name, a, b in zip(names, running.weights, last, strict=True)
]


def share_read():
    """The share of the held-out digits that the model reads right."""
    return np.mean(model(x_held_out).numpy().argmax(axis=1) == y_held_out)


results = {}
trials = {
    "last epoch": last,
    "statistics of the last epoch": stale,
    "averaged statistics": running.weights,
}
for name, weights in trials.items():
    model.set_weights(weights)
    results[name] = share_read()
reestimate(model, x_digits)
results["re-estimated"] = share_read()

# %% tags=["varies"]
plots.bars(
    results,
    title="Batch normalization: last epoch, three averages",
    label="share of validation digits right",
)

# %%
stale_loss = 100 * (results["re-estimated"] - results["statistics of the last epoch"])
averaged_loss = 100 * (results["re-estimated"] - results["averaged statistics"])

# %%
spread("13.bn_last", "last epoch, no average", results["last epoch"])
spread(
    "13.bn_stale",
    "statistics of the last epoch",
    results["statistics of the last epoch"],
)
spread("13.bn_averaged", "averaged statistics", results["averaged statistics"])
spread("13.bn_reestimated", "re-estimated statistics", results["re-estimated"])
spread(
    "13.bn_stale_loss",
    "what the last epoch's statistics lose",
    stale_loss,
    digits=1,
    unit="points",
)
spread(
    "13.bn_averaged_loss",
    "what averaged statistics lose",
    averaged_loss,
    digits=1,
    unit="points",
)

# %% [markdown] tags=["answer"]
# | weights | statistics | validation digits read |
# | --- | --- | --- |
# | last epoch | its own | {{13.bn_last}} |
# | averaged | of the last epoch | {{13.bn_stale}} |
# | averaged | averaged | {{13.bn_averaged}} |
# | averaged | measured anew | {{13.bn_reestimated}} |
#
# The same averaged weights, three different networks. The last epoch's statistics come last: against measuring anew
# they lose {{13.bn_stale_loss}}, {{13.bn_stale_loss:sign}}. Keras' `use_ema` averages the learned weights only, so it
# is this case. Averaged statistics are no disaster here, they lose {{13.bn_averaged_loss}}, but nothing vouches for
# them. **After averaging, re-estimate**: it costs one pass, and it is the definition.

# %% [markdown] tags=["quiz"]
# You average the weights of a network with batch normalization and re-estimate its statistics. Which rows may you
# use for that?
#
# - [x] The training rows.
#   The statistics are part of the fitted network, and they are measured on what it is fitted to.
# - [ ] The validation rows, since the network is judged there.
#   Then the network would be adapted to the rows that judge it.
# - [ ] The test rows, since no labels are needed.
#   Labels or not, the network would be adapted to the rows on which it is to be judged.
# - [ ] None; the statistics must be averaged with the weights.
#   The averaged network has activations of its own, and averages of the old statistics do not describe them.

# %% [markdown]
# ## Networks of different seeds
#
# So far we averaged *one* run at different times. Now networks that were trained apart: same points, other first
# weights and another order. The stacked trainer takes all of them at once, a few for each of the ten training sets.


# %%
def grouped(rates, batch_size, momentum):
    """Train `members` networks on the points of each run;
    weights with members * runs in front."""
    random = np.random.default_rng([seed, members])
    x, y = np.repeat(x_runs, members, axis=0), np.repeat(y_runs, members, axis=0)
    start = initialize(runs * members, [2, 25, 3], random)
    *_, weights = train(
        start,
        x,
        y,
        random,
        learning_rates=rates,
        batch_size=batch_size,
        momentum=momentum,
    )
    return weights


trained = {name: grouped(*settings[name]) for name in ("converged", "noisy")}

# %% [markdown] tags=["predict"]
# For each set, average the *predictions* of its networks, or average their *weights*. What will each do, in the
# converged and in the noisy regime? (Guessing is right for a third of the points.)


# %%
def share_right(probabilities, points):
    return np.mean(probabilities.argmax(axis=-1) == points[1], axis=-1)


def by_run(array):
    return array.reshape(runs, members, *array.shape[1:])


compared, agreement = {}, {}
for name, weights in trained.items():
    probabilities = by_run(predict(weights, test[0]))
    votes = probabilities.argmax(axis=-1)
    agreement[name] = (votes == votes[:, :1]).all(axis=1).mean()
    compared[f"{name}: single"] = share_right(probabilities, test).mean(axis=1)
    compared[f"{name}: predictions"] = share_right(probabilities.mean(axis=1), test)
    compared[f"{name}: weights"] = accuracy(
        [by_run(array).mean(axis=1) for array in weights], test
    )
plots.bars(
    compared,
    title="Networks trained apart, averaged in two ways",
    label="test accuracy (share)",
)

# %%
gains_of = {
    name: 100 * (compared[f"{name}: predictions"] - compared[f"{name}: single"])
    for name in trained
}
apart = compared["converged: weights"].mean()

# %%
bound(
    "13.weights_apart",
    "weights averaged, converged",
    apart,
    at_most={"full": 0.55, "fast": 0.65},
    digits=2,
)
bound(
    "13.noisy_ensemble",
    "predictions gain, noisy",
    gains_of["noisy"].mean(),
    at_least=0,
    **points,
)
bound(
    "13.converged_ensemble",
    "predictions gain, converged",
    gains_of["converged"].mean(),
    at_most=0.5,
    **points,
)
spread(
    "13.noisy_ensemble_wins",
    "sets of ten that gain, noisy",
    (gains_of["noisy"] > 0).sum(),
    digits=0,
)
bound(
    "13.converged_agreement",
    "networks agree, converged",
    agreement["converged"],
    at_least=0.9,
    digits=2,
)
bound(
    "13.noisy_agreement",
    "networks agree, noisy",
    agreement["noisy"],
    at_most=0.9,
    digits=2,
)

# %% [markdown] tags=["answer"]
# - **Averaging the weights of networks trained apart ruins them**: {{13.weights_apart}} right in the converged regime,
#   where guessing gets a third. Hidden unit 7 of one network has nothing to do with hidden unit 7 of another; their
#   mean is no unit at all. In snapshots of one run, unit 7 is the same unit, a little later.
# - **Averaging predictions** gains {{13.noisy_ensemble}} in the noisy regime, in {{13.noisy_ensemble_wins}} of ten
#   sets. What differs between the networks is luck, and the mean has less of it.
# - In the converged regime it gains {{13.converged_ensemble}}, nearly nothing. All networks of a set agree on a share
#   of {{13.converged_agreement}} of the test points, against {{13.noisy_agreement}} in the noisy regime. What they get
#   wrong together, where the clouds overlap or the same 100 points misled them all, no mean puts right.

# %% [markdown]
# The price is `members` trainings and as many predictions. The weight average costs one of each, and in the noisy
# regime it gained {{13.noisy_gain}} (with 1,000 labels to choose $n$ by).

# %% [markdown]
# ### Stacking
#
# Must every member count the same? *Stacking* lets a second model learn how to combine: its inputs are the members'
# probabilities. It needs rows that the members have not learned from. Here those are the validation points.

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
# Stacking with 1,000 validation points against the plain mean: which wins? And what would a plain logistic
# regression reach that is simply *trained* on those points, together with the 100?

# %%
on_test, on_validation = (
    by_run(predict(trained["noisy"], test[0])),
    by_run(predict(trained["noisy"], validation[0])),
)
on_training = by_run(predict(trained["noisy"], np.repeat(x_runs, members, axis=0)))
combined = {
    "mean of members": compared["noisy: predictions"],
    "stacked, fitted on training": [
        stacked_accuracy(on_training[run], y_runs[run], on_test[run])
        for run in range(runs)
    ],
    "stacked, fitted on validation": [
        stacked_accuracy(on_validation[run], validation[1], on_test[run])
        for run in range(runs)
    ],
}

# %%
linear_model = LogisticRegression(solver="newton-cholesky")
everything = [
    (np.vstack([x, validation[0]]), np.append(y, validation[1]))
    for x, y in zip(x_runs, y_runs, strict=True)
]
combined["one linear model, 100 points"] = [
    linear_model.fit(x, y).score(*test) for x, y in zip(x_runs, y_runs, strict=True)
]
combined["one linear model, all 1,100"] = [
    linear_model.fit(x, y).score(*test) for x, y in everything
]
plots.bars(
    combined, title="Noisy members, combined", label="test accuracy (share)", zero=False
)

# %%
short = ["mean", "stacked_training", "stacked_validation", "linear_100", "linear_1100"]
for key, (name, values) in zip(short, combined.items(), strict=True):
    spread(f"13.combined_{key}", name, np.mean(values))
best_stack, linear_100 = (
    combined["stacked, fitted on validation"],
    combined["one linear model, 100 points"],
)
stacking_gain = 100 * np.mean(np.subtract(best_stack, combined["mean of members"]))
linear_lead = 100 * np.mean(np.subtract(linear_100, best_stack))

# %%
spread("13.stacking_gain", "stacked on validation minus mean", stacking_gain, **points)
spread(
    "13.linear_lead", "linear model, 100 points, minus stacked", linear_lead, **points
)

# %% [markdown] tags=["answer"]
# Stacking beats the mean, {{13.combined_stacked_validation}} against {{13.combined_mean}}, when it is fitted on rows
# that the members have not seen: it gains {{13.stacking_gain}}, {{13.stacking_gain:sign}}. Fitted on the training
# points it reaches {{13.combined_stacked_training}}: there the members look better than they are, and the combiner
# believes them.
#
# But it was fitted to ten times as many labels as each member. *One* logistic regression on the same 1,100 points
# reaches {{13.combined_linear_1100}}. On the 100 training points alone it reaches {{13.combined_linear_100}}, which
# leads the best combination of these networks by {{13.linear_lead}}, {{13.linear_lead:sign}}. For round clouds of one
# size, straight borders are the best there are. An ensemble reduces the luck in a model. It does not turn an unsuitable
# model into a suitable one.

# %% [markdown]
# ## What you have learned
#
# - A weight average needs no files: a running average moves by a share of the difference, and the shares make it
#   equal, linear or exponential. It equals the stored average, in constant memory.
# - Averaging the last epochs of a run does nothing where training has come to rest and helps where it is noisy. A
#   lower rate or a well-chosen epoch may help as much.
# - Never average the weights of networks trained apart.
# - A difference smaller than the standard error needs pairs and seeds; what is chosen is chosen on validation.
# - Keras averages after every batch and starts from the first weights. Validate with `SwapEMAWeights`, and
#   re-estimate batch normalization after any averaging of weights.
# - Averaging predictions removes the luck in which members differ, at the price of training and asking them all.
#   Stacking needs further labels, which could also have been trained on. Small networks train and predict together.
#
# ## Try next
#
# - Average five *noisy* runs' predictions, each of them a weight average. Do the gains add up?
# - Give the ten runs a batch of 25, so that 100 divides evenly. What is left of the gain "as published"?
# - Sort the hidden units of networks trained apart before averaging their weights, say by their bias. Does it help?
# - Let each member learn from a resample of its 100 points (bagging). Does the converged ensemble gain now?
