"""Detections on objects: hand-sized pictures, and a slow oracle for the overlap."""

import numpy as np
import pytest

from src.data.annotations import ImageEntry
from src.evaluation.matching import CROWD, NO_OBJECT, confusion, iou_matrix, objects_found, quality
from src.evaluation.records import Detections

A, B, FAR = (0, 0, 10, 10), (20, 0, 30, 10), (60, 60, 70, 70)


def image(*objects, crowd=()) -> ImageEntry:
    """Of objects (box, label)."""
    boxes = np.array([box for box, _ in objects], np.float32).reshape(-1, 4)
    labels = np.array([label for _, label in objects], np.int32)
    return ImageEntry(1, "a.png", 100, 100, True, boxes, labels, np.isin(np.arange(len(objects)), crowd))


def found(*rows) -> Detections:
    """Of detections (box, label, score), best first."""
    boxes = np.array([box for box, _, _ in rows], np.float64).reshape(-1, 4)
    labels = np.array([label for _, label, _ in rows], np.int64)
    return Detections(boxes, np.array([score for *_, score in rows]), labels, np.zeros((len(rows), 3)))


def test_overlap_is_what_counting_pixels_gives():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 12, (9, 2, 2))
    boxes = np.concatenate((corners.min(1), corners.max(1)), 1)
    grid = np.zeros((len(boxes), 12, 12), bool)
    for row, (x1, y1, x2, y2) in zip(grid, boxes):
        row[y1:y2, x1:x2] = True
    overlap = iou_matrix(boxes, boxes)
    for i, one in enumerate(grid):
        for j, other in enumerate(grid):
            union = (one | other).sum()
            assert overlap[i, j] == pytest.approx((one & other).sum() / union if union else 0.0)


def test_the_best_detection_gets_the_object_and_its_double_does_not():
    entry = image((A, 1), (B, 2))
    hits = objects_found(entry, found((B, 2, 0.9), (A, 1, 0.8), ((1, 0, 11, 10), 1, 0.7), (FAR, 1, 0.6)))
    assert hits.tolist() == [1, 0, NO_OBJECT, NO_OBJECT]


def test_the_class_counts_only_if_asked():
    entry = image((A, 1))
    assert objects_found(entry, found((A, 2, 0.9))).tolist() == [NO_OBJECT]
    assert objects_found(entry, found((A, 2, 0.9)), same_class=False).tolist() == [0]


def test_crowds_and_empty_images():
    assert objects_found(image((A, 1), crowd=[0]), found((A, 1, 0.9), (FAR, 1, 0.8))).tolist() == [CROWD, NO_OBJECT]
    assert objects_found(image(), found((A, 1, 0.9))).tolist() == [NO_OBJECT]
    assert objects_found(image((A, 1)), found()).tolist() == []


def test_precision_and_recall_of_each_class():
    images = [
        (image((A, 1), (B, 2)), found((A, 1, 0.9), (FAR, 1, 0.85), (B, 2, 0.5))),
        (image((A, 1), (B, 1), crowd=[1]), found((B, 1, 0.95))),
    ]
    rows = quality(images, ["cat", "dog", "owl"], threshold=0.7)
    assert rows["cat"] == {"precision": 0.5, "recall": 0.5, "boxes": 2, "right": 1, "objects": 2}
    assert rows["dog"] == {"precision": None, "recall": 0.0, "boxes": 0, "right": 0, "objects": 1}
    assert rows["owl"] == {"precision": None, "recall": None, "boxes": 0, "right": 0, "objects": 0}
    assert rows["all"] == {"precision": 0.5, "recall": pytest.approx(1 / 3), "boxes": 2, "right": 1, "objects": 3}


def test_a_score_at_the_threshold_is_not_above_it():
    assert quality([(image((A, 1)), found((A, 1, 0.7)))], ["cat"], 0.7)["all"]["boxes"] == 0


def test_confusion_counts_truth_by_name_given():
    entry, seen = image((A, 1), (B, 2)), found((A, 2, 0.9), (B, 2, 0.8), (A, 1, 0.7), (FAR, 1, 0.6))
    assert confusion(entry, seen, 2, 0.3).tolist() == [[0, 1], [0, 1]]
    assert confusion(entry, seen, 2, 0.85).tolist() == [[0, 1], [0, 0]]
