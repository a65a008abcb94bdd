"""Which object each detection lies on, and what that says of the classes.

Axes: N detections of an image, G objects of it, K classes.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from src.data.annotations import ImageEntry
from src.evaluation.coco_matching import FOUND_IOU
from src.evaluation.records import Detections

NO_OBJECT, CROWD = -1, -2


def iou_matrix(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes [N, 4] and [G, 4], both (x1, y1, x2, y2): float64 [N, G]."""
    boxes, others = boxes[:, None].astype(np.float64), others[None].astype(np.float64)
    low, high = np.maximum(boxes[..., :2], others[..., :2]), np.minimum(boxes[..., 2:], others[..., 2:])
    shared = np.clip(high - low, 0, None).prod(-1)
    union = (boxes[..., 2:] - boxes[..., :2]).prod(-1) + (others[..., 2:] - others[..., :2]).prod(-1) - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def objects_found(entry: ImageEntry, found: Detections, same_class: bool = True) -> np.ndarray:
    """The object that each detection finds; the best detection of an object gets it, others of it are not right.

    Args:
        entry: a labelled image; found: in its original pixels, best first.
        same_class: whether a detection must have the class of its object.

    Returns:
        int64 [N]: index into entry.boxes, NO_OBJECT, or CROWD where a region to ignore lies under it.
    """
    overlap = iou_matrix(found.boxes, entry.boxes)
    if same_class:
        overlap = np.where(found.labels[:, None] == entry.labels[None], overlap, 0.0)
    result = np.full(len(found.boxes), NO_OBJECT, np.int64)
    free = ~entry.crowd
    for row in range(len(result)):
        candidates = np.where(free, overlap[row], 0.0)
        best = int(candidates.argmax()) if candidates.size else 0
        if candidates.size and candidates[best] >= FOUND_IOU:
            result[row], free[best] = best, False
        elif (overlap[row][entry.crowd] >= FOUND_IOU).any():
            result[row] = CROWD
    return result


def confusion(entry: ImageEntry, found: Detections, classes: int, least_score: float) -> np.ndarray:
    """How often an object of one class was called another: int64 [K, K], rows are the truth.

    Args:
        entry, found: as for `objects_found`; classes: K; least_score: of detections that count.
    """
    counts = np.zeros((classes, classes), np.int64)
    objects = objects_found(entry, found, same_class=False)
    rows = np.flatnonzero((objects >= 0) & (found.scores >= least_score))
    np.add.at(counts, (entry.labels[objects[rows]] - 1, found.labels[rows] - 1), 1)
    return counts


def quality(
    images: Iterable[tuple[ImageEntry, Detections]], class_names: Sequence[str], threshold: float
) -> dict[str, dict[str, float | int | None]]:
    """Precision and recall of the detections above a score, as pseudo-labels would be taken from them.

    Args:
        images: labelled images and what was found in each; threshold: a detection counts if its score is greater.

    Returns:
        By class name, and under "all": "precision" (None without a box), "recall" (None without an object), "boxes",
        "right" and "objects" (numbers). Regions of crowds count neither way.
    """
    boxes, right, objects = (np.zeros(len(class_names) + 1, np.int64) for _ in range(3))
    for entry, found in images:
        hits = objects_found(entry, found)
        counted = found.scores > threshold
        np.add.at(boxes, found.labels[counted & (hits != CROWD)], 1)
        np.add.at(right, found.labels[counted & (hits >= 0)], 1)
        np.add.at(objects, entry.labels[~entry.crowd], 1)
    rows = {name: _shares(boxes[k], right[k], objects[k]) for k, name in enumerate(class_names, start=1)}
    return {"all": _shares(boxes.sum(), right.sum(), objects.sum()), **rows}


def _shares(boxes: int, right: int, objects: int) -> dict[str, float | int | None]:
    return {
        "precision": float(right / boxes) if boxes else None,
        "recall": float(right / objects) if objects else None,
        "boxes": int(boxes),
        "right": int(right),
        "objects": int(objects),
    }
