"""Means of a feature map over boxes, against plain loops."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts.box_means import box_means


def mean_of(feature_map, box, stride):
    """The mean over a box by splitting each cell into 40 x 40 points."""
    channels = len(feature_map)
    fine = feature_map.repeat(40, axis=1).repeat(40, axis=2)
    x1, y1, x2, y2 = (round(value / stride * 40) for value in box)
    return fine[:, y1:y2, x1:x2].reshape(channels, -1).mean(axis=1)


def test_means_are_those_of_fine_points():
    rng = np.random.default_rng(0)
    feature_map = rng.normal(size=(2, 3, 5, 7)).astype(np.float32)
    corners = rng.integers(0, 20, (2, 6, 2)) * 2.0
    sides = rng.integers(1, 10, (2, 6, 2)) * 2.0
    boxes = np.concatenate([corners, np.minimum(corners + sides, (56, 40))], axis=2).astype(np.float32)
    corners[..., 1] = np.minimum(corners[..., 1], 38)
    boxes[..., 1] = np.minimum(boxes[..., 1], 38)
    boxes[..., 3] = np.maximum(boxes[..., 3], boxes[..., 1] + 2)
    found = box_means(Tensor(feature_map), Tensor(boxes), 8).asnumpy()
    for image in range(2):
        for row, box in enumerate(boxes[image]):
            np.testing.assert_allclose(found[image, row], mean_of(feature_map[image], box, 8), atol=1e-4)


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (56, 40, 56, 40), (17, 9, 17, 9)])
def test_a_box_without_area_has_the_feature_of_its_cell(box):
    feature_map = np.arange(35, dtype=np.float32).reshape(1, 1, 5, 7)
    found = box_means(Tensor(feature_map), Tensor(np.array([[box]], np.float32)), 8).asnumpy()
    cell = min(int(box[1] // 8), 4), min(int(box[0] // 8), 6)
    assert found[0, 0, 0] == pytest.approx(feature_map[0, 0][cell], abs=1e-3)
