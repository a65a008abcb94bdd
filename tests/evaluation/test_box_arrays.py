"""Flat arrays: order, the limit of a class and image, and overlaps against loops."""

import numpy as np
import pytest

from src.evaluation.box_arrays import MOST_DETECTIONS, detection_arrays, object_arrays, overlapping_pairs
from tests.evaluation.scenes import EMPTY, RANDOM, entry, record, scene
from tests.oracles import iou

BOX = (0, 0, 100, 100)


def test_detections_are_ordered_by_image_and_score_and_equal_ones_stay_as_they_come():
    annotations = scene(entry(1), entry(5))
    records = [record(5, 1, BOX, 0.3), record(1, 2, BOX, 0.1), record(5, 3, BOX, 0.8), record(5, 2, BOX, 0.3)]
    image, label, score, box, place, left_out = detection_arrays(annotations, records)
    assert image.tolist() == [0, 1, 1, 1] and label.tolist() == [2, 3, 1, 2] and score.tolist() == [0.1, 0.8, 0.3, 0.3]
    assert box.tolist() == [[0, 0, 100, 100]] * 4 and place.tolist() == [1, 2, 0, 3] and left_out == 0


def test_the_limit_is_for_each_class_and_image():
    records = [record(image, label, BOX, 0.5) for image in (1, 2) for label in (1, 2) for _ in range(MOST_DETECTIONS)]
    records += [record(2, 2, BOX, 0.9), record(2, 2, BOX, 0.4)]
    image, label, score, _, _, left_out = detection_arrays(scene(entry(1), entry(2)), records)
    assert left_out == 2 and len(image) == 4 * MOST_DETECTIONS and score[2 * MOST_DETECTIONS] == 0.9
    assert ((image == 1) & (label == 2)).sum() == MOST_DETECTIONS


@pytest.mark.parametrize("case", RANDOM[:4] + EMPTY)
def test_overlaps_agree_with_loops(case):
    annotations, records = case
    image, _, _, box, *_ = detection_arrays(annotations, records)
    other_image, _, other_box, *_ = object_arrays(annotations.images)
    row, column, found, inside = overlapping_pairs(image, box, other_image, other_box, len(annotations.images))
    pairs = {(a, b): (c, d) for a, b, c, d in zip(row.tolist(), column.tolist(), found, inside, strict=True)}
    assert len(pairs) == len(row) and row.tolist() == sorted(row)
    corners, others = (np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:]], 1) for rows in (box, other_box))
    for a in range(len(box)):
        for b in np.flatnonzero(other_image == image[a]):
            value = iou(corners[a], others[b])
            share = value * (box[a, 2:].prod() + other_box[b, 2:].prod()) / (1 + value) / box[a, 2:].prod()
            assert pairs.pop((a, b), (0, 0)) == pytest.approx((value, share))
    assert not pairs
