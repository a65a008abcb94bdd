"""Precision and recall of pseudo-labels on hand-sized pictures."""

import numpy as np
import pytest

from src.data.annotations import Annotations, ImageEntry
from src.evaluation.coco_matching import match
from src.evaluation.pseudo_label_quality import pseudo_label_quality

A, B, FAR = (0, 0, 10, 10), (20, 0, 10, 10), (60, 60, 10, 10)  # x, y, width, height


def image(number: int, *objects, crowd=()) -> ImageEntry:
    """Of objects (box, label)."""
    boxes = np.array([box for box, _ in objects], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    labels = np.array([label for _, label in objects], np.int32)
    return ImageEntry(number, "a.png", 100, 100, True, boxes, labels, np.isin(np.arange(len(objects)), crowd))


def quality(images, *found, threshold=0.7) -> dict:
    """Of detections (image, box, label, score)."""
    records = [
        {"image_id": number, "category_id": label, "bbox": list(box), "score": score}
        for number, box, label, score in found
    ]
    return pseudo_label_quality(match(Annotations(("cat", "dog", "owl"), (1, 2, 3), images), records), threshold)


def test_precision_and_recall_of_each_class():
    images = (image(0, (A, 1), (B, 2)), image(1, (A, 1), (B, 1), crowd=[1]))
    rows = quality(images, (0, A, 1, 0.9), (0, FAR, 1, 0.85), (0, B, 2, 0.5), (1, B, 1, 0.95))
    assert rows["cat"] == {"precision": 0.5, "recall": 0.5, "boxes": 2, "right": 1, "objects": 2}
    assert rows["dog"] == {"precision": None, "recall": 0.0, "boxes": 0, "right": 0, "objects": 1}
    assert rows["owl"] == {"precision": None, "recall": None, "boxes": 0, "right": 0, "objects": 0}
    assert rows[""] == {"precision": 0.5, "recall": pytest.approx(1 / 3), "boxes": 2, "right": 1, "objects": 3}


def test_a_box_of_another_class_or_a_second_one_is_wrong():
    rows = quality((image(0, (A, 1)),), (0, A, 2, 0.95), (0, A, 1, 0.9), (0, (1, 0, 10, 10), 1, 0.8))
    assert rows[""] | {"objects": 0} == {"precision": 1 / 3, "recall": 1.0, "boxes": 3, "right": 1, "objects": 0}


def test_each_class_may_have_its_own_threshold():
    found = [(0, A, 1, 0.6), (0, B, 2, 0.6), (0, FAR, 2, 0.3)]
    rows = quality((image(0, (A, 1), (B, 2)),), *found, threshold=np.array([0.7, 0.2, 0.7], np.float32))
    assert (rows["cat"]["boxes"], rows["dog"]["boxes"], rows[""]["right"]) == (0, 2, 1)


def test_a_score_at_the_threshold_is_not_above_it():
    assert quality((image(0, (A, 1)),), (0, A, 1, 0.7))[""]["boxes"] == 0
    assert quality((image(0),))[""]["precision"] is None
