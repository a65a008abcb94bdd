"""The confusion matrix of classes."""

import numpy as np

from src.evaluation.coco_matching import FOREGROUND_IOU, Matches, assign


def confusion_matrix(matches: Matches, threshold: float) -> np.ndarray:
    """Count objects by true and predicted class, at an IoU of .5.

    True positives keep their object. Each other detection, from the highest score down, is matched to the unmatched object of
    any class with the highest IoU.

    Args:
        matches: detections and objects.
        threshold: the lowest score of a detection that counts.

    Returns:
        int [K + 1, K + 1]. Row k, column k': objects of label k predicted as k'. Column 0: objects that were not detected.
        Row 0: detections of background. Rows sum to objects, columns to detections (without ignored ones); [0, 0] is 0.
    """
    kept = (matches.score >= threshold) & ~matches.ignored
    true_positive = matches.true_positive & kept
    taken = np.zeros(len(matches.object_label), bool)
    taken[matches.matched_object[true_positive]] = True
    free = (
        (kept & ~true_positive)[matches.pair_detection]
        & ~taken[matches.pair_object]
        & (matches.pair_iou >= FOREGROUND_IOU)
    )
    pairs = (array[free] for array in (matches.pair_detection, matches.pair_object, matches.pair_iou))
    confused, confused_by = assign(*pairs, len(matches.label), len(matches.object_label))

    matched = np.where(true_positive, matches.matched_object, confused)
    size = len(matches.class_names) + 1
    matrix = np.zeros((size, size), np.int64)
    true_label = np.append(matches.object_label, 0)[matched]  # -1: background
    np.add.at(matrix, (true_label[kept], matches.label[kept]), 1)
    np.add.at(matrix, (matches.object_label[~taken & (confused_by < 0)], 0), 1)
    return matrix
