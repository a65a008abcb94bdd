import numpy as np
import pytest
from mindspore import Tensor, nn

from benchmarks import flops
from src.config.load import load_config
from src.parts.backbones.convolution import use_native_kernels
from src.parts.backbones.resnet import ResNet
from src.systems import build_network

pytestmark = pytest.mark.usefixtures("pynative")


@pytest.mark.parametrize("native", [False, True], ids=["operators", "kernel"])
@pytest.mark.parametrize(("name", "published"), [("resnet_v1.5_50", 4.09e9), ("resnet_v1_18", 1.81e9)])
def test_a_resnet_has_its_published_count(name, published, native):
    network = ResNet(name)
    if native:
        use_native_kernels(network)
    found = sum(flops.count(network, Tensor(np.zeros((1, 3, 224, 224), np.float32))).values())
    classifier = 1000 * network.out_channels[-1]
    assert found + classifier == pytest.approx(published, rel=0.003)


def test_a_layer_that_is_called_twice_counts_twice():
    class Twice(nn.Cell):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Dense(5, 5)

        def construct(self, x: Tensor) -> Tensor:
            return self.layer(self.layer(x))

    network, x = Twice(), Tensor(np.zeros((3, 5), np.float32))
    assert flops.count(network, x) == {"layer": 2 * 3 * 5 * 5}
    assert flops.count(network, x) == {"layer": 2 * 3 * 5 * 5}  # no hook is left


def test_a_detector_counts_every_part(tiny_config):
    words = ["--config_path", str(tiny_config), "--img_width", "128"]
    detector = build_network(load_config("", words), class_count=2)
    head = 16 * 49 * 32 + 32 * 32 + 32 * 3 + 32 * 12
    inference = flops.of_detector(detector, 10, training=False)
    assert flops.of_detector(detector, 11, training=False) - inference == 2 * head
    assert flops.of_detector(detector, 10, training=True) == pytest.approx(3 * inference)  # nothing is frozen
    for parameter in detector.backbone.get_parameters():
        parameter.requires_grad = False
    assert inference < flops.of_detector(detector, 10, training=True) < 3 * inference
