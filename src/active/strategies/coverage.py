"""``coverage``: images whose objects are unlike all labelled ones, rarest class first; also for the very first pick.

Object-focused data selection (OFDS, arXiv 2412.10032): object-level features with class coverage. It needs no labels of the
pool, and no detector of the task: features of whole images count as one class.

Axes: V vectors (the mean feature of an image's detections of one class), F features, K clusters per class.
"""

from dataclasses import dataclass

import numpy as np

from src.active.strategies.kmeans import assign, kmeans
from src.active.strategies.pool import Acquisition, Options, Pool
from src.active.strategies.ppal import require_features
from src.data.formats.feature_file import FeatureTable

MOST_CLUSTERS = 1_000  # per class


@dataclass(frozen=True, eq=False)
class Vectors:
    """One vector for each image and predicted class.

    Attributes:
        images: int64 [V], indices into the names of the features; labels: int64 [V].
        units: float32 [V, F], of length 1.
    """

    images: np.ndarray
    labels: np.ndarray
    units: np.ndarray


def coverage(pool: Pool, options: Options) -> Acquisition:
    """Cluster the vectors of each class; images nearest to the centres of uncovered clusters come first.

    A cluster is covered if it holds a labelled image, or one that was chosen before. Classes come in the order of the number
    of their images, the rarest first; the clusters of a class by size, the largest first. When all are covered, the second
    nearest images follow in the same order, and so on; images without detections come last.

    Raises:
        UserError: there is no budget, or images have no features.
    """
    features = require_features(pool, options, "coverage")
    vectors = mean_vectors(features)
    labelled = np.array([name in pool.labelled for name in features.names], bool)
    classes, counts = np.unique(vectors.labels, return_counts=True)
    wanted = -(-(options.budget + int(labelled.sum())) // max(len(classes), 1))
    generator = options.generator
    members: list[list[int]] = []  # images of each cluster, the nearest to the centre first
    for label in classes[np.argsort(counts, kind="stable")]:
        rows = np.flatnonzero(vectors.labels == label)
        units = vectors.units[rows]
        owner, distance = assign(units, kmeans(units, min(wanted, MOST_CLUSTERS), generator))
        order = np.lexsort((vectors.images[rows], distance, owner))
        clusters = np.split(vectors.images[rows][order], np.flatnonzero(np.diff(owner[order])) + 1)
        members += [cluster.tolist() for cluster in sorted(clusters, key=len, reverse=True)]
    order = cover(members, labelled)
    names = pool.detections.names
    position = {features.names[image]: place for place, image in enumerate(order)}
    scores = np.array([1 - position[name] / len(names) if name in position else 0.0 for name in names])
    cluster = {image: number for number, images in reversed(list(enumerate(members))) for image in images}
    numbers = np.array([float(cluster.get(features.index_of[name], np.nan)) for name in names])
    return Acquisition(scores, {"cluster": numbers})


def cover(members: list[list[int]], labelled: np.ndarray) -> list[int]:
    """The order in which images cover clusters; labelled images are left out.

    Args:
        members: images of each cluster, nearest first; an image may be in several.
        labelled: bool per image.
    """
    chosen, order = labelled.copy(), []

    def take(image: int) -> None:
        if not chosen[image]:
            chosen[image] = True
            order.append(image)

    for images in members:
        if not chosen[images].any():
            take(images[0])
    for place in range(max(map(len, members), default=0)):
        for images in members:
            if place < len(images):
                take(images[place])
    return order


def mean_vectors(features: FeatureTable) -> Vectors:
    """The mean of the features of an image's detections of one class, weighted by their scores."""
    order = np.lexsort((features.labels, features.owner))
    order = order[features.scores[order] > 0]
    if not len(order):
        return Vectors(
            np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, features.features.shape[1]), np.float32)
        )
    images, labels = features.owner[order], features.labels[order]
    firsts = np.flatnonzero(np.diff(images, prepend=-1) | np.diff(labels, prepend=-1))
    sums = []
    for chunk in np.array_split(
        np.arange(len(firsts)), max(1, len(order) // 65_536)
    ):  # bounds the memory of float32 copies
        if not len(chunk):
            continue
        stop = firsts[chunk[-1] + 1] if chunk[-1] + 1 < len(firsts) else len(order)
        rows = order[firsts[chunk[0]] : stop]
        weighted = features.unit(rows) * features.scores[rows, None]
        sums.append(np.add.reduceat(weighted, firsts[chunk] - firsts[chunk[0]], axis=0))
    total = np.concatenate(sums)
    units = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
    return Vectors(images[firsts].astype(np.int64), labels[firsts].astype(np.int64), units)
