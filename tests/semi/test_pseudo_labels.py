"""Detections as ground truth: which are kept, and the shape of the rest."""

import mindspore as ms
import numpy as np
import pytest
from mindspore import Tensor, nn

from src.semi.pseudo_labels import PseudoLabelConfig, pseudo_labels
from tests import oracles

pytestmark = pytest.mark.usefixtures("pynative")


def detections(scores, valid=None) -> tuple[Tensor, ...]:
    """Detections with these scores [B, K]; box k of an image is (k, k, k + 5, k + 6) and its label k + 1."""
    scores = np.asarray(scores, np.float32)
    batch, count = scores.shape
    k = np.arange(count, dtype=np.float32)
    boxes = np.stack([k, k, k + 5, k + 6], 1)[None].repeat(batch, 0)
    labels = np.arange(1, count + 1, dtype=np.int32)[None].repeat(batch, 0)
    valid = scores > 0 if valid is None else np.asarray(valid)
    return tuple(map(Tensor, (boxes, scores, labels, np.zeros((batch, count, 4), np.float32), valid)))


def run(found, threshold, max_gts, ignore_threshold=None):
    """NumPy out."""
    return [part.asnumpy() for part in pseudo_labels(found, config(threshold, max_gts, ignore_threshold))]


def config(threshold, max_gts, ignore_threshold=None, mask_size=28, mask_threshold=0.5) -> PseudoLabelConfig:
    """With defaults."""
    return PseudoLabelConfig(threshold, ignore_threshold, max_gts, mask_size, mask_threshold)


def test_only_greater_scores_are_kept_and_rows_are_filled_up():
    boxes, labels, valid, crowd = run(detections([[0.9, 0.5, 0.25], [0.5, 0.3, 0.0]]), 0.5, 5)
    assert valid.tolist() == [[True] + [False] * 4, [False] * 5]
    np.testing.assert_array_equal(boxes[0], [[0, 0, 5, 6]] + [[0] * 4] * 4)
    assert labels.tolist() == [[1, 0, 0, 0, 0], [0] * 5]
    assert not boxes[1].any() and not crowd.any()
    assert (boxes.dtype, labels.dtype, valid.dtype, crowd.dtype) == (np.float32, np.int32, bool, bool)


def test_random_detections_against_a_loop():
    rng = np.random.default_rng(1)
    scores, allowed = rng.random((4, 6)).astype(np.float32), rng.random((4, 6)) < 0.8
    found = detections(scores, allowed)
    boxes, labels, valid, crowd = run(found, 0.6, 6, ignore_threshold=0.3)
    assert valid.any() and crowd.any()
    for image, row in np.ndindex(4, 6):
        confident = allowed[image, row] and scores[image, row] > 0.6
        ignored = allowed[image, row] and 0.3 < scores[image, row] <= 0.6
        assert (valid[image, row], crowd[image, row]) == (confident, ignored)
        assert labels[image, row] == (row + 1 if confident else 0)
        box = found[0].asnumpy()[image, row] if confident or ignored else np.zeros(4)
        np.testing.assert_array_equal(boxes[image, row], box)


def test_more_detections_than_rows_are_refused():
    with pytest.raises(ValueError, match="3 detections per image do not fit into 2 rows"):
        pseudo_labels(detections([[0.9, 0.8, 0.7]]), config(0.5, 2))


def test_masks_of_objects_become_finer_and_those_of_other_rows_nothing():
    rng = np.random.default_rng(2)
    masks = rng.random((2, 3, 4, 4)).astype(np.float32)
    found = (*detections([[0.9, 0.4, 0.2], [0.8, 0.7, 0.0]]), Tensor(masks))
    *others, gt_masks = pseudo_labels(found, config(0.5, 5, ignore_threshold=0.3, mask_size=8, mask_threshold=0.6))
    assert [part.shape for part in others] == [(2, 5, 4), (2, 5), (2, 5), (2, 5)]
    gt_masks = gt_masks.asnumpy()
    assert gt_masks.shape == (2, 5, 8, 8) and gt_masks.dtype == np.uint8
    for image, row in np.ndindex(2, 5):
        if (image, row) not in ((0, 0), (1, 0), (1, 1)):
            assert not gt_masks[image, row].any()
            continue
        for i, j in np.ndindex(8, 8):
            value = oracles.mask_value(masks[image, row], (i + 0.5) / 8, (j + 0.5) / 8)
            assert gt_masks[image, row, i, j] == (value > 0.6)


def test_a_mask_of_as_many_cells_stays_what_it_is_above_the_threshold():
    masks = oracles.blobs(np.random.default_rng(3), 4, 28).reshape(2, 2, 28, 28)
    found = (*detections([[0.9, 0.8], [0.7, 0.6]]), Tensor(masks * np.float32(0.4) + np.float32(0.3)))
    np.testing.assert_array_equal(pseudo_labels(found, config(0.5, 2))[4].asnumpy(), masks)


@pytest.mark.parametrize("mode", [ms.PYNATIVE_MODE, ms.GRAPH_MODE], ids=["pynative", "graph"])
def test_thresholds_of_the_classes_take_the_place_of_those_for_all(mode):
    ms.set_context(mode=mode)
    rng = np.random.default_rng(4)
    scores = rng.random((3, 4)).astype(np.float32)
    high, low = (np.array(row, np.float32) for row in ([0.8, 0.2, 0.5, 0.9], [0.4, 0.2, 0.1, 0.3]))
    found = detections(scores, rng.random((3, 4)) < 0.9)
    whole = config(0.5, 4, 0.4)
    _, labels, valid, crowd = (part.asnumpy() for part in _of_classes(found, whole, Tensor(high), Tensor(low)))
    assert valid.any() and crowd.any()
    for image, row in np.ndindex(3, 4):  # box k is of class k + 1
        allowed, score = found[4].asnumpy()[image, row], scores[image, row]
        assert valid[image, row] == (allowed and score > high[row])
        assert crowd[image, row] == (allowed and low[row] < score <= high[row])
        assert labels[image, row] == (row + 1 if valid[image, row] else 0)


def _of_classes(found, whole, high, low):
    """Compiled in graph mode."""

    class Cell(nn.Cell):
        def construct(self, found, high, low):
            return pseudo_labels(found, whole, (high, low))

    return Cell()(found, high, low)
