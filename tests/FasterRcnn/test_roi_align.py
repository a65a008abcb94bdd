"""RoIAlign against a loop over sampling points, by operators and by the C++ kernel; the pyramid; gradients."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn, ops

from src.FasterRcnn.pooling import NativePooling
from src.FasterRcnn.roi_align import PyramidRoiAlign, RoiAlignConfig
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
SHAPES, STRIDES = ((16, 12), (8, 6), (4, 3), (2, 2)), (4, 8, 16, 32)
HEIGHT, WIDTH, CHANNELS, FINEST = 64, 48, 35, 4.0  # 35: more channels than the kernel takes at a time
KERNELS = pytest.mark.parametrize("native", [False, True], ids=["operators", "kernel"])


def bilinear(feature: np.ndarray, y: float, x: float) -> np.ndarray:
    """Value of a map [C, rows, columns] at a point; points outside count as on the border."""
    y, x = min(max(y, 0), feature.shape[1] - 1), min(max(x, 0), feature.shape[2] - 1)
    top, left = int(np.floor(y)), int(np.floor(x))
    bottom, right = min(top + 1, feature.shape[1] - 1), min(left + 1, feature.shape[2] - 1)
    above = feature[:, top, left] * (1 - (x - left)) + feature[:, top, right] * (x - left)
    below = feature[:, bottom, left] * (1 - (x - left)) + feature[:, bottom, right] * (x - left)
    return above * (1 - (y - top)) + below * (y - top)


def pooled(features: list[np.ndarray], roi: np.ndarray, size: int, sampling: int) -> np.ndarray:
    """One RoI from the level of its size: [size, size, C]."""
    level = int(np.clip(np.floor(np.log2(np.sqrt(oracles.area(roi)) / FINEST)), 0, len(features) - 1))
    x1, y1, x2, y2 = np.asarray(roi, np.float64) / STRIDES[level]
    cell_height, cell_width = max(y2 - y1, 1) / size, max(x2 - x1, 1) / size
    result = np.zeros((size, size, features[level].shape[0]))
    for row in range(size):
        for column in range(size):
            for i in range(sampling):
                for j in range(sampling):
                    y = y1 + (row + (i + 0.5) / sampling) * cell_height
                    x = x1 + (column + (j + 0.5) / sampling) * cell_width
                    result[row, column] += bilinear(features[level], y, x) / sampling**2
    return result


def maps(rng: np.random.Generator, batch: int = 2) -> list[np.ndarray]:
    """Random features of every level."""
    return [rng.normal(0, 1, (batch, CHANNELS, *shape)).astype(np.float32) for shape in SHAPES]


@KERNELS
@pytest.mark.parametrize("kind", ["random", "small", "border"])
@pytest.mark.parametrize(("size", "sampling"), [(3, 2), (2, 3)])
def test_random_rois_against_a_loop(kind, size, sampling, native):
    rng = np.random.default_rng(1)
    features = maps(rng)
    rois = np.stack([oracles.random_boxes(rng, 8, kind, HEIGHT, WIDTH) for _ in range(2)])
    rois[0, 0] = (0, 0, WIDTH, HEIGHT)
    cell = PyramidRoiAlign(SHAPES, STRIDES, RoiAlignConfig(size, sampling, FINEST, native))
    assert isinstance(cell.pool, NativePooling) == native
    found = cell(tuple(Tensor(feature) for feature in features), Tensor(rois)).asnumpy()
    assert found.shape == (16, CHANNELS * size**2)
    for number, row in enumerate(found):
        image, roi = divmod(number, 8)
        wanted = pooled([feature[image] for feature in features], rois[image, roi], size, sampling)
        np.testing.assert_allclose(row.reshape(size, size, CHANNELS), wanted, atol=1e-4)


@KERNELS
@pytest.mark.parametrize("size", [2, 14])
def test_maps_filled_with_their_level_show_the_pyramid(size, native):
    shapes = tuple((128 // 2**level, 128 // 2**level) for level in range(4))
    cell = PyramidRoiAlign(shapes, (4, 8, 16, 32), RoiAlignConfig(size, 1, finest_scale=56.0, native=native))
    features = tuple(Tensor(np.full((1, 1, *shape), level, np.float32)) for level, shape in enumerate(shapes))
    sides = [1, 30, 56, 111, 112, 223, 224, 447, 448, 512]
    rois = np.array([[[0, 0, side, side] for side in sides]], np.float32)
    found = cell(features, Tensor(rois)).asnumpy()
    np.testing.assert_allclose(found, np.repeat([[0, 0, 0, 0, 1, 1, 2, 2, 3, 3]], size**2, 0).T, atol=1e-5)
    long = np.array([[[0, 0, 448, 28], [0, 10, 112, 122]]], np.float32)  # the area decides: 112 x 112 px
    np.testing.assert_allclose(cell(features, Tensor(long)).asnumpy(), 1, atol=1e-5)


@KERNELS
def test_gradient_against_finite_differences(native):
    rng = np.random.default_rng(2)
    features, weights = maps(rng, 1), rng.normal(0, 1, (6, CHANNELS * 9)).astype(np.float32)
    rois = oracles.random_boxes(rng, 6, "random", HEIGHT, WIDTH)[None]
    rois[0, 0] = (0, 0, WIDTH, HEIGHT)
    cell = PyramidRoiAlign(SHAPES, STRIDES, RoiAlignConfig(3, 2, FINEST, native))

    def total(*maps_and_rois):
        return (cell(maps_and_rois[:-1], maps_and_rois[-1]) * Tensor(weights)).sum()

    inputs = [Tensor(feature) for feature in features] + [Tensor(rois)]
    *gradients, of_rois = ops.grad(total, grad_position=(0, 1, 2, 3, 4))(*inputs)
    assert not of_rois.asnumpy().any()
    for level, gradient in enumerate(gradients):
        gradient = gradient.asnumpy()
        places = [np.unravel_index(np.abs(gradient).argmax(), gradient.shape), (0, 1, 1, 1)]
        for place in places:
            sides = []
            for change in (0.5, -0.5):  # pooling is linear: any distance is exact
                moved = features[level].copy()
                moved[place] += change
                sides.append(float(total(*inputs[:level], Tensor(moved), *inputs[level + 1 :]).asnumpy()))
            assert gradient[place] == pytest.approx(sides[0] - sides[1], abs=1e-3)


class Gradient(nn.Cell):
    """Gradients of a weighted sum of pooled features, as one graph."""

    def __init__(self, cell: nn.Cell, weights: np.ndarray) -> None:
        super().__init__()
        self.cell = cell
        self.weights = Tensor(weights)
        self.gradient = ops.grad(self.total, (0, 1, 2, 3))

    def total(self, p2, p3, p4, p5, rois):
        return (self.cell((p2, p3, p4, p5), rois) * self.weights).sum()

    def construct(self, p2, p3, p4, p5, rois):
        return self.gradient(p2, p3, p4, p5, rois)


def test_the_kernel_gives_the_gradients_of_the_operators_in_a_graph():
    rng = np.random.default_rng(3)
    weights = rng.normal(0, 1, (16, CHANNELS * 9)).astype(np.float32)
    rois = np.stack([oracles.random_boxes(rng, 8, "random", HEIGHT, WIDTH) for _ in range(2)])
    rois[0, :4, :2], rois[0, :4, 2:] = 0, np.array([[5], [10], [20], [45]])  # one for each level
    inputs = [Tensor(array) for array in (*maps(rng), rois)]
    ms.set_context(mode=ms.GRAPH_MODE)
    found = []
    for native in (False, True):
        cell = PyramidRoiAlign(SHAPES, STRIDES, RoiAlignConfig(3, 2, FINEST, native))
        found.append([part.asnumpy() for part in Gradient(cell, weights)(*inputs)])
    by_operators, by_kernel = found
    assert all(part.any() for part in by_operators)
    for ours, wanted in zip(by_kernel, by_operators, strict=True):
        np.testing.assert_allclose(ours, wanted, atol=1e-4)
