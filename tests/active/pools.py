"""Pools of detections and features for the tests of strategies."""

import numpy as np

from src.active.detections_file import DetectionTable
from src.active.strategies.pool import Pool
from src.data.formats.feature_file import FeatureTable


def table(**images):
    """name=[(score, label, entropy), ...]."""
    rows = [row for found in images.values() for row in found]
    scores, labels, entropies = (np.array([row[column] for row in rows], float) for column in range(3))
    counts = np.array([len(found) for found in images.values()])
    return DetectionTable(tuple(images), counts, scores, entropies, labels.astype(np.int64))


def features(**images):
    """name=[(score, label, vector), ...]."""
    rows = [row for found in images.values() for row in found]
    vectors = np.array([row[2] for row in rows], np.float16).reshape(len(rows), -1)
    counts = np.array([len(found) for found in images.values()], np.int64)
    scores, labels = np.array([row[0] for row in rows], np.float32), np.array([row[1] for row in rows], np.int32)
    return FeatureTable(tuple(images), counts, labels, scores, vectors)


def random_images(rng, count, classes=3, size=4, most=5):
    """name -> [(score, label, vector), ...], some images empty."""
    return {
        f"i{index:02d}": [
            (
                float(np.float32(rng.uniform(0.06, 1))),
                int(rng.integers(classes)),
                rng.normal(size=size).astype(np.float16),
            )
            for _ in range(rng.integers(0, most + 1))
        ]
        for index in range(count)
    }


def random_pool(rng, count=24, labelled=6, **more):
    """A pool whose last ``labelled`` images are labelled, and the images by name."""
    images = random_images(rng, count, **more)
    names = list(images)
    unlabelled = {name: [(score, label, 0.5) for score, label, _ in images[name]] for name in names[: count - labelled]}
    known = frozenset(names[count - labelled :])
    return Pool(table(**unlabelled), known, (40, 10, 1), features(**images)), images
