"""Pre-processing in the graph: normalisation and padding."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts.pixels import MEAN, STD, lit_sizes, network_input, normalise

pytestmark = pytest.mark.usefixtures("pynative")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_each_channel_has_its_mean_and_deviation(dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5)).astype(dtype)
    found = normalise(Tensor(pixels)).asnumpy()
    wanted = (pixels.transpose(0, 2, 3, 1).astype(np.float64) - MEAN) / STD
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), wanted, rtol=1e-5, atol=1e-6)


def test_the_estimated_size_ends_at_the_last_row_and_column_that_are_not_black():
    pixels = np.zeros((3, 3, 8, 6), np.uint8)
    pixels[0, 1, 4, 0] = pixels[0, 2, 0, 3] = 1
    pixels[1] = 9
    assert lit_sizes(Tensor(pixels)).asnumpy().tolist() == [[5, 4], [8, 6], [0, 0]]


def test_padding_becomes_the_mean_colour_where_the_size_of_the_image_is_known():
    pixels = np.random.default_rng(1).integers(1, 256, (2, 3, 8, 6), dtype=np.uint8)
    sizes = Tensor(np.array([[5, 6], [8, 2]], np.float32))
    seen, height, width = network_input(Tensor(pixels), sizes, black_is_padding=True)
    plain = normalise(Tensor(pixels)).asnumpy()
    for image, (rows, columns) in enumerate([(5, 6), (8, 2)]):
        np.testing.assert_array_equal(seen.asnumpy()[image, :, :rows, :columns], plain[image, :, :rows, :columns])
        assert not seen.asnumpy()[image, :, rows:].any() and not seen.asnumpy()[image, :, :, columns:].any()
    assert height.asnumpy().ravel().tolist() == [5, 8] and width.asnumpy().ravel().tolist() == [6, 2]
    seen, height, width = network_input(Tensor(pixels), sizes, black_is_padding=False)
    assert (height, width) == (8.0, 6.0) and (seen.asnumpy() == plain).all()
