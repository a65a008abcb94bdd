"""``entropy``: the entropy of the class probabilities, summed over an image's detections."""

from src.active.strategies.pool import Acquisition, Options, Pool, require_detections


def entropy(pool: Pool, options: Options) -> Acquisition:
    """Summed entropy in bits; 0 without detections."""
    require_detections(pool.detections)
    return Acquisition(pool.detections.sum_per_image(pool.detections.entropy))
