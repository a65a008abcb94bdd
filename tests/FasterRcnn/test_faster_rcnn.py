"""The assembled detector: what must hold for every detector, whatever its weights."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn
from mindspore import dtype as mstype

from src.config import load_config
from src.FasterRcnn import rpn
from src.parts import box_coder
from src.systems import build_network
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
RNG = np.random.default_rng(1)
IMAGES = RNG.integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)
STEP = 3


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


def ground_truth(objects: int = 3, crowds: int = 0, classes: int = 2) -> tuple[np.ndarray, ...]:
    """Of two images with the same number of objects and crowds but other boxes; a crowd is larger than any anchor."""
    rng = np.random.default_rng(2)
    boxes = np.zeros((2, 8, 4), np.float32)
    boxes[:, :objects] = oracles.random_boxes(rng, 2 * objects, "random").reshape(2, objects, 4)
    boxes[:, objects : objects + crowds] = (-300, -300, 364, 364)
    labels = rng.integers(1, classes + 1, (2, 8)).astype(np.int32)
    row = np.arange(8)[None].repeat(2, 0)
    return boxes, labels, row < objects, (row >= objects) & (row < objects + crowds)


def losses(network, images, truth) -> list[np.ndarray]:
    """The four terms, NumPy."""
    found = network.losses(Tensor(images), *(Tensor(value) for value in truth), Tensor(STEP, mstype.int32))
    return [term.asnumpy() for term in found]


def detections(network, images) -> list[np.ndarray]:
    """The five outputs, NumPy."""
    return [part.asnumpy() for part in network(Tensor(images))]


def assert_same_detections(some, others):
    """Equal up to rounding."""
    for one, other, tolerance in zip(some, others, (1e-2, 1e-4, 0, 1e-4, 0), strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


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
    truth = ground_truth()
    together, found = losses(network, IMAGES, truth), detections(network, IMAGES)
    for image in range(2):
        alone = losses(network, IMAGES[image : image + 1], [value[image : image + 1] for value in truth])
        for one, both in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], both[image], rtol=1e-3, atol=1e-5)
        assert_same_detections(
            detections(network, IMAGES[image : image + 1]), [part[image : image + 1] for part in found]
        )
    assert found[4].any(1).all()


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


class _Both(nn.Cell):
    """Losses and detections as one graph, to compile once."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def construct(self, images, boxes, labels, valid, crowd, step):
        return self.network.losses(images, boxes, labels, valid, crowd, step) + self.network(images)


def test_graph_mode_is_pynative(network):
    inputs = [Tensor(value) for value in (IMAGES, *ground_truth(crowds=1))] + [Tensor(STEP, mstype.int32)]
    both = _Both(network)
    both.set_train(False)
    step_by_step = [part.asnumpy() for part in both(*inputs)]
    ms.set_context(mode=ms.GRAPH_MODE)
    graph = [part.asnumpy() for part in both(*inputs)]
    for one, other in zip(step_by_step[:4], graph[:4]):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert_same_detections(step_by_step[4:], graph[4:])
    assert [part.dtype for part in step_by_step] == [part.dtype for part in graph]
