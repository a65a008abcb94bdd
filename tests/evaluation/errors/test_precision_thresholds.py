"""The lowest threshold that reaches a precision, against a loop over all thresholds."""

import numpy as np
import pytest

from src.evaluation.errors.precision_thresholds import precision_threshold


def by_loop(scores, right, precision):
    good = []
    for threshold in scores:
        kept = [hit for score, hit in zip(scores, right, strict=True) if score >= threshold]
        if sum(kept) >= precision * len(kept):
            good.append(threshold)
    return min(good, default=None)


@pytest.mark.parametrize("seed", range(20))
def test_it_is_the_lowest_of_all_thresholds_that_reach_the_precision(seed):
    draw = np.random.default_rng(seed)
    scores = draw.integers(0, 10, seed).astype(float) / 10  # many equal ones, and none for seed 0
    right = draw.random(seed) < 0.3 + 0.6 * scores
    assert precision_threshold(scores, right, 0.8) == by_loop(scores.tolist(), right.tolist(), 0.8)


def test_equal_scores_are_kept_together():
    scores, right = np.array([0.9, 0.5, 0.5]), np.array([True, True, False])
    assert precision_threshold(scores, right, 0.6) == 0.5
    assert precision_threshold(scores, right, 0.8) == 0.9
    assert precision_threshold(scores, ~right, 0.8) is None
