"""Boxes as offsets and back: the inverse, an example by hand, and loops."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts import box_coder
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
STDS = (0.1, 0.1, 0.2, 0.2)


def test_an_example_by_hand():
    anchor, box = Tensor([[10.0, 10.0, 30.0, 50.0]]), Tensor([[15.0, 10.0, 55.0, 50.0]])
    found = box_coder.encode(box, anchor, (1.0, 1.0, 1.0, 1.0)).asnumpy()
    np.testing.assert_allclose(found, [[0.75, 0.0, np.log(2.0), 0.0]], atol=1e-6)
    found = box_coder.encode(box, anchor, (0.5, 1.0, 2.0, 1.0)).asnumpy()
    np.testing.assert_allclose(found, [[1.5, 0.0, np.log(2.0) / 2, 0.0]], atol=1e-6)


@pytest.mark.parametrize("kind", ["random", "small", "border"])
def test_decoding_undoes_encoding_and_both_agree_with_loops(kind):
    rng = np.random.default_rng(3)
    truth, anchors = oracles.random_boxes(rng, 40, kind), oracles.random_boxes(rng, 40, "random")
    deltas = box_coder.encode(Tensor(truth), Tensor(anchors), STDS)
    wanted = [oracles.encode(box, anchor, STDS) for box, anchor in zip(truth, anchors)]
    np.testing.assert_allclose(deltas.asnumpy(), wanted, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(box_coder.decode(deltas, Tensor(anchors), STDS).asnumpy(), truth, atol=1e-3)

    deltas = rng.normal(0, 1, (40, 4)).astype(np.float32)
    wanted = [oracles.decode(delta, anchor, STDS) for delta, anchor in zip(deltas, anchors)]
    np.testing.assert_allclose(box_coder.decode(Tensor(deltas), Tensor(anchors), STDS).asnumpy(), wanted, atol=1e-3)


def test_padding_rows_and_wild_predictions_stay_finite():
    zeros, anchor = Tensor(np.zeros((1, 4), np.float32)), Tensor([[0.0, 0.0, 16.0, 16.0]])
    assert np.isfinite(box_coder.encode(zeros, anchor, STDS).asnumpy()).all()
    wild = box_coder.decode(Tensor([[0.0, 0.0, 1e9, -1e9]]), anchor, STDS).asnumpy()[0]
    np.testing.assert_allclose([wild[2] - wild[0], wild[3] - wild[1]], [1000, 0], rtol=1e-3)
