# ---
# title: "Metrics: what is measured while you train"
# part: 2 Measure
# objectives:
#   - choose among mse, mae, mape and cosine for a regression, and explain what each one cannot see
#   - tell which metrics survive being computed batch by batch, and how far off the others are
#   - write your own metric, as a function or as a class with a state, and test it against NumPy
#   - explain what your own metric reports when targets have shape (N,) and outputs (N, 1), and why
#   - name the accuracy that Keras computes for your classifier
# prerequisites:
#   - "lesson 02 (Regression with Keras) and lesson 03 (Classification)"
#   - "lesson 04 (Training history): learning curves"
#   - broadcasting in NumPy, mean and variance
# data: [yacht, penguins]
# vary: {epochs: [40, 60, 80]}
# reading:
#   - "Brownlee, *How to Use Metrics for Deep Learning with Keras in Python*, machinelearningmastery.com/custom-metrics-deep-learning-keras-python (the copied function)"
#   - "Keras, pull request 922 (the function becomes part of Keras, 2015), issues 1784 (it was removed, 2016) and 10706 (a user finds it equal to the absolute error, 2018), github.com/keras-team/keras"
#   - "Hyndman, Koehler, *Another look at measures of forecast accuracy*, International Journal of Forecasting 22, 2006, doi:10.1016/j.ijforecast.2006.03.001"
#   - "Gerritsma, Onnink, Versluis, *Yacht Hydrodynamics*, 1981, doi:10.24432/C5XG7R (the data)"
# ---

# %% [markdown]
# The loss is the number that training makes small. A metric is the number by which *you* judge the network. Keras
# computes as many metrics as you like while it trains, and it prints whatever they return. Nothing checks that a
# function called `rmse` returns the RMSE.
#
# In this lesson you test a few lines of code that many programs contain. Most of the values that they report look
# plausible, and some fall nicely from epoch to epoch. Is each value what its name says? You predict it, look, and then
# let a little algebra explain what you saw.
#
# The results in the text come from full mode (`fast = False`). In fast mode, training ends too early to show all of
# them.

# %% tags=["parameters"]
seed: int = 0  # seed of the initial weights and the order of the rows, 0 to 1000000
fast: bool = False  # fewer epochs
epochs: int = 50  # passes over the training rows in each fit, 10 to 400, fast 10

# %%
from course.lesson import begin

begin("06_metrics", globals())

# %% [markdown]
# ## Four metrics of one network
#
# This is where a metric stands in a step of training:

# %%
from course.topics.metric_figures import loss_and_metric

loss_and_metric()

# %% [markdown]
# The data come from towing-tank trials of yacht hulls. Five inputs describe the hull and one gives its speed. The
# target is the resistance of the water, a number without a unit. We standardize the inputs with the mean and the
# standard deviation of the training rows, as in lesson 02.

# %%
import numpy as np

from course.data import load

boats = load("yacht")
mean = boats.x_train.mean()
deviation = boats.x_train.std()
x_train = ((boats.x_train - mean) / deviation).to_numpy("float32")
x_validation = ((boats.x_validation - mean) / deviation).to_numpy("float32")

# %%
y_train = boats.y_train.to_numpy("float32")[:, None]
y_validation = boats.y_validation.to_numpy("float32")[:, None]
print("shapes:", x_train.shape, y_train.shape, x_validation.shape, y_validation.shape)
print(f"least resistance {y_train.min():.2f}, greatest {y_train.max():.2f}")
print(f"median {np.median(y_train):.2f}, mean {y_train.mean():.2f}")

# %% [markdown]
# The targets form a *column*: their shape is (rows, 1), like that of the network's output. Later you will see what
# happens with other shapes. Note how widely the targets spread: the greatest resistance is more than a thousand times
# the least.
#
# One function trains the network, always from the same seed. `shuffled_batches` puts the rows into new batches in
# every epoch. (Lesson 03 shows why we do not leave that to `fit`.)

# %%
import keras

from course.training.batches import shuffled_batches


def new_network(metrics):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(32, activation="relu"), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((6,)), *layers])
    optimizer = keras.optimizers.Adam(0.02)
    model.compile(optimizer, loss="mse", metrics=metrics, jit_compile=False)
    optimizer.build(model.trainable_variables)  # not needed, but saves a second
    return model


# %%
def train(metrics, y=y_train, y_validation=y_validation):
    """Train a new network with these metrics; return it and its history."""
    model = new_network(metrics)
    fit = model.fit(
        shuffled_batches(x_train, y, batch_size=32, seed=seed),
        validation_data=(x_validation, y_validation),
        validation_batch_size=len(x_validation),  # all validation rows in one batch
        shuffle=False,
        epochs=epochs,
        verbose=0,
    )
    return model, fit.history


# %% [markdown]
# Let $e = \hat y - y$ be the error of a row. You can ask for four metrics by name:
#
# | name | what it is | unit |
# | --- | --- | --- |
# | `mse` | mean of $e^2$ | the target's unit, squared |
# | `mae` | mean of $\lvert e \rvert$ | the target's unit |
# | `mape` | mean of $100\, \lvert e \rvert / \lvert y \rvert$ | percent |
# | `cosine_similarity` | mean of $y \cdot \hat y / (\lvert y \rvert \lvert \hat y \rvert)$ over the rows | none, from -1 to 1 |
#
# We log two more metrics for the next section: the class `RootMeanSquaredError` from Keras, and a function from a
# tutorial, which we call `copied`.

# %%
from keras import ops


def copied(y_true, y_pred):
    return ops.sqrt(ops.mean(ops.square(y_pred - y_true), axis=-1))


# %% [markdown] tags=["predict"]
# The mse is the loss, so it falls, and the mae falls with it. Will the mean absolute *percentage* error fall too? And
# what will the cosine do, with one output and targets above zero?

# %%
rmse = keras.metrics.RootMeanSquaredError(name="rmse")
model, history = train(["mse", "mae", "mape", "cosine_similarity", rmse, copied])
for name in ("mae", "rmse", "mape", "cosine_similarity"):
    print(f"{name:18} after the last epoch: {history['val_' + name][-1]:.2f}")

# %%
from course.topics.metric_figures import panels

units = {"mse": "mse (squared)", "mae": "mae (resistance)", "mape": "mape (%)"}
three = {unit: history[f"val_{name}"] for name, unit in units.items()}
panels(three, title="Three errors of one network, validation rows, log scales")

# %%
cosine = {"cosine similarity": history["val_cosine_similarity"]}
panels(cosine, title="The cosine on the validation rows", log="")

# %% [markdown] tags=["answer"]
# **The percentage error rises first.** While the mae and the mse fell, the mape climbed to {{06.mape_highest}} before
# it came down to {{06.mape}}. (In about half of the runs it is above 100% even at the end. In fast mode, the mape has
# hardly begun to come down, and the cosine is still far below its best.) A network that always answers 0 has a mape of
# exactly 100%. So by this measure, our network was far worse than that one even while its own mae and mse were falling.
# The reason is the division: an error of 0.5 at a resistance of 0.05 counts as 1,000%. **Use a percentage error only
# when the targets stay away from zero.** Here it mostly describes the slowest trials, whose resistance is almost zero.
# The mae and the mse do not favor those trials: for them an error of 0.5 counts the same at a resistance of 0.05 as
# at 60.
#
# **The cosine is high early on, when the network is still poor.** With one output, $y \hat y / (\lvert y \rvert \lvert
# \hat y \rvert)$ is the product of two signs. A row scores 1 if its prediction is above zero, however wrong it is, and
# -1 if it is below zero, however close it is. All that a cosine of $c$ tells you is that a share of $(1 + c)/2$ of the
# rows was predicted above zero. The cosine reached {{06.cosine_early}} within the first ten epochs, when the network
# knew little more than that resistances are positive. In most runs it then falls and goes up and down, because some
# predictions for the slowest trials slip below zero. After the last epoch it is {{06.cosine_lost}} lower than at its
# best. The cosine is made for vectors whose direction matters, such as those that represent words.

# %% [markdown]
# Check both explanations on the predictions of your network. How much of the last mape comes from the quarter of the
# rows with the lowest resistance? And for which resistances does the network predict a value below zero?

# %% tags=["varies"]
predicted = ops.convert_to_numpy(model(x_validation))
relative = np.abs(predicted - y_validation) / y_validation
lowest = y_validation <= np.quantile(y_validation, 0.25)
print(f"share of the mape: {relative[lowest].sum() / relative.sum():.0%}")
print("predicted below zero:", np.sort(y_validation[predicted < 0]).round(2))

# %%
early = max(history["val_cosine_similarity"][:10])
lost = early - history["val_cosine_similarity"][-1]
mape = history["val_mape"]

# %%
from course.claims import bound, fact, spread

bound(
    "06.mape_highest",
    "highest mape",
    max(mape),
    at_least={"full": 300},
    unit="%",
    digits=0,
)

# %%
bound("06.mape", "mape in the end", mape[-1], at_most={"full": 300}, unit="%", digits=0)
bound("06.cosine_early", "highest cosine in ten epochs", early, at_least=0.9, digits=2)
spread("06.cosine_lost", "cosine lost since then", lost, digits=2)

# %% [markdown]
# The square root of the mse, the *rmse*, has the unit of the target, like the mae. It is never smaller than the mae,
# because a variance is never negative:
#
# $$\mathrm{RMSE}^2 - \mathrm{MAE}^2 = \overline{\lvert e \rvert^2} - \overline{\lvert e \rvert}^{\,2}
# = \mathrm{Var}(\lvert e \rvert) \ge 0$$
#
# The farther the two are apart, the more the errors differ in size.

# %%
never_less = all(np.greater_equal(history["val_rmse"], history["val_mae"]))

# %%
fact("06.rmse_never_less", "rmse never below mae", never_less)

# %% [markdown]
# ### The keys are the strings you pass
#
# For a metric that you pass as a string, the key in the history is that very string. A metric passed as a function or
# as an object goes by its own name. For the validation rows, Keras puts `val_` in front:

# %%
print([key for key in history if key.startswith("val_")])
print("mean_squared_error" in history)

# %% [markdown]
# Programs from before TensorFlow 2 often pass `"accuracy"` and then read `acc` (TensorFlow issue 27217, 2019). Today
# they fail with a KeyError.
#
# One name comes with two signs. A loss must get smaller as the model gets better, so the *loss* called cosine
# similarity is the negative of the metric. Take two vectors with the same direction:

# %%
a = np.array([[1.0, 2.0]])
b = np.array([[2.0, 4.0]])
print("loss:  ", round(float(keras.losses.CosineSimilarity()(a, b)), 4))
print("metric:", round(float(keras.metrics.CosineSimilarity()(a, b)), 4))

# %% [markdown]
# Callbacks such as `EarlyStopping` know in which direction Keras' own metrics should move. For a metric of your own,
# tell them with `mode="max"` or `mode="min"`.

# %% [markdown]
# ## The copied function
#
# "How do I get the RMSE in Keras?" One widely read answer is Jason Brownlee's tutorial *How to Use Metrics for Deep
# Learning with Keras in Python*. Many public programs contain its lines:
#
#     def rmse(y_true, y_pred):
#         return backend.sqrt(
#             backend.mean(backend.square(y_pred - y_true), axis=-1))
#
# The idea looks sound: take Keras' own `mean_squared_error`, `axis=-1` included, and put a root around it. Our
# `copied` uses `keras.ops`, which has replaced the old `backend`. Nothing else differs.

# %% [markdown] tags=["predict"]
# Along with `copied` we logged `mae` and Keras' `RootMeanSquaredError`. Which of these two curves does `copied`
# follow?

# %%
from course import plots

plots.lines(
    range(1, epochs + 1),
    {name: history[f"val_{name}"] for name in ("rmse", "mae", "copied")},
    title="Three metrics of the same predictions",
    x_label="epoch",
    y_label="error on the validation rows (resistance, log scale)",
    log="y",
)

# %% [markdown] tags=["answer"]
# It lies **on the mae**. In no epoch do the two differ by more than rounding. At the end, `copied` is
# {{06.copied_too_low}} below the rmse that it is meant to compute. The algebra takes one line. Along `axis=-1` a row
# has as many entries as the network has outputs. Here there is one output, and the mean of one number is the number
# itself:
#
# $$\sqrt{\tfrac{1}{1}\,(\hat y - y)^2} = \lvert \hat y - y \rvert$$
#
# So the root comes **before** the mean over the rows, which Keras takes afterward. In `mean_squared_error` that order
# does no harm, because a mean of means is still a mean. A root of a mean is not the mean of the roots. (Keras itself
# once had such a loss, from pull request 922 in 2015, and had removed it by February 2016, issue 1784.)

# %%
difference = np.abs(np.array(history["val_copied"]) / history["val_mae"] - 1)
parts = 1e6 * difference.max()
too_low = 100 * (1 - history["val_copied"][-1] / history["val_rmse"][-1])

# %%
bound(
    "06.copied_from_mae",
    "greatest difference of the copied function from mae",
    parts,
    at_most=1,
    unit="millionths",
    digits=1,
)

# %%
bound(
    "06.copied_too_low",
    "copied function below the rmse",
    too_low,
    at_least=10,
    unit="%",
    digits=0,
)

# %% [markdown]
# You can see the fault in the tutorial's own output. It trains on ten rows in a single batch, with the loss `mse`. So
# the root of each printed loss should equal the printed RMSE. These are its published values for epochs 496 and 500:

# %%
for mse, shown in ((1.2992e-06, 9.7909e-04), (1.1788e-06, 9.3261e-04)):
    root = np.sqrt(mse)
    low = 1 - shown / root
    print(f"root of the loss {root:.3e}, shown as rmse {shown:.3e}: {low:.0%} too low")

# %% [markdown]
# In 2018 a user of Keras logged this function next to `mae`, saw the same numbers twice, and asked whether that was a
# bug (issue 10706). The advice was to leave out `axis=-1`.

# %% [markdown] tags=["quiz"]
# A network has two outputs. What does `copied` report then?
#
# - [ ] The root mean square error over all rows and outputs.
#   The function takes the root in each row, before the mean over the rows. For this answer, the root would have to
#   come last.
# - [ ] The mean absolute error over all rows and outputs.
#   That holds for one output, where the root of a square is the absolute error. Here two outputs share one root.
# - [x] The mean, over the rows, of each row's root mean square error.
#   `axis=-1` is the axis of the outputs. So the function takes the root of each row's mean over its two outputs, and
#   Keras takes the mean over the rows last. The result lies between the mae and the rmse.
# - [ ] The mean of the two outputs' root mean square errors.
#   For that, the mean over the *rows* would have to come first, separately for each output.

# %% [markdown]
# ## Without the axis
#
# Now the mean runs over all the rows, as it should:


# %%
def root_of_batch(y_true, y_pred):
    return ops.sqrt(ops.mean(ops.square(y_pred - y_true)))


# %% [markdown]
# But those are only the rows *of the batch*. Keras calls the function once per batch, and reports the mean of what it
# returned. `evaluate` lets you choose the batch size. We use the training rows because there are more of them.
# (Compiling a model again keeps its weights and replaces everything else: loss, metrics and optimizer. Without an
# optimizer, `compile` would take its default, RMSprop. So we pass the one that the model has.)

# %% [markdown] tags=["predict"]
# With all rows in one batch, this function is right. What does it report with one row per batch?

# %%
rmse = keras.metrics.RootMeanSquaredError(name="rmse")
metrics = ["mae", root_of_batch, rmse]
model.compile(model.optimizer, loss="mse", metrics=metrics, jit_compile=False)


def evaluate(size, x=x_train, y=y_train):
    return model.evaluate(x, y, batch_size=size, verbose=0, return_dict=True)


sizes = [1, 3, 10, 32, len(x_train)]
reported = {size: evaluate(size) for size in sizes}

# %%
names = {"RootMeanSquaredError": "rmse", "root_of_batch": "root_of_batch", "mae": "mae"}
plots.lines(
    sizes,
    {shown: [reported[size][name] for size in sizes] for shown, name in names.items()},
    title="One network, one set of rows, five batch sizes",
    x_label="batch size in evaluate (rows, log scale)",
    y_label="reported error (resistance)",
    log="x",
)

# %% [markdown] tags=["answer"]
# With one row per batch, it reports **the mean absolute error again**, which is {{06.too_low_at_1}} too low. With all
# rows in one batch it is right. In between, its value depends on the batch size, which has nothing to do with how good
# the network is. At 10 rows per batch it is {{06.too_low_at_10}} too low. (Our goal was to show you more than 5% in
# every run. That goal was not reached.) `RootMeanSquaredError` gives the same value at every batch size.
#
# Why too low? Call the roots of the batches $r_b$. With batches of equal size, the true mse is the mean of the
# $r_b^2$. The variance of the roots is the mean of their squares minus the square of their mean. It follows that
#
# $$\mathrm{RMSE}^2 = \overline{r^2} = \bar r^{\,2} + \mathrm{Var}(r)
# \quad\Longrightarrow\quad \bar r = \sqrt{\mathrm{RMSE}^2 - \mathrm{Var}(r)}$$

# %%
errors = (ops.convert_to_numpy(model(x_train)) - y_train).astype("float64")[:, 0]
truth = np.sqrt(np.mean(errors**2))
too_low = {
    size: 100 * (1 - logs["root_of_batch"] / truth) for size, logs in reported.items()
}
from_mae = 1e6 * abs(reported[1]["root_of_batch"] / reported[1]["mae"] - 1)
from_rmse = 1e6 * abs(reported[len(x_train)]["root_of_batch"] / truth - 1)
rounding = {"at_most": 10, "unit": "millionths", "digits": 1}

# %%
spread("06.too_low_at_1", "too low, 1 row per batch", too_low[1], unit="%", digits=1)
bound(
    "06.too_low_at_10",
    "too low, 10 rows per batch",
    too_low[10],
    at_least={"full": 0},
    unit="%",
    digits=1,
)

# %%
bound("06.single_from_mae", "from mae, 1 row per batch", from_mae, **rounding)
bound("06.whole_from_rmse", "from rmse, all rows at once", from_rmse, **rounding)

# %% [markdown]
# **What is missing is the variance between the batches**, that is, the variance of their roots. If all batches were
# equally hard, nothing would be missing.
# Here is the identity in NumPy, with batches of 8 rows:

# %%
roots = np.sqrt(np.mean(errors.reshape(-1, 8) ** 2, axis=1))
print("square of the rmse:            ", (truth**2).round(6))
print("square of the mean, + variance:", (roots.mean() ** 2 + roots.var()).round(6))

# %%
fact(
    "06.identity",
    "the identity holds",
    np.isclose(truth**2, roots.mean() ** 2 + roots.var()),
)

# %% [markdown]
# The identity needs batches of *equal size*. A short last batch counts as much as a full one, so the error can go
# either way. With batches of 10, the 62 validation rows leave a last batch of 2 rows. Those two count as much as ten
# others.
#
# The order of the rows matters too. `evaluate` takes them as they come, and many files are sorted. In a sorted file
# the batches differ more, so more is missing:

# %%
logs = evaluate(10, x_validation, y_validation)
too_high = 100 * (logs["root_of_batch"] / logs["rmse"] - 1)

order = np.argsort(y_train[:, 0])
logs = evaluate(10, x_train[order], y_train[order])
more = 100 * (1 - logs["root_of_batch"] / truth) - too_low[10]

# %%
bound(
    "06.validation_too_high",
    "too high on the validation rows",
    too_high,
    at_least=0,
    unit="%",
    digits=1,
)

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
# On the validation rows, in batches of 10, the function reports {{06.validation_too_high}} too *much*. On the training
# rows, sorting by the target lowers the value by another {{06.sorted_adds}}. There, the network and the rows are the
# same as before; only the order of the rows has changed.
#
# For shuffled rows, the algebra takes you one step further. If $\mathrm{Var}(r)$ is small, the identity says that $\bar
# r$ is about $\mathrm{Var}(r) / (2\,\mathrm{RMSE})$ below the RMSE. The mse of a batch of $B$ rows has the variance
# $\mathrm{Var}(e^2)/B$. At the true mse, the square root has the derivative $1/(2\,\mathrm{RMSE})$. So the root
# multiplies a small change in the mse by that factor, and $\mathrm{Var}(r) \approx \mathrm{Var}(e^2) / (4 B\,
# \mathrm{RMSE}^2)$. Together:
#
# $$1 - \frac{\bar r}{\mathrm{RMSE}} \approx \frac{\mathrm{Var}(r)}{2\,\mathrm{RMSE}^2}
# \approx \frac{\mathrm{Var}(e^2)}{8 B\, \mathrm{RMSE}^4} = \frac{\kappa - 1}{8 B}$$
#
# with $\kappa = \overline{e^4} / \mathrm{RMSE}^4$. Normally distributed errors with mean 0 have $\kappa = 3$, so at
# $B = 10$ only 2.5% of the RMSE is missing. When a few errors are much larger than the rest, $\kappa$ is larger.
# Compare the formula with a thousand shuffles of our errors, each with 18 full batches:

# %%
kappa = np.mean(errors**4) / truth**4
formula = 100 * (kappa - 1) / (8 * 10)

squares = np.random.default_rng(seed).permuted(np.tile(errors**2, (1000, 1)), axis=1)
roots = np.sqrt(squares[:, :180].reshape(1000, 18, 10).mean(axis=2))
shuffles = 100 * (1 - roots.mean() / truth)
print(f"too low by the formula {formula:.1f}%, in the shuffles {shuffles:.1f}%")

# %%
bound("06.kappa", "kappa of the errors", kappa, at_least={"full": 3}, digits=1)
spread("06.too_low_formula", "too low by the formula", formula, unit="%", digits=1)

# %%
words = "formula minus shuffles"
spread("06.formula_off", words, formula - shuffles, unit="points", digits=1)

# %% [markdown]
# Our $\kappa$ is {{06.kappa}}. The formula says that the function reports {{06.too_low_formula}} too little. That is
# {{06.formula_off}} more than in the shuffles, so the formula is a good guide, but not exact: it assumes small
# variations and many more rows than $B$. For shuffled rows, two things decide how wrong the metric is: how unequal the
# squared errors are, and the batch size.

# %% [markdown]
# ### Add first, divide last
#
# A metric that is right at every batch size keeps **sums** over all the rows. It does everything else once, at the
# end. In Keras, that is a class with a state:


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
# Keras calls `update_state` for each batch, and `result` whenever it needs the value. It sets the variables back to
# zero before each epoch and each evaluation. (Keras passes `sample_weight` to the metrics that you list under
# `weighted_metrics`, so the method should accept it. Ours ignores it.) The variable `rows` counts the entries of
# `y_pred`. With one output that is the number of rows. We test the class against NumPy, with some batch sizes that
# divide the number of rows and some that do not:

# %%
metrics = [RMSE(), rmse, "mae"]
model.compile(model.optimizer, loss="mse", metrics=metrics, jit_compile=False)
right = {"own_rmse": truth, "rmse": truth, "mae": np.mean(np.abs(errors))}
differences = []
for size in (1, 7, 32, len(x_train)):
    logs = evaluate(size)
    differences += [abs(logs[name] / right[name] - 1) for name in right]
off = 1e6 * max(differences)

# %%
bound("06.from_numpy", "greatest difference from NumPy", off, **rounding)

# %% [markdown]
# Our class, the one from Keras, and `mae` all agree with NumPy, up to rounding. But `mae` is a plain function. Why is
# it right at every batch size? Because the function returns **one value per row**. Keras adds up those values and
# counts them, so a short last batch gets the weight that it should.

# %% [markdown]
# The exercises use the same test, without a network:


# %%
def stream(metric, y_true, y_pred, size):
    """Feed a metric batches of `size` rows, as `evaluate` does; return its result."""
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
# Write a metric as a function: the share of rows whose error is at most 10% of the size of the target. (A target may be
# negative. Its size is its absolute value.) Return one value per row, and leave the mean to Keras. `y_true` and
# `y_pred` have the shape (rows, 1). Use functions from `ops`.


# %% tags=["solution"]
def within_a_tenth(y_true, y_pred):
    """Return 1.0 for each row predicted within 10% of its target, else 0.0."""
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
        "You allow 0.1 for every row. Allow a tenth of the row's target.",
    )
    expect(
        rows[1] == 0,
        "The target 2 was predicted as 1, and that counts as a hit. A miss downward is"
        " a miss, too.",
    )
    expect(
        rows[3] == 1,
        "The target -8 is predicted as -7.6 and does not count. What is a tenth of a"
        " negative target?",
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
        "Some row is wrong. Count 1 for |error| <= 0.1 |target|, else 0.",
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
            "The values are right, but Keras cannot compile this for `fit`. Use"
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


# %% tags=["wrong"] hint="a tenth of a negative target"
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
# Some metrics are not a mean at all. Write a class that reports the largest $\lvert e \rvert$ of all the rows it has
# seen, however they were batched. Keep it in a variable `self.worst`, created as in the class `RMSE` above.
# `self.worst.assign(value)` sets it. `y_true` and `y_pred` have the shape (rows, 1).


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
        """Return the largest absolute error of all batches."""
        return ops.convert_to_tensor(self.worst)


# %% tags=["check"]
@exercise("06.2", WorstMiss)
def check(metric_class):
    y_true = np.arange(10, dtype="float32")[:, None]
    y_pred = y_true + np.array([1, -2, 3, -7, 5, 1, 2, 1, -1, 0.5], "float32")[:, None]
    metric = metric_class()
    expect(
        metric.variables,
        "The state is not a Keras variable, so `fit` would lose it. Create it with"
        " self.add_variable.",
    )
    expect(
        metric.result() is not None,
        "`result` returns nothing. Does it end in a return?",
    )
    whole = stream(metric, y_true, y_pred, 10)
    expect(
        whole != 5,
        "The worst row is 7 too low, and you missed it. A miss downward is a miss,"
        " too.",
    )
    expect(
        abs(whole - 7) < 1e-6,
        f"In one batch it reports {whole:.3g}; the largest absolute error is 7.",
    )
    swapped = stream(metric, y_pred, y_true, 10)
    expect(
        abs(swapped - 7) < 1e-6,
        "The worst row is 7 too high, and you missed it. A miss upward is a miss, too.",
    )
    for size in (1, 3, 4):
        value = stream(metric, y_true, y_pred, size)
        last, found = (
            float(np.abs(y_pred - y_true)[(9 // size) * size :].max()),
            f"In batches of {size} it reports",
        )
        expect(
            abs(value - last) > 1e-6,
            "It reports the last batch. Compare each batch with the worst so far.",
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
        "After reset_state, the old worst miss is still there. Keep it in the"
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


# %% tags=["wrong"] hint="not a Keras variable"
class WorstMiss(keras.metrics.Metric):
    def __init__(self, name="worst_miss"):
        super().__init__(name=name)
        self.worst = 0.0

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.worst = max(self.worst, float(ops.max(ops.abs(y_pred - y_true))))

    def result(self):
        return self.worst


# %% [markdown]
# ## Targets without a second axis
#
# So far our targets were a column. Most programs pass targets as they come from a table, with the shape (rows,). The
# loss accepts both, because Keras aligns the shapes first. What about a metric?

# %% [markdown] tags=["predict"]
# We train again, with targets of shape (rows,), and log `root_of_batch` with all validation rows in one batch. Will
# Keras raise an error, give a warning, report the right value, or report a wrong one?

# %%
flat_train = y_train[:, 0]
flat_validation = y_validation[:, 0]
rmse = keras.metrics.RootMeanSquaredError(name="rmse")
model, history = train([root_of_batch, rmse], flat_train, flat_validation)

# %%
curves = {
    "root_of_batch": history["val_root_of_batch"],
    "RootMeanSquaredError": history["val_rmse"],
    "standard deviation of the targets": np.full(epochs, y_validation.std()),
}

# %%
plots.lines(
    range(1, epochs + 1),
    curves,
    title="Two metrics of one network, with targets of shape (rows,)",
    x_label="epoch",
    y_label="error on the validation rows (resistance)",
)

# %% [markdown] tags=["answer"]
# **It reports a wrong value, without a warning**: {{06.broadcast}}, which is {{06.broadcast_ratio}} times the true
# RMSE. The metrics that come with Keras align the shapes, as the loss does. But your own function gets exactly what you
# passed. A column of shape (N, 1) minus a vector of shape (N,) is a table of N x N numbers, which holds every
# prediction minus *every* target. The mean of their squares is
#
# $$\frac{1}{N^2} \sum_{i,j} (\hat y_j - y_i)^2
# = \mathrm{Var}(y) + \mathrm{Var}(\hat y) + (\overline{\hat y} - \bar y)^2$$
#
# To see this, write each value as the mean plus a deviation. Over all pairs, the products of a deviation of $y$ and
# one
# of $\hat y$ sum to zero. The true mse has the same three terms and one more, $-2\,\mathrm{Cov}(y, \hat y)$. That is
# **the only term in which a prediction meets its own target**. Without it, the value can never fall below the
# standard deviation of the targets. The value falls while
# the network finds the mean, and rises again when the network predicts different values for different rows. A perfect
# network, with $\hat y = y$, gets $\sqrt 2$ times the standard deviation of the targets.

# %%
wrong = history["val_root_of_batch"]
ratio = wrong[-1] / history["val_rmse"][-1]
above = min(wrong) >= y_validation.std()

# %%
spread("06.broadcast", "reported in the end", wrong[-1], digits=1)
bound(
    "06.broadcast_ratio",
    "reported / true",
    ratio,
    at_least={"full": 5, "fast": 2},
    digits=1,
)
fact("06.broadcast_floor", "never below the deviation of the targets", above)

# %% [markdown]
# If no prediction meets its own target, you can shuffle the predictions and nothing changes:

# %%
predicted = ops.convert_to_numpy(model(x_validation))
shuffled = np.random.default_rng(seed).permutation(predicted)
before = float(root_of_batch(flat_validation, predicted))
after = float(root_of_batch(flat_validation, shuffled))
print(f"before the shuffle {before:.3f}, after it {after:.3f}")

# %%
fact(
    "06.shuffle_unseen",
    "the same after a shuffle",
    np.isclose(before, after, rtol=1e-4),
)

# %% [markdown]
# The fix is one line at the top of your function: `y_true = ops.reshape(y_true, ops.shape(y_pred))`. The class above
# has such a line. If the numbers of entries differ, `reshape` raises an error, as it should.

# %% [markdown]
# ### Exercise 06.3: from the value to the fault
#
# A colleague's mean squared error does not fall, and you suspect broadcasting. Compute the value that the broken
# metric would report, but **without** making N x N numbers, so that your function also works for a million rows.
# `y_true` and `y_pred` are NumPy arrays of shape (rows,), and you may use NumPy.


# %% tags=["solution"]
def broadcast_mse(y_true, y_pred):
    """Return the mean of (y_pred[j] - y_true[i])**2 over all rows i and j."""
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
            "Return the mean of the squares itself, without a root.": np.sqrt(true),
            "This is the right mean squared error. Return the broadcast one.": (
                np.mean((y_pred - y_true) ** 2)
            ),
            (
                "Shift all predictions by 100: the value must grow; yours does not. "
                "A term is missing."
            ): (spread),
            "Here nothing is estimated, so the variance divides by N, not N - 1.": (
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
        "It must work for a million rows too, so it may not make the table of N x N.",
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
# Classifiers have metrics with confusingly similar names. Take three species of penguins and four measurements of
# each bird:

# %%
penguins = load("penguins")
measured = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
x = penguins.x_train[measured]
x = ((x - x.mean()) / x.std()).fillna(0).to_numpy("float32")  # 0 is the mean
names = sorted(penguins.y_train.unique())
labels = np.searchsorted(names, penguins.y_train)
one_hot = np.eye(3, dtype="float32")[labels]

# %% [markdown]
# When you ask for `"accuracy"`, Keras 3 chooses a metric by the shapes alone:
#
# | outputs | label per row | metric |
# | --- | --- | --- |
# | one | one number | `BinaryAccuracy` |
# | several | one number | `SparseCategoricalAccuracy` |
# | several | one number per output | `CategoricalAccuracy` |
#
# All three are means over rows or entries, so batches do no harm. You can also ask for a metric by its class. We train
# on one-hot labels and log four accuracies:
#
# - `"accuracy"`
# - `BinaryAccuracy`, which asks of every *entry* whether it is on the right side of 0.5
# - `TopKCategoricalAccuracy(2)`, which asks whether the true class is among the two most likely
# - `Accuracy`, the plainest name of all

# %% [markdown] tags=["predict"]
# At the end of this training, will `BinaryAccuracy` be higher or lower than `"accuracy"`? And what about `Accuracy`?


# %%
def new_classifier(metrics):
    keras.utils.set_random_seed(seed)
    classifier = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(3, activation="softmax")]
    )
    optimizer = keras.optimizers.Adam(0.05)
    loss = "categorical_crossentropy"
    classifier.compile(optimizer, loss=loss, metrics=metrics, jit_compile=False)
    return classifier


# %% [markdown]
# We compare metrics here, not networks, so the training rows will do. Given as `validation_data`, they are measured at
# the end of each epoch.

# %%
accuracies = [
    "accuracy",
    keras.metrics.BinaryAccuracy(name="BinaryAccuracy"),
    keras.metrics.TopKCategoricalAccuracy(2, name="top 2"),
    keras.metrics.Accuracy(name="Accuracy()"),
]

# %%
classifier = new_classifier(accuracies)
learned = classifier.fit(
    shuffled_batches(x, one_hot, batch_size=32, seed=seed),
    validation_data=(x, one_hot),
    shuffle=False,
    epochs=10,
    verbose=0,
).history

# %%
logged = ["accuracy", "BinaryAccuracy", "top 2", "Accuracy()"]
plots.lines(
    range(1, 11),
    {name: learned[f"val_{name}"] for name in logged[:3]},
    title="Three accuracies of one classifier",
    x_label="epoch",
    y_label="value after the epoch (share)",
)
print("Accuracy() after each epoch:", np.round(learned["val_Accuracy()"], 3))

# %% [markdown] tags=["answer"]
# **`BinaryAccuracy` is higher**: it adds {{06.binary_adds}} to an accuracy of {{06.accuracy}}. When the network is
# sure of the wrong species, two of the three entries of that row are wrong, but the third is right. If $a$ is the
# accuracy and every row has one probability above one half, the binary accuracy is $1 - \tfrac{2}{3}(1 - a)$. So it
# hides a third of the mistakes. With ten classes, two entries in ten are wrong, and it hides four fifths (lesson 08).
# The top 2 curve is the highest, because a wrong first choice still counts there if the second one is right.
#
# **`Accuracy` stays at {{06.exact_accuracy}}.** It asks whether a probability *equals* the entry of the label, 0 or 1,
# and a softmax hardly ever returns exactly these.

# %%
last = {name: learned[f"val_{name}"][-1] for name in logged}
added = 100 * (last["BinaryAccuracy"] - last["accuracy"])
probabilities = ops.convert_to_numpy(classifier(x))
share = np.mean(probabilities.argmax(axis=1) == labels)

# %%
fact(
    "06.accuracy_equal",
    'the logged "accuracy" equals that of NumPy',
    np.isclose(last["accuracy"], share),
)
spread("06.accuracy", "accuracy", share)
spread("06.binary_adds", "what BinaryAccuracy adds", added, unit="points", digits=2)
bound("06.exact_accuracy", "Accuracy()", last["Accuracy()"], at_most=0.01)

# %% [markdown]
# Broadcasting can strike here too. This is a common definition of sensitivity, the share of the positive rows that the
# model finds:


# %%
def sensitivity(y_true, y_pred):
    return ops.sum(y_true * ops.round(y_pred)) / ops.sum(y_true)


gentoo = (labels == names.index("Gentoo")).astype("float32")
probability = probabilities[:, [names.index("Gentoo")]]
flat_labels = float(sensitivity(gentoo, probability))
print("labels as a column:     ", float(sensitivity(gentoo[:, None], probability)))
print("labels of shape (rows,):", flat_labels)

# %%
fact(
    "06.predicted_positive",
    "that is the number predicted positive",
    flat_labels == probability.round().sum(),
)

# %% [markdown]
# With labels of shape (rows,), the result is no longer a share. Let $\hat p_j$ be the rounded probabilities. Then
#
# $$\frac{\sum_{i,j} y_i\, \hat p_j}{\sum_i y_i} = \frac{\sum_i y_i \cdot \sum_j \hat p_j}{\sum_i y_i} = \sum_j \hat p_j$$
#
# which is the number of rows *predicted* as positive. You notice this fault, because a share cannot exceed 1. An RMSE
# has no such limit. (Even with the right shape, Keras takes the mean of this function over the batches, and that is not
# the sensitivity over all rows. Lessons 07 and 09 come back to it.)

# %% [markdown] tags=["quiz"]
# You write both metrics of a pair as functions that return one value per row. For which pair does Keras report the
# right values, whatever the batch size?
#
# - [ ] the root mean square error and the mean absolute error
#   The mean absolute error, yes. But the root of a mean is not the mean of the rows' roots.
# - [x] the accuracy and the mean absolute error
#   Both are means over rows, and Keras weights each batch by its number of rows.
# - [ ] the accuracy and the recall
#   The accuracy, yes. But recall is a ratio of two sums, and it divides by the number of positive rows.
# - [ ] the coefficient of determination and the mean squared error
#   The mean squared error, yes. But the coefficient of determination is one minus a ratio of two sums. It needs a
#   state.

# %% [markdown]
# ## What you have learned
#
# - The mae and the rmse have the unit of the target, and the rmse is never smaller. The mape is for targets that stay
#   away from zero. The cosine of one output sees only signs. The metric `CosineSimilarity` is +1 where the loss of that
#   name is -1.
# - The keys of the history are the strings you passed, or the metric's own name.
# - For one output, `sqrt(mean(square(...), axis=-1))` is the absolute error. Without the axis, the reported value
#   misses the variance between the batches: $\bar r^2 = \mathrm{RMSE}^2 - \mathrm{Var}(r)$ for batches of equal size.
# - A metric function returns one value per row, and Keras takes the mean. Everything else needs a class with a state.
#   For a ratio or a root, add first and divide last. Test the class against NumPy with several batch sizes.
# - (N,) against (N, 1) makes N x N numbers and raises no error. You get an RMSE that never falls below the standard
#   deviation of the targets, or a sensitivity above 1.
# - Keras chooses `"accuracy"` by the shapes alone. `BinaryAccuracy` on one-hot rows flatters the network, and
#   `Accuracy()` compares for equality.
#
# ## Try next
#
# - Train with `copied` as the *loss*. Which of Keras' own losses is that? (If a row is ever predicted exactly, the
#   derivative of the root is infinite there, and the loss becomes NaN. Adding `1e-12` under the root prevents that.)
# - Which constant prediction makes each of mse, mae and mape smallest on the yacht data: the mean, the median or the
#   minimum?
# - Let `RMSE` use its `sample_weight`, and pass an `RMSE()` under `weighted_metrics`, since Keras passes no weights to
#   `metrics`. What should a row of weight 2 do to each of the two sums?
