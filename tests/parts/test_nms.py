"""Suppression against a loop, also for boxes of a few pixels."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts.nms import keep_mask, keep_masks
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")


@pytest.mark.parametrize("kind", ["random", "small", "border"])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_random_boxes_against_a_loop(kind, threshold):
    rng = np.random.default_rng(6)
    boxes = oracles.random_boxes(rng, 60, kind)
    boxes[1::2] = boxes[::2] + rng.normal(0, 0.1, (30, 4)) * (boxes[::2, 2:] - boxes[::2, :2])[:, [0, 1, 0, 1]]
    boxes = rng.permutation(boxes)
    wanted = oracles.suppress(boxes, threshold)
    assert 0 < wanted.sum() < 60
    np.testing.assert_array_equal(keep_mask(Tensor(boxes), threshold).asnumpy(), wanted)


def test_the_first_of_equal_boxes_stays_and_one_alone_always():
    same = Tensor(np.tile(np.array([[1, 2, 9, 9]], np.float32), (5, 1)))
    assert keep_mask(same, 0.5).asnumpy().tolist() == [True, False, False, False, False]
    assert keep_mask(same[:1], 0.5).asnumpy().tolist() == [True]


def test_images_do_not_suppress_each_other():
    one, other = np.array([[[1, 2, 9, 9], [1, 2, 9, 9]], [[1, 2, 9, 9], [11, 2, 19, 9]]], np.float32)
    assert keep_masks(Tensor(np.stack([one, other])), 0.5).asnumpy().tolist() == [[True, False], [True, True]]
