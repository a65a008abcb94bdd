"""Pixels of any type become what a backbone reads."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts.pixels import MEAN, STD, normalise


@pytest.mark.usefixtures("pynative")
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_each_channel_has_its_mean_and_deviation(dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5)).astype(dtype)
    found = normalise(Tensor(pixels)).asnumpy()
    wanted = (pixels.transpose(0, 2, 3, 1).astype(np.float64) - MEAN) / STD
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.transpose(0, 2, 3, 1), wanted, rtol=1e-5, atol=1e-6)
