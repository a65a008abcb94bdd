"""The heads: how many numbers they give, in which order, and what they start with."""

import numpy as np
import pytest
from mindspore import Tensor

from src.Ssd.multibox import MultiBox

pytestmark = pytest.mark.usefixtures("pynative")


def maps(first: int) -> tuple[Tensor, ...]:
    """Two maps of one image, whose cells all differ."""
    rng = np.random.default_rng(3)
    sizes = ((1, first, 4, 3), (1, 6, 2, 2))
    return tuple(Tensor(rng.normal(0, 1, size).astype(np.float32)) for size in sizes)


def test_logits_are_laid_out_cell_by_cell_and_box_by_box():
    heads = MultiBox((4, 6), (2, 3), 5, np.zeros(5)).set_train(False)
    features = maps(4)
    logits, deltas = heads(features)
    assert logits.shape == (1, 4 * 3 * 2 + 2 * 2 * 3, 5) and deltas.shape == (1, 36, 4)
    head, feature = heads.classes[0], features[0]
    weight = head.pointwise.weight.asnumpy()[:, :, 0, 0]
    hidden = np.clip(head.norm(head.depthwise(feature)).asnumpy()[0], 0, 6)
    for row, column, box in ((0, 0, 1), (3, 2, 0), (1, 2, 1)):
        wanted = weight[box * 5 : box * 5 + 5] @ hidden[:, row, column]
        np.testing.assert_allclose(logits.asnumpy()[0, (row * 3 + column) * 2 + box], wanted, atol=1e-5)


def test_a_depthwise_convolution_sees_its_own_channel_only():
    heads = MultiBox((4, 6), (2, 3), 5, np.zeros(5)).set_train(False)
    features = maps(4)
    before = heads.classes[0].depthwise(features[0]).asnumpy()
    features[0][:, 2] = 0
    after = heads.classes[0].depthwise(features[0]).asnumpy()
    assert (before[:, [0, 1, 3]] == after[:, [0, 1, 3]]).all() and not after[:, 2].any()


def test_every_box_starts_with_the_bias_of_its_classes():
    bias = np.array([3.0, -2.0, -1.0])
    heads = MultiBox((4, 6), (2, 3), 3, bias).set_train(False)
    logits, deltas = heads(tuple(feature * 0 for feature in maps(4)))
    np.testing.assert_allclose(logits.asnumpy(), np.broadcast_to(bias, logits.shape), atol=1e-6)
    assert not deltas.asnumpy().any()
