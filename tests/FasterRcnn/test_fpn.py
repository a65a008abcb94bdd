"""The pyramid with weights that copy: each level is the sum of its own map and all coarser ones, enlarged."""

import numpy as np
import pytest
from mindspore import Tensor

from src.FasterRcnn.fpn import FeaturePyramid

pytestmark = pytest.mark.usefixtures("pynative")


def test_sums_over_levels_and_shapes():
    rng = np.random.default_rng(1)
    features = [rng.normal(0, 1, (2, 3, 16 // 2**level, 24 // 2**level)).astype(np.float32) for level in range(4)]
    network = FeaturePyramid((3, 3, 3, 3), 3)
    for lateral, output in zip(network.lateral, network.output):
        lateral.weight.set_data(Tensor(np.eye(3, dtype=np.float32)[:, :, None, None]))
        copying = np.zeros((3, 3, 3, 3), np.float32)
        copying[:, :, 1, 1] = np.eye(3)
        output.weight.set_data(Tensor(copying))
    found = [level.asnumpy() for level in network(tuple(Tensor(feature) for feature in features))]
    wanted = [features[3]]
    for feature in features[2::-1]:
        wanted.insert(0, feature + wanted[0].repeat(2, axis=2).repeat(2, axis=3))
    wanted.append(wanted[3][:, :, ::2, ::2])
    assert len(found) == 5
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one, other, atol=1e-5)
