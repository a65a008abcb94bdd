"""Precision-recall curves, the operating point of the best F1, and histograms of true and false positives by score."""

from dataclasses import dataclass

import numpy as np

from src.evaluation.coco_matching import Matches

RECALLS = np.linspace(0, 1, 101)  # COCO's recall points
BINS = 20  # of the histograms of scores


@dataclass(frozen=True, eq=False)
class OperatingPoint:
    """A score threshold, and the scores at it.

    Attributes:
        score: keep detections with this score or more; None without a true positive.
        f1, precision, recall: at this threshold, 0 to 1; 0 without a true positive, None without objects.
    """

    score: float | None
    f1: float | None
    precision: float | None
    recall: float | None


@dataclass(frozen=True, eq=False)
class Curve:
    """The precision-recall curve of one class, and its scores.

    Attributes:
        precision: [101], the highest precision at each of ``RECALLS`` or more; 0 where the recall is not reached.
        score: [101], the highest threshold that reaches this recall; NaN where it is not reached.
        best: the operating point of the best F1.
        true_positives, false_positives: int [BINS], by score between ``edges`` [BINS + 1].
        ap50: average precision at an IoU of .5; None when the class has no objects.
    """

    precision: np.ndarray
    score: np.ndarray
    best: OperatingPoint
    true_positives: np.ndarray
    false_positives: np.ndarray
    edges: np.ndarray
    ap50: float | None


def class_curves(matches: Matches) -> list[Curve]:
    """The curve of each class, in the order of the classes."""
    counted = np.flatnonzero(~matches.ignored)
    edges = score_edges(matches.score)
    curves = []
    for label, objects in enumerate(matches.objects.tolist(), start=1):
        rows = counted[matches.label[counted] == label]
        rows = rows[np.argsort(-matches.score[rows], kind="stable")]
        score, true_positive = matches.score[rows], matches.true_positive[rows]
        precision, reached = envelope(true_positive, objects)
        at_recall = np.append(score, np.nan)[np.minimum(reached, len(score))]
        curves.append(
            Curve(
                precision=precision,
                score=at_recall,
                best=best_operating_point(score, true_positive, objects),
                true_positives=np.histogram(score[true_positive], edges)[0],
                false_positives=np.histogram(score[~true_positive], edges)[0],
                edges=edges,
                ap50=float(precision.mean()) if objects else None,
            )
        )
    return curves


def overall_operating_point(matches: Matches) -> OperatingPoint:
    """The threshold of the best F1 over all classes together."""
    rows = np.flatnonzero(~matches.ignored)
    rows = rows[np.argsort(-matches.score[rows], kind="stable")]
    return best_operating_point(matches.score[rows], matches.true_positive[rows], int(matches.objects.sum()))


def envelope(true_positive: np.ndarray, objects: int) -> tuple[np.ndarray, np.ndarray]:
    """Interpolated precision at ``RECALLS`` (Everingham et al. 2010, section 4.2, with COCO's 101 points).

    Args:
        true_positive: bool [N], from the highest score down.
        objects: number of ground-truth objects.

    Returns:
        Precision [101], and how many detections precede the one that reaches each recall, int [101]; N: not reached.
    """
    hits = np.cumsum(true_positive)
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    reached = np.searchsorted(hits / max(objects, 1), RECALLS, side="left")
    return best[reached], reached


def best_operating_point(score: np.ndarray, true_positive: np.ndarray, objects: int) -> OperatingPoint:
    """The threshold with the highest F1, the harmonic mean of precision and recall.

    Args:
        score: [N], descending; true_positive: bool [N]; objects: number of ground-truth objects.
    """
    if not objects:
        return OperatingPoint(None, None, None, None)
    hits = np.cumsum(true_positive)
    if not len(hits) or not hits[-1]:
        return OperatingPoint(None, 0.0, 0.0, 0.0)
    kept = np.arange(1, len(hits) + 1)
    # Equal scores are kept or dropped together.
    f1 = np.where(np.append(score[1:] < score[:-1], True), 2 * hits / (kept + objects), -1.0)
    place = int(np.argmax(f1))
    return OperatingPoint(
        float(score[place]), float(f1[place]), float(hits[place] / kept[place]), float(hits[place] / objects)
    )


def score_edges(score: np.ndarray) -> np.ndarray:
    """Edges [BINS + 1] of equal bins from 0 to 1, wider if scores of other programs lie outside."""
    return np.linspace(min(0.0, score.min(initial=0.0)), max(1.0, score.max(initial=1.0)), BINS + 1)
