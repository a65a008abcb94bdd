"""Precision and recall of pseudo-labels."""

import numpy as np

from src.evaluation.coco_matching import Matches


def pseudo_label_quality(matches: Matches, threshold: float | np.ndarray) -> dict[str, dict[str, float | int | None]]:
    """Precision and recall of the detections above a score, at an IoU of .5.

    Args:
        matches: detections and objects of K classes; threshold: a detection counts if its score is greater; a number, or [K].

    Returns:
        By class name: "precision" (None without boxes), "recall" (None without objects), and the numbers "boxes", "right"
        (true positives) and "objects". The last entry, "", is over all classes. Detections inside crowds are ignored.
    """
    size = len(matches.class_names) + 1
    thresholds = np.broadcast_to(threshold, size - 1)
    counted = (matches.score > thresholds[matches.label - 1]) & ~matches.ignored
    boxes = np.bincount(matches.label[counted], minlength=size)[1:]
    true_positives = np.bincount(matches.label[counted & matches.true_positive], minlength=size)[1:]
    rows = zip(matches.class_names, boxes.tolist(), true_positives.tolist(), matches.objects.tolist(), strict=True)
    quality = {name: _quality(*numbers) for name, *numbers in rows}
    return quality | {"": _quality(int(boxes.sum()), int(true_positives.sum()), int(matches.objects.sum()))}


def _quality(boxes: int, true_positives: int, objects: int) -> dict[str, float | int | None]:
    return {
        "precision": true_positives / boxes if boxes else None,
        "recall": true_positives / objects if objects else None,
        "boxes": boxes,
        "right": true_positives,
        "objects": objects,
    }
