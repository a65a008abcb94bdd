"""k-means of many points without a matrix of all pairs: k-means++ seeds and Lloyd's iterations on a sample.

Axes: P points, F features, K clusters.
"""

import numpy as np

MOST_FITTED = 20_000  # points that the centres are fitted to; all points are assigned
_ITERATIONS = 10
_BLOCK = 8192  # points compared with the centres at a time


def kmeans(points: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Centres float32 [K, F], K at most ``count`` and the number of points (Arthur and Vassilvitskii 2007; Lloyd 1982).

    Args:
        points: float32 [P, F].
        generator: draws the sample, where there are more than 20,000 points, and the seeds.
    """
    if len(points) > MOST_FITTED:
        points = points[np.sort(generator.choice(len(points), MOST_FITTED, replace=False))]
    centres = _seeds(points, min(count, len(points)), generator)
    for _ in range(_ITERATIONS):
        owner, _ = assign(points, centres)
        sizes = np.bincount(owner, minlength=len(centres))
        order = np.argsort(owner, kind="stable")
        filled = np.flatnonzero(sizes)
        starts = (np.cumsum(sizes) - sizes)[filled]
        moved = centres.copy()  # a cluster without points keeps its centre
        moved[filled] = np.add.reduceat(points[order], starts, axis=0) / sizes[filled, None]
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def assign(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest centre of each point, int64 [P], and the squared distance to it, float32 [P]."""
    owners, distances = [], []
    lengths = (centres**2).sum(axis=1)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        partial = lengths - 2 * (block @ centres.T)
        owner = partial.argmin(axis=1)
        owners.append(owner)
        distances.append(np.maximum(partial[np.arange(len(block)), owner] + (block**2).sum(axis=1), 0))
    return np.concatenate(owners), np.concatenate(distances)


def _seeds(points: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """k-means++: each further seed is drawn with a probability that grows with its squared distance to the others."""
    chosen = [int(generator.integers(len(points)))]
    nearest = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    lengths = (points**2).sum(axis=1)
    while len(chosen) < count and (total := float(nearest.sum(dtype=np.float64))) > 1e-9:
        place = int(np.searchsorted(np.cumsum(nearest, dtype=np.float64), generator.random() * total, side="right"))
        chosen.append(min(place, len(points) - 1))
        new = lengths + lengths[chosen[-1]] - 2 * (points @ points[chosen[-1]])
        nearest = np.minimum(nearest, np.maximum(new, 0))
        nearest[chosen[-1]] = 0
    return points[chosen]
