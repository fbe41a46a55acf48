# ---
# title: Per-class metrics
# part: 2 Measure
# objectives:
#   - compute precision, recall and F1 of every class after every epoch, on training and validation images
#   - detect a class that the accuracy hides, and a log that contradicts itself
#   - explain what a train_step written for TensorFlow 2.2 does in Keras 3, and why
#   - choose between a metric and an override of train_step, and write both correctly
#   - stop training when the worst class no longer improves, and explain what class weights can and cannot do
# prerequisites:
#   - "lesson 05 (Digits): networks of dense layers, validation and test"
#   - "lesson 06 (Metrics): a metric streams, and divides once, at the end"
# data: [fashion_mnist]
# reading:
#   - "Chowdhury, *Custom Metric (Confusion Matrix) and train_step method*, notebook in github.com/borundev/ml_cookbook at commit 33af6b0, 2020 (the code and the numbers tested in this lesson)"
#   - "Xiao, Rasul, Vollgraf, *Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms*, 2017, arXiv:1708.07747"
#   - "Chollet, *Customizing what happens in fit() with TensorFlow*, keras.io developer guides, 2023"
#   - "Sokolova, Lapalme, *A systematic analysis of performance measures for classification tasks*, Information Processing & Management 45, 2009, doi:10.1016/j.ipm.2009.03.002"
# ---

# %% [markdown]
# A network that sorts clothes is right four times out of five. Would you let it sort yours? That depends on what you
# wear, because the accuracy does not say which clothes it gets wrong. In this lesson you measure each of ten classes
# after every epoch, on training and on validation images. Along the way you run code from 2020 and see what today's
# Keras makes of it.
#
# The results and conclusions in the text come from full mode; your run prints its own. In fast mode, with a tenth of
# the images, some conclusions do not show, and some changes are larger.

# %% tags=["parameters"]
seed: int = 0  # seed of the initial weights and the order of the images, 0 to 1000000
fast: bool = False  # a tenth of the images, fewer epochs
epochs: int = 12  # passes over the images in each long training, 5 to 100, fast 5
short_epochs: int = 2  # passes for comparing train steps, 2 to 4, fast 2

# %%
from course.lesson import begin

begin("07_per_class_metrics", globals())

# %% [markdown]
# ## Two questions about one class
#
# The accuracy asks one question about all classes: how often is the network right? For a single class there are two
# questions. Here they are for a network that tells cats, dogs and foxes apart. A **table of counts**, or confusion
# matrix, says how often each true class received each prediction:

# %%
from course.topics import per_class

per_class.recall_and_precision()

# %% [markdown]
# - **Recall** is the share of a class that the network finds. It reads a row of the table.
# - **Precision** is the share of right answers among the answers that name the class. It reads a column.
# - **F1** is the harmonic mean of both, $2 P R / (P + R)$, and is low when either of them is. For the cats it is
#   $2 \cdot 0.5 \cdot 0.8 / (0.5 + 0.8) = 0.62$.
#
# A network that calls everything a cat has a recall of 1 for cats, and a poor precision. So always look at both.

# %% [markdown]
# ## The clothes

# %%
from course import plots
from course.data import load

CLASSES = per_class.CLASSES  # the names of the labels 0 to 9
clothes = load("fashion_mnist", fast=fast)
names = [CLASSES[label] for label in clothes.y_train[:20]]
plots.images(
    clothes.x_train[:20],
    names,
    title="The first twenty training images and their labels",
)

# %%
import numpy as np

for part in ("train", "validation", "test"):
    labels = getattr(clothes, f"y_{part}")
    print(f"{part:10} {len(labels):5} images; of each class {np.bincount(labels)}")

# %% [markdown]
# Fashion-MNIST has the format of the digits in lesson 05 and is harder. The course ships the first 10,000 of its
# 60,000 training images and the first 2,000 of its 10,000 test images. All classes are about equally large, so nothing
# in this lesson comes from a rare class. Rare classes are the topic of lesson 09.
#
# Each class has only about 200 validation images, though. A share of 0.6 among 200 images has a standard error of
# $\sqrt{0.6 \cdot 0.4 / 200} = 0.035$. For an accuracy of 0.6 over all 2,000 images it would be about a third of that.

# %% [markdown]
# ## One number for ten classes
#
# This lesson follows a published notebook (by Chowdhury; see Further reading). The notebook trains a small
# convolutional network on 60,000 images in batches of 32 and reports an accuracy of 0.8135 after one pass. You will
# train a dense network on 8,000 images.

# %%
x_train, x_validation, x_test = (
    images.reshape(-1, 784).astype("float32") / 255
    for images in (clothes.x_train, clothes.x_validation, clothes.x_test)
)

# %% [markdown]
# All it takes to measure every class is one more entry in `metrics`. `ConfusionMatrix`, from this course, keeps a table
# of counts and computes all its values from it. Its result is a *dictionary*, and Keras logs each entry under its own
# name. Every entry's name begins with the name of the metric, here `class`. A second such metric in the same model
# therefore needs a `name` of its own.

# %%
import keras

from course.training.metrics import ConfusionMatrix


def compiled(model):
    """Compile a model that logs its accuracy and the figures of every class."""
    metrics = ["accuracy", ConfusionMatrix(CLASSES, name="class")]
    loss = "sparse_categorical_crossentropy"
    model.compile("adam", loss, metrics=metrics, steps_per_execution=25)
    per_class.create_variables(model, x_train[:1], clothes.y_train[:1])
    return model


# %%
def network(kind=keras.Sequential):
    """Return a new compiled model of class `kind`, with initial weights from `seed`."""
    keras.utils.set_random_seed(seed)
    hidden = keras.layers.Dense(128, activation="relu")
    output = keras.layers.Dense(10, activation="softmax")
    return compiled(kind([keras.Input((784,)), hidden, output]))


# %% [markdown]
# Two settings are there only to save time. With `steps_per_execution`, TensorFlow takes 25 steps before it returns to
# Python, as in lesson 05. And `create_variables`, from this course, saves `fit` from compiling its step twice.
#
# `shuffled_batches` gives the images a new order in every epoch. Given plain arrays and a fixed seed, `fit` would use
# the same order in every epoch (lesson 03).

# %%
from course.training.batches import shuffled_batches


def train(model, epochs, callbacks=()):
    """Fit a model for up to `epochs` epochs in batches of 32; return the history."""
    batches = shuffled_batches(x_train, clothes.y_train, batch_size=32, seed=seed)
    validation = {
        "validation_data": (x_validation, clothes.y_validation),
        "validation_batch_size": 500,
    }
    settings = {"epochs": epochs, "shuffle": False, "callbacks": list(callbacks)}
    return model.fit(batches, verbose=0, **settings, **validation).history


# %% [markdown]
# One small callback keeps the weights after every epoch. You will compare other networks with them further down.


# %%
class Snapshots(keras.callbacks.Callback):
    """Keep the weights after each epoch in `weights`, a list."""

    def on_train_begin(self, logs=None):
        self.weights = []

    def on_epoch_end(self, epoch, logs=None):
        self.weights.append(self.model.get_weights())


# %% [markdown] tags=["predict"]
# In the published notebook, the accuracy after one pass is 0.8135, and the ten classes are equally large. How low was
# the **recall** of the worst class: about 0.7, about 0.5, or less than 0.4? And which class was it?

# %%
model = network()
snapshots = Snapshots()
history = train(model, epochs, [snapshots])
of_bag = [key for key in history if key.endswith("_bag")]
print(len(history), "curves, such as", of_bag)

# %% [markdown]
# Each curve exists twice; names with `val_` in front are for validation. Here is the recall of every class after the
# first epoch. The diamonds show the published values.

# %%
first_recall = {name: history[f"val_class_recall_{name}"][0] for name in CLASSES}
per_class.class_dots(
    first_recall,
    per_class.PUBLISHED_VALIDATION,
    title="Recall of each class after one epoch, validation",
    label="recall (share of the class that is found)",
)

# %% [markdown] tags=["answer"]
# In the notebook: **less than 0.4**, namely 0.3250 for the shirt, with an accuracy of 0.8135. Your results need not
# agree: the published network is a different one, saw over seven times as many images, and is judged on the test set.
# In the runs of this course, the accuracy after one epoch is {{07.first_accuracy}}, and the worst class has a recall of
# {{07.first_worst_recall}}. The worst class need not be the shirt. Which class is it in your figure?

# %%
first_accuracy = history["val_accuracy"][0]
worst_recall = min(first_recall.values())

# %%
from course.claims import bound, fact, spread

spread(
    "07.first_accuracy",
    "accuracy after one epoch",
    first_accuracy,
    published=0.8135,
    source="Chowdhury, ml_cookbook, 2020",
)

# %%
spread(
    "07.first_worst_recall",
    "worst recall after one epoch",
    worst_recall,
    digits=2,
    published=0.3250,
    source="Chowdhury, ml_cookbook, 2020",
)

# %% [markdown]
# A single epoch says little about a class. Watch how three classes move from epoch to epoch.

# %%
watched = ("trouser", "coat", "shirt")
recalls = {name: history[f"val_class_recall_{name}"] for name in watched}
plots.lines(
    range(1, epochs + 1),
    {"accuracy": history["val_accuracy"]} | recalls,
    title="The accuracy, and the recall of three classes",
    x_label="epoch",
    y_label="accuracy or recall (validation)",
)


# %%
def step_size(key):
    """Return the mean size of the change from one epoch to the next, in points."""
    return 100 * np.mean(np.abs(np.diff(history[key])))


step_shirt = step_size("val_class_recall_shirt")
step_share = step_size("val_accuracy") / step_shirt

all_recalls = [history[f"val_class_recall_{name}"] for name in CLASSES]
hidden = np.array(history["val_accuracy"]) - np.min(all_recalls, axis=0)

# %%
spread(
    "07.step_shirt_recall",
    "change of the shirt's recall per epoch",
    step_shirt,
    digits=1,
    unit="points",
)

# %%
bound(
    "07.step_share",
    "the accuracy's change as a share of the shirt's",
    step_share,
    at_most={"full": 0.5},
    digits=2,
)

# %%
bound(
    "07.hidden",
    "greatest distance of the accuracy from the worst recall",
    hidden.max(),
    at_least={"full": 0.1},
    digits=2,
)

# %% [markdown]
# From one epoch to the next, the recall of the shirt changes by {{07.step_shirt_recall}} on average. The accuracy
# changes only {{07.step_share}} times as much. (In the published log, the recall of the shirt goes from 0.325 to 0.616
# in the second epoch, and to 0.519 in the third.) Two things keep the accuracy steady. A class is a tenth of the
# images, so ten points of its recall are only one point of accuracy. And what the shirt gains, a class that looks like
# it (a *neighbor*, such as the coat) often loses, because the border between the two moves.
#
# So the accuracy says little about any single class. In the epoch where they are farthest apart, the worst recall lies
# {{07.hidden}} below the accuracy. **Never judge a way of training by the recall of one class in one epoch.**
#
# Which classes are the shirt's neighbors? The table of counts shows them:

# %%
from sklearn.metrics import confusion_matrix

predicted = np.argmax(model(x_validation), axis=1)
counts = confusion_matrix(clothes.y_validation, predicted, labels=range(10))
plots.confusion_matrix(counts, CLASSES, title="Validation images after the last epoch")

# %%
tops = [0, 2, 3, 4, 6]  # T-shirt, pullover, dress, coat, shirt
errors = counts - np.diag(np.diagonal(counts))
in_block = errors[np.ix_(tops, tops)].sum() / errors.sum()

# %%
bound(
    "07.in_block",
    "share of errors among the five tops",
    in_block,
    at_least={"full": 0.5},
    digits=2,
)

# %% [markdown]
# The network confuses clothes that look alike: {{07.in_block}} of all errors are made among T-shirt, pullover, dress,
# coat and shirt.

# %% [markdown]
# ### Exercise 07.1: from counts to figures
#
# Compute the precision, recall and F1 of every class from a table of counts, laid out as above: a row for each true
# class, a column for each predicted class. A class that is never predicted has no precision, and a class that never
# occurs has no recall. Return 0 in both cases, and 0 for the F1 as well, as scikit-learn does with `zero_division=0`.


# %% tags=["solution"]
def figures(counts):
    """Return precision, recall and F1, arrays (classes,), from counts (true class,
    predicted class)."""
    right = np.diagonal(counts).astype(float)
    true, predicted = counts.sum(axis=1), counts.sum(axis=0)

    def share(part, whole):
        return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)

    precision, recall = share(right, predicted), share(right, true)
    return precision, recall, share(2 * right, true + predicted)


# %% tags=["check"]
import warnings

from sklearn.metrics import precision_recall_fscore_support

from course.exercises import exercise, expect, expect_close


def draw(rng):
    classes = rng.integers(2, 6)
    counts = rng.integers(0, rng.choice([2, 9]), (classes, classes))
    counts[rng.integers(classes)] *= rng.integers(2)
    counts[:, rng.integers(classes)] *= rng.integers(2)
    return (counts,)


@exercise("07.1", figures, draw=draw)
def check(figures):
    tables = [
        [[5, 1, 2], [0, 4, 0], [3, 2, 7]],
        [[6, 2], [9, 3]],
        [[4, 0, 1], [2, 0, 0], [1, 0, 5]],
    ]
    for table in map(np.array, [*tables, [[4, 1, 1], [0, 0, 0], [2, 3, 5]]]):
        true, predicted = (
            np.repeat(index.ravel(), table.ravel()) for index in np.indices(table.shape)
        )
        expected = precision_recall_fscore_support(
            true, predicted, labels=range(len(table)), zero_division=0
        )[:3]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = figures(table.copy())
        expect(
            found is not None and len(found) == 3,
            "Return three arrays: precision, recall and F1.",
        )
        shapes = [np.shape(values) for values in found]
        expect(
            shapes == [(len(table),)] * 3,
            f"One number for each class, three times; your shapes are {shapes}.",
        )
        finite = (
            "A class that is never predicted, or that never occurs, gave no number."
            " Return 0 there."
        )
        expect(np.isfinite(np.array(found, dtype=float)).all(), finite)
        swapped = (
            "Precision and recall are swapped. Precision divides by the sum of the"
            " column: all that were *predicted* as the class."
        )
        plain = (
            "That is the plain mean. The harmonic mean is 2 p r / (p + r); it is pulled"
            " down by the lower of the two."
        )
        mistakes = [
            {swapped: expected[1]},
            {swapped: expected[0]},
            {plain: (expected[0] + expected[1]) / 2},
        ]
        for name, values, right, mistake in zip(
            ("Precision", "Recall", "F1"), found, expected, mistakes, strict=True
        ):
            expect_close(
                values,
                right,
                f"{name} of {table.tolist()}: {values}, not {right}.",
                mistake,
            )


# %% tags=["wrong"] hint="Precision and recall are swapped"
def figures(counts):
    right = np.diagonal(counts)
    precision, recall = (
        right / np.maximum(counts.sum(axis=1), 1),
        right / np.maximum(counts.sum(axis=0), 1),
    )
    return (
        precision,
        recall,
        2 * right / np.maximum(counts.sum(axis=0) + counts.sum(axis=1), 1),
    )


# %% tags=["wrong"] hint="The harmonic mean is"
def figures(counts):
    right = np.diagonal(counts)
    precision, recall = (
        right / np.maximum(counts.sum(axis=0), 1),
        right / np.maximum(counts.sum(axis=1), 1),
    )
    return precision, recall, (precision + recall) / 2


# %% tags=["wrong"] hint="gave no number"
def figures(counts):
    right = np.diagonal(counts)
    precision, recall = right / counts.sum(axis=0), right / counts.sum(axis=1)
    return precision, recall, 2 * precision * recall / (precision + recall)


# %% [markdown]
# ## Can the log be trusted?
#
# Two checks are worth making once for any new metric. The first compares it with an independent library: scikit-learn
# computes the same figures on the training images and on the validation images. The training figures in the log cannot
# be checked this way, because they were collected while the weights were changing (lesson 04). So you evaluate the
# training images once more.

# %%
from sklearn.metrics import precision_recall_fscore_support


def difference_to_scikit_learn(streamed, x, y):
    """Return the largest difference over all classes and figures."""
    predicted = np.argmax(model(x), axis=1)
    settings = {"labels": range(10), "zero_division": 0}
    reference = precision_recall_fscore_support(y, predicted, **settings)
    differences = []
    for kind, values in zip(("precision", "recall", "f1"), reference, strict=False):
        ours = [streamed[f"class_{kind}_{name}"] for name in CLASSES]
        differences.append(np.max(np.abs(ours - values)))
    return max(differences)


# %%
on_train = model.evaluate(
    x_train, clothes.y_train, batch_size=32, verbose=0, return_dict=True
)
logged = {key: history[f"val_{key}"][-1] for key in on_train}
difference = max(
    difference_to_scikit_learn(on_train, x_train, clothes.y_train),
    difference_to_scikit_learn(logged, x_validation, clothes.y_validation),
)

# %%
bound(
    "07.difference",
    "greatest difference to scikit-learn",
    difference,
    at_most=1e-6,
    digits=7,
)

# %% [markdown]
# The two agree, although Keras saw the images in batches of 32 and of 500. The metric adds up *counts* and divides only
# once, at the end. For validation, the cell compared the last entry in the log. That works because the model still has
# the weights from which that entry was computed.

# %% [markdown]
# ### A log that contradicts itself
#
# The second check is arithmetic. If all classes are equally large, as in the full Fashion-MNIST, the accuracy *is* the
# mean of the recalls: both count the images that are right and divide by the same total. Here are the recalls and the
# accuracy of the first epoch in the published log.

# %%
published = {
    "validation": (per_class.PUBLISHED_VALIDATION, 0.8135),
    "training": (per_class.PUBLISHED_TRAINING, 0.7826),
}
for part, (recall, accuracy) in published.items():
    mean_recall = np.mean(list(recall.values()))
    print(f"{part:10} mean of the recalls {mean_recall:.4f}, accuracy {accuracy}")

# %% [markdown]
# The validation figures agree to the last digit. The training figures are six points apart, so one of the two is wrong.
# The wrong ones are the recalls, because they come from the progress bar. At that time, the progress bar knew only the
# metrics of `compile`, and averaged every other value over the steps. So each published training recall is the mean,
# over 1,875 steps, of the recall *so far*, and the first, clumsy steps get far too much weight. (The history was right.
# Keras 3 ends each line of the progress bar with the values of the history.)

# %% [markdown] tags=["quiz"]
# A colleague shows you the log of ten equally large classes: the accuracy is 0.90, and the recalls have a mean of 0.84.
# What do you say?
#
# - [ ] The network is worse on small classes.
#   There are no small classes here: all ten are equally large.
# - [ ] The accuracy counts some images twice.
#   Counting an image twice would change both numbers alike, and they would still agree.
# - [x] These two numbers cannot come from the same predictions.
#   With equally large classes the mean recall is the accuracy, whatever the network does. One of the two was
#   computed differently.
# - [ ] That is normal: recall is always below accuracy.
#   There is no such rule. With equally large classes the two are the same number; otherwise either may be larger.

# %% [markdown]
# ### Exercise 07.2: a metric with several results
#
# Write a metric yourself whose result is a dictionary. For 3 classes, `Recalls` reports the mean and the lowest of the
# classes' recalls over all rows since the last reset. Its two variables are given: for each class, how many rows were
# right and how many were seen. Keras sets them back to 0 at the start of each epoch. You write the two methods;
# `sample_weight` may be ignored. (`ops.divide_no_nan` gives 0 for 0 / 0.)

# %%
from keras import ops


class Counts(keras.metrics.Metric):
    def __init__(self):
        super().__init__()
        self.right = self.add_variable((3,), initializer="zeros", name="right")
        self.seen = self.add_variable((3,), initializer="zeros", name="seen")


# %% tags=["solution"]
class Recalls(Counts):
    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count a batch: class numbers (rows,), probabilities (rows, 3)."""
        true = ops.one_hot(ops.cast(y_true, "int32"), 3)
        predicted = ops.one_hot(ops.argmax(y_pred, axis=-1), 3)
        self.right.assign_add(ops.sum(true * predicted, axis=0))
        self.seen.assign_add(ops.sum(true, axis=0))

    def result(self):
        """Return {"recall_mean": ..., "recall_least": ...}."""
        recall = ops.divide_no_nan(self.right, self.seen)
        return {"recall_mean": ops.mean(recall), "recall_least": ops.min(recall)}


# %% tags=["helper"]
from sklearn.metrics import precision_score, recall_score


def two_epochs(metric, true, scores, batch):
    """Feed a metric all rows, twice, in batches; return its result."""
    for _ in range(2):
        metric.reset_state()
        for start in range(0, len(true), batch):
            metric.update_state(
                true[start : start + batch], scores[start : start + batch]
            )
    return metric.result()


# %% tags=["check"]
@exercise("07.2", Recalls)
def check(Recalls):
    random = np.random.default_rng(7)
    true = np.repeat([0, 1, 2, 0], [10, 30, 20, 13])
    scores = random.random((len(true), 3)) + 0.4 * np.eye(3)[true]
    guess = scores.argmax(axis=1)
    recall = recall_score(true, guess, average=None)
    for batch in (len(true), 7, 1):
        found = two_epochs(Recalls(), true, scores, batch)
        keys = (
            'result must return a dictionary with the keys "recall_mean" and'
            ' "recall_least".'
        )
        expect(
            isinstance(found, dict) and set(found) == {"recall_mean", "recall_least"},
            keys,
        )
        start = (len(true) - 1) // batch * batch
        last = recall_score(
            true[start:], guess[start:], labels=range(3), average=None, zero_division=0
        )
        predicted = (
            "That is the precision: you divide by the rows that were *predicted* as"
            " the class."
        )
        mistakes = {
            predicted: precision_score(true, guess, average="macro"),
            (
                "Right rows over all rows is the accuracy. Compute the recall of each "
                "class first, then their mean."
            ): np.mean(true == guess),
            (
                "This is the result of the last batch alone. Earlier batches must "
                "stay in the counts."
            ): (last.mean()),
        }
        mean = float(found["recall_mean"])
        expect(
            mean <= 1 + 1e-6,
            f"The mean recall is {mean:.3g}, and a recall is at most 1. Divide the rows"
            " that are right by all rows of the class.",
        )
        expect(
            mean > 0,
            "The recalls came out as 0. Does update_state add to both counts?",
        )
        wanted = (
            f"is wrong for {len(true)} rows in batches of {batch}. Add up counts, and"
            " divide only in result."
        )
        expect_close(
            float(found["recall_mean"]), recall.mean(), f"The mean {wanted}", mistakes
        )
        expect_close(float(found["recall_least"]), recall.min(), f"The least {wanted}")


# %% tags=["wrong"] hint="divide only in result"
class Recalls(Recalls):
    def update_state(self, y_true, y_pred, sample_weight=None):
        true = ops.one_hot(ops.cast(y_true, "int32"), 3)
        predicted = ops.one_hot(ops.argmax(y_pred, axis=-1), 3)
        self.right.assign_add(
            ops.divide_no_nan(ops.sum(true * predicted, axis=0), ops.sum(true, axis=0))
        )
        self.seen.assign_add(ops.ones(3))


# %% tags=["wrong"] hint="last batch alone"
class Recalls(Recalls):
    def update_state(self, y_true, y_pred, sample_weight=None):
        self.reset_state()
        super().update_state(y_true, y_pred)


# %% tags=["wrong"] hint="That is the precision"
class Recalls(Recalls):
    def update_state(self, y_true, y_pred, sample_weight=None):
        predicted = ops.argmax(y_pred, axis=-1)
        super().update_state(predicted, ops.one_hot(ops.cast(y_true, "int32"), 3))


# %% tags=["wrong"] hint="is the accuracy"
class Recalls(Recalls):
    def result(self):
        recall = ops.divide_no_nan(self.right, self.seen)
        return {
            "recall_mean": ops.sum(self.right) / ops.sum(self.seen),
            "recall_least": ops.min(recall),
        }


# %% [markdown]
# ## The old way, today
#
# A metric with several results was not always possible. In TensorFlow 2.2 a metric returned one number. The published
# notebook therefore overrides `train_step`, the method that `fit` calls for each batch, and adds the values to the log
# by hand. The three classes below follow that pattern, with our names and our metric. (The published metric calls
# `add_weight` in a way that Keras 3 rejects.) At the time, `compiled_loss` and `compiled_metrics` were the official
# calls, and many programs still contain them.

# %%
import tensorflow as tf


class OldLog(keras.Sequential):
    """Updates the metrics and makes the log by hand."""

    def log(self, y, y_pred):
        self.compiled_metrics.update_state(y, y_pred)
        logs = {metric.name: metric.result() for metric in self.metrics[:-1]}
        if "class" in self.metrics_names:  # the last metric, which has many results
            logs |= self.metrics[-1].result()
        return logs


# %% [markdown]
# Next comes the training step. (`test_step`, after it, is what `fit` calls for each batch of validation rows.)


# %%
class OldStep(OldLog):
    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
        weights = self.trainable_variables
        gradients = tape.gradient(loss, weights)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return self.log(y, y_pred)


# %%
class OldWay(OldStep):
    """The override as it was written for TensorFlow 2.2."""

    def test_step(self, data):
        x, y = data
        y_pred = self(x, training=False)
        self.compiled_loss(y, y_pred, regularization_losses=self.losses)
        return self.log(y, y_pred)


# %% [markdown] tags=["predict"]
# `OldWay` now trains in Keras 3, with the same seed and the same batches as the plain `Sequential`. What will it do:
# raise an error, train and log correctly, train correctly and log nonsense, or train wrongly?

# %%
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    old = network(OldWay)
    old_history = train(old, short_epochs)

# %%
plain_weights = snapshots.weights[short_epochs - 1]
pairs = zip(old.get_weights(), plain_weights, strict=True)
same_weights = all(np.allclose(a, b, atol=1e-4) for a, b in pairs)
print("same weights as plain fit:", same_weights)
print("curves of plain fit:", len(history))
print("curves of the old way:", sorted(old_history))
print("its losses:", np.round(old_history["loss"] + old_history["val_loss"], 3))

# %% [markdown] tags=["answer"]
# It **trains correctly and logs nonsense**. The weights are those of plain fit, whose loss is {{07.right_loss}}. But
# the log reports a loss of 0.1. And the accuracy and all per-class figures, the reason for the override, are missing.
#
# Where does 0.1 come from? In Keras 3, `compiled_metrics.update_state` goes through `model.metrics` and updates each
# metric. The first is the tracker of the loss, a metric of type `Mean`. Keras passes `y_pred` alone to each `Mean`. So
# the tracker averages the *predictions*. Ten probabilities that sum to 1 have a mean of 0.1, in training and
# validation, in every epoch and for every seed.

# %%
old_losses = old_history["loss"] + old_history["val_loss"]
all_tenths = np.allclose(old_losses, 0.1, atol=1e-4)

# %%
fact("07.old_weights", "the old way ends with the weights of plain fit", same_weights)
fact("07.old_loss", "the old way logs 0.1 as every loss", all_tenths)
bound(
    "07.right_loss",
    "training loss of plain fit in that epoch",
    history["loss"][short_epochs - 1],
    at_least=0.3,
)

# %% [markdown]
# Why are the other figures missing? The metrics of `compile` are now hidden in one object. These are the names that
# remain:

# %%
print(old.metrics_names)

# %% [markdown]
# `[:-1]` cuts that object off, and the `if` looks for a name that is no longer there. Each line was right for its time,
# but Keras has changed what the lines rely on. Worst of all, 0.1 looks like a good loss. A callback that watches
# `val_loss` now sees rounding noise, and stops or saves the model because of it. Keras does warn, but in the middle of
# the training output:

# %%
for message in sorted({str(warning.message) for warning in caught}):
    print(message.strip())

# %% [markdown]
# Do not follow the advice to call `update_state(y, y_pred)` for every metric in `self.metrics`: `fit` then stops with
# an error. The first of these metrics is the tracker of the loss, a `Mean`. It would take the labels for values, and
# the predictions for their weights. The next section uses `compute_metrics`, which updates the right metrics.

# %% [markdown]
# ## What an override is still for
#
# You no longer need an override for per-class figures: a `result` may be a dictionary, so a metric can do it all. But a
# metric sees only labels, predictions and row weights. To log the length of the *gradient*, override `train_step`. The
# model first gets a `Mean` to collect the lengths:


# %%
class GradientNorm(keras.Sequential):
    """Has a metric for the length of the gradient, which validation does not log."""

    def __init__(self, layers):
        super().__init__(layers)
        self.gradient_norm = keras.metrics.Mean(name="gradient_norm")

    def test_step(self, data):
        logs = super().test_step(data)
        del logs["gradient_norm"]  # no gradient here: it would be logged as 0
        return logs


# %% [markdown]
# Today the step itself reads like this:


# %%
class Watched(GradientNorm):
    """Train like plain fit, and also log the mean length of the gradient."""

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self.metrics[0].update_state(loss, sample_weight=tf.shape(x)[0])
        self.gradient_norm.update_state(tf.linalg.global_norm(gradients))
        return self.compute_metrics(x, y, y_pred, sample_weight)


# %% [markdown]
# - `unpack_x_y_sample_weight` also accepts batches with sample weights; `x, y = data` fails on them.
# - `compute_loss` adds the penalties of regularized layers.
# - The first metric is the tracker of the loss, which you update by hand. It weights the loss by the number of rows in
#   the batch, since the last batch may be smaller.
# - `compute_metrics` updates the metrics of `compile` and returns all results.
#
# To change only what goes in or comes out, as `test_step` does, leave the rest to `super()`. Here is a second override,
# which you need further down: the loss of each row is multiplied by the weight of its class, and the weights may change
# at any time. (This class takes no other sample weights, so `x, y = data` is enough.)


# %%
class Weighted(Watched):
    """Weight each row in the loss by the weight of its class, at first 1 for all."""

    def __init__(self, layers):
        super().__init__(layers)
        self.class_weights = keras.Variable(np.ones(10, "float32"), trainable=False)

    def train_step(self, data):
        x, y = data
        row_weights = ops.take(self.class_weights, ops.cast(y, "int32"))
        return super().train_step((x, y, row_weights))


# %% [markdown]
# To test an override, let it do what plain fit does; then it must log what plain fit logs. `Weighted` must pass this
# test as long as all weights are 1. That tests `Watched` as well, because `Weighted` calls its step.

# %%
override_history = train(network(Weighted), short_epochs)
equal = {
    key: np.allclose(override_history[key], curve[:short_epochs], atol=1e-3)
    for key, curve in history.items()
}
print("curves that plain fit does not have:", set(override_history) - set(history))

# %%
fact("07.override", "the override logs what plain fit logs", all(equal.values()))

# %% [markdown] tags=["quiz"]
# Which of these tasks takes more than metrics and callbacks?
#
# - [ ] Log the recall of each class after every epoch.
#   A metric that keeps counts for each class can do it, as in this lesson.
# - [ ] Log the F1 of the class that is worst at the moment.
#   A metric can do that, too: it returns the lowest of its values.
# - [x] Weight each row by its class, with weights that change between epochs of one `fit`.
#   `class_weight` is fixed when `fit` begins. The step, the loss function or the data must look up the current
#   weights.
# - [ ] Stop when the recall of shirts no longer rises.
#   A callback that watches a metric, such as `EarlyStopping`, can do it.

# %% [markdown]
# ## Stop on the worst class
#
# Every entry of the history has a name, so a callback can watch any of them. `val_class_worst_f1` is the F1 of
# whichever class is worst. How does it move, compared with the mean F1 of the ten classes?

# %%
plots.lines(
    range(1, epochs + 1),
    {
        "macro F1 (mean of ten)": history["val_class_macro_f1"],
        "worst F1": history["val_class_worst_f1"],
    },
    title="The mean and the worst class, validation",
    x_label="epoch",
    y_label="F1",
)

# %%
macro_share = step_size("val_class_macro_f1") / step_size("val_class_worst_f1")

# %%
bound(
    "07.macro_share",
    "the mean F1's change as a share of the worst F1's",
    macro_share,
    at_most={"full": 1},
    digits=2,
)

# %% [markdown]
# The mean hides the ups and downs of the worst class: from epoch to epoch the mean changes only {{07.macro_share}}
# times as much.
#
# `EarlyStopping` can guard the worst class. It stops after `patience` epochs without a new best, and with
# `restore_best_weights=True` it puts the best weights back into the model. Keras does not know whether
# `val_class_worst_f1` should rise or fall, so pass `mode="max"`; without it, `fit` raises an error. Check the spelling
# of the name, too: if no such entry exists, Keras only warns, and never stops.
#
# Now train a new network for up to 200 epochs.

# %% tags=["varies"]
patience = 3
early = keras.callbacks.EarlyStopping(
    "val_class_worst_f1", mode="max", patience=patience, restore_best_weights=True
)
guarded = network()
guarded_history = train(guarded, 200, [early])
worst = guarded_history["val_class_worst_f1"]
best_at = 1 + int(np.argmax(worst))
print(f"best epoch: {best_at}; stopped after epoch {len(worst)} of 200")


# %%
def worst_f1(model, x, y):
    """Return the F1 of the worst class."""
    metric = ConfusionMatrix(CLASSES, name="class")
    metric.update_state(y, model(x))
    return float(metric.result()["class_worst_f1"])


restored = worst_f1(guarded, x_validation, clothes.y_validation)

# %%
fact(
    "07.stopped",
    "training stops `patience` epochs after the best one",
    len(worst) == best_at + patience,
)
fact("07.restored", "the model has the best weights", np.isclose(restored, max(worst)))
spread("07.stopped_after", "epochs until it stops", len(worst), digits=0)

# %% [markdown]
# Training stops after {{07.stopped_after}} epochs, exactly `patience` epochs after its best one, and the model has the
# weights of the best epoch. Are these better than the weights of `model`, which trained for all `epochs`? The validation
# images chose the epoch, so the test images must judge.

# %% tags=["varies"]
test_guarded = worst_f1(guarded, x_test, clothes.y_test)
test_last = worst_f1(model, x_test, clothes.y_test)
print(
    f"worst F1 on test images: stopped {test_guarded:.3f}, all epochs {test_last:.3f}"
)

# %%
spread(
    "07.stop_gain",
    "worst test F1, stopped minus all epochs",
    100 * (test_guarded - test_last),
    digits=1,
    unit="points",
)

# %%
spread(
    "07.optimism",
    "worst F1, validation minus test",
    100 * (max(worst) - test_guarded),
    digits=1,
    unit="points",
)

# %% [markdown]
# Compared with training for all `epochs`, early stopping changes the worst F1 on the test images by {{07.stop_gain}}:
# {{07.stop_gain:sign}}. Since the worst F1 jumps around, a few epochs without a new best can be just bad luck, and
# training may stop too soon. Use more patience for such a value than for the loss.
#
# The worst F1 by which the epoch was chosen, minus the one on the test images, is {{07.optimism}}:
# {{07.optimism:sign}}. Part of this may be that the validation images are easier; the seeds cannot tell, because all of
# them share the same images. But if you keep the best of many noisy values, you keep some luck with it. Watch the worst
# class to *guard* it, but report it on other images.

# %% [markdown]
# ### Exercise 07.3: which epoch?
#
# Write the rule by which `EarlyStopping` chose here. Given the F1 of each class in each epoch, return the number of the
# epoch, counted from 1, whose worst class is best. Among equally good epochs, return the first.


# %% tags=["solution"]
def best_epoch(f1):
    """Return the epoch, counted from 1, whose least F1 is greatest.

    `f1` maps each class to a list with its F1 in each epoch."""
    worst = [min(values) for values in zip(*f1.values(), strict=True)]
    return worst.index(max(worst)) + 1


# %% tags=["check"]
def draw(rng):
    epochs, names = rng.integers(1, 8), "abcd"[: rng.integers(1, 5)]
    return ({name: (rng.integers(1, 9, epochs) / 8).tolist() for name in names},)


@exercise("07.3", best_epoch, draw=draw)
def check(best_epoch):
    cases = [
        ({"a": [0.7, 0.1], "b": [0.6, 0.9]}, 1),
        (
            {
                "coat": [0.60, 0.55, 0.70, 0.50],
                "shirt": [0.30, 0.50, 0.45, 0.40],
                "bag": [0.80, 0.90, 0.95, 0.99],
            },
            2,
        ),
        ({"a": [0.9, 0.5, 0.6], "b": [0.2, 0.5, 0.4], "c": [1.0, 0.7, 0.8]}, 2),
        ({"a": [0.4, 0.6, 0.6, 0.6], "b": [0.7, 0.8, 0.9, 0.65]}, 2),
        ({"a": [0.2, 0.6, 0.7], "b": [0.9, 0.7, 0.3]}, 2),
    ]
    for f1, epoch in cases:
        found = best_epoch({name: list(values) for name, values in f1.items()})
        expect(
            isinstance(found, (int, np.integer)),
            f"Return the number of an epoch, not {found!r}.",
        )
        expect(
            found != 0,
            "One too early: epochs are counted from 1, the items of a list from 0.",
        )
        table = np.array(list(f1.values()))
        worst, lowest = table.min(axis=0), table[np.argmin(table.min(axis=1))]
        mistakes = {
            (
                "Of equally good epochs the first is kept: later ones are no "
                "improvement."
            ): (len(worst) - worst[::-1].argmax()),
            (
                "That epoch has the best *mean* F1: there a good bag makes up for a "
                "bad shirt."
            ): (table.mean(axis=0).argmax() + 1),
            (
                "You followed one class. Which class is worst may change from epoch "
                "to epoch."
            ): (lowest.argmax() + 1),
        }
        expect_close(found, epoch, f"For {f1} it returns {found}.", mistakes)


# %% tags=["wrong"] hint="best *mean* F1"
def best_epoch(f1):
    return int(np.argmax(np.mean(list(f1.values()), axis=0))) + 1


# %% tags=["wrong"] hint="counted from 1"
def best_epoch(f1):
    return int(np.argmax(np.min(list(f1.values()), axis=0)))


# %% tags=["wrong"] hint="You followed one class"
def best_epoch(f1):
    lowest = min(f1.values(), key=min)
    return lowest.index(max(lowest)) + 1


# %% tags=["wrong"] hint="the first is kept"
def best_epoch(f1):
    worst = np.min(list(f1.values()), axis=0)
    return len(worst) - int(np.argmax(worst[::-1]))


# %% [markdown]
# ## Weights that follow the worst class
#
# Now act on what you see. After each epoch, every class gets a weight in the loss for the next one. The worse the class
# did, the larger its weight: it is proportional to $1 - F_1$ on the training images, and the ten weights have a mean
# of 1. In the loss, one shirt then counts as much as several boots. The validation images play no part in this, so they
# may judge.


# %%
class FollowWorst(keras.callbacks.Callback):
    """After each epoch, set the class weights in proportion to 1 - F1."""

    def on_epoch_end(self, epoch, logs):
        missing = 1 - np.array([logs[f"class_f1_{name}"] for name in CLASSES])
        self.model.class_weights.assign(missing / missing.mean())


# %% [markdown] tags=["predict"]
# On validation images, what happens to the shirt's recall and to its precision: do they rise or fall? And will the worst
# F1 be at least 5 points higher than without weights?

# %% tags=["varies"]
weighted = network(Weighted)
weighted_snapshots = Snapshots()
weighted_history = train(weighted, epochs, [FollowWorst(), weighted_snapshots])
print("weight of the shirt:", round(float(weighted.class_weights[6]), 1))


# %%
def both(figure):
    """Return a figure of the shirt in each epoch, with and without weights."""
    key = f"val_class_{figure}_shirt"
    return {"with weights": weighted_history[key], "without": history[key]}


# %%
per_class.panels(
    range(1, epochs + 1),
    {"recall": both("recall"), "precision": both("precision"), "F1": both("f1")},
    title="The shirt with and without weights, validation",
    x_label="epoch",
    y_label="share",
)

# %% [markdown]
# Both networks began with the same weights and saw the same batches, so the class weights make the difference. A single
# epoch says little about one class. Compare the means of the last five.


# %% tags=["varies"]
def gain(key):
    """Return weighted minus plain in points, the mean of the last five epochs."""
    return 100 * np.mean(np.subtract(weighted_history[key], history[key])[-5:])


for figure in ("recall", "precision", "f1"):
    print(f"the shirt's {figure:9} {gain(f'val_class_{figure}_shirt'):+5.1f} points")

# %% [markdown] tags=["answer"]
# The shirt's recall rises with every seed, and its precision falls with every seed. So does the accuracy in all of our
# runs, though with some seeds by so little that we do not promise it for others. On these validation images, the
# weights change these measures:
#
# | measure | change |
# | --- | --- |
# | the shirt's recall | {{07.gain_shirt_recall}} |
# | the shirt's precision | {{07.gain_shirt_precision}} |
# | the shirt's F1 | {{07.gain_shirt_f1}} |
# | the accuracy | {{07.gain_accuracy}} |
# | the worst F1, the reason for the weights | {{07.gain_worst_f1}} |
#
# **In none of our runs does the worst F1 gain five points.** Whether the weights change it at all, these runs cannot
# tell. That row is so close to the row of the shirt's F1 because the shirt is nearly always the worst class in these
# epochs.

# %%
bound(
    "07.gain_shirt_recall",
    "gain in the shirt's recall",
    gain("val_class_recall_shirt"),
    at_least={"full": 0},
    digits=1,
    unit="points",
)

# %%
bound(
    "07.gain_shirt_precision",
    "gain in the shirt's precision",
    gain("val_class_precision_shirt"),
    at_most={"full": 0},
    digits=1,
    unit="points",
)

# %%
for name, words, key in (
    ("07.gain_accuracy", "gain in accuracy", "val_accuracy"),
    ("07.gain_shirt_f1", "gain in the shirt's F1", "val_class_f1_shirt"),
    ("07.gain_worst_f1", "gain in the worst F1", "val_class_worst_f1"),
):
    spread(name, words, gain(key), digits=1, unit="points")

# %% [markdown]
# All seeds share the same 200 or so shirts, so they cannot say whether other shirts would show the same. A bootstrap
# over the images can estimate how much the change would vary with other shirts. Count how often each image is called a
# shirt in the last five epochs, with weights and without. Then draw the shirts again and again, with replacement, and
# look at the mean change. Do the same for the other clothes.


# %%
def called_shirt(model, weights):
    """Return how often each validation image is called a shirt, in percent."""
    called = []
    for epoch_weights in weights[-5:]:
        model.set_weights(epoch_weights)
        called.append(np.argmax(model(x_validation), axis=1) == CLASSES.index("shirt"))
    return 100 * np.mean(called, axis=0)


plain_calls = called_shirt(model, snapshots.weights)
weighted_calls = called_shirt(weighted, weighted_snapshots.weights)

# %% tags=["varies"]
from course.evidence import paired_bootstrap

change = weighted_calls - plain_calls
is_shirt = clothes.y_validation == CLASSES.index("shirt")
found = paired_bootstrap(np.mean, change[is_shirt])
invented = paired_bootstrap(np.mean, change[~is_shirt])
print(f"shirts called a shirt: {found.low:+.1f} to {found.high:+.1f} points")
print(f"others called a shirt: {invented.low:+.1f} to {invented.high:+.1f} points")

# %%
spread(
    "07.found_low",
    "more shirts found, low end over the images",
    found.low,
    digits=1,
    unit="points",
)

# %%
spread(
    "07.invented_low",
    "more other clothes called shirts, low end over the images",
    invented.low,
    digits=1,
    unit="points",
)

# %% [markdown]
# The intervals contain 99% of all draws. With almost every seed, both lie above 0. The low end of the first is
# {{07.found_low:sign}}; that of the second is {{07.invented_low:sign}}.
#
# So a weight moves the border between the shirt and its neighbors: the network finds more shirts, and calls more other
# clothes shirts. You pay for recall with precision, and F1 weighs both. Here the two nearly cancel. For a clear gain in
# F1, this network would have to tell the classes *apart* better. More images may help, or a network made for images.
# Weights are the right tool when one kind of error costs more than the other, and you can say how much (lesson 09).

# %% [markdown]
# ## What you have learned
#
# - A confusion matrix, counted batch by batch, gives precision, recall and F1 of every class in every epoch. Written as
#   one metric whose result is a dictionary, it works in `fit` and agrees with scikit-learn.
# - An accuracy of four fifths can hide a class that the network misses more often than not. The recall of one class
#   jumps from epoch to epoch while the accuracy stays steady. With equally large classes the mean recall *is* the
#   accuracy, so the two check each other in any log.
# - A `train_step` with `compiled_loss` and `compiled_metrics` still runs in Keras 3. Here it trained correctly, and
#   logged the mean prediction as the loss.
# - Write a metric for whatever follows from labels and predictions. Override `train_step` to log the gradient or to
#   change the weights in the loss, with `compute_loss` and `compute_metrics` or with `super()`, and compare it with
#   plain fit.
# - `EarlyStopping` can stop on any entry of the history, such as the worst class; pass `mode="max"`. The best of many
#   noisy values includes luck.
# - Class weights trade precision for recall. They move the border between classes. Here they lowered the accuracy a
#   little, and these runs could not tell whether the F1 of the worst class changes.
#
# ## Try next
#
# - Replace the dense network in `network` with the small convolutional one of lesson 11, with
#   `keras.layers.Reshape((28, 28, 1))` in front. Which rises more, the accuracy or the worst F1?
# - In the table of counts, merge shirt and T-shirt into one class. How much of the missing accuracy is due to this one
#   border?
# - Let `network` end without softmax, with `from_logits=True` in the loss. What "loss" does `OldWay` log now?
# - Let `EarlyStopping` watch `val_loss`, with `mode="min"`. Does it stop earlier than with the worst F1?
