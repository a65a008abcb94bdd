"""Score thresholds per class from the label prior (Chen et al. 2022, LabelMatch, section 3.2).

The labelled images say how many objects of each class as many unlabelled images hold. The threshold of a class is the score above which
the teacher has so many detections of it, or a share of them. So a rare class, of which the teacher is never as sure as of a frequent
one, gets its share of pseudo-labels, too.
"""

from collections.abc import Sequence

import numpy as np

LOWEST = 0.05  # threshold, as in LabelMatch


def expected_objects(counts: Sequence[int], labelled: int, unlabelled: int) -> np.ndarray:
    """Objects of each class that are expected in unlabelled images, float64 [C].

    Args:
        counts: objects of each class in the labelled images; a class without any counts as one with one.
        labelled, unlabelled: numbers of images.
    """
    return np.maximum(counts, 1) * (unlabelled / labelled)


def thresholds_at_rank(scores: np.ndarray, labels: np.ndarray, ranks: np.ndarray, otherwise: float) -> np.ndarray:
    """The score at a rank among the detections of each class, float32 [C].

    A threshold is just below that score, so that the detection at the rank is above it, with all that score the same.

    Args:
        scores: float32 [N] of the detections; labels: [N] in 1..C.
        ranks: [C], rounded, and at least 1; where there are fewer detections, the last one counts.
        otherwise: threshold of a class without detections.
    """
    found = np.full(len(ranks), otherwise, np.float32)
    for label, rank in enumerate(ranks, start=1):
        ordered = np.sort(scores[labels == label].astype(np.float32))[::-1]
        if len(ordered):
            score = ordered[min(max(round(float(rank)), 1), len(ordered)) - 1]
            found[label - 1] = max(np.nextafter(score, np.float32(0)), np.float32(LOWEST))
    return found
