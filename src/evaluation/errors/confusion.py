"""Which class is taken for which."""

import numpy as np

from src.evaluation.coco_matching import FOUND_IOU, Matches, assign


def confusion_matrix(matches: Matches, threshold: float) -> np.ndarray:
    """Count objects by what they are and what they were taken for, at an IoU of .5.

    Right detections stay with their object. Of the rest, from the highest score down, each takes the free object of any
    class that it overlaps most.

    Args:
        matches: detections and objects.
        threshold: detections with a lower score do not count.

    Returns:
        int [K + 1, K + 1]. Row k, column k': objects of label k taken for k'. Column 0: objects that were not detected.
        Row 0: detections where there is no object. Rows sum to objects, columns to detections (those inside crowds left
        out); [0, 0] is 0.
    """
    kept = (matches.score >= threshold) & ~matches.ignored
    seen = matches.right & kept
    taken = np.zeros(len(matches.object_label), bool)
    taken[matches.matched[seen]] = True
    free = (kept & ~seen)[matches.pair_detection] & ~taken[matches.pair_object] & (matches.pair_iou >= FOUND_IOU)
    pairs = (array[free] for array in (matches.pair_detection, matches.pair_object, matches.pair_iou))
    mixed, mixed_by = assign(*pairs, len(matches.label), len(matches.object_label))

    found = np.where(seen, matches.matched, mixed)
    size = len(matches.class_names) + 1
    matrix = np.zeros((size, size), np.int64)
    true_label = np.append(matches.object_label, 0)[found]  # found is -1 where there is no object
    np.add.at(matrix, (true_label[kept], matches.label[kept]), 1)
    np.add.at(matrix, (matches.object_label[~taken & (mixed_by < 0)], 0), 1)
    return matrix
