"""From scores to detections: the best pairs, the NMS of each class, and the values of the boxes that are kept."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts.detections import DetectionConfig, best_pairs, detections

pytestmark = pytest.mark.usefixtures("pynative")
SCORES = np.array([[[0.9, 0.1], [0.3, 0.8], [0.2, 0.7]], [[0.1, 0.2], [0.6, 0.3], [0.5, 0.4]]], np.float32)


def test_the_best_pairs_of_box_and_class():
    score, row, label = (part.asnumpy() for part in best_pairs(Tensor(SCORES), 3))
    np.testing.assert_allclose(score, [[0.9, 0.8, 0.7], [0.6, 0.5, 0.4]])
    assert row.tolist() == [[0, 1, 2], [1, 2, 2]] and label.tolist() == [[1, 2, 2], [1, 1, 2]]
    assert best_pairs(Tensor(SCORES), 100)[0].shape == (2, 6)


def test_duplicates_of_a_class_fall_and_values_follow_their_box():
    score, row, label = best_pairs(Tensor(SCORES), 4)
    corners = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [0, 1, 10, 11]], np.float32)
    box = Tensor(corners[row.asnumpy()])
    values = Tensor(np.arange(6, dtype=np.float32).reshape(2, 3, 1))
    config = DetectionConfig(score_threshold=0.35, nms_iou=0.5, count=3, candidates=4)
    boxes, scores, labels, found, valid = (
        part.asnumpy() for part in detections(score, row, label, box, values, config)
    )
    assert valid.tolist() == [[True, True, False], [True, True, False]]
    np.testing.assert_allclose(scores, [[0.9, 0.8, 0], [0.6, 0.4, 0]])
    assert labels[valid].tolist() == [1, 2, 1, 2] and found[valid].ravel().tolist() == [0, 1, 4, 5]
    np.testing.assert_allclose(boxes[valid], corners[[0, 1, 1, 2]])


def test_a_box_without_a_side_is_no_detection():
    one = Tensor(np.ones((1, 1), np.float32)), Tensor(np.zeros((1, 1), np.int32)), Tensor(np.ones((1, 1), np.int32))
    box = Tensor(np.array([[[5, 0, 5, 9]]], np.float32))
    config = DetectionConfig(0.1, 0.5, 1, 1)
    assert not detections(*one, box, box, config)[4].asnumpy().any()
