"""Geometry of boxes against loops over pairs."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts import boxes
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")


@pytest.mark.parametrize("kind", ["random", "small", "border"])
@pytest.mark.parametrize("shared", [True, False])
def test_iou_of_all_pairs(kind, shared):
    rng = np.random.default_rng(1)
    truth = np.stack([oracles.random_boxes(rng, 5, kind) for _ in range(2)])
    others = np.stack([oracles.random_boxes(rng, 20, kind) for _ in range(2)])
    others[:, 0] = truth[:, 0]
    if shared:
        others[1] = others[0]
    found = boxes.iou(Tensor(truth), Tensor(others[0] if shared else others)).asnumpy()
    assert found.shape == (2, 5, 20)
    wanted = [oracles.iou_table(truth[image], others[image]) for image in range(2)]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("shared", [True, False])
def test_iof_is_relative_to_the_box_not_to_the_region(shared):
    rng = np.random.default_rng(2)
    regions = np.stack([oracles.random_boxes(rng, 3, "random") for _ in range(2)])
    others = np.stack([oracles.random_boxes(rng, 20, kind) for kind in ("small", "border")])
    if shared:
        others[1] = others[0]
    found = boxes.max_iof(Tensor(regions), Tensor(others[0] if shared else others)).asnumpy()
    wanted = [
        [
            max(oracles.intersection(region, box) / oracles.area(box) for region in regions[image])
            for box in others[image]
        ]
        for image in range(2)
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_a_small_box_inside_a_crowd_is_covered_wholly():
    crowd, box = Tensor([[[0.0, 0.0, 50.0, 50.0]]]), Tensor([[10.0, 10.0, 20.0, 12.0], [45.0, 0.0, 55.0, 10.0]])
    np.testing.assert_allclose(boxes.max_iof(crowd, box).asnumpy(), [[1.0, 0.5]], atol=1e-6)


def test_clipping_moves_each_corner_to_its_own_border():
    found = boxes.clip_to_image(
        Tensor([[-5.0, -6.0, 70.0, 80.0], [3.0, 4.0, 5.0, 6.0], [90.0, 90.0, 95.0, 95.0]]), 40, 60
    )
    np.testing.assert_array_equal(found.asnumpy(), [[0, 0, 60, 40], [3, 4, 5, 6], [60, 40, 60, 40]])


def test_each_image_may_have_a_border_of_its_own():
    height, width = (Tensor(np.array(sides, np.float32).reshape(2, 1, 1)) for sides in ((10, 20), (30, 40)))
    found = boxes.clip_to_image(Tensor(np.full((2, 1, 4), 99, np.float32)), height, width)
    np.testing.assert_array_equal(found.asnumpy()[:, 0], [[30, 10, 30, 10], [40, 20, 40, 20]])


def test_rows_are_taken_image_by_image():
    rows = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    found = boxes.take_rows(Tensor(rows), Tensor([[3, 0], [1, 1]])).asnumpy()
    np.testing.assert_array_equal(found, [rows[0, [3, 0]], rows[1, [1, 1]]])
