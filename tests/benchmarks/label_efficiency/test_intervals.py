"""Intervals over paired differences, against printed tables and hand-made numbers."""

import pytest

from benchmarks.label_efficiency.intervals import half_width, paired, summary


@pytest.mark.parametrize(("count", "quantile"), [(2, 12.706), (3, 4.303), (5, 2.776), (10, 2.262), (31, 2.042)])
def test_the_quantile_is_that_of_printed_tables(count, quantile):
    # Half of the numbers lie 1 below and half 1 above; an odd one in the middle. Spread and count give the rest.
    numbers = [-1.0] * (count // 2) + [0.0] * (count % 2) + [1.0] * (count // 2)
    spread = (2 * (count // 2) / (count - 1)) ** 0.5
    assert half_width(numbers) == pytest.approx(quantile * spread / count**0.5, rel=5e-4)


def test_students_own_example():
    # Additional hours of sleep of ten patients (Student 1908, section IX): mean difference 1.58, spread 1.23 over n - 1.
    first = dict(enumerate([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
    second = dict(enumerate([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))
    difference = paired(second, first)
    assert difference.mean == pytest.approx(1.58) and difference.spread == pytest.approx(1.2300, abs=1e-4)
    assert difference.interval == pytest.approx((0.7001, 2.4599), abs=1e-3)  # the interval that R's t.test prints


def test_only_seeds_that_both_have_are_compared():
    difference = paired({1: 5.0, 2: 7.0, 3: 9.0}, {2: 6.0, 3: 6.0, 4: 0.0})
    assert difference.values == {2: 1.0, 3: 3.0} and difference.mean == 2.0
    assert paired({1: 5.0}, {2: 5.0}) is None


def test_one_seed_has_no_interval():
    alone = summary({4: 1.5})
    assert (alone.mean, alone.spread, alone.half_width, alone.interval) == (1.5, None, None, None)


def test_equal_differences_have_an_interval_of_no_width():
    assert summary({1: 2.0, 2: 2.0, 3: 2.0}).interval == (2.0, 2.0)
