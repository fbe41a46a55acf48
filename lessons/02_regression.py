# ---
# title: Regression with Keras
# part: 1 Fit
# objectives:
#   - write the whole workflow of Keras in twenty lines, and say what each of its five steps does
#   - translate a learning rate from a summed to a mean loss, and count the steps in an epoch
#   - prepare a table with missing values and a category without looking at the test rows
#   - explain what a hidden layer adds to a line, and why it adds nothing without an activation
#   - compare a network with its rivals by cross-validation, and say what the data can tell
#   - choose a split that asks the question you have, and detect one that leaks the answer
# prerequisites:
#   - "lesson 01 (Gradient descent)"
#   - reading a pandas table
#   - what scikit-learn's `fit` and `predict` do
# data: [linreg_plane, auto_mpg, concrete]
# vary: {hidden_units: [48, 64, 80, 96]}
# reading:
#   - "Quinlan, *Combining Instance-Based and Model-Based Learning*, ICML 1993 (the cars), doi:10.24432/C5859H (the data)"
#   - "Yeh, *Modeling of strength of high-performance concrete using artificial neural networks*, Cement and Concrete Research 28, 1998, doi:10.1016/S0008-8846(98)00165-3"
#   - "Kapoor, Narayanan, *Leakage and the reproducibility crisis in machine-learning-based science*, Patterns 4, 2023, doi:10.1016/j.patter.2023.100804"
#   - "Grinsztajn, Oyallon, Varoquaux, *Why do tree-based models still outperform deep learning on typical tabular data?*, NeurIPS 2022"
#   - "TensorFlow developers, *Basic regression: Predict fuel efficiency*, https://www.tensorflow.org/tutorials/keras/regression"
# ---

# %% [markdown]
# In lesson 01 you wrote the loop of gradient descent yourself. Now a framework runs that loop, and the model in it can
# be much larger. We begin with the plane of lesson 01, because its answer is known. Then come real data, where nobody
# knows the answer. With real data two things are left that no framework does for you: deciding what goes in, and
# judging what comes out.
#
# The results and conclusions in the text come from full mode (`fast = False`). With `fast = True`, two folds and half
# the epochs are not enough to show all of them.

# %% tags=["parameters"]
seed: int = 0  # seed of initial weights, order of rows and folds, 0 to 1000000
fast: bool = False  # fewer epochs, folds and trees
log_rows: int = 74  # steps compared with the log of lesson 01, 15 to 74, fast 15
epochs: int = 20  # passes in each fit of a network, 2 to 200, fast 10
folds: int = 5  # parts in a cross-validation, 2 to 10, fast 2
hidden_units: int = 64  # units in each hidden layer, 32 to 256
trees: int = 300  # trees in each fit of gradient boosting, 50 to 1000, fast 100

# %%
from course.lesson import begin

begin("02_regression", globals())

# %% [markdown]
# ## A plane in Keras
#
# This is the whole workflow, from the file to a prediction: build, compile, fit, evaluate, predict.

# %% tags=["program"]
import keras

from course.data import load
from course.training.batches import shuffled_batches

keras.utils.set_random_seed(seed)
plane = load("linreg_plane")
batches = shuffled_batches(plane.x_train, plane.y_train, batch_size=32, seed=seed)

model = keras.Sequential([keras.Input(shape=(2,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.05), loss="mse")
history = model.fit(batches, epochs=10, shuffle=False, verbose=0)
test_mse = model.evaluate(plane.x_test, plane.y_test, verbose=0)
predicted = model.predict(plane.x_test[:3], verbose=0)

# %%
weights, bias = model.get_weights()
print("weights:  ", weights[:, 0].round(4), "bias:", bias.round(4))
print("predicted:", predicted[:, 0].round(4))
print("measured: ", plane.y_test[:3].to_numpy())

# %% [markdown]
# - **Build.** A `Dense` layer with one unit computes $w_1 x_1 + w_2 x_2 + b$. `Input` says that a row has two
#   numbers, so Keras can make the weights right away: $w_1$ and $w_2$ at random, $b$ as 0.
# - **Compile** joins the model to what it will be trained with: a *loss* to make small (`"mse"`, the mean squared
#   error) and an *optimizer* that makes it small (`SGD`, the steps of lesson 01).
# - **Fit** takes those steps. An *epoch* is a pass over all rows. A *batch* is the group of rows that share a step.
# - **Evaluate** computes the loss on rows that you give it, here test rows that `fit` never saw. **Predict** computes
#   the outputs and needs no target.
#
# `shuffled_batches` puts the rows into batches of 32, in a new order in every epoch. (Lesson 03 shows why we do not
# leave that to `fit`.) This is what `fit` then does with each batch:

# %%
from course.topics.regression import step_sketch

step_sketch("One step of fit")

# %% [markdown]
# Did the fit arrive? For this loss the best possible answer is known. It is the least-squares solution of lesson 01:

# %%
import numpy as np

ones = np.ones((len(plane.x_train), 1))
solution = np.linalg.lstsq(np.hstack([plane.x_train, ones]), plane.y_train)[0]
distance = np.linalg.norm([*weights[:, 0], *bias] - solution)

# %%
from course.claims import bound, spread

words = "weights and bias from least squares"
bound("02.plane_distance", words, distance, at_most=1e-5, digits=7)
words = "error on the test rows of the plane"
bound("02.plane_test_rmse", words, np.sqrt(test_mse), at_most=1e-5, digits=7)

# %% [markdown]
# Weights and bias are at most {{02.plane_distance:limit}} away from least squares, and the root mean square error on
# the test rows is at most {{02.plane_test_rmse:limit}}. All that is left is the rounding of 32-bit numbers. (This plane
# has no noise, so an error of 0 is possible. Real data hardly ever allow that.)

# %% [markdown] tags=["quiz"]
# The program fits 600 training rows in batches of 32, for 10 epochs. How many steps does it take?
#
# - [ ] 10, one per epoch
#   An epoch is a pass over all rows. Keras takes a step after every batch of it.
# - [ ] 187, since 600 / 32 x 10 is 187.5
#   Every epoch ends with its own small batch: the 24 rows that are left do not wait for the next epoch.
# - [x] 190, since an epoch has 19 batches
#   Eighteen batches of 32 hold 576 rows. The other 24 make a nineteenth, smaller batch; Keras does not drop it.
# - [ ] 6,000, one per row and epoch
#   That would be batches of one row. Here 32 rows share a step.

# %% [markdown]
# ## The same descent, step for step
#
# Lesson 01 has a log of its descent on this plane: all 1,000 rows in every step, weights from 0, and a learning rate of
# 1e-4 on the *sum* over the rows, $w \leftarrow w + \eta \sum (y - f(x))\, x$.

# %% [markdown] tags=["predict"]
# You can make Keras take exactly those steps: one batch of 1,000 rows, weights from 0. But the loss of Keras is the
# *mean* squared error over $N$ rows. Which learning rate does Keras need: 1e-4,
# $1e{-4} \cdot N$, $1e{-4} \cdot N / 2$ or $1e{-4} \cdot 2 / N$?

# %% [markdown] tags=["answer"]
# The gradient of the mean is $-\frac{2}{N} \sum (y - f(x))\, x$. A step of the same length therefore needs
# $\eta_{\text{mean}} \cdot \frac{2}{N} = \eta_{\text{sum}}$, which is a rate of $1e{-4} \cdot 1000 / 2 = 0.05$.

# %%
from course.data import table, verified

rows = table("linreg_plane")
x, y = rows[["x1", "x2"]].to_numpy("float32"), rows[["y"]].to_numpy("float32")
log_file = verified("tables/linreg_plane_solution_eta1e-4_thr1e-4.csv")
log = np.loadtxt(log_file, delimiter=",", skiprows=1)

# %% [markdown]
# Now check it. We use the model of the program at the top again, with its weights set to 0 and with all rows in one
# batch:

# %%
import tensorflow as tf

model.set_weights([np.zeros((2, 1)), np.zeros(1)])
model.optimizer.learning_rate = 1e-4 * len(x) / 2
one_batch = tf.data.Dataset.from_tensor_slices((x, y)).batch(len(x))
whole = model.fit(one_batch, epochs=log_rows, shuffle=False, verbose=0)

weights, bias = model.get_weights()
difference = np.abs([*bias, *weights[:, 0]] - log[log_rows, 1:4]).max()

# %%
words = "greatest difference from the log of lesson 01"
bound("02.log_difference", words, difference, at_most=1e-4, digits=5)

# %% [markdown]
# After the last of these steps no weight differs from the log by more than {{02.log_difference:limit}}, and the log
# itself has only four decimals. `fit` is the loop of lesson 01.
#
# The program at the top had the same rate of 0.05, but batches of 32 from its 600 training rows:

# %%
first_passes = {
    "lesson 01: NumPy, all rows in a step": log[:10, 4] / len(x),
    "Keras, all rows in a step": whole.history["loss"][:10],
    "Keras, 32 rows in a step (mean during the pass)": history.history["loss"],
}

# %%
from course import plots

plots.lines(
    range(10),
    first_passes,
    title="The same number of passes, more steps",
    x_label="passes over the rows so far",
    y_label="mean squared error (units of y, squared)",
    log="y",
)

# %% [markdown]
# The first two curves lie on top of each other. The third takes 19 steps in each pass instead of one, and it gets down
# to the rounding error. A step that looks at only 32 rows points only *roughly* downhill, but it costs a fraction of
# the work. Since the plane has no noise, all batches agree on the answer, and nothing is lost. (The third curve starts
# from random weights. Its first point is low because Keras logs the mean of the loss *during* a pass, while the weights
# already move: see lesson 04.)

# %% [markdown]
# ## Real cars
#
# How far does a car go on a gallon? The table has 398 cars of the years 1970 to 1982.

# %%
cars = table("auto_mpg").drop(columns="name")
mpg = cars.pop("mpg").to_numpy()
cars.iloc[[0, 14, 32]]

# %% [markdown]
# Two columns are not what they seem. `horsepower` is missing in six cars, such as the last one above. And `origin`
# looks like a number but is a category: 1 is the USA, 2 Europe, 3 Japan. As a number it would place Europe exactly
# halfway between the other two. So we fill a missing number with the median, standardize all numbers (lesson 01 says
# why), and turn the category into three columns of 0 and 1.

# %%
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

numbers = list(cars.columns.drop("origin"))
preparation = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
    (OneHotEncoder(), ["origin"]),
)

# %% [markdown]
# Median, mean and standard deviation are learned from data, just as weights are. So learn them from the training rows
# only: a row that will test the model must not have helped to make it. The safe way is one **pipeline** of
# preparation and model. Its `fit` learns everything from the rows that it gets, and its `predict` applies what was
# learned.

# %% [markdown]
# ### Exercise 02.1: nothing from the test rows
#
# Standardize by hand, with the standard deviation as NumPy's `std` computes it. Return both tables on the scale of the
# *training* rows. A column that is constant in the training rows has a deviation of 0. Subtract its mean from both
# tables, and do not divide it.


# %% tags=["solution"]
def standardize(train, test):
    """Return both arrays, (rows, columns) each, with mean and standard deviation taken
    from `train`."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    deviation = np.where(deviation == 0, 1, deviation)
    return (train - mean) / deviation, (test - mean) / deviation


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close, generators


def draw(rng):
    columns = rng.integers(1, 5)
    train = rng.normal(5, 3, (rng.integers(2, 9), columns))
    if rng.random() < 0.3:
        train[:, 0] = 4.0
    return train, rng.normal(9, 1, (rng.integers(1, 6), columns))


@exercise("02.1", standardize, draw=draw)
def check(standardize):
    random = np.random.default_rng(1)
    for rows in (1, 7, 40):
        train, test = random.normal(5, 3, (30, 4)), random.normal(9, 1, (rows, 4))
        scaler = StandardScaler().fit(train)
        fitted, applied = map(np.asarray, standardize(train.copy(), test.copy()))
        shapes = "Return two arrays, with the shapes of the two that went in."
        expect((fitted.shape, applied.shape) == (train.shape, test.shape), shapes)
        finite = (
            "A test table of one row is no longer finite. Was it divided by its own"
            " standard deviation?"
        )
        expect(np.isfinite(applied).all(), finite)
        alone = (
            "The training rows are off. Each column needs mean 0 and deviation 1 over"
            " the training rows alone."
        )
        expect_close(fitted, scaler.transform(train), alone)
        taken = (
            "The test rows are off. Use the mean and deviation of the training rows for"
            " them, whatever their own are."
        )
        expect_close(applied, scaler.transform(test), taken)
    flat = np.column_stack([train[:, 0], np.full(30, 4.0)])
    fitted, applied = standardize(flat, flat[:5] + 1)
    constant = (
        "A column that is constant in the training rows was divided by 0. Divide it"
        " by 1."
    )
    expect(np.allclose(fitted[:, 1], 0) and np.allclose(applied[:, 1], 1), constant)


# %% tags=["wrong"] hint="over the training rows alone"
def standardize(train, test):
    both = np.vstack([train, test])
    return (train - both.mean(axis=0)) / both.std(axis=0), (
        test - both.mean(axis=0)
    ) / both.std(axis=0)


# %% tags=["wrong"] hint="divided by its own standard deviation"
def standardize(train, test):
    with np.errstate(invalid="ignore"):
        return tuple(
            (part - part.mean(axis=0)) / part.std(axis=0) for part in (train, test)
        )


# %% tags=["wrong"] hint="constant in the training rows"
def standardize(train, test):
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (train - mean) / deviation, (test - mean) / deviation


# %% [markdown]
# ## Cross-validation
#
# Which cars should test the model? A fifth of them is only 80, and the score depends on which 80. In
# **cross-validation** every car takes its turn. The rows are split into parts, called folds, and each fold is predicted
# by a pipeline that was fitted to all the other folds.

# %%
from sklearn.base import clone
from sklearn.model_selection import KFold


def predict_held_out(pipeline, inputs, target, splits):
    """Fit a clone of the pipeline for each split.
    Predict every row with the clone that was fitted without that row."""
    predicted, fitted = np.empty(len(target)), []
    for train, test in splits:
        fitted.append(clone(pipeline).fit(inputs.iloc[train], target[train]))
        predicted[test] = fitted[-1].predict(inputs.iloc[test])
    return predicted, fitted


# %%
splits = list(KFold(folds, shuffle=True, random_state=seed).split(cars))

# %% [markdown]
# (scikit-learn's `cross_val_predict` does this too, but it keeps only the predictions.)
#
# How bad would it be to break the rule, and to prepare all the cars at once? To see it, take a model that reacts to
# every change of scale. Nearest neighbors is one: it predicts the mean of the five most similar cars. Here it runs once
# with the preparation inside the pipeline, and once with all the cars prepared beforehand:

# %%
from sklearn.model_selection import cross_val_predict
from sklearn.neighbors import KNeighborsRegressor


def rms(differences):
    """The root of the mean square."""
    return np.sqrt(np.mean(np.square(differences)))


neighbors = KNeighborsRegressor()
honest = cross_val_predict(make_pipeline(preparation, neighbors), cars, mpg, cv=splits)
peeked = cross_val_predict(neighbors, preparation.fit_transform(cars), mpg, cv=splits)
gain = rms(mpg - honest) - rms(mpg - peeked)

# %%
limits = {"at_least": {"full": -0.1}, "at_most": {"full": 0.1}}
words = "what peeking takes off the error"
bound("02.gain_by_peeking", words, gain, **limits, unit="mpg")

# %% [markdown]
# Peeking at the test cars hardly matters here. The error without peeking minus that with it is {{02.gain_by_peeking}}:
# {{02.gain_by_peeking:sign}}. In many runs peeking even raises the error. The reason: the mean over the training cars
# is nearly the mean over all of them. Keep the rule all the same. It costs nothing, and you need it for any
# preparation, most of all for one that uses the target. The concrete at the end of this lesson puts another leak to the
# test.
#
# Now the linear model:

# %%
from sklearn.linear_model import LinearRegression

linear = make_pipeline(preparation, LinearRegression())
line, lines = predict_held_out(linear, cars, mpg, splits)
plots.predicted_vs_measured(
    mpg,
    {"linear regression": line},
    title="398 cars, each predicted by a model that never saw it",
    quantity="mileage (mpg)",
)

# %% [markdown]
# The cloud is bent. A point below the diagonal is a car that goes farther than predicted. Most points lie below it
# where the model predicts the least and where it predicts the most. In the middle, most lie above it. Here is measured
# minus predicted, on average:


# %%
def misses(predicted):
    """Mean of measured - predicted, by the size of the prediction."""
    low, first, third, high = np.quantile(predicted, [0.1, 0.25, 0.75, 0.9])
    parts = {
        "lowest tenth": predicted <= low,
        "middle half": (predicted >= first) & (predicted <= third),
        "highest tenth": predicted >= high,
    }
    return {name: np.mean((mpg - predicted)[part]) for name, part in parts.items()}


missed = misses(line)

# %%
words = "missed by the line,"
limits = {
    "lowest tenth": {"at_least": 1},
    "middle half": {"at_most": -0.5},
    "highest tenth": {"at_least": {"full": 1}},
}
for part, limit in limits.items():
    claim = f"02.line_misses_{part.split()[0]}"
    bound(claim, f"{words} {part}", missed[part], **limit, unit="mpg", digits=1)

# %% [markdown]
# | part of the predictions | measured minus predicted |
# | --- | --- |
# | lowest tenth | {{02.line_misses_lowest}} |
# | middle half | {{02.line_misses_middle}} |
# | highest tenth | {{02.line_misses_highest}} |
#
# This is not bad luck but a bend, and a weighted sum of these columns cannot follow it. You could bend the target by
# hand, by taking its logarithm (we try that below). A network can find the bend by itself.

# %% [markdown]
# ## Bending the line
#
# A network puts **hidden layers** between input and output. Each hidden unit computes a linear function of what
# comes in and passes it through an **activation**, here the popular `relu`: $\max(0, \cdot)$. One unit makes one kink.
# The output gives each unit a weight (here 1, -1.5 and 2) and adds them up. With enough units, the sum can come as
# close to any bend as you like:

# %%
x_axis = np.linspace(0, 4, 41)
units = {
    "unit 1: relu(x)": np.maximum(0, x_axis),
    "unit 2: -1.5 relu(x - 1)": -1.5 * np.maximum(0, x_axis - 1),
    "unit 3: 2 relu(x - 2.5)": 2 * np.maximum(0, x_axis - 2.5),
}

# %%
plots.lines(
    x_axis,
    units | {"their sum": sum(units.values())},
    title="Three relu units and their sum",
    x_label="input",
    y_label="output",
)

# %% [markdown]
# Our preparation makes nine inputs: six numbers and three columns of origin.


# %%
def build(inputs, hidden, activation):
    """Return a network for rows of `inputs` numbers, with `hidden` units a layer and
    one linear output."""
    layers = [keras.layers.Dense(units, activation=activation) for units in hidden]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(1)])


print("parameters of a line:         ", build(9, (), None).count_params())
print("parameters of a 64-64 network:", build(9, (64, 64), "relu").count_params())

# %% [markdown]
# To be cross-validated like the linear model, a network has to behave like a scikit-learn model. Keras has a wrapper
# for that. But cross-validation fits *clones* of a model: new models with the same settings. What does a clone of the
# wrapper keep?

# %%
wrapped = keras.wrappers.SKLearnRegressor(build, fit_kwargs={"epochs": 100})
print("fit_kwargs of the model:", wrapped.fit_kwargs)
print("fit_kwargs of its clone:", clone(wrapped).fit_kwargs)

# %% [markdown]
# It does not keep the number of epochs. With Keras 3.15.1 every clone trains for one epoch, without a warning. So we
# write our own wrapper, in three parts. The first builds and compiles. It is cached: a call with arguments that it has
# seen before returns the same network, so Keras prepares its training only once. (On a first reading you may skim the
# next two code cells: most of their lines only make cross-validation fast.)

# %%
from functools import cache


@cache
def compiled(inputs, hidden, activation, epochs, steps):
    """Return a network that is ready to train for `epochs` passes of `steps` batches.
    A second call with the same arguments returns the same network."""
    network = build(inputs, hidden, activation)
    rate = keras.optimizers.schedules.CosineDecay(0.01, epochs * steps)
    optimizer = keras.optimizers.Adam(rate)
    # These only save time: no XLA, and all steps of an epoch in one call.
    network.compile(optimizer, loss="mse", jit_compile=False, steps_per_execution=steps)
    optimizer.build(network.trainable_variables)
    return network


# %% [markdown]
# The second part trains. `train_in` copies the fresh weights of a new network into the compiled one, clears the state
# of its optimizer, calls `fit`, and copies the trained weights back:

# %%
from course.topics.regression import train_in


def trained_network(X, y, hidden, activation, epochs):
    """Return a network trained on `X` and `y`, and its training loss in each epoch."""
    network = build(X.shape[1], hidden, activation)
    batches = shuffled_batches(X, y, batch_size=32, seed=seed)
    trainee = compiled(X.shape[1], hidden, activation, epochs, len(batches))
    return network, train_in(trainee, network, batches, epochs=epochs)


# %% [markdown]
# The third part is the estimator. A clone keeps what `__init__` takes and stores under the same name.

# %%
from sklearn.base import BaseEstimator, RegressorMixin


class Network(RegressorMixin, BaseEstimator):
    """A Keras network that scikit-learn can clone, fit and ask for predictions."""

    def __init__(self, hidden=(hidden_units,) * 2, activation="relu", epochs=epochs):
        self.hidden, self.activation, self.epochs = hidden, activation, epochs

    def fit(self, X, y):
        self.network_, self.loss_ = trained_network(X, y, **self.get_params())
        return self

    def predict(self, X):
        return np.ravel(self.network_(X))


# %% [markdown]
# This is build, compile, fit and predict, as in the program at the top, with two changes. `Adam` replaces `SGD` and
# adapts the length of the step to each weight. And the rate falls along a cosine to 0, so that the steps settle.
#
# The next cell standardizes the target as well, and turns the predictions back into miles per gallon. Whether that
# matters is a question for later.

# %%
from sklearn.compose import TransformedTargetRegressor


def standardized(model):
    """The model, trained on a standardized target."""
    return TransformedTargetRegressor(model, transformer=StandardScaler())


# %%
# Building draws random numbers. With an empty cache, this cell always draws the same.
compiled.cache_clear()
keras.utils.set_random_seed(seed)
prepared_network = make_pipeline(preparation, standardized(Network()))
network, networks = predict_held_out(prepared_network, cars, mpg, splits)

# %% [markdown] tags=["predict"]
# On the first split we train two more networks: a single unit, which has 10 weights, and the same hidden layers
# *without* an activation, which have thousands. How far will their predictions of the test cars be from those of
# scikit-learn's linear regression: hundredths, tenths, or whole miles per gallon? Which of the two will be closer?

# %%
train, test = splits[0]
trained = {}
for name, model in {
    "one unit": Network(hidden=()),
    "hidden layers, no activation": Network(activation=None),
}.items():
    keras.utils.set_random_seed(seed)
    pipeline = make_pipeline(preparation, standardized(model))
    trained[name] = pipeline.fit(cars.iloc[train], mpg[train])
trained["hidden layers, relu"] = networks[0]

# %%
losses = {name: pipeline[-1].regressor_.loss_ for name, pipeline in trained.items()}
# what least squares leaves of a variance of 1
least = 1 - lines[0].score(cars.iloc[train], mpg[train])

# %%
plots.lines(
    range(1, epochs + 1),
    losses | {"least squares": np.full(epochs, least)},
    title="One unit, and two ways to add hidden layers",
    x_label="epoch",
    y_label="training loss (share of the variance)",
    log="y",
)

# %%
from_line = {
    name: rms(pipeline.predict(cars.iloc[test]) - line[test])
    for name, pipeline in trained.items()
}
one_unit, straight, curved = from_line.values()

# %%
shown = {"unit": "mpg", "digits": 2}
words = "away from the line"
spread("02.one_unit_from_line", f"one unit, {words}", one_unit, **shown)
words = "layers without activation, away from the line"
bound("02.no_activation_from_line", words, straight, at_most={"full": 0.3}, **shown)
words = "layers with relu, away from the line"
bound("02.relu_from_line", words, curved, at_least={"full": 1}, **shown)
words = "one unit minus layers without activation"
spread("02.one_unit_farther", words, one_unit - straight, **shown)

# %% [markdown] tags=["answer"]
# The layers without activation are closer. Their predictions end {{02.no_activation_from_line}} from those of least
# squares: about a tenth of a mile per gallon. Their loss does not fall below the level of least squares. They have
# thousands of weights and are still a line. It cannot be otherwise. Without an activation, a layer multiplies by a
# matrix and adds a bias, and several such layers in a row do no more than one. (The next cell multiplies them out.)
#
# With `relu`, the training loss of the same layers falls below the least that any line can reach. The predictions of
# that network end {{02.relu_from_line}} away from the line.
#
# The surprise is the single unit. It *is* a linear regression, and yet it ended whole miles per gallon away:
# {{02.one_unit_from_line}}. Is it always farther away than the layers without activation? The difference, the single
# unit's distance minus theirs, is {{02.one_unit_farther:sign}}. (A sign test
# asks how likely so many equal signs would be if each seed tossed a fair coin.)
#
# The curve of the single unit is flat at the end because the rate fell to 0, not because it has arrived. Adam moves a
# weight by hardly more than the rate, however large the gradient. Over so few steps the rates add up to a short
# distance, too short for a weight that starts far from its goal. In the layers without activation, each step moves
# thousands of weights a little, and together they move the product of the matrices farther. For a linear model there is
# a simpler cure than more layers: a larger rate, or more epochs.

# %% [markdown]
# You can multiply the layers without activation out, and get one matrix and one bias:

# %%
deep = trained["hidden layers, no activation"][-1].regressor_.network_
W1, b1, W2, b2, W3, b3 = deep.get_weights()
weights, bias = W1 @ W2 @ W3, (b1 @ W2 + b2) @ W3 + b3
inputs = trained["hidden layers, no activation"][0].transform(cars.iloc[test])
same = np.allclose(inputs @ weights + bias, deep(inputs), atol=1e-4)
print(weights.size, "weights and", bias.size, "bias predict the same:", same)

# %% [markdown]
# ### Exercise 02.2: a network by hand
#
# Compute what a `relu` network of `build` predicts, in NumPy, from the list that `get_weights()` returns: matrix and
# bias of the first layer, matrix and bias of the second, and so on. Your function must work for any number of layers.
# The last layer is the output.


# %% tags=["solution"]
def forward(weights, X):
    """Return the outputs (rows, 1) of a relu network for inputs `X` (rows, inputs)."""
    for matrix, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        X = np.maximum(0, X @ matrix + bias)
    return X @ weights[-2] + weights[-1]


# %% tags=["check"]
def draw(rng):
    widths = [*rng.integers(1, 5, rng.integers(1, 4)), 1]
    weights = []
    for place in range(1, len(widths)):
        matrix = rng.normal(size=widths[place - 1 : place + 1])
        weights += [matrix, rng.normal(size=widths[place])]
    return weights, rng.normal(size=(rng.integers(1, 5), widths[0]))


@exercise("02.2", forward, draw=draw)
def check(forward):
    random = np.random.default_rng(2)
    for hidden in ((), (5,), (4, 3), (6, 2, 5)):
        network, X = build(3, hidden, "relu"), random.normal(size=(20, 3))
        drawn = [random.normal(size=array.shape) for array in network.get_weights()]
        network.set_weights(
            [array if array.ndim == 2 else 0 * array for array in drawn]
        )
        no_bias = network(X)
        network.set_weights(drawn)
        right = network(X)
        answer = np.asarray(forward([array.copy() for array in drawn], X.copy()))
        layers = f"With {len(hidden)} hidden layer{'' if len(hidden) == 1 else 's'}"
        mistakes = {
            (
                "The last layer has no activation: with one, the network could never "
                "predict less than 0."
            ): np.maximum(0, right),
            (
                "The biases are missing: every second array in the list is added to "
                "each row."
            ): (no_bias),
        }
        rule = (
            "Each hidden layer returns max(0, X @ matrix + bias), and that is the X of"
            " the next layer."
        )
        expect(
            answer.size == 20, f"{layers}, 20 rows gave {answer.size} outputs, not 20."
        )
        expect_close(
            answer.reshape(right.shape),
            right,
            f"{layers}, the outputs differ from those of Keras. {rule}",
            mistakes,
        )


# %% tags=["wrong"] hint="could never predict less than 0"
def forward(weights, X):
    for matrix, bias in zip(weights[::2], weights[1::2], strict=True):
        X = np.maximum(0, X @ matrix + bias)
    return X


# %% tags=["wrong"] hint="biases are missing"
def forward(weights, X):
    *hidden, last = weights[::2]
    for matrix in hidden:
        X = np.maximum(0, X @ matrix)
    return X @ last


# %% tags=["wrong"] hint="With 1 hidden layer, the outputs differ"
def forward(weights, X):
    for matrix, bias in zip(weights[::2], weights[1::2], strict=True):
        X = X @ matrix + bias
    return X


# %% [markdown]
# ## A fair rival
#
# Beating a line is a low bar. The usual model to beat on a table (Grinsztajn et al., below) is
# **gradient boosting**: many small decision trees, each fitted to what the ones before it got wrong.

# %% [markdown] tags=["predict"]
# 398 cars, seven columns. Which will predict new cars best: the line, boosting, or the network? And which
# difference, in miles per gallon, would convince you?

# %%
from sklearn.ensemble import GradientBoostingRegressor

boosting = GradientBoostingRegressor(
    n_estimators=trees,
    learning_rate=0.05,
    subsample=0.5,
    max_features=0.5,
    random_state=seed,
)
boosted, _ = predict_held_out(make_pipeline(preparation, boosting), cars, mpg, splits)

# %% [markdown]
# One more rival costs a few lines: the same linear regression, fitted to the *logarithm* of the mileage. When you turn
# its predictions back into miles per gallon, its flat surface bends.

# %%
log_line = TransformedTargetRegressor(
    LinearRegression(), func=np.log, inverse_func=np.exp
)
bent, _ = predict_held_out(make_pipeline(preparation, log_line), cars, mpg, splits)


# %%
def fold_errors(target, predicted, splits):
    """The root mean square error on the test rows of each split."""
    return [rms(target[test] - predicted[test]) for _, test in splits]


# %%
predictions = {
    "line": line,
    "line of logarithms": bent,
    "boosting": boosted,
    "network": network,
}
errors = {name: fold_errors(mpg, made, splits) for name, made in predictions.items()}

# %%
from course.topics.regression import fold_errors_plot

fold_errors_plot(
    errors,
    title="Four models of mileage",
    label="error on cars not used in the fit (RMSE, mpg)",
)

# %%
mean_errors = {name: np.mean(values) for name, values in errors.items()}
by_line, by_log, by_boosting, by_network = mean_errors.values()
share = (by_line - by_log) / (by_line - by_network)
extra = 100 * (by_network / by_boosting - 1)
beyond = np.ptp(errors["network"]) - abs(by_network - by_boosting)

# %%
shown = {"unit": "mpg", "digits": 2}
spread("02.rmse_line", "error of the line", by_line, **shown)
spread("02.rmse_log_line", "error of the line of logarithms", by_log, **shown)
spread("02.rmse_boosting", "error of the boosting", by_boosting, **shown)
words = "error of the network"
bound("02.rmse_network", words, by_network, at_most={"full": 2.98}, **shown)

# %%
words = "logarithm's share of the network's gain over the line"
bound("02.share_by_logarithm", words, share, at_least={"full": 0.3}, digits=2)
words = "network's error above boosting's"
limit = {"full": 10}
bound("02.network_above_boosting", words, extra, at_most=limit, unit="%", digits=1)
words = "range of the network's folds minus its distance from boosting"
bound("02.fold_range", words, beyond, at_least={"full": 0}, **shown)

# %% [markdown] tags=["answer"]
# | model | mean error over the folds |
# | --- | --- |
# | line | {{02.rmse_line}} |
# | line of logarithms | {{02.rmse_log_line}} |
# | gradient boosting | {{02.rmse_boosting}} |
# | network | {{02.rmse_network}} |
#
# The network's error is lower than that of the line. But the logarithm alone, which the bent cloud suggested, brings a
# share of {{02.share_by_logarithm}} of that gain, and the line of logarithms still has only ten weights, which you
# can read. Try the simple remedy before the large model.

# %% [markdown]
# Are 398 cars enough to tell such differences? The **bootstrap** draws 398 cars from these with replacement, again and
# again, and computes the difference of two errors each time. The interval that holds 99% of these differences says how
# far a difference would move with other test cars of the same kind (lesson 09 shows more). The fitted models stay as
# they are, so the interval leaves out what other training cars or another seed would change.

# %%
from course.evidence import paired_bootstrap


def difference(measured, network, rival):
    """The error of the network minus that of a rival."""
    return rms(measured - network) - rms(measured - rival)


to_line, to_log, to_boosting = (
    paired_bootstrap(difference, mpg, network, rival) for rival in (line, bent, boosted)
)

# %%
shown = {"unit": "mpg", "digits": 2}
words = "network minus line, other cars, high end"
bound("02.line_high", words, to_line.high, at_most={"full": 0}, **shown)
words = "network minus line of logarithms, other cars, high end"
spread("02.log_line_high", words, to_log.high, **shown)
words = "network minus boosting, other cars, low end"
bound("02.boosting_low", words, to_boosting.low, at_most={"full": 0}, **shown)
words = "network minus boosting, other cars, high end"
bound("02.boosting_high", words, to_boosting.high, at_least={"full": 0}, **shown)

# %% [markdown] tags=["answer"]
# A difference below 0 means that the network is better. It beats the line: even the high end of the interval,
# {{02.line_high}}, is below 0. Against the line of logarithms it is a close call. The high end is {{02.log_line_high}},
# so the seed alone may decide whether the interval ends below 0 or above it. We leave that comparison open.
#
# Against boosting the interval runs from {{02.boosting_low}} to {{02.boosting_high}}, on both sides of 0. **These cars
# cannot tell** which of the two is better, and we call that a tie. A single fifth of the cars would tell even less: in
# the picture, the folds of the network lie farther apart than the two models do. TensorFlow's tutorial on these cars,
# *Basic regression: Predict fuel efficiency*, judges by one such test set.

# %% [markdown]
# One doubt remains. The rate, width and epochs of the network were chosen by trying a few on these very cars, and so
# were the settings of boosting. Both scores may therefore be a little too good. Lessons 04 and 05 set rows apart to
# choose with.
#
# Where does the network gain on the line? At the bend:

# %%
plots.predicted_vs_measured(
    mpg,
    {"linear regression": line, "network": network},
    title="The same cars, two models",
    quantity="mileage (mpg)",
)
worst = max(map(abs, misses(network).values()))

# %%
words = "mean miss of the network, worst of three"
limit = {"full": 1.2}
bound("02.network_misses", words, worst, at_most=limit, unit="mpg", digits=1)

# %% [markdown]
# The network's cloud is no longer bent, although single cars still lie far from the diagonal. In the worst of the three
# parts (lowest tenth, middle half and highest tenth of the predictions) the mean of measured minus predicted is now
# only {{02.network_misses}} away from 0.

# %% [markdown] tags=["quiz"]
# A colleague reports from one test set of 80 cars: network 2.6 mpg, boosting 2.7. What follows?
#
# - [ ] The network is better on cars of these years.
#   One test set of 80 cars is a draw. With another, the order may turn around, as the spread of the folds shows.
# - [ ] The network is better, but only by 4%.
#   The size of the gap is as uncertain as its sign: another choice of 80 cars can turn it around.
# - [x] Nothing yet: she needs the same comparison on more splits and seeds.
#   Another choice of 80 cars can turn such a difference around, as the spread of the folds shows. So can another seed.
# - [ ] Nothing: she should test on the training cars, since there are more of them.
#   Training cars say little about new ones: a model that has learned them by heart would win.

# %% [markdown]
# ## Scaling the target
#
# We trained on a standardized target. Does it matter? The initial weights of a network are drawn for outputs around 0,
# and mileages lie around 23. Here is the first split again, on the target as it is:

# %%
keras.utils.set_random_seed(seed)
unscaled = make_pipeline(preparation, Network()).fit(cars.iloc[train], mpg[train])
curves = {
    "target as it is": np.sqrt(unscaled[-1].loss_),
    "target standardized": np.sqrt(losses["hidden layers, relu"]) * mpg[train].std(),
}

# %%
plots.lines(
    range(1, epochs + 1),
    curves,
    title="Training error on both scales of the target",
    x_label="epoch",
    y_label="training error (RMSE, mpg)",
)

# %%
unscaled_error, scaled_error = (
    rms(mpg[test] - each.predict(cars.iloc[test])) for each in (unscaled, networks[0])
)
unscaled_start, scaled_start = (curve[0] for curve in curves.values())

# %%
words = "first epoch, target as it is"
bound("02.unscaled_first_epoch", words, unscaled_start, at_least=15, unit="mpg")
words = "first epoch, target standardized"
bound("02.scaled_first_epoch", words, scaled_start, at_most=8, unit="mpg")
words = "unscaled minus standardized, on the test cars"
extra = unscaled_error - scaled_error
spread("02.unscaled_minus_scaled", words, extra, unit="mpg", digits=2)

# %% [markdown]
# On the target as it is, the error of the first epoch is {{02.unscaled_first_epoch}}. On the standardized target it is
# {{02.scaled_first_epoch}}. Without scaling, the network has to find the level of the target first. And at the end? The
# error on the *test* cars without scaling minus that with scaling is {{02.unscaled_minus_scaled}}:
# {{02.unscaled_minus_scaled:sign}}. A single run, judged by one fold of the cars, may still show the opposite. Scaling
# the target buys a head start of some epochs, and with most seeds some of it is left at the end. How much depends on
# how long you train.

# %% [markdown]
# ## Many samples of one mixture
#
# Concrete hardens for weeks. The second table has a row for each sample: the recipe of its mixture, its age in days,
# and the pressure that it withstood (in MPa).

# %%
concrete = table("concrete")
strength = concrete.pop("strength").to_numpy()
recipe = concrete.drop(columns="age")
mixture = recipe.groupby(list(recipe)).ngroup().to_numpy()  # one number for each recipe
print(len(concrete), "samples of", len(set(mixture)), "mixtures")
concrete[mixture == mixture[2]].assign(strength=strength[mixture == mixture[2]])

# %% [markdown]
# The rows of one mixture are a family, with one recipe and several ages. Split the *rows* into folds at random, as
# with the cars, and look for families with members on both sides:

# %%
by_row = list(KFold(folds, shuffle=True, random_state=seed).split(concrete))
known = [np.isin(mixture[test], mixture[train]).mean() for train, test in by_row]

# %%
words = "share of test rows of a known mixture"
bound("02.known_mixtures", words, np.mean(known), at_least=0.5, digits=2)

# %% [markdown]
# A share of {{02.known_mixtures}} of the test rows belongs to a mixture that is also among the training rows. The
# alternative is to keep the rows of a mixture together, and to put whole mixtures into the folds:

# %%
from sklearn.model_selection import GroupKFold

by_mixture = list(
    GroupKFold(folds, shuffle=True, random_state=seed).split(concrete, groups=mixture)
)
known = [np.isin(mixture[test], mixture[train]).sum() for train, test in by_mixture]
print("test rows of a known mixture:", sum(known))

# %% [markdown] tags=["predict"]
# Line, boosting, network: whose error will grow when you split by mixtures? Whose will hardly change?

# %%
models = {
    "line": LinearRegression(),
    "boosting": boosting,
    "network": standardized(Network()),
}
ways = {"split by row": by_row, "split by mixture": by_mixture}

# %%
compiled.cache_clear()
keras.utils.set_random_seed(seed)
strength_errors = {}
for name, model in models.items():
    pipeline = make_pipeline(StandardScaler(), model)
    for way, parts in ways.items():
        predicted, _ = predict_held_out(pipeline, concrete, strength, parts)
        strength_errors[name, way] = fold_errors(strength, predicted, parts)

# %%
fold_errors_plot(
    {", ".join(key): values for key, values in strength_errors.items()},
    title="Concrete: split by row, or by mixture",
    label="error on test rows (RMSE, MPa)",
)

# %%
mean_error = {key: np.mean(values) for key, values in strength_errors.items()}
added = {
    name: 100
    * (mean_error[name, "split by mixture"] / mean_error[name, "split by row"] - 1)
    for name in models
}

# %%
for (name, way), value in mean_error.items():
    claim = f"02.{name}_{way.replace(' ', '_')}"
    spread(claim, f"error of the {name}, {way}", value, unit="MPa", digits=2)

# %%
limits = {
    "line": {"at_most": {"full": 5}},
    "boosting": {"at_least": {"full": 10}},
    "network": {"at_least": {"full": 5}},
}
for name, limit in limits.items():
    words = f"splitting by mixture adds to the error of the {name}"
    bound(f"02.{name}_added", words, added[name], **limit, unit="%", digits=0)

# %% [markdown] tags=["answer"]
# | mean error on test rows | split by row | split by mixture | added |
# | --- | --- | --- | --- |
# | line | {{02.line_split_by_row}} | {{02.line_split_by_mixture}} | {{02.line_added}} |
# | boosting | {{02.boosting_split_by_row}} | {{02.boosting_split_by_mixture}} | {{02.boosting_added}} |
# | network | {{02.network_split_by_row}} | {{02.network_split_by_mixture}} | {{02.network_added}} |
#
# The models are the same and the rows are the same. Still, boosting and the network look better with the split by row.
# They can remember a mixture. If a sibling of a test row (same mixture, other age) was among the training rows, much of
# the answer is known. The line with its nine weights cannot remember a mixture, so it hardly gains.

# %% [markdown]
# **The larger error is the honest one**, because it answers the question of a mixing plant: how strong will a mixture
# be that nobody has poured yet? No training row has that mixture. If you ask instead how strong a known mixture will
# be in a month, its siblings are fair. You would then train on the young samples and test on the old ones. A split is
# never right or wrong by itself. It states what you will know when you predict.

# %% [markdown] tags=["quiz"]
# A hospital has ten X-ray images of each of 300 patients and wants to detect a disease in new patients. Which split
# should it use?
#
# - [ ] The 3,000 images at random, since then both parts look alike
#   They do look alike, and that is the trouble: images of one patient are on both sides, so the model may recognize
#   patients.
# - [ ] The 3,000 images at random, as long as no image is in both parts
#   Other images of the same patient are still there, and they show the same body.
# - [x] All the images of a patient on one side
#   New patients bring images of bodies that the model has never seen. So must the test.
# - [ ] Eight images of each patient for training, two for testing
#   This answers another question: how well does it do on new images of patients it knows?

# %% [markdown]
# ### Exercise 02.3: deal whole groups
#
# Write your own `GroupKFold`. Give each row the number of its fold; rows of one group get the same number. No fold may
# be empty. The folds must be of similar size, too: no fold may get more than one and a half times its share, which is
# the number of rows divided by the number of folds. (The check only deals groups for which this is possible.) `groups`
# may be a list or an array.


# %% tags=["solution"]
def deal(groups, folds):
    """Return the fold (0 to folds - 1) of each row;
    `groups` holds the group of each row, a number or a name."""
    names, sizes = np.unique(groups, return_counts=True)
    filled, fold_of = np.zeros(folds), {}
    for place in np.argsort(-sizes):
        smallest = filled.argmin()
        fold_of[names[place]] = smallest
        filled[smallest] += sizes[place]
    return np.array([fold_of[group] for group in groups])


# %% tags=["check"]
@exercise("02.3", deal)
def check(deal):
    random = np.random.default_rng(3)
    pairs, rising, large = (
        np.full(40, 2),
        np.arange(1, 31),
        np.where(np.arange(30) % 5, 1, 19),
    )
    drawn = [(rng.integers(1, 5, 24), int(rng.integers(2, 6))) for rng in generators()]
    cases = [(pairs, 4), (rising, 5), (large, 5), (rising[::-1], 3), *drawn]
    for sizes, folds in cases:
        groups = random.permutation(
            np.repeat([f"group {number}" for number in range(len(sizes))], sizes)
        )
        answer, share = np.asarray(deal(groups.copy(), folds)), sizes.sum() / folds
        expect(
            answer.shape == groups.shape,
            f"{len(groups)} rows need {len(groups)} fold numbers, one per row.",
        )
        expect(
            all(len(set(answer[groups == group])) == 1 for group in set(groups)),
            "Rows of one group are in several folds. Deal groups, then look up the fold"
            " of each row's group.",
        )
        expect(
            set(answer.tolist()) == set(range(folds)),
            f"With {folds} folds the numbers must be 0 to {folds - 1}, with no fold"
            " empty.",
        )
        largest = np.unique(answer, return_counts=True)[1].max()
        expect(
            largest <= 1.5 * share,
            f"A fold got {largest} rows, its share is {share:g}. Groups differ in size:"
            " give the largest first, each to the fold that has the fewest rows.",
        )
    expect(
        len(set(np.asarray(deal([7, 7, 3, 3, 9, 9], 3)).tolist())) == 3,
        "Groups may be numbers, too, and may come in a list.",
    )


# %% tags=["wrong"] hint="Rows of one group are in several folds"
def deal(groups, folds):
    return np.arange(len(groups)) % folds


# %% tags=["wrong"] hint="Groups differ in size"
def deal(groups, folds):
    return np.unique(groups, return_inverse=True)[1] % folds


# %% tags=["wrong"] hint="no fold empty"
def deal(groups, folds):
    return np.unique(groups, return_inverse=True)[1] % folds + 1


# %% [markdown]
# ## What you have learned
#
# - Build, compile, fit, evaluate, predict: the workflow of Keras fits into twenty lines, for a plane as for a
#   network.
# - Keras steps on the *mean* loss of a batch of $N$ rows. Lesson 01's rate on the sum, times $N/2$, takes the same
#   steps. An epoch has as many steps as there are batches, and the last batch is often smaller.
# - Whatever is learned from rows, medians and means included, is learned from training rows: put preparation and
#   model into one pipeline. A category becomes one column for each of its values.
# - Hidden layers bend the line by means of their activation. Without an activation, any number of layers is still one
#   line.
# - Compare models on the same folds, and look at the spread before you name a winner. Here the network beat the line
#   and tied with boosting.
# - A split states what you will know when you predict. If rows of one family are on both sides, models that can
#   remember look better than they are.
#
# ## Try next
#
# - Give the single unit a rate of 0.3 instead of the 0.01 in `compiled`. How far from least squares does it end?
# - Run this notebook with `epochs = 100`. Which of the two networks of the target section is ahead now, and what has
#   happened to the tie?
# - Compare 20 with 100 epochs on the concrete, once split by row and once by mixture. Would both tell you to train
#   longer?
# - Cars have families, too: the name begins with the maker. Add the maker as a category (with
#   `handle_unknown="ignore"` in its `OneHotEncoder`), then split by whole makers. What changes, and who would want to
#   know?
# - 25 rows of the concrete table are exact copies of others. Which of the two ways to split notices them? Some recipes
#   are nearly copies: number the mixtures by `recipe.round()`. Does the error of boosting grow once more?
