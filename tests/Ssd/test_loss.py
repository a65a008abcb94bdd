"""Both losses and the matching they rest on, against loops."""

import numpy as np
import pytest
from mindspore import Tensor

from src.parts.matcher import MatchThresholds
from src.Ssd.loss import STDS, SsdLossConfig, ssd_loss
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")
RNG = np.random.default_rng(4)
# Not in rows: a small object inside several boxes of one size would overlap all of them alike.
BOXES = oracles.random_boxes(RNG, 150, "random")
COUNT, CLASSES = len(BOXES), 4
CONFIGS = {
    kind: SsdLossConfig(MatchThresholds(0.5, 0.5, 0.0), kind, focal_gamma=2.0, focal_alpha=0.75, negative_ratio=3.0)
    for kind in ("focal", "hard_negative")
}


def scene(kind: str, objects: int, crowds: int):
    """Logits, offsets and ground truth of one image with six rows."""
    boxes = np.zeros((6, 4), np.float32)
    boxes[: objects + crowds] = oracles.random_boxes(RNG, objects + crowds, kind)
    row = np.arange(6)
    truth = (
        boxes,
        RNG.integers(1, CLASSES, 6).astype(np.int32),
        row < objects,
        (row >= objects) & (row < objects + crowds),
    )
    logits = RNG.normal(0, 2, (COUNT, CLASSES)).astype(np.float32)
    return logits, RNG.normal(0, 1, (COUNT, 4)).astype(np.float32), truth


def found(scenes, config) -> np.ndarray:
    """Both terms of the loss: [2, images]."""
    logits, deltas, truths = zip(*scenes, strict=True)
    truth = tuple(Tensor(np.stack(column)) for column in zip(*truths, strict=True))
    terms = ssd_loss(Tensor(np.stack(logits)), Tensor(np.stack(deltas)), Tensor(BOXES), truth, config)
    return np.stack([term.asnumpy() for term in terms])


def wanted(scene, config) -> tuple[float, float]:
    """Both terms of one image, box by box."""
    logits, deltas, (boxes, labels, valid, crowd) = (np.asarray(scene[0], np.float64), scene[1], scene[2])
    rows, state = oracles.match(BOXES, boxes[valid], boxes[crowd], 0.5, 0.5, 0.0)
    label = [labels[min(row)] if kind == 1 else 0 for row, kind in zip(rows, state, strict=True)]
    matched = [number for number in range(COUNT) if state[number] == 1]
    background = [number for number in range(COUNT) if state[number] == 0]
    if config.kind == "focal":
        classification = sum(
            oracles.sigmoid_focal(logits[number, column], column == label[number], 2.0, 0.75)
            for number in matched + background
            for column in range(CLASSES)
        )
    else:
        errors = sorted((oracles.cross_entropy(logits[number], 0) for number in background), reverse=True)
        classification = sum(errors[: 3 * max(1, len(matched))])
        classification += sum(oracles.cross_entropy(logits[number], label[number]) for number in matched)
    regression = sum(
        oracles.smooth_l1(deltas[number, side], target, 1.0)
        for number in matched
        for side, target in enumerate(oracles.encode(boxes[min(rows[number])], BOXES[number], STDS))
    )
    return classification / max(1, len(matched)), regression / max(1, len(matched))


def clear_scene(kind: str, objects: int, crowds: int):
    """A scene with one right answer: no two objects claim one box, and no object overlaps two boxes best of all."""
    while True:
        drawn = scene(kind, objects, crowds)
        boxes, _, valid, crowd = drawn[2]
        best = np.sort(oracles.iou_table(boxes[valid], BOXES), 1)
        claims = oracles.match(BOXES, boxes[valid], boxes[crowd], 0.5, 0.5, 0.0)[0]
        if (best[:, -1] - best[:, -2] > 1e-4).all() and all(len(row) <= 1 for row in claims):
            return drawn


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("boxes", oracles.KINDS)
def test_losses_are_those_of_a_loop(kind, boxes):
    counts = [(0, 0), (0, 1)] if boxes == "none" else [(1, 0), (3, 1), (4, 2)]
    scenes = [clear_scene(boxes, *count) for count in counts]
    expected = np.array([wanted(one, CONFIGS[kind]) for one in scenes]).T
    np.testing.assert_allclose(found(scenes, CONFIGS[kind]), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_best_box_of_an_object_is_matched_whatever_its_overlap(kind):
    logits, deltas, truth = scene("small", 1, 0)
    assert oracles.iou_table(truth[0][:1], BOXES).max() < 0.5
    assert found([(logits, deltas, truth)], CONFIGS[kind])[1, 0] > 0


@pytest.mark.parametrize("kind", CONFIGS)
def test_what_is_right_costs_next_to_nothing(kind):
    _, deltas, truth = clear_scene("random", 3, 0)
    rows, state = oracles.match(BOXES, truth[0][:3], truth[0][:0], 0.5, 0.5, 0.0)
    logits = np.full((COUNT, CLASSES), -20, np.float32)
    for number in range(COUNT):
        label = truth[1][min(rows[number])] if state[number] == 1 else 0
        logits[number, label] = 20
        if state[number] == 1:
            deltas[number] = oracles.encode(truth[0][min(rows[number])], BOXES[number], STDS)
    np.testing.assert_allclose(found([(logits, deltas, truth)], CONFIGS[kind]), 0, atol=1e-4)


@pytest.mark.parametrize("kind", CONFIGS)
def test_all_under_a_crowd_is_ignored(kind):
    logits, deltas, truth = scene("none", 0, 1)
    truth[0][0] = (-300, -300, 364, 364)
    assert not found([(logits, deltas, truth)], CONFIGS[kind]).any()


def test_only_the_hardest_negatives_cost():
    logits, deltas, truth = scene("none", 0, 0)
    logits[:] = (9, 0, 0, 0)
    hard = [5, 77, 120]
    logits[hard] = [(0, 3, 0, 0), (0, 2, 0, 0), (0, 1, 0, 0)]
    expected = sum(oracles.cross_entropy(logits[number], 0) for number in hard)
    np.testing.assert_allclose(found([(logits, deltas, truth)], CONFIGS["hard_negative"])[0, 0], expected, rtol=1e-4)
