"""Samples: how many of each kind, decided by the step alone, and fair."""

import numpy as np
import pytest
from mindspore import Tensor
from mindspore import dtype as mstype

from src.parts.matcher import MatchThresholds
from src.parts.sampler import SamplingConfig, priorities, priority_table, sample

pytestmark = pytest.mark.usefixtures("pynative")
TABLE = priority_table(200)
THRESHOLDS = MatchThresholds(0.7, 0.3, 0.3)


def draw(state, step=0, total=32, max_positive=8):
    """One sample, as NumPy arrays."""
    priority = priorities(TABLE, Tensor(step, mstype.int32))
    return tuple(
        part.asnumpy() for part in sample(Tensor(state), priority, SamplingConfig(THRESHOLDS, total, max_positive))
    )


def states(positives: int, negatives: int, seed: int = 0) -> np.ndarray:
    """[200] int32 with so many ones and zeros, the rest ignored, mixed."""
    rest = 200 - positives - negatives
    return np.random.default_rng(seed).permutation(np.repeat([1, 0, -1], [positives, negatives, rest])).astype(np.int32)


@pytest.mark.parametrize(
    ("positives", "negatives", "wanted_positives", "wanted_negatives"),
    [(50, 100, 8, 24), (3, 100, 3, 29), (0, 150, 0, 32), (200, 0, 8, 0), (5, 4, 5, 4), (0, 0, 0, 0)],
)
def test_counts(positives, negatives, wanted_positives, wanted_negatives):
    state = np.stack([states(positives, negatives, seed) for seed in range(2)])
    index, is_positive, is_valid = draw(state)
    assert index.shape == is_positive.shape == is_valid.shape == (2, 32)
    for image in range(2):
        chosen = index[image][is_valid[image]]
        assert len(set(chosen)) == len(chosen) == wanted_positives + wanted_negatives
        assert is_positive[image].sum() == wanted_positives
        np.testing.assert_array_equal(state[image, chosen], is_positive[image][is_valid[image]])
        assert not is_positive[image][~is_valid[image]].any()


def test_a_sample_is_no_larger_than_what_there_is():
    assert draw(states(5, 5)[None], total=500, max_positive=300)[0].shape == (1, 200)


def test_the_step_alone_decides():
    state = np.stack([states(60, 100)] * 2)
    first, again, later = (draw(state, step) for step in (7, 7, 8))
    for one, other in zip(first, again):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one[0], one[1])
    np.testing.assert_array_equal(draw(state[:1], 7)[0][0], first[0][0])
    assert set(first[0][0]) != set(later[0][0])


def test_all_are_drawn_about_equally_often():
    state, count = np.zeros((1, 200), np.int32), np.zeros(200)
    for step in range(100):
        index, _, valid = draw(state, step, total=40)
        count[index[valid]] += 1
    # Each is expected 20 times, with a deviation of 4 for independent draws.
    assert count.sum() == 4000 and count.min() >= 4 and count.max() <= 40


def test_priorities_are_spread_over_zero_to_one():
    for step in (0, 1, 999, 19_999):
        values = priorities(priority_table(20_000), Tensor(step, mstype.int32)).asnumpy()
        assert values.min() >= 0 and values.max() < 1
        np.testing.assert_allclose(np.histogram(values, 10, (0, 1))[0], 2000, atol=250)


@pytest.mark.parametrize("start", [0, 150_000])
def test_late_steps_draw_as_many_different_samples_as_early_ones(start):
    drawn = {tuple(priorities(TABLE, Tensor(start + step, mstype.int32)).asnumpy()[:8]) for step in range(20)}
    assert len(drawn) == 20
