"""The teacher's detections in the very shape of ground truth.

What the teacher is sure of becomes an object (Liu et al. 2021, Unbiased Teacher, section 3.2); what it only suspects may become a
region to ignore, so that an object that it half sees is not taught as background (after Chen et al. 2022, LabelMatch, section 3.3).
"""

import numpy as np
from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts.mask_cells import cell_centres, read_masks


def pseudo_labels(
    detections: tuple[Tensor, ...],
    threshold: float,
    ignore_threshold: float | None,
    max_gts: int,
    mask_size: int = 0,
    mask_threshold: float = 0.5,
) -> tuple[Tensor, ...]:
    """Detections above a score as ground truth; an image may end up with none and is then trained as background.

    Args:
        detections: boxes [B, K, 4], scores [B, K], labels [B, K], class probabilities [B, K, C], valid [B, K], best first;
            of a detector with masks also masks [B, K, S, S] float32, probabilities.
        threshold: a detection is an object if its score is greater.
        ignore_threshold: the others are regions to ignore if their score is greater; None: they are background.
        max_gts: G, rows of ground truth; K must not exceed it.
        mask_size: M, cells of a ground-truth mask a side; mask_threshold: what is inside has a greater probability.
            Without masks they mean nothing.

    Returns:
        gt_boxes [B, G, 4] float32, gt_labels [B, G] int32, gt_valid [B, G] bool, gt_crowd [B, G] bool, and with masks
        gt_masks [B, G, M, M] uint8, 0 for rows that are no objects; all without gradient.

    Raises:
        ValueError: if there are more detections than rows.
    """
    boxes, scores, labels, _, valid = detections[:5]
    batch, count = scores.shape
    if count > max_gts:
        raise ValueError(f"{count} detections an image do not fit into {max_gts} rows of ground truth")
    sure = ops.logical_and(valid, scores > threshold)
    lower = threshold if ignore_threshold is None else ignore_threshold
    suspected = ops.logical_and(ops.logical_and(valid, scores > lower), ops.logical_not(sure))
    used = ops.logical_or(sure, suspected)
    padding = max_gts - count
    no_rows = ops.zeros((batch, padding), mstype.bool_)
    gt_boxes = ops.concat(
        (boxes * used[..., None].astype(mstype.float32), ops.zeros((batch, padding, 4), mstype.float32)), 1
    )
    gt_labels = ops.concat((ops.where(sure, labels, 0), ops.zeros((batch, padding), mstype.int32)), 1)
    ground_truth = (
        ops.stop_gradient(gt_boxes),
        gt_labels.astype(mstype.int32),
        ops.concat((sure, no_rows), 1),
        ops.concat((suspected, no_rows), 1),
    )
    if len(detections) > 5:
        masks = pseudo_masks(detections[5], sure, mask_size, mask_threshold)
        no_masks = ops.zeros((batch, padding, mask_size, mask_size), mstype.uint8)
        ground_truth = ground_truth + (ops.concat((masks, no_masks), 1),)
    return ground_truth


def pseudo_masks(masks: Tensor, sure: Tensor, size: int, threshold: float) -> Tensor:
    """Masks [B, K, S, S] of probabilities as ground truth: uint8 [B, K, M, M], M = size, 1 above the threshold; 0 where not sure [B, K]."""
    batch, count, cells = masks.shape[:3]
    places = Tensor(np.repeat(cell_centres(size)[None], batch * count, 0))
    finer = read_masks(masks.reshape(-1, cells, cells), places, places).reshape(batch, count, size, size)
    inside = ops.logical_and(finer > threshold, sure[..., None, None])
    return ops.stop_gradient(inside.astype(mstype.uint8))
