"""``ppal``: uncertain images that differ from each other and from the labelled ones.

Yang et al. 2024, Plug and Play Active Learning for Object Detection: a shortlist of 4 x budget by uncertainty (here
``balanced_entropy``), then a diverse choice by category-conditioned matching similarity (section 3.3). Here it is k-centre,
and it starts from the labelled images.

Axes: M images of the shortlist, R their detections, F features.
"""

import numpy as np

from src.active.strategies.balanced_entropy import balanced_entropy
from src.active.strategies.pool import Acquisition, Options, Pool
from src.data.formats.feature_file import FeatureTable
from src.errors import UserError
from src.wording import counted

SHORTLIST = 4  # times the budget
MOST_DETECTIONS = 20  # per image, the best
MOST_LABELLED = 2_000  # labelled images to start from; a random subset of more, because time grows with their number
FARTHEST = 2.0  # distance of a detection whose class the other image lacks: that of opposite features


def ppal(pool: Pool, options: Options) -> Acquisition:
    """Images of the shortlist in the order of the greedy k-centre, then the others by uncertainty.

    Raises:
        UserError: there is no budget, or images have no features.
    """
    features = require_features(pool, options, "ppal")
    uncertainty = balanced_entropy(pool, options)
    names = pool.detections.names
    ranked = [i for i in np.argsort(-uncertainty.scores, kind="stable").tolist() if names[i] not in pool.labelled]
    shortlist = ranked[: SHORTLIST * options.budget]
    matcher = Matcher(features, [features.index_of[names[i]] for i in shortlist])
    labelled = sorted(features.index_of[name] for name in pool.labelled if name in features.index_of)
    if len(labelled) > MOST_LABELLED:
        labelled = sorted(options.generator.choice(labelled, MOST_LABELLED, replace=False).tolist())
    order, distances = k_centre(matcher, labelled, options.budget)
    scores = uncertainty.scores / max(float(uncertainty.scores.max()), 1e-12)  # 0 to 1: below the shortlist
    distance = np.full(len(names), np.nan)
    for position, place in enumerate(order):
        scores[shortlist[place]] = 2 - position / len(order)
        distance[shortlist[place]] = distances[position]
    return Acquisition(scores, {**uncertainty.terms, "distance_to_chosen": distance})


def require_features(pool: Pool, options: Options, strategy: str) -> FeatureTable:
    """The features of a pool.

    Raises:
        UserError: there are none, or not of all its images; or there is no budget.
    """
    if pool.features is None:
        raise UserError(
            f"strategy {strategy} needs features: run infer.py --features true, and pass its --features_file"
        )
    if options.budget is None:
        raise UserError(f"strategy {strategy} needs the number of images to pick: pass --pick_ratio")
    missing = [name for name in pool.detections.names if name not in pool.features.index_of]
    if missing:
        raise UserError(
            f"{counted(len(missing), 'image', 'have')} detections but no features, such as {missing[0]}; write both files with one run of infer.py"
        )
    return pool.features


def k_centre(matcher: "Matcher", labelled: list[int], budget: int) -> tuple[list[int], list[float]]:
    """Greedy k-centre (Sener and Savarese 2018, algorithm 1): repeatedly the image farthest from all chosen ones.

    Args:
        labelled: images of the features that are chosen from the start.
        budget: how many to choose; the others follow by their distance to the chosen ones.

    Returns:
        All images of the shortlist in order, and the distance of each to those chosen before it (infinite for the first one
        where nothing is labelled).
    """
    nearest = np.full(matcher.count, np.inf)
    for image in labelled:
        nearest = np.minimum(nearest, matcher.distances(image))
    order, distances = [], []
    free = np.ones(matcher.count, bool)
    for _ in range(min(budget, matcher.count)):
        place = int(np.where(free, nearest, -1.0).argmax())  # the first, and most uncertain, of equal ones
        order.append(place)
        distances.append(float(nearest[place]))
        free[place] = False
        nearest = np.minimum(nearest, matcher.distances(matcher.images[place]))
    rest = np.flatnonzero(free)
    rest = rest[np.argsort(-nearest[rest], kind="stable")]
    return order + rest.tolist(), distances + nearest[rest].tolist()


class Matcher:
    """Distances of one image to all of a shortlist, by matching detections of one class.

    The distance of image i to image j is the mean over the detections of i, weighted by their scores, of the cosine distance
    to the nearest detection of the same class in j (2 where there is none); both directions are averaged. Images without
    detections are at distance 0 of each other, and 2 of all others.
    """

    def __init__(self, features: FeatureTable, images: list[int]):
        """Args: features: of all images; images: those of the shortlist, indices into ``features.names``."""
        self.features, self.images, self.count = features, images, len(images)
        rows = [self._rows(image) for image in images]
        owner = np.repeat(np.arange(len(images)), [len(part) for part in rows])
        rows = np.concatenate([np.zeros(0, np.int64), *rows])
        order = np.lexsort((owner, features.labels[rows]))
        self._owner, rows = owner[order], rows[order]
        self._labels, self._units = features.labels[rows], features.unit(rows)
        scores = features.scores[rows].astype(np.float64)
        self._weights = scores / np.bincount(self._owner, scores, self.count)[self._owner]
        self._empty = np.bincount(self._owner, minlength=self.count) == 0

    def distances(self, image: int) -> np.ndarray:
        """float64 [M], of an image, an index into ``features.names``, to those of the shortlist."""
        rows = self._rows(image)
        if not len(rows):
            return np.where(self._empty, 0.0, FARTHEST)
        units, labels = self.features.unit(rows), self.features.labels[rows]
        weights = self.features.scores[rows].astype(np.float64)
        weights = weights / weights.sum()
        there = np.full(len(self._owner), FARTHEST)  # of each detection of the shortlist to this image
        back = np.full(self.count, FARTHEST)  # of this image to each of the shortlist
        for label in np.unique(labels):
            start, stop = np.searchsorted(self._labels, [label, label + 1])
            if start == stop:
                continue
            same = labels == label
            cosines = self._units[start:stop] @ units[same].T
            there[start:stop] = 1 - cosines.max(axis=1)
            owner = self._owner[start:stop]
            firsts = np.flatnonzero(np.diff(owner, prepend=-1))
            best = np.maximum.reduceat(cosines, firsts, axis=0)
            back[owner[firsts]] += (1 - best - FARTHEST) @ weights[same]
        forth = np.bincount(self._owner, self._weights * there, self.count)
        return np.where(self._empty, FARTHEST, (forth + back) / 2)

    def _rows(self, image: int) -> np.ndarray:
        """Rows of the best detections of an image."""
        rows = np.arange(self.features.starts[image], self.features.starts[image + 1])
        rows = rows[self.features.scores[rows] > 0]
        return rows[np.argsort(-self.features.scores[rows], kind="stable")[:MOST_DETECTIONS]]
