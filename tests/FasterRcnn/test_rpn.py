"""The loss of the region proposal network against a loop, with a sample that holds every anchor; and its head.

The loop never sees an anchor that crosses the border: these are left out before anything is matched (Ren et al. 2015,
section 3.3).
"""

import numpy as np
import pytest
from mindspore import Tensor
from mindspore import dtype as mstype

from src.FasterRcnn.rpn import Rpn, rpn_loss
from src.parts.anchors import cell_anchors, grid_anchors, inside_image
from src.parts.matcher import MatchThresholds
from src.parts.sampler import SamplingConfig, priority_table
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
ANCHORS = grid_anchors(8, 8, 8, cell_anchors(8, (2.0,), (0.5, 1.0, 2.0)))
COUNT = len(ANCHORS)
ALLOWED = inside_image(ANCHORS, 64, 64)
RNG = np.random.default_rng(1)
LOGITS = RNG.normal(0, 1, (4, COUNT)).astype(np.float32)
DELTAS = RNG.normal(0, 0.3, (4, COUNT, 4)).astype(np.float32)


def clear_boxes(rng, kind: str) -> np.ndarray:
    """Six boxes none of which overlaps two allowed anchors best of all, up to rounding."""
    boxes = oracles.random_boxes(rng, 40, kind)
    best = np.sort(oracles.iou_table(boxes, ANCHORS[ALLOWED]), 1)
    return boxes[(best[:, -1] < 0.29) | (best[:, -1] - best[:, -2] > 1e-4)][:6]


def ground_truth(rng=RNG) -> tuple[np.ndarray, ...]:
    """Four images of six rows: any boxes, small ones, boxes on the border, and none; a crowd in two of them."""
    boxes = np.stack([clear_boxes(rng, kind) for kind in oracles.KINDS])
    valid = np.zeros((4, 6), bool)
    valid[:3, :4] = True
    crowd = np.zeros((4, 6), bool)
    crowd[1:3, 5] = True
    return boxes, np.ones((4, 6), np.int32), valid, crowd


def run(truth, sample_size, max_positive, step=0):
    """Both losses, NumPy."""
    found = rpn_loss(
        *(Tensor(value) for value in (LOGITS, DELTAS, ANCHORS, ALLOWED)),
        tuple(Tensor(value) for value in truth),
        priority_table(COUNT),
        Tensor(step, mstype.int32),
        SamplingConfig(MatchThresholds(0.7, 0.3, 0.3), sample_size, max_positive),
    )
    return [value.asnumpy() for value in found]


def losses_of_image(image, boxes, crowds):
    """Both losses of one image over all allowed anchors, object by object and anchor by anchor."""
    inside = np.flatnonzero(ALLOWED)
    rows, state = oracles.match(ANCHORS[inside], boxes, crowds, 0.7, 0.3, 0.3)
    entropy = distance = 0.0
    for place, number in enumerate(inside):
        if state[place] < 0:
            continue
        entropy += oracles.cross_entropy(np.array([0, LOGITS[image, number]]), int(state[place]))
        if state[place] == 1:
            (row,) = rows[place]
            wanted = oracles.encode(boxes[row], ANCHORS[number], np.ones(4))
            distance += sum(oracles.smooth_l1(p, t, 1 / 9) for p, t in zip(DELTAS[image, number], wanted))
    return entropy / COUNT, distance / COUNT


@pytest.mark.parametrize("seed", range(3))
def test_losses_against_a_loop_over_the_allowed_anchors(seed):
    truth = boxes, _, valid, crowd = ground_truth(np.random.default_rng(seed))
    classification, regression = run(truth, COUNT, COUNT)
    for image in range(4):
        entropy, distance = losses_of_image(image, boxes[image][valid[image]], boxes[image][crowd[image]])
        assert classification[image] == pytest.approx(entropy, rel=1e-4)
        assert regression[image] == pytest.approx(distance, rel=1e-3, abs=1e-6)
    assert regression[0] > 0 and regression[3] == 0 and classification[3] > 0


def test_an_object_whose_best_anchor_crosses_the_border_claims_the_best_inside():
    box = np.array([[0, 20, 14, 36]], np.float32)
    crossing, inside = (
        max(np.flatnonzero(rows), key=lambda n: oracles.iou(box[0], ANCHORS[n])) for rows in (~ALLOWED, ALLOWED)
    )
    best, second = (oracles.iou(box[0], ANCHORS[number]) for number in (crossing, inside))
    assert 0.7 > best > second >= 0.3, "the object needs a claim, and its best anchor crosses"
    truth = (np.tile(box, (4, 1, 1)), np.ones((4, 1), np.int32), np.ones((4, 1), bool), np.zeros((4, 1), bool))
    _, regression = run(truth, COUNT, COUNT)
    wanted = oracles.encode(box[0], ANCHORS[inside], np.ones(4))
    for image in range(4):
        distance = sum(oracles.smooth_l1(p, t, 1 / 9) for p, t in zip(DELTAS[image, inside], wanted))
        assert regression[image] == pytest.approx(distance / COUNT, rel=1e-4)


def test_the_sample_depends_on_the_step_and_the_divisor_on_its_size():
    truth = ground_truth()
    first, again, later = (run(truth, 16, 4, step) for step in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first[0] != later[0]).all()
    # Sixteen terms of about 0.8 (the mean over random logits) divided by sixteen.
    assert 0.3 < first[0].mean() < 2.0


def test_the_head_keeps_the_order_of_the_anchors():
    head = Rpn(4, 3)
    head.conv.weight.set_data(Tensor(np.zeros((4, 4, 3, 3), np.float32)))
    head.conv.bias.set_data(Tensor(np.ones(4, np.float32)))
    head.objectness.bias.set_data(Tensor([1.0, 2.0, 3.0]))
    head.offsets.bias.set_data(Tensor(np.arange(12, dtype=np.float32)))
    for part in (head.objectness, head.offsets):
        part.weight.set_data(Tensor(np.zeros(part.weight.shape, np.float32)))
    features = tuple(Tensor(np.zeros((2, 4, rows, 2), np.float32)) for rows in (3, 1))
    logits, deltas = head(features)
    assert [logit.shape for logit in logits] == [(2, 18), (2, 6)]
    np.testing.assert_array_equal(logits[0].asnumpy(), np.tile([1, 2, 3], (2, 6)))
    np.testing.assert_array_equal(deltas[1].asnumpy()[1], np.tile(np.arange(12).reshape(3, 4), (2, 1)))
