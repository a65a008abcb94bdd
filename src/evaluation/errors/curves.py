"""Precision, recall and confidence: average precision, the threshold of the best F1, right and wrong ones by score."""

from dataclasses import dataclass

import numpy as np

from src.evaluation.coco_matching import Matches

RECALLS = np.linspace(0, 1, 101)  # COCO's recall points
BINS = 20  # of a histogram of scores


@dataclass(frozen=True, eq=False)
class Threshold:
    """The score from which on detections are best kept.

    Attributes:
        score: keep detections with this score or more; None when no detection is right.
        f1, precision, recall: of what is kept then, 0 to 1; 0 when no detection is right, None without objects.
    """

    score: float | None
    f1: float | None
    precision: float | None
    recall: float | None


@dataclass(frozen=True, eq=False)
class Curve:
    """What the scores of one class are worth.

    Attributes:
        precision: [101], the best precision at each of ``RECALLS`` or more; 0 where the recall is not reached.
        score: [101], the least score that reaches this recall; NaN where it is not reached.
        best: the threshold of the best F1.
        right, wrong: int [BINS], detections by score between ``edges`` [BINS + 1].
        ap50: average precision at an IoU of .5; None when the class has no objects.
    """

    precision: np.ndarray
    score: np.ndarray
    best: Threshold
    right: np.ndarray
    wrong: np.ndarray
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
        score, right = matches.score[rows], matches.right[rows]
        precision, reached = envelope(right, objects)
        at_recall = np.append(score, np.nan)[np.minimum(reached, len(score))]
        curves.append(
            Curve(
                precision=precision,
                score=at_recall,
                best=best_threshold(score, right, objects),
                right=np.histogram(score[right], edges)[0],
                wrong=np.histogram(score[~right], edges)[0],
                edges=edges,
                ap50=float(precision.mean()) if objects else None,
            )
        )
    return curves


def overall_threshold(matches: Matches) -> Threshold:
    """The one threshold that gives the best F1 over all classes together."""
    rows = np.flatnonzero(~matches.ignored)
    rows = rows[np.argsort(-matches.score[rows], kind="stable")]
    return best_threshold(matches.score[rows], matches.right[rows], int(matches.objects.sum()))


def envelope(right: np.ndarray, objects: int) -> tuple[np.ndarray, np.ndarray]:
    """Interpolated precision at ``RECALLS`` (Everingham et al. 2010, section 4.2, with COCO's 101 points).

    Args:
        right: bool [N], from the highest score down.
        objects: how many there are to find.

    Returns:
        Precision [101], and how many detections precede the one that reaches each recall, int [101]; N: not reached.
    """
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(hits) + 1)
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    reached = np.searchsorted(hits / max(objects, 1), RECALLS, side="left")
    return best[reached], reached


def best_threshold(score: np.ndarray, right: np.ndarray, objects: int) -> Threshold:
    """Where F1, the harmonic mean of precision and recall, is highest.

    Args:
        score: [N], falling; right: bool [N]; objects: how many there are to find.
    """
    if not objects:
        return Threshold(None, None, None, None)
    hits = np.cumsum(right)
    if not len(hits) or not hits[-1]:
        return Threshold(None, 0.0, 0.0, 0.0)
    kept = np.arange(1, len(hits) + 1)
    # Equal scores are kept or dropped together.
    f1 = np.where(np.append(score[1:] < score[:-1], True), 2 * hits / (kept + objects), -1.0)
    place = int(np.argmax(f1))
    return Threshold(
        float(score[place]), float(f1[place]), float(hits[place] / kept[place]), float(hits[place] / objects)
    )


def score_edges(score: np.ndarray) -> np.ndarray:
    """Borders [BINS + 1] of equal bins from 0 to 1, wider where other programs' scores are outside."""
    return np.linspace(min(0.0, score.min(initial=0.0)), max(1.0, score.max(initial=1.0)), BINS + 1)
