"""``ppal`` against plain loops."""

import math

import numpy as np
import pytest

from src.active.acquisition import acquire, descending_order
from src.active.strategies.pool import Options, Pool
from src.active.strategies.ppal import Matcher
from src.errors import UserError
from tests.active.pools import features, random_images, random_pool, table


def cosine(a, b):
    a, b = (np.asarray(vector, float) for vector in (a, b))
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def one_way(first, second):
    """Mean over the detections of one image of the distance to the nearest of the same class in the other."""
    total = weight = 0.0
    for score, label, vector in first:
        distances = [1 - cosine(vector, other) for _, of_other, other in second if of_other == label]
        total += score * min(distances, default=2.0)
        weight += score
    return total / weight


def distance(first, second):
    if not first or not second:
        return 0.0 if not first and not second else 2.0
    return (one_way(first, second) + one_way(second, first)) / 2


@pytest.mark.parametrize("seed", range(4))
def test_distances_are_those_of_plain_loops(seed):
    images = random_images(np.random.default_rng(seed), 12)
    matcher = Matcher(features(**images), [0, 3, 5, 7, 11])
    found = list(images.values())
    for image in range(12):
        wanted = [distance(found[image], found[other]) for other in (0, 3, 5, 7, 11)]
        np.testing.assert_allclose(matcher.distances(image), wanted, atol=1e-5)


def expected_order(pool, images, budget, objects):
    """Uncertainty, shortlist and greedy k-centre in plain loops; the picks in order."""
    weights = [min(math.sqrt(max(objects) / count), 5) for count in objects]

    def uncertainty(name):
        total = expected = 0.0
        for score, label, _ in images[name]:
            p = min(max(score, 1e-12), 1 - 1e-12)
            total += weights[label] * (-p * math.log2(p) - (1 - p) * math.log2(1 - p))
            expected += score
        return total / math.sqrt(expected + 1)

    shortlist = sorted(pool.detections.names, key=lambda name: -uncertainty(name))[: 4 * budget]
    chosen, picks = sorted(pool.labelled), []
    for _ in range(budget):
        far = {
            name: min((distance(images[name], images[c]) for c in chosen), default=9)
            for name in shortlist
            if name not in chosen
        }
        best = max(far, key=lambda name: far[name])
        chosen.append(best)
        picks.append(best)
    return picks, shortlist


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("labelled", [0, 6])
def test_picks_are_those_of_plain_loops(seed, labelled):
    pool, images = random_pool(np.random.default_rng(seed), labelled=labelled)
    picks, shortlist = expected_order(pool, images, 3, pool.objects)
    found = acquire(pool, "ppal", Options(budget=3))
    names = [pool.detections.names[place] for place in descending_order(pool.detections.names, found.scores)]
    assert names[:3] == picks
    assert set(names[: len(shortlist)]) == set(shortlist), "the rest of the shortlist comes before all others"


def test_images_that_look_like_labelled_ones_come_last():
    images = {"twin": [(0.5, 0, [1, 0])], "new": [(0.5, 0, [-1, 0.1])], "old": [(0.9, 0, [1, 0])]}
    pool = Pool(table(twin=[(0.5, 0, 1)], new=[(0.5, 0, 1)]), frozenset({"old"}), (3,), features(**images))
    found = acquire(pool, "ppal", Options(budget=1))
    assert found.scores[1] > found.scores[0] and found.terms["distance_to_chosen"][0] == pytest.approx(0, abs=1e-6)


def test_what_is_missing_is_said():
    pool, _ = random_pool(np.random.default_rng(0))
    with pytest.raises(UserError, match="needs the number of images to pick: pass --pick_ratio"):
        acquire(pool, "ppal", Options())
    for strategy in ("ppal", "coverage"):
        with pytest.raises(UserError, match="needs features: run infer.py --features true"):
            acquire(Pool(pool.detections), strategy, Options(budget=2))
        with pytest.raises(UserError, match="have detections but no features, such as i00"):
            acquire(Pool(pool.detections, features=features(other=[(1.0, 0, [1.0])])), strategy, Options(budget=2))
