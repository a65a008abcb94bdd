"""The assembled detector: what must hold for every detector, whatever its weights."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor

from src.config.load import load_config
from src.FasterRcnn import rpn
from src.parts import box_coder
from src.systems import build_network
from tests import oracles
from tests.detectors import (
    IMAGES,
    SIZES,
    assert_graph_mode_is_pynative,
    assert_known_sizes_replace_the_guess,
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


@pytest.fixture(scope="module")
def knows_padding(tiny_config):
    """The same weights, and padding becomes the mean colour."""
    return build(tiny_config, 2, "--black_is_padding", "true")


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


def test_known_sizes_replace_the_guess(knows_padding, network):
    assert_known_sizes_replace_the_guess(knows_padding, network)


def test_black_rows_inside_an_image_are_no_padding(knows_padding, network):
    images = IMAGES.copy()
    images[:, :, 10:20], images[:, :, :, 20:30] = 0, 0
    assert_same_detections(detections(knows_padding, images), detections(network, images))


def test_two_images_of_known_size_are_one_and_one(knows_padding):
    assert_two_images_are_one_and_one(knows_padding, SIZES)


def test_an_image_all_black_has_no_detections_where_its_size_is_guessed(knows_padding):
    assert not detections(knows_padding, IMAGES * 0)[4].any()
    assert detections(knows_padding, IMAGES * 0, SIZES)[4].any()


def test_graph_mode_is_pynative(knows_padding):
    assert_graph_mode_is_pynative(knows_padding)
