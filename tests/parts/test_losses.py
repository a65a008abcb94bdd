"""Losses against their formulas, and where naive formulas overflow."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts.losses import binary_cross_entropy, sigmoid_focal, smooth_l1, softmax_focal
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
RNG = np.random.default_rng(5)


@pytest.mark.parametrize("beta", [1.0, 1 / 9])
def test_smooth_l1(beta):
    prediction, target = RNG.normal(0, 1, (2, 50)).astype(np.float32)
    wanted = [oracles.smooth_l1(p, t, beta) for p, t in zip(prediction, target)]
    np.testing.assert_allclose(smooth_l1(Tensor(prediction), Tensor(target), beta).asnumpy(), wanted, atol=1e-5)


def test_binary_cross_entropy():
    logits, target = RNG.normal(0, 3, 50).astype(np.float32), RNG.uniform(0, 1, 50).astype(np.float32)
    probability = 1 / (1 + np.exp(-logits.astype(np.float64)))
    wanted = -target * np.log(probability) - (1 - target) * np.log(1 - probability)
    np.testing.assert_allclose(binary_cross_entropy(Tensor(logits), Tensor(target)).asnumpy(), wanted, atol=1e-5)


@pytest.mark.parametrize(("gamma", "alpha"), [(2.0, 0.75), (0.0, 0.5), (1.5, 0.25)])
def test_sigmoid_focal(gamma, alpha):
    logits, there = RNG.normal(0, 3, 50).astype(np.float32), RNG.integers(0, 2, 50).astype(np.float32)
    wanted = [oracles.sigmoid_focal(logit, bool(one), gamma, alpha) for logit, one in zip(logits, there)]
    np.testing.assert_allclose(sigmoid_focal(Tensor(logits), Tensor(there), gamma, alpha).asnumpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("gamma", [0.0, 1.5, 2.0])
def test_softmax_focal(classes, gamma):
    logits, labels = RNG.normal(0, 3, (50, classes)).astype(np.float32), RNG.integers(0, classes, 50).astype(np.int32)
    entropy = np.array([oracles.cross_entropy(row, label) for row, label in zip(logits, labels)])
    wanted = (1 - np.exp(-entropy)) ** gamma * entropy
    np.testing.assert_allclose(softmax_focal(Tensor(logits), Tensor(labels), gamma).asnumpy(), wanted, atol=1e-4)


def test_big_logits_give_big_losses_not_infinite_ones():
    found = binary_cross_entropy(Tensor([1e4, -1e4, 1e4, -1e4]), Tensor([0.0, 1.0, 1.0, 0.0])).asnumpy()
    np.testing.assert_allclose(found, [1e4, 1e4, 0, 0])
    for gamma in (0.0, 1.5):
        found = softmax_focal(Tensor([[1e4, -1e4], [-1e4, 1e4]]), Tensor(np.array([1, 1], np.int32)), gamma).asnumpy()
        np.testing.assert_allclose(found, [2e4, 0])
