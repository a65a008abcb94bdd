import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.active.acquisition import STRATEGIES, acquire, check_options, descending_order
from src.active.strategies.pool import Options, Pool
from src.errors import UserError
from tests.active.pools import table

# (score, label, entropy); the empty image has nothing.
POOL = Pool(
    table(
        crowd=[(0.9, 0, 0.5)] * 4,
        doubt=[(0.6, 0, 2.0), (0.55, 1, 1.0), (0.2, 2, 0.3)],
        clear=[(0.99, 0, 0.1)],
        empty=[],
    )
)


def scores(pool, strategy="reference", **options):
    found = acquire(pool, strategy, Options(**options)).scores
    return dict(zip(pool.detections.names, found.tolist(), strict=True))


def order(pool, strategy="reference", **options):
    found = acquire(pool, strategy, Options(**options)).scores
    return [pool.detections.names[place] for place in descending_order(pool.detections.names, found)]


def test_reference_by_hand():
    found = scores(POOL)
    # difficulty 0.5 1.5 0.1, largest 1.5; information 3.6 1.15 0.99, largest 3.6; diversity 1 2 1, largest 2
    assert found["crowd"] == pytest.approx(0.5 / 1.5 + 1 + 0.5)
    assert found["doubt"] == pytest.approx(1 + 1.15 / 3.6 + 1)
    assert found["clear"] == pytest.approx(0.1 / 1.5 + 0.99 / 3.6 + 0.5)
    assert found["empty"] == pytest.approx((0.5 + 1.5 + 0.1) / 3 / 1.5)
    assert order(POOL) == ["doubt", "crowd", "clear", "empty"]


def test_low_scores_do_not_drive_the_reference():
    noise = [(0.5, label, 2.0) for label in range(3)] * 30
    noisy = table(
        crowd=[(0.9, 0, 0.5)] * 4,
        doubt=noise[:1] + [(0.6, 0, 2.0), (0.55, 1, 1.0)] + noise,
        clear=[(0.99, 0, 0.1)] + noise,
        empty=noise,
    )
    assert scores(Pool(noisy)) == pytest.approx(scores(POOL))


def test_the_reference_counts_the_best_20_boxes():
    more = table(a=[(0.6, 0, 2.0)] * 5 + [(0.8, 0, 1.0)] * 20, b=[(0.7, 1, 0.5)])
    terms = acquire(Pool(more), "reference", Options()).terms
    assert terms["information"].tolist() == pytest.approx([16, 0.7]) and terms["difficulty"].tolist() == [1, 0.5]


def reference_by_loops(rows_of, weights):
    """The reference strategy in plain loops."""
    kept = {name: sorted((r for r in rows if r[0] > 0.5), reverse=True)[:20] for name, rows in rows_of.items()}
    means = {name: sum(r[2] for r in rows) / len(rows) for name, rows in kept.items() if rows}
    usual = sum(means.values()) / len(means)
    terms = [
        {name: means.get(name, usual) for name in kept},
        {name: sum(r[0] for r in rows) for name, rows in kept.items()},
        {name: len({r[1] for r in rows}) for name, rows in kept.items()},
    ]
    largest = [max(term.values()) for term in terms]
    return {
        name: sum(w * term[name] / most if most else 0 for w, term, most in zip(weights, terms, largest, strict=True))
        for name in kept
    }


@pytest.mark.parametrize("seed", range(3))
def test_reference_is_that_of_plain_loops(seed):
    rng = np.random.default_rng(seed)
    rows = {
        f"{i}": [(float(rng.random()), int(rng.integers(3)), float(rng.random())) for _ in range(rng.integers(0, 60))]
        for i in range(9)
    }
    assert scores(Pool(table(**rows)), weights=(1, 2, 3)) == pytest.approx(reference_by_loops(rows, (1, 2, 3)))


def test_an_empty_image_does_not_change_the_others():
    without = Pool(
        table(crowd=[(0.9, 0, 0.5)] * 4, doubt=[(0.6, 0, 2.0), (0.55, 1, 1.0), (0.2, 2, 0.3)], clear=[(0.99, 0, 0.1)])
    )
    for strategy in ("reference", "entropy", "least_confidence", "balanced_entropy"):
        pool = scores(POOL, strategy)
        assert {name: value for name, value in pool.items() if name != "empty"} == scores(without, strategy)


def test_weights_single_out_a_term():
    assert order(POOL, weights=(1, 0, 0)) == ["doubt", "empty", "crowd", "clear"]
    assert order(POOL, weights=(0, 1, 0))[0] == "crowd"
    assert sorted(scores(POOL, weights=(0, 0, 5)).values()) == [0, 2.5, 2.5, 5]


def test_entropy_and_least_confidence():
    assert scores(POOL, "entropy") == {"doubt": 3.3, "crowd": 2.0, "clear": 0.1, "empty": 0}
    least = scores(POOL, "least_confidence")
    assert least["doubt"] == pytest.approx(1 - 1.35 / 3) and least["clear"] == pytest.approx(0.01)
    assert least["empty"] == pytest.approx(np.mean([0.1, 1 - 1.35 / 3, 0.01]))


@pytest.mark.parametrize("exponent", [0, 0.5, 1])
@pytest.mark.parametrize("objects", [(90, 10, 0), None])
def test_balanced_entropy_is_that_of_plain_loops(exponent, objects):
    found = scores(Pool(POOL.detections, objects=objects), "balanced_entropy", box_exponent=exponent)
    images = {"crowd": [(0.9, 0)] * 4, "doubt": [(0.6, 0), (0.55, 1), (0.2, 2)], "clear": [(0.99, 0)], "empty": []}
    counts = objects or [4 * 0.9 + 0.6 + 0.99, 0.55, 0.2]
    for name, rows in images.items():
        total = 0.0
        for p, label in rows:
            weight = min(math.sqrt(max(counts) / counts[label]), 5) if counts[label] else 5
            total += weight * -(p * math.log2(p) + (1 - p) * math.log2(1 - p))
        assert found[name] == pytest.approx(total / (sum(p for p, _ in rows) + 1) ** exponent)


def test_random_depends_on_names_and_seed_alone():
    turned = Pool(table(empty=[], clear=[(0.99, 0, 0.1)], doubt=[], crowd=[]))
    assert scores(POOL, "random") == scores(turned, "random")
    assert scores(POOL, "random", seed=1) != scores(POOL, "random", seed=2)
    assert scores(POOL, "random", seed=-1) != scores(POOL, "random", seed=-1)


def test_a_largest_value_of_zero_divides_nothing():
    assert scores(Pool(table(a=[(0.9, 0, 0.0)], b=[])))["b"] == 0


def test_equal_scores_go_by_name():
    same = [(0.9, 0, 1.0)]
    assert order(Pool(table(b=same, a=same, c=same))) == ["a", "b", "c"]


@pytest.mark.parametrize("strategy", ["reference", "entropy", "least_confidence", "balanced_entropy"])
def test_no_detections_at_all_is_said(strategy):
    with pytest.raises(UserError, match="none of the 2 images has a detection.*--strategy random"):
        scores(Pool(table(a=[], b=[])), strategy)


def test_without_a_confident_detection_those_of_any_score_count_and_it_is_said():
    doubtful = {"few": [(0.2, 0, 0.5)], "many": [(0.4, 0, 1.0), (0.3, 1, 1.0)], "none": []}
    assert order(Pool(table(**doubtful))) == ["many", "few", "none"]
    by_hand = {"many": 1 / 1 + 0.7 / 0.7 + 2 / 2, "few": 0.5 / 1 + 0.2 / 0.7 + 1 / 2, "none": 0.75 / 1}
    assert scores(Pool(table(**doubtful))) == pytest.approx(by_hand)
    assert (
        "none of the 3 images has a detection with a score above 0.5"
        in acquire(Pool(table(**doubtful)), "reference", Options()).note
    )
    confident = doubtful | {"sure": [(0.9, 0, 0.1)]}
    assert acquire(Pool(table(**confident)), "reference", Options()).note == ""
    assert order(Pool(table(**confident)))[0] == "sure", "then the doubtful ones do not count"


@pytest.mark.parametrize("weights", [(0, 0, 0), (-1, 1, 1), (float("nan"), 1, 1), (1, 1)])
def test_unusable_weights(weights):
    with pytest.raises(UserError, match="three numbers from 0 up"):
        check_options("reference", Options(weights))


def test_unknown_strategy_and_exponent():
    with pytest.raises(UserError, match="'best': must be one of reference, entropy"):
        check_options("best", Options())
    with pytest.raises(UserError, match="box_exponent 2: must lie between 0"):
        check_options("ppal", Options(box_exponent=2))


ROW = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.floats(0, 2)), max_size=9)


@settings(max_examples=60)
@given(st.lists(ROW, min_size=1, max_size=12), st.sampled_from(sorted(STRATEGIES)[:6]))
def test_any_pool_gives_a_finite_score_for_every_image(rows, strategy):
    pool = Pool(table(**{f"i{index}": row for index, row in enumerate(rows)}))
    try:
        found = scores(pool, strategy)
    except UserError:
        return
    assert len(found) == len(rows) and np.isfinite(list(found.values())).all() and min(found.values()) >= -1e-9


@pytest.mark.parametrize("seed", range(5))
def test_random_gives_each_sub_folder_its_share_of_any_number_of_images(seed):
    sizes = {"a": 30, "b/c": 15, "b": 5}
    names = [f"{folder}/{number}" for folder, count in sizes.items() for number in range(count)]
    best = order(Pool(table(**{name: [] for name in names})), "random", seed=seed)
    for count in range(1, 51):
        found = [name.rpartition("/")[0] for name in best[:count]]
        assert all(abs(found.count(folder) - count * size / 50) < 2 for folder, size in sizes.items())


def test_random_draws_every_image_as_often_as_any_other():
    pool = Pool(table(**{name: [] for name in ("a/1", "a/2", "a/3", "b/1", "b/2", "c")}))
    drawn = [order(pool, "random", seed=seed)[:2] for seed in range(600)]
    counts = {name: sum(name in pair for pair in drawn) for name in pool.detections.names}
    assert all(150 < count < 250 for count in counts.values()), "a third of 600 each"
