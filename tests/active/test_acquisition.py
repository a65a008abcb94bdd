import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.active.acquisition import STRATEGIES, image_values
from src.active.detections_file import ImageSums
from src.errors import UserError


def sums(**images):
    """name=(detections, entropy sum, confidence sum, classes)."""
    columns = np.array(list(images.values()), float).reshape(-1, 4).T
    return ImageSums(tuple(images), columns[0].astype(int), columns[1], columns[2], columns[3].astype(int))


POOL = sums(crowd=(4, 2.0, 3.6, 1), doubt=(2, 3.0, 0.8, 2), sure=(1, 0.1, 0.99, 1), empty=(0, 0, 0, 0))


def test_reference_by_hand():
    values = image_values(POOL)
    # difficulty 0.5 1.5 0.1, largest 1.5; information 3.6 0.8 0.99, largest 3.6; diversity 1 2 1, largest 2
    assert values["crowd"] == pytest.approx(0.5 / 1.5 + 1 + 0.5)
    assert values["doubt"] == pytest.approx(1 + 0.8 / 3.6 + 1)
    assert values["sure"] == pytest.approx(0.1 / 1.5 + 0.99 / 3.6 + 0.5)
    assert values["empty"] == pytest.approx((0.5 + 1.5 + 0.1) / 3 / 1.5)
    assert list(values) == ["doubt", "crowd", "sure", "empty"]


def test_an_empty_image_does_not_change_the_others():
    without = sums(crowd=(4, 2.0, 3.6, 1), doubt=(2, 3.0, 0.8, 2), sure=(1, 0.1, 0.99, 1))
    for strategy in ("reference", "entropy", "least_confidence"):
        pool = image_values(POOL, strategy)
        assert {name: value for name, value in pool.items() if name != "empty"} == image_values(without, strategy)


def test_weights_single_out_a_term():
    assert list(image_values(POOL, weights=(1, 0, 0))) == ["doubt", "empty", "crowd", "sure"]
    assert next(iter(image_values(POOL, weights=(0, 1, 0)))) == "crowd"
    assert list(image_values(POOL, weights=(0, 0, 5)).values()) == [5, 2.5, 2.5, 0]


def test_entropy_and_least_confidence():
    assert image_values(POOL, "entropy") == {"doubt": 3.0, "crowd": 2.0, "sure": 0.1, "empty": 0}
    least = image_values(POOL, "least_confidence")
    assert least["doubt"] == pytest.approx(0.6) and least["sure"] == pytest.approx(0.01)
    assert least["empty"] == pytest.approx(np.mean([0.1, 0.6, 0.01]))


def test_random_depends_on_names_and_seed_alone():
    turned = ImageSums(
        POOL.names[::-1], *(column[::-1] for column in (POOL.detections, POOL.entropy, POOL.confidence, POOL.classes))
    )
    assert image_values(POOL, "random") == image_values(turned, "random")
    assert image_values(POOL, "random", seed=1) != image_values(POOL, "random", seed=2)
    assert image_values(POOL, "random", seed=-1) != image_values(POOL, "random", seed=-1)


def test_a_largest_value_of_zero_divides_nothing():
    certain = sums(a=(1, 0.0, 0.0, 1), b=(0, 0, 0, 0))
    assert image_values(certain) == {"a": 1.0, "b": 0.0}


def test_equal_values_go_by_name():
    assert list(image_values(sums(b=(1, 1, 1, 1), a=(1, 1, 1, 1), c=(1, 1, 1, 1)))) == ["a", "b", "c"]


@pytest.mark.parametrize("strategy", ["reference", "entropy", "least_confidence"])
def test_no_detections_at_all_is_said(strategy):
    with pytest.raises(UserError, match="none of the 2 images has a detection.*--strategy random"):
        image_values(sums(a=(0, 0, 0, 0), b=(0, 0, 0, 0)), strategy)


@pytest.mark.parametrize("weights", [(0, 0, 0), (-1, 1, 1), (float("nan"), 1, 1), (1, 1)])
def test_unusable_weights(weights):
    with pytest.raises(UserError, match="three numbers from 0 up"):
        image_values(POOL, weights=weights)


def test_unknown_strategy():
    with pytest.raises(UserError, match="'best': must be one of reference, entropy"):
        image_values(POOL, "best")


ROW = st.integers(0, 9).flatmap(
    lambda n: st.tuples(st.just(n), st.floats(0, 2.0 * n), st.floats(0, n), st.integers(min(n, 1), min(n, 3)))
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12), st.sampled_from(STRATEGIES))
def test_any_pool_gives_finite_falling_values_for_every_image(rows, strategy):
    pool = sums(**{f"i{index}": row for index, row in enumerate(rows)})
    if not pool.detections.any() and strategy != "random":
        return
    values = image_values(pool, strategy)
    listed = list(values.values())
    assert set(values) == set(pool.names)
    assert np.isfinite(listed).all() and listed == sorted(listed, reverse=True) and min(listed) >= -1e-9
