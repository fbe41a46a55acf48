# ---
# title: Gradient descent
# part: 1 Fit
# objectives:
#   - fit a linear model by gradient descent in a few lines of NumPy, and from the command line
#   - choose a rule for stopping, and say what it promises about the weights
#   - compute the largest stable learning rate from the data, before the first iteration
#   - detect a descent that diverges, and name the cause
#   - explain why scaling the inputs makes the descent so much shorter
# prerequisites:
#   - Python functions and loops
#   - the derivative of a square
#   - NumPy arrays and products of matrices, such as `X.T @ y`
#   - what an eigenvalue is
# data: [linreg_plane, yacht]
# reading:
#   - "LeCun, Bottou, Orr, Müller, *Efficient BackProp*, 1998, doi:10.1007/3-540-49430-8_2 (section 5: eigenvalues)"
#   - "Boyd, Vandenberghe, *Convex Optimization*, 2004, section 9.3 (gradient descent and the condition number)"
#   - "Gerritsma, Onnink, Versluis, *Yacht Hydrodynamics*, 1981, doi:10.24432/C5XG7R (the data)"
# ---

# %% [markdown]
# Every network in this course learns by the rule of this first lesson: measure the error, take a small step downhill,
# repeat. Here the rule works on a model so small that its exact answer is known. So we can ask what is hard to ask of
# a network: did it arrive? How fast could it have gone? And when it fails, why? Everything is written in NumPy.

# %% tags=["parameters"]
seed: int = 0  # seed of the noise and of the random rows, 0 to 1000000
fast: bool = False  # fewer iterations in each trial of a learning rate
noise: float = 0.5  # standard deviation of the noise added to y, 0.1 to 3
trial_iterations: int = 2000  # iterations in a trial of a rate, 500 to 5000, fast 500

# %%
from course.lesson import begin

begin("01_gradient_descent", globals())

# %% [markdown]
# ## A plane to find
#
# A thousand rows with two inputs; the last column is the target.

# %%
from course.data import table

rows = table("linreg_plane")
rows.head(3)

# %% [markdown]
# The model is a plane: $f(x) = w_0 + w_1 x_1 + w_2 x_2$. To treat the bias $w_0$ like the other weights, give every
# row one more input, in front, that is always 1. Then $f(x)$ is a product of two vectors, and all predictions at
# once are `X @ weights`.

# %%
import numpy as np

x, y = rows[["x1", "x2"]].to_numpy(), rows["y"].to_numpy()
X = np.column_stack([np.ones(len(x)), x])
X[:3]

# %% [markdown]
# ## One step downhill
#
# What is a good plane? We measure the **sum of squared errors**, $\mathrm{SSE}(w) = \sum (y - f(x))^2$ over all
# rows, and look for the weights that make it least. Its derivative by the weight $w_j$ is
# $-2 \sum (y - f(x))\, x_j$, so the SSE falls fastest if each weight moves in proportion to
# $\sum (y - f(x))\, x_j$. That is the whole update:
#
# $$w \leftarrow w + \eta \sum (y - f(x))\, x$$
#
# with the **learning rate** $\eta$, which also takes in the factor of 2. Where a prediction is too low and the
# input is positive, it raises the weight. As code, from weights of 0:

# %%
weights = np.zeros(3)
residual = y - X @ weights
direction = X.T @ residual
weights + 1e-4 * direction

# %% [markdown]
# Was that a step downhill?

# %%
stepped = weights + 1e-4 * direction
print("SSE before:", round(np.sum((y - X @ weights) ** 2)))
print("SSE after: ", round(np.sum((y - X @ stepped) ** 2)))

# %% [markdown]
# ## Repeat
#
# Gradient descent is this step in a loop. The loop keeps a log, one row per iteration with the weights and their SSE,
# and ends when the SSE has changed by no more than a threshold.


# %%
def fit(X, y, learning_rate, threshold):
    weights, sse, log = np.zeros(X.shape[1]), np.inf, []
    while True:
        residual = y - X @ weights
        before, sse = sse, residual @ residual
        log.append([*weights, sse])
        if abs(before - sse) <= threshold:
            return np.array(log)
        weights = weights + learning_rate * (X.T @ residual)


log = fit(X, y, learning_rate=1e-4, threshold=1e-4)
print(len(log) - 1, "iterations, final weights", log[-1, :3].round(4))

# %% [markdown]
# The course keeps a reference log of these data, to 4 decimals. Do we agree in every row? `fact` records a result
# that must be the same with every seed and on every machine.

# %%
from course.data import verified

trace = np.loadtxt(
    verified("tables/linreg_plane_solution_eta1e-4_thr1e-4.csv"),
    delimiter=",",
    skiprows=1,
)

# %%
from course.claims import fact

fact("01.trace_rows", "rows of the log", len(log), equals=75)
fact(
    "01.trace_equal",
    "every row equals the reference to 4 decimals",
    np.array_equal(log.round(4), trace[:, 1:]),
)

# %%
from course import plots

plots.lines(
    range(len(log)),
    {"SSE": log[:, -1]},
    title="The error falls by a nearly constant factor",
    x_label="iteration",
    y_label="sum of squared errors (units of y, squared)",
    log="y",
)

# %% [markdown]
# After a quick start the curve is straight on its logarithmic axis: every iteration removes the same share of what
# is left. The section on the limit will say which share, and why the start was quicker.
#
# `course.topics.linear_regression` holds the same algorithm with its inputs checked, and is also a command:
#
#     python -m course.topics.linear_regression --data FILE --learning-rate 1e-4 --threshold 1e-4
#
# With a coarse threshold its log is short enough to read:

# %%
from course.topics.linear_regression import main

plane = str(verified("tables/linreg_plane.csv"))
main(["--data", plane, "--learning-rate", "1e-4", "--threshold", "100"])

# %% [markdown]
# ### Exercise 01.1: one step on the mean
#
# Write one step of gradient descent on the **mean** squared error, $\frac{1}{N}\sum (y - f(x))^2$, with the full
# gradient, factor of 2 and all. This is the step that Keras takes on the plane in lesson 02.


# %% tags=["solution"]
def mean_step(weights, X, y, learning_rate):
    """Return the weights after one step of gradient descent on the mean squared
    error."""
    return weights + learning_rate * 2 / len(y) * (X.T @ (y - X @ weights))


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close


def draw(rng):
    rows, columns = rng.integers(1, 7, 2)
    X, y = rng.normal(size=(rows, columns)), rng.normal(size=rows)
    return rng.normal(size=columns), X, y, rng.uniform(0.1, 1)


@exercise("01.1", mean_step, draw=draw)
def check(step):
    inputs, targets = (
        np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 4.0]]),
        np.array([1.0, 2.0, 6.0]),
    )
    before = np.array([0.5, -1.0])

    def mse(weights):
        return np.mean((targets - inputs @ weights) ** 2)

    nudges = 1e-6 * np.eye(2)
    gradient = np.array(
        [(mse(before + nudge) - mse(before - nudge)) / 2e-6 for nudge in nudges]
    )
    given = before.copy()
    moved = step(given, inputs, targets, 0.01) - before
    expect(
        np.array_equal(given, before),
        "The weights passed in have changed. Return a new array; `+=` changes the old.",
    )
    wanted = (
        "Return the weights, moved by minus the learning rate times the gradient of the"
        " mean squared error."
    )
    mistakes = {
        (
            "This step goes uphill. Which sign has the derivative of (y - f(x)) by a "
            "weight?"
        ): (0.01 * gradient),
        (
            "This is the lesson's step on the sum. Now divide by the rows, and keep "
            "the factor of 2."
        ): (-0.015 * gradient),
        "This is half the step. Which factor does the derivative of a square bring?": (
            -0.005 * gradient
        ),
        "Three rows, three times the step. A mean divides by the number of rows.": (
            -0.03 * gradient
        ),
        "You multiply by the number of rows. A mean divides by it.": (-0.09 * gradient),
        "The weights have not moved. Where is the step?": 0 * before,
        "This is the step alone. Add it to the weights.": (-0.01 * gradient - before),
        "The learning rate does not scale the step.": -gradient,
        "The predictions are missing. An error is y - X @ weights.": (
            0.02 / 3 * inputs.T @ targets
        ),
        "The targets are missing. An error is y - X @ weights.": (
            0.02 / 3 * inputs.T @ inputs @ before
        ),
        "You add the predictions to the targets. An error is their difference.": (
            0.02 / 3 * inputs.T @ (targets + inputs @ before)
        ),
    }
    expect_close(moved, -0.01 * gradient, wanted, mistakes)
    twice = (
        step(before.copy(), np.tile(inputs, (2, 1)), np.tile(targets, 2), 0.01) - before
    )
    expect_close(
        twice, moved, "With every row given twice the step must stay the same."
    )


# %% tags=["wrong"] hint="A mean divides by the number of rows"
def mean_step(weights, X, y, learning_rate):
    return weights + learning_rate * 2 * (X.T @ (y - X @ weights))


# %% tags=["wrong"] hint="step on the sum"
def mean_step(weights, X, y, learning_rate):
    return weights + learning_rate * (X.T @ (y - X @ weights))


# %% tags=["wrong"] hint="derivative of a square"
def mean_step(weights, X, y, learning_rate):
    return weights + learning_rate * np.mean((y - X @ weights)[:, None] * X, axis=0)


# %% tags=["wrong"] hint="uphill"
def mean_step(weights, X, y, learning_rate):
    return weights - learning_rate * 2 / len(y) * (X.T @ (y - X @ weights))


# %% tags=["wrong"] hint="Return a new array"
def mean_step(weights, X, y, learning_rate):
    weights += learning_rate * 2 / len(y) * (X.T @ (y - X @ weights))
    return weights


# %% [markdown]
# ## When to stop
#
# `fit` ends when *the change* of the error is at most the threshold. Retold, this easily becomes "when *the error* is
# below the threshold". On our plane both come to an end, so nobody notices the difference. (`descend` is `fit` with
# the rule as an argument.)

# %%
from course.topics.linear_regression import descend, sse_change, sse_itself

for stop in (sse_change, sse_itself):
    descent = descend(X, y, learning_rate=1e-4, threshold=1e-4, stop=stop)
    print(f"{stop.__name__:10} {descent.iterations} iterations")

# %% [markdown]
# But these data lie exactly on a plane, and real data hardly ever do. We add noise.

# %%
from course.topics.linear_regression import DescentError

rng = np.random.default_rng(seed)
noisy = y + noise * rng.normal(size=len(y))
try:
    descend(
        X,
        noisy,
        learning_rate=1e-4,
        threshold=1e-4,
        stop=sse_itself,
        max_iterations=5000,
    )
except DescentError as error:
    print(error)

# %% [markdown]
# No plane goes through noisy points: the least SSE is about the number of rows times the variance of the noise. A
# rule that waits for the error itself to become small waits forever. So the retold sentence is wrong.
#
# But what does the rule on the change promise?

# %% [markdown] tags=["predict"]
# We lower the learning rate from 1e-4 to a more careful 1e-6 and keep the threshold of 1e-4 on the change. Will the
# final weights be **closer** to the least-squares solution, **as close**, or **farther** from it?


# %%
# the weights of least SSE: for a linear model NumPy finds them directly
solution = np.linalg.lstsq(X, noisy)[0]


def distance_at_stop(learning_rate, threshold=1e-4, stop=sse_change):
    descent = descend(
        X, noisy, learning_rate=learning_rate, threshold=threshold, stop=stop
    )
    return np.linalg.norm(descent.weights[-1] - solution)


# %% [markdown]
# `spread` shows a result of this run beside the median and the range that the course measured over many seeds. The
# text quotes those, so your own number may differ a little. `bound` does the same for a result that has a limit to
# keep.

# %%
usual, careful = distance_at_stop(1e-4), distance_at_stop(1e-6)

# %%
from course.claims import bound, spread

spread(
    "01.distance_change_rule", "distance from the solution, rate 1e-4", usual, digits=5
)
spread(
    "01.distance_change_rule_slow",
    "distance from the solution, rate 1e-6",
    careful,
    digits=5,
)
bound(
    "01.times_farther",
    "how many times farther the small rate stops",
    careful / usual,
    at_least=5,
    digits=1,
)

# %% [markdown] tags=["answer"]
# With the rate of 1e-4 the weights are {{01.distance_change_rule}} away from the solution. With the careful rate they
# are {{01.distance_change_rule_slow}} away, {{01.times_farther}} times **farther**.
#
# Small steps change the SSE little, wherever they are taken. Call the step's direction $d = X^T(y - Xw)$. To first
# order one step lowers the SSE by $2 \eta\, |d|^2$, so the rule stops at
# $|d| \approx \sqrt{\text{threshold} / (2\eta)}$: a rate that is a hundred times smaller stops at a gradient that
# is ten times larger.

# %% [markdown]
# So measure $d$ itself. At the solution $w^*$ it is 0, and elsewhere $d = X^T X (w^* - w)$. Hence
#
# $$|w - w^*| \le |d| \,/\, \lambda_{\min}$$
#
# where $\lambda_{\min}$ is the least eigenvalue of $X^T X$: **a bound on the gradient is a bound on the distance**,
# at every rate. For a distance of at most 1e-4 we stop at $|d| \le$ 1e-4 $\lambda_{\min}$.

# %%
from course.topics.linear_regression import gradient_norm

eigenvalues = np.linalg.eigvalsh(X.T @ X)  # in ascending order
tolerance = 1e-4 * eigenvalues[0]
rates = np.geomspace(1e-6, 3e-4, 6)
by_change = [distance_at_stop(rate) for rate in rates]
by_gradient = [distance_at_stop(rate, tolerance, gradient_norm) for rate in rates]

# %%
plots.lines(
    rates,
    {"stop on the change of the SSE": by_change, "stop on the gradient": by_gradient},
    title="How far from the solution each rule stops",
    x_label="learning rate (step per unit of summed gradient)",
    y_label="distance to least squares (units of the weights)",
    log="xy",
)

# %%
fact(
    "01.gradient_rule_kept",
    "every rate stops within 1e-4 of the solution",
    max(by_gradient) <= 1e-4,
)
spread(
    "01.distance_gradient_rule",
    "greatest distance, stopping on the gradient",
    max(by_gradient),
    digits=7,
)

# %% [markdown]
# If you stop on the change, a smaller rate ends farther away. If you stop on the gradient, every rate keeps the
# promise: the worst of them ends {{01.distance_gradient_rule}} away, just within 1e-4. (The threshold sets how high
# each curve lies, the rule whether it goes on rising toward small rates.) A small rate then costs iterations, not
# accuracy.

# %% [markdown] tags=["quiz"]
# A colleague's descent ended after 40 iterations: learning rate 1e-9, and the SSE last changed by less than the
# threshold of 1e-4. What do you know about the weights?
#
# - [ ] They are within 1e-4 of the least-squares solution.
#   The rule looks at the change of the SSE alone. With a rate that small, steps change it little even far from the
#   solution.
# - [ ] Their SSE is below 1e-4.
#   It is the *change* of the SSE that was below the threshold. The SSE itself may be any size; with noise it never
#   gets that small.
# - [ ] The learning rate was too large, since the descent ended so soon.
#   A rate that is too large makes the SSE grow, and its changes with it. This descent ended soon since its steps are
#   tiny.
# - [x] Only that one more step would have changed the SSE by about 1e-4 or less.
#   That is all the rule says. Steps with so small a rate change the SSE little even far from the solution: ask for
#   the gradient's norm.

# %% [markdown]
# ## Too large a step
#
# If small rates waste time, how large may a rate be? Take a model with two weights only: the resistance of a
# yacht as a line in its speed (the Froude number; neither has a unit). `path` is the loop without a stop rule.

# %%
yachts = table("yacht")
speed, resistance = yachts["froude"].to_numpy(), yachts["resistance"].to_numpy()
S = np.column_stack([np.ones(len(speed)), speed])


def path(X, y, learning_rate, steps):
    weights = [np.zeros(X.shape[1])]
    for _ in range(steps):
        residual = y - X @ weights[-1]
        weights.append(weights[-1] + learning_rate * (X.T @ residual))
    return np.array(weights)


# %%
from course.topics.linear_regression import stability_limit

speed_limit = stability_limit(S)  # the next section says what this is
paths = {
    f"rate {share} x limit": path(S, resistance, share * speed_limit, 25)
    for share in (0.1, 0.97, 1.01)
}


# %%
def sse_of(X, y):
    """The SSE as a function of two weights, each a number or an array."""
    return lambda w0, w1: sum(
        (y_i - w0 * x0 - w1 * x1) ** 2 for (x0, x1), y_i in zip(X, y, strict=True)
    )


plots.contour_path(
    sse_of(S, resistance),
    paths,
    title="Twenty-five steps in a narrow valley, SSE as level lines",
    x_label="weight w0 (bias)",
    y_label="weight w1 (of the speed)",
)

# %% [markdown]
# The SSE is a long valley, with its bottom far beyond the upper edge. A small rate walks to the floor and then creeps
# along it; a rate near the limit jumps from wall to wall, a little less each time, and gets on faster along the
# floor; a rate just above the limit jumps a little farther each time.
#
# The same in numbers, and below, if you run this notebook yourself, with a slider. (Even *at* the limit the SSE falls
# for a while, along the floor, while the jumps keep their size.)

# %%
for share in (0.1, 0.5, 0.9, 0.99, 1.0, 1.01, 1.1):
    w0, w1 = path(S, resistance, share * speed_limit, 25)[-1]
    print(
        f"{share:4} x limit: SSE after 25 steps {sse_of(S, resistance)(w0, w1):12.0f}"
    )

# %% tags=["widget"]
from course.topics.slider import slider

around = np.concatenate(list(paths.values()))  # the same axes for every rate


def show(share):
    steps = {f"rate {share:.2f} x limit": path(S, resistance, share * speed_limit, 25)}
    plots.contour_path(
        sse_of(S, resistance),
        steps,
        title="25 steps",
        x_label="weight w0",
        y_label="weight w1",
        around=around,
    )


slider(show, label="rate / limit", low=0.05, high=1.1, start=1.0)

# %% [markdown]
# ## The limit, predicted
#
# Three lines of algebra give the border. For the error of the weights $e = w - w^*$ the direction is
# $d = X^T(y - Xw) = -X^T X\, e$, so
#
# $$e \leftarrow e + \eta\, d = (I - \eta\, X^T X)\, e .$$
#
# Along an eigenvector of $X^T X$ with eigenvalue $\lambda$, each step multiplies the error by $1 - \eta\lambda$. It
# shrinks only if $-1 < 1 - \eta\lambda < 1$, and in *every* direction only if
#
# $$\eta < \frac{2}{\lambda_{\max}(X^T X)} .$$
#
# Books give the limit as 2 over the largest eigenvalue of the *Hessian*, the matrix of second derivatives. For the
# SSE that is $2 X^T X$, and the limit would be half of ours. Our update leaves out the gradient's factor of 2, so our
# $\eta$ is twice theirs.
#
# The factor $1 - \eta\lambda$ explains the first figure of this lesson. In the long run the slowest direction is
# left, that of $\lambda_{\min}$, and the SSE, quadratic in the error and here 0 at its least, is multiplied by
# $(1 - \eta\lambda_{\min})^2$ in each iteration. At the end of the log:

# %%
print("predicted factor:", ((1 - 1e-4 * eigenvalues[0]) ** 2).round(4))
print("in the log:      ", (log[-1, -1] / log[-2, -1]).round(4))

# %% [markdown]
# The quick start was the work of the other directions, in which the error shrinks much faster.

# %% [markdown] tags=["predict"]
# Which rate brings the plane to its solution in the fewest iterations: half the limit, 0.8, 0.9 or 0.99 of
# it?

# %%
limit = 2 / eigenvalues[-1]
shares = np.array(
    [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.97, 0.99]
)
iterations = [
    descend(
        X, noisy, learning_rate=share * limit, threshold=tolerance, stop=gradient_norm
    ).iterations
    for share in shares
]
best = eigenvalues[-1] / (eigenvalues[0] + eigenvalues[-1])

# %%
plots.lines(
    shares,
    {"descent": iterations},
    title="The fastest rate lies below the limit, not at it",
    x_label="learning rate / limit",
    y_label="iterations until the gradient rule stops",
    log="y",
    marked={"2 / (least + largest eigenvalue)": best, "limit": 1.0},
)

# %%
fastest = shares[np.argmin(iterations)]

# %%
bound(
    "01.fastest_share",
    "fastest rate, as a share of the limit",
    fastest,
    at_least=0.7,
    at_most=0.9,
    digits=2,
)

# %% [markdown] tags=["answer"]
# The fastest of these rates is **{{01.fastest_share}}** of the limit. From the left the descent gets faster, because
# the slowest direction, that of $\lambda_{\min}$, speeds up. Near the limit it slows down again: now the direction of
# $\lambda_{\max}$, which jumps from wall to wall, is the slowest. They tie where $1 - \eta\lambda_{\min} = \eta\lambda_{\max} - 1$, at
# $\eta = 2 / (\lambda_{\min} + \lambda_{\max})$: the best rate in the long run. (The curve may turn a little before
# that mark: in the gradient, which our rule watches, the jumping direction weighs most.)

# %% [markdown]
# ## The limit, measured
#
# We look for the limit by trial alone: a rate is stable when the SSE never rises above its start in a long run, and
# the border is found by halving the interval between a stable rate and an unstable one.


# %%
def stable(X, y, learning_rate):
    weights, start = np.zeros(X.shape[1]), y @ y
    for _ in range(trial_iterations):
        residual = y - X @ weights
        if residual @ residual > start:
            return False
        weights = weights + learning_rate * (X.T @ residual)
    return True


# %%
def measured_limit(X, y):
    low, high = 1e-8, 1.0
    while high / low > 1.001:
        middle = np.sqrt(low * high)
        low, high = (middle, high) if stable(X, y, middle) else (low, middle)
    return low


print(f"plane: predicted {limit:.3e}, measured {measured_limit(X, noisy):.3e}")

# %% [markdown]
# ## More rows
#
# The limit depends on the data through $X^T X$, and that is a sum over rows.

# %% [markdown] tags=["predict"]
# You have tuned the learning rate on 100 rows. Now come 10,000 rows of the same kind. The largest stable rate
# **stays** the same, becomes **larger**, or becomes **smaller**? By which factor?


# %%
from copy import deepcopy


def line(count, rng):
    """Rows of a noisy line whose input has mean 0 and standard deviation 1."""
    x = rng.normal(size=count)
    return np.column_stack([np.ones(count), x]), 1 + 2 * x + noise * rng.normal(
        size=count
    )


own_rng = deepcopy(rng)  # so that this cell draws the same rows when you run it again
problems = {f"{count} rows": line(count, own_rng) for count in (100, 1000, 10000)}
problems |= {"plane": (X, noisy), "yacht speed": (S, resistance)}

# %%
predicted = {name: stability_limit(inputs) for name, (inputs, _) in problems.items()}
measured = {name: measured_limit(*problem) for name, problem in problems.items()}
for name in problems:
    print(f"{name:12} predicted {predicted[name]:.3e}   measured {measured[name]:.3e}")

# %%
plots.lines(
    [100, 1000, 10000],
    {
        "predicted": list(predicted.values())[:3],
        "measured": list(measured.values())[:3],
    },
    title="Ten times the rows, about a tenth of the largest stable rate",
    x_label="rows",
    y_label="largest stable learning rate",
    log="xy",
)

# %%
spread(
    "01.limit_100_rows", "largest stable rate, 100 rows", measured["100 rows"], digits=4
)
spread(
    "01.limit_1000_rows",
    "largest stable rate, 1,000 rows",
    measured["1000 rows"],
    digits=5,
)
spread(
    "01.limit_10000_rows",
    "largest stable rate, 10,000 rows",
    measured["10000 rows"],
    digits=6,
)
shrunk = measured["100 rows"] / measured["10000 rows"]
bound(
    "01.limit_shrinks",
    "times smaller with 100 times the rows",
    shrunk,
    at_least=60,
    at_most=120,
    digits=0,
)
off = 100 * max(abs(measured[name] / predicted[name] - 1) for name in problems)

# %%
bound(
    "01.limit_off",
    "greatest difference from the prediction",
    off,
    at_most=1,
    digits=2,
    unit="%",
)

# %% [markdown] tags=["answer"]
# The largest stable rate is {{01.limit_100_rows}} with 100 rows, {{01.limit_1000_rows}} with 1,000 and
# {{01.limit_10000_rows}} with 10,000. A hundred times the rows make it {{01.limit_shrinks}} times smaller: **it
# shrinks about in proportion to the rows**. (For an input of mean 0 and standard deviation 1, $X^T X$ is nearly $N$
# times the identity with $N$ rows, and the limit nearly $2/N$.) Over all five data sets, prediction and measurement
# agree within {{01.limit_off}}, about as closely as the search can tell.
#
# So a rate that is fine for a sample can blow up on the full data. The cure is to divide the sum by the number of
# rows. Keras does so by default: in lesson 02 the loss is the *mean* squared error, and rates carry over from one
# size of data to another.

# %% [markdown] tags=["quiz"]
# By accident every row of your file is now in it twice. The learning rate was at 0.8 of the limit, the gradient is
# summed. What happens?
#
# - [ ] Nothing changes, since the least-squares solution is the same.
#   The solution is indeed the same, but the step is not: the summed gradient of the doubled file is twice as long.
# - [x] The descent diverges.
#   Twice the rows double $X^T X$ and halve the limit, so the rate is now at 1.6 of it. The solution stays where it
#   was; the descent does not get there.
# - [ ] It converges in half the iterations.
#   Longer steps help only below the limit. Here every step jumps farther across the valley than it came from.
# - [ ] It converges to weights twice as large.
#   The least-squares weights do not change when every row counts twice. What changes is how long a step is.

# %% [markdown]
# ### Exercise 01.2: its limit
#
# Which is the largest stable rate for the step of exercise 01.1, on the *mean* squared error? Follow the three
# lines of algebra again, with the new update. Does your limit depend on the number of rows?


# %% tags=["solution"]
def mean_limit(X):
    """Return the learning rate above which gradient descent on the mean squared error
    diverges."""
    return len(X) / np.linalg.eigvalsh(X.T @ X)[-1]


# %% tags=["check"]
def draw(rng):
    return (rng.normal(1, 2, (rng.integers(3, 40), rng.integers(1, 4))),)


@exercise("01.2", mean_limit, draw=draw)
def check(limit_of):
    random = np.random.default_rng(1)
    for count, columns in ((4, 1), (30, 3), (500, 5)):
        inputs = np.column_stack(
            [np.ones(count), random.normal(1, 2, (count, columns))]
        )
        answer = limit_of(inputs)
        expect(np.ndim(answer) == 0 and answer > 0, "The limit is one positive number.")
        # of the error, in each direction
        factors = abs(1 - answer * np.linalg.eigvalsh(2 * inputs.T @ inputs / count))
        twice = limit_of(np.tile(inputs, (2, 1)))
        expect(
            np.isclose(answer, twice),
            "With every row given twice the limit must stay the same: the step now"
            " divides by the number of rows.",
        )
        expect(
            max(factors) < 3.001,
            "At your rate some direction grows much too fast. All must shrink, so the"
            " largest eigenvalue decides.",
        )
        expect(
            max(factors) < 1.001,
            "At your rate the descent still diverges. This update has the factor of 2"
            " that the lesson's left out.",
        )
        expect(
            max(factors) > 0.999,
            "Larger rates are still stable. At the limit the error of one direction is"
            " multiplied by exactly -1.",
        )


# %% tags=["wrong"] hint="the step now divides by the number of rows"
def mean_limit(X):
    return 2 / np.linalg.eigvalsh(X.T @ X)[-1]


# %% tags=["wrong"] hint="has the factor of 2"
def mean_limit(X):
    return 2 * len(X) / np.linalg.eigvalsh(X.T @ X)[-1]


# %% tags=["wrong"] hint="the largest eigenvalue decides"
def mean_limit(X):
    return len(X) / np.linalg.eigvalsh(X.T @ X)[0]


# %% [markdown]
# ## Data as they come
#
# Now all six inputs of the yachts (the speed and five numbers of the hull), just as they stand in the
# file, and a learning rate of 0.1.

# %%
inputs = yachts.drop(columns="resistance").to_numpy()
raw = np.column_stack([np.ones(len(inputs)), inputs])
print(
    f"condition: largest / least eigenvalue of X'X = {np.linalg.cond(raw.T @ raw):.1e}"
)

# %%
with np.errstate(over="ignore", invalid="ignore"):  # NumPy would warn
    weights = path(raw, resistance, 0.1, 150)
    sse = ((resistance - weights @ raw.T) ** 2).sum(axis=1)
print(
    "SSE infinite from iteration", np.argmax(np.isinf(sse)), "and in the end", sse[-1]
)

# %% [markdown]
# The weights grow until their SSE no longer fits into 64 bits. What does a loop that watches only the change do now?
# It compares the change of the SSE with the threshold, in one of two spellings, and the change from infinite to
# infinite is not a number:

# %%
change = abs(float("inf") - float("inf"))
print("change:", change)
print("`if change <= threshold: stop`      stops?  ", change <= 1e-4)
print("`if change > threshold: go on`      goes on?", change > 1e-4)

# %% [markdown]
# Nothing is less than NaN, and nothing is greater. The first spelling, that of our `fit`, loops forever; the other
# stops, and reports the weights of that moment as the fit, though they have grown beyond all measure:

# %%
print(
    "the largest weight when the SSE is first infinite:",
    f"{abs(weights[np.argmax(np.isinf(sse))]).max():.0e}",
)

# %% [markdown]
# Divergence has to be looked for. In a stable descent the SSE never rises, so twice the start is proof, long before
# anything overflows. `descend` looks in every iteration, and since it can compute the limit it names the cause:

# %%
just_above = 1.01 * stability_limit(raw)
caught = {}
for rate in (just_above, 0.1):
    try:
        descend(raw, resistance, learning_rate=rate, threshold=1e-4)
    except DescentError as error:
        caught[rate] = error.iterations
        print(error)

# %%
fact(
    "01.caught_far_above",
    "iterations until the rate of 0.1 is caught",
    caught[0.1],
    equals=1,
)
words = "iterations until 1% above the limit is caught"

# %%
bound("01.caught_just_above", words, caught[just_above], at_most=49, digits=0)

# %% [markdown]
# The rate of 0.1, far beyond the limit, is caught in the first iteration. A rate only 1% above the limit takes longer
# to give itself away, {{01.caught_just_above}} iterations, but still fewer than 50.

# %% [markdown]
# ### Exercise 01.3: a smoke detector
#
# For a network nobody knows the limit, but everybody has the log of the loss. Write the detector. A descent has
# diverged when its last SSE is above its first, or is not a finite number. A tiny rise at the bottom, where only
# rounding is left, is no divergence.


# %% tags=["solution"]
def diverged(log):
    """Tell whether the SSE of each iteration, `log`, shows a descent that has
    diverged."""
    return not log[-1] <= log[0]


# %% tags=["check"]
def draw(rng):
    later = rng.choice([1.0, 2.0, 4.0, np.inf, np.nan], rng.integers(0, 5))
    log = np.concatenate([rng.choice([1.0, 2.0, 4.0], 1), later])
    return (log if rng.random() < 0.5 else log.tolist(),)


@exercise("01.3", diverged, draw=draw)
def check(diverged):
    cases = [  # a log, whether it has diverged, a hint
        ([100.0, 40.0, 15.0], False, "It falls, and was called diverged."),
        (
            [100.0, 90.0, 250.0, 9e4],
            True,
            "It ends far above its start, long before anything is infinite.",
        ),
        ([100.0, 1e300, np.inf], True, "An infinite SSE is divergence."),
        (
            [100.0, np.inf, np.nan],
            True,
            "No number is above NaN: turn your comparison around, or ask np.isfinite.",
        ),
        (
            [100.0, 4e-26, 5e-26],
            False,
            "Rounding alone lets it rise at the bottom. Compare with the start.",
        ),
        (
            [100.0, 150.0, 20.0],
            False,
            "It rose and fell again: only the last SSE against the first decides.",
        ),
        ([100.0, np.nan], True, "NaN right after the start was missed."),
        ([100.0, 101.0], True, "Above the first is above the first, however little."),
        (np.array([2.0, 1.0]), False, "It must work on NumPy arrays as well."),
    ]
    for log, answer, hint in cases:
        found = diverged(log)
        expect(
            found is not None, "Your function returns nothing. Does it end in a return?"
        )
        expect(bool(found) == answer, f"{log}: {hint}")


# %% tags=["wrong"] hint="No number is above NaN"
def diverged(log):
    return log[-1] > log[0]


# %% tags=["wrong"] hint="Rounding alone"
def diverged(log):
    return any(log[i] > log[i - 1] for i in range(1, len(log)))


# %% tags=["wrong"] hint="long before anything is infinite"
def diverged(log):
    return not np.isfinite(log[-1])


# %% [markdown]
# ## Scale first
#
# At a stable rate the descent on the raw yachts does not diverge. Does it arrive? A popular treatment is to
# **standardize** first: from each input subtract its mean, then divide by its standard deviation. (All rows are
# fitted here. Where some are kept for a test, both come from the training rows alone: lesson 02.)

# %%
mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
scaled = np.column_stack([np.ones(len(inputs)), (inputs - mean) / scale])
print(f"condition: {np.linalg.cond(scaled.T @ scaled):.0f}")

# %% [markdown] tags=["predict"]
# Both at 0.98 of their limit, both with a threshold of 1e-4 on the change of the SSE. By which factor does
# standardizing shorten the descent: 2, 10, or more than 50? And which of them end at the least-squares solution:
# both, one or neither?

# %%
descents = {
    name: descend(
        data, resistance, learning_rate=0.98 * stability_limit(data), threshold=1e-4
    )
    for name, data in {"raw": raw, "scaled": scaled}.items()
}
# the SSE of the least-squares solution
least = np.linalg.lstsq(raw, resistance)[1].item()

# %%
steps = np.unique(np.geomspace(1, descents["raw"].iterations, 200).astype(int))
excess = {
    # flat once it has stopped
    name: descent.sse[np.minimum(steps, descent.iterations)] - least
    for name, descent in descents.items()
}
plots.lines(
    steps,
    excess,
    title="Standardized inputs: the same model, a different descent",
    x_label="iteration",
    y_label="SSE above its least value",
    log="xy",
)

# %%
taken = {name: descent.iterations for name, descent in descents.items()}

# %%
spread("01.iterations_raw", "iterations on the raw inputs", taken["raw"], digits=0)
spread(
    "01.iterations_scaled", "iterations on the scaled inputs", taken["scaled"], digits=0
)
bound(
    "01.times_fewer",
    "how many times fewer on scaled inputs",
    taken["raw"] / taken["scaled"],
    at_least=50,
    digits=0,
)

# %%
off = np.linalg.norm(descents["raw"].weights[-1] - np.linalg.lstsq(raw, resistance)[0])
bound(
    "01.distance_raw",
    "weights from least squares, raw inputs",
    off,
    at_least=1,
    digits=2,
)
off = np.linalg.norm(
    descents["scaled"].weights[-1] - np.linalg.lstsq(scaled, resistance)[0]
)
bound(
    "01.distance_scaled",
    "weights from least squares, scaled inputs",
    off,
    at_least=0.01,
)
off = np.sqrt((descents["raw"].sse[-1] - least) / len(raw))

# %%
bound(
    "01.predictions_off_raw",
    "predictions from least squares, raw inputs",
    off,
    at_most=0.1,
)

# %% [markdown] tags=["answer"]
# The descent took {{01.iterations_raw}} iterations on the raw inputs and {{01.iterations_scaled}} on the scaled ones:
# **more than 50 times fewer**. And **neither** has arrived. The change rule stopped the raw descent with weights
# {{01.distance_raw}} away from least squares, and the scaled one, in its own units, {{01.distance_scaled}} away. The
# *predictions* of the raw descent differ from those of least squares by only {{01.predictions_off_raw}} (root mean
# square): the weights that it missed are those that the data hardly determine. If you predict, you can live with
# that. If you read the weights, you cannot.

# %% [markdown]
# So this factor still flatters the raw data, whose descent stopped higher up. (The scaled curve ends flat since its
# descent has stopped.) When would the raw one have come as close? Along each eigenvector the error shrinks by a
# factor that we know:


# %%
def iterations_to(excess, X, y, learning_rate):
    """Iterations until the SSE is `excess` above its least value, without a single
    step."""
    eigenvalues, directions = np.linalg.eigh(X.T @ X)
    start = eigenvalues * (directions.T @ np.linalg.lstsq(X, y)[0]) ** 2
    steps = np.geomspace(1, 1e7, 2000)
    left = (start * abs(1 - learning_rate * eigenvalues) ** (2 * steps[:, None])).sum(
        axis=1
    )
    return steps[np.argmax(left <= excess)]


reached = descents["scaled"].sse[-1] - least
needed = {
    name: iterations_to(reached, data, resistance, 0.98 * stability_limit(data))
    for name, data in {"raw": raw, "scaled": scaled}.items()
}
print({name: f"{count:.1e} iterations" for name, count in needed.items()})
factor = needed["raw"] / needed["scaled"]

# %%
bound(
    "01.times_fewer_at_equal_sse",
    "how many times fewer to an equal SSE",
    factor,
    at_least=1000,
    digits=0,
)

# %% [markdown]
# To an equal SSE the scaled descent needs {{01.times_fewer_at_equal_sse}} times fewer iterations, a factor of the order
# of the ratio of the two condition numbers.
#
# The valley explains it. The largest eigenvalue limits the rate, and at that rate the error along the least one
# shrinks by a share of only $\eta\lambda_{\min} < 2\,\lambda_{\min}/\lambda_{\max}$ in each step. So the number of
# iterations grows with the **condition number** $\lambda_{\max} / \lambda_{\min}$. Standardizing gives all columns of
# $X$ the same length and sets the inputs at right angles to the bias; what is left comes from inputs that are
# correlated with each other.
#
# With a single input nothing is left, and the valley becomes a round bowl, in which downhill is straight to the
# bottom:

# %%
Z = np.column_stack([np.ones(len(speed)), (speed - speed.mean()) / speed.std()])
paths = {
    f"rate {share} x limit": path(Z, resistance, share * stability_limit(Z), 12)
    for share in (0.1, 0.5, 0.95)
}
plots.contour_path(
    sse_of(Z, resistance),
    paths,
    title="The valley of the yacht's speed, standardized: a round bowl",
    x_label="weight w0 (bias)",
    y_label="weight w1 (of the standardized speed)",
)

# %% [markdown]
# No path zigzags any more; the largest rate still jumps across the bottom, but along one straight line. (The bowl is
# round: only the scales of the two axes differ.) At half the limit, one step is enough: there $\eta\lambda = 1$ in
# every direction, and the error is multiplied by 0.
#
# Last, the promise of the section on stopping, on real data: six standardized inputs, the gradient rule, a distance
# of at most 1e-4. Is it kept?

# %%
low, *_, high = np.linalg.eigvalsh(scaled.T @ scaled)
rate, tolerance = 2 / (low + high), 1e-4 * low
descent = descend(
    scaled, resistance, learning_rate=rate, threshold=tolerance, stop=gradient_norm
)
distance = np.linalg.norm(descent.weights[-1] - np.linalg.lstsq(scaled, resistance)[0])

# %%
bound(
    "01.distance_yacht",
    "distance from the solution on the yachts",
    distance,
    at_most=1e-4,
    digits=7,
)

# %% [markdown]
# It is kept: {{01.distance_yacht}}.

# %% [markdown] tags=["quiz"]
# Standardizing shortened the descent. What did it do to the least SSE that the linear model can reach?
#
# - [ ] It lowered it, since the data are now better behaved.
#   The descent behaves better. How well a plane can fit depends on which planes there are, and they are the same.
# - [x] It left it as it was.
#   Each plane over the standardized inputs is a plane over the raw ones, with other weights. Both descents look for
#   the same predictions; only the ground between them has another shape.
# - [ ] It raised it, since information about the units was lost.
#   Nothing is lost: mean and deviation are known, and the weights can be turned back into the units of the file, as
#   in the exercise below.
# - [ ] It depends on the learning rate.
#   The rate decides whether and how fast the least SSE is reached, not how small it is.

# %% [markdown]
# ### Exercise 01.4: back to the units of the file
#
# The weights of a standardized fit mean "per standard deviation". A user has raw inputs. Turn the weights into
# those for raw inputs, so that every prediction stays the same.


# %% tags=["solution"]
def raw_weights(weights, mean, scale):
    """Turn weights for (x - mean) / scale, bias first, into weights for x, bias first.

    `mean` and `scale` hold one number per input.
    """
    slopes = weights[1:] / scale
    return np.concatenate([[weights[0] - slopes @ mean], slopes])


# %% tags=["check"]
def draw(rng):
    columns = rng.integers(1, 6)
    return (
        rng.normal(size=columns + 1),
        rng.normal(size=columns),
        rng.uniform(0.5, 2, columns),
    )


@exercise("01.4", raw_weights, draw=draw)
def check(convert):
    random = np.random.default_rng(2)
    for columns in (1, 3, 6):
        x, fitted = random.normal(5, 3, (20, columns)), random.normal(size=columns + 1)
        mean, scale = x.mean(axis=0), x.std(axis=0)
        found = convert(fitted.copy(), mean, scale)
        expect(
            found is not None, "Your function returns nothing. Does it end in a return?"
        )
        found = np.asarray(found)
        expect(
            found.shape == fitted.shape,
            f"{columns + 1} weights must come back, bias first; yours: {found.shape}.",
        )
        difference = (
            x @ found[1:] + found[0] - ((x - mean) / scale @ fitted[1:] + fitted[0])
        )
        expect(
            np.allclose(difference, difference[0]),
            "The slopes are off. A standardized input is (x - mean) / scale: which"
            " factor then stands before x?",
        )
        expect(
            np.allclose(difference, 0),
            "All predictions are off by the same amount: the bias must take up what"
            " subtracting the means took away.",
        )


# %% tags=["wrong"] hint="which factor then stands before x"
def raw_weights(weights, mean, scale):
    slopes = weights[1:] * scale
    return np.concatenate([[weights[0] - slopes @ mean], slopes])


# %% tags=["wrong"] hint="the bias must take up"
def raw_weights(weights, mean, scale):
    return np.concatenate([[weights[0]], weights[1:] / scale])


# %% tags=["wrong"] hint="the bias must take up"
def raw_weights(weights, mean, scale):
    slopes = weights[1:] / scale
    return np.concatenate([[weights[0] - weights[1:] @ mean], slopes])


# %% [markdown]
# ## What you have learned
#
# - Gradient descent for a linear model is one line, `weights + rate * (X.T @ (y - X @ weights))`, in a loop; the
#   command prints its log.
# - A rule on the *error* may never stop; a rule on its *change* stops where the steps are small; a rule on the
#   *gradient* bounds the distance to the solution by $|d| / \lambda_{\min}$, whatever the rate.
# - The largest stable rate for the summed gradient is $2 / \lambda_{\max}(X^T X)$ and shrinks as rows are added; that
#   for the mean does not. The fastest rate lies below the limit.
# - A descent that diverges ends in infinity and NaN, which common loops do not notice. Compare the loss with its
#   start.
# - The number of iterations grows with the condition number of $X^T X$. Standardizing the inputs made it far
#   smaller and left the model as it was.
#
# ## Try next
#
# - Run `path(S, resistance, stability_limit(S), 2000)`: a rate *exactly* at the limit. The SSE soon stops changing,
#   so the change rule is content. Look at the last weights, and at what `gradient_norm` would say.
# - Add a copy of one input as a further column. What is $\lambda_{\min}$ now, what is left of the gradient rule's
#   promise, and do the *predictions* still settle?
# - Resistance grows much faster than speed. Add `froude ** 4` as an input, standardize, and compare the least SSE.
# - Fit a sample of 32 random rows in each step instead of all rows: the descent that networks use, from lesson 02
#   on.
