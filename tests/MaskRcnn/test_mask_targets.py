"""Mask targets against loops, and where they must be the ground truth itself."""

import numpy as np
import pytest
from mindspore import Tensor

from src.MaskRcnn.mask_targets import mask_targets
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
EDGE = 1e-3  # a value so close to one half may be rounded to either side


def targets(masks, gt_boxes, row, rois, size) -> np.ndarray:
    """NumPy in and out."""
    row = Tensor(np.asarray(row, np.int32))
    return mask_targets(Tensor(masks), Tensor(gt_boxes), row, Tensor(rois), size).asnumpy()


@pytest.mark.parametrize("kind", ["random", "small", "border"])
@pytest.mark.parametrize(("cells", "size"), [(8, 6), (6, 8)])
def test_random_rois_against_a_loop(kind, cells, size):
    rng = np.random.default_rng(1)
    gt_boxes = np.stack([oracles.random_boxes(rng, 3, kind) for _ in range(2)])
    masks = np.stack([oracles.blobs(rng, 3, cells) for _ in range(2)])
    row = rng.integers(0, 3, (2, 5))
    rois = np.stack([gt_boxes[image, row[image]] for image in range(2)])
    rois += rng.normal(0, 0.15, rois.shape).astype(np.float32) * (rois[..., 2:] - rois[..., :2]).min(-1)[..., None]
    found = targets(masks, gt_boxes, row, rois, size)
    assert found.shape == (2, 5, size, size) and found.dtype == np.float32 and 0 < found.mean() < 1
    for image, roi in np.ndindex(2, 5):
        x1, y1, x2, y2 = rois[image, roi]
        left, top, right, bottom = gt_boxes[image, row[image, roi]]
        for i, j in np.ndindex(size, size):
            y, x = y1 + (i + 0.5) / size * (y2 - y1), x1 + (j + 0.5) / size * (x2 - x1)
            place = ((y - top) / (bottom - top), (x - left) / (right - left))
            value = oracles.mask_value(masks[image, row[image, roi]], *place)
            assert abs(value - 0.5) < EDGE or found[image, roi, i, j] == (value > 0.5)


def test_a_roi_that_is_the_box_of_its_object_has_its_mask_as_target():
    rng = np.random.default_rng(2)
    boxes = oracles.random_boxes(rng, 4, "random")[None]
    masks = oracles.blobs(rng, 4, 28)[None]
    order = [[2, 0, 3, 1]]
    np.testing.assert_array_equal(targets(masks, boxes, order, boxes[:, order[0]], 28), masks[:, order[0]])
    finer = np.kron(masks, np.ones((2, 2), np.uint8))
    np.testing.assert_array_equal(targets(finer, boxes, order, boxes[:, order[0]], 28), masks[:, order[0]])


def test_beside_the_object_there_is_background_and_padding_is_harmless():
    masks = np.ones((1, 2, 4, 4), np.uint8)
    boxes = np.array([[[10, 10, 20, 20], [0, 0, 0, 0]]], np.float32)
    rois = np.array([[[10, 10, 30, 20], [5, 5, 25, 25], [40, 40, 50, 50], [40, 40, 50, 50]]], np.float32)
    found = targets(masks, boxes, [[0, 0, 0, 1]], rois, 4)[0]
    np.testing.assert_array_equal(found[0], [[1, 1, 0, 0]] * 4)
    np.testing.assert_array_equal(found[1], np.pad(np.ones((2, 2)), 1))
    assert not found[2:].any()
