"""Backbones: published sizes, the place of the stride, shapes, and frozen stages."""

import numpy as np
import pytest
from mindspore import Tensor, ops
from mindspore.nn.utils import no_init_parameters

from src.parts.backbones.resnet import ResNet
from src.parts.backbones.table import BACKBONES

pytestmark = pytest.mark.usefixtures("pynative")
# torchvision's published totals; its last layer has features * 1000 weights and 1000 biases.
PUBLISHED = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}


def _depth(name: str) -> int:
    return int(name.rsplit("_", 1)[1])


@pytest.mark.parametrize("name", [name for name in BACKBONES if _depth(name) in PUBLISHED])
def test_number_of_parameters_and_place_of_the_stride(name):
    with no_init_parameters():
        network = ResNet(name, frozen_stages=0)
    names = {parameter.name: parameter for parameter in network.get_parameters()}
    count = sum(int(np.prod(row.shape)) for key, row in names.items() if "moving" not in key)
    assert count == PUBLISHED[_depth(name)] - (network.out_channels[-1] + 1) * 1000
    assert "layer1.0.conv1.weight" in names and "bn1.moving_mean" in names
    if _depth(name) >= 50:
        first, second = network.layer2[0].conv1.stride, network.layer2[0].conv2.stride
        assert (first, second) == (((1, 1), (2, 2)) if "v1.5" in name else ((2, 2), (1, 1)))


@pytest.mark.parametrize(("name", "channels"), [("resnet_v1_18", 64), ("resnet_v1.5_50", 256), ("resnet_v1_50", 256)])
def test_shapes(name, channels):
    network = ResNet(name)
    network.set_train(False)
    found = [feature.shape for feature in network(Tensor(np.zeros((1, 3, 64, 32), np.float32)))]
    assert found == [(1, channels * 2**level, 16 // 2**level, 8 // 2**level) for level in range(4)]
    assert network.out_channels == tuple(channels * 2**level for level in range(4))


@pytest.mark.parametrize(("name", "channels"), [("resnet_v1_10", 256), ("resnet_v1.5_50", 1024)])
def test_it_can_end_with_the_third_stage_and_keep_its_rows_and_columns(name, channels):
    network = ResNet(name, frozen_stages=0, stages=3, last_stride=1).set_train(False)
    found = [feature.shape[1:] for feature in network(Tensor(np.zeros((1, 3, 300, 44), np.float32)))]
    assert found == [(channels // 4, 75, 11), (channels // 2, 38, 6), (channels, 38, 6)]
    assert network.out_channels == (channels // 4, channels // 2, channels)
    whole = {parameter.name: parameter.shape for parameter in ResNet(name).get_parameters()}
    ours = {parameter.name: parameter.shape for parameter in network.get_parameters()}
    assert ours == {key: shape for key, shape in whole.items() if not key.startswith("layer4")}


def test_a_shorter_network_with_all_stages_frozen_has_nothing_to_train():
    with no_init_parameters():
        assert not ResNet("resnet_v1_10", 5, stages=3).trainable_params()


@pytest.mark.parametrize("frozen", range(6))
def test_frozen_stages_are_not_trained(frozen):
    with no_init_parameters():
        network = ResNet("resnet_v1_18", frozen, False)
    trained = {parameter.name.split(".")[0] for parameter in network.trainable_params()}
    parts = [{"conv1", "bn1"}, {"layer1"}, {"layer2"}, {"layer3"}, {"layer4"}]
    assert trained == set().union(*parts[frozen:])
    assert not [row.name for row in network.trainable_params() if "moving" in row.name]


def test_no_gradient_of_the_last_stage_passes_frozen_ones():
    images = Tensor(np.random.default_rng(9).normal(0, 1, (1, 3, 32, 32)).astype(np.float32))
    passing = {}
    for frozen in (0, 3):
        network = ResNet("resnet_v1_18", frozen)
        gradient = ops.grad(lambda x, network=network: network(x)[-1].sum())(images)
        passing[frozen] = bool(gradient.asnumpy().any())
    assert passing == {0: True, 3: False}


def test_frozen_stages_keep_their_statistics_and_the_others_move():
    network = ResNet("resnet_v1_18", 2, False)
    network.set_train(True)
    before = {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}
    network(Tensor(np.random.default_rng(7).normal(0, 1, (2, 3, 64, 64)).astype(np.float32)))
    moved = {row.name.split(".")[0] for row in network.get_parameters() if (before[row.name] != row.asnumpy()).any()}
    assert moved == {"layer2", "layer3", "layer4"}


def test_frozen_batch_norm_keeps_its_statistics_everywhere_and_normalises_with_them():
    network = ResNet("resnet_v1_18", 0, True)
    images = Tensor(np.random.default_rng(8).normal(0, 1, (2, 3, 64, 64)).astype(np.float32))
    before = {parameter.name: parameter.asnumpy().copy() for parameter in network.get_parameters()}
    network.set_train(True)
    training = network(images)[-1].asnumpy()
    network.set_train(False)
    np.testing.assert_allclose(network(images)[-1].asnumpy(), training, rtol=1e-4, atol=1e-5)
    assert all((before[row.name] == row.asnumpy()).all() for row in network.get_parameters())
