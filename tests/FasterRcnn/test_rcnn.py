"""The box head's sample, losses and detections against loops."""

import numpy as np
import pytest
from mindspore import Tensor
from mindspore import dtype as mstype

from src.FasterRcnn.rcnn import STDS, BoxHead, detect, rcnn_loss, sample_rois
from src.parts.detections import DetectionConfig
from src.parts.matcher import MatchThresholds
from src.parts.sampler import SamplingConfig, priority_table
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
THRESHOLDS = MatchThresholds(0.5, 0.5, 0.5)
HEIGHT, WIDTH = 48, 64


def image(rng: np.random.Generator, kind: str) -> tuple[np.ndarray, ...]:
    """Six rows of ground truth (four objects, a crowd, padding) and 30 proposals, a third of them close to an object."""
    boxes = oracles.random_boxes(rng, 6, kind, HEIGHT, WIDTH)
    proposals = oracles.random_boxes(rng, 30, "random", HEIGHT, WIDTH)
    proposals[::3] = boxes[rng.integers(0, 4, 10)] + rng.normal(0, 0.3, (10, 4))
    valid = np.array([kind != "none"] * 4 + [False] * 2)
    return boxes, rng.integers(1, 4, 6).astype(np.int32), valid, np.arange(6) == 4, proposals


@pytest.mark.parametrize("kind", oracles.KINDS)
def test_all_usable_candidates_are_sampled_with_their_labels(kind):
    boxes, labels, valid, crowd, proposals = image(np.random.default_rng(1), kind)
    usable = np.arange(30) < 25
    found = sample_rois(
        Tensor(proposals[None]),
        Tensor(usable[None]),
        tuple(Tensor(value[None]) for value in (boxes, labels, valid, crowd)),
        priority_table(36),
        Tensor(0, mstype.int32),
        SamplingConfig(THRESHOLDS, 100, 100),
    )
    rois, found_labels, gt_row, found_valid = (value.asnumpy()[0] for value in found)
    candidates = np.concatenate([boxes[valid], proposals[usable]])
    rows, state = oracles.match(candidates, boxes[valid], boxes[crowd], 0.5, 0.5, 0.5)
    wanted = {}
    for box, choice, its_state in zip(candidates, rows, state):
        if its_state >= 0:
            row = np.flatnonzero(valid)[next(iter(choice))] if its_state == 1 else None
            wanted[tuple(box)] = (0, None) if row is None else (labels[row], tuple(boxes[row]))
    assert found_valid.sum() == (state >= 0).sum()
    for index in np.flatnonzero(found_valid):
        label, box = wanted.pop(tuple(rois[index]))
        assert found_labels[index] == label
        assert label == 0 or tuple(boxes[gt_row[index]]) == box
    assert not wanted
    assert (np.diff((found_labels > 0).astype(int)) <= 0).all(), "positives come first"
    assert (found_labels[~found_valid] == 0).all()


def test_positives_are_limited():
    boxes, labels, valid, crowd, proposals = image(np.random.default_rng(2), "random")
    ground_truth = tuple(Tensor(value[None]) for value in (boxes, labels, valid, crowd))
    sampling, step = SamplingConfig(THRESHOLDS, 10, 3), Tensor(5, mstype.int32)
    everywhere = Tensor(np.ones((1, 30), bool))
    _, found, _, found_valid = sample_rois(
        Tensor(proposals[None]), everywhere, ground_truth, priority_table(36), step, sampling
    )
    assert found.shape == (1, 10) and found_valid.asnumpy().all() and (found.asnumpy() > 0).sum() == 3


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("gamma", [0.0, 1.5])
def test_losses_against_a_loop(classes, gamma):
    rng = np.random.default_rng(3)
    shape = (3, 12)
    logits = rng.normal(0, 1, (36, classes)).astype(np.float32)
    deltas = rng.normal(0, 1, (36, classes, 4)).astype(np.float32)
    rois, gt_boxes = (oracles.random_boxes(rng, 36, "random").reshape(3, 12, 4) for _ in range(2))
    labels, valid = rng.integers(0, classes, shape).astype(np.int32), rng.random(shape) < 0.7
    valid[1], labels[2] = False, 0
    found = rcnn_loss(*(Tensor(value) for value in (logits, deltas, rois, labels, gt_boxes, valid)), gamma)
    classification, regression = np.zeros(3), np.zeros(3)
    for number, (row, column) in enumerate(np.ndindex(shape)):
        if valid[row, column]:
            label = labels[row, column]
            entropy = oracles.cross_entropy(logits[number], label)
            classification[row] += (1 - np.exp(-entropy)) ** gamma * entropy / valid[row].sum()
            if label > 0:
                wanted = oracles.encode(gt_boxes[row, column], rois[row, column], STDS)
                distance = sum(oracles.smooth_l1(p, t, 1.0) for p, t in zip(deltas[number, label], wanted))
                regression[row] += distance / valid[row].sum()
    np.testing.assert_allclose(found[0].asnumpy(), classification, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found[1].asnumpy(), regression, rtol=1e-3, atol=1e-6)
    assert found[0].asnumpy()[1] == 0 and (found[1].asnumpy()[1:] == 0).all()


def detections_by_loop(logits, deltas, proposals, valid, config):
    """(score, label, RoI, box) of one image: suppression class by class, then the best of all classes."""
    exponents = np.exp(logits.astype(np.float64))
    probabilities = exponents / exponents.sum(1, keepdims=True)
    found = []
    for label in range(1, logits.shape[1]):
        rows = [row for row in np.argsort(-probabilities[:, label]) if valid[row]]
        boxes = [oracles.clip(oracles.decode(deltas[row, label], proposals[row], STDS), HEIGHT, WIDTH) for row in rows]
        for row, box, stays in zip(rows, boxes, oracles.suppress(np.array(boxes), config.nms_iou)):
            if stays and probabilities[row, label] > config.score_threshold:
                found.append((probabilities[row, label], label, row, box))
    return sorted(found, key=lambda one: -one[0])[: config.count], probabilities


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("kind", ["random", "small", "border"])
@pytest.mark.parametrize(("threshold", "count"), [(0.05, 100), (0.4, 8)])
def test_detections_against_a_loop(classes, kind, threshold, count):
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 2, (2, 20, classes)).astype(np.float32)
    deltas = rng.normal(0, 0.3, (2, 20, classes, 4)).astype(np.float32)
    proposals = np.stack([oracles.random_boxes(rng, 20, kind, HEIGHT, WIDTH) for _ in range(2)])
    proposals[:, 10:] = proposals[:, :10]
    valid = rng.random((2, 20)) < 0.9
    config = DetectionConfig(threshold, 0.5, count, candidates=1000)
    flat = (logits.reshape(40, classes), deltas.reshape(40, classes, 4), proposals, valid)
    found = [part.asnumpy() for part in detect(*(Tensor(value) for value in flat), HEIGHT, WIDTH, config)]
    boxes, scores, labels, probabilities, kept = found
    for number in range(2):
        wanted, its_probabilities = detections_by_loop(
            logits[number], deltas[number], proposals[number], valid[number], config
        )
        size = len(wanted)
        assert kept[number].tolist() == [True] * size + [False] * (kept.shape[1] - size)
        np.testing.assert_allclose(scores[number, :size], [one[0] for one in wanted], rtol=1e-4)
        np.testing.assert_array_equal(labels[number, :size], [one[1] for one in wanted])
        rows = [one[2] for one in wanted]
        np.testing.assert_allclose(probabilities[number, :size], its_probabilities[rows], rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(boxes[number, :size], [one[3] for one in wanted], atol=1e-3)
        assert (scores[number, size:] == 0).all()


def test_only_the_best_pairs_are_looked_at_and_what_has_no_area_is_nothing():
    proposals = np.array([[[0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50], [WIDTH, 0, WIDTH + 9, 9]]], np.float32)
    logits = np.array([[0, 5], [0, 3], [0, 4], [0, 6]], np.float32)
    inputs = [Tensor(value) for value in (logits, np.zeros((4, 2, 4), np.float32), proposals, np.ones((1, 4), bool))]
    for candidates, wanted in ((3, [0, 40]), (4, [0, 40, 20])):
        boxes, *_, valid = detect(*inputs, HEIGHT, WIDTH, DetectionConfig(0.1, 0.5, 3, candidates))
        assert boxes.asnumpy()[valid.asnumpy()][:, 0].tolist() == wanted


def test_the_head_lays_offsets_out_by_class():
    head = BoxHead(6, 5, 3)
    head.offsets.weight.set_data(Tensor(np.zeros((12, 5), np.float32)))
    head.offsets.bias.set_data(Tensor(np.arange(12, dtype=np.float32)))
    logits, deltas = head(Tensor(np.ones((7, 6), np.float32)))
    assert logits.shape == (7, 3)
    np.testing.assert_array_equal(deltas.asnumpy()[6], np.arange(12).reshape(3, 4))
