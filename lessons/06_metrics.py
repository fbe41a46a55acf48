# ---
# title: "Metrics: what is measured while you train"
# part: 2 Measure
# objectives:
#   - choose among mse, mae, mape and cosine for a regression, and say what each is blind to
#   - explain which metrics survive being computed batch by batch, and derive how far the others are off
#   - write a metric of your own, as a function or as a class with a state, and test it against NumPy
#   - detect a metric that broadcasts (N,) against (N, 1), from the figures that it reports
#   - name the accuracy that Keras computes for a classifier
# prerequisites:
#   - "lesson 02 (Regression with Keras) and lesson 03 (Classification)"
#   - "lesson 04 (Training history): learning curves"
#   - broadcasting in NumPy, mean and variance
# data: [yacht, penguins]
# reading:
#   - "Brownlee, *How to Use Metrics for Deep Learning with Keras in Python*, machinelearningmastery.com/custom-metrics-deep-learning-keras-python (the copied function)"
#   - "Keras, pull request 922 (the function becomes part of Keras, 2015), issues 1784 (it was removed, 2016) and 10706 (a user finds it equal to the absolute error, 2018), github.com/keras-team/keras"
#   - "Hyndman, Koehler, *Another look at measures of forecast accuracy*, International Journal of Forecasting 22, 2006, doi:10.1016/j.ijforecast.2006.03.001"
#   - "Gerritsma, Onnink, Versluis, *Yacht Hydrodynamics*, 1981, doi:10.24432/C5XG7R (the data)"
# ---

# %% [markdown]
# A loss is what the network minds; a metric is what you mind. Keras computes any number of metrics while it trains,
# and prints whatever they return. Nothing checks that a function called `rmse` returns one. In this lesson a few
# lines that many programs contain are put to the test. Most of their figures look plausible, some fall nicely from
# epoch to epoch, and none is what it is taken for. Two or three lines of algebra say why, and by how much.

# %% tags=["parameters"]
seed: int = 0  # seed of the first weights and the order of the rows, 0 to 1000000
fast: bool = False  # fewer epochs
epochs: int = 50  # passes over the training rows in each fit, 10 to 400, fast 10

# %%
from course.lesson import begin

begin("06_metrics", globals())

# %% [markdown]
# ## Four metrics of one network
#
# The data: towing-tank trials of yacht hulls. Five inputs describe the hull, one the speed, and the target is the
# resistance of the water (without a unit). Inputs are standardized by the training rows, as in lesson 02.

# %%
import numpy as np

from course.data import load

boats = load("yacht")
mean, deviation = boats.x_train.mean(), boats.x_train.std()
x_train = ((boats.x_train - mean) / deviation).to_numpy()
x_validation = ((boats.x_validation - mean) / deviation).to_numpy()

# %%
y_train = boats.y_train.to_numpy()[:, None]
y_validation = boats.y_validation.to_numpy()[:, None]
print("shapes:", x_train.shape, y_train.shape, x_validation.shape, y_validation.shape)
print(
    f"least {y_train.min():.2f}, median {np.median(y_train):.2f}, mean"
    f" {y_train.mean():.2f}, greatest {y_train.max():.2f}"
)

# %% [markdown]
# The targets are a *column*, of shape (rows, 1), like the output of the network. A later section shows what happens
# otherwise. Note how they spread: the fastest trials have more than a thousand times the resistance of the slowest.
#
# One function trains the network, always from the same seed. Metrics take no part in training: ask for others, and
# the weights end the same. (`jit_compile=False` and `build` only save time, as in lesson 03.)

# %%
import keras


def train(metrics, y=y_train, y_validation=y_validation):
    """Train the network with these metrics;
    return it and its history. All validation rows form one batch."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(1),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.02), loss="mse", metrics=metrics, jit_compile=False
    )
    # a step that still has to make variables is translated twice,
    model.optimizer.build(model.trainable_variables)
    # so make those of the optimizer and the metrics first
    model.compute_metrics(None, y[:1], model(x_train[:1]))
    validation = {
        "validation_data": (x_validation, y_validation),
        "validation_batch_size": len(x_validation),
    }
    fit = model.fit(x_train, y, batch_size=32, epochs=epochs, verbose=0, **validation)
    return model, fit.history


# %% [markdown]
# With $e = \hat y - y$, the error of a row, four metrics can be asked for by name:
#
# | name | what it is | unit |
# | --- | --- | --- |
# | `mse` | mean of $e^2$ | that of the target, squared |
# | `mae` | mean of $\lvert e \rvert$ | that of the target |
# | `mape` | mean of $100\, \lvert e \rvert / \lvert y \rvert$ | percent |
# | `cosine_similarity` | mean of $y \cdot \hat y / (\lvert y \rvert \lvert \hat y \rvert)$ over rows | none, from -1 to 1 |

# %% [markdown]
# Two more are logged now and read in the next section: Keras' `RootMeanSquaredError`, and a function from a tutorial.

# %%
from keras import ops


def copied(y_true, y_pred):
    return ops.sqrt(ops.mean(ops.square(y_pred - y_true), axis=-1))


# %% [markdown] tags=["predict"]
# The mse is the loss, so it falls, and the mae with it. Will the mean absolute *percentage* error fall as well? And
# where will the cosine end, with one output and targets above zero?

# %%
from course import plots

rmse = keras.metrics.RootMeanSquaredError(name="rmse")
model, history = train(["mse", "mae", "mape", "cosine_similarity", rmse, copied])


def plot(names, title, y_label, log="y"):
    """Draw metrics of the validation rows, named as in the history, against the
    epoch."""
    series = {name: history[f"val_{name}"] for name in names}
    plots.lines(
        range(1, epochs + 1),
        series,
        title=title,
        x_label="epoch",
        y_label=y_label,
        log=log,
    )


names = ("mse", "mae", "mape")
plot(
    names,
    "Three errors of one network on the validation rows",
    "mse (squared), mae (resistance), mape (%)",
)

# %%
last = {name: history[f"val_{name}"][-1] for name in ("mae", "rmse", "mape")}
spread("06.mae", "mae in the end", last["mae"], digits=2)
spread("06.rmse", "rmse in the end", last["rmse"], digits=2)
bound(
    "06.mape",
    "mape in the end",
    last["mape"],
    at_most={"full": 300},
    unit="%",
    digits=0,
)
bound(
    "06.mape_highest",
    "highest mape",
    max(history["val_mape"]),
    at_least={"full": 300},
    unit="%",
    digits=0,
)
never_less = all(np.greater_equal(history["val_rmse"], history["val_mae"]))

# %%
from course.claims import bound, fact, spread

fact("06.rmse_never_less", "rmse never below mae", never_less)

# %% [markdown] tags=["answer"]
# The mae ends at {{06.mae}}, beside the mean resistance printed above. While it and the mse fell, the percentage
# climbed to {{06.mape_highest}} before it came down to {{06.mape}}. A network that always answers 0
# has exactly 100 %, so by this measure ours was worst when it had learned something already. Divide an error of 0.5
# by a resistance of 0.05: this one row contributes 1,000 %. **A percentage error belongs to targets that stay away
# from zero**; here it is mostly a report on the slowest trials. To these the other two are nearly blind: they count
# an error of 0.5 the same at a resistance of 0.05 as at 60.

# %% [markdown]
# The root of the mse, the *rmse*, is {{06.rmse}}, in the unit of the target like the mae. It can never be the smaller
# of the two: a variance is not negative, so
# $\mathrm{mean}(\lvert e \rvert^2) - \mathrm{mean}(\lvert e \rvert)^2 \ge 0$. The wider they are apart, the more the
# errors differ in size.

# %%
title = "The cosine of one output on the validation rows: only signs"
plot(["cosine_similarity"], title, "cosine similarity (from -1 to 1)", log="")
cosine, early = (
    history["val_cosine_similarity"][-1],
    max(history["val_cosine_similarity"][:10]),
)

# %%
spread("06.cosine", "cosine in the end", cosine, digits=2)
bound(
    "06.cosine_early",
    "highest cosine in the first ten epochs",
    early,
    at_least=0.9,
    digits=2,
)
spread("06.cosine_lost", "cosine lost since then", early - cosine, digits=2)

# %% [markdown] tags=["answer"]
# The cosine ends at {{06.cosine}}. With one output, $y \hat y / (\lvert y \rvert \lvert \hat y \rvert)$ is the
# product of two signs: a row scores 1 if its prediction is above zero, however wrong, and -1 if it is below zero,
# however close. The share of rows predicted above zero is $(1 + c)/2$ at a cosine of $c$, and that is all it says.
# Hence it had reached {{06.cosine_early}} within the first ten epochs, from a network that knew little more than that
# resistances are positive. Since then it has lost {{06.cosine_lost}} ({{06.cosine_lost:sign}}) while the mse fell, too:
# answers for the slowest trials slipped below zero. The cosine is made for vectors, such as word embeddings, whose
# direction matters.

# %% [markdown]
# ### The keys are the strings you pass
#
# What you ask for is what the history calls it (a function or object by its own name), with `val_` in front for the
# validation rows:

# %%
print([key for key in history if key.startswith("val_")])
print("mean_squared_error" in history)

# %% [markdown]
# Programs from before TensorFlow 2 often read other names than they passed, such as `acc` for `"accuracy"` (TensorFlow
# issue 27217, 2019), and end in a KeyError today.
#
# One sign has turned, too. In a loss, less must be better, so `keras.losses.cosine_similarity` is the negative. For
# two vectors of the same direction:

# %%
a, b = np.array([[1.0, 2.0]]), np.array([[2.0, 4.0]])
print("loss:  ", round(float(keras.losses.CosineSimilarity()(a, b)), 4))
print("metric:", round(float(keras.metrics.CosineSimilarity()(a, b)), 4))

# %% [markdown]
# Callbacks such as `EarlyStopping` know which way Keras' own metrics should go. For one that you wrote they ask for
# `mode="max"` or `mode="min"`.

# %% [markdown]
# ## The copied function
#
# "How do I get the RMSE in Keras?" A widely read answer is Jason Brownlee's tutorial *How to Use Metrics for Deep
# Learning with Keras in Python*, and many public programs contain these lines:
#
#     def rmse(y_true, y_pred):
#         return backend.sqrt(backend.mean(backend.square(y_pred - y_true), axis=-1))
#
# The idea is good: it takes Keras' own `mean_squared_error`, `axis=-1` included, and puts a root around it. Keras
# itself once had such a loss (pull request 922, 2015) and had dropped it by February 2016 (issue 1784). Our `copied`
# above is written with `keras.ops`, which took over from the old `backend`; nothing else differs.

# %% [markdown] tags=["predict"]
# Beside `copied` we logged `mae` and Keras' `RootMeanSquaredError`. Which of these two curves does `copied` follow?

# %%
title = "The copied function follows the mean absolute error"
plot(("rmse", "mae", "copied"), title, "error on the validation rows (resistance)")

# %%
difference = np.abs(np.array(history["val_copied"]) / history["val_mae"] - 1)
too_low = 100 * (1 - history["val_copied"][-1] / history["val_rmse"][-1])
words = "greatest difference of the copied function from mae"

# %%
bound(
    "06.copied_from_mae",
    words,
    1e6 * difference.max(),
    at_most=1,
    unit="millionths",
    digits=1,
)
bound(
    "06.copied_too_low",
    "copied function below the rmse",
    too_low,
    at_least=10,
    unit="%",
    digits=0,
)

# %% [markdown] tags=["answer"]
# It lies **on the absolute error**: in no epoch do the two differ by more than 32-bit numbers round, and at the end
# `copied` is {{06.copied_too_low}} below the rmse that it is taken for. The algebra is one line. Along
# `axis=-1` a row has as many entries as the network has outputs, here one, and the mean of one number is the number:
#
# $$\sqrt{\tfrac{1}{1}\,(\hat y - y)^2} = \lvert \hat y - y \rvert$$
#
# The root comes **before** the mean over the rows, which Keras takes afterward. In `mean_squared_error` this order
# does no harm, since a mean of means is a mean. A root in between does not commute.

# %% [markdown]
# The tutorial's own output shows it. It trains on ten rows in one batch with the loss `mse`, so the root of each
# printed loss must be the printed RMSE. Its log of the epochs 496 and 500 (published figures):

# %%
for mse, shown in ((1.2992e-06, 9.7909e-04), (1.1788e-06, 9.3261e-04)):
    root = np.sqrt(mse)
    print(
        f"root of the printed loss: {root:.3e}   printed as rmse: {shown:.3e}   too low"
        f" by {1 - shown / root:.0%}"
    )

# %% [markdown]
# In 2018 a user of Keras logged this function beside `mae`, saw the same numbers twice and asked whether that was a bug
# (issue 10706). The advice there: leave out `axis=-1`.

# %% [markdown] tags=["quiz"]
# A network has two outputs. What does `copied` then report?
#
# - [ ] The root mean square error over all rows and outputs.
#   The root is taken in each row, before the mean over the rows. A root of the overall mean would come last.
# - [ ] The mean absolute error over all rows and outputs.
#   That holds for one output, where the root of a square is the absolute error. Two outputs share one root.
# - [x] The mean over the rows of each row's root mean square error.
#   `axis=-1` is the axis of the outputs. So the root is taken of each row's mean over its two outputs, and the mean
#   over the rows comes last. The result lies between mae and rmse and is neither.
# - [ ] The mean of the two outputs' root mean square errors.
#   For that, the mean over the *rows* would have to come first, once for each output.

# %% [markdown]
# ## Without the axis
#
# Then the mean runs over all rows, as it should:


# %%
def root_of_batch(y_true, y_pred):
    return ops.sqrt(ops.mean(ops.square(y_pred - y_true)))


# %% [markdown]
# All rows *of the batch*. Keras calls the function once a batch and takes the mean of what comes back. `evaluate`
# lets us choose the batch. (To compile a model again changes its metrics and keeps its weights. The training rows are
# the most; what follows is arithmetic and holds for any rows.)

# %% [markdown] tags=["predict"]
# With all rows in one batch this function is right. What does it report with one row a batch?

# %%
rmse = keras.metrics.RootMeanSquaredError(name="rmse")
model.compile(loss="mse", metrics=["mae", root_of_batch, rmse], jit_compile=False)
sizes = [1, 3, 10, 32, len(x_train)]
reported = [
    model.evaluate(x_train, y_train, batch_size=size, verbose=0, return_dict=True)
    for size in sizes
]

errors = (model(x_train).numpy() - y_train).astype("float64")[:, 0]
truth = np.sqrt(np.mean(errors**2))

# %%
plots.lines(
    sizes,
    {
        "RootMeanSquaredError": [logs["rmse"] for logs in reported],
        "root of each batch": [logs["root_of_batch"] for logs in reported],
        "mae": [logs["mae"] for logs in reported],
    },
    title="The mean of batch roots depends on the batch size",
    x_label="batch size in evaluate (rows)",
    y_label="reported error (resistance)",
    log="x",
)

# %%
too_low = {
    size: 100 * (1 - logs["root_of_batch"] / truth)
    for size, logs in zip(sizes, reported, strict=True)
}
spread("06.too_low_at_1", "too low, 1 row per batch", too_low[1], unit="%", digits=1)
bound(
    "06.too_low_at_10",
    "too low, 10 rows per batch",
    too_low[10],
    at_least={"full": 5},
    unit="%",
    digits=1,
)
single, whole = reported[0], reported[-1]
off = 1e6 * abs(single["root_of_batch"] / single["mae"] - 1)
bound(
    "06.single_from_mae",
    "difference from mae, 1 row per batch",
    off,
    at_most=10,
    unit="millionths",
    digits=1,
)
off = 1e6 * abs(whole["root_of_batch"] / truth - 1)

# %%
bound(
    "06.whole_from_rmse",
    "difference from the rmse, all rows at once",
    off,
    at_most=10,
    unit="millionths",
    digits=1,
)

# %% [markdown] tags=["answer"]
# With one row per batch the root of each batch **is the absolute error again** ({{06.too_low_at_1}} too low). With all
# rows it is right. In between it depends on a number that has nothing to do with the network: at 10 rows it is
# {{06.too_low_at_10}} too low. `RootMeanSquaredError` says the same at every batch size.
#
# Why too low? Call the batches' roots $r_b$. With batches of equal size the true mse is the mean of the
# $r_b^2$, and the variance of the roots is the mean of their squares less the square of their mean:
#
# $$\mathrm{RMSE}^2 = \overline{r^2} = \bar r^{\,2} + \mathrm{Var}(r)
# \quad\Longrightarrow\quad \bar r = \sqrt{\mathrm{RMSE}^2 - \mathrm{Var}(r)}$$

# %% [markdown]
# **What is missing is the variance between the batches.** Where all batches are equally hard nothing is missing. In
# NumPy, with batches of 8 rows (which divide the 184 evenly):

# %%
roots = np.sqrt(np.mean(errors.reshape(-1, 8) ** 2, axis=1))

# %%
fact(
    "06.identity",
    "the identity holds",
    np.isclose(truth**2, roots.mean() ** 2 + roots.var()),
)

# %% [markdown]
# Of *equal size*: else a short last batch weighs as much as any other, and the error can take either sign. The 62
# validation rows in batches of 10 leave 2 rows that count like ten. And batches differ more in rows that come sorted,
# as in many a file (`evaluate` takes rows as they come):

# %%
logs = model.evaluate(
    x_validation, y_validation, batch_size=10, verbose=0, return_dict=True
)
too_high = 100 * (logs["root_of_batch"] / logs["rmse"] - 1)
bound(
    "06.validation_too_high",
    "too high on the validation rows",
    too_high,
    at_least=0,
    unit="%",
    digits=1,
)

order = np.argsort(y_train[:, 0])
logs = model.evaluate(
    x_train[order], y_train[order], batch_size=10, verbose=0, return_dict=True
)
more = 100 * (1 - logs["root_of_batch"] / truth) - too_low[10]

# %%
bound(
    "06.sorted_adds",
    "missing in addition when sorted",
    more,
    at_least=0,
    unit="points",
    digits=1,
)

# %% [markdown]
# On the validation rows the figure is {{06.validation_too_high}} too *high*. On the training rows, sorted by their
# target, it misses {{06.sorted_adds}} more than before: same network, same rows, another order.
#
# For shuffled rows the algebra goes one step further. The mse of a batch of $B$ rows has the variance
# $\mathrm{Var}(e^2)/B$, and for small variations a root passes on $1/(2\,\mathrm{RMSE})$ of each, so
#
# $$1 - \frac{\bar r}{\mathrm{RMSE}} \approx \frac{\mathrm{Var}(r)}{2\,\mathrm{RMSE}^2}
# \approx \frac{\mathrm{Var}(e^2)}{8 B\, \mathrm{RMSE}^4} = \frac{\kappa - 1}{8 B}$$
#
# with $\kappa = \overline{e^4} / \mathrm{RMSE}^4$. Normal errors have $\kappa = 3$: at $B = 10$ only 2.5 % are
# missing. Errors with rare large ones have a larger $\kappa$. Ours, beside the mean over a thousand shuffles of 18
# full batches:

# %%
kappa = np.mean(errors**4) / truth**4
formula = 100 * (kappa - 1) / (8 * 10)

squares = np.random.default_rng(seed).permuted(np.tile(errors**2, (1000, 1)), axis=1)
roots = np.sqrt(squares[:, :180].reshape(1000, 18, 10).mean(axis=2))
shuffles = 100 * (1 - roots.mean() / truth)

# %%
bound("06.kappa", "kappa of the errors", kappa, at_least={"full": 3}, digits=1)
spread("06.too_low_formula", "too low by the formula", formula, unit="%", digits=1)
spread(
    "06.too_low_shuffles",
    "too low in a thousand shuffles",
    shuffles,
    unit="%",
    digits=1,
)
bound(
    "06.formula_off",
    "formula minus shuffles",
    formula - shuffles,
    at_least=-1,
    at_most=1,
    unit="points",
    digits=1,
)

# %% [markdown]
# $\kappa$ is {{06.kappa}}. The formula says {{06.too_low_formula}}, a thousand shuffles say {{06.too_low_shuffles}}.
# (`evaluate` above: {{06.too_low_at_10}}, from one order and with 4 rows left over that count like ten.) The formula
# holds for small variations and many more rows than $B$. It names what counts: how unequal the squared errors are, and
# the batch size.

# %% [markdown]
# ### Add first, divide last
#
# A metric that is right at every batch size keeps **sums** over all rows and does everything else once, at the end.
# In Keras that is a class with a state:


# %%
class RMSE(keras.metrics.Metric):
    def __init__(self, name="own_rmse"):
        super().__init__(name=name)
        self.squares = self.add_variable((), initializer="zeros", name="squares")
        self.rows = self.add_variable((), initializer="zeros", name="rows")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.reshape(ops.cast(y_true, y_pred.dtype), ops.shape(y_pred))
        self.squares.assign_add(ops.sum(ops.square(y_pred - y_true)))
        self.rows.assign_add(ops.cast(ops.size(y_pred), self.dtype))

    def result(self):
        return ops.sqrt(self.squares / self.rows)


# %% [markdown]
# `update_state` is called for each batch, `result` whenever a figure is wanted, and Keras sets the variables back to
# zero before each epoch and each evaluation. (This class takes `sample_weight`, as it must, and ignores it.) The test
# is NumPy, at batch sizes that do and do not divide the rows:

# %%
model.compile(loss="mse", metrics=[RMSE(), rmse, "mae"], jit_compile=False)
right = {"own_rmse": truth, "rmse": truth, "mae": np.mean(np.abs(errors))}
differences = []
for size in (1, 7, 32, len(x_train)):
    logs = model.evaluate(
        x_train, y_train, batch_size=size, verbose=0, return_dict=True
    )
    differences += [abs(logs[name] / right[name] - 1) for name in right]
off = 1e6 * max(differences)

# %%
bound(
    "06.from_numpy",
    "greatest difference from NumPy",
    off,
    at_most=10,
    unit="millionths",
    digits=1,
)

# %% [markdown]
# Our class, Keras' and `mae` all agree with NumPy: the greatest difference is {{06.from_numpy}}. But `mae` is at heart
# a plain function; why does it survive? Because that function returns **one value for each row**. Keras adds those up
# and counts them: the last, smaller batch weighs what it should.

# %% [markdown]
# The exercises use the same test, without a network:


# %%
def stream(metric, y_true, y_pred, size):
    """Feed a metric the rows in batches of `size`, as `evaluate` does; return what it
    reports."""
    metric.reset_state()
    for start in range(0, len(y_true), size):
        batch = slice(start, start + size)
        metric.update_state(
            ops.convert_to_tensor(y_true[batch]), ops.convert_to_tensor(y_pred[batch])
        )
    return float(metric.result())


# %% [markdown]
# ### Exercise 06.1: within a tenth
#
# Write a metric as a function: the share of rows whose prediction misses the target by at most 10 % of the target.
# Return a value for each row and leave the mean to Keras. `y_true` and `y_pred` have the shape (rows, 1); use `ops`.


# %% tags=["solution"]
def within_a_tenth(y_true, y_pred):
    """Return 1.0 for each row that is predicted within 10 % of its target, else 0.0;
    shape (rows,)."""
    within = ops.abs(y_pred - y_true) <= 0.1 * ops.abs(y_true)
    return ops.mean(ops.cast(within, "float32"), axis=-1)


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close, generators


@exercise("06.1", within_a_tenth)
def check(within):
    y_true = np.array([1, 2, 4, -8, 10, 20, -1, 5, 5, 1], "float32")[:, None]
    y_pred = np.array([1.05, 1, 4.408, -7.6, 9.05, 30, 1, 4, 5.55, 1.05], "float32")[
        :, None
    ]
    answer = within(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))
    expect(answer is not None, "Your function returns nothing.")
    rows = np.ravel(ops.convert_to_numpy(answer)).astype(float)
    expect(
        len(rows) == 10,
        f"For 10 rows it returns {len(rows)}. Keras takes the mean: return a value for"
        " each row.",
    )
    expect(
        set(rows) <= {0, 1},
        "Not all values are 0 or 1. Compare the error with its limit, and return the"
        " outcome.",
    )
    error, target, predicted = (
        np.abs(values)[:, 0] for values in (y_pred - y_true, y_true, y_pred)
    )
    expect(
        any(rows != (error <= 0.1)),
        "You allow 0.1 for every row. Wanted is a tenth of the row's target.",
    )
    expect(
        rows[1] == 0,
        "The target 2 was predicted as 1, and that counts as a hit. A miss downward is"
        " a miss, too.",
    )
    expect(
        rows[3] == 1,
        "The target -8 is predicted as -7.6 and does not count. A tenth of a negative"
        " target is what?",
    )
    expect(
        any(rows != (error <= 0.1 * predicted)),
        "You allow a tenth of the prediction. Take a tenth of the target.",
    )
    expect(
        rows[6] == 0,
        "Predicting 1 for -1 is a hit. Take the difference first, then abs of it and of"
        " the target.",
    )
    right = error <= 0.1 * target
    expect(
        all(rows == right),
        "Some row is judged wrongly. Count 1 for |error| <= 0.1 |target|, else 0.",
        general=True,
    )
    for rng in generators():
        target = rng.integers(-20, 21, (rng.integers(1, 7), 1)).astype("float32")
        guess = target + target * rng.uniform(-0.2, 0.2, target.shape).astype("float32")
        found = within(ops.convert_to_tensor(target), ops.convert_to_tensor(guess))
        hits = (np.abs(guess - target) <= 0.1 * np.abs(target))[:, 0]
        expect_close(
            np.ravel(ops.convert_to_numpy(found)),
            hits.astype(float),
            f"For targets {target[:, 0]} and predictions {guess[:, 0]} it returns"
            f" {np.ravel(found)}.",
        )
    try:
        within(keras.KerasTensor((None, 1)), keras.KerasTensor((None, 1)))
    except Exception:
        expect(
            False,
            "Right here, but not a program that Keras can compile for `fit`. Use"
            " functions of `ops` only.",
        )
    for size in (1, 3, 10):
        value = stream(keras.metrics.MeanMetricWrapper(within), y_true, y_pred, size)
        expect_close(
            value,
            right.mean(),
            f"In batches of {size} Keras reports {value:.3f}, not {right.mean():.3f}.",
        )


# %% tags=["wrong"] hint="return a value for each row"
def within_a_tenth(y_true, y_pred):
    return ops.mean(
        ops.cast(ops.abs(y_pred - y_true) <= 0.1 * ops.abs(y_true), "float32")
    )


# %% tags=["wrong"] hint="A tenth of a negative target"
def within_a_tenth(y_true, y_pred):
    return ops.cast(ops.abs(y_pred - y_true) <= 0.1 * y_true, "float32")


# %% tags=["wrong"] hint="a tenth of the prediction"
def within_a_tenth(y_true, y_pred):
    return ops.cast(ops.abs(y_pred - y_true) <= 0.1 * ops.abs(y_pred), "float32")


# %% tags=["wrong"] hint="Take the difference first"
def within_a_tenth(y_true, y_pred):
    return ops.cast(
        ops.abs(ops.abs(y_pred) - ops.abs(y_true)) <= 0.1 * ops.abs(y_true), "float32"
    )


# %% tags=["wrong"] hint="A miss downward is a miss, too"
def within_a_tenth(y_true, y_pred):
    return ops.cast((y_pred - y_true) / y_true <= 0.1, "float32")


# %% tags=["wrong"] hint="functions of `ops` only"
def within_a_tenth(y_true, y_pred):
    return (np.abs(y_pred - y_true) <= 0.1 * np.abs(y_true)).astype("float32")


# %% [markdown]
# ### Exercise 06.2: the worst miss
#
# Some figures are no mean at all. Write a class that reports the largest $\lvert e \rvert$ of all rows seen, whatever
# the batches. `self.worst.assign(value)` sets a variable. Both shapes are (rows, 1).


# %% tags=["solution"]
class WorstMiss(keras.metrics.Metric):
    """The largest absolute error of all rows since the last reset."""

    def __init__(self, name="worst_miss"):
        """Make the state: one number, 0 at first."""
        super().__init__(name=name)
        self.worst = self.add_variable((), initializer="zeros", name="worst")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Take in a batch."""
        self.worst.assign(ops.maximum(self.worst, ops.max(ops.abs(y_pred - y_true))))

    def result(self):
        """Return the figure of all batches."""
        return ops.convert_to_tensor(self.worst)


# %% tags=["check"]
@exercise("06.2", WorstMiss)
def check(metric_class):
    y_true = np.arange(10, dtype="float32")[:, None]
    y_pred = y_true + np.array([1, -2, 3, -7, 5, 1, 2, 1, -1, 0.5], "float32")[:, None]
    metric = metric_class()
    expect(
        metric.variables,
        "The state is no Keras variable, so `fit` would lose it. Make it with"
        " self.add_variable.",
    )
    expect(
        metric.result() is not None,
        "`result` returns nothing. Does it end in a return?",
    )
    whole = stream(metric, y_true, y_pred, 10)
    expect(
        whole != 5,
        "The worst row is 7 too low, and it was passed over. A miss downward is a miss,"
        " too.",
    )
    expect(
        abs(whole - 7) < 1e-6,
        f"In one batch it reports {whole:.3g}; the largest absolute error is 7.",
    )
    swapped = stream(metric, y_pred, y_true, 10)
    expect(
        abs(swapped - 7) < 1e-6,
        "A worst row 7 too high was passed over. A miss upward is a miss, too.",
    )
    for size in (1, 3, 4):
        value = stream(metric, y_true, y_pred, size)
        last, found = (
            float(np.abs(y_pred - y_true)[(9 // size) * size :].max()),
            f"In batches of {size} it reports",
        )
        expect(
            abs(value - last) > 1e-6,
            "It reports the last batch. Compare each batch with what was seen before.",
        )
        expect(
            not value > 7.1,
            f"{found} {value:.3g}, more than any error. A maximum is not a sum.",
        )
        expect(
            abs(value - 7) < 1e-6,
            f"{found} {value:.3g}, not 7. The maxima must not be averaged.",
        )
    small = stream(metric, y_true, y_true + (y_pred - y_true) / 7, 10)
    expect(
        abs(small - 1) < 1e-6,
        "After reset_state the old worst miss was still there. Keep it in the"
        " variable.",
    )


# %% tags=["wrong"] hint="reports the last batch"
class WorstMiss(keras.metrics.Metric):
    def __init__(self, name="worst_miss"):
        super().__init__(name=name)
        self.worst = self.add_variable((), initializer="zeros", name="worst")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst.assign(ops.max(ops.abs(y_pred - y_true)))

    def result(self):
        return ops.convert_to_tensor(self.worst)


# %% tags=["wrong"] hint="A miss downward"
class WorstMiss(keras.metrics.Metric):
    def __init__(self, name="worst_miss"):
        super().__init__(name=name)
        self.worst = self.add_variable((), initializer="zeros", name="worst")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst.assign(ops.maximum(self.worst, ops.max(y_pred - y_true)))

    def result(self):
        return ops.convert_to_tensor(self.worst)


# %% tags=["wrong"] hint="must not be averaged"
class WorstMiss(keras.metrics.Mean):
    def __init__(self, name="worst_miss"):
        super().__init__(name=name)

    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(ops.max(ops.abs(y_pred - y_true)))


# %% tags=["wrong"] hint="no Keras variable"
class WorstMiss(keras.metrics.Metric):
    def __init__(self, name="worst_miss"):
        super().__init__(name=name)
        self.worst = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst = max(self.worst, float(ops.max(ops.abs(y_pred - y_true))))

    def result(self):
        return self.worst


# %% [markdown]
# ## A shape that nobody checks
#
# The targets were a column. Most programs pass them as they come from a table, of shape (rows,). The loss does not
# mind: Keras aligns its shapes. So do the metrics that come with Keras. A function of yours gets what you passed.

# %% [markdown] tags=["predict"]
# We train once more with targets of shape (rows,) and log `root_of_batch`, all validation rows in one batch. Will
# Keras raise an error, warn, report the right figure, or a wrong one?

# %%
flat = y_train[:, 0], y_validation[:, 0]
model, history = train(
    [root_of_batch, keras.metrics.RootMeanSquaredError(name="rmse")], *flat
)

plots.lines(
    range(1, epochs + 1),
    {
        "reported by the function": history["val_root_of_batch"],
        "true RMSE": history["val_rmse"],
        "standard deviation of the targets": np.full(epochs, y_validation.std()),
    },
    title="The network learns, and the metric does not notice",
    x_label="epoch",
    y_label="error on the validation rows (resistance)",
)

# %%
reported, true = history["val_root_of_batch"], history["val_rmse"]
limits = {"full": 5, "fast": 2}

# %%
spread("06.broadcast", "figure reported in the end", reported[-1], digits=1)
bound(
    "06.broadcast_ratio",
    "reported divided by true",
    reported[-1] / true[-1],
    at_least=limits,
    digits=1,
)
fact(
    "06.broadcast_floor",
    "never below the deviation of the targets",
    min(reported) >= y_validation.std(),
)

# %% [markdown] tags=["answer"]
# **A wrong one, without a word**: {{06.broadcast}}, which is {{06.broadcast_ratio}} times the truth. A column of shape
# (N, 1) less a row of shape (N,) is a table of N x N, every prediction less *every* target. Its mean square is
#
# $$\frac{1}{N^2} \sum_{i,j} (\hat y_j - y_i)^2
# = \mathrm{Var}(y) + \mathrm{Var}(\hat y) + (\overline{\hat y} - \bar y)^2$$
#
# (write each value as its mean plus a deviation; every product of deviations sums to zero). The true mse has the
# same three terms and $-2\,\mathrm{Cov}(y, \hat y)$, **the only term in which a prediction meets its own row**.
# Without it the figure can never fall below the standard deviation of the targets. It falls at first, as the network
# finds the mean, and grows as it dares to predict differently for different rows: a perfect network, with
# $\hat y = y$, gets $\sqrt 2$ times that standard deviation. Shuffle the predictions, and nothing changes:

# %%
predicted = model(x_validation).numpy()
shuffled = np.random.default_rng(seed).permutation(predicted)
same = np.isclose(
    root_of_batch(flat[1], predicted), root_of_batch(flat[1], shuffled), rtol=1e-4
)

# %%
fact("06.shuffle_unseen", "the same after a shuffle", same)

# %% [markdown]
# The cure is one line, at the top of any function of yours: `y_true = ops.reshape(y_true, ops.shape(y_pred))`. The
# class above has it. Where the numbers of entries differ it raises an error, as it should.

# %% [markdown]
# ### Exercise 06.3: from the figure to the fault
#
# A colleague's mean squared error does not fall, and you suspect broadcasting. Write the value that the broken
# metric reports **without** making N x N numbers, so that it can be compared for a million rows. Here NumPy will do.


# %% tags=["solution"]
def broadcast_mse(y_true, y_pred):
    """Return the mean of (y_pred[j] - y_true[i])**2 over all i and j;
    both arrays have shape (rows,)."""
    return np.var(y_true) + np.var(y_pred) + (np.mean(y_pred) - np.mean(y_true)) ** 2


# %% tags=["check"]
import tracemalloc


def draw(rng):
    rows = rng.integers(1, 9)
    return rng.normal(2, 3, rows), rng.normal(rng.normal(), 2, rows)


@exercise("06.3", broadcast_mse, draw=draw)
def check(answer):
    random = np.random.default_rng(3)
    for rows, shift in ((2, 0.0), (5, 3.0), (40, -2.0)):
        y_true = random.normal(2, 3, rows)
        y_pred = 0.8 * y_true + random.normal(shift, 1, rows)
        value, true = (
            answer(y_true.copy(), y_pred.copy()),
            np.mean((y_pred[:, None] - y_true) ** 2),
        )
        shifted, spread = (
            (y_pred.mean() - y_true.mean()) ** 2,
            np.var(y_true) + np.var(y_pred),
        )
        mistakes = {
            "Wanted is the mean of the squares itself, without a root.": np.sqrt(true),
            "This is the right mean squared error. Wanted is the broadcast one.": (
                np.mean((y_pred - y_true) ** 2)
            ),
            (
                "Shift all predictions by 100: it must grow, yours does not. A term "
                "is missing."
            ): (spread),
            "Here nothing is estimated. The variance divides by N, not N - 1.": (
                spread * rows / (rows - 1) + shifted
            ),
        }
        expect_close(
            value,
            true,
            f"For {rows} rows it returns {value}; the table's mean is {true:.4f}.",
            mistakes,
        )
    tracemalloc.start()
    answer(np.zeros(1000), np.ones(1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    expect(
        peak < 1_000_000,
        "It must work for a million rows, too: it may not make the table of N x N.",
    )


# %% tags=["wrong"] hint="the right mean squared error"
def broadcast_mse(y_true, y_pred):
    return np.mean((y_pred - y_true) ** 2)


# %% tags=["wrong"] hint="A term is missing"
def broadcast_mse(y_true, y_pred):
    return np.var(y_true) + np.var(y_pred)


# %% tags=["wrong"] hint="nothing is estimated"
def broadcast_mse(y_true, y_pred):
    return (
        np.var(y_true, ddof=1)
        + np.var(y_pred, ddof=1)
        + (np.mean(y_pred) - np.mean(y_true)) ** 2
    )


# %% tags=["wrong"] hint="the table of N x N"
def broadcast_mse(y_true, y_pred):
    return np.mean((y_pred[:, None] - y_true) ** 2)


# %% [markdown]
# ## Accuracies
#
# Three species of penguins, from four measurements. Which accuracy is `"accuracy"`? (The training rows will do: we
# compare metrics, not networks.)

# %%
penguins = load("penguins")
x = penguins.x_train[
    ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
]
# 0 is the mean: a missing number says nothing
x = ((x - x.mean()) / x.std()).fillna(0).to_numpy()
names = sorted(penguins.y_train.unique())
labels = np.searchsorted(names, penguins.y_train)
one_hot = np.eye(3)[labels]

# %%
keras.utils.set_random_seed(seed)
classifier = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]
)
classifier.compile(
    keras.optimizers.Adam(0.05),
    loss="sparse_categorical_crossentropy",
    jit_compile=False,
)
classifier.fit(x, labels, epochs=10, verbose=0)
probabilities = classifier(x).numpy()

share = np.mean(probabilities.argmax(axis=1) == labels)
sparse = keras.metrics.SparseCategoricalAccuracy()(labels, probabilities)
categorical = keras.metrics.CategoricalAccuracy()(one_hot, probabilities)

# %%
fact(
    "06.sparse_accuracy",
    "SparseCategoricalAccuracy equals NumPy's",
    np.isclose(sparse, share),
)
fact(
    "06.categorical_accuracy",
    "CategoricalAccuracy equals NumPy's",
    np.isclose(categorical, share),
)

# %% [markdown]
# Keras 3 looks at shapes alone when it reads `"accuracy"`: one output means `BinaryAccuracy`; of several outputs, one
# label a row means `SparseCategoricalAccuracy`, a label for each output `CategoricalAccuracy`. The last two agree, and
# all are means over rows, so batches do no harm. Now ask for others by name, on the same predictions:

# %% [markdown] tags=["predict"]
# `BinaryAccuracy` on one-hot labels asks of every *entry*, not every row, whether it lies on the right side of 0.5.
# Will it be higher or lower than the accuracy? And `keras.metrics.Accuracy()`, whose name is the plainest?

# %%
binary = keras.metrics.BinaryAccuracy()(one_hot, probabilities)
exact = keras.metrics.Accuracy()(one_hot, probabilities)

# %%
spread("06.accuracy", "accuracy", share)
spread(
    "06.binary_adds",
    "what BinaryAccuracy adds",
    100 * (float(binary) - share),
    unit="points",
    digits=2,
)
bound("06.exact_accuracy", "Accuracy()", exact, at_most=0.01)

# %% [markdown] tags=["answer"]
# The accuracy is {{06.accuracy}}, and `BinaryAccuracy` adds {{06.binary_adds}}: {{06.binary_adds:sign}}. A network
# that is wrong about a penguin, and sure, has two of three entries wrong but the third right. If $a$ is the accuracy
# and every row has one probability above one half, the binary accuracy is $1 - \tfrac{2}{3}(1 - a)$. So it hides a
# third of the mistakes, and with more classes nearly all (lesson 08). `Accuracy()` gives {{06.exact_accuracy}}: it asks
# whether a probability *equals* the label.

# %% [markdown]
# Broadcasting once more: a common definition of sensitivity, the share of positive rows that are found:


# %%
def sensitivity(y_true, y_pred):
    return ops.sum(y_true * ops.round(y_pred)) / ops.sum(y_true)


gentoo = (labels == names.index("Gentoo")).astype("float32")
probability = probabilities[:, [names.index("Gentoo")]]

flat_labels = float(sensitivity(gentoo, probability))

# %%
spread(
    "06.sensitivity",
    "sensitivity, labels as a column",
    sensitivity(gentoo[:, None], probability),
)
bound(
    "06.sensitivity_broadcast",
    "sensitivity, labels of shape (N,)",
    flat_labels,
    at_least=2,
    digits=0,
)
fact(
    "06.predicted_positive",
    "that is the number predicted positive",
    flat_labels == probability.round().sum(),
)

# %% [markdown]
# With a column {{06.sensitivity}}; with labels of shape (N,) a share of {{06.sensitivity_broadcast}}. With
# $\hat p_j$ the rounded probabilities,
#
# $$\frac{\sum_{i,j} y_i\, \hat p_j}{\sum_i y_i} = \frac{\sum_i y_i \cdot \sum_j \hat p_j}{\sum_i y_i} = \sum_j \hat p_j$$
#
# the number of rows *predicted* positive. Here the figure betrays itself, being above 1. An RMSE has no such limit.
# (Even with the right shape, this function is averaged over batches, and that is wrong: lessons 07 and 09.)

# %% [markdown] tags=["quiz"]
# Written as a function that returns one value for each row, which of these does Keras compute correctly in batches of
# any size?
#
# - [ ] the root mean square error and the mean absolute error
#   The mean absolute error, yes. But a root of a mean is not the mean of the batches' roots.
# - [x] the accuracy and the mean absolute error
#   Both are means over rows, and Keras weights each batch by its rows.
# - [ ] the accuracy and the recall
#   The accuracy, yes. But recall is a quotient of two sums, and a batch has its own number of positives to divide by.
# - [ ] the coefficient of determination and the mean squared error
#   The mean squared error, yes. But the coefficient of determination is one minus a quotient of two sums. It needs a
#   state.

# %% [markdown]
# ## What you have learned
#
# - mae and rmse are in the target's unit, and rmse is never the smaller; mape is for targets away from zero; the
#   cosine of one output sees only signs, and is +1 as a metric where the loss is -1.
# - The history's keys are the strings that you passed.
# - `sqrt(mean(square(...), axis=-1))` is the mean absolute error for one output. Without the axis it misses the
#   variance between the batches: $\bar r^2 = \mathrm{RMSE}^2 - \mathrm{Var}(r)$ for batches of equal size.
# - A function returns one value a row, and Keras takes the mean. Anything else is a class that adds first and
#   divides last. The test is NumPy, at batch sizes 1, 7, 32 and N.
# - (N,) against (N, 1) is N x N, without an error: an RMSE that never falls below the targets' standard deviation, a
#   sensitivity above 1.
# - `"accuracy"` is chosen by shapes alone. `BinaryAccuracy` on one-hot rows flatters; `Accuracy()` compares for
#   equality.
#
# ## Try next
#
# - Train with `copied` as the *loss*. Which of Keras' own losses is that?
# - Which constant prediction makes each of mse, mae and mape least on the yachts? Try mean, median and minimum.
# - Give `RMSE` its `sample_weight`. What should a row of weight 2 do to both sums?
