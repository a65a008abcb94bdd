"""A tiny SSD, shared by the tests of this folder."""

import mindspore as ms
import pytest

from src.config.load import load_config
from src.systems import build_network


@pytest.fixture(scope="module")
def build_ssd(tiny_config):
    """Makes a network for images of 64 x 64 pixels whose random weights are large enough for clear decisions."""
    words = ["--system", "ssd", "--ssd_extras_out_channels", "32,32,16,16,16"]

    def build(class_count: int, *options: str):
        ms.set_seed(1)
        network = build_network(load_config("", ["--config_path", str(tiny_config), *words, *options]), class_count)
        for head in network.multi_box.classes:
            head.pointwise.weight.set_data(head.pointwise.weight * 30)
            head.pointwise.bias.set_data(head.pointwise.bias * 0.3)
        return network.set_train(False)

    return build
