"""The score threshold at which the detections of a class reach a given precision."""

import numpy as np

from src.evaluation.coco_matching import Matches


def precision_thresholds(matches: Matches, precision: float) -> dict[str, float | None]:
    """The lowest score threshold per class at which the precision is at least ``precision``.

    Args:
        matches: of detections on images that the detector was not trained on; see ``src.evaluation.coco_matching``.

    Returns:
        Class -> score; None: no score gives this precision. Classes without objects in the images are left out.
    """
    found = {}
    for label, name in enumerate(matches.class_names, start=1):
        if matches.objects[label - 1]:
            rows = ~matches.ignored & (matches.label == label)
            found[name] = precision_threshold(matches.score[rows], matches.true_positive[rows], precision)
    return found


def precision_threshold(score: np.ndarray, true_positive: np.ndarray, precision: float) -> float | None:
    """The lowest of the scores [N] at which the detections with this score or more reach the precision.

    Args:
        true_positive: bool [N]; equal scores are kept or dropped together.
    """
    order = np.argsort(-score, kind="stable")
    score, hits = score[order], np.cumsum(true_positive[order])
    ends = np.append(score[1:] < score[:-1], True)[: len(score)]
    enough = np.flatnonzero(ends & (hits >= precision * np.arange(1, len(score) + 1)))
    return float(score[enough[-1]]) if len(enough) else None
