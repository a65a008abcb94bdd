"""The assembled detector: what must hold for every detector, whatever its weights."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from src.config import load_config
from src.FasterRcnn import rpn
from src.parts import box_coder
from src.systems import build_network
from tests import oracles
from tests.detectors import (
    IMAGES,
    assert_graph_mode_is_pynative,
    assert_same_detections,
    assert_two_images_are_one_and_one,
    detections,
    ground_truth,
    losses,
)

pytestmark = pytest.mark.usefixtures("pynative")
RNG = np.random.default_rng(1)


def build(config_path, class_count, *options):
    """A tiny network whose random weights are large enough for clear decisions."""
    ms.set_seed(1)
    words = ["--config_path", str(config_path), "--backbone", "resnet_v1_10", *options]
    network = build_network(load_config("", words), class_count)
    for part in (network.rpn.objectness, network.rpn.offsets, network.box_head.classes):
        part.weight.set_data(part.weight * 20)
    network.set_train(False)
    return network


@pytest.fixture(scope="module")
def network(tiny_config):
    """For two classes."""
    return build(tiny_config, class_count=2)


def test_an_empty_image_is_background_without_a_regression_loss(network):
    terms = losses(network, IMAGES, ground_truth(objects=0))
    assert all(term.shape == (2,) and np.isfinite(term).all() for term in terms)
    assert (terms[0] > 0).all() and (terms[2] > 0).all()
    assert not terms[1].any() and not terms[3].any()


def test_objects_give_every_term(network):
    assert all((term > 0).all() and np.isfinite(term).all() for term in losses(network, IMAGES, ground_truth()))


def test_under_a_crowd_there_is_no_background(network):
    terms = losses(network, IMAGES, ground_truth(objects=0, crowds=1))
    assert not np.any(terms)


def test_encoded_boxes_decode_to_themselves_on_the_anchors_of_the_network(network):
    anchors = network.anchors
    boxes = oracles.random_boxes(RNG, len(anchors), "random")
    deltas = box_coder.encode(Tensor(boxes), anchors, rpn.STDS)
    np.testing.assert_allclose(box_coder.decode(deltas, anchors, rpn.STDS).asnumpy(), boxes, atol=1e-2)
    assert sum(len(level) for level in network.level_anchors) == len(anchors) == 3 * (256 + 64 + 16 + 4 + 1)


def test_two_images_are_one_and_one(network):
    assert_two_images_are_one_and_one(network)


def test_detections_are_sorted_inside_the_image_and_named(network):
    boxes, scores, labels, probabilities, valid = detections(network, IMAGES)
    assert boxes.shape == (2, 8, 4) and probabilities.shape == (2, 8, 3)
    assert boxes.min() >= 0 and boxes.max() <= 64 and (boxes[valid][:, 2:] > boxes[valid][:, :2]).all()
    assert (np.diff(scores) <= 0).all() and set(labels[valid]) <= {1, 2}
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)
    picked = np.take_along_axis(probabilities, labels[..., None], 2)[..., 0]
    np.testing.assert_allclose(picked[valid], scores[valid], atol=1e-6)


def test_one_class_is_enough(tiny_config):
    network = build(tiny_config, class_count=1)
    assert all((term > 0).all() for term in losses(network, IMAGES, ground_truth(classes=1)))
    _, _, labels, probabilities, valid = detections(network, IMAGES)
    assert valid.any() and set(labels[valid]) == {1} and probabilities.shape[-1] == 2


def test_pixels_are_raw_rgb_of_any_type(network):
    assert_same_detections(detections(network, IMAGES), detections(network, IMAGES.astype(np.float32)))


def test_no_box_reaches_into_black_padding_where_it_is_known_as_such(tiny_config):
    network = build(tiny_config, 2, "--black_is_padding", "true")
    images = IMAGES.copy()
    images[0, :, 40:], images[0, :, :, 50:], images[1, :, 10:20] = 0, 0, 0
    boxes, _, _, _, valid = detections(network, images)
    assert valid.any(1).all()
    assert boxes[0, :, 3].max() <= 40 and boxes[0, :, 2].max() <= 50
    assert boxes[1].max() > 50
    everywhere = detections(build(tiny_config, 2), images)
    assert everywhere[0][0, :, 3].max() > 40
    assert_same_detections([part[1] for part in everywhere], [part[1] for part in detections(network, images)])


def test_an_image_all_black_has_no_detections_where_black_is_padding(tiny_config):
    network = build(tiny_config, 1, "--black_is_padding", "true")
    assert not detections(network, IMAGES * 0)[4].any()


def test_graph_mode_is_pynative(network):
    assert_graph_mode_is_pynative(network)
