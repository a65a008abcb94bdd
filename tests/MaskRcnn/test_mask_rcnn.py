"""The assembled detector: it is Faster R-CNN and a mask branch; what holds for every detector stands in tests/contracts."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from src.config.load import load_config
from src.systems import build_network
from tests.detectors import IMAGES, detections, ground_truth, losses

pytestmark = pytest.mark.usefixtures("pynative")
TINY = ("--rcnn_mask_out_channels", "8", "--mask_out_size", "4")


def build(config_path, system, *options):
    """A tiny network whose random weights are large enough for clear decisions."""
    ms.set_seed(1)
    network = build_network(
        load_config("", ["--config_path", str(config_path), "--system", system, *TINY, *options]), 2
    )
    for part in (network.rpn.objectness, network.rpn.offsets, network.box_head.classes):
        part.weight.set_data(part.weight * 20)
    network.set_train(False)
    return network


@pytest.fixture(scope="module")
def network(tiny_config):
    """For two classes, with masks of 8 x 8 cells."""
    return build(tiny_config, "mask_rcnn")


def test_what_is_not_masks_is_that_of_faster_rcnn(network, tiny_config):
    faster = build(tiny_config, "faster_rcnn")
    weights = {parameter.name: parameter for parameter in network.get_parameters()}
    for parameter in faster.get_parameters():
        parameter.set_data(weights[parameter.name])
    truth = ground_truth(masks=True)
    for one, other in zip(losses(network, IMAGES, truth), losses(faster, IMAGES, truth[:4])):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(detections(network, IMAGES), detections(faster, IMAGES)):
        np.testing.assert_array_equal(one, other)
    assert network.has_masks and not faster.has_masks
    assert network.loss_terms == (*faster.loss_terms, "rcnn_mask_loss")
    own = {
        parameter.name.split(".")[0]
        for parameter in network.get_parameters()
        if parameter.name not in {other.name for other in faster.get_parameters()}
    }
    assert own == {"mask_head"}


def test_masks_decide_the_last_loss_term_alone(network):
    truth = ground_truth(masks=True)
    terms = losses(network, IMAGES, truth)
    *same, other = losses(network, IMAGES, (*truth[:4], 1 - truth[4]))
    assert all((one == two).all() for one, two in zip(terms, same)) and (other != terms[4]).all()


def test_masks_are_those_of_the_class_and_box_that_is_reported(network):
    boxes, _, labels, *_, masks = detections(network, IMAGES)
    assert masks.shape == (2, 8, 8, 8) and masks.dtype == np.float32 and 0 <= masks.min() < masks.max() <= 1
    images = Tensor(IMAGES)
    pyramid, _, _ = network._pyramid(images, None)
    pooled = network.mask_roi_align(pyramid[:4], Tensor(boxes))
    label = Tensor(labels.ravel())
    for wanted in (label, 3 - label):
        logits = network.mask_head(pooled, wanted).asnumpy().reshape(masks.shape)
        same = np.abs(masks - 1 / (1 + np.exp(-logits))).max((2, 3)) < 1e-4
        assert (same == (wanted is label)).all()
