"""Pooling by the C++ kernel looks at every index before it reads memory."""

import numpy as np
import pytest
from mindspore import Tensor

from src.FasterRcnn.pooling import NativePooling, pyramid_pooling
from src.FasterRcnn.roi_align import PyramidRoiAlign, RoiAlignConfig

pytestmark = pytest.mark.usefixtures("pynative")
SHAPES = ((8, 4), (4, 2), (2, 1), (1, 1))
FEATURES = [np.full((2, 3, *shape), 10.0**level, np.float32) for level, shape in enumerate(SHAPES)]


@pytest.fixture(scope="module")
def kernel() -> NativePooling:
    found = pyramid_pooling(SHAPES, native=True)
    assert isinstance(found, NativePooling)
    return found


def places() -> dict[str, np.ndarray]:
    """Indices and weights [B, R, P, T] that read the last cell of a level, the level [B, R]."""
    level = np.array([[0, 1], [2, 3]], np.int32)
    rows, columns = (np.array([shape[axis] for shape in SHAPES], np.int32)[level] - 1 for axis in (0, 1))
    shape = (2, 2, 2, 2)
    quarter = np.full(shape, 0.5, np.float32)
    y, x = (np.broadcast_to(index[..., None, None], shape).copy() for index in (rows, columns))
    return {"level": level, "y_index": y, "y_weight": quarter, "x_index": x, "x_weight": quarter}


def test_the_last_cell_of_every_level_is_read(kernel):
    pooled = kernel(*map(Tensor, FEATURES), *map(Tensor, places().values())).asnumpy()
    np.testing.assert_allclose(pooled[:, 0, 0, 0], [1, 10, 100, 1000], rtol=1e-6)


@pytest.mark.parametrize("gradient", [False, True], ids=["forward", "gradient"])
@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("level", (1, 1), 4),
        ("level", (0, 0), -1),
        ("level", (0, 1), -(2**31)),  # what NaN may become as an integer
        ("y_index", (0, 0, 1, 1), 8),
        ("y_index", (1, 1, 0, 0), 1),
        ("y_index", (0, 1, 1, 0), -(2**31)),
        ("x_index", (0, 0, 1, 1), 4),  # would be the next row
        ("x_index", (1, 1, 0, 1), -1),
        ("x_index", (1, 0, 0, 1), 2**31 - 1),
    ],
)
def test_an_index_outside_its_level_is_an_error_and_no_crash(kernel, gradient, name, place, value):
    wrong = places()
    wrong[name][place] = value
    inputs = [*map(Tensor, FEATURES), *map(Tensor, wrong.values())]
    with pytest.raises(RuntimeError, match="PyramidPool.* is 1"):
        if gradient:
            [part.asnumpy() for part in kernel.pool_gradient(*inputs, Tensor(np.ones((4, 2, 2, 3), np.float32)))]
        else:
            kernel(*inputs).asnumpy()


@pytest.mark.parametrize("native", [False, True], ids=["operators", "kernel"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_rois_that_are_no_boxes_do_not_harm_the_others(native, value):
    """Of a network that diverges: whatever its own pooled features are, nothing crashes and the other RoIs are what they were."""
    align = PyramidRoiAlign(SHAPES, (4, 8, 16, 32), RoiAlignConfig(2, 2, 4.0, native))
    rng = np.random.default_rng(0)
    features = tuple(Tensor(rng.normal(size=feature.shape).astype(np.float32)) for feature in FEATURES)
    rois = np.array([[[1, 2, 9, 12], [0, 0, 16, 32]], [[3, 3, 5, 5], [2, 0, 9, 30]]], np.float32)
    right = align(features, Tensor(rois)).asnumpy()
    for corners in ([0], [3], [0, 1], [2, 3], [0, 1, 2, 3]):
        wrong = rois.copy()
        wrong[0, 1, corners] = value
        found = align(features, Tensor(wrong)).asnumpy()
        np.testing.assert_array_equal(found[[0, 2, 3]], right[[0, 2, 3]])
