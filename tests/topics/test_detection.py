"""Detection against pycocotools (the program behind COCO's figures), hand-worked cases, and counts of pixels."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from course.topics.detection import (
    CELL,
    Boxes,
    average_precision,
    decode,
    draw_canvases,
    encode,
    matches,
    mean_average_precision,
    overlaps,
    precision_at_recall,
    suppress,
)

DIGITS = np.zeros((5, 28, 28), np.uint8)  # rectangles of ink in known places, one a class
for number, (rows, columns) in enumerate([(20, 4), (20, 12), (16, 16), (10, 18), (7, 7)]):
    DIGITS[number, 3 : 3 + rows, 5 : 5 + columns] = 50 * (number + 1)


def table(*rows):
    """Boxes from rows of (canvas, (left, top, right, bottom), label, score)."""
    return Boxes(*map(np.array, zip(*rows, strict=True)))


def random_boxes(random, objects, canvases=12, classes=4, decimals=9, room=40):
    """True boxes, and detections that are the same moved a little, some of another class, with many equal scores.

    With no `decimals` many overlap equally, above all in little `room`.
    """
    corner = random.uniform(0, room, (objects, 2))
    box = np.hstack([corner, corner + random.uniform(4, 24, (objects, 2))]).round(decimals)
    truth = Boxes(
        random.integers(canvases, size=objects),
        box,
        random.integers(classes, size=objects),
        np.ones(objects),
    )
    near = random.integers(objects, size=2 * objects)
    moved = (box[near] + random.normal(0, 2, (2 * objects, 4))).round(decimals)
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    label = np.where(
        random.random(2 * objects) < 0.8,
        truth.label[near],
        random.integers(classes + 1, size=2 * objects),
    )
    return truth, Boxes(truth.canvas[near], moved, label, random.random(2 * objects).round(1))


def coco(truth, found, least_overlap):
    """mAP as pycocotools computes it."""

    def records(boxes):
        columns = zip(
            boxes.canvas.tolist(), as_coco(boxes.box).tolist(), boxes.label.tolist(), strict=True
        )
        return [dict(zip(("image_id", "bbox", "category_id"), row, strict=True)) for row in columns]

    annotations = [
        {**row, "id": number, "area": row["bbox"][2] * row["bbox"][3], "iscrowd": 0}
        for number, row in enumerate(records(truth), start=1)
    ]
    classes = np.unique(truth.label).tolist()
    images = range(max(*truth.canvas, *found.canvas) + 1)
    with contextlib.redirect_stdout(io.StringIO()):
        true = COCO()
        true.dataset = {
            "info": {},
            "images": [{"id": i} for i in images],
            "annotations": annotations,
        }
        true.dataset["categories"] = [{"id": label} for label in classes]
        true.createIndex()
        scored = [
            {**row, "score": score}
            for row, score in zip(records(found), found.score.tolist(), strict=True)
        ]
        evaluation = COCOeval(true, true.loadRes(scored), "bbox")
        evaluation.params.iouThrs = np.array([least_overlap])
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"][0, :, :, 0, -1].mean()  # (levels of recall, classes)


def as_coco(box):
    """Left, top, width, height."""
    return np.hstack([box[:, :2], box[:, 2:] - box[:, :2]])


@pytest.mark.parametrize("least_overlap", [0.5, 0.75])
@pytest.mark.parametrize("seed", range(20))
def test_mean_average_precision_equals_pycocotools_also_where_scores_are_equal(seed, least_overlap):
    truth, found = random_boxes(np.random.default_rng(seed), objects=60)
    ours = mean_average_precision(truth, found, least_overlap=least_overlap)
    assert 0.05 < ours < 0.95
    assert ours == pytest.approx(coco(truth, found, least_overlap), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_mean_average_precision_equals_pycocotools_also_where_overlaps_are_equal(seed):
    truth, found = random_boxes(
        np.random.default_rng(seed), objects=120, classes=1, decimals=0, room=8
    )
    assert mean_average_precision(truth, found) == pytest.approx(coco(truth, found, 0.5), abs=1e-12)


def test_of_two_true_boxes_that_it_overlaps_equally_a_detection_takes_the_last():
    truth = table((0, (0, 0, 10, 10), 1, 1.0), (0, (2, 0, 12, 10), 1, 1.0))
    found = table((0, (1, 0, 11, 10), 1, 0.9), (0, (4, 0, 14, 10), 1, 0.8))
    assert matches(truth, found).tolist() == [True, False]


def test_average_precision_equals_a_case_worked_by_hand():
    # right, wrong, right of four: recall 1/4 (26 levels, precision 1), 2/4 (25 levels, 2/3), 50 levels never reached
    assert average_precision([True, False, True], 4) == pytest.approx((26 + 25 * 2 / 3) / 101)
    # wrong, right, right of two: the greatest precision at or beyond every level is 2/3
    assert average_precision([False, True, True], 2) == pytest.approx(2 / 3)
    assert average_precision([True, True], 2) == 1
    assert average_precision([], 3) == 0


def test_precision_and_recall_after_each_detection_equal_a_case_worked_by_hand():
    precision, recall = precision_at_recall([True, False, True], 4)
    assert precision == pytest.approx([1, 1 / 2, 2 / 3])
    assert recall == pytest.approx([1 / 4, 1 / 4, 2 / 4])


def test_mean_average_precision_equals_a_case_worked_by_hand():
    truth = table(
        (0, (0, 0, 10, 10), 3, 1.0), (0, (20, 0, 30, 10), 3, 1.0), (1, (0, 0, 10, 10), 7, 1.0)
    )
    found = table(
        (0, (0, 0, 10, 10), 3, 0.9),  # right
        (0, (0, 1, 10, 11), 3, 0.8),  # a second box for the same digit: wrong
        (0, (20, 0, 30, 10), 7, 0.7),  # the right place, the wrong class
        (0, (0, 0, 10, 10), 7, 0.6),  # the right class, another canvas
        (1, (5, 0, 15, 10), 7, 0.5),  # overlap 1/3: too little
    )
    # class 3: one of two found, at precision 1, so that 51 of 101 levels count 1; class 7: nothing right
    assert mean_average_precision(truth, found) == pytest.approx((51 / 101 + 0) / 2)
    assert matches(truth, found).tolist() == [True, False, False, False, False]


def test_a_detection_takes_the_true_box_that_it_overlaps_most_and_each_only_once():
    truth = table((0, (0, 0, 10, 10), 1, 1.0), (0, (0, 2, 10, 12), 1, 1.0))
    found = table(
        (0, (0, 2, 10, 12), 1, 0.9), (0, (0, 1, 10, 11), 1, 0.8), (0, (0, 2, 10, 12), 1, 0.7)
    )
    assert matches(truth, found).tolist() == [True, True, False]


def test_nothing_true_is_an_error_and_nothing_found_scores_0():
    truth = table((0, (0, 0, 10, 10), 1, 1.0))
    assert mean_average_precision(truth, truth.where(slice(0))) == 0
    with pytest.raises(ValueError, match="truth has no boxes"):
        mean_average_precision(truth.where(slice(0)), truth)


def test_overlaps_equal_pycocotools():
    random = np.random.default_rng(0)
    first, second = (random_boxes(random, 30)[0].box for _ in range(2))
    theirs = mask.iou(as_coco(first), as_coco(second), [0] * len(second))
    np.testing.assert_allclose(overlaps(first, second), theirs, atol=1e-12)


corners = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 8)] * 2)


@given(corners, corners)
def test_overlaps_of_whole_pixels_equal_a_count_of_pixels(first, second):
    covered = np.zeros((2, 20, 20), bool)
    for pixels, (left, top, width, height) in zip(covered, (first, second), strict=True):
        pixels[top : top + height, left : left + width] = True
    boxes = [
        (left, top, left + width, top + height) for left, top, width, height in (first, second)
    ]
    assert overlaps(boxes[0], boxes[1]).item() == pytest.approx(
        covered.all(axis=0).sum() / covered.any(axis=0).sum()
    )


def test_suppression_is_greedy_and_stays_within_a_canvas_and_a_class():
    row = [
        (0, 0, 10, 10),
        (3, 0, 13, 10),
        (6, 0, 16, 10),
    ]  # neighbors overlap by 7/13, the outer two by 1/4
    found = table(
        (0, row[2], 5, 0.7),  # only the second overlaps it, and that one is gone: kept
        (0, row[1], 5, 0.8),  # overlapped by a better one: removed
        (0, row[0], 5, 0.9),
        (0, row[0], 6, 0.6),  # another class: kept
        (1, row[0], 5, 0.5),  # another canvas: kept
    )
    assert suppress(found).score.tolist() == [0.9, 0.7, 0.6, 0.5]
    assert suppress(found, limit=0.6).score.tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
    assert len(suppress(found.where(slice(0))).score) == 0


def test_a_canvas_holds_the_ink_of_its_boxes_and_no_other():
    canvases, truth = draw_canvases(DIGITS, np.arange(5), 200, random=np.random.default_rng(0))
    assert canvases.shape == (200, 64, 64)
    assert set(truth.canvas) == set(range(200))
    assert set(np.bincount(truth.canvas)) == {1, 2, 3}
    expected = np.zeros_like(canvases)
    for canvas, (left, top, right, bottom), label in zip(
        truth.canvas, truth.box, truth.label, strict=True
    ):
        window = expected[canvas, top:bottom, left:right]
        np.maximum(window, np.uint8(50 * (label + 1)), out=window)
        assert (bottom - top, right - left) == [(20, 4), (20, 12), (16, 16), (10, 18), (7, 7)][
            label
        ]
    np.testing.assert_array_equal(canvases, expected)


def test_digits_of_a_canvas_hardly_overlap():
    _, truth = draw_canvases(DIGITS, np.arange(5), 200, random=np.random.default_rng(1), size=32)
    for canvas in range(200):
        boxes = as_coco(truth.box[truth.canvas == canvas].astype(float))
        assert np.triu(mask.iou(boxes, boxes, [0] * len(boxes)), 1).max() <= 0.1


def test_canvases_are_a_function_of_the_generator():
    once, again, other = (
        draw_canvases(DIGITS, np.arange(5), 9, random=np.random.default_rng(s)) for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(once[0], again[0])
    assert not np.array_equal(once[0], other[0])


@pytest.mark.parametrize("size", [60, 24])
def test_a_canvas_that_cells_do_not_fill_or_digits_do_not_fit_is_refused(size):
    with pytest.raises(ValueError, match=f"size = {size}: must be a multiple of 8"):
        draw_canvases(DIGITS, np.arange(5), 1, random=np.random.default_rng(0), size=size)


def test_the_targets_of_a_box_equal_a_case_worked_by_hand():
    # center (22, 34) = cell (2, 4) and 0.75, 0.25 within it; 12 by 20 pixels = 1.5 by 2.5 cells
    targets = encode(table((1, (16, 24, 28, 44), 7, 1.0)), 2)
    assert targets.shape == (2, 8, 8, 6)
    assert targets[..., 0].sum() == 1
    np.testing.assert_allclose(
        targets[1, 4, 2], [1, 0.75, 0.25, np.log(1.5), np.log(2.5), 7], rtol=1e-6
    )


def test_answers_that_equal_the_targets_give_back_the_boxes():
    _, truth = draw_canvases(DIGITS, np.arange(5), 50, random=np.random.default_rng(2))
    targets = encode(truth, 50)
    answers = np.concatenate(
        [
            40 * targets[..., :1] - 20,
            targets[..., 1:5],
            30 * np.eye(5)[targets[..., 5].astype(int)],
        ],
        -1,
    )
    found = decode(answers)
    # of two digits in one cell only one can be answered
    cell = {
        (c, *place): n
        for n, (c, place) in enumerate(zip(truth.canvas, centers(truth), strict=True))
    }
    answered = truth.where(np.array(sorted(cell.values())))
    order, true_order = (
        np.lexsort([*boxes.box.round(3).T, boxes.canvas]) for boxes in (found, answered)
    )
    np.testing.assert_allclose(found.box[order], answered.box[true_order], atol=1e-4)
    np.testing.assert_array_equal(found.label[order], answered.label[true_order])
    np.testing.assert_allclose(found.score, 1, atol=1e-6)


def centers(boxes):
    """Column and row of the cell of each center."""
    return [tuple(place) for place in (boxes.box[:, :2] + boxes.box[:, 2:]) // (2 * CELL)]


def test_a_score_is_the_probability_of_a_center_times_that_of_its_class():
    answers = np.zeros((1, 8, 8, 5 + 3))
    answers[..., 0] = -20
    answers[0, 2, 3] = [
        np.log(3),
        0.5,
        0.5,
        0,
        np.log(2),
        np.log(6),
        0,
        np.log(3),
    ]  # 3 to 1; 6 to 1 to 3
    found = decode(answers)
    assert found.score == pytest.approx([0.75 * 0.6])
    assert found.label.tolist() == [0]
    np.testing.assert_allclose(found.box, [[24, 12, 32, 28]])  # center (28, 20), 1 by 2 cells
    assert len(decode(answers, least=0.46).score) == 0


def test_a_digit_that_never_fits_is_left_out_after_ten_attempts():
    class Corner:
        """Puts every digit into the corner, and counts."""

        places = 0

        def integers(self, low, high=None, size=None):
            if size is not None:
                return np.zeros(size, int)  # the first digit
            if high is not None:
                return 2  # digits on a canvas
            self.places += 1
            return np.zeros(2, int)

    random = Corner()
    _, boxes = draw_canvases(DIGITS, np.arange(5), 1, random=random)
    assert len(boxes.label) == 1
    assert random.places == 1 + 10


def test_great_logits_are_as_good_as_small_ones():
    answers = np.zeros((1, 8, 8, 5 + 3))
    answers[..., 0] = -1000
    answers[0, 2, 3, 0] = 1000
    answers[0, 2, 3, 5:] = [1000, 998, -1000]
    with np.errstate(over="ignore"):  # of a center that is out of the question
        found = decode(answers)
    assert found.label.tolist() == [0]
    assert found.score == pytest.approx([1 / (1 + np.exp(-2))])
