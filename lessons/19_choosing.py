# ---
# title: Choosing under a budget
# part: 5 Text, depth and choice
# objectives:
#   - run a learning-rate range test in Keras, and explain what it can tell you
#   - compute how many seeds it takes to tell two settings apart, with separate seeds and in pairs
#   - compute how much the best of n tries flatters, and how much of the gain remains on other rows
#   - choose between a grid, random search and successive halving, and count the epochs that each one spends
#   - keep a test set sealed until one network is left
#   - run a search as recorded runs that resume where they stopped, as `course run` does
# prerequisites:
#   - "lesson 02 (Regression with Keras): training, validation and test rows; whole mixtures on one side"
#   - "lesson 04 (Training history): learning curves"
#   - mean, variance, standard error
# data: [concrete]
# reading:
#   - "Smith, *Cyclical learning rates for training neural networks*, WACV 2017, arXiv:1506.01186 (the range test)"
#   - "Bergstra, Bengio, *Random search for hyper-parameter optimization*, Journal of Machine Learning Research 13, 2012, jmlr.org/papers/v13/bergstra12a.html"
#   - "Jamieson, Talwalkar, *Non-stochastic best arm identification and hyperparameter optimization*, AISTATS 2016, arXiv:1502.07943 (successive halving)"
#   - "Li et al., *Hyperband*, Journal of Machine Learning Research 18, 2018, arXiv:1603.06560 (when the first cut comes too early)"
#   - "Dodge et al., *Show your work: improved reporting of experimental results*, EMNLP 2019, arXiv:1909.03004 (the expected best of n)"
#   - "Cawley, Talbot, *On over-fitting in model selection*, Journal of Machine Learning Research 11, 2010, jmlr.org/papers/v11/cawley10a.html"
#   - "TensorFlow, issue 58098 (2022), and ageron/handson-ml2, issue 188 (2021): what `logs[\"loss\"]` is at the end of a batch, github.com"
# ---

# %% [markdown]
# A network has settings that no gradient finds: the learning rate, the number of units, the weight decay. You find
# them by trying, and every try costs epochs. So you have a budget, whether you wrote it down or not.
#
# In this lesson you spend a budget in several ways and measure what each one buys. You will also measure two things
# that a table of results hides: how much of a difference is due to the luck of one seed, and how much better the best
# of many tries looks than it is.
#
# The text quotes results of full mode; your run prints its own beside them.

# %% tags=["parameters"]
seed: int = 0  # seed of split, settings and initial weights, 0 to 1000000
fast: bool = False  # fewer epochs and networks
units: int = 32  # hidden units in the first sections, 4 to 64
range_steps: int = 200  # steps of the range test, 100 to 400, fast 100
repeats: int = 20  # training runs of each learning rate, 5 to 50, fast 5
lucky: int = 6_000  # networks of one setting, 200 to 20000, fast 200
best_of: int = 20  # tries of which the best is taken, 2 to 50
pool: int = 243  # random settings, 81 to 729, fast 81
most_epochs: int = 81  # epochs of a whole training run, 27 to 243, fast 27
draws: int = 200  # draws of settings for the budgets, 50 to 1000, fast 50

# %%
from course.lesson import begin

begin("19_choosing", globals())

# %% [markdown]
# This is the plan of a search that spends little:

# %%
from course.topics.budget_figures import search_sketch

search_sketch()

# %% [markdown]
# ## Four parts of the rows
#
# The table is that of lesson 02: samples of concrete, and the pressure that each one withstood (in MPa). As there, all
# rows of a mixture stay in one part. Concrete hardens fast at first and slowly later, so age enters as its logarithm.

# %%
import numpy as np

from course.data import table

concrete = table("concrete").drop_duplicates()
strength = concrete.pop("strength").to_numpy()
recipe = concrete.drop(columns="age")
mixture = recipe.groupby(list(recipe)).ngroup().to_numpy()
concrete["age"] = np.log(concrete["age"])

# %% [markdown]
# You know training, validation and test rows. This lesson needs a fourth part, which we call **later**. It stands for
# the future. No choice is based on these rows. We look at them only to see how well each way of choosing does. In your
# own work there is no such part. The test rows stay sealed until the searches are over.
#
# We decide now, before we see any result, which network will see the test rows: the one that successive halving
# (explained below) finds among the first 81 random settings, with the first cut after 1/27 of the training.

# %%
from sklearn.model_selection import GroupKFold

splitter = GroupKFold(5, shuffle=True, random_state=seed)
fifths = [rows for _, rows in splitter.split(concrete, groups=mixture)]
rows = {"training": np.concatenate(fifths[:2])}
rows |= dict(zip(("validation", "later", "test"), fifths[2:], strict=True))
print({part: len(places) for part, places in rows.items()})

# %% [markdown]
# We standardize inputs and strengths by the mean and standard deviation of the training rows. Multiplying an error by
# `scale` turns it back into MPa.

# %%
training = rows["training"]
inputs = concrete.to_numpy()
inputs = (inputs - inputs[training].mean(axis=0)) / inputs[training].std(axis=0)
scale = strength[training].std()
targets = (strength - strength[training].mean()) / scale

x = {part: inputs[places].astype("float32") for part, places in rows.items()}
y = {part: targets[places].astype("float32") for part, places in rows.items()}

# %% [markdown]
# ## One network, and many
#
# Here is the network in Keras. A *setting* is its learning rate, its number of hidden units, and the weight decay of
# its optimizer, AdamW.

# %%
import keras

from course.topics.budget import Networks, Setting


def keras_network(setting):
    """A network with one hidden layer, compiled."""
    hidden = keras.layers.Dense(setting.units, activation="relu")
    model = keras.Sequential([keras.Input((8,)), hidden, keras.layers.Dense(1)])
    optimizer = keras.optimizers.AdamW(setting.learning_rate, setting.weight_decay)
    model.compile(optimizer, loss="mse", jit_compile=False)
    optimizer.build(model.trainable_variables)  # not needed, but saves a second
    return model


# %% [markdown]
# A search trains hundreds of networks. For networks as small as this one, `fit` spends most of its time outside the
# arithmetic (lesson 05). So the course has `Networks`, which trains many small networks side by side in NumPy. Each
# network has its own setting, initial weights and order of rows. Is this the same training as in Keras? We give both
# the same initial weights and the same order, and compare all weights after five epochs.

# %%
from course.training.fast_fit import fast_fit

usual = Setting(learning_rate=0.01, units=units, weight_decay=0.01)
one = Networks([usual], [seed], inputs=8)
model = keras_network(usual)
model.set_weights(one.weights_of(0))

five = {"epochs": 5, "verbose": 0, "batch_size": 32}
fast_fit(model, seed=seed).fit(x["training"], y["training"][:, None], **five)
_ = one.train(x["training"], y["training"], epochs=5, judges=[])

# %%
pairs = zip(model.get_weights(), one.weights_of(0), strict=True)
difference = max(np.abs(theirs - ours).max() for theirs, ours in pairs)

# %%
from course.claims import bound, fact, spread

spread(
    "19.from_keras",
    "largest difference of a weight, Keras' fit and ours, as a power of ten",
    np.log10(difference),
    digits=1,
)

# %% [markdown]
# As a power of ten, the largest difference between two corresponding weights has the exponent {{19.from_keras}}. Up to
# rounding, it is the same training. (Where a seed's difference is far larger than the median, rounding has decided
# whether a ReLU was on: its input for some row was so close to 0 that one program found it above 0 and the other did
# not.)
#
# From here on, one function trains a list of settings. It returns the networks and two arrays of errors (networks,
# epochs): one for the validation rows and one for the later rows.

# %%
judges = [(x[part], y[part]) for part in ("validation", "later")]


def train(settings, seeds, epochs):
    """Train a network for each setting; return them, and their two errors in MPa."""
    networks = Networks(settings, seeds, inputs=8)
    errors = networks.train(x["training"], y["training"], epochs=epochs, judges=judges)
    return networks, *(scale * errors)


# %% [markdown]
# ## The range test
#
# Begin with the learning rate, for which there is a cheap test (Smith, 2017). Start with a rate that is far too
# low. Raise it after every batch, and watch the loss. At first nothing happens, then the loss falls, and in the end it
# explodes. (Smith raised the rate by equal steps; today most programs multiply it by the same factor, and so do we.)

# %%
rates = np.geomspace(1e-5, 10, range_steps)
rng = np.random.default_rng(seed)
batches = np.array([rng.choice(len(x["training"]), 32, replace=False) for _ in rates])
x_batches = x["training"][batches]
y_batches = y["training"][batches][..., None]

# %%
from course.training.reinitialize import reinitialize

ranged = keras_network(usual)
reinitialize(ranged, seed)
losses = []
for rate, *batch in zip(rates, x_batches, y_batches, strict=True):
    ranged.optimizer.learning_rate = rate
    ranged.reset_metrics()  # you will see why
    losses.append(float(ranged.train_on_batch(*batch)))

# %% [markdown]
# Many programs for this test are callbacks. A widely copied one (`surmenok/keras_lr_finder`) takes `loss =
# logs['loss']` at the end of each batch. Here is the same idea, written for today's Keras:


# %%
class CopiedFinder(keras.callbacks.Callback):
    """Note the loss after every batch, and raise the rate."""

    def on_train_begin(self, logs=None):
        self.losses = []
        self.model.optimizer.learning_rate = rates[0]

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(logs["loss"])
        self.model.optimizer.learning_rate = rates[min(batch + 1, len(rates) - 1)]


# %% [markdown] tags=["predict"]
# Our loop and the callback take the same steps on the same batches from the same initial weights. Will they show the
# same curve?

# %%
import tensorflow as tf

finder = CopiedFinder()
same_batches = tf.data.Dataset.from_tensor_slices((x_batches, y_batches))
_ = reinitialize(ranged, seed).fit(
    same_batches, shuffle=False, callbacks=[finder], verbose=0
)

# %%
smooth = np.convolve(losses, np.ones(15) / 15, mode="same")
smooth[:7] = smooth[-7:] = np.nan  # no full window of 15 losses here
lowest = rates[np.nanargmin(smooth)]
lowest_copied = rates[np.nanargmin(finder.losses)]

# %%
curves = {
    "loss of the batch": np.array(losses),
    "mean of 15 batches": smooth,
    "the copied finder": np.array(finder.losses),
}

# %% tags=["varies"]
from course import plots

shown = rates <= 3 * lowest_copied
plots.lines(
    rates[shown],
    {name: curve[shown] for name, curve in curves.items()},
    title="A range test, and what the copied program shows of it",
    x_label="learning rate",
    y_label="loss (standardized, squared)",
    log="xy",
)

# %%
half = range_steps // 2
running_mean = np.cumsum(losses) / np.arange(1, range_steps + 1)
agree = np.allclose(finder.losses[:half], running_mean[:half], rtol=1e-3)

# %%
fact(
    "19.running_mean",
    "the copied finder shows the mean of all losses so far (to a thousandth)",
    agree,
)

# %%
spread("19.lowest", "rate at which the loss is lowest", lowest, digits=4)
spread(
    "19.copied_shift",
    "rate of the lowest loss, copied finder over ours",
    lowest_copied / lowest,
    digits=2,
)

# %% [markdown] tags=["answer"]
# No. At the end of a batch `logs["loss"]` is the **mean of all losses since the epoch began**. It was the loss of the
# batch until TensorFlow 2.2, which changed it without a word in its release notes (TensorFlow issue 58098;
# ageron/handson-ml2 issue 188). A mean over the past is smooth, but it lags: it remembers the high losses of the start,
# and it needs a while to notice that the loss goes up again. So with nearly every seed, its lowest point lies at a
# higher rate: {{19.copied_shift}} times the one at which our mean of 15 batches is lowest. (That mean errs a little the
# other way: it is centered, so it sees the explosion seven batches early.) Call `model.reset_metrics()` before every
# batch. `train_on_batch` does so itself in the Keras of this course, but earlier versions of Keras 3 returned the
# running mean there, too (Keras pull request 22617, merged in 2026).

# %% [markdown]
# What does the test tell us? To see that, train nine rates to the end, each from many seeds. The seeds are the same for
# every rate.

# %%
nine = np.geomspace(1e-4, 1, 9)
settings = [Setting(rate, units, 0.01) for rate in nine for _ in range(repeats)]
seeds = np.tile(1_000 * seed + np.arange(repeats), len(nine)).tolist()
_, validation, _ = train(settings, seeds, most_epochs)
final = validation[:, -1].reshape(len(nine), repeats)

# %% [markdown] tags=["predict"]
# The range test had its lowest loss at some rate. Will the best of these nine be near that rate, well below it, or well
# above it?

# %% tags=["varies"]
plots.lines(
    nine,
    {"at the end of training": final.T},
    title="Nine learning rates, each with several seeds",
    x_label="learning rate",
    y_label="validation error (RMSE, MPa)",
    log="xy",
    marked={"lowest loss of the range test": lowest},
)

# %%
means = final.mean(axis=1)
best_rate = nine[np.argmin(means)]
at_first = validation[:, most_epochs // 9 - 1].reshape(len(nine), repeats)
early_over_best = nine[np.argmin(at_first.mean(axis=1))] / best_rate
tenth = nine[np.argmin(np.abs(np.log(nine / (lowest / 10))))]  # the nearest of the nine
costs = means[nine == tenth][0] - means.min()
in_mpa = {"unit": "MPa", "digits": 2}  # how errors are shown

# %%
spread("19.best_rate", "best of the nine rates", best_rate, digits=4)
spread(
    "19.lowest_over_best",
    "rate of the lowest loss over the best rate",
    lowest / best_rate,
    digits=1,
)
spread("19.tenth_costs", "error that a tenth of that rate adds", costs, **in_mpa)

# %%
spread(
    "19.early_over_best",
    "best rate after a ninth of the epochs over that at the end",
    early_over_best,
    digits=1,
)

# %% [markdown] tags=["answer"]
# Well below it: the rate of the lowest loss is {{19.lowest_over_best}} times the best of the nine. A rule of thumb is
# to take a tenth of the rate with the lowest loss. Among our nine rates, the one nearest to that tenth adds
# {{19.tenth_costs}} to the error of the best. So the test finds a place to start. It does not make the choice for you,
# because it looks only at a few hundred steps and at the training loss. The best rate also depends on how long you
# train: after a ninth of the epochs, the best of the nine was {{19.early_over_best}} times as high as at the end.

# %% [markdown]
# ## What is one seed worth?
#
# The figure above has a band: with nothing changed but the seed, the errors of one setting differ. Let us compare the
# two rates with the lowest mean errors. All rates had the same seeds, so compare them in pairs, seed by seed, as in
# lesson 13. "Wrong" below means the rate whose mean error over all seeds is higher.

# %%
order = np.argsort(means)
best, second = final[order[0]], final[order[1]]
differences = second - best  # of each seed
gap = differences.mean()
noise = np.sqrt((best.var(ddof=1) + second.var(ddof=1)) / 2)

# %% [markdown] tags=["predict"]
# You train each of the two once, from the same seed, and take the better one. How often do you take the wrong one?

# %%
wrong = np.mean(differences < 0)
correlation = np.corrcoef(best, second)[0, 1]
needed = np.ceil(8 * (noise / gap) ** 2)
needed_in_pairs = np.ceil(4 * (differences.std(ddof=1) / gap) ** 2)

# %%
spread("19.gap", "difference of their mean errors", gap, **in_mpa)
spread("19.noise", "standard deviation from seed to seed", noise, **in_mpa)
spread(
    "19.wrong",
    "share of seeds with which the worse rate wins",
    100 * wrong,
    unit="%",
    digits=0,
)

# %%
words = "seeds until the difference is twice its standard error, at most 1,000"
most = 1_000  # rates that hardly differ would take any number
spread("19.needed", words, min(needed, most), digits=0)
spread("19.correlation", "correlation of the two over the seeds", correlation, digits=2)
spread("19.needed_in_pairs", f"{words}, in pairs", min(needed_in_pairs, most), digits=0)

# %% [markdown] tags=["answer"]
# With {{19.wrong}} of the seeds the worse one wins. The two differ by {{19.gap}} on average, and single training runs
# scatter by {{19.noise}}. (Even the word "worse" is uncertain: the same means decided which two rates we compare and
# which of them is better.)
#
# How many seeds would tell them apart? Suppose first that each rate has $n$ seeds of its own. Then the difference of
# the two means has a standard error of $\sqrt{2 s^2 / n}$, where $s$ is the standard deviation from seed to seed. It is
# half of the difference $d$ when $n = 8 (s / d)^2$.
#
# Now take the same seeds for both. A seed gives both networks the same initial weights and the same order of the rows,
# so their errors may rise and fall together, and what they share drops out of the difference. With $s_d$ for the
# standard deviation of the differences, the mean of $n$ of them has a standard error of $s_d / \sqrt{n}$. It is half of
# $d$ when $n = 4 (s_d / d)^2$.
#
# | | value |
# | --- | --- |
# | seeds, when each rate has its own | {{19.needed}} |
# | correlation of the two errors over the shared seeds | {{19.correlation}} |
# | seeds, in pairs | {{19.needed_in_pairs}} |
#
# (Any count above 1,000 is given as 1,000.) Pairs need fewer seeds where the correlation is above 0, and more where it
# is below. Without correlation $s_d^2$ is $2 s^2$, and the two formulas agree. Do not rely on either count: from one
# seed of this lesson to the next, it ranges over more than two orders of magnitude, since the difference $d$ is itself
# uncertain. Where a count is more than `repeats`, our own training runs cannot tell which rate is better. And even a
# correct count is a minimum: with so many new seeds, the difference that you measure is more than twice its standard
# error only about half the time. All this holds for these validation rows alone. To learn about other rows, resample
# the rows (lesson 09).

# %% [markdown]
# ### Exercise 19.1: how many seeds
#
# Write the function that gives the first of these counts, where each setting has seeds of its own: the smallest whole
# number of seeds per setting at which the difference between the two means is at least twice its standard error. The
# difference may be negative. (It is never 0.)


# %% tags=["solution"]
def seeds_needed(difference, deviation):
    """Return the seeds of each setting, an int.

    `deviation` is the standard deviation of the error from seed to seed.
    """
    return int(np.ceil(8 * (deviation / difference) ** 2))


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close


def draw(rng):
    return float(rng.choice([-1, 1]) * rng.uniform(0.05, 2)), float(rng.uniform(0.1, 3))


@exercise("19.1", seeds_needed, draw=draw)
def check(seeds_needed):
    found = seeds_needed(1.0, 1.6)
    expect_close(
        found,
        21,
        f"For a difference of 1 and a deviation of 1.6 it gives {found}, not 21.",
        {
            (
                "You took the variance of one mean. A difference of two means has twice"
                " that."
            ): 11,
            "You cannot run part of a seed. Round up to a whole number.": 8 * 1.6**2,
            "You rounded down, and one seed is missing. Round up.": 20,
            (
                "You did not square the ratio. The standard error falls with the root"
                " of the number of seeds."
            ): 13,
        },
    )
    expect(
        seeds_needed(-1.0, 1.6) == 21,
        "A negative difference gives another number. It does not matter which of the"
        " two is better.",
    )


# %% tags=["wrong"] hint="the variance of one mean"
def seeds_needed(difference, deviation):
    return int(np.ceil(4 * (deviation / difference) ** 2))


# %% tags=["wrong"] hint="Round up"
def seeds_needed(difference, deviation):
    return int(8 * (deviation / difference) ** 2)


# %% tags=["wrong"] hint="You did not square the ratio"
def seeds_needed(difference, deviation):
    return int(np.ceil(8 * abs(deviation / difference)))


# %% tags=["wrong"] hint="A negative difference"
def seeds_needed(difference, deviation):
    n = 1
    while n < 10_000 and difference < 2 * deviation * np.sqrt(2 / n):
        n += 1
    return n


# %% [markdown]
# ## How the best of n flatters
#
# A report shows the best of many tries. How much of its lead is luck? Begin with tries in which everything is luck:
# programs that answer yes-or-no questions by tossing a coin.

# %% [markdown] tags=["predict"]
# Take `best_of` such programs (20, unless you changed it). Each answers 200 questions. How many does the *best* of them
# get right, on average?

# %%
from scipy.stats import binom

questions = 200
right = np.arange(questions + 1)
best_has_more = 1 - binom.cdf(right, questions, 0.5) ** best_of
computed = best_has_more.sum()

rng = np.random.default_rng(seed)
tossed = rng.binomial(questions, 0.5, (20_000, best_of)).max(axis=1).mean()
print(f"computed {computed:.1f}, tossed {tossed:.1f} of {questions}")

# %%
bound(
    "19.coins_ratio",
    "gain of the best of the coins, tossed over computed",
    (tossed - questions / 2) / (computed - questions / 2),
    at_least=0.9,
    at_most=1.1,
)
spread("19.coins", "right answers of the best coin", tossed, digits=1)

# %% [markdown] tags=["answer"]
# The best gets {{19.coins}} right, and knows nothing. The computation takes two lines. The chance that a program has at
# most $k$ right is $F(k)$, from the binomial distribution. The chance that *all* $n$ have at most $k$ right is
# $F(k)^n$. The mean of a count is the sum, over $k = 0, 1, \dots$, of the chance that the count is more than $k$:
#
# $$\mathrm{E}[\text{best of } n] = \sum_{k \ge 0} \left(1 - F(k)^n\right)$$
#
# Nobody cheated. It is enough to choose the best by the same questions that the report then quotes. This flattery is
# called selection bias.

# %% [markdown]
# Networks, unlike coins, know something. A network with a lucky seed may really be better, or it may only happen to fit
# these validation rows. To tell the two apart, train many networks with *one* setting, so that only the seed differs.

# %%
_, *both = train(
    [Setting(0.02, 16, 0.01)] * lucky,
    (100_000 * (seed + 1) + np.arange(lucky)).tolist(),
    most_epochs // 4,
)
validation, later = (errors[:, -1] for errors in both)

# %% [markdown]
# We compute the gain from one half of the networks and measure it in the other. For values that are normally
# distributed, the best of $n$ lies $c_n$ standard deviations from the mean, on average. The number $c_n$ is known: it
# is the mean of the greatest of $n$ standard normal values. To compute what remains on other rows, fit a line to the
# later errors as a function of the validation errors. Its slope is the share of the gain that remains, if the relation
# is a straight line.

# %%
from course.topics.budget import best_of_normal

seen, unseen = validation[::2], later[::2]  # the half to compute with
slope = np.cov(seen, unseen)[0, 1] / seen.var(ddof=1)
tries = np.array([2, 5, 10, 20, 50])
normal_gain = seen.std(ddof=1) * np.array([best_of_normal(n) for n in tries])

# %% [markdown]
# In the other half we measure: draw $n$ of the networks, take the one with the least validation error, and note by how
# much its error is below the mean, on the validation rows and on the later rows. The average over all draws has a
# formula, so you need not draw. The $i$-th best of $N$ networks is chosen when it is drawn and the other $n - 1$ come
# from the $N - i$ worse ones:
#
# $$P(i\text{-th is chosen}) = \binom{N - i}{n - 1} / \binom{N}{n}$$

# %% [markdown]
# ### Exercise 19.2: the expected best
#
# Write the function that returns the expected least error among `n` networks drawn from `errors` without replacement:
# the mean over all possible draws. `math.comb(a, b)` gives $\binom{a}{b}$. With `n = 1` the result is the mean of
# `errors`; with `n = len(errors)` it is the least of them.

# %% tags=["solution"]
import math


def expected_best(errors, n):
    """Return the mean, over all draws of `n` of the `errors`, of the least one."""
    errors = sorted(errors)
    draws = math.comb(len(errors), n)
    return sum(
        error * math.comb(len(errors) - i, n - 1) / draws
        for i, error in enumerate(errors, start=1)
    )


# %% tags=["check"]
def draw(rng):
    errors = rng.uniform(1, 9, rng.integers(2, 9))
    return errors.round(2).tolist(), int(rng.integers(1, len(errors) + 1))


@exercise("19.2", expected_best, draw=draw)
def check(expected_best):
    errors = [7.0, 3.0, 4.0, 8.0]
    expect_close(
        expected_best(errors, 1),
        5.5,
        "With n = 1 it must be the mean of all errors.",
        {"With n = 1 it gives the least of all errors. All are equally likely.": 3.0},
    )
    expect_close(
        expected_best(errors, 4),
        3.0,
        "With all networks drawn, the least error must come out.",
        {
            "You took the errors in the order in which they came. Sort them first.": 7,
            "This is the greatest. Errors are to be small: sort from the least up.": 8,
        },
    )
    found = expected_best(errors, 2)
    with_replacement = np.sum(np.sort(errors) * np.array([7, 5, 3, 1]) / 16)
    expect_close(
        found,
        (3 * 3 + 4 * 2 + 7) / 6,
        f"For {errors} and n = 2 it gives {found}. Write down all six pairs.",
        {"A network may come twice. Draw without replacement.": with_replacement},
    )


# %% tags=["wrong"] hint="the least of all errors"
def expected_best(errors, n):
    return min(errors)


# %% tags=["wrong"] hint="Sort them first"
def expected_best(errors, n):
    count = len(errors)
    draws = math.comb(count, n)
    chances = [math.comb(count - i, n - 1) / draws for i in range(1, count + 1)]
    return sum(error * chance for error, chance in zip(errors, chances, strict=True))


# %% tags=["wrong"] hint="sort from the least up"
def expected_best(errors, n):
    errors = sorted(errors, reverse=True)
    count = len(errors)
    draws = math.comb(count, n)
    chances = [math.comb(count - i, n - 1) / draws for i in range(1, count + 1)]
    return sum(error * chance for error, chance in zip(errors, chances, strict=True))


# %% [markdown]
# The course's own version is `expected_choice`. It takes two arrays: the errors by which a network is chosen, and the
# errors by which the chosen network is judged.

# %% [markdown] tags=["predict"]
# You take the network with the lowest validation error of several. On the validation rows it is ahead of the mean
# network. How much of that lead will be left on the later rows: all of it, about half, or nothing?

# %%
from course.topics.budget import expected_choice

seen, unseen = validation[1::2], later[1::2]  # the half to measure with
gain = np.array([seen.mean() - expected_choice(seen, seen, n) for n in tries])
gain_later = np.array([unseen.mean() - expected_choice(seen, unseen, n) for n in tries])

# %% tags=["varies"]
from course.topics.budget_figures import best_of_plot

best_of_plot(
    tries,
    {
        "on the validation rows": (normal_gain, gain),
        "on later rows": (slope * normal_gain, gain_later),
    },
    title="The best of several training runs of one setting",
    y_label="error below that of the mean network (MPa)",
)

# %%
other_half = validation[::2]
by_formula = best_of_normal(best_of) * other_half.std(ddof=1)
by_ranks = other_half.mean() - expected_choice(other_half, other_half, best_of)
measured = seen.mean() - expected_choice(seen, seen, best_of)
on_later_rows = unseen.mean() - expected_choice(seen, unseen, best_of)
kept = on_later_rows / measured
words = "that gain, measured over computed"

# %%
spread(
    "19.best_gain",
    "validation error, mean network minus best of the tries",
    measured,
    **in_mpa,
)
spread(
    "19.ratio_formula", f"{words} for normal values", measured / by_formula, digits=2
)

# %%
bound(
    "19.ratio_ranks",
    f"{words} from ranks",
    measured / by_ranks,
    at_least={"full": 0.9},
    at_most={"full": 1.1},
    digits=2,
)

# %%
spread(
    "19.kept",
    "share of the gain that is left on later rows",
    100 * kept,
    unit="%",
    digits=0,
)
spread("19.flatters", "how much the best flatters", measured - on_later_rows, **in_mpa)

# %% [markdown] tags=["answer"]
# On the later rows {{19.kept}} of the gain is left. The best of the tries is {{19.best_gain}} below the mean on the
# rows that chose it. What is gone on the later rows is flattery: {{19.flatters}}, {{19.flatters:sign}}.
#
# Could you have computed the gain on the validation rows from the other half of the networks? The formula for normal
# values needs only their standard deviation. The measured gain divided by the computed one is {{19.ratio_formula}}. We
# had hoped to be within 10% with every seed: **not reached**. Errors are not normally distributed: there are fewer very
# good networks than the formula expects. The formula of exercise 19.2 does not assume a distribution, and its ratio is
# {{19.ratio_ranks}}. But it needs many trained networks, whereas the normal formula needs a mean and a standard
# deviation.
#
# So part of a lucky seed's lead is real: what is left is {{19.kept:sign}}. Much of the lead is the luck of these rows.
# The more tries, the larger the lead, and with nearly every seed a part of that lead is flattery.

# %% [markdown] tags=["quiz"]
# A paper reports: "our method, the best of 50 configurations, has an error of 5.1; the baseline, with its published
# configuration, has 5.3 on the same validation rows." What would you ask first?
#
# - [ ] Whether the baseline was trained as long.
#   That matters, too. But with equal epochs, one number is still the best of fifty, and the other the only one.
# - [x] What error the best of 50 configurations of the baseline has, with both measured on rows that chose nothing.
#   Equal budgets make the search equal, and other rows take the flattery away. Either alone leaves a doubt.
# - [ ] Whether the difference is larger than the standard deviation from seed to seed.
#   By luck alone, the best of fifty lies about two standard deviations from the mean, so this test would be too weak.
# - [ ] How many rows the validation set has.
#   More rows make the flattery smaller but do not remove it.

# %% [markdown]
# ## A grid, or at random?
#
# Now all three values of a setting are open: the rate (0.0001 to 1), the units (4 to 64) and the weight decay (0.0001
# to 1). Grid search tries three values of each, in every combination: 27 training runs. Random search draws 27
# settings, each value at random on a logarithmic scale. To be fair, nobody who knows the answer may place the grid: its
# place in the ranges is drawn at random, too.

# %%
from course.topics.budget import grid_places, settings_at

rng = np.random.default_rng(seed)
grid = settings_at(grid_places(3, shift=rng.random(3)))
at_random = settings_at(rng.random((pool, 3)))  # more than 27, for the table below

# %%
from course.topics.budget_figures import places_plot

places_plot(
    {"grid": grid, "random": at_random[:27]},
    title="27 settings, by two of three values",
)

# %%
fact(
    "19.grid_rates",
    "different learning rates in the grid",
    len({setting.learning_rate for setting in grid}),
    equals=3,
)

# %%
fact(
    "19.random_rates",
    "different learning rates among 27 random settings",
    len({setting.learning_rate for setting in at_random[:27]}),
    equals=27,
)

# %% [markdown]
# That is the argument for random search (Bergstra and Bengio, 2012). Suppose the learning rate matters far more than
# the other two. The grid has tried {{19.grid_rates}} rates, nine times each, and random search {{19.random_rates}}.
# (Each dot of the grid is three settings, which differ in their units.)

# %% [markdown] tags=["predict"]
# Whose best of 27 will have the lower error: the grid's or random search's? Or will it depend on the seed?

# %%
seeds = (1_000 * seed + np.arange(27 + pool)).tolist()
networks, validation, later = train(grid + at_random, seeds, most_epochs)
grid_validation, random_validation = validation[:27], validation[27:]
grid_later, random_later = later[:27], later[27:]

# %% [markdown]
# For random search we need not rely on one draw of 27: the expected best of 27 comes from the whole pool.

# %%
chosen = np.argmin(grid_validation[:, -1])
last_validation, last_later = random_validation[:, -1], random_later[:, -1]
random_gain = grid_validation[chosen, -1] - expected_choice(
    last_validation, last_validation, 27
)
random_gain_later = grid_later[chosen, -1] - expected_choice(
    last_validation, last_later, 27
)

words = "best of the grid minus best of 27 random settings"

# %%
spread("19.random_gain", f"{words}, validation", random_gain, **in_mpa)
spread("19.random_gain_later", f"{words}, later rows", random_gain_later, **in_mpa)

# %% [markdown] tags=["answer"]
# | best of the grid minus best of 27 random settings | size | direction over the seeds |
# | --- | --- | --- |
# | error on the validation rows | {{19.random_gain}} | {{19.random_gain:sign}} |
# | error on later rows | {{19.random_gain_later}} | {{19.random_gain_later:sign}} |
#
# A difference above 0 means that random search found the better setting. The size and even the direction change from
# seed to seed. Whether a grid is good depends on where it happens to lie. We averaged random search over its draws; a
# single draw of 27 would vary, too. What you can count on is that you can stop random search after any number of tries.

# %% [markdown] tags=["quiz"]
# "With 60 random settings you have a 95% chance to find one of the best 5%." Is that so?
#
# - [ ] No, it takes far more, since there are three values to choose.
#   The number of values does not enter. Each draw is among the best 5% of all settings with a chance of 5%.
# - [x] Yes: $1 - 0.95^{60}$ is a little more than 0.95. But the best 5% of *your ranges* may be poor.
#   The statement ranks settings among those that you can draw. If the ranges are bad, so are their best 5%.
# - [ ] Yes, so after 60 settings the error is within 5% of the best possible.
#   It is about a rank, and says nothing about an error.
# - [ ] No, since the seed of each training adds noise.
#   Noise matters for *which* one you pick. Whether one of the best 5% is among the 60 does not depend on it.

# %% [markdown]
# ## Successive halving
#
# What if bad settings show early that they are bad? Successive halving bets that they do (Jamieson and Talwalkar,
# 2016). It trains all settings for a few epochs and keeps the best third. It trains these further, until each has had
# three times as many epochs, keeps the best third of them, and so on. (The name comes from keeping half.)
#
# When should the first cut come? Late cuts judge better and cost more. Let us spend a third of what the grid spends. If
# a whole training takes $N$ epochs and the first cut comes after $f$, then $27 f$ epochs are spent before it,
# $9 \cdot 2f$ before the second cut, and the last three networks are trained to the end, each for $N - 3f$ more. That
# is $36 f + 3 N$ in all, a third of $27 N$ when $f = N / 6$.
#
# We have the curves of all 27 settings of the grid, and training one network does not affect the others. So we need not
# train again: halving would have seen the beginning of each curve. (In a real search you would continue the kept
# networks from checkpoints.)

# %%
from course.topics.budget_figures import halving_plot

first = most_epochs // 6

# %% tags=["varies"]
halving_plot(
    grid_validation,
    first=first,
    title="The grid, as far as successive halving trains it",
    y_label="validation error (RMSE, MPa)",
)

# %% [markdown]
# ### Exercise 19.3: halve
#
# Write successive halving on stored curves, an array (settings, epochs) of errors. All settings are trained for `first`
# epochs. The best `1 / factor` of them (rounded down, but at least one) are kept and trained on until each has had
# `factor` times the epochs, but no more than there are columns. Repeat until one is left, and train that one to the
# last column. Return the row that survives and the number of epochs that the search would have trained, all settings
# together. When a setting is kept, its earlier epochs are not trained again.


# %% tags=["solution"]
def halving(curves, first, factor):
    """Return the row of `curves` that survives, and the epochs spent in all."""
    left = np.arange(len(curves))
    epochs = first
    spent = len(left) * first
    while len(left) > 1:
        order = np.argsort(curves[left, epochs - 1], kind="stable")
        left = left[order[: max(1, len(left) // factor)]]
        longer = min(factor * epochs, curves.shape[1])
        spent += len(left) * (longer - epochs)
        epochs = longer
    return int(left[0]), int(spent + curves.shape[1] - epochs)


# %% tags=["check"]
def draw(rng):
    factor = int(rng.integers(2, 4))
    curves = rng.uniform(1, 9, (rng.integers(2, 12), rng.integers(4, 20)))
    return curves, int(rng.integers(1, 4)), factor


@exercise("19.3", halving, draw=draw)
def check(halving):
    rng = np.random.default_rng(3)
    curves = rng.uniform(5, 9, (9, 9))
    curves[:, 0] = [5, 1, 2, 3, 4, 5, 6, 7, 8]  # 1, 2 and 3 are kept
    curves[:, 2] = [1, 4, 2, 3, 1, 1, 1, 1, 1]  # 2 is kept
    curves[3, 8] = 0.5
    answer = halving(curves.copy(), 1, 3)
    expect(
        isinstance(answer, tuple | list) and len(answer) == 2,
        "Return two things: the row that survives, and the epochs spent.",
    )
    place, spent = answer
    expect(
        place != 3,
        "You looked at the last epoch, which halving has not trained. Judge by the"
        " epochs so far.",
    )
    expect(
        place in (1, 2, 3),
        "A setting came back that was thrown out. Choose among those that are left.",
    )
    expect(place == 2, f"Row {place} survives; it should be row 2.")
    mistakes = {
        "You count the earlier epochs of a kept setting again. It goes on from them.": 9
        + 9
        + 9,
        "You count the first epochs only. Settings that are kept train further.": 9,
        "This is what training all of them would cost.": 81,
    }
    expect_close(
        spent,
        9 * 1 + 3 * 2 + 1 * 6,
        f"Nine settings of nine epochs cost {spent}, and should cost 21.",
        mistakes,
    )
    _, spent = halving(curves[:2].copy(), 1, 3)
    expect(
        spent == 2 + 8,
        f"Two settings cost {spent}, and should cost 10. Train the survivor to the"
        " end.",
    )
    _, spent = halving(curves.copy(), 4, 3)
    expect(
        spent == 9 * 4 + 3 * 5,
        "Your search trains for more epochs than the curves have. Stop at the last"
        " column.",
    )


# %% tags=["wrong"] hint="You looked at the last epoch"
def halving(curves, first, factor):
    return int(np.argmin(curves[:, -1])), curves.size


# %% tags=["wrong"] hint="count the earlier epochs"
def halving(curves, first, factor):
    left, epochs, last = np.arange(len(curves)), first, curves.shape[1]
    spent = len(left) * first
    while len(left) > 1:
        order = np.argsort(curves[left, epochs - 1], kind="stable")
        left = left[order[: max(1, len(left) // factor)]]
        epochs = min(factor * epochs, last)
        spent += len(left) * epochs
    return int(left[0]), int(spent)


# %% tags=["wrong"] hint="Choose among those that are left"
def halving(curves, first, factor):
    count, epochs, last = len(curves), first, curves.shape[1]
    spent = count * first
    while count > 1:
        order = np.argsort(curves[:, epochs - 1], kind="stable")
        count = max(1, count // factor)
        longer = min(factor * epochs, last)
        spent += count * (longer - epochs)
        epochs = longer
    return int(order[0]), int(spent + last - epochs)


# %% tags=["wrong"] hint="Stop at the last column"
def halving(curves, first, factor):
    left, epochs, last = np.arange(len(curves)), first, curves.shape[1]
    spent = len(left) * first
    while len(left) > 1:
        order = np.argsort(curves[left, min(epochs, last) - 1], kind="stable")
        left = left[order[: max(1, len(left) // factor)]]
        spent += len(left) * (factor - 1) * epochs
        epochs *= factor
    return int(left[0]), int(spent + max(0, last - epochs))


# %% [markdown]
# The course's own version is `halve`. Does it find a setting as good as the best of the whole grid? "As good" needs a
# measure. The error of the grid's best is known only as precisely as the validation rows allow. So we ask whether the
# survivor's mean squared error is at most **one standard error** above that of the best. (Samples of one mixture are
# alike, so the true standard error of one network's error is larger than the one computed from rows. The standard error
# of the *difference* of two networks on the same rows would be another measure, and is often smaller.)

# %% [markdown] tags=["predict"]
# Halving spends a third of the grid's epochs. Will its survivor be that close to the grid's best with every seed?
# And what if the first cut comes much earlier, so that halving spends a ninth?

# %%
from course.topics.budget import halve

missed = networks.predict(x["validation"])[chosen] - y["validation"]
squares = (scale * missed) ** 2
standard_error = squares.std(ddof=1) / np.sqrt(len(squares))

# %%
from scipy.stats import spearmanr

found = {}
for name, cut in {"third": first, "ninth": max(1, most_epochs // 27)}.items():
    survivor, spent = halve(grid_validation, cut)
    excess = grid_validation[survivor, -1] ** 2 - grid_validation[chosen, -1] ** 2
    rank = spearmanr(grid_validation[:, cut - 1], grid_validation[:, -1]).statistic
    found[name] = excess / standard_error, spent / grid_validation.size, rank

survivor, _ = halve(grid_validation, first)
lost_later = grid_later[survivor, -1] - grid_later[chosen, -1]

# %%
fact(
    "19.at_most_a_third",
    "halving spends at most a third of the grid's epochs",
    found["third"][1] <= 1 / 3,
)

# %%
for name, (excess, share, rank) in found.items():
    words = f"above the grid's best for a {name} of its epochs"
    spread(f"19.excess_{name}", f"standard errors {words}", excess, digits=2)
    spread(f"19.spent_{name}", f"share of its epochs: about a {name}", share, digits=2)
    words = f"rank correlation of first cut and end, for a {name}"
    spread(f"19.rank_{name}", words, rank, digits=2)

# %%
spread(
    "19.beyond_third",
    "standard errors beyond one, for a third",
    found["third"][0] - 1,
    digits=2,
)

# %%
spread(
    "19.lost_later",
    "survivor of a third minus the grid's best, later rows",
    lost_later,
    **in_mpa,
)

# %% [markdown] tags=["answer"]
# | first cut | share of the grid's epochs | survivor above the grid's best, in standard errors | rank correlation, first cut and end |
# | --- | --- | --- | --- |
# | after a sixth of the training | {{19.spent_third}} | {{19.excess_third}} | {{19.rank_third}} |
# | after 1/27 of it | {{19.spent_ninth}} | {{19.excess_ninth}} | {{19.rank_ninth}} |
#
# We had hoped for at most one standard error with every seed: **not reached**. In the first row of the table, the third
# column minus one is {{19.beyond_third:sign}}. On the later rows, which chose neither of the two, the survivor's error
# minus that of the grid's best is {{19.lost_later}}: {{19.lost_later:sign}}. (It is exactly 0 where the survivor *is*
# the grid's best; the sign test leaves those seeds out.)
#
# Halving works to the extent that the settings have the same order at the cut as at the end. What can go wrong is a
# setting that starts slowly and ends well, such as one with a low learning rate: you saw that the best rate after a
# ninth of the epochs is usually higher than at the end. A cut that comes too early throws such a setting out. Hyperband (Li and
# others, 2018) therefore runs several searches with cuts at different times.

# %% [markdown]
# ## What a budget buys
#
# Now the question of the lesson: you have a number of epochs. What should you do with them? We use the whole pool of
# random settings. A strategy draws some of them and picks one by the validation rows. What counts is the error of that
# one on the **later** rows. We average over many draws.

# %%
in_full = {n: expected_choice(last_validation, last_later, n) for n in (1, 3, 9, 27)}

# %%
from course.topics.budget import errors_of_halving

early = max(1, most_epochs // 27)
searches = [(27, early), (81, early), (81, 3 * early)]
options = {"draws": draws, "seed": seed}
by_draw = [
    errors_of_halving(random_validation, random_later, n=n, first=cut, **options)
    for n, cut in searches
]
halved = [np.mean(errors) for errors in by_draw]
spent = [halve(random_validation[:n], cut)[1] for n, cut in searches]

# %% [markdown]
# These errors are means over the draws. Your own search would be a single draw, so the figure also shows the range of
# errors that holds the middle half of the draws.

# %%
from course.topics.budget import middle_half_of_choice

half_in_full = [middle_half_of_choice(last_validation, last_later, n) for n in in_full]
half_halved = [np.quantile(errors, [0.25, 0.75]) for errors in by_draw]

# %% tags=["varies"]
from course.topics.budget_figures import budget_plot

budgets = [n * most_epochs for n in in_full]
budget_plot(
    {
        "trained in full": (budgets, list(in_full.values()), half_in_full),
        "successive halving": (spent, halved, half_halved),
    },
    title="What a budget of epochs buys",
    y_label="error on later rows of what was picked (MPa)",
)

# %%
for n, error in in_full.items():
    spread(f"19.full_{n}", f"best of {n} trained in full", error, **in_mpa)
for name, error in zip(("27", "81", "81_long"), halved, strict=True):
    spread(f"19.halved_{name}", f"halving, {name}", error, **in_mpa)

# %%
spread(
    "19.from_9_to_27",
    "best of 9 minus best of 27, trained in full",
    in_full[9] - in_full[27],
    **in_mpa,
)
spread("19.gain_small", "3 in full minus 27 halved", in_full[3] - halved[0], **in_mpa)
spread("19.gain_middle", "9 in full minus 81 halved", in_full[9] - halved[1], **in_mpa)

# %% [markdown]
# | budget, in training runs to the end | random settings in full | successive halving |
# | --- | --- | --- |
# | 1 | one: {{19.full_1}} | - |
# | 3 | best of 3: {{19.full_3}} | from 27: {{19.halved_27}} |
# | 9 | best of 9: {{19.full_9}} | from 81: {{19.halved_81}} |
# | 27 (halving: 21) | best of 27: {{19.full_27}} | from 81, cut later: {{19.halved_81_long}} |
#
# The ranges are over seeds, each with its own split, settings and initial weights. They are wide mostly because some
# splits are harder than others, so compare two strategies seed by seed. With a budget of three training runs, the error
# of training in full minus that of halving is {{19.gain_small}}: {{19.gain_small:sign}}. With a budget of nine it is
# {{19.gain_middle}}: {{19.gain_middle:sign}}. Look at the bands in the figure, too: where they overlap, a single search
# of one kind often beats one of the other kind, whatever the order of the lines.
#
# So with the small budget, halving pays off a little. With the larger one, these seeds cannot tell. Halving tries more
# settings with the same epochs. That pays off where good settings are rare and show early that they are good. Three
# tries often miss the good settings. But read the middle column downward: from nine settings to 27 the error falls by
# only {{19.from_9_to_27}}, {{19.from_9_to_27:sign}}. So nine tries already find a setting that is nearly as good as the
# best of many. And the order at the first cut is not the order at the end, as you saw. In other ranges, or with larger
# networks, the answer may be the opposite.
#
# Such a table is a study of searches, not a search. It needs the whole pool trained to the end, many times the largest
# budget in it, and rows that stand for the future. If you want one for your own problem, make it with small networks.

# %% [markdown]
# ## The test rows, once
#
# We have looked at the validation rows thousands of times, and at the later rows to study the searches. Only one
# network may now be judged by the test rows. We decided at the start which one: the survivor of halving among the first
# 81 random settings. (Choosing it by the table above would mean choosing by the later rows.)

# %%
survivor, _ = halve(random_validation[:81], early)
predicted = networks.predict(x["test"])[27 + survivor]
test_error = scale * np.sqrt(np.mean((predicted - y["test"]) ** 2))
print(at_random[survivor])

# %%
spread("19.test_error", "test error of the survivor", test_error, unit="MPa", digits=2)
spread(
    "19.test_above",
    "test error minus validation error",
    test_error - random_validation[survivor, -1],
    unit="MPa",
    digits=2,
)

# %% [markdown]
# The test error is {{19.test_error}}. The test error minus the validation error that chose the network is
# {{19.test_above}}: {{19.test_above:sign}}. Two things make this difference. Flattery makes the test error the higher
# of the two, on average. Luck decides which mixtures became test rows; it can make the test error higher or lower, and
# here it is large.
#
# If you do not like the result, you cannot go back and choose again: the test rows would become validation rows, and
# nothing would be left to tell you how much your choice flatters.

# %% [markdown]
# ## The same with course run
#
# All of this ran in one notebook. If the notebook dies, everything is lost, and nobody can look up later what was run.
# This course has an engine for larger searches, `course run`, which instructors also use for whole classes. It takes a
# notebook with parameters and runs it once for each combination of their values.
#
# Give it a small notebook that trains one network and reports its error with `spread`. The small notebook does not have
# our arrays, so it reads them from a file.

# %%
one_training = """
import numpy as np
from course.claims import spread
from course.topics.budget import Networks, Setting

x, y, x_validation, y_validation, units, scale = np.load(rows).values()
network = Networks([Setting(learning_rate, int(units), 0.01)], [seed], inputs=8)
judges = [(x_validation, y_validation)]
errors = network.train(x, y, epochs=epochs, judges=judges)
spread("search.error", "validation error", scale * errors[0, 0, -1], unit="MPa")
"""

# %%
import tempfile
from pathlib import Path

workspace = tempfile.TemporaryDirectory()
folder = Path(workspace.name)
arrays = [x["training"], y["training"], x["validation"], y["validation"]]
np.savez(folder / "rows.npz", *arrays, units, scale)

# %% [markdown]
# As in every lesson, the cell with the parameters comes first and is tagged `parameters`. Below it, the engine inserts
# a cell that assigns the values of the run.

# %%
parameters = f"""
learning_rate = 0.01
seed = 0
epochs = {most_epochs}
rows = {str(folder / "rows.npz")!r}
"""

# %%
import nbformat
from nbformat.v4 import new_code_cell, new_notebook

tagged = new_code_cell(parameters, metadata={"tags": ["parameters"]})
kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
small = new_notebook(
    cells=[tagged, new_code_cell(one_training)], metadata={"kernelspec": kernel}
)
nbformat.write(small, folder / "one_training.ipynb")

# %% [markdown]
# A job is a notebook together with values for its parameters. We try the two best of the nine rates again, with two
# seeds each. For each run, the engine stores a record and the executed notebook.

# %%
import itertools

from course.runs import plan, runner
from course.runs.records import Job

two_best = nine[np.argsort(means)[:2]].tolist()
two_seeds = [1_000 * seed, 1_000 * seed + 1]
jobs = [
    Job(folder / "one_training.ipynb", "one_training", {"learning_rate": r, "seed": s})
    for r, s in itertools.product(two_best, two_seeds)
]

# %% [markdown]
# Suppose that the search is stopped after two of the four runs. When you start it again, it checks which runs are
# missing and makes only those:

# %%
import shutil

runs = folder / "runs"
shutil.rmtree(runs, ignore_errors=True)  # in case this cell runs a second time
for job in jobs[:2]:
    runner.run(job, runs, timeout=300)

missing = [job for job in jobs if not plan.finished(job, runs)]
print(f"{len(missing)} of {len(jobs)} runs are missing")
for job in missing:
    runner.run(job, runs, timeout=300)

# %% [markdown]
# The records become one table, with one row per run:

# %% tags=["varies"]
import pandas as pd

records = [plan.finished(job, runs) for job in jobs]
plan.gather(records, folder / "runs.parquet")
results = pd.read_parquet(folder / "runs.parquet")
columns = ["parameter.learning_rate", "parameter.seed", "claim.search.error"]
results = results.reindex(columns=["outcome", *columns])
print(results.round(4).to_string(index=False))

# %% [markdown] tags=["predict"]
# Each of the four networks was trained before, among the nine rates. Will the four errors be the same? And what
# happens if you ask for the same four jobs again?

# %%
before = final[np.argsort(means)[:2], :2].ravel()
errors = results["claim.search.error"]
left = [job for job in jobs if not plan.finished(job, runs)]
passed = (results["outcome"] == "passed").sum()

# %%
fact("19.runs_passed", "runs that passed", passed, equals=4)
fact(
    "19.same_in_runs",
    "their errors are those of the same training runs above (to a hundredth)",
    np.allclose(errors, before, rtol=0.01),
)
fact("19.left_to_run", "runs to make when asked again", len(left), equals=0)

# %% [markdown] tags=["answer"]
# The errors are the same, since the rows, the setting, the seed and the number of epochs determine everything. When
# asked again, the engine has {{19.left_to_run}} runs to make: it does not repeat a run that passed with the same
# notebook and the same values. So a search that was stopped continues with the runs that are missing.

# %% [markdown]
# In a terminal you can do the same for every lesson of the course, with several runs at a time:
#
#     course run 19 --fast -p units=8,32 -p seed=0..4 --out runs/units
#
# These are ten runs. The command ends with a table of all results over the seeds, and writes `runs/units/report.html`
# for people and `runs/units/runs.parquet` for you:
#
#     runs = pd.read_parquet("runs/units/runs.parquet")
#     runs.groupby("parameter.units")["claim.19.noise"].describe()
#
# `course run` makes a grid, by design: it answers "does this hold for other values, and for other seeds?" For a random
# search you write the list of jobs yourself, as above. For halving you look at the records after each round and add the
# jobs of the next. Each run starts a kernel of its own, which takes seconds. So use a loop in one notebook for hundreds
# of networks that train in a moment, as this lesson did, and the engine for training runs that take minutes.

# %% [markdown]
# ## What you have learned
#
# - A range test finds a place to start for the learning rate within a few hundred steps. In Keras, reset the metrics
#   before every batch: in a callback `logs["loss"]` is the mean since the epoch began.
# - If two settings differ by $d$ and seeds scatter by $s$, you need at least $8 (s/d)^2$ seeds of each to tell them
#   apart. With the same seeds for both, compare in pairs: it takes fewer if their errors rise and fall together.
# - The best of $n$ lies about $c_n$ standard deviations from the mean by luck, if errors are normally distributed; here
#   it was less. On other rows only a part of that lead is left. Compare methods at equal budgets, on rows that chose
#   nothing.
# - A grid tries few values of each parameter; random search tries a new value each time. Successive halving spends its
#   epochs on settings that look good early. If it cuts too early, it throws out slow starters. Measure whether it pays.
# - Open the test set once, for one network that was chosen beforehand.
# - A search whose runs are recorded can be stopped, continued and read later. `course run` does this for every lesson.
#
# ## Try next
#
# - Set `best_of` to 50. Does the share of the gain that is left on later rows change?
# - Run `halve(grid_validation, 1)`. How much worse is its survivor, and which settings were thrown out wrongly?
# - Halve for real: start again with `halved_grid = Networks(grid, seeds[:27], inputs=8)`. Train for a few epochs at a
#   time, and each time keep only the best with `halved_grid.keep(places)`. Does the same setting survive?
# - Create each of the four jobs again with `"epochs": 5` among its values, and run `plan.finished` on old and new ones
#   together. Which are left to run?
# - Import `budget` from `course.topics`, set `budget.HIGHEST = Setting(1e-3, 64, 1.0)`, and run the grid and the random
#   search again. What is left of the statement about 60 random settings?
# - Take the survivor's setting, and train it again on the training and validation rows together, with five seeds. Is
#   its error on the later rows lower?
