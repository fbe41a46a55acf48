"""Lesson 14: digits found on canvases: what an anchor-free detector learns from, and how it is judged.

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
        """Return the rows that an index or a mask chooses."""
        return Boxes(*(column[chosen] for column in self))


def draw_canvases(
    digits: NDArray, labels: NDArray, number: int, *, random: np.random.Generator, size: int = 64
) -> tuple[NDArray, Boxes]:
    """Draw `number` canvases with 1 to 3 digits each; returns pixels (number, size, size) uint8, and true boxes.

    `digits` (rows, height, width) uint8, 0 is background; a box is tight around the ink. A digit that would overlap
    another by more than a tenth (see `overlaps`) is moved; after ten attempts it is left out.
    """
    if size % CELL or size < max(digits.shape[1:]):
        raise ValueError(
            f"size = {size}: must be a multiple of {CELL}, and no less than the digits' {digits.shape[1]}"
        )
    canvases = np.zeros((number, size, size), np.uint8)
    rows = []
    for canvas, pixels in enumerate(canvases):
        placed: list[NDArray] = []
        count = random.integers(1, 4)
        for chosen in random.integers(len(digits), size=count):
            box = _draw_somewhere(pixels, _cropped(digits[chosen]), placed, random)
            if box is not None:
                placed.append(box)
                rows.append((canvas, box, labels[chosen], 1.0))
    columns = zip(*rows, strict=True)
    return canvases, Boxes(*map(np.array, columns))


def _draw_somewhere(
    pixels: NDArray, ink: NDArray, placed: list[NDArray], random: np.random.Generator
) -> NDArray | None:
    """Draw a digit where it hardly overlaps what is `placed`; return its box, or None after ten attempts."""
    height, width = ink.shape
    free = np.subtract(pixels.shape, ink.shape)
    for _ in range(10):
        top, left = random.integers(free + 1)
        bottom = top + height
        right = left + width
        box = np.array([left, top, right, bottom])
        if not placed or overlaps(box, placed).max() <= 0.1:
            window = pixels[top:bottom, left:right]
            np.maximum(window, ink, out=window)
            return box
    return None


def encode(truth: Boxes, number: int, *, cells: int = 8) -> NDArray:
    """Return what a network should answer on `number` canvases, (number, cells, cells, 6) float32, `cells` a side.

    The six: 1 where an object has its center, else 0; the center's place in its cell, right and down, 0 to 1; the
    logarithms of width and height in cells; the class. Of two objects in one cell the later is kept.
    """
    targets = np.zeros((number, cells, cells, 6), np.float32)
    begin = truth.box[:, :2]
    end = truth.box[:, 2:]
    center = (begin + end) / 2 / CELL
    extent = (end - begin) / CELL
    cell = np.minimum(center.astype(int), cells - 1)
    column, row = cell.T
    answer = [truth.score, center - cell, np.log(extent), truth.label]
    targets[truth.canvas, row, column] = np.column_stack(answer)
    return targets


def decode(answers: ArrayLike, *, least: float = 0.02) -> Boxes:
    """Turn a network's answers (canvases, cells, cells, 5 + classes) into boxes without duplicates.

    An answer is the logit of being a center, four numbers as in `encode`, and a logit for each class. The score is
    the probability of a center times that of the likeliest class; boxes with a score below `least` are dropped.
    """
    answers = np.asarray(answers, dtype=float)
    logits = answers[..., 5:]
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    likeliest = odds.max(axis=-1) / odds.sum(axis=-1)
    score = likeliest / (1 + np.exp(-answers[..., 0]))
    chosen = np.nonzero(score >= least)
    canvas, row, column = chosen
    answer = answers[chosen]
    center = np.column_stack([column, row]) + answer[:, 1:3]
    half = np.exp(np.clip(answer[:, 3:5], -5, 5)) / 2
    box = CELL * np.concatenate([center - half, center + half], axis=1)
    label = logits[chosen].argmax(axis=1)
    return suppress(Boxes(canvas, box, label, score[chosen]))


def suppress(found: Boxes, *, limit: float = 0.5) -> Boxes:
    """Greedy non-maximum suppression: returns the best first.

    Each box that is kept removes all worse ones of its canvas and class that overlap it by more than `limit`.
    """
    found = found.where(np.argsort(-found.score, kind="stable"))
    kept = np.ones(len(found.score), bool)
    for rows in _groups(found):
        boxes = found.box[rows]
        is_close = overlaps(boxes, boxes) > limit
        for best, row in enumerate(rows):
            if kept[row]:
                worse = rows[best + 1 :]
                kept[worse[is_close[best, best + 1 :]]] = False
    return found.where(kept)


def overlaps(first: ArrayLike, second: ArrayLike) -> NDArray:
    """Intersection over union of every box of `first` (n, 4) with every box of `second` (m, 4): (n, m)."""
    first = np.asarray(first, float).reshape(-1, 1, 4)
    second = np.asarray(second, float).reshape(1, -1, 4)
    begin = np.maximum(first[..., :2], second[..., :2])
    end = np.minimum(first[..., 2:], second[..., 2:])
    shared = np.maximum(end - begin, 0).prod(axis=-1)
    return shared / (_area(first) + _area(second) - shared)


def _area(boxes: NDArray) -> NDArray:
    sides = boxes[..., 2:] - boxes[..., :2]
    return sides.prod(axis=-1)


def mean_average_precision(truth: Boxes, found: Boxes, *, least_overlap: float = 0.5) -> float:
    """Return the mean over the true classes of `average_precision`, a detection being right as in `matches`."""
    if not len(truth.label):
        raise ValueError("truth has no boxes: must have at least one")
    found = found.where(
        np.lexsort([found.canvas, -found.score])
    )  # equal scores in COCO's order, canvas by canvas
    right = matches(truth, found, least_overlap=least_overlap)
    precisions = []
    for label, truths in zip(*np.unique(truth.label, return_counts=True), strict=True):
        precisions.append(average_precision(right[found.label == label], truths))
    return float(np.mean(precisions))


def matches(truth: Boxes, found: Boxes, *, least_overlap: float = 0.5) -> NDArray:
    """Say which detections are right, (found,) bool; `found` comes with the best score first.

    Each takes, from the true boxes of its canvas and class that are still free, the one that it overlaps most, of
    several the last, as COCO has it. It is right if the overlap is at least `least_overlap`.
    """
    right = np.zeros(len(found.score), bool)
    free = np.ones(len(truth.score), bool)
    for rows in _groups(found):
        canvas = found.canvas[rows[0]]
        label = found.label[rows[0]]
        true = np.flatnonzero((truth.canvas == canvas) & (truth.label == label))
        overlap = overlaps(found.box[rows], truth.box[true])
        for row, candidates in zip(rows, overlap, strict=True):
            candidates = np.where(free[true], candidates, -1)
            if candidates.size and candidates.max() >= least_overlap:
                right[row] = True
                last = len(candidates) - 1 - candidates[::-1].argmax()
                free[true[last]] = False
    return right


def average_precision(right: ArrayLike, truths: int) -> float:
    """Precision averaged over 101 levels of recall; `right` (detections,) bool, best score first; `truths` > 0.

    At each level counts the greatest precision at this recall or beyond, 0 where there is none.
    """
    precision, recall = precision_at_recall(right, truths)
    greatest = np.maximum.accumulate(precision[::-1])
    at_or_beyond = np.append(greatest[::-1], 0.0)
    levels = np.searchsorted(recall, RECALLS)
    return float(at_or_beyond[levels].mean())


def precision_at_recall(right: ArrayLike, truths: int) -> tuple[NDArray, NDArray]:
    """Return precision and recall after each detection, best score first: two arrays (detections,)."""
    hits = np.cumsum(np.asarray(right, dtype=float))
    return hits / np.arange(1, len(hits) + 1), hits / truths


def _groups(found: Boxes) -> list[NDArray]:
    """Return the rows of each canvas and class, in order."""
    order = np.lexsort([found.canvas, found.label])
    is_new = np.diff(found.canvas[order]) | np.diff(found.label[order])
    groups = np.split(order, np.flatnonzero(is_new) + 1)
    return [rows for rows in groups if len(rows)]


def _cropped(digit: NDArray) -> NDArray:
    """Return the part of an image that has ink."""
    rows = np.flatnonzero(digit.any(axis=1))
    columns = np.flatnonzero(digit.any(axis=0))
    return digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
