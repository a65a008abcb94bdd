"""``coverage``: k-means against plain loops, and the order by properties and a hand-made example."""

import numpy as np
import pytest

from src.active.acquisition import acquire, descending_order
from src.active.strategies.coverage import cover, mean_vectors
from src.active.strategies.kmeans import assign, kmeans
from src.active.strategies.pool import Options, Pool
from tests.active.pools import features, random_images, table


def test_mean_vectors_are_those_of_plain_loops():
    images = random_images(np.random.default_rng(3), 15)
    found = mean_vectors(features(**images))
    rows = 0
    for index, detections in enumerate(images.values()):
        for label in sorted({label for _, label, _ in detections}):
            total = np.zeros(4)
            for score, of, vector in detections:
                if of == label:
                    total += score * vector.astype(float) / np.linalg.norm(vector.astype(float))
            assert (found.images[rows], found.labels[rows]) == (index, label)
            np.testing.assert_allclose(found.units[rows], total / np.linalg.norm(total), atol=1e-4)
            rows += 1
    assert rows == len(found.images)


def test_points_go_to_the_nearest_centre():
    rng = np.random.default_rng(0)
    points, centres = rng.normal(size=(50, 3)).astype(np.float32), rng.normal(size=(7, 3)).astype(np.float32)
    owner, distance = assign(points, centres)
    for point, of, far in zip(points, owner, distance, strict=True):
        wanted = [float(((point - centre) ** 2).sum()) for centre in centres]
        assert of == int(np.argmin(wanted)) and far == pytest.approx(min(wanted), abs=1e-4)


def test_kmeans_finds_clusters_that_lie_apart_and_ends_where_lloyd_ends():
    rng = np.random.default_rng(1)
    middles = np.eye(4, dtype=np.float32) * 10
    points = np.concatenate([middle + rng.normal(size=(20, 4)).astype(np.float32) for middle in middles])
    centres = kmeans(points, 4, np.random.default_rng(0))
    for start in range(0, 80, 20):
        mean = points[start : start + 20].mean(axis=0)
        assert np.abs(centres - mean).sum(axis=1).min() < 1e-3
    assert len(kmeans(points[:3], 10, rng)) == 3 and len(kmeans(np.ones((5, 2), np.float32), 3, rng)) == 1


def test_the_order_by_hand():
    # Clusters of the rare class first; image 1 covers two; image 4 is labelled and covers the third.
    labelled = np.array([False, False, False, False, True])
    assert cover([[1, 0], [1, 2], [3, 4]], labelled) == [1, 3, 0, 2]
    assert cover([], labelled) == []


def test_the_rarest_class_comes_first_and_what_is_labelled_is_covered():
    rng = np.random.default_rng(0)
    common = {f"c{i}": [(0.9, 0, [1, 0.01 * rng.normal(), 0])] for i in range(10)}
    rare = {"r0": [(0.9, 1, [0, 1, 0])], "r1": [(0.9, 1, [0, 0, 1])]}
    everything = common | rare | {"none": []}
    pool = Pool(
        table(**{name: [(s, label, 0) for s, label, _ in rows] for name, rows in everything.items()}),
        features=features(**everything, old=[(0.9, 1, [0, 1, 0])]),
    )
    names = pool.detections.names

    def order(pool):
        scores = acquire(pool, "coverage", Options(budget=4)).scores
        return [names[place] for place in descending_order(names, scores)]

    assert set(order(pool)[:2]) <= {"r0", "r1"} and order(pool)[-1] == "none"
    known = Pool(pool.detections, frozenset({"old"}), features=pool.features)
    assert order(known)[0] == "r1", "r0 looks like the labelled image"
    assert order(pool) == order(pool), "seeded"
