"""``least_confidence``: the mean of 1 - score over an image's detections."""

import numpy as np

from src.active.strategies.pool import Acquisition, Options, Pool, require_detections


def least_confidence(pool: Pool, options: Options) -> Acquisition:
    """Mean of 1 - score; an image without detections has the mean of the others."""
    table = pool.detections
    require_detections(table)
    return Acquisition(mean_per_detection(table.counts - table.sum_per_image(table.confidence), table.counts))


def mean_per_detection(total: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """total / counts [N]; images without detections get the mean over the others."""
    some = counts > 0
    means = total[some] / counts[some]
    values = np.full(len(total), means.mean())
    values[some] = means
    return values
