# ---
# title: "Pretraining: does a better backbone make a better detector?"
# part: 4 Combine and scale
# objectives:
#   - say what an anchor-free detector answers in each cell, and turn its answers into boxes
#   - compute intersection over union, non-maximum suppression and average precision by hand
#   - explain why batch normalization can ruin a short run whose training went well
#   - carry a pretrained backbone to another task, and re-tune the optimizer for it
#   - split a published gain fairly between new weights and a new optimizer
# prerequisites:
#   - "lesson 03 (Classification): softmax and cross-entropy"
#   - "lesson 05 (Digits): choosing on validation rows, opening the test rows once"
#   - "lesson 07 (Per-class metrics): precision and recall"
#   - "lesson 13 (Ensembles): paired differences, batch normalization"
# data: [mnist]
# reading:
#   - "Wightman, Touvron, Jegou, *ResNet strikes back: an improved training procedure in timm*, 2021, arXiv:2110.00476"
#   - "MMDetection, *ResNet strikes back*, configs/resnet_strikes_back/README.md and pull request 7001, github.com/open-mmlab/mmdetection, 2022 (the published figures)"
#   - "MMClassification (now MMPretrain), *ResNet*, configs/resnet/README.md, github.com/open-mmlab/mmpretrain, 2022 (rsb-a1)"
#   - "Zhou, Wang, Krähenbühl, *Objects as points*, 2019, arXiv:1904.07850 (a detector without anchors)"
#   - "He, Zhang, Ren, Sun, *Deep residual learning for image recognition*, 2016, arXiv:1512.03385"
#   - "Kornblith, Chen, Lee, Norouzi, *Why do better loss functions lead to less transferable features?*, 2021, arXiv:2010.16402"
#   - "Lin et al., *Microsoft COCO: common objects in context*, 2014, arXiv:1405.0312 (the benchmark; its evaluation is the program pycocotools)"
# ---

# %% [markdown]
# A detector need not be trained from nothing. One takes a network that has learned to classify, cuts off its last
# layer, and continues. That first network is the **backbone**. So a better way to train classifiers should give
# better detectors, for free. Does it? Here is what was published, for ResNet-50 and the detector Faster R-CNN:
#
# | backbone trained by | its accuracy on ImageNet | optimizer of the detector | mAP of the detector on COCO |
# | --- | --- | --- | --- |
# | the old recipe | 76.1 % | SGD, rate 0.02 | 37.4 |
# | a stronger recipe (Wightman et al., 2021) | 80.1 % | AdamW, rate 0.0002, decay 0.05 | 40.8 |
#
# (mAP, mean average precision, is the score of detectors; we shall build it. Sources, all in the reading: MMDetection's
# configurations and notes; for the 80.1 %, MMClassification's list of models. The paper's own network reached 80.4 %.
# With three other detectors the gain was 2.5 to 3.6.)
#
# Same network, 3.4 points more. But look at the third column: the optimizer changed as well, and the notes say that
# its rate and decay come from a search. The table has two rows. **Two things changed, so two rows are missing**: new
# weights with the old optimizer, and old weights with the new one. This lesson fills in all four, in miniature:
# digits for ImageNet, a network of a few layers for ResNet-50, and canvases of digits for COCO.
#
# Results in the text are those of full mode. `fast` runs the same cells on so little that detectors learn nothing.

# %% tags=["parameters"]
seed: int = 0  # seed of the canvases and of the first run, 0 to 1000000
fast: bool = False  # smaller canvases and fewer of them, one run
runs: int = 3  # runs of every arm that are compared, 1 to 10, fast 1
pretraining_share: float = 0.2  # share of the digits, 0.01 to 0.9, fast 0.025
weak_epochs: int = 2  # passes over the digits in the weak recipe, 1 to 50, fast 1
strong_epochs: int = 4  # passes over the digits in the strong recipe, 1 to 50, fast 1
cells: int = 8  # cells along the side of a canvas, 4 to 16, fast 4
canvases: int = 640  # canvases that a detector learns from, 16 to 5000, fast 16
test_canvases: int = 300  # canvases to validate and to test, 20 to 5000, fast 20
detector_epochs: int = 4  # passes over the canvases, 1 to 50, fast 1

# %%
from course.lesson import begin

begin("14_pretraining", globals())

# %% [markdown]
# ## Digits on canvases
#
# The first fifth of the training digits is our ImageNet: it serves for pretraining only. The others are strewn over
# canvases, one to three on each. Validation canvases get validation digits, test canvases test digits: **no digit is
# seen in two roles**.

# %%
import numpy as np

from course.data import load
from course.topics.detection import CELL, draw_canvases

digits = load("mnist", fast=fast)
known = int(pretraining_share * len(digits.x_train))


# %%
def draw(x, y, number, stream):
    return draw_canvases(
        x, y, number, random=np.random.default_rng([seed, stream]), size=cells * CELL
    )


pictures, truth = {}, {}
rest = digits.x_train[known:], digits.y_train[known:]
pictures["train"], truth["train"] = draw(*rest, canvases, 0)
pictures["validation"], truth["validation"] = draw(
    digits.x_validation, digits.y_validation, test_canvases, 1
)
pictures["test"], truth["test"] = draw(digits.x_test, digits.y_test, test_canvases, 2)
print({part: array.shape for part, array in pictures.items()}, truth["train"].box[0])

# %% [markdown]
# A box is four numbers in pixels: left, top, right, bottom. In our figures what is true is dashed and grey; what a
# detector found is blue where it is right, and orange, dash-dotted, where it is wrong.

# %%
from course.topics.detection import show_canvases

nothing = truth["train"].where(slice(0))
title = "Eight training canvases and their true boxes"
show_canvases(pictures["train"], truth["train"], nothing, title=title)

# %% [markdown]
# ## What a detector answers
#
# A classifier gives one answer a picture. A detector does not know how many answers are wanted. A simple way out,
# in the spirit of Zhou et al. (2019): lay a grid over the canvas, here cells of 8 by 8 pixels, and let **every cell**
# answer three questions. Is the center of an object in me? If so, where in me, and how wide and high is the object?
# And which digit is it? That is 1 + 4 + 10 numbers a cell, and the network is a classifier that did not average over
# places. (It is **anchor-free**: Faster R-CNN corrects fixed boxes, the anchors, several at each place. Zhou et al.
# draw a map of centers for each class; here center and class are asked apart.) `encode` writes down the right answers:

# %%
from course.topics.detection import encode

targets = encode(truth["train"], canvases, cells=cells)
print(targets.shape, "; centers on the first canvas, by cell:")
print(targets[0, :, :, 0].astype(int))

# %%
occupied = targets[targets[..., 0] == 1]
print(
    "center right and down in the cell, log width, log height, class:",
    occupied[0, 1:].round(2),
)
print(
    f"centers: {len(occupied)} in {targets[..., 0].size} cells, one in"
    f" {targets[..., 0].size / len(occupied):.0f}"
)

# %% [markdown]
# Logarithms, so that a width twice too large and one half of what it should be are equally wrong. And since centers
# are rare, "no center anywhere" is right nearly everywhere: plain accuracy would be a useless score. (Of two
# centers in one cell `encode` keeps one. Digits this large seldom come so close.)

# %% [markdown]
# ### Exercise 14.1: how far do two boxes agree?
#
# Detections are judged by their **intersection over union**: the area that both boxes cover, divided by the area that
# at least one covers. 1 means equal, 0 apart. Compare one box with many at once.


# %% tags=["solution"]
def intersection_over_union(box, boxes):
    """Return the overlap of `box` (4,) with each of `boxes` (n, 4), as an array
    (n,)."""
    width = np.minimum(box[2], boxes[:, 2]) - np.maximum(box[0], boxes[:, 0])
    height = np.minimum(box[3], boxes[:, 3]) - np.maximum(box[1], boxes[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return shared / ((box[2] - box[0]) * (box[3] - box[1]) + areas - shared)


# %% tags=["helper"]
def misjudged(box, boxes):
    """What overlaps become by typical mistakes: hint -> values."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared, area = np.maximum(sides, 0).prod(axis=1), (box[2:] - box[:2]).prod()
    areas, unclipped = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1), sides.prod(axis=1)
    apart = (
        "Boxes apart share nothing, but your sides come out negative, and negative"
        " times negative is positive."
    )
    one = (
        "You divided by the area of one box. Then a small box inside a large one, or"
        " around it, is a full match."
    )
    return {
        "The sum of both areas counts what they share twice. Take it off once.": (
            shared / (area + areas)
        ),
        apart: unclipped / (area + areas - unclipped),
        f"{apart} Cut each side off at 0, before you multiply.": (
            np.maximum(unclipped, 0) / (area + areas - np.maximum(unclipped, 0))
        ),
        one: shared / area,
        (
            "You divided by the smallest box around both. It has corners that neither "
            "covers."
        ): (
            shared
            / (
                np.maximum(box[2:], boxes[:, 2:]) - np.minimum(box[:2], boxes[:, :2])
            ).prod(axis=1)
        ),
        f"{one} (Here by that of the second.)": shared / areas,
        f"{one} (Here by that of the smaller.)": shared / np.minimum(area, areas),
    }


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close


def draw(rng):
    corners = rng.integers(0, 12, (rng.integers(2, 7), 2)).astype(float)
    boxes = np.hstack([corners, corners + rng.integers(1, 9, corners.shape)])
    return boxes[0], boxes[1:]


@exercise("14.1", intersection_over_union, draw=draw)
def check(overlap):
    box = np.array([10.0, 10.0, 20.0, 30.0])
    cases = {  # left, top, right, bottom: overlap
        (10, 10, 20, 30): 1,
        (15, 10, 25, 30): 1 / 3,
        (15, 20, 25, 40): 1 / 7,
        (10, 10, 15, 20): 1 / 4,
        (0, 0, 40, 40): 1 / 8,
        (40, 10, 50, 30): 0,
        (40, 50, 50, 60): 0,
        (20, 10, 30, 30): 0,
    }
    boxes, true = np.array(list(cases), dtype=float), list(cases.values())
    found = overlap(box.copy(), boxes.copy())
    one_each = found is None or np.shape(found) == (len(cases),)
    expect(
        one_each,
        f"{len(cases)} boxes need an array of {len(cases)}, not one of shape"
        f" {np.shape(found)}.",
    )
    wrong = next(
        (
            case
            for case, t, f in zip(cases, true, found, strict=True)
            if abs(t - f) > 1e-6
        ),
        None,
    )
    hint = (
        f"The overlap of (10, 10, 20, 30) with {wrong} should be"
        f" {cases.get(wrong, 0):.3f}."
    )
    expect_close(found, true, hint, misjudged(box, boxes))


# %% tags=["wrong"] hint="Take it off once"
def intersection_over_union(box, boxes):
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return np.maximum(sides, 0).prod(axis=1) / ((box[2:] - box[:2]).prod() + areas)


# %% tags=["wrong"] hint="before you multiply"
def intersection_over_union(box, boxes):
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.maximum(sides.prod(axis=1), 0)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return shared / ((box[2:] - box[:2]).prod() + areas - shared)


# %% tags=["wrong"] hint="a small box inside a large one"
def intersection_over_union(box, boxes):
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    return np.maximum(sides, 0).prod(axis=1) / (box[2:] - box[:2]).prod()


# %% tags=["wrong"] hint="corners that neither covers"
def intersection_over_union(box, boxes):
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    around = np.maximum(box[2:], boxes[:, 2:]) - np.minimum(box[:2], boxes[:, :2])
    return np.maximum(sides, 0).prod(axis=1) / around.prod(axis=1)


# %% tags=["wrong"] hint="should be 0.333"
def intersection_over_union(box, boxes):
    return (boxes == box).all(axis=1).astype(float)


# %% [markdown]
# ### One object, many boxes
#
# Neighboring cells often see the same digit, and each announces it. **Non-maximum suppression** cleans up: take the
# most confident box, remove all others that overlap it too much, take the most confident of those that are left, and
# so on. (For boxes of one canvas and one class: a 3 does not remove an 8.)

# %% [markdown]
# ### Exercise 14.2: non-maximum suppression
#
# `overlaps(boxes, boxes)` of `course.topics.detection` compares all pairs at once: an array (n, n).

# %%
from course.topics.detection import overlaps

trio = np.array([[0, 0, 10, 10], [3, 0, 13, 10], [6, 0, 16, 10]])
print(overlaps(trio, trio).round(2))


# %% tags=["solution"]
def keep(boxes, scores, limit):
    """Return the numbers of the boxes (n, 4) that are kept, the best first; overlaps
    above `limit` are removed."""
    overlap, left, kept = overlaps(boxes, boxes), list(np.argsort(-scores)), []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [other for other in left if overlap[best, other] <= limit]
    return kept


# %% tags=["check"]
def draw(rng):
    corners = rng.integers(0, 8, (rng.integers(1, 8), 2)).astype(float)
    boxes = np.hstack([corners, corners + rng.integers(3, 9, corners.shape)])
    scores = rng.permutation(len(boxes)) / 10 + 0.1
    return boxes, scores, float(rng.choice([0.1, 0.25, 0.5]))


@exercise("14.2", keep, draw=draw)
def check(keep):
    apart, half = np.array(
        [[[0, 0, 4, 4], [20, 20, 24, 24]], [[0, 0, 4, 4], [0, 0, 4, 2]]]
    )
    order, chain = (
        "Best first: go through the boxes by falling score, not as they come.",
        "removed itself",
    )
    numbers = (
        "Return the numbers of the boxes that stay, such as [0, 2], neither the boxes"
        " themselves nor a mask."
    )
    cases = [  # boxes, scores, limit, what is kept, what a different answer means
        (
            trio[:2],
            [0.9, 0.6],
            0.5,
            [0],
            "Of two boxes that overlap by 0.54, the limit being 0.5, the better stays.",
        ),
        (
            trio[:2],
            [0.9, 0.6],
            0.6,
            [0, 1],
            "With a limit of 0.6 an overlap of 0.54 is no reason to remove a box.",
        ),
        (
            half,
            [0.9, 0.6],
            0.5,
            [0, 1],
            "Removed is what overlaps by *more* than the limit; 0.5 is not above 0.5.",
        ),
        (trio[:2], [0.6, 0.9], 0.5, [1], order),
        (apart, [0.2, 0.7], 0.5, [1, 0], f"{order} Boxes that lie apart all stay."),
        (
            trio,
            [0.9, 0.8, 0.7],
            0.5,
            [0, 2],
            f"The third overlaps only the second, which was {chain}: it stays.",
        ),
        (
            trio,
            [0.7, 0.9, 0.8],
            0.5,
            [1],
            "The middle box is the best and overlaps both others: it alone stays.",
        ),
        (
            trio[[0, 0, 0]],
            [0.5, 0.7, 0.6],
            0.5,
            [1],
            "Of three equal boxes the best stays, and only that.",
        ),
    ]
    for boxes, scores, limit, true, hint in cases:
        found = keep(boxes.copy(), np.array(scores), limit)
        expect(
            found is None or (np.ndim(found) == 1 and np.asarray(found).dtype != bool),
            numbers,
        )
        expect(
            [int(number) for number in found] == true,
            f"{hint} (Scores {scores}: kept {list(map(int, found))}.)",
        )


# %% tags=["wrong"] hint="by falling score"
def keep(boxes, scores, limit):
    overlap, kept = overlaps(boxes, boxes), []
    for number in range(len(boxes)):
        if all(overlap[number, other] <= limit for other in kept):
            kept.append(number)
    return kept


# %% tags=["wrong"] hint="removed itself"
def keep(boxes, scores, limit):
    overlap, order = overlaps(boxes, boxes), list(np.argsort(-scores))
    return [
        n
        for place, n in enumerate(order)
        if all(overlap[n, better] <= limit for better in order[:place])
    ]


# %% tags=["wrong"] hint="*more* than the limit"
def keep(boxes, scores, limit):
    overlap, left, kept = overlaps(boxes, boxes), list(np.argsort(-scores)), []
    while left:
        kept.append(left.pop(0))
        left = [other for other in left if overlap[kept[-1], other] < limit]
    return kept


# %% tags=["wrong"] hint="no reason to remove"
def keep(boxes, scores, limit):
    overlap, kept = overlaps(boxes, boxes), []
    for number in np.argsort(-scores):
        if all(overlap[number, other] == 0 for other in kept):
            kept.append(number)
    return kept


# %% [markdown]
# ## A score for detectors
#
# A detection is **right** if it overlaps a true box of its class by at least 0.5; each true box can be found only once.
# Where to cut off by confidence? Average precision does not choose. Go down the list of detections, the most confident
# first, and note after each
#
# - the **precision**: the share of the detections so far that are right,
# - the **recall**: the share of all true boxes found so far.
#
# The better the list, the longer precision stays high while recall grows. **Average precision** (AP) is the height of
# the curve of precision against recall, averaged; COCO's program reads it at 101 levels of recall: 0, 0.01, ..., 1. At
# each level counts the greatest precision reached *at this recall or beyond*, and 0 where the list never gets so far.
# The mean of AP over the classes is **mAP**. (COCO's headline figure is also the mean over ten demands on the overlap,
# 0.5 to 0.95; ours demands 0.5, written mAP@.5.)
#
# By hand: four true boxes, three detections, right, wrong, right.

# %%
right = np.array([True, False, True])
hits = np.cumsum(right)
print("precision:", hits / np.arange(1, 4), " recall:", hits / 4)

# %% [markdown]
# Up to a recall of 0.25 (26 levels, since 0 counts) the greatest precision is 1. From there to 0.5 (25 levels) it is
# 2/3. The other 50 levels are never reached: $(26 \cdot 1 + 25 \cdot 2/3 + 50 \cdot 0)/101$.

# %%
from course.topics.detection import average_precision

print(f"{average_precision(right, 4):.4f} = {(26 + 25 * 2 / 3) / 101:.4f}")

# %% [markdown]
# The course's tests hold its `mean_average_precision` to COCO's own program, on random boxes.

# %% [markdown] tags=["quiz"]
# A detector finds every true box, all with high confidence and rightly. Then it adds a thousand wrong boxes of low
# confidence. What happens to its AP?
#
# - [ ] It falls to about zero, since nearly all of its boxes are wrong.
#   AP does not count the boxes. At each level of recall it asks for the best precision there or beyond, and the wrong
#   ones come last.
# - [ ] It falls to half.
#   Nothing is halved: the wrong boxes come after all the right ones.
# - [x] Nothing.
#   At every level of recall counts the greatest precision there or beyond, and that was reached before the first
#   wrong box. AP is the right score for comparing detectors, and the wrong one for deciding whether to show a user
#   all these boxes: for that choose a threshold, as in lesson 08.
# - [ ] It depends on how low the confidence is.
#   Only the *order* matters. They come last, however low their confidence is.

# %% [markdown]
# ### Exercise 14.3: average precision
#
# Write it, for a list `right` (best first) and the number of true boxes.


# %% tags=["solution"]
def precision_on_average(right, truths):
    """Return the mean over the 101 levels 0, 0.01, ..., 1 of the greatest precision at
    that recall or beyond."""
    hits = np.cumsum(right)
    precision, recall = hits / np.arange(1, len(right) + 1), hits / truths
    return np.mean(
        [max(precision[recall >= level], default=0) for level in np.linspace(0, 1, 101)]
    )


# %% tags=["helper"]
def misread(right, truths):
    """What average precision becomes by typical mistakes: hint -> value."""
    hits, levels = np.cumsum(right), np.linspace(0, 1, 101)
    precision, recall = hits / np.arange(1, len(right) + 1), hits / truths
    reached = [precision[recall >= level] for level in levels]
    complete = [max(precision[hits >= level * hits[-1]]) for level in levels]
    first = [values[0] if len(values) else 0 for values in reached]
    return {
        (
            "You took the precision where a level is first reached: take the greatest "
            "there *or beyond*."
        ): np.mean(first),
        "Levels that the list never reaches count too, as 0.": np.mean(
            [max(values) for values in reached if len(values)]
        ),
        "Recall is the share of all *true boxes*, also of those never found.": np.mean(
            complete
        ),
        (
            "You added up one height for each right detection. Read the curve at 101 "
            "levels of recall."
        ): (precision @ right / truths),
    }


# %% tags=["check"]
def draw(rng):
    right = rng.random(rng.integers(1, 10)) < 0.6
    truths = [t for t in (3, 7, 9, 11, 13) if t >= right.sum()]
    return right, int(rng.choice(truths))


@exercise("14.3", precision_on_average, draw=draw)
def check(answer):
    for right, truths in (
        ([1, 0, 1], 4),
        ([0, 1, 1, 0, 1], 3),
        ([1, 1], 2),
        ([0, 0], 5),
        ([1, 0, 0, 1, 1, 1, 0], 8),
    ):
        found, true = (
            answer(np.array(right, dtype=bool), truths),
            average_precision(right, truths),
        )
        hint = (
            f"For {right} and {truths} true boxes it should be {true:.4f}; yours:"
            f" {found}."
        )
        expect_close(found, true, hint, misread(right, truths))


# %% tags=["wrong"] hint="or beyond"
def precision_on_average(right, truths):
    hits = np.cumsum(right)
    precision, recall = hits / np.arange(1, len(right) + 1), hits / truths
    levels = np.linspace(0, 1, 101)
    return np.mean(
        [
            precision[np.argmax(recall >= level)] if level <= recall[-1] else 0
            for level in levels
        ]
    )


# %% tags=["wrong"] hint="also of those never found"
def precision_on_average(right, truths):
    hits = np.cumsum(right)
    precision, recall = hits / np.arange(1, len(right) + 1), hits / max(sum(right), 1)
    return np.mean(
        [max(precision[recall >= level], default=0) for level in np.linspace(0, 1, 101)]
    )


# %% tags=["wrong"] hint="never reaches count"
def precision_on_average(right, truths):
    hits = np.cumsum(right)
    precision, recall = hits / np.arange(1, len(right) + 1), hits / truths
    return np.mean(
        [
            max(precision[recall >= level])
            for level in np.linspace(0, 1, 101)
            if level <= recall[-1]
        ]
    )


# %% [markdown]
# ## A backbone
#
# Ours is residual, like ResNet: a block computes a *correction* to its input, by two convolutions, and adds it (He et
# al., 2016). All in all it shrinks a picture eightfold, so that one place of its output is one cell of a canvas.

# %%
import keras
from keras import layers, ops


def convolution(x, channels, size, stride=1, momentum=0.9):
    x = layers.Conv2D(channels, size, strides=stride, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=momentum)(x)


def residual(x, channels, stride, momentum):
    correction = layers.ReLU()(convolution(x, channels, 3, stride, momentum))
    correction = convolution(correction, channels, 3, 1, momentum)
    if stride > 1:  # then the input must shrink as well
        x = convolution(x, channels, 1, stride, momentum)
    return layers.ReLU()(layers.Add()([x, correction]))


# %%
def backbone(side, momentum=0.9):
    """From pictures (side, side, 1) to features (side / 8, side / 8, 48), rounded
    up."""
    picture = keras.Input((side, side, 1))
    x = layers.ReLU()(convolution(picture, 24, 6, 4, momentum))
    return picture, residual(residual(x, 24, 1, momentum), 48, 2, momentum)


def classifier(momentum=0.9):
    picture, features = backbone(28, momentum)
    return keras.Model(
        picture, layers.Dense(10)(layers.GlobalAveragePooling2D()(features))
    )


keras.utils.set_random_seed(seed)
print(
    f"{classifier().count_params():,} parameters, {len(classifier().get_weights())}"
    " arrays"
)

# %% [markdown]
# Nothing in a convolution depends on the size of the picture. So weights learned on digits of 28 by 28 pixels fit the
# same layers over a whole canvas.
#
# We shall train many networks. Compiling costs more than a short run, so each kind of network is compiled once, and
# begins anew with other weights and an empty optimizer. (That sets its learning rate to 0 too: a recipe sets its own.)


# %%
def restart(model, weights):
    model.set_weights(weights)
    for variable in model.optimizer.variables:
        variable.assign(ops.zeros_like(variable))


def as_input(images):
    return images[..., None] / np.float32(255)


x_known, y_known = (
    as_input(digits.x_train[:known]),
    keras.utils.to_categorical(digits.y_train[:known], 10),
)
x_check, y_check = as_input(digits.x_validation[::2]), digits.y_validation[::2]


# %% [markdown]
# ### A trap on the way
#
# The weak recipe is the plainest: SGD with momentum, a constant rate, two passes. Try its first pass, twice, with the
# same seed. The two networks differ in one number: the momentum of **batch normalization**, 0.99 (the default in Keras)
# or 0.9.


# %%
def weak(model, seed, epochs):
    """Train `model` from fresh weights by the weak recipe;
    return the loss of each epoch."""
    keras.utils.set_random_seed(seed)
    restart(model, classifier().get_weights())
    model.optimizer.learning_rate = 0.01
    return model.fit(
        x_known, y_known, batch_size=128, epochs=epochs, verbose=0
    ).history["loss"]


def compiled(model, optimizer, loss):
    # Compiling does not pay for the few steps of fast mode.
    model.compile(optimizer, loss, run_eagerly=fast, jit_compile=False)
    # if `fit` made them, it would compile its first step twice
    optimizer.build(model.trainable_variables)
    return model


def cross_entropy(smoothing=0.0):
    return keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing
    )


def accuracy(model):
    return np.mean(ops.argmax(model(x_check, training=False), axis=1) == y_check)


# %% [markdown] tags=["predict"]
# Batch normalization scales each feature by the mean and variance *of the batch* while it trains. For predictions it
# uses running averages; momentum 0.99 means that each step replaces 1 % of them. The pass has about 80 steps. Which of
# the two networks has the lower training loss after the pass? Which reads validation digits better, and by how much?

# %%
from keras.optimizers import SGD, AdamW

by_momentum = {
    value: compiled(classifier(value), SGD(momentum=0.9), cross_entropy())
    for value in (0.99, 0.9)
}
losses = {value: weak(model, seed, epochs=1) for value, model in by_momentum.items()}

# %%
default, lower = accuracy(by_momentum[0.99]), accuracy(by_momentum[0.9])

# %%
from course.claims import bound, fact, spread

fact("14.same_loss", "both have the same training loss", losses[0.99] == losses[0.9])
spread("14.momentum_default", "validation accuracy, momentum 0.99", default)
spread("14.momentum_lower", "validation accuracy, momentum 0.9", lower)
bound(
    "14.momentum_lost",
    "accuracy lost by momentum 0.99",
    lower - default,
    at_least={"full": 0.3},
    digits=2,
)

# %% [markdown] tags=["answer"]
# The training losses are **the same, to the last bit**: training never uses the running averages. And the validation
# accuracy is {{14.momentum_default}} with 0.99, {{14.momentum_lower}} with 0.9.

# %% [markdown]
# After $n$ steps the averages still hold a share of $0.99^n$ of what they began with, mean 0 and variance 1:

# %%
steps = -(-known // 128)
print(
    f"{steps} steps: {0.99**steps:.0%} of the start left with momentum 0.99,"
    f" {0.9**steps:.2%} with 0.9"
)

# %% [markdown]
# Keras' default suits runs of thousands of steps. In a short one, take 0.9. Nothing in the training curve warns you.

# %% [markdown] tags=["quiz"]
# You find such a network, trained well, with running averages that lag behind. What repairs it with the least effort?
#
# - [ ] Training it again with a lower learning rate.
#   That may help in the end, but it changes weights that are right already, and takes longest.
# - [x] Sending training batches through it in training mode, without changing any weights.
#   The weights never saw the averages. Passing batches lets the averages settle; lesson 13 does this after it has
#   averaged weights.
# - [ ] Nothing: the weights have adapted to the wrong averages.
#   In training mode each batch brings its own statistics. So the weights have never met the averages and cannot have
#   adapted to them.
# - [ ] Rounding the weights.
#   Rounding changes every weight a little, and no average.

# %% [markdown]
# ## Two recipes
#
# The strong recipe borrows from the stronger ones for ImageNet: **augmentation** (every digit is turned, scaled and
# shifted anew in each pass), **label smoothing** (the right class is to get 0.91, each other 0.01), the optimizer
# **AdamW** with weight decay (Wightman et al. take its relative LAMB), a learning rate that falls along a **cosine**,
# and **more passes**.


# %%
def distort(images, random):
    """Turn, scale and shift each image:
    an affine map of the coordinates, around the middle."""
    number, middle = len(images), 13.5
    angle, scale = (
        random.uniform(-0.25, 0.25, number),
        random.uniform(0.8, 1.25, number),
    )
    across, down = random.uniform(-4, 4, (2, number)) + middle
    a, b = scale * np.cos(angle), scale * np.sin(angle)
    rows = [
        a,
        -b,
        across - middle * (a - b),
        b,
        a,
        down - middle * (a + b),
        0 * a,
        0 * a,
    ]
    return ops.convert_to_numpy(
        ops.image.affine_transform(images, np.stack(rows, axis=1).astype("float32"))
    )


# %%
from course import plots

ten = np.repeat(x_known[:2], 10, axis=0)
plots.images(
    distort(ten, np.random.default_rng(seed))[..., 0],
    title="Two digits, each distorted ten times",
)


# %%
class Cosine(keras.callbacks.Callback):
    """Lower the learning rate from `rate` to 0 over `steps` steps, along half a
    cosine."""

    def __init__(self, rate, steps):
        super().__init__()
        self.rate, self.steps = rate, steps

    def on_train_batch_begin(self, batch, logs=None):
        optimizer = self.model.optimizer
        optimizer.learning_rate = (
            self.rate * (1 + np.cos(np.pi * int(optimizer.iterations) / self.steps)) / 2
        )


def strong(model, seed, epochs):
    """Train `model` from fresh weights by the strong recipe."""
    keras.utils.set_random_seed(seed)
    restart(model, classifier().get_weights())
    random, falling = np.random.default_rng(seed), Cosine(0.003, epochs * steps)
    for _ in range(epochs):
        model.fit(
            distort(x_known, random),
            y_known,
            batch_size=128,
            callbacks=[falling],
            verbose=0,
        )


# %% [markdown]
# One network of each kind for every run, each with a seed of its own: seed 0 of the parameters cell makes runs 0, 1, 2,
# seed 1 makes runs 3, 4, 5. Without its last layer, the weights and bias of the ten classes, a classifier is a
# backbone:

# %%
seeds = range(runs * seed, runs * (seed + 1))
weak_model = by_momentum[0.9]
strong_model = compiled(
    classifier(), AdamW(weight_decay=0.05), cross_entropy(smoothing=0.1)
)
backbones, accuracies = {}, {"weak": [], "strong": []}
for number in seeds:
    weak(weak_model, number, weak_epochs)
    strong(strong_model, number, strong_epochs)
    for name, model in (("weak", weak_model), ("strong", strong_model)):
        backbones[name, number] = model.get_weights()[:-2]
        accuracies[name].append(accuracy(model))

# %%
weak_accuracy, strong_accuracy = (
    np.mean(accuracies["weak"]),
    np.mean(accuracies["strong"]),
)

# %%
spread("14.weak_accuracy", "accuracy by the weak recipe", weak_accuracy)
spread("14.strong_accuracy", "accuracy by the strong recipe", strong_accuracy)
bound(
    "14.recipe_gain",
    "strong recipe minus weak",
    strong_accuracy - weak_accuracy,
    at_least={"full": 0},
)

# %% [markdown]
# As classifiers: {{14.weak_accuracy}} for the weak recipe, {{14.strong_accuracy}} for the strong one (every second
# validation digit, mean over the runs). The strong recipe makes the better classifier with every seed. It takes more
# steps, which is part of the recipe, here as in the published one, which trained 600 epochs.

# %% [markdown]
# ## The detector
#
# A backbone, one convolution, and 15 numbers for each cell. Two details are there for short runs: the momentum of batch
# normalization, and a last bias that begins with what is right on average, "no center here, and if so, an object of
# the usual size".


# %%
def detector():
    picture, features = backbone(cells * CELL)
    hidden = layers.ReLU()(convolution(features, 64, 3))
    model = keras.Model(picture, layers.Conv2D(15, 1)(hidden))
    rarity = np.log(len(occupied) / targets[..., 0].size)
    model.layers[-1].bias.assign(
        [rarity, *occupied[:, 1:5].mean(axis=0), *np.zeros(10)]
    )
    return model


def detection_loss(target, answer):
    """Summed over cells: is a center here? And where one is:
    the error of the box, and the class."""
    there, label = target[..., 0], ops.cast(target[..., 5], "int32")
    center = ops.binary_crossentropy(there, answer[..., 0], from_logits=True)
    box = ops.sum(ops.abs(target[..., 1:5] - answer[..., 1:5]), axis=-1)
    name = ops.sparse_categorical_crossentropy(label, answer[..., 5:], from_logits=True)
    return ops.sum(center + there * (box + name), axis=(1, 2))


# %% [markdown]
# Two optimizers compete, as in the table: SGD with momentum, and AdamW with a decay of 0.05. All else is **equal for
# all arms**: canvases, steps, the cosine, and for each run the order of the canvases and the first weights of the new
# layers. What differs is the backbone's first weights, the optimizer and its rate. All layers are trained on. A
# detector's list of weights begins with those of its backbone, so these are simply put in front.

# %%
from functools import cache

optimizers = {"SGD": SGD(momentum=0.9), "AdamW": AdamW(weight_decay=0.05)}
detectors = {
    name: compiled(detector(), optimizer, detection_loss)
    for name, optimizer in optimizers.items()
}
x_canvases = as_input(pictures["train"])


# %%
@cache
def first_weights(number):
    keras.utils.set_random_seed(number)
    return detector().get_weights()


@cache
def trained(start, optimizer, rate, number):
    """Train a detector from backbone `start` in run `number`; return its weights."""
    # none: from scratch
    model, ready = detectors[optimizer], backbones.get((start, number), [])
    restart(model, ready + first_weights(number)[len(ready) :])
    keras.utils.set_random_seed(number)  # the order of the canvases
    falling = Cosine(rate, detector_epochs * -(-canvases // 16))
    model.fit(
        x_canvases,
        targets,
        batch_size=16,
        epochs=detector_epochs,
        callbacks=[falling],
        verbose=0,
    )
    return model.get_weights()


# %% [markdown]
# `decode` turns answers into boxes, the way back from `encode`: each cell gives one box, of its likeliest class. The
# box's confidence is the probability of a center times that of the class. Those below 0.02 are dropped, and non-maximum
# suppression (with a limit of 0.5) removes duplicates. Weights alone decide here, so one model serves all arms.

# %%
from course.topics.detection import decode, mean_average_precision


def detections(part, *arm):
    """What the detector of an arm (start, optimizer, rate, run) finds on the canvases
    of a part."""
    model = detectors["SGD"]
    model.set_weights(trained(*arm))
    return decode(model(as_input(pictures[part]), training=False))


# %% [markdown]
# ## Tune, on validation canvases
#
# A rate that is right for one start need not be right for another. **Plain** means: what somebody would do who swaps
# the weights in a working program. SGD, at the rate that is best for the *weak* backbone. **Re-tuned** means AdamW, at
# the rate that is best for *this* start. Both backbones get the same four rates to choose from and the same validation
# canvases to choose on, and choose in the first run only. (The detector from scratch borrows the rate of the weak
# backbone, to save time. Read its score as a lower bound.) The weak backbone is searched with both optimizers: for it,
# re-tuning is the step from the best SGD to the best AdamW. Momentum and decay are not searched.

# %%
rates = [0.001, 0.003, 0.01, 0.03]
tuned = {}
for start, optimizer in (("weak", "SGD"), ("weak", "AdamW"), ("strong", "AdamW")):
    found = [
        detections("validation", start, optimizer, rate, seeds[0]) for rate in rates
    ]
    tuned[start, optimizer] = [
        mean_average_precision(truth["validation"], boxes) for boxes in found
    ]

# %%
plots.lines(
    rates,
    {f"{start}, {optimizer}": scores for (start, optimizer), scores in tuned.items()},
    title="Choosing the learning rate",
    x_label="first learning rate",
    y_label="mAP@.5 on validation canvases",
    log="x",
)

# %% tags=["varies"]
best = {key: rates[int(np.argmax(scores))] for key, scores in tuned.items()}
# the swap: new weights, everything else as it was
best["strong", "SGD"] = best["weak", "SGD"]
best["scratch", "AdamW"] = best["weak", "AdamW"]
best

# %% [markdown]
# See how far one step of the rate moves a score: a comparison in which one side was tuned and the other was not says
# little. And look where each curve is highest. If that is at an end, a rate beyond might be better still.

# %% [markdown]
# ## The four corners
#
# Now all runs of all arms, and the test canvases, once.

# %% [markdown] tags=["predict"]
# Weights and optimizer, each old or new, and a detector from scratch for comparison. How much of the
# gain comes from swapping the weights alone, how much from re-tuning alone, and do the two add up? Does the weak
# backbone beat no pretraining at all?

# %%
corners = {
    "scratch, AdamW": ("scratch", "AdamW"),
    "weak, plain": ("weak", "SGD"),
    "strong, plain": ("strong", "SGD"),
    "weak, re-tuned": ("weak", "AdamW"),
    "strong, re-tuned": ("strong", "AdamW"),
}
found = {
    name: [detections("test", *corner, best[corner], number) for number in seeds]
    for name, corner in corners.items()
}
score = {
    name: np.array([mean_average_precision(truth["test"], one) for one in each])
    for name, each in found.items()
}

# %%
plots.bars(
    score, title=f"Detectors on test canvases, runs of each: {runs}", label="mAP@.5"
)

# %%
for name, key in zip(
    score,
    ("scratch", "weak_plain", "strong_plain", "weak_tuned", "strong_tuned"),
    strict=True,
):
    spread(f"14.{key}", f"mean mAP@.5, {name}", score[name].mean(), digits=2)

# %% [markdown] tags=["answer"]
# | mean mAP@.5 on test canvases | plain | re-tuned |
# | --- | --- | --- |
# | weak backbone | {{14.weak_plain}} | {{14.weak_tuned}} |
# | strong backbone | {{14.strong_plain}} | {{14.strong_tuned}} |
# | from scratch, rate borrowed | | {{14.scratch}} |

# %% [markdown]
# Each range is over whole lessons with other seeds, each value in it a mean over runs (the figure marks medians).
# Within a run the arms share canvases and order, so the honest yardstick is the **paired difference**, run by run:

# %% tags=["varies"]
pairs = {
    "swap": ("strong, plain", "weak, plain"),
    "tuning": ("weak, re-tuned", "weak, plain"),
    "both": ("strong, re-tuned", "weak, plain"),
    "backbone": ("strong, re-tuned", "weak, re-tuned"),
    "pretraining": ("weak, re-tuned", "scratch, AdamW"),
}
differences = {name: score[new] - score[old] for name, (new, old) in pairs.items()}
for name, (new, old) in pairs.items():
    print(f"{new} - {old}:", differences[name].round(3))

# %%
gain = {name: difference.mean() for name, difference in differences.items()}
beyond = gain["both"] - gain["swap"] - gain["tuning"]
gains = {"at_least": {"full": 0}, "digits": 2}

# %%
bound("14.gain_both", "both changes", gain["both"], **gains)
spread("14.gain_tuning", "re-tuning alone", gain["tuning"], digits=2)
spread("14.gain_swap", "swapping alone", gain["swap"], digits=2)
spread(
    "14.swap_wins",
    "runs in which swapping alone gains",
    sum(differences["swap"] > 0),
    digits=0,
)
spread("14.gain_beyond", "both beyond the sum of the two", beyond, digits=2)
bound(
    "14.gain_backbone", "the backbone, both sides re-tuned", gain["backbone"], **gains
)
bound(
    "14.backbone_least",
    "its least gain in a run",
    min(differences["backbone"]),
    **gains,
)
bound("14.gain_pretraining", "weak backbone against none", gain["pretraining"], **gains)

# %% [markdown] tags=["answer"]
# | | mAP@.5 gained | direction |
# | --- | --- | --- |
# | **both changes together**, as published | {{14.gain_both}} | {{14.gain_both:sign}} |
# | **re-tuning alone**, with the old weights | {{14.gain_tuning}} | {{14.gain_tuning:sign}} |
# | **swapping alone**, with the old optimizer | {{14.gain_swap}} | {{14.gain_swap:sign}} |
# | both, beyond the sum of the two | {{14.gain_beyond}} | {{14.gain_beyond:sign}} |
# | **the backbone, fairly**, both sides re-tuned | {{14.gain_backbone}} | {{14.gain_backbone:sign}} |
# | the weak backbone against none | {{14.gain_pretraining}} | {{14.gain_pretraining:sign}} |
#
# - Whatever re-tuning alone is worth has nothing to do with new weights, and the two published rows cannot show it.
# - Swapping alone gained in {{14.swap_wins}} of the three runs.
# - Do the two add up? A difference of differences is noisy, and so few runs cannot settle it.
# - The better backbone won **every run**; its least gain in a run is {{14.backbone_least}}. Three wins of three bear
#   little by themselves: a fair coin does as much in one trial of eight. What bears it is that every seed, with other
#   canvases and other first weights, says the same. For this task, the answer to the title is yes.
# - The gain of the weak backbone over none is an upper bound, since the rate is the weak one's.

# %% [markdown] tags=["quiz"]
# A paper reports a better detector after new pretraining, with its optimizer re-tuned by a search. You can afford one
# more experiment to find out what the new pretraining is worth. Which?
#
# - [ ] The new backbone with the old optimizer.
#   It holds the new backbone to a setting chosen for the old one, and answers what a careless swap is worth.
# - [x] The old backbone with an optimizer re-tuned by an equal search.
#   It completes the pair in which both backbones have the best setting that an equal search finds.
# - [ ] The new backbone once more, with another seed.
#   It tells how far seeds scatter. The question is which share of the gain the search has brought.
# - [ ] A detector from scratch.
#   It tells what any pretraining is worth, and nothing about the new one against the old.

# %% [markdown]
# ## What did pretraining improve?
#
# A detector has to *find* digits and to *name* them. Forget the names, on both sides: what is left is average
# precision for "a digit is here".

# %% [markdown] tags=["predict"]
# Which part of the task profits from the stronger backbone: finding, naming, or both alike?


# %%
from course.topics.detection import suppress


def nameless(boxes):
    return suppress(boxes._replace(label=0 * boxes.label))


finding = {
    name: np.array(
        [mean_average_precision(nameless(truth["test"]), nameless(one)) for one in each]
    )
    for name, each in found.items()
}

# %%
plots.bars(
    finding,
    title="The same detectors, names ignored",
    label="AP@.5 for finding a digit",
)

# %%
scratch, weakly, strongly = (
    finding[name].mean()
    for name in ("scratch, AdamW", "weak, re-tuned", "strong, re-tuned")
)
spread("14.finding_scratch", "finding, from scratch", scratch, digits=2)
spread("14.finding_weak", "finding, weak backbone", weakly, digits=2)
spread("14.finding_strong", "finding, strong backbone", strongly, digits=2)
a_tenth = {"at_least": {"full": -0.1}, "at_most": {"full": 0.1}}
bound(
    "14.finding_gain",
    "finding, strong backbone minus scratch",
    strongly - scratch,
    **a_tenth,
    digits=2,
)
both_tasks = score["strong, re-tuned"].mean() - score["scratch, AdamW"].mean()

# %%
bound(
    "14.naming_gain",
    "finding and naming, strong minus scratch",
    both_tasks,
    at_least={"full": 0.15},
    digits=2,
)

# %% [markdown] tags=["answer"]
# Finding works about equally well in every arm: {{14.finding_scratch}} from scratch, {{14.finding_weak}} with the weak
# backbone, {{14.finding_strong}} with the strong one. From scratch to the strong backbone, finding changes by
# {{14.finding_gain}}, and finding *with* naming by {{14.naming_gain}}. Four passes over a few hundred canvases are
# enough to learn where ink is, and too few to learn what ten digits look like: **that** is what pretraining on digits
# brings along. It helps where the first task teaches what the second needs and cannot teach itself from so little.


# %%
def sure(boxes):
    return boxes.where(boxes.score >= 0.3)


title = "Weak backbone, re-tuned: boxes with a confidence of at least 0.3"
boxes = sure(found["weak, re-tuned"][0])
show_canvases(pictures["test"], truth["test"], boxes, title=title)

# %%
title = "Strong backbone, re-tuned: the same canvases"
boxes = sure(found["strong, re-tuned"][0])
show_canvases(pictures["test"], truth["test"], boxes, title=title)

# %% [markdown]
# Sort the orange boxes: right place, wrong name; right name, but a box that overlaps too little; a second box for a
# digit already found; or no digit there at all. A dashed box that stands alone was found with less confidence, or not
# at all.

# %% [markdown]
# ## What this shows, and what it does not
#
# Published, on COCO: 37.4 to 40.8, averaged over ten demands on the overlap, with a backbone of over 20 million
# parameters, for weights and optimizer together. Ours is another task, and another score: the *size* of our gains
# says nothing about theirs. What carries over is the design of the comparison. Our first task also shares its ten
# classes and its kind of picture with the second, so that pretraining helps at naming is nearly built in. ImageNet and
# COCO share neither.
#
# What was cut for time: a fifth of the digits for pretraining, few and short passes, small canvases, four rates an
# arm, tuned in one run only, few runs. Objections remain. An arm whose best rate lies at an end of the four may be
# held below its best, which favors the others. SGD was not tried at its best for the strong backbone. (A search over
# both optimizers, with more rates, for every start would answer both.) And the recipes differ in five things at once:
# we cannot say which did it.
#
# ## What you have learned
#
# - An anchor-free detector answers in each cell: center or not, where and how large, which class. Non-maximum
#   suppression leaves one box an object.
# - Boxes are compared by intersection over union; mAP averages the greatest precision at each recall or beyond, over
#   101 levels and all classes. Only the order of the confidences counts.
# - Batch normalization predicts with running averages that training never uses: with momentum 0.99 a short run trains
#   well and predicts badly.
# - A pretrained backbone brings weights, and the settings tuned for the old weights need not suit it.
# - Two things changed need four corners; paired differences over runs say what each is worth. Here the better backbone
#   made the better detector, at naming digits and not at finding them. Three wins of three bear little; many seeds do.
#
# ## Try next
#
# - Give the weak recipe as many passes as the strong one (`weak_epochs = 4`). What is left of the difference?
# - Take one ingredient out of the strong recipe (label smoothing is the suspect in Kornblith et al.) and repeat the
#   re-tuned corner.
# - Choose the rate of every run anew. Which arms gain by it, and what becomes of the differences?
# - Set `canvases = 2560` and `detector_epochs = 1`: as many steps, on more canvases. Does pretraining still matter?
# - Freeze the backbone (`layer.trainable = False` for its layers, before compiling). Which arms suffer?
