"""The assembled detector: its anchors; what holds for every detector stands in tests/contracts."""

import numpy as np
import pytest
from mindspore import Tensor

from src.config.load import load_config
from src.FasterRcnn import rpn
from src.parts import box_coder
from src.systems import build_network
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")


def test_encoded_boxes_decode_to_themselves_on_the_anchors_of_the_network(tiny_config):
    network = build_network(load_config("", ["--config_path", str(tiny_config), "--backbone", "resnet_v1_10"]), 2)
    anchors = network.anchors
    boxes = oracles.random_boxes(np.random.default_rng(1), len(anchors), "random")
    deltas = box_coder.encode(Tensor(boxes), anchors, rpn.STDS)
    np.testing.assert_allclose(box_coder.decode(deltas, anchors, rpn.STDS).asnumpy(), boxes, atol=1e-2)
    assert sum(len(level) for level in network.level_anchors) == len(anchors) == 3 * (256 + 64 + 16 + 4 + 1)
