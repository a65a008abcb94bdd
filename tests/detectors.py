"""Shared by the tests of all detectors: images of 64 x 64 pixels, their ground truth, and comparisons of losses and detections."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn
from mindspore import dtype as mstype

from tests import oracles

IMAGES = np.random.default_rng(1).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)
SIZES = np.array([[40, 50], [64, 30]], np.float32)  # smaller than the images, which are nowhere black
STEP = 3
MASK_CELLS = 16  # per side of a ground-truth mask


def ground_truth(objects: int = 3, crowds: int = 0, classes: int = 2, masks: bool = False) -> tuple[np.ndarray, ...]:
    """Ground truth of two images with different boxes and masks, and the same number of objects and crowds; crowds cover all anchors."""
    rng = np.random.default_rng(2)
    boxes = np.zeros((2, 8, 4), np.float32)
    boxes[:, :objects] = oracles.random_boxes(rng, 2 * objects, "random").reshape(2, objects, 4)
    boxes[:, objects : objects + crowds] = (-300, -300, 364, 364)
    labels = rng.integers(1, classes + 1, (2, 8)).astype(np.int32)
    row = np.arange(8)[None].repeat(2, 0)
    truth = boxes, labels, row < objects, (row >= objects) & (row < objects + crowds)
    if not masks:
        return truth
    shapes = oracles.blobs(rng, 16, MASK_CELLS).reshape(2, 8, MASK_CELLS, MASK_CELLS)
    return (*truth, shapes * truth[2][..., None, None])


def losses(network, images, truth, image_sizes=None) -> list[np.ndarray]:
    """The loss terms as NumPy arrays."""
    known = () if image_sizes is None else (Tensor(np.float32(image_sizes)),)
    found = network.losses(Tensor(images), *(Tensor(value) for value in truth), Tensor(STEP, mstype.int32), *known)
    return [term.asnumpy() for term in found]


def detections(network, images, image_sizes=None) -> list[np.ndarray]:
    """All outputs as NumPy arrays."""
    known = () if image_sizes is None else (Tensor(np.float32(image_sizes)),)
    return [part.asnumpy() for part in network(Tensor(images), *known)]


def assert_same_detections(some, others):
    """Equal up to rounding."""
    for one, other, tolerance in zip(some, others, (1e-2, 1e-4, 0, 1e-4, 0, 1e-3)[: len(some)], strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


def assert_two_images_are_one_and_one(network, image_sizes=None):
    """Neither losses nor detections of an image depend on its neighbour in the batch."""
    truth = ground_truth(masks=network.has_masks)
    together, found = losses(network, IMAGES, truth, image_sizes), detections(network, IMAGES, image_sizes)
    for image in range(2):
        picture, its_truth = IMAGES[image : image + 1], [value[image : image + 1] for value in truth]
        its_size = None if image_sizes is None else image_sizes[image : image + 1]
        alone = losses(network, picture, its_truth, its_size)
        for one, both in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], both[image], rtol=1e-3, atol=1e-5)
        assert_same_detections(detections(network, picture, its_size), [part[image : image + 1] for part in found])
    assert found[4].any(1).all()


class _Both(nn.Cell):
    """Losses and detections in one graph, which compiles once."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def construct(self, images, image_sizes, *truth_and_step):
        return self.network.losses(images, *truth_and_step, image_sizes) + self.network(images, image_sizes)


def assert_graph_mode_is_pynative(network):
    """Losses and detections of images of known size are the same in PyNative and graph mode. Leaves graph mode set."""
    truth = ground_truth(crowds=1, masks=network.has_masks)
    inputs = [Tensor(value) for value in (IMAGES, SIZES, *truth)] + [Tensor(STEP, mstype.int32)]
    both = _Both(network)
    both.set_train(False)
    pynative = [part.asnumpy() for part in both(*inputs)]
    ms.set_context(mode=ms.GRAPH_MODE)
    graph = [part.asnumpy() for part in both(*inputs)]
    terms = len(network.loss_terms)
    for one, other in zip(pynative[:terms], graph[:terms]):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert_same_detections(pynative[terms:], graph[terms:])
    assert [part.dtype for part in pynative] == [part.dtype for part in graph]


def assert_known_sizes_replace_the_guess(knows_padding, plain):
    """Given image sizes replace those estimated from black pixels, and are used only with `black_is_padding`.

    Args:
        knows_padding: a network with `black_is_padding`; plain: the same weights without it.
    """
    truth = ground_truth(masks=plain.has_masks)
    images = IMAGES.copy()
    images[0, :, 40:], images[0, :, :, 50:] = 0, 0
    whole, lit = [[64, 64]] * 2, [[40, 50], [64, 64]]

    def answers(network, image_sizes=None):
        return losses(network, images, truth, image_sizes), detections(network, images, image_sizes)

    def assert_same(some, others):
        for one, other in zip(some[0], others[0], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        assert_same_detections(some[1], others[1])

    (guessed_losses, guessed), (known_losses, known) = answers(knows_padding), answers(knows_padding, whole)
    assert guessed[0][0, :, 2].max() <= 50 and guessed[0][0, :, 3].max() <= 40, "the estimated size ends at black edges"
    assert known[0][0, :, 2].max() > 50 and known[0][0, :, 3].max() > 40, "the given size includes black edges"
    assert not np.allclose(guessed_losses[0][0], known_losses[0][0], rtol=1e-4)
    assert_same((known_losses, known), answers(plain))
    assert_same((guessed_losses, guessed), answers(knows_padding, lit))
    assert_same(answers(plain, lit), answers(plain))
    cut = detections(knows_padding, IMAGES, SIZES)
    for (height, width), boxes in zip(SIZES, cut[0], strict=True):
        assert 0 < boxes[:, 3].max() <= height and 0 < boxes[:, 2].max() <= width
