"""Thresholds per class: the score at a rank, against counting by hand and by a loop."""

import numpy as np
import pytest

from src.semi.label_prior import LOWEST, expected_objects, thresholds_at_rank


def thresholds(scores, labels, ranks) -> list[float]:
    """With 0.7 for a class without detections."""
    return thresholds_at_rank(np.array(scores, np.float32), np.array(labels), np.array(ranks), 0.7).tolist()


def above(scores, threshold) -> int:
    """How many of the scores are greater, in float32 as in a step."""
    return int((np.array(scores, np.float32) > np.float32(threshold)).sum())


def test_as_many_objects_are_expected_in_an_image_as_labelled_ones_have():
    np.testing.assert_allclose(expected_objects([130, 26, 6], 40, 200), [650, 130, 30])
    np.testing.assert_allclose(expected_objects([3, 0], 4, 8), [6, 2], err_msg="a class without a box counts as one")


def test_the_detection_at_the_rank_is_the_last_one_above_the_threshold():
    scores, labels = [0.9, 0.8, 0.6, 0.5, 0.95, 0.3], [1, 1, 1, 1, 2, 2]
    first, second = thresholds(scores, labels, [3, 1])
    assert (first, second) == (pytest.approx(0.6), pytest.approx(0.95))
    assert above(scores[:4], first) == 3 and above(scores[4:], second) == 1


def test_random_scores_against_a_loop():
    rng = np.random.default_rng(5)
    scores, labels = rng.uniform(0.06, 1, 300).astype(np.float32), rng.integers(1, 5, 300)
    ranks = rng.uniform(1, 60, 4)
    for label, threshold in enumerate(thresholds(scores, labels, ranks), start=1):
        own = sorted((score for score, its in zip(scores.tolist(), labels, strict=True) if its == label), reverse=True)
        rank = round(ranks[label - 1])
        assert threshold == pytest.approx(own[rank - 1]) and above(own, threshold) == rank


def test_detections_that_score_the_same_are_on_the_same_side():
    scores = [0.9, 0.5, 0.5, 0.5, 0.2]
    assert [above(scores, thresholds(scores, [1] * 5, [rank])[0]) for rank in (1, 2, 4, 5)] == [1, 4, 4, 5]


def test_ranks_are_rounded_and_no_class_gets_none():
    scores = [0.9, 0.8, 0.6]
    assert [above(scores, thresholds(scores, [1] * 3, [rank])[0]) for rank in (0.1, 1.4, 1.6, 2.5)] == [1, 1, 2, 2]


def test_fewer_detections_than_the_rank_are_all_above_the_threshold():
    assert thresholds([0.9, 0.4], [2, 2], [5, 50])[1] == pytest.approx(0.4)
    assert above([0.9, 0.4], thresholds([0.9, 0.4], [2, 2], [5, 50])[1]) == 2


def test_a_class_without_detections_has_the_threshold_for_all():
    assert thresholds([0.9], [2], [5, 1]) == [pytest.approx(0.7), pytest.approx(0.9)]
    assert thresholds([], [], [5, 1]) == [pytest.approx(0.7)] * 2


def test_no_threshold_is_lower_than_the_lowest():
    assert thresholds([0.9, 0.01], [1, 1], [2]) == [pytest.approx(LOWEST)]


def test_a_later_rank_has_no_greater_threshold():
    rng = np.random.default_rng(6)
    scores, labels = rng.random(90).astype(np.float32), rng.integers(1, 4, 90)
    expected = np.array([4.0, 12.0, 60.0])
    assert np.less_equal(thresholds(scores, labels, expected), thresholds(scores, labels, 0.4 * expected)).all()
