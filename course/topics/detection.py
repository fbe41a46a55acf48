"""Finding digits on canvases: what an anchor-free detector learns from, and how it is judged.

A canvas is cut into square cells. The cell in which an object has its center is to say so, and to say where in the
cell the center lies, how wide and high the object is, and what it is (after Zhou, Wang, Krähenbühl, *Objects as
points*, 2019, arXiv:1904.07850). `encode` turns boxes into what a network should answer, `decode` turns answers into
boxes, and `mean_average_precision` compares these with the truth as the COCO evaluation does (pycocotools 2.0.11,
cocoeval.py: `evaluateImg` and `accumulate`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

CELL = 8  # pixels along the side of a cell
RECALLS = np.linspace(0, 1, 101)  # the levels at which COCO reads precision


class Boxes(NamedTuple):
    """Objects on canvases, true or detected, one a row."""

    canvas: NDArray  # (objects,) number of the canvas
    box: NDArray  # (objects, 4) left, top, right, bottom in pixels
    label: NDArray  # (objects,) class
    score: NDArray  # (objects,) confidence, 0 to 1; 1 for true ones

    def where(self, chosen: NDArray) -> "Boxes":
        """The rows that an index or a mask chooses."""
        return Boxes(*(column[chosen] for column in self))


def draw_canvases(
    digits: NDArray, labels: NDArray, number: int, *, random: np.random.Generator, size: int = 64, most: int = 3
) -> tuple[NDArray, Boxes]:
    """Draw `number` canvases with 1 to `most` digits each; returns pixels (number, size, size) uint8, and true boxes.

    `digits` (rows, height, width) uint8, 0 is background; a box is tight around the ink. A digit that would overlap
    another by more than a tenth (see `overlaps`) is moved; after ten attempts it is left out.
    """
    if size % CELL or size < max(digits.shape[1:]):
        raise ValueError(f"size = {size}: must be a multiple of {CELL}, and no less than the digits' {digits.shape[1]}")
    canvases, rows = np.zeros((number, size, size), np.uint8), []
    for canvas, pixels in enumerate(canvases):
        placed: list[NDArray] = []
        for chosen in random.integers(len(digits), size=random.integers(1, most + 1)):
            ink = _cropped(digits[chosen])
            for _ in range(10):
                top, left = random.integers(np.subtract(pixels.shape, ink.shape) + 1)
                box = np.array([left, top, left + ink.shape[1], top + ink.shape[0]])
                if not placed or overlaps(box, placed).max() <= 0.1:
                    window = pixels[top : box[3], left : box[2]]
                    np.maximum(window, ink, out=window)
                    placed.append(box)
                    rows.append((canvas, box, labels[chosen], 1.0))
                    break
    return canvases, Boxes(*map(np.array, zip(*rows, strict=True)))


def encode(truth: Boxes, number: int, *, cells: int = 8) -> NDArray:
    """What a network should answer on `number` canvases of `cells` times `cells`: (number, cells, cells, 6) float32.

    The six: 1 where an object has its center, else 0; the center's place in its cell, right and down, 0 to 1; the
    logarithms of width and height in cells; the class. Of two objects in one cell the later is kept.
    """
    targets = np.zeros((number, cells, cells, 6), np.float32)
    center = (truth.box[:, :2] + truth.box[:, 2:]) / 2 / CELL
    extent = (truth.box[:, 2:] - truth.box[:, :2]) / CELL
    column, row = np.minimum(center.astype(int), cells - 1).T
    inside = center - np.column_stack([column, row])
    targets[truth.canvas, row, column] = np.column_stack([truth.score, inside, np.log(extent), truth.label])
    return targets


def decode(answers: ArrayLike, *, least: float = 0.02) -> Boxes:
    """Turn a network's answers (canvases, cells, cells, 5 + classes) into boxes without duplicates.

    An answer is the logit of being a center, four numbers as in `encode`, and a logit for each class. The score is
    the probability of a center times that of the likeliest class; boxes with a score below `least` are dropped.
    """
    answers = np.asarray(answers, dtype=float)
    classes = np.exp(answers[..., 5:] - answers[..., 5:].max(axis=-1, keepdims=True))
    score = classes.max(axis=-1) / classes.sum(axis=-1) / (1 + np.exp(-answers[..., 0]))
    canvas, row, column = np.nonzero(score >= least)
    answer = answers[canvas, row, column]
    center = np.column_stack([column, row]) + answer[:, 1:3]
    half = np.exp(np.clip(answer[:, 3:5], -5, 5)) / 2
    box = CELL * np.concatenate([center - half, center + half], axis=1)
    return suppress(Boxes(canvas, box, answer[:, 5:].argmax(axis=1), score[canvas, row, column]))


def suppress(found: Boxes, *, limit: float = 0.5) -> Boxes:
    """Greedy non-maximum suppression: returns the best first.

    Each box that is kept removes all worse ones of its canvas and class that overlap it by more than `limit`.
    """
    found = found.where(np.argsort(-found.score, kind="stable"))
    kept = np.ones(len(found.score), bool)
    for rows in _groups(found):
        overlap = overlaps(found.box[rows], found.box[rows])
        for best, row in enumerate(rows):
            if kept[row]:
                kept[rows[best + 1 :][overlap[best, best + 1 :] > limit]] = False
    return found.where(kept)


def overlaps(first: ArrayLike, second: ArrayLike) -> NDArray:
    """Intersection over union of every box of `first` (n, 4) with every box of `second` (m, 4): (n, m)."""
    first, second = np.asarray(first, float).reshape(-1, 1, 4), np.asarray(second, float).reshape(1, -1, 4)
    sides = np.minimum(first[..., 2:], second[..., 2:]) - np.maximum(first[..., :2], second[..., :2])
    shared = np.maximum(sides, 0).prod(axis=-1)
    area, other = ((boxes[..., 2:] - boxes[..., :2]).prod(axis=-1) for boxes in (first, second))
    return shared / (area + other - shared)


def mean_average_precision(truth: Boxes, found: Boxes, *, least_overlap: float = 0.5) -> float:
    """The mean over the true classes of `average_precision`, a detection being right as in `matches`."""
    if not len(truth.label):
        raise ValueError("truth has no boxes: must have at least one")
    found = found.where(np.lexsort([found.canvas, -found.score]))  # equal scores in COCO's order, canvas by canvas
    right = matches(truth, found, least_overlap=least_overlap)
    classes = np.unique(truth.label)
    return float(np.mean([average_precision(right[found.label == c], np.sum(truth.label == c)) for c in classes]))


def matches(truth: Boxes, found: Boxes, *, least_overlap: float = 0.5) -> NDArray:
    """Which detections are right, (found,) bool; `found` comes with the best score first.

    Each takes, from the true boxes of its canvas and class that are still free, the one that it overlaps most. It is
    right if the overlap is at least `least_overlap`.
    """
    right, free = np.zeros(len(found.score), bool), np.ones(len(truth.score), bool)
    for rows in _groups(found):
        true = np.flatnonzero((truth.canvas == found.canvas[rows[0]]) & (truth.label == found.label[rows[0]]))
        for row, overlap in zip(rows, overlaps(found.box[rows], truth.box[true]), strict=True):
            overlap = np.where(free[true], overlap, -1)
            if overlap.size and overlap.max() >= least_overlap:
                right[row], free[true[overlap.argmax()]] = True, False
    return right


def average_precision(right: ArrayLike, truths: int) -> float:
    """Precision averaged over 101 levels of recall; `right` (detections,) bool, best score first; `truths` > 0.

    At each level counts the greatest precision at this recall or beyond, 0 where there is none.
    """
    hits = np.cumsum(np.asarray(right, dtype=float))
    precision = hits / np.arange(1, len(hits) + 1)
    at_or_beyond = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return float(at_or_beyond[np.searchsorted(hits / truths, RECALLS)].mean())


def _groups(found: Boxes) -> list[NDArray]:
    """The rows of each canvas and class, in order."""
    order = np.lexsort([found.canvas, found.label])
    new = np.flatnonzero(np.diff(found.canvas[order]) | np.diff(found.label[order])) + 1
    return [rows for rows in np.split(order, new) if len(rows)]


def _cropped(digit: NDArray) -> NDArray:
    """The part of an image that has ink."""
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    return digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
