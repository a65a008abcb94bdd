"""The teacher's detections in the very shape of ground truth.

What the teacher is sure of becomes an object (Liu et al. 2021, Unbiased Teacher, section 3.2); what it only suspects may become a
region to ignore, so that an object that it half sees is not taught as background (after Chen et al. 2022, LabelMatch, section 3.3).
"""

from mindspore import Tensor, ops
from mindspore import dtype as mstype


def pseudo_labels(
    detections: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    threshold: float,
    ignore_threshold: float | None,
    max_gts: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Detections above a score as ground truth; an image may end up with none and is then trained as background.

    Args:
        detections: boxes [B, K, 4], scores [B, K], labels [B, K], class probabilities [B, K, C], valid [B, K], best first.
        threshold: a detection is an object if its score is greater.
        ignore_threshold: the others are regions to ignore if their score is greater; None: they are background.
        max_gts: G, rows of ground truth; K must not exceed it.

    Returns:
        gt_boxes [B, G, 4] float32, gt_labels [B, G] int32, gt_valid [B, G] bool, gt_crowd [B, G] bool, without gradient.

    Raises:
        ValueError: if there are more detections than rows.
    """
    boxes, scores, labels, _, valid = detections
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
    return (
        ops.stop_gradient(gt_boxes),
        gt_labels.astype(mstype.int32),
        ops.concat((sure, no_rows), 1),
        ops.concat((suspected, no_rows), 1),
    )
