"""The mask head's layers and its loss against loops."""

import numpy as np
import pytest
from mindspore import Tensor

from src.MaskRcnn.mask_head import MaskHead, mask_loss

pytestmark = pytest.mark.usefixtures("pynative")


def test_a_mask_is_that_of_the_class_asked_for_with_twice_as_many_cells():
    head = MaskHead(3, 4, 5, 3)
    rng = np.random.default_rng(1)
    head.classes.bias.set_data(Tensor(np.array([5, 7, 9], np.float32)))
    pooled = Tensor(rng.normal(size=(2, 4 * 4 * 3)).astype(np.float32))
    every = [head(pooled, Tensor(np.full(2, label, np.int32))).asnumpy() for label in range(3)]
    mixed = head(pooled, Tensor(np.array([2, 1], np.int32))).asnumpy()
    assert mixed.shape == (2, 8, 8) and mixed.dtype == np.float32
    np.testing.assert_allclose(mixed[0], every[2][0], atol=1e-5)
    np.testing.assert_allclose(mixed[1], every[1][1], atol=1e-5)
    assert (every[0] != every[1]).any()


def test_layers_read_rows_and_columns_as_roi_align_lays_them_out():
    head = MaskHead(1, 3, 1, 2)
    for conv in head.convs:  # each passes its input on
        kernel = np.zeros((1, 1, 3, 3), np.float32)
        kernel[0, 0, 1, 1] = 1
        conv.weight.set_data(Tensor(kernel))
    head.deconv.weight.set_data(Tensor(np.array([[[[1, 2], [3, 4]]]], np.float32)))
    head.classes.weight.set_data(Tensor(np.array([0, 10], np.float32).reshape(2, 1, 1, 1)))
    head.classes.bias.set_data(Tensor(np.array([0, 1], np.float32)))
    pooled = np.arange(9, dtype=np.float32).reshape(1, 9)
    found = head(Tensor(pooled), Tensor(np.array([1], np.int32))).asnumpy()
    np.testing.assert_allclose(found[0], 10 * np.kron(pooled.reshape(3, 3), [[1, 2], [3, 4]]) + 1, rtol=1e-6)


def test_the_loss_is_the_mean_over_positives_of_the_mean_over_cells():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, (12, 3, 3)).astype(np.float32)
    targets, positive = (rng.random((3, 4, 3, 3)) < 0.5).astype(np.float32), rng.random((3, 4)) < 0.6
    positive[1] = False
    found = mask_loss(Tensor(logits), Tensor(targets), Tensor(positive)).asnumpy()
    wanted = np.zeros(3)
    for image, roi, i, j in np.ndindex(3, 4, 3, 3):
        if positive[image, roi]:
            probability = 1 / (1 + np.exp(-float(logits[image * 4 + roi, i, j])))
            right = probability if targets[image, roi, i, j] else 1 - probability
            wanted[image] -= np.log(right) / 9 / positive[image].sum()
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    assert found[1] == 0 and found[0] > 0
