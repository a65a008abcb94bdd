"""How good the detections above a score would be as labels."""

import numpy as np

from src.evaluation.coco_matching import Matches


def pseudo_label_quality(matches: Matches, threshold: float) -> dict[str, dict[str, float | int | None]]:
    """Precision and recall of the detections above a score, at an IoU of .5.

    Args:
        matches: detections and objects; threshold: a detection counts if its score is greater.

    Returns:
        By class name: "precision" (None without a box), "recall" (None without an object), "boxes", "right" and "objects"
        (numbers). The last entry, "", is of all classes together. Detections inside crowds count neither way.
    """
    counted = (matches.score > threshold) & ~matches.ignored
    size = len(matches.class_names) + 1
    boxes = np.bincount(matches.label[counted], minlength=size)[1:]
    right = np.bincount(matches.label[counted & matches.true_positive], minlength=size)[1:]
    rows = zip(matches.class_names, boxes.tolist(), right.tolist(), matches.objects.tolist(), strict=True)
    quality = {name: _shares(*numbers) for name, *numbers in rows}
    return quality | {"": _shares(int(boxes.sum()), int(right.sum()), int(matches.objects.sum()))}


def _shares(boxes: int, right: int, objects: int) -> dict[str, float | int | None]:
    return {
        "precision": right / boxes if boxes else None,
        "recall": right / objects if objects else None,
        "boxes": boxes,
        "right": right,
        "objects": objects,
    }
