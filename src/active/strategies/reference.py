"""``reference``: difficulty + information + diversity of confident detections.

Mi et al. 2022, Active Teacher for Semi-Supervised Object Detection, section 3.3: boxes with a score of more than 0.5, at
most 20 per image. Low scores are noise, and there are many of them.
"""

import numpy as np

from src.active.detections_file import DetectionTable
from src.active.strategies.least_confidence import mean_per_detection
from src.active.strategies.pool import Acquisition, Options, Pool, require_detections

CONFIDENT = 0.5  # a detection counts when its score is above it
MOST_BOXES = 20  # per image, the best


def reference(pool: Pool, options: Options) -> Acquisition:
    """Weighted sum of difficulty (mean entropy), information (summed score) and diversity (number of classes).

    Each is divided by its largest value over the images. An image without a confident detection has the mean difficulty, and
    no information and diversity. If no image has one, as after very few steps, detections of any score count: what a detector
    doubts still tells images apart, and a stop would lose the hours of training before it.
    """
    table = pool.detections
    require_detections(table)
    above = CONFIDENT if (table.confidence > CONFIDENT).any() else 0.0
    of = best(table, above)
    counts = table.sum_per_image(np.ones(len(of)), of)
    classes = np.unique(np.stack([table.owner[of], table.labels[of]]), axis=1)[0]
    terms = {
        "difficulty": mean_per_detection(table.sum_per_image(table.entropy, of), counts),
        "information": table.sum_per_image(table.confidence, of),
        "diversity": np.bincount(classes, minlength=len(counts)).astype(float),
    }
    scores = sum(weight * share_of_largest(term) for weight, term in zip(options.weights, terms.values(), strict=True))
    note = (
        f"none of the {len(table.names)} images has a detection with a score above {CONFIDENT}, so detections of any score count: "
        "the detector knows little yet, and a longer training ranks better"
    )
    return Acquisition(scores, terms, "" if above else note)


def best(table: DetectionTable, above: float) -> np.ndarray:
    """bool [D]: the best 20 detections of each image, as far as their score is above ``above``."""
    order = np.lexsort((-table.confidence, table.owner))
    starts = np.cumsum(table.counts) - table.counts
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(starts, table.counts)
    return (table.confidence > above) & (rank < MOST_BOXES)


def share_of_largest(term: np.ndarray) -> np.ndarray:
    """The term divided by its largest value; all 0 if that is 0 (certain everywhere)."""
    largest = term.max()
    return term / largest if largest > 0 else np.zeros(len(term))
