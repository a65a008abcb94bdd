"""Proposals against a loop over levels, and what holds for all of them."""

import numpy as np
import pytest
from mindspore import Tensor

from src.FasterRcnn.proposals import ProposalConfig, propose
from src.parts.anchors import cell_anchors, grid_anchors
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
HEIGHT, WIDTH = 48, 64
ANCHORS = [grid_anchors(HEIGHT // s, WIDTH // s, s, cell_anchors(s, (3.0,), (0.5, 1.0, 2.0))) for s in (8, 16)]


def heads(seed: int, batch: int = 2) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Random logits and offsets of every level."""
    rng = np.random.default_rng(seed)
    logits = [rng.normal(0, 2, (batch, len(level))).astype(np.float32) for level in ANCHORS]
    return logits, [rng.normal(0, 0.2, (batch, len(level), 4)).astype(np.float32) for level in ANCHORS]


def run(logits, deltas, config):
    """Propose from NumPy arrays."""
    found = propose(*(tuple(map(Tensor, rows)) for rows in (logits, deltas, ANCHORS)), HEIGHT, WIDTH, config)
    return found[0].asnumpy(), found[1].asnumpy()


def by_loop(logits, deltas, image, config):
    """Proposals of one image, best first."""
    found = []
    for logit, delta, anchors in zip(logits, deltas, ANCHORS):
        order = np.argsort(-logit[image])[: config.candidates_per_level]
        decoded = [oracles.decode(delta[image, number], anchors[number], np.ones(4)) for number in order]
        decoded = np.array([oracles.clip(box, HEIGHT, WIDTH) for box in decoded])
        kept = oracles.suppress(decoded, config.nms_iou)
        kept &= (decoded[:, 2:] - decoded[:, :2]).min(1) > 1e-3
        found += [(logit[image, number], box) for number, box, stays in zip(order, decoded, kept) if stays]
    return np.array([box for _, box in sorted(found, key=lambda pair: -pair[0])][: config.count])


@pytest.mark.parametrize(
    "config", [ProposalConfig(40, 30, 0.5), ProposalConfig(20, 500, 0.7), ProposalConfig(500, 60, 0.3)]
)
def test_against_a_loop(config):
    logits, deltas = heads(1)
    boxes, valid = run(logits, deltas, config)
    candidates = sum(min(config.candidates_per_level, len(level)) for level in ANCHORS)
    assert boxes.shape == (2, min(config.count, candidates), 4)
    for image in range(2):
        wanted = by_loop(logits, deltas, image, config)
        assert valid[image].tolist() == [True] * len(wanted) + [False] * (valid.shape[1] - len(wanted))
        np.testing.assert_allclose(boxes[image][valid[image]], wanted, atol=1e-3)
    assert boxes.min() >= 0 and boxes[..., ::2].max() <= WIDTH and boxes[..., 1::2].max() <= HEIGHT


def test_boxes_pushed_out_of_the_image_are_not_valid():
    logits, deltas = heads(2, 1)
    for level in deltas:
        level[..., 0] = 50.0
    assert not run(logits, deltas, ProposalConfig(50, 50, 0.5))[1].any()
