# ---
# title: Gradient descent
# part: 1 Fit
# objectives:
#   - fit a linear model by gradient descent in a few lines of NumPy, or from the command line
#   - choose a stopping rule and say what it guarantees about the weights
#   - compute the largest stable learning rate from the data, before you take the first step
#   - catch a descent that diverges, and name the cause
#   - explain why you scale the inputs before you train
# prerequisites:
#   - Python functions and loops
#   - the derivative of a square
#   - NumPy arrays and matrix products, such as `X.T @ y`
#   - what an eigenvalue is
# data: [linreg_plane, yacht]
# vary: {noise: [0.3, 0.4, 0.6, 0.7]}
# reading:
#   - "LeCun, Bottou, Orr, Müller, *Efficient BackProp*, 1998, doi:10.1007/3-540-49430-8_2 (section 5: eigenvalues)"
#   - "Boyd, Vandenberghe, *Convex Optimization*, 2004, section 9.3 (gradient descent and the condition number)"
#   - "Gerritsma, Onnink, Versluis, *Yacht Hydrodynamics*, 1981, doi:10.24432/C5XG7R (the data)"
# ---

# %% [markdown]
# Every network in this course learns by the rule you meet in this lesson: measure the error, take a small step
# downhill, and repeat. You start with a model so small that you can compute its exact answer. That lets you ask
# questions that are hard to ask about a network. Did the training arrive at the best weights? How fast could it have
# been? When it fails, why? You write the descent itself in NumPy.

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
# The first table has a thousand rows. Two columns are the inputs, and the last one is the target.

# %%
from course.data import table

rows = table("linreg_plane")
rows.head(3)

# %% [markdown]
# The model is a plane: $f(x) = w_0 + w_1 x_1 + w_2 x_2$. The weight $w_0$ is the bias. To treat it like the other
# weights, put an input that is always 1 at the front of each row. Then $f(x)$ is the product of two vectors, and
# `X @ weights` gives all the predictions at once.

# %%
import numpy as np

x = rows[["x1", "x2"]].to_numpy()
y = rows["y"].to_numpy()
X = np.column_stack([np.ones(len(x)), x])
X[:3]

# %% [markdown]
# ## One step downhill
#
# How good is a plane? We measure its **sum of squared errors** over all rows, $\mathrm{SSE}(w) = \sum (y - f(x))^2$,
# and look for the weights that make it as small as possible. With a single weight, the search looks like this:

# %%
from course.topics.gradient_figures import downhill

downhill()

# %% [markdown]
# The slope of the curve sets two things: the direction of the step and its length. Where the curve is steep, the step
# is long. At the bottom the slope is 0, so the steps end.
#
# With several weights there is one slope for each, and together they form the **gradient**. The derivative of the SSE
# with respect to the weight $w_j$ is $-2 \sum (y - f(x))\, x_j$. The SSE falls fastest when you move against the
# gradient. That gives the whole update:
#
# $$d = \sum (y - f(x))\, x$$
#
# $$w \leftarrow w + \eta\, d$$
#
# Here $x$ is the whole row of `X`, with its 1 in front. The vector $d$ is the direction of the step. It is half the
# gradient with its sign reversed. The **learning rate**
# $\eta$ sets the length of the step and absorbs the factor of 2. Here is the step in code, starting from weights of 0:

# %%
weights = np.zeros(3)
residual = y - X @ weights
direction = X.T @ residual
stepped = weights + 1e-4 * direction
stepped

# %% [markdown]
# Did that step lead downhill?

# %%
print(f"SSE before: {np.sum((y - X @ weights) ** 2):,.0f}")
print(f"SSE after:  {np.sum((y - X @ stepped) ** 2):,.0f}")

# %% [markdown]
# ## Repeat
#
# Gradient descent repeats this step in a loop. Our loop keeps a log with the weights and the SSE of each iteration.
# It stops when one step changes the SSE by no more than a threshold.


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


# %%
log = fit(X, y, learning_rate=1e-4, threshold=1e-4)
print(len(log) - 1, "iterations, final weights", log[-1, :3].round(4))

# %% [markdown]
# The descent has found the plane: the table was made with the weights 1.5, -2 and 0.75, and without noise.
#
# The course comes with a reference log for these data, rounded to 4 decimals. Does ours agree with it in every row?
# (`verified` checks a file of the course against its checksum and returns its path.) `fact` records a result that must
# be the same with every seed and on every machine.

# %%
from course.data import verified

reference_file = verified("tables/linreg_plane_solution_eta1e-4_thr1e-4.csv")
reference = np.loadtxt(reference_file, delimiter=",", skiprows=1)

# %%
from course.claims import fact

fact("01.trace_rows", "rows of the log", len(log), equals=75)
fact(
    "01.trace_equal",
    "every row equals the reference to 4 decimals",
    np.array_equal(log.round(4), reference[:, 1:]),
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
# After a quick start, the curve is straight on its logarithmic axis. A straight line there means that every iteration
# removes the same fraction of the error that is left. You will compute this fraction below, in "The limit, predicted".
#
# The module that the next cell imports holds the same algorithm and checks its inputs. It also works as a command in a
# terminal: `python -m`, the name of the module, and options such as `--data FILE` and `--learning-rate 1e-4`. With a
# coarse threshold, its log is short enough to read:

# %%
from course.topics.linear_regression import main

plane = str(verified("tables/linreg_plane.csv"))
main(["--data", plane, "--learning-rate", "1e-4", "--threshold", "100"])

# %% [markdown]
# ### Exercise 01.1: one step on the mean
#
# Write one step of gradient descent on the **mean** squared error, $\frac{1}{N}\sum (y - f(x))^2$. Use the full
# gradient, including the factor of 2. This is the step that Keras takes in lesson 02, on a batch of rows at a time.


# %% tags=["solution"]
def mean_step(weights, X, y, learning_rate):
    """Take one step of gradient descent on the mean squared error; return weights."""
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
            "This step goes uphill. What is the sign of the derivative of (y - f(x)) "
            "with respect to a weight?"
        ): (0.01 * gradient),
        (
            "This is the lesson's step on the sum. Now divide by the rows, and keep "
            "the factor of 2."
        ): (-0.015 * gradient),
        "This is half the step. Which factor comes from the derivative of a square?": (
            -0.005 * gradient
        ),
        "Three rows, three times the step. A mean divides by the number of rows.": (
            -0.03 * gradient
        ),
        "You multiply by the number of rows. A mean divides by it.": (-0.09 * gradient),
        "The weights have not moved. The step is missing.": 0 * before,
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
# Our `fit` stops when the *change* of the error is at most the threshold. People often retell this rule as "stop when
# the *error* is below the threshold". On our plane both rules stop, so the difference is easy to miss. (`descend` is
# `fit` with the rule as an argument.)

# %%
from course.topics.linear_regression import descend, sse_change, sse_itself

for stop in (sse_change, sse_itself):
    descent = descend(X, y, learning_rate=1e-4, threshold=1e-4, stop=stop)
    print(f"{stop.__name__:10} {descent.iterations} iterations")

# %% [markdown]
# But these rows lie exactly on a plane, and real data hardly ever do. So add some noise to the targets:

# %%
from course.topics.linear_regression import DescentError

rng = np.random.default_rng(seed)
noisy = y + noise * rng.normal(size=len(y))
options = {"learning_rate": 1e-4, "threshold": 1e-4, "max_iterations": 5000}
try:
    descend(X, noisy, stop=sse_itself, **options)
except DescentError as error:
    print(error)

# %% [markdown]
# No plane goes through all the noisy points. The smallest possible SSE is about the number of rows times the variance
# of the noise, far above the threshold. `descend` gave up after 5,000 iterations. Without that cap, a rule that waits
# for the error itself to become small would wait forever. So the retold rule is wrong.
#
# What does the rule on the change guarantee?

# %% [markdown] tags=["predict"]
# We lower the learning rate from 1e-4 to 1e-6 and keep the threshold of 1e-4 on the change. The weights with the
# smallest SSE are called the *least-squares solution*. Will the final weights be **closer** to it, **just as close**,
# or **farther** away?

# %%
# the weights with the smallest SSE: for a linear model, NumPy finds them directly
solution = np.linalg.lstsq(X, noisy)[0]


def distance_at_stop(learning_rate, threshold=1e-4, stop=sse_change):
    options = {"learning_rate": learning_rate, "threshold": threshold}
    descent = descend(X, noisy, stop=stop, **options)
    return np.linalg.norm(descent.weights[-1] - solution)


# %%
distances = {rate: distance_at_stop(rate) for rate in (1e-4, 1e-6)}
for rate, distance in distances.items():
    print(f"rate {rate:g}: {distance:.5f} from the solution")

# %% [markdown] tags=["answer"]
# The weights end up **farther** away. At a rate of 1e-4 they are {{01.distance_change_rule}} from the solution. At
# 1e-6 they are {{01.times_farther}} times as far from it.
#
# Short steps change the SSE very little, no matter where you take them. To first order, one step lowers the SSE by
# $2 \eta\, |d|^2$, where $d$ is the direction of the step. So the rule stops when
# $|d| \approx \sqrt{\text{threshold} / (2\eta)}$. At a rate that is a hundred times smaller, a gradient that is ten
# times larger satisfies the rule. So the descent stops about ten times as far away.

# %% [markdown]
# The next two cells show how the course reports its results. `spread` puts a result of your run beside the median and
# the range that the course measured over many seeds. `bound` does the same, and also checks the result against a
# limit. The text quotes the course's values, so yours may differ a little.

# %%
from course.claims import bound, spread

usual = distances[1e-4]
careful = distances[1e-6]

# %%
spread(
    "01.distance_change_rule", "distance from the solution, rate 1e-4", usual, digits=5
)
bound(
    "01.times_farther",
    "distance at rate 1e-6, divided by that at 1e-4",
    careful / usual,
    at_least=5,
    digits=1,
)

# %% [markdown]
# A better rule watches the direction $d = X^T(y - Xw)$ itself. At the solution $w^*$ it is 0, and everywhere else it is
# $X^T X (w^* - w)$. Let $\lambda_{\min}$ be the smallest eigenvalue of $X^T X$. Multiplying a vector by $X^T X$ makes
# it at least $\lambda_{\min}$ times as long. If $\lambda_{\min}$ is above 0, it follows that
#
# $$|w - w^*| \le |d| \,/\, \lambda_{\min}$$
#
# In words: **a limit on the gradient is a limit on the distance**, at every learning rate. To end within 1e-4 of the
# solution, stop when $|d| \le$ 1e-4 $\lambda_{\min}$. We call this the gradient rule, because $|d|$ is half the length
# of the gradient.

# %%
from course.topics.linear_regression import half_gradient_norm

eigenvalues = np.linalg.eigvalsh(X.T @ X)  # in ascending order
tolerance = 1e-4 * eigenvalues[0]
rates = np.geomspace(1e-6, 3e-4, 6)
by_change = [distance_at_stop(rate) for rate in rates]
by_gradient = [distance_at_stop(rate, tolerance, half_gradient_norm) for rate in rates]

# %%
plots.lines(
    rates,
    {"stop on the change of the SSE": by_change, "stop on the gradient": by_gradient},
    title="How far from the solution each rule stops",
    x_label="learning rate",
    y_label="distance to least squares (units of the weights)",
    log="xy",
)

# %%
fact(
    "01.gradient_rule_kept",
    "every rate stops within 1e-4 of the solution",
    max(by_gradient) <= 1e-4,
)

# %% [markdown]
# If you stop on the change, a smaller rate ends farther from the solution. If you stop on the gradient, every rate
# ends within 1e-4 of it, as promised. Another threshold would move each curve up or down and hardly change its shape.
# So under the gradient rule a small rate costs you time, but it does not harm the result.

# %% [markdown] tags=["quiz"]
# A colleague's descent stopped after 40 iterations. The learning rate was 1e-9, and the last step changed the SSE by
# less than the threshold of 1e-4. What do you know about the weights?
#
# - [ ] They are within 1e-4 of the least-squares solution.
#   The rule looks only at the change of the SSE. With such a small rate, a step changes the SSE very little even when
#   the solution is far away.
# - [ ] Their SSE is below 1e-4.
#   The *change* of the SSE was below the threshold. The SSE itself can have any size, and with noise it never gets
#   that small.
# - [ ] The learning rate was too large, because the descent stopped so early.
#   A learning rate that is too large makes the SSE grow, and its changes grow too. This descent stopped early because
#   its steps are tiny.
# - [x] Only that the last step changed the SSE by less than 1e-4.
#   That is all the rule says. At this rate, it stops as soon as $|d|$ is below about 220, which can be very far from
#   the solution. To learn more about the weights, ask for the length of the gradient.

# %% [markdown]
# ## Too large a step
#
# Small rates waste time, so how large may a rate be? Take a model with only two weights: a line that predicts the
# resistance of a yacht from its speed. (The data give the speed as the Froude number. Neither the Froude number nor
# the resistance has a unit.)
# `path` is our loop without a stopping rule. It returns the weights after every step.

# %%
yachts = table("yacht")
speed = yachts["froude"].to_numpy()
resistance = yachts["resistance"].to_numpy()
S = np.column_stack([np.ones(len(speed)), speed])


def path(X, y, learning_rate, steps):
    weights = [np.zeros(X.shape[1])]
    for _ in range(steps):
        residual = y - X @ weights[-1]
        weights.append(weights[-1] + learning_rate * (X.T @ residual))
    return np.array(weights)


# %% [markdown]
# There is a largest stable rate. Above it, the weights move away from the solution instead of toward it. We call this
# rate *the limit*. `stability_limit` computes it, and the next section derives it. First look at one rate well below
# the limit, one just below it, and one just above it:

# %%
from course.topics.gradient_figures import valley
from course.topics.linear_regression import stability_limit


def paths_at(shares, X, steps):
    """Take `steps` steps at each rate. The rates are given as shares of the limit."""
    limit = stability_limit(X)
    return {
        f"{share:g} x limit": path(X, resistance, share * limit, steps)
        for share in shares
    }


# %%
three_paths = paths_at((0.1, 0.97, 1.03), S, 12)
valley(S, resistance, three_paths, title="Twelve steps in a narrow valley of the SSE")

# %% [markdown]
# The level lines show the SSE as a long, narrow valley, whose lowest point lies far above the upper edge of the
# figure. At the small rate, the descent walks to the floor of the valley and then creeps along it. Just below the
# limit, it jumps from wall to wall. Each jump is a little shorter than the last, and the descent moves along the floor
# faster than at the small rate. Just above the limit, each jump is a little longer than the last. (The two axes have
# different scales, so the steps do not look perpendicular to the level lines.)
#
# The next cell takes 25 steps at each of seven rates. Look at the line for a rate *at* the limit. There the jumps from
# wall to wall keep their length, but the SSE still falls for a while, because the descent also moves along the floor.
# If you run this notebook yourself, you also get a slider for the rate.

# %%
print(f"{'SSE at the start':33}{resistance @ resistance:12,.0f}")
for name, steps in paths_at((0.1, 0.3, 0.7, 0.99, 1.0, 1.01, 1.1), S, 25).items():
    sse = np.sum((resistance - S @ steps[-1]) ** 2)
    print(f"SSE after 25 steps, {name:13}{sse:12,.0f}")

# %% tags=["widget"]
from course.topics.slider import slider

around = paths_at([1.01], S, 25)["1.01 x limit"]  # the same axes for every rate


def show(share):
    moving = paths_at([round(share, 2)], S, 25)
    valley(S, resistance, moving, title="Twenty-five steps", around=around)


slider(show, label="rate / limit", low=0.05, high=1.1, start=1.0)

# %% [markdown]
# ## The limit, predicted
#
# A few lines of algebra give the limit. Let $e = w - w^*$ be the error of the weights. Then the direction of the step
# is $d = X^T(y - Xw) = -X^T X\, e$, so a step does this to the error:
#
# $$e \leftarrow e + \eta\, d = (I - \eta\, X^T X)\, e .$$
#
# Along an eigenvector of $X^T X$ with the eigenvalue $\lambda$, each step multiplies the error by $1 - \eta\lambda$.
# The error shrinks only if $-1 < 1 - \eta\lambda < 1$. For it to shrink in *every* direction, you need
#
# $$\eta < \frac{2}{\lambda_{\max}(X^T X)} .$$
#
# Textbooks give the limit as 2 divided by the largest eigenvalue of the *Hessian*, the matrix of second derivatives.
# For the SSE the Hessian is $2 X^T X$, so their limit is half of ours. This is no contradiction. Our learning rate has
# absorbed the factor of 2, so the same step has a rate twice as large as theirs.
#
# The factor $1 - \eta\lambda$ also explains the first curve of this lesson. In the long run only the error in the
# slowest direction is left. At the rate of 1e-4, that is the direction of $\lambda_{\min}$. The SSE is quadratic in the
# error, and without noise its smallest value is 0. So in the end each iteration multiplies the SSE by
# $(1 - \eta\lambda_{\min})^2$. Compare this with the last two rows of the log:

# %%
print("predicted factor:", ((1 - 1e-4 * eigenvalues[0]) ** 2).round(4))
print("in the log:      ", (log[-1, -1] / log[-2, -1]).round(4))

# %% [markdown]
# The quick start came from the other directions, in which the error shrinks much faster.

# %% [markdown] tags=["predict"]
# We fit the noisy plane and stop by the gradient rule. Which rate needs the fewest iterations: 0.5, 0.8, 0.9 or 0.99
# times the limit?

# %%
limit = 2 / eigenvalues[-1]
shares = np.append(np.arange(0.05, 1, 0.05), 0.99).round(2)
gradient_rule = {"threshold": tolerance, "stop": half_gradient_norm}
iterations = [
    descend(X, noisy, learning_rate=share * limit, **gradient_rule).iterations
    for share in shares
]

# %%
plots.lines(
    shares,
    {"descent": iterations},
    title="Iterations until the gradient rule stops the descent",
    x_label="learning rate / limit",
    y_label="iterations",
    log="y",
    marked={"limit": 1.0},
)

# %% [markdown] tags=["answer"]
# The fastest of these rates is **{{01.fastest_share}}** times the limit. As the rate grows, the descent first gets
# faster, because the slowest direction, the one of $\lambda_{\min}$, speeds up. Close to the limit it slows down
# again. There the direction of $\lambda_{\max}$, which jumps from wall to wall, has become the slowest. In the long
# run, the best rate is where the two are equally fast: $1 - \eta\lambda_{\min} = \eta\lambda_{\max} - 1$, so
# $\eta = 2 / (\lambda_{\min} + \lambda_{\max})$.

# %%
# 2 / (smallest + largest eigenvalue), as a share of the limit, which is 2 / largest
best = eigenvalues[-1] / (eigenvalues[0] + eigenvalues[-1])
fastest = shares[np.argmin(iterations)]
print(f"best rate in the long run: {best:.2f} x limit")
print(f"fastest in the trial:      {fastest:.2f} x limit")

# %%
bound(
    "01.fastest_share",
    "fastest rate, as a share of the limit",
    fastest,
    at_least=0.7,
    at_most=0.9,
    digits=2,
)

# %% [markdown]
# In our trial the fastest rate is a little smaller than the best one in the long run. The reason is the gradient rule.
# Along each eigenvector, $d$ is the error times the eigenvalue. So the rule counts the error along $\lambda_{\max}$ the
# most, and that is the direction that jumps. A slightly smaller rate ends these jumps sooner.

# %% [markdown]
# ## The limit, measured
#
# Does the algebra hold? Now we find the limit by trial and error alone. A rate counts as stable if the SSE stays at or
# below its starting value through a long run. We keep a stable rate and an unstable one. Again and again we try the
# rate between them (their geometric mean), until the two almost meet.


# %%
def stable(X, y, learning_rate):
    weights = np.zeros(X.shape[1])
    for _ in range(trial_iterations):
        residual = y - X @ weights
        if residual @ residual > y @ y:  # the SSE at the start, where all weights are 0
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

# %% [markdown] tags=["predict"]
# You have tuned the learning rate on 100 rows. Now you get 10,000 rows of the same kind. Does the largest stable rate
# **stay** the same, become **larger**, or become **smaller**? By which factor?


# %%
from copy import deepcopy


def line(count, rng):
    """Draw rows of a noisy line whose input has mean 0 and standard deviation 1."""
    x = rng.normal(size=count)
    y = 1 + 2 * x + noise * rng.normal(size=count)
    return np.column_stack([np.ones(count), x]), y


line_rng = deepcopy(rng)  # so that this cell draws the same rows when you run it again
problems = {f"{count:,} rows": line(count, line_rng) for count in (100, 1000, 10000)}
problems |= {"plane": (X, noisy), "yacht speed": (S, resistance)}

# %%
predicted = {name: stability_limit(inputs) for name, (inputs, _) in problems.items()}
measured = {name: measured_limit(*problem) for name, problem in problems.items()}
for name in problems:
    print(f"{name:12} predicted {predicted[name]:.3e}   measured {measured[name]:.3e}")

# %%
both = {"predicted": predicted, "measured": measured}
plots.lines(
    [100, 1000, 10000],
    {name: list(limits.values())[:3] for name, limits in both.items()},
    title="Largest stable learning rate, by the number of rows",
    x_label="rows",
    y_label="largest stable learning rate",
    log="xy",
)

# %% [markdown] tags=["answer"]
# It becomes **smaller, about in proportion to the number of rows**: with 100 times the rows it is
# {{01.limit_shrinks}} times smaller. The limit depends on the data through $X^T X$, and that is a sum over the rows.
# For an input with mean 0 and standard deviation 1, $X^T X$ is close to $N$ times the identity matrix, where $N$ is
# the number of rows. So the limit is close to $2/N$. On all five data sets the measured limit is within
# {{01.limit_off:limit}} of the predicted one, so the two lines of the figure lie on top of each other.

# %%
shrunk = measured["100 rows"] / measured["10,000 rows"]
off = 100 * max(abs(measured[name] / predicted[name] - 1) for name in problems)

# %%
bound(
    "01.limit_shrinks",
    "limit with 100 rows, divided by that with 10,000",
    shrunk,
    at_least=60,
    at_most=120,
    digits=0,
)

# %%
bound(
    "01.limit_off",
    "greatest difference between predicted and measured",
    off,
    at_most=1,
    digits=2,
    unit="%",
)

# %% [markdown]
# So a rate that works on a sample can blow up on the full data. The cure is to divide the sum by the number of rows.
# Keras does that by default: in lesson 02 the loss is the *mean* squared error, and the largest stable rate is about
# the same for a hundred rows as for ten thousand of the same kind.

# %% [markdown] tags=["quiz"]
# By accident, your file now contains every row twice. The learning rate was at 0.8 of the limit, and the gradient is
# summed over the rows. What happens?
#
# - [ ] Nothing changes, because the least-squares solution is the same.
#   The solution is indeed the same, but the step is not. The summed gradient of the doubled file is twice as long.
# - [x] The descent diverges.
#   Doubling the rows doubles $X^T X$ and halves the limit, so the rate is now at 1.6 times the limit. The solution
#   stays where it was, but the descent never gets there.
# - [ ] It converges in half the iterations.
#   Longer steps help only below the limit. Here every step lands farther from the floor of the valley than it started.
# - [ ] It converges to weights that are twice as large.
#   The least-squares weights do not change when every row counts twice. The length of a step does.

# %% [markdown]
# ### Exercise 01.2: the limit for the mean
#
# What is the largest stable rate for the step of exercise 01.1, on the *mean* squared error? Repeat the algebra above
# with the new update. Does your limit depend on the number of rows?


# %% tags=["solution"]
def mean_limit(X):
    """Return the rate above which descent on the mean squared error diverges."""
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
            "At your rate, the error in some direction grows. All must shrink, so the"
            " largest eigenvalue decides.",
        )
        expect(
            max(factors) < 1.001,
            "At your rate the descent still diverges. This update has the factor of 2"
            " that the lesson's left out.",
        )
        expect(
            max(factors) > 0.999,
            "Larger rates are still stable. At the limit, the error in one direction is"
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
# ## Raw inputs
#
# Now take all six inputs of the yacht data: the speed and five measurements of the hull, just as they stand in the
# file. Use a learning rate of 0.1.

# %%
inputs = yachts.drop(columns="resistance").to_numpy()
raw = np.column_stack([np.ones(len(inputs)), inputs])

with np.errstate(over="ignore", invalid="ignore"):  # NumPy would warn
    too_fast = path(raw, resistance, 0.1, 150)
    sse = ((resistance - too_fast @ raw.T) ** 2).sum(axis=1)
first = np.argmax(np.isinf(sse))
print(f"The SSE first reaches infinity at iteration {first}.")
print(f"After 150 iterations it is {sse[-1]}.")

# %% [markdown]
# The weights grow until their SSE no longer fits into a 64-bit floating-point number: it becomes infinite, and later
# it is not even a number. How does a loop that watches only the change
# react? The change from infinity to infinity is not a number, NaN for short. You can compare it with the threshold in
# two ways:

# %%
change = abs(float("inf") - float("inf"))
print("change:", change)
print("`if change <= threshold: stop`      stops?  ", change <= 1e-4)
print("`if change > threshold: continue`   continues?", change > 1e-4)

# %% [markdown]
# NaN is neither less than a number nor greater than one, so both comparisons are false. A loop with the first
# comparison, like our `fit`, runs forever. A loop with the second one stops and returns its current weights as if they
# were the fit. This is how large they are when the SSE first reaches infinity:

# %%
print(f"largest weight at iteration {first}: {abs(too_fast[first]).max():.0e}")

# %% [markdown]
# So a good loop looks for divergence. In a stable descent the SSE never rises, except by rounding. So once it has
# reached twice its starting value, the descent is unstable, and you know it long before a number overflows. `descend`
# checks this in every iteration. Since it can compute the limit, it also tells you the cause:

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
    "a rate of 0.1 is caught after",
    caught[0.1],
    equals=1,
    unit="iteration",
)

# %%
bound(
    "01.caught_just_above",
    "iterations until a rate 1% above the limit is caught",
    caught[just_above],
    at_most=49,
    digits=0,
)

# %% [markdown]
# The rate of 0.1 is hundreds of times the limit, so `descend` catches it in the first iteration. A rate only 1% above
# the limit takes longer to show itself, but {{01.caught_just_above}} iterations are still few.

# %% [markdown]
# ### Exercise 01.3: a divergence alarm
#
# For a network no such formula gives the limit, but everybody has a log of the loss. Write an alarm that reads this
# log.
# A descent has diverged when its last SSE is above its first one, or is not a finite number. A tiny rise near the
# bottom, where only rounding errors are left, is not divergence.


# %% tags=["solution"]
def diverged(log):
    """Say whether `log`, the SSE of each iteration, shows a descent that diverged."""
    return not log[-1] <= log[0]


# %% tags=["check"]
def draw(rng):
    later = rng.choice([1.0, 2.0, 4.0, np.inf, np.nan], rng.integers(0, 5))
    log = np.concatenate([rng.choice([1.0, 2.0, 4.0], 1), later])
    return (log if rng.random() < 0.5 else log.tolist(),)


@exercise("01.3", diverged, draw=draw)
def check(diverged):
    cases = [  # a log, whether it has diverged, a hint
        ([100.0, 40.0, 15.0], False, "It falls, but you say that it diverged."),
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
        ([100.0, 101.0], True, "The last is above the first, even if only a little."),
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
# ## Scale the inputs first
#
# At a stable rate, the descent on the raw yacht data does not diverge. But does it arrive? A common remedy for slow
# descents is to **standardize** the inputs: subtract the mean of each input, then divide by its standard deviation.
# (Here we fit all the rows. When you keep some rows for a test, compute both numbers from the training rows alone, as
# lesson 02 does.)

# %%
mean = inputs.mean(axis=0)
scale = inputs.std(axis=0)
scaled = np.column_stack([np.ones(len(inputs)), (inputs - mean) / scale])

# %% [markdown] tags=["predict"]
# We run one descent on the raw inputs and one on the standardized inputs. Each uses 0.98 times its own limit, and a
# threshold of 1e-4 on the change of the SSE. How many times fewer iterations does the second one take: 2, 10, or more
# than 50? And which of them stops within 0.01 of its least-squares solution: both, one, or neither?

# %%
data = {"raw": raw, "standardized": scaled}
rate_of = {name: 0.98 * stability_limit(data[name]) for name in data}
descents = {
    name: descend(data[name], resistance, learning_rate=rate_of[name], threshold=1e-4)
    for name in data
}

# %%
distance_of = {}
for name, descent in descents.items():
    exact = np.linalg.lstsq(data[name], resistance)[0]
    away = distance_of[name] = np.linalg.norm(descent.weights[-1] - exact)
    print(f"{name:12} {descent.iterations:6,} iterations, {away:.2f} from the solution")

# %%
least = np.linalg.lstsq(raw, resistance)[1].item()  # the smallest possible SSE
steps = np.unique(np.geomspace(1, descents["raw"].iterations, 200).astype(int))
excess = {
    name: descent.sse[np.minimum(steps, descent.iterations)] - least
    for name, descent in descents.items()
}

# %%
plots.lines(
    steps,
    excess,
    title="SSE of the two descents, above the smallest possible SSE",
    x_label="iteration",
    y_label="SSE above its smallest value",
    log="xy",
)

# %% [markdown] tags=["answer"]
# The descent took {{01.iterations_raw}} iterations on the raw inputs and {{01.iterations_scaled}} on the standardized
# ones: **more than {{01.times_fewer:limit}} times fewer**. (Once a descent has stopped, its curve is drawn as a level
# line.)
#
# **Neither** stops that close. The change rule stopped the raw descent with weights {{01.distance_raw}} away from
# the least-squares weights. The standardized one stopped {{01.distance_scaled}} away. (The two distances are in
# different units, so do not compare them.) Even so, the *predictions* of the raw descent differ from those of least
# squares by only {{01.predictions_off_raw}} (root mean square). The error that is left lies in directions in which you
# can change the weights a lot and hardly change a prediction. If you only want predictions for yachts like these, you
# can live with that. If you want to interpret the weights, you cannot.

# %%
taken = {name: descent.iterations for name, descent in descents.items()}
fewer = taken["raw"] / taken["standardized"]
off = np.sqrt((descents["raw"].sse[-1] - least) / len(raw))

# %%
spread("01.iterations_raw", "iterations, raw inputs", taken["raw"], digits=0)
spread(
    "01.iterations_scaled",
    "iterations, standardized inputs",
    taken["standardized"],
    digits=0,
)

# %%
bound(
    "01.times_fewer",
    "iterations on raw inputs, divided by those on standardized ones",
    fewer,
    at_least=50,
    digits=0,
)

# %%
bound(
    "01.distance_raw",
    "weights from least squares, raw inputs",
    distance_of["raw"],
    at_least=1,
    digits=2,
)

# %%
bound(
    "01.distance_scaled",
    "weights from least squares, standardized inputs",
    distance_of["standardized"],
    at_least=0.01,
)

# %%
bound(
    "01.predictions_off_raw",
    "predictions from least squares, raw inputs",
    off,
    at_most=0.1,
)

# %% [markdown]
# This comparison still flatters the raw inputs, because their descent stopped at a higher SSE. How many iterations
# would the raw descent need to get as low as the other one? You can compute that without taking a single step. Along
# each eigenvector, you know the error at the start and the factor by which each step multiplies it. The SSE above its
# smallest value is the sum of $\lambda$ times the squared error, over all eigenvectors. The function below tries a grid
# of iteration counts, so its answer is exact to about 1%:


# %%
def iterations_to(excess, X, y, learning_rate):
    """Return how many iterations bring the SSE to `excess` above its smallest value."""
    eigenvalues, directions = np.linalg.eigh(X.T @ X)
    start = eigenvalues * (directions.T @ np.linalg.lstsq(X, y)[0]) ** 2
    steps = np.geomspace(1, 1e7, 2000)
    factors = abs(1 - learning_rate * eigenvalues) ** (2 * steps[:, None])
    return steps[np.argmax(factors @ start <= excess)]


# %%
reached = descents["standardized"].sse[-1] - least
needed = {
    name: iterations_to(reached, data[name], resistance, rate_of[name]) for name in data
}
factor = needed["raw"] / needed["standardized"]

for name in data:
    condition = np.linalg.cond(data[name].T @ data[name])
    print(f"{name:12} {needed[name]:9,.0f} iterations, condition {condition:9,.0f}")

# %%
bound(
    "01.times_fewer_at_equal_sse",
    "iterations on raw inputs, divided by those on standardized ones, to equal SSE",
    factor,
    at_least=1000,
    digits=0,
)

# %% [markdown]
# To reach the same SSE, the standardized descent needs {{01.times_fewer_at_equal_sse}} times fewer iterations.
#
# The shape of the valley explains this. The largest eigenvalue limits the learning rate. At that rate, each step
# shrinks the error along the smallest eigenvalue by a fraction of only
# $\eta\lambda_{\min} < 2\,\lambda_{\min}/\lambda_{\max}$. So the number of iterations grows with the **condition
# number** $\lambda_{\max} / \lambda_{\min}$, which is printed above beside the iterations. Standardizing gives all
# columns of $X$ the same length and makes the inputs orthogonal to the column of ones. What remains of the condition
# number comes from inputs that are correlated with each other.
#
# A single input has no other input to correlate with. Its valley becomes a round bowl, in which downhill leads
# straight to the bottom:

# %%
Z = np.column_stack([np.ones(len(speed)), (speed - speed.mean()) / speed.std()])
bowl_paths = paths_at((0.1, 0.5, 0.95), Z, 12)
valley(Z, resistance, bowl_paths, title="With the speed standardized: a round bowl")

# %% [markdown]
# No path zigzags any more. At the largest rate, the descent still jumps across the bottom, but all its points lie on
# one straight line. At half the limit, one step is enough: $\eta\lambda = 1$ in every direction, so the step multiplies
# the error by 0.
#
# Finally, does the gradient rule keep its promise on real data? Take the six standardized inputs, and ask for a
# distance of at most 1e-4:

# %%
low, *_, high = np.linalg.eigvalsh(scaled.T @ scaled)
promise = {"threshold": 1e-4 * low, "stop": half_gradient_norm}
last = descend(scaled, resistance, learning_rate=2 / (low + high), **promise)
distance = np.linalg.norm(last.weights[-1] - np.linalg.lstsq(scaled, resistance)[0])

# %%
bound(
    "01.distance_yacht",
    "distance from the solution on the yachts",
    distance,
    at_most=1e-4,
    digits=7,
)

# %% [markdown]
# It does: the weights end {{01.distance_yacht}} from the solution.

# %% [markdown] tags=["quiz"]
# Standardizing the inputs made the descent faster. What did it do to the smallest SSE that the linear model can reach?
#
# - [ ] It lowered the SSE, because the data are now better behaved.
#   The descent behaves better. But how well a plane can fit depends on which planes are available, and those are the
#   same as before.
# - [x] It left the SSE as it was.
#   Every plane over the standardized inputs is also a plane over the raw ones, with other weights. Both descents look
#   for the same predictions. Only the shape of the valley differs.
# - [ ] It raised the SSE, because the units are lost.
#   Nothing is lost. You know the mean and the standard deviation, so you can convert the weights back into the units
#   of the file. The exercise below does that.
# - [ ] It depends on the learning rate.
#   The learning rate decides whether and how fast you reach the smallest SSE, not how small it is.

# %% [markdown]
# ### Exercise 01.4: back to the units of the file
#
# The weights of a standardized fit are "per standard deviation", but your users have raw inputs. Convert the weights
# into weights for raw inputs, so that every prediction stays the same.


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
# - Gradient descent for a linear model is one line in a loop: `weights + rate * (X.T @ (y - X @ weights))`. A command
#   does the same and prints its log.
# - A rule on the *error* may never stop. A rule on its *change* stops wherever the steps are small. A rule on the
#   *gradient* limits the distance to the solution to $|d| / \lambda_{\min}$, at every learning rate.
# - For the summed gradient, the largest stable rate is $2 / \lambda_{\max}(X^T X)$. It shrinks as you add rows. With
#   the mean it does not. The fastest rate lies below the limit.
# - A descent that diverges ends in infinity and NaN, and a simple loop does not notice. Compare the loss with its
#   starting value.
# - The number of iterations grows with the condition number of $X^T X$. Standardizing the inputs makes that number far
#   smaller and leaves the best predictions of the model as they were.
#
# ## Try next
#
# - Run `path(S, resistance, stability_limit(S), 2000)`, with a rate *exactly* at the limit, and compute the SSE of the
#   last weights. It no longer changes, so the change rule would be content. What would the gradient rule say?
# - Add a copy of one input as a further column of `scaled`. What is $\lambda_{\min}$ now, and what does the gradient
#   rule still guarantee? Do the *predictions* still settle?
# - At high speed the resistance grows much faster than a straight line. Add `speed ** 4` as an input, standardize it,
#   and compare the smallest SSE with that of the line.
# - In each step, use a random sample of 32 rows instead of all rows, and divide by 32. From lesson 02 on, networks
#   are trained this way.
