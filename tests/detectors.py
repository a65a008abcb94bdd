"""What the tests of every detector share: images of 64 x 64 pixels, ground truth for them, and how answers are compared."""

import mindspore as ms
import numpy as np
from mindspore import Tensor, nn
from mindspore import dtype as mstype

from tests import oracles

IMAGES = np.random.default_rng(1).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)
STEP = 3
MASK_CELLS = 16  # of a ground-truth mask, a side


def ground_truth(objects: int = 3, crowds: int = 0, classes: int = 2, masks: bool = False) -> tuple[np.ndarray, ...]:
    """Of two images with the same number of objects and crowds but other boxes and masks; a crowd is larger than any anchor."""
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


def losses(network, images, truth) -> list[np.ndarray]:
    """The loss terms, NumPy."""
    found = network.losses(Tensor(images), *(Tensor(value) for value in truth), Tensor(STEP, mstype.int32))
    return [term.asnumpy() for term in found]


def detections(network, images) -> list[np.ndarray]:
    """All outputs, NumPy."""
    return [part.asnumpy() for part in network(Tensor(images))]


def assert_same_detections(some, others):
    """Equal up to rounding."""
    for one, other, tolerance in zip(some, others, (1e-2, 1e-4, 0, 1e-4, 0, 1e-3)[: len(some)], strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


def assert_two_images_are_one_and_one(network):
    """Neither losses nor detections of an image depend on its neighbour in the batch."""
    truth = ground_truth(masks=network.has_masks)
    together, found = losses(network, IMAGES, truth), detections(network, IMAGES)
    for image in range(2):
        alone = losses(network, IMAGES[image : image + 1], [value[image : image + 1] for value in truth])
        for one, both in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], both[image], rtol=1e-3, atol=1e-5)
        assert_same_detections(
            detections(network, IMAGES[image : image + 1]), [part[image : image + 1] for part in found]
        )
    assert found[4].any(1).all()


class _Both(nn.Cell):
    """Losses and detections as one graph, to compile once."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def construct(self, images, *truth_and_step):
        return self.network.losses(images, *truth_and_step) + self.network(images)


def assert_graph_mode_is_pynative(network):
    """Losses and detections are the same step by step and as one graph. Leaves graph mode on."""
    truth = ground_truth(crowds=1, masks=network.has_masks)
    inputs = [Tensor(value) for value in (IMAGES, *truth)] + [Tensor(STEP, mstype.int32)]
    both = _Both(network)
    both.set_train(False)
    step_by_step = [part.asnumpy() for part in both(*inputs)]
    ms.set_context(mode=ms.GRAPH_MODE)
    graph = [part.asnumpy() for part in both(*inputs)]
    terms = len(network.loss_terms)
    for one, other in zip(step_by_step[:terms], graph[:terms]):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)
    assert_same_detections(step_by_step[terms:], graph[terms:])
    assert [part.dtype for part in step_by_step] == [part.dtype for part in graph]
