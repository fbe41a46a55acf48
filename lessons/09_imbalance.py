# ---
# title: Imbalance
# part: 2 Measure
# objectives:
#   - weight classes and single rows, and say what Keras does with the weights and what it leaves alone
#   - compute weights that keep the size of the steps
#   - choose between weighting and moving the threshold, and compute the threshold from what errors cost
#   - explain what weighting does to probabilities, and undo it
#   - detect the cases in which neither weights nor thresholds can help
# prerequisites:
#   - "lesson 03 (Classification): cross-entropy, stratified splits"
#   - "lesson 06 (Metrics): why a mean over batches may be wrong"
#   - "lesson 07 (Per-class metrics): precision, recall, F1"
# data: [hypothyroid, abalone, mnist]
# reading:
#   - "Elkan, *The foundations of cost-sensitive learning*, IJCAI 2001 (weights, thresholds and costs)"
#   - "Saerens, Latinne, Decaestecker, *Adjusting the outputs of a classifier to new a priori probabilities*, Neural Computation 14, 2002, doi:10.1162/089976602753284446 (undoing the weights)"
#   - "Byrd, Lipton, *What is the effect of importance weighting in deep learning?*, ICML 2019, arXiv:1812.03372 (networks that separate their training rows)"
#   - "Quinlan, *Thyroid disease*, UCI Machine Learning Repository, doi:10.24432/C5D010 (the patients)"
# ---

# %% [markdown]
# One patient in twenty has the disease. A program that tells all of them "you are well" is right nineteen times out
# of twenty, and useless. The usual advice is one argument long: `class_weight`. This lesson looks at what that
# argument does, row by row; then asks whether one could have done without it; and then looks at what it does to the
# probabilities.
#
# Results in the text are those of full mode, over several seeds; your run prints its own.

# %% tags=["parameters"]
seed: int = 0  # seed of the split, the first weights, the order of the rows and the wrong labels, 0 to 1000000
fast: bool = False  # fewer parts, epochs and digits
parts: int = 4  # parts of the patients, each predicted once, 3 to 10, fast 3
few_epochs: int = 3  # passes in the fits that only compare two ways to weight, 1 to 20, fast 1
epochs: int = 12  # passes over the patients in Keras' other fits, 2 to 100, fast 2
noise_rows: int = 10_000  # digits to train on, half of them labeled carelessly, 1000 to 10000, fast 2000
noise_epochs: int = 15  # passes over these digits, 3 to 100, fast 3
wrong_share: float = 0.6  # share of wrong labels in the careless half of the digits, 0.3 to 0.8

# %%
from course.lesson import begin

begin("09_imbalance", globals())

# %% [markdown]
# ## One in twenty
#
# The table holds blood tests and histories of patients; the last column says who has an underactive thyroid.

# %%
from course.data import table

patients = table("hypothyroid")
y = patients.pop("hypothyroid").to_numpy()
negatives, positives = (y == 0).sum(), (y == 1).sum()
print(f"{positives} of {len(y)} are positive: {positives / len(y):.2%}. First rows: {y[:8]}")
print(f"accuracy of 'nobody is ill': {negatives / len(y):.4f}")

# %% [markdown]
# So a high accuracy is no achievement. And all the positives come first: whoever takes the last rows for validation
# gets not a single one (lesson 03).
#
# With a fifth of the patients as test rows, thirty positives would decide about the recall. So, as in lesson 02, we cut
# the patients into parts with equal shares of positives. Each part is the test part once, the next one is for
# validation, the rest is for training. Every patient is then predicted once, by a model that has not seen them.

# %%
import numpy as np


def deal(y, parts):
    """Give each row a part, 0 to parts - 1, at random, with equally many positives in each."""
    order = np.lexsort((np.random.default_rng(seed).random(len(y)), y))  # negatives first, each class shuffled
    part = np.empty(len(y), int)
    part[order] = np.arange(len(y)) % parts
    return part


part = deal(y, parts)
np.bincount(part, weights=y).astype(int)

# %% [markdown]
# Blood values are skewed, so we take logarithms, and scale with the mean and the spread of the training rows alone.
# A value that was not measured becomes the mean. Columns of words become 1 for "t", "y" or "F" (true, yes, female) and
# 0 for all else.

# %%
values = np.log1p(patients.select_dtypes("number").to_numpy())
flags = patients.select_dtypes(exclude="number").isin(["t", "y", "F"]).to_numpy()


def inputs(training):
    """All rows as inputs (in float64, which Keras rounds), scaled by the rows of `training`."""
    mean, spread = np.nanmean(values[training], axis=0), np.nanstd(values[training], axis=0)
    return np.column_stack([np.nan_to_num((values - mean) / spread), flags])


# %% [markdown]
# The model is the smallest there is: one unit with a sigmoid, which is logistic regression. What weights do is seen
# most clearly here. It will be trained many times, so we compile it once, and `fitted` sets it back to zero before
# each training: its weights and what the optimizer remembers. (A single unit may start from zero. A hidden layer may
# not: its units would stay alike.) `ready` saves time: without it, `fit` translates its step into a graph twice.

# %%
import keras
from keras.optimizers import SGD, Adam


def ready(model):
    """Make the variables of a compiled model's optimizer and metrics, the latter by a row of zeros."""
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(None, keras.ops.zeros((1, 1)), model(keras.ops.zeros((1, *model.input_shape[1:]))))
    return model


def unit(columns, optimizer):
    """One sigmoid unit with so many inputs, compiled."""
    model = keras.Sequential([keras.Input((columns,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(optimizer, loss="binary_crossentropy", metrics=["accuracy"], jit_compile=False)
    return ready(model)


def fitted(model, x, y, *, epochs=epochs, **fit_arguments):
    """Train the unit from zero; return its weights, the bias last. What else is given goes to `fit`."""
    keras.utils.set_random_seed(seed)
    for variable in model.variables + model.optimizer.variables:
        if variable.name != "learning_rate":
            variable.assign(keras.ops.zeros_like(variable))
    model.fit(x, y, batch_size=256, epochs=epochs, verbose=0, **fit_arguments)
    return np.concatenate(model.get_weights(), axis=None)


# %% [markdown]
# ## What class_weight is
#
# Keras multiplies the loss of every row by a weight and takes the mean over the $N$ rows of the batch:
#
# $$\frac{1}{N} \sum_i w_i \, \ell_i$$
#
# `sample_weight` gives the $w_i$ as an array, one a row. `class_weight` gives one a class, and Keras makes the array.
# A class that is not named gets 1. The usual choice is $w = \text{negatives} / \text{positives}$, so that both
# classes weigh the same in total:

# %%
balance = negatives / positives
training = part > 1
x_training, y_training = inputs(training)[training], y[training]

model = unit(x_training.shape[1], Adam(0.1))
by_class = fitted(model, x_training, y_training, class_weight={1: balance}, epochs=few_epochs)
by_row = fitted(model, x_training, y_training, sample_weight=np.where(y_training == 1, balance, 1.0), epochs=few_epochs)
print(f"weight of a positive: {balance:.2f}")

# %%
from course.claims import claim

claim("09.class_and_row_difference", np.abs(by_class - by_row).max(), digits=7)

# %% [markdown]
# The two are the same training: the trained models differ by at most {{09.class_and_row_difference}}. So what if a row
# has two reasons for its weight, its class and, say, a measurement that we trust less?

# %%
try:
    trust = np.ones(len(y_training))
    model.fit(x_training, y_training, class_weight={1: balance}, sample_weight=trust, verbose=0)
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# ### Exercise 09.1: both
#
# Write what Keras refuses: one array of weights from a dictionary of class weights and an array of row weights. A
# row of a class twice as heavy, trusted half as much, weighs 1. Labels may come as (rows,) or as (rows, 1). Leave the
# arrays that you are given as they are.


# %% tags=["solution"]
def combined(y, class_weight, sample_weight):
    """Return one weight a row, (rows,): that of its class, 1 where it is not named, times its own."""
    return np.array([class_weight.get(int(label), 1.0) for label in np.ravel(y)]) * sample_weight


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close


@exercise("09.1", combined)
def check(combined):
    labels, own = np.array([0, 1, 2, 1]), np.array([1.0, 0.5, 3.0, 2.0])
    answer = np.asarray(combined(labels, {0: 4.0, 1: 2.0, 2: 1.5}, own))
    kept = np.array_equal(labels, [0, 1, 2, 1]) and np.array_equal(own, [1.0, 0.5, 3.0, 2.0])
    expect(kept, "Your function has changed an array that it was given. Work on a copy.")
    expect(answer.shape == (4,), f"One weight a row must come back, not an array of shape {answer.shape}.")
    mistakes = {
        "You added the two. A row trusted half as much must count half as much, whatever its class.": [5, 2.5, 4.5, 4],
        "These are the weights of the classes alone. Each row has a weight of its own, too.": [4, 2, 1.5, 2],
    }
    expect_close(answer, [4, 1, 4.5, 4], f"For labels {labels} the weights came out as {answer}.", mistakes)
    try:
        unnamed = np.asarray(combined(labels, {1: 2.0}, own))
    except (KeyError, TypeError):  # as class_weight[label] and class_weight.get(label) * ... give
        expect(False, "Your function finds no weight for a class that is not named. In Keras its weight is 1.")
    expect(unnamed[0] != 0, "A class that is not named vanished from the training. In Keras its weight is 1.")
    expect(np.allclose(unnamed, [1, 1, 3, 4]), f"With class 1 alone named the weights came out as {unnamed}.")
    column = np.asarray(combined(labels[:, None], {1: 2.0}, own))
    expect(column.shape == (4,), f"Labels of shape (4, 1) gave weights of shape {column.shape}. Flatten them first.")
    expect(np.allclose(column, unnamed), "Labels of shape (rows, 1) must give the same weights.")


# %% tags=["wrong"] hint="You added the two"
def combined(y, class_weight, sample_weight):
    return np.array([class_weight.get(int(label), 1.0) for label in np.ravel(y)]) + sample_weight


# %% tags=["wrong"] hint="weights of the classes alone"
def combined(y, class_weight, sample_weight):
    return np.array([class_weight.get(int(label), 1.0) for label in np.ravel(y)])


# %% tags=["wrong"] hint="finds no weight for a class"
def combined(y, class_weight, sample_weight):
    return np.array([class_weight[label] for label in np.ravel(y)]) * sample_weight


# %% tags=["wrong"] hint="finds no weight for a class"
def combined(y, class_weight, sample_weight):
    return np.array([class_weight.get(label) for label in np.ravel(y)]) * sample_weight


# %% tags=["wrong"] hint="vanished from the training"
def combined(y, class_weight, sample_weight):
    return np.array([class_weight.get(int(label), 0.0) for label in np.ravel(y)]) * sample_weight


# %% tags=["wrong"] hint="changed an array that it was given"
def combined(y, class_weight, sample_weight):
    for label, weight in class_weight.items():
        sample_weight[np.ravel(y) == label] *= weight
    return sample_weight


# %% tags=["wrong"] hint="Flatten them first"
def combined(y, class_weight, sample_weight):
    weights = np.ones(y.shape)
    for label, weight in class_weight.items():
        weights[y == label] = weight
    return weights * sample_weight


# %% [markdown]
# ## Weights and steps
#
# Look at the formula again: the sum is divided by the number of rows, not by the sum of the weights.

# %% [markdown] tags=["predict"]
# Give *both* classes a weight of 10. Nothing is favored, so should anything change? With plain SGD? With Adam?

# %%
ones, tens = {0: 1.0, 1: 1.0}, {0: 10.0, 1: 10.0}  # a weight of 1 changes nothing
plain_adam = fitted(model, x_training, y_training, epochs=few_epochs, class_weight=ones)
ten_adam = fitted(model, x_training, y_training, epochs=few_epochs, class_weight=tens)
sgd = unit(x_training.shape[1], SGD(0.01))
plain_sgd = fitted(sgd, x_training, y_training, epochs=few_epochs, class_weight=ones)
ten_sgd = fitted(sgd, x_training, y_training, epochs=few_epochs, class_weight=tens)
sgd.optimizer.learning_rate = 0.1
faster_sgd = fitted(sgd, x_training, y_training, epochs=few_epochs, class_weight=ones)

# %% tags=["varies"]
claim("09.sgd_ten", np.abs(ten_sgd - plain_sgd).max(), digits=3)
claim("09.sgd_ten_or_rate", np.abs(ten_sgd - faster_sgd).max(), digits=6)
claim("09.adam_ten", np.abs(ten_adam - plain_adam).max(), digits=3)

# %% [markdown]
# - With **SGD** the model's own weights end elsewhere, by up to {{09.sgd_ten}}. It is the training with ten times the
#   learning rate: rounded, the largest difference between the two is {{09.sgd_ten_or_rate}}.
# - With **Adam**, which divides each step by the size of the gradients, hardly anything happens: {{09.adam_ten}}.
#
# So whoever compares "weighted" with "unweighted" under SGD compares two learning rates as well. The cure is to
# scale the weights so that their mean over the rows is 1. (With Adam, as here, the plain ratio will do.)

# %% [markdown]
# ### Exercise 09.2: balanced, and of mean 1
#
# Return class weights such that every class weighs the same in total *and* the mean weight over all rows is 1. It
# must work for any number of classes.


# %% tags=["solution"]
def balanced(y):
    """Return class -> weight for labels (rows,)."""
    classes, counts = np.unique(y, return_counts=True)
    return {int(c): len(y) / (len(classes) * count) for c, count in zip(classes, counts, strict=True)}


# %% tags=["check"]
@exercise("09.2", balanced)
def check(balanced):
    for labels in (np.repeat([0, 1], [90, 10]), np.repeat([0, 1, 2], [50, 30, 20]), np.array([3, 1, 3, 3])):
        weights = balanced(labels)
        classes = np.unique(labels)
        expect(isinstance(weights, dict), "Return a dictionary, as fit takes it: class -> weight.")
        expect(
            set(weights) == set(classes.tolist()),
            f"The labels hold the classes {classes.tolist()}, your dictionary {sorted(weights)}.",
        )
        totals = np.array([weights[c] * np.sum(labels == c) for c in classes.tolist()])
        expect(
            np.allclose(totals, totals[0]),
            f"The classes weigh {totals.round(2)} in total, and should weigh the same: rare ones need more a row.",
        )
        mean = totals.sum() / len(labels)
        expect(np.isclose(mean, 1), f"The classes are balanced, but the mean weight is {mean:.3g}: steps would change.")


# %% tags=["wrong"] hint="the mean weight is"
def balanced(y):
    return {0: 1.0, 1: np.sum(y == 0) / np.sum(y == 1)}


# %% tags=["wrong"] hint="the mean weight is"
def balanced(y):
    return {int(c): len(y) / np.sum(y == c) for c in np.unique(y)}


# %% tags=["wrong"] hint="rare ones need more a row"
def balanced(y):
    return {int(c): len(np.unique(y)) * np.sum(y == c) / len(y) for c in np.unique(y)}


# %% [markdown]
# ## What the weights leave alone
#
# A trick lets us look at the weights without any training: with a learning rate of 0 the model stands still. We give
# the same rows for training, weighted, and for validation.

# %% [markdown] tags=["predict"]
# The model and the rows are the same on both sides. Which of the four logged figures will agree: `loss` with
# `val_loss`? `accuracy` with `val_accuracy`?

# %%
model.optimizer.learning_rate = 0.0
same = (x_training, y_training)
logs = model.fit(*same, class_weight={1: balance}, validation_data=same, batch_size=512, verbose=0).history
model.optimizer.learning_rate = 0.1  # as it was

# %% tags=["varies"]
for name, value in logs.items():
    print(f"{name:12} {value[0]:.4f}")

# %% [markdown]
# The accuracies agree, the losses do not. `class_weight` enters the training loss **and nothing else**: no metric
# (unless listed under `weighted_metrics`), and nothing of validation. So the two curves of a weighted run cannot be
# compared: the gap between them does not measure overfitting. And early stopping on `val_loss` watches the *unweighted*
# loss, which a weighted training does not minimize. If you want it weighted, weight it yourself:
# `validation_data=(x, y, weights)`.

# %% [markdown]
# ## Recall, while training
#
# To watch a rare class we need its recall. Until 2017 Keras had a function for it. The author of Keras removed it,
# because such figures "were approximated batch-wise, which is more misleading than helpful" (F. Chollet,
# keras-team/keras, issue 5794). It has been copied ever since. In today's spelling, without the rounding of labels,
# which does nothing to 0 and 1:

# %%
from keras import ops


def copied_recall(y_true, y_pred):
    found = ops.sum(ops.round(ops.clip(y_true * y_pred, 0, 1)))
    return found / (ops.sum(y_true) + keras.config.epsilon())


# %% [markdown]
# Keras calls it on every batch and takes the mean. We evaluate one model on patients that it has not seen, in
# random order, with batches of several sizes; `keras.metrics.Recall` runs beside it.

# %%
import tensorflow as tf

unseen = np.random.default_rng(seed).permutation(np.flatnonzero(part == 0))
x_unseen, y_unseen = inputs(training)[unseen], y[unseen][:, None].astype("float32")
fitted(model, x_training, y_training, class_weight={1: balance})
watched = keras.Sequential([keras.Input(x_unseen.shape[1:]), *model.layers])  # the same trained unit, other metrics
metrics = [copied_recall, keras.metrics.Recall(name="recall")]
# Fifty batches a call save time; the metrics still see each batch alone.
watched.compile(loss="binary_crossentropy", metrics=metrics, jit_compile=False, steps_per_execution=50)
ready(watched)
rows = tf.data.Dataset.from_tensor_slices((x_unseen, y_unseen))

# %% tags=["varies"]
copied = {}
for size in (1, 8, 32, 128):
    logs = watched.evaluate(rows.batch(size), verbose=0, return_dict=True)
    copied[f"copied, batches of {size}"] = logs["copied_recall"]
one, eight, thirty_two, many = copied.values()
claim("09.copied_recall_1", one)
claim("09.copied_recall_8", eight)
claim("09.copied_recall_32", thirty_two)
claim("09.copied_recall_128", many)
claim("09.true_recall", logs["recall"])

# %% tags=["varies"]
from course import plots

plots.bars(copied | {"keras.metrics.Recall": logs["recall"]}, title="One model, five recalls", label="recall (share)")

# %% [markdown]
# The recall is {{09.true_recall}}. With batches of 8 the copied function reports {{09.copied_recall_8}}. A batch
# without a positive counts as a recall of 0, and among rare positives most small batches have none. Large
# batches come closer, and may even come out too high, because a batch with two positives counts as much as one with
# ten. The copied figure measures the batch size as much as the model. Count first, divide once.

# %% [markdown]
# ## What weighting buys
#
# Now all patients, with three weights for the ill: 1, `balance`, and `balance * t`, where $t$ below 1 balances the
# classes half-heartedly. Fits of equally many epochs would compare how far each weight gets in them, too. So
# scikit-learn goes to the optimum: the same model, loss and `class_weight`; a large `C` all but removes its penalty.

# %%
from sklearn.linear_model import LogisticRegression


def optimum(x, y, training, weight, C=1e4):
    """Probabilities for all rows, by the unit with the least weighted loss on the training rows."""
    mean = np.where(y[training] == 1, weight, 1.0).mean()  # the loss is a sum: C / mean stands for a mean weight of 1
    regression = LogisticRegression(C=C / mean, solver="newton-cholesky", class_weight={1: weight})
    return regression.fit(x[training], y[training]).predict_proba(x)[:, 1]


# %%
from course.training.metrics import choose_threshold, scores_at  # lesson 08


def predicted(weight, fit=optimum, **settings):
    """For every patient the probability, and the threshold that was best (by F1) on the round's validation part."""
    probability, threshold = np.zeros(len(y)), np.zeros(len(y))
    for test in range(parts):
        validation = part == (test + 1) % parts
        training = (part != test) & ~validation
        p = fit(inputs(training), y, training, weight, **settings)
        probability[part == test] = p[part == test]
        threshold[part == test] = choose_threshold(y[validation], p[validation])
    return probability, threshold


# %%
t = 0.2
plain, plain_threshold = predicted(1.0)
partly, _ = predicted(balance * t)
weighted, weighted_threshold = predicted(balance)

# %% [markdown] tags=["predict"]
# The unweighted model decides at the usual threshold of one half. What will the balanced weights do to its recall, to
# its precision and to its accuracy? Up or down?

# %% tags=["varies"]


def figures(flagged):
    """Precision, recall, specificity, F1 and accuracy of 0/1 decisions."""
    return {name: float(score[0]) for name, score in scores_at([0.5], y, flagged).items()}


unweighted, at_balance = figures(plain > 0.5), figures(weighted > 0.5)
claim("09.recall_unweighted", unweighted["recall"])
claim("09.recall_balanced", at_balance["recall"])
claim("09.recall_gain", at_balance["recall"] - unweighted["recall"])
claim("09.precision_unweighted", unweighted["precision"])
claim("09.precision_balanced", at_balance["precision"])
claim("09.accuracy_unweighted", unweighted["accuracy"])
claim("09.accuracy_balanced", at_balance["accuracy"])
claim("09.f1_unweighted", unweighted["f1"])
claim("09.f1_balanced", at_balance["f1"])

# %% [markdown]
# | threshold 0.5 | recall | precision | accuracy |
# | --- | --- | --- | --- |
# | unweighted | {{09.recall_unweighted}} | {{09.precision_unweighted}} | {{09.accuracy_unweighted}} |
# | balanced | {{09.recall_balanced}} | {{09.precision_balanced}} | {{09.accuracy_balanced}} |
#
# Recall rises by {{09.recall_gain}}: that is why weights are recommended. Precision pays for it, since many more alarms
# are false, and the accuracy falls. Has the model learned more about the ill, or does it only say "ill" more often?

# %% [markdown]
# ## Or move the threshold
#
# A model that gives probabilities can also be made to say "ill" more often without training it again. Lower the
# threshold, and recall (also called *sensitivity*) rises, while more of the healthy are alarmed: 1 minus the
# *specificity*. Here is the **unweighted** model at every threshold, and the weighted ones at one half.

# %%
curve = scores_at(np.unique(plain), y, plain)
points = {"unweighted, at 0.5": plain, f"weighted, t = {t}": partly, "weighted, t = 1": weighted}

# %% tags=["varies"]
from course.figure import COLORS, add_axes, drawing, looks

title = "One model at every threshold, and three at one half"
with drawing(title, size=(6.0, 4.5)) as (figure, words):
    axes = add_axes(figure, title, "false alarms (share of the healthy)", "recall (share of the ill)")
    axes.plot(1 - curve["specificity"], curve["recall"], color=COLORS[0], label="unweighted, every threshold")
    axes.set(xlim=(-0.005, 0.15), ylim=(0.5, 1.01))
    for look, (name, probability) in zip(looks(points), points.items(), strict=True):
        score = figures(probability > 0.5)
        axes.plot(1 - score["specificity"], score["recall"], **look | {"linestyle": ""}, markersize=10)
        nearby = curve["recall"][np.argmin(np.abs(curve["specificity"] - score["specificity"]))]
        words.append(f"{name}: recall {score['recall']:.3f}; the curve there: {nearby:.3f}.")
    axes.legend()

# %% [markdown]
# The weighted models land on or near the curve. At as many false alarms as the balanced model ($t = 1$) raises, the
# recall of the unweighted one is higher by {{09.recall_gain_equal_alarms}}. Weighting chose another point of (nearly)
# the same trade. A formula gives the point. Among patients of whom a share $p$ is ill, the weighted loss counts the ill
# as $w p$ against $1 - p$. So weighting multiplies the odds $p / (1 - p)$ by $w$, and a weighted probability of one
# half is an unweighted one of $1 / (1 + w)$:

# %% tags=["varies"]
moved = plain > 1 / (1 + balance)
print(f"threshold {1 / (1 + balance):.4f}")
equal_alarms = curve["recall"][curve["specificity"] >= at_balance["specificity"]].max()
claim("09.recall_gain_equal_alarms", equal_alarms - at_balance["recall"])
claim("09.recall_moved", figures(moved)["recall"])
claim("09.same_decisions", np.mean(moved == (weighted > 0.5)))
claim("09.f1_moved", figures(moved)["f1"])
claim("09.f1_moved_gain", figures(moved)["f1"] - at_balance["f1"])

# %% [markdown]
# Recall {{09.recall_moved}} from a model that never saw a weight; on {{09.same_decisions}} of the patients it decides
# as the weighted one does (most are plainly well). The match is not perfect: F1 is {{09.f1_moved}} moved,
# {{09.f1_balanced}} weighted, and the difference, {{09.f1_moved_gain}}, favors the weights. The formula is exact for a
# model that can follow the weights everywhere; a straight line has to give way in some places to fit the heavy rows in
# others.
#
# Neither point was chosen for F1, though. The fair contest gives *both* models the thresholds that were best on their
# validation parts:

# %% tags=["varies"]
plain_f1 = figures(plain > plain_threshold)["f1"]
weighted_f1 = figures(weighted > weighted_threshold)["f1"]
claim("09.f1_unweighted_chosen", plain_f1)
claim("09.f1_balanced_chosen", weighted_f1)
claim("09.f1_chosen_gain", plain_f1 - weighted_f1)
claim("09.f1_threshold_gain", plain_f1 - at_balance["f1"])

# %% [markdown]
# Unweighted {{09.f1_unweighted_chosen}}, weighted {{09.f1_balanced_chosen}}. Unweighted minus weighted is
# {{09.f1_chosen_gain}}: the unweighted model leads more often, not with every seed. The weighted model needed its new
# threshold: at one half, {{09.f1_balanced}}, it was behind the unweighted one's by {{09.f1_threshold_gain}}.
#
# At one half, untouched, the unweighted model had {{09.f1_unweighted}}: a threshold chosen on few positives is itself a
# rough figure, and may lose what it was to gain.

# %% [markdown]
# ## The trap: equal epochs
#
# Does the order depend on the fit? Once more, with Keras stopped after `epochs` passes, and with a penalty (small `C`,
# the same for both).
# *Average precision* (lesson 08) judges the ranking, without any threshold; 1 is perfect.


# %%
def stopped(x, y, training, weight):
    """Probabilities for all rows, by Keras after `epochs` passes."""
    own = fitted(model, x[training], y[training], class_weight={1: weight})
    return 1 / (1 + np.exp(-(x @ own[:-1] + own[-1])))  # Keras, in float32, would tie the surest at exactly 1


pairs = {
    "stopped": [predicted(weight, stopped) for weight in (1.0, balance)],
    "optimum": [(plain, plain_threshold), (weighted, weighted_threshold)],
    "penalized": [predicted(weight, C=0.1) for weight in (1.0, balance)],
}

# %% tags=["varies"]
from sklearn.metrics import average_precision_score

for name, pair in pairs.items():
    without, with_weights = (average_precision_score(y, probability) for probability, _ in pair)
    claim(f"09.ranking_{name}_unweighted", without)
    claim(f"09.ranking_{name}_weighted", with_weights)
    claim(f"09.ranking_{name}_gain", without - with_weights)
penalized = [figures(probability > threshold)["f1"] for probability, threshold in pairs["penalized"]]
claim("09.f1_penalized_gain", penalized[0] - penalized[1])

# %% [markdown]
# | average precision | unweighted | weighted | unweighted minus weighted |
# | --- | --- | --- | --- |
# | stopped early | {{09.ranking_stopped_unweighted}} | {{09.ranking_stopped_weighted}} | {{09.ranking_stopped_gain}} |
# | optimum | {{09.ranking_optimum_unweighted}} | {{09.ranking_optimum_weighted}} | {{09.ranking_optimum_gain}} |
# | penalty | {{09.ranking_penalized_unweighted}} | {{09.ranking_penalized_weighted}} | {{09.ranking_penalized_gain}} |
#
# Stopped early, the weighted model leads, at times barely; at the optimum it is behind. Nor is the optimum neutral
# ground: a stop or a penalty, which keeps the unit from extremes, helps the weighted one more, probably because half of
# the weight in its loss lies on one patient in twenty. With the penalty (the best medians) the two rank alike, and the
# F1 at chosen thresholds, unweighted minus weighted, is {{09.f1_penalized_gain}}: now the weighted model leads more
# often. Whoever compares weights must say how far both models were fitted.

# %% [markdown] tags=["quiz"]
# A report says: "with class weights, recall rose from 0.6 to 0.9, so the weighted network is better." What would
# you ask first?
#
# - [ ] Whether the weights were scaled to a mean of 1.
# - [x] What recall the old network reaches at a threshold with the same number of false alarms.
# - [ ] Whether the accuracy rose as well.
# - [ ] Whether an even larger weight was tried.
#
# Any model reaches any recall, at some threshold. Two models are compared at equal false alarms (or equal precision,
# or over the whole curve), otherwise one compares thresholds.

# %% [markdown]
# ## What weighting costs
#
# "Your risk is 30 %": a patient will take that for a frequency. Among people told so, 30 in 100 should be ill. The
# *reliability curve* asks just that. On the diagonal a model keeps its word.

# %% [markdown] tags=["predict"]
# Sort the patients by the weighted model's probability and take those near 0.5. Will about half of them be ill,
# clearly more, or clearly fewer?

# %%
from course.training.metrics import undo_weighting

corrected = undo_weighting(weighted, balance)

# %% tags=["varies"]
likely = weighted > 0.02  # the others would crowd at 0
plots.reliability_curve(
    y[likely],
    {"unweighted": plain[likely], "weighted": weighted[likely], "weighted, then corrected": corrected[likely]},
    title="Which model keeps its word?",
    bins=8,
)

# %% [markdown]
# Clearly **fewer**. The weighted model speaks of the world that its weights describe, in which half of the patients are
# ill, and its curve sags far below the diagonal. (Each point of a curve stands for equally many of the patients drawn.)
# But we know by which factor the odds were multiplied, so we can divide them by it:
#
# $$p \;\leftarrow\; \frac{p}{p + w\,(1 - p)}$$
#
# which is `course.training.metrics.undo_weighting`. The third curve comes back toward the diagonal.
#
# One number for it is the **Brier score**, the mean of $(p - y)^2$ over the patients; smaller is better.

# %% tags=["varies"]
from sklearn.metrics import brier_score_loss

claim("09.brier_unweighted", brier_score_loss(y, plain), digits=4)
claim("09.brier_weighted", brier_score_loss(y, weighted), digits=4)
claim("09.brier_corrected", brier_score_loss(y, corrected), digits=4)
claim("09.brier_damage", brier_score_loss(y, weighted) - brier_score_loss(y, plain), digits=4)
for name, fit in {"restored": "optimum", "restored_penalized": "penalized"}.items():
    (without, _), (spoiled, _) = pairs[fit]
    score, worse, mended = (brier_score_loss(y, p) for p in (without, spoiled, undo_weighting(spoiled, balance)))
    claim(f"09.brier_{name}", 100 * (worse - mended) / (worse - score), digits=0, unit="%")
share = positives / len(y)
print(f"for comparison, the same probability for all: {share * (1 - share):.4f}")

# %% [markdown]
# Unweighted {{09.brier_unweighted}}, weighted {{09.brier_weighted}}, corrected {{09.brier_corrected}}. Of the damage,
# {{09.brier_damage}}, the correction restores {{09.brier_restored}}; between the two penalized models,
# {{09.brier_restored_penalized}} (above 100 % the corrected model beats the unweighted one). So weighting is not lost
# work, if whoever reads the probabilities knows the weight.

# %% [markdown] tags=["quiz"]
# A model was trained with `class_weight={1: 20}` and gives a patient a probability of 0.5. What is the best estimate
# of the patient's risk?
#
# - [ ] 0.5
# - [ ] 0.5 / 20 = 0.025
# - [x] 0.5 / (0.5 + 20 * 0.5) = 0.048
# - [ ] It cannot be told without training again.
#
# The *odds* are divided by 20: from 1 to 1/20, which is a probability of 1/21. For small probabilities, odds and
# probabilities are nearly the same; for 0.5 they are not.

# %% [markdown]
# ## What should the threshold be?
#
# F1 was a convention. Where errors have a cost, the threshold follows from it, and needs no search.

# %% [markdown]
# ### Exercise 09.3: decide by cost
#
# A miss (an ill patient sent home) costs `miss`; a false alarm costs `alarm`. Return for each patient whether to
# raise the alarm, such that the expected cost is least. The probabilities are calibrated.


# %% tags=["solution"]
def decide(probability, miss, alarm):
    """Return True where the alarm is to be raised, (rows,)."""
    return probability * miss > (1 - probability) * alarm


# %% tags=["check"]
@exercise("09.3", decide)
def check(decide):
    p = np.array([0.01, 0.04, 0.051, 0.22, 0.3, 0.45, 0.55, 0.7, 0.85, 0.96])
    for miss, alarm in ((19, 1), (3, 2), (1, 4), (1, 1)):
        answer = np.asarray(decide(p.copy(), miss, alarm))
        expect(answer.shape == p.shape, f"One decision a patient must come back, not shape {answer.shape}.")
        fair = alarm / (miss + alarm)
        costs = f"a miss costs {miss} and a false alarm {alarm}"
        mistakes = {
            f"Where {costs} you decide as if both cost the same.": 0.5,
            f"Where {costs}, you have it the wrong way round: costly misses ask for *more* alarms.": 1 - fair,
            "The threshold is not the ratio of the costs. Ratios belong to odds, p / (1 - p), not to p.": alarm / miss,
            f"Where {costs}, you decide as if a false alarm cost 1.": 1 / (1 + miss),
        }
        for hint, threshold in mistakes.items():
            expect(np.array_equal(answer, p > fair) or not np.array_equal(answer, p > threshold), hint)
        expect(np.array_equal(answer, p > fair), f"Where {costs}, the decisions for {p} came out as {answer}.")


# %% tags=["wrong"] hint="as if both cost the same"
def decide(probability, miss, alarm):
    return probability > 0.5


# %% tags=["wrong"] hint="wrong way round"
def decide(probability, miss, alarm):
    return probability * alarm > (1 - probability) * miss


# %% tags=["wrong"] hint="wrong way round"
def decide(probability, miss, alarm):
    return probability >= miss / (miss + alarm)


# %% tags=["wrong"] hint="as if a false alarm cost 1"
def decide(probability, miss, alarm):
    return probability > 1 / (1 + miss)


# %% tags=["wrong"] hint="Ratios belong to odds"
def decide(probability, miss, alarm):
    return probability > alarm / miss


# %% [markdown]
# Tomorrow the costs may be others. Calibrated probabilities (a weighted model's too, once corrected) then need another
# threshold; whoever put the costs into a weight and decides at one half must train again.

# %% [markdown]
# ## When neither helps
#
# Abalones are sea snails whose age is told from rings in the shell, like that of a tree. Which of them have *exactly*
# nineteen rings, judged by size and weight? (The package imbalanced-learn offers this very question as a benchmark,
# `abalone_19`.)

# %%
shells = table("abalone")
old = (shells["rings"] == 19).to_numpy().astype(int)
sex = np.column_stack([shells["sex"] == name for name in "MF"])
sizes = shells.drop(columns=["rings", "sex"])
x_shells = np.column_stack([(sizes - sizes.mean()) / sizes.std(), sex])  # with next to no penalty, scales do not matter
print(f"{old.sum()} of {len(old)}: {old.mean():.2%}")

# %% [markdown]
# We train on one half of the shells, judge by the other, and change over, at the optimum again: a stop might favor the
# weights (*Try next*). This time, generously, the threshold of the unweighted model may be chosen on the very
# shells that judge it.

# %% tags=["varies"]
half = deal(old, 2)
found = {}
for name, weight in {"unweighted": 1.0, "weighted": (old == 0).sum() / old.sum()}.items():
    found[name] = np.zeros(len(old))
    for judged in (0, 1):
        found[name][half == judged] = optimum(x_shells, old, half != judged, weight)[half == judged]

# %% tags=["varies"]
scores = {name: {k: v[0] for k, v in scores_at([0.5], old, p).items()} for name, p in found.items()}
claim("09.shells_recall_unweighted", scores["unweighted"]["recall"], digits=2)
claim("09.shells_recall_weighted", scores["weighted"]["recall"], digits=2)
claim("09.shells_precision_weighted", scores["weighted"]["precision"])
best = scores_at(np.unique(found["unweighted"]), old, found["unweighted"])["f1"].max()
claim("09.shells_best_f1", best, digits=2)
claim("09.shells_ranking_unweighted", average_precision_score(old, found["unweighted"]))
claim("09.shells_ranking_weighted", average_precision_score(old, found["weighted"]))

# %% [markdown]
# Unweighted, the recall is {{09.shells_recall_unweighted}}. Weighted, it is {{09.shells_recall_weighted}}, and a
# report that stops here is a success story. But the precision is {{09.shells_precision_weighted}}: of a hundred
# alarms only a few are right. And the threshold? Even the most flattering one gives an F1 of {{09.shells_best_f1}}.
#
# The average precision is {{09.shells_ranking_unweighted}} unweighted, {{09.shells_ranking_weighted}} weighted. Pure
# chance would give the share of positives, below 0.01: both rank better than that, and badly. Neither leaves a good
# threshold to choose. Why?

# %%
print({rings: int((shells["rings"] == rings).sum()) for rings in range(16, 23)})

# %% [markdown]
# Because these data hardly answer the question. A shell with nineteen rings looks like one with eighteen or
# twenty; those are more in number, and count as negatives. No weight adds information. (Besides, a straight line cannot
# single out a band in the middle. *Try next* asks whether a flexible model can.) And with 32 positives in all, a recall
# moves by three points with every single shell. What would help is another question ("how many rings?", as in lesson
# 02), better measurements, or more old snails.

# %% [markdown]
# ## Weights for trust
#
# There is a use of weights that no threshold can replace: rows that deserve less trust. Suppose that half of our
# digits were labeled by somebody careless. Many of those labels are wrong, and we know only *whose* labels they are,
# not which are wrong.

# %%
from course.data import load

digits = load("mnist", fast=fast)
x_digits = digits.x_train[:noise_rows].reshape(-1, 784).astype("float32") / 255
x_validation = digits.x_validation.reshape(-1, 784).astype("float32") / 255
true = digits.y_train[:noise_rows].astype(int)

rng = np.random.default_rng(seed)
careless = rng.random(len(true)) < 0.5
wrong = careless & (rng.random(len(true)) < wrong_share)
labels = np.where(wrong, (true + rng.integers(1, 10, len(true))) % 10, true)

# %% [markdown]
# In the other half all labels are right, and so are the validation labels. Three trainings, with the careless half
# at full weight, at a tenth, and left out (weights of zero: half of each batch counts). The weights are scaled to a
# mean of 1, so that the steps stay the same. The learning rate is high, to get through in few epochs, and the curves
# jump for it.

# %% [markdown] tags=["predict"]
# Which training will read most validation digits right at its end? And will the curves have the same shape?

# %%
from course.training.fast_fit import fast_fit  # an epoch as one program (lesson 05)

keras.utils.set_random_seed(seed)
layers = [keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10, activation="softmax")]
network = keras.Sequential([keras.Input((784,)), *layers])
network.compile(SGD(0.3), loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
fast_fit(ready(network), seed=seed)
start = network.get_weights()

# %%
curves = {}
for name, weight in {"full weight": 1.0, "a tenth": 0.1, "left out": 0.0}.items():
    weights = np.where(careless, weight, 1.0)
    network.set_weights(start)  # SGD keeps nothing else from one training to the next
    fit = network.fit(
        x_digits,
        labels,
        sample_weight=(weights / weights.mean()).astype("float32"),
        validation_data=(x_validation, digits.y_validation),
        batch_size=100,
        validation_batch_size=1_000,
        epochs=noise_epochs,
        verbose=0,
    )
    curves[name] = fit.history["val_accuracy"]

# %% tags=["varies"]
plots.lines(
    range(1, noise_epochs + 1),
    {f"careless half: {name}": curve for name, curve in curves.items()},
    title="How much to trust a careless half",
    x_label="epoch",
    y_label="validation accuracy (share of digits)",
)

# %% tags=["varies"]
full, tenth, none = curves.values()
claim("09.trust_full", full[-1])
claim("09.trust_tenth", tenth[-1])
claim("09.trust_none", none[-1])
claim("09.trust_gain", 100 * (tenth[-1] - full[-1]), digits=1, unit="points")
claim("09.trust_gain_at_best", 100 * (max(tenth) - max(full)), digits=1, unit="points")
claim("09.trust_gain_over_none", 100 * (max(tenth) - max(none)), digits=1, unit="points")

# %% [markdown]
# At the end: {{09.trust_full}} with full weight, {{09.trust_tenth}} with a tenth, {{09.trust_none}} with the careless
# half left out. Full weight is last; the order of the other two may change with the seed. That a tenth gains
# {{09.trust_gain}} over full weight is real, but read the curves before you quote it. With full weight the
# accuracy rises first and then falls: networks tend to learn simple patterns first and wrong labels by heart later
# (Arpit and others, arXiv:1706.05394). Stopping in time is a remedy of its own: compared each at its best epoch (picked
# on these same digits, a favor to all three), the tenth gains {{09.trust_gain_at_best}}. And over leaving the half out,
# at the best epochs again, it gains only {{09.trust_gain_over_none}}.

# %% [markdown]
# ## Weights or threshold?
#
# - **The classes are rare, the labels are good:** start without weights; check the reliability curve; set the
#   threshold by cost, or on validation rows.
# - **You need weights** when the training itself has to choose: when the model will be used by `argmax` and nobody
#   can set a threshold; when groups, other than the classes, were sampled in other shares than those of the world (for
#   classes, the odds can be corrected afterwards); when some rows deserve less trust.
# - **Before anyone reads a probability**, undo weights that only favor the rare class. Weights that restore the shares
#   of the world, or that say whom to trust, stay.
# - **A flexible network** that separates its training rows ends up all but ignoring class weights (they change the way
#   more than the end), unless a penalty keeps its own weights small (Byrd and Lipton, see below).
# - **With very few positives** ask for more data, or another question.
#
# On the one table of patients weights were a little behind at the optimum, and often a little ahead in fits stopped
# early or penalized. Compare at equal false alarms, over several splits, each model with the epochs or the penalty that
# suit it.

# %% [markdown]
# ## What you have learned
#
# - `class_weight` is `sample_weight` by class; Keras takes one or the other, their product does both. They enter the
#   training loss and nothing else.
# - The weights are not normalized: with SGD they scale the steps. A mean of 1 over the rows keeps them.
# - Balanced weights raise recall at the price of precision; moving the threshold of the unweighted model does nearly
#   the same without training. Costs give the threshold: alarm / (miss + alarm).
# - Compare at equal false alarms. Who leads may be owed to epochs or penalty, not to the weights.
# - Weighting multiplies the odds by $w$. The Brier score shows the damage, $p / (p + w (1 - p))$ mends it.
# - Where the data hold no answer, neither weights nor thresholds find one: a low average precision tells. Where labels
#   deserve less trust, sample weights say so.
#
# ## Try next
#
# - Put a hidden layer of 16 units into `unit` (and let `fitted` draw its weights anew, since it may not start from
#   zero), and train for 100 epochs. Are the weighted probabilities still off by a factor of $w$ in the odds?
# - Choose `C` for each weight on the validation parts. Which model leads now?
# - Ask scikit-learn's `RandomForestClassifier` for the shells with nineteen rings. Is its average precision better?
# - Train on the shells with `unit` and `fitted`, weighted or not, for 12 epochs and for 200. Which ranks better?
# - Give the careless half systematic errors: every wrong label is the true one plus 1. Which of the three trainings
#   suffers most?
