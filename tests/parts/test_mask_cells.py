"""Reading masks at points of their boxes against a loop."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts.mask_cells import cell_centres, sample_masks
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")


def read(masks, rows, columns) -> np.ndarray:
    """NumPy in and out."""
    return sample_masks(*(Tensor(np.asarray(value, np.float32)) for value in (masks, rows, columns))).asnumpy()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_random_points_against_a_loop(size):
    rng = np.random.default_rng(size)
    masks = rng.random((3, size, size))
    rows, columns = rng.uniform(-0.3, 1.3, (2, 3, 7))
    found = read(masks, rows, columns)
    for mask, i, j in np.ndindex(3, 7, 7):
        wanted = oracles.mask_value(masks[mask], rows[mask, i], columns[mask, j])
        assert found[mask, i, j] == pytest.approx(wanted, abs=1e-5)


def test_the_centres_of_the_cells_give_the_mask_itself_and_finer_ones_its_slopes():
    np.testing.assert_allclose(cell_centres(4), [0.125, 0.375, 0.625, 0.875])
    masks = np.random.default_rng(1).random((2, 6, 6)).astype(np.float32)
    centres = np.stack([cell_centres(6)] * 2)
    np.testing.assert_allclose(read(masks, centres, centres), masks, atol=1e-5)
    step = read([[[0, 0], [1, 1]]], [cell_centres(4)], [[0.5]])
    np.testing.assert_allclose(step[0, :, 0], [0, 0.25, 0.75, 1], atol=1e-6)


def test_outside_the_box_there_is_nothing():
    found = read(np.ones((1, 3, 3)), [[-0.1, 0.0, 1.0, 1.1]], [[-1e6, 0.5, 1e6]])
    np.testing.assert_array_equal(found[0], [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]])
