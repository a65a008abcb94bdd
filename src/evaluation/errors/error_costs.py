"""What each error type costs: the AP50 gained when its errors are fixed (Bolya et al. 2020, TIDE, section 2.3).

Axes: D detections, N of them counted, K classes.
"""

from dataclasses import dataclass, replace

import numpy as np

from src.evaluation.coco_matching import Matches
from src.evaluation.errors.curves import envelope
from src.evaluation.errors.error_types import ERROR_TYPES, MISSED, ErrorTypes


@dataclass(frozen=True, eq=False)
class ApInput:
    """What an average precision is computed from: true positive (bool), label and score of detections [N]; objects [K]."""

    true_positive: np.ndarray
    label: np.ndarray
    score: np.ndarray
    objects: np.ndarray


def costs(matches: Matches, errors: ErrorTypes) -> dict[str, np.ndarray]:
    """AP50 gained by each class when all errors of one type are fixed, float [K] by type; NaN without objects."""
    before = class_ap50(ap_input(matches), matches.objects)
    return {
        name: class_ap50(fix_errors(matches, errors, {number}), matches.objects) - before
        for number, name in enumerate(ERROR_TYPES)
    }


def ap_input(matches: Matches) -> ApInput:
    """The detections without changes; ignored ones are left out."""
    counted = ~matches.ignored
    return ApInput(matches.true_positive[counted], matches.label[counted], matches.score[counted], matches.objects)


def fix_errors(matches: Matches, errors: ErrorTypes, types: set[int]) -> ApInput:
    """Fix all errors of some types (the paper's section 2.3).

    A detection of type CLASS or LOCALISATION becomes a true positive of its object; if the object is matched already, or a
    detection with a higher score is matched to it, the detection is removed. Detections of the other types are removed.
    Missed objects are not counted any more.
    """
    chosen = np.isin(errors.detection, list(types))
    candidates = np.flatnonzero(chosen & (errors.target >= 0))
    candidates = candidates[matches.matched_detection[errors.target[candidates]] < 0]
    # Detections of an image are ordered by falling score, so the first one on an object is the best.
    _, first = np.unique(errors.target[candidates], return_index=True)
    corrected = candidates[first]
    true_positive, label = matches.true_positive.copy(), matches.label.copy()
    true_positive[corrected] = True
    label[corrected] = matches.object_label[errors.target[corrected]]
    kept = ~matches.ignored & (~chosen | true_positive)
    fixed = ApInput(true_positive[kept], label[kept], matches.score[kept], matches.objects)
    if MISSED in types:
        missed = np.bincount(matches.object_label[errors.missed], minlength=len(matches.objects) + 1)[1:]
        fixed = replace(fixed, objects=matches.objects - missed)
    return fixed


def class_ap50(scores: ApInput, objects: np.ndarray) -> np.ndarray:
    """Average precision of each class at an IoU of .5.

    Args:
        scores: detections, and the objects that are left.
        objects: int [K], the objects before any were removed; a class without objects has no AP. A class whose objects were
            all removed has AP 1.

    Returns:
        float [K], NaN without objects.
    """
    order = np.argsort(-scores.score, kind="stable")
    order = order[np.argsort(scores.label[order], kind="stable")]
    true_positive = scores.true_positive[order]
    bounds = np.searchsorted(scores.label[order], np.arange(1, len(objects) + 2))
    result = np.full(len(objects), np.nan)
    for index, (before, left) in enumerate(zip(objects.tolist(), scores.objects.tolist(), strict=True)):
        if before:
            rows = true_positive[bounds[index] : bounds[index + 1]]
            result[index] = envelope(rows, left)[0].mean() if left else 1.0
    return result


def mean_ap50(per_class: np.ndarray) -> float | None:
    """Mean over the classes that have objects; None when none has."""
    measured = per_class[~np.isnan(per_class)]
    return float(measured.mean()) if measured.size else None
