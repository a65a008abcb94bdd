"""When two detectors agree: by class and place, whatever the order of equal scores."""

import numpy as np
import pytest

from src.exporting.agreement import compare, synthetic_images

IMAGES = np.zeros((3, 3, 32, 32), np.uint8)


def _detector(rows, count=4, classes=0):
    """The same detections (box, score, label) in every image, in `count` rows, with probabilities of `classes` classes."""
    boxes, scores = np.zeros((count, 4), np.float32), np.zeros(count, np.float32)
    labels, valid = np.zeros(count, np.int32), np.zeros(count, bool)
    for row, (box, score, label) in enumerate(rows):
        boxes[row], scores[row], labels[row], valid[row] = box, score, label, True
    shares = np.tile(scores[:, None], (1, classes))
    outputs = boxes, scores, labels, shares, valid
    return lambda images: [np.stack([output] * len(images)) for output in outputs]


def _compare(expected, found, threshold=0.05):
    return compare(expected, found, IMAGES, batch_size=2, score_threshold=threshold)


FIRST, SECOND = ((1, 2, 9, 9), 0.8, 1), ((11, 12, 20, 30), 0.8, 2)


def test_equal_scores_may_change_places():
    result = _compare(_detector([FIRST, SECOND]), _detector([SECOND, FIRST]))
    assert result.holds and (result.detections, result.pixels, result.score) == (6, 0, 0)


@pytest.mark.parametrize(
    ("other", "pixels", "score"),
    [
        (((1, 2, 9, 9.5), 0.8, 1), 0.5, 0),
        (((1, 2, 9, 9), 0.75, 1), 0, 0.05),
        (((1, 2, 9, 9), 0.8, 2), np.inf, np.inf),
    ],
)
def test_the_largest_difference_is_told(other, pixels, score):
    result = _compare(_detector([FIRST, SECOND]), _detector([other, SECOND]))
    assert not result.holds
    assert (result.pixels, result.score) == pytest.approx((pixels, score), abs=1e-6)


@pytest.mark.parametrize("pair", [([FIRST, SECOND], [FIRST]), ([FIRST], [FIRST, SECOND]), ([], [FIRST]), ([FIRST], [])])
def test_a_detection_of_one_side_only_is_a_difference(pair):
    assert not _compare(*map(_detector, pair)).holds


def test_what_lies_at_the_cut_may_be_in_or_out():
    faint = ((3, 3, 8, 8), 0.50001, 1)
    assert _compare(_detector([FIRST, faint]), _detector([FIRST]), threshold=0.5).holds
    assert not _compare(_detector([FIRST, faint]), _detector([FIRST]), threshold=0.4).holds
    full = _detector([FIRST, SECOND, faint], count=3), _detector([FIRST, SECOND, ((20, 3, 30, 9), 0.50002, 1)], count=3)
    assert _compare(*full, threshold=0.4).holds


def test_class_probabilities_count_if_both_give_them():
    def shifted(images):
        outputs = _detector([FIRST], classes=3)(images)
        return [*outputs[:3], outputs[3] + 0.01, outputs[4]]

    assert _compare(_detector([FIRST], classes=3), shifted).score == pytest.approx(0.01)
    assert _compare(_detector([FIRST], classes=3), _detector([FIRST])).holds


def test_nothing_at_all_agrees_and_says_so():
    result = _compare(_detector([]), _detector([]))
    assert result.holds and result.detections == 0


def test_synthetic_images_fill_the_input_and_differ():
    images = synthetic_images(2, (64, 96), keep_ratio=True)
    assert images.shape == (2, 3, 64, 96) and images.dtype == np.uint8
    assert images.std() > 20 and (images[0] != images[1]).mean() > 0.5
    assert (images[..., 86:] == 0).all() and images[..., 84].any()  # pictures of 4:3 are padded at the right
    assert synthetic_images(0, (64, 96), keep_ratio=True).shape == (0, 3, 64, 96)
