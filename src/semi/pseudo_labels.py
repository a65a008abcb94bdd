"""The teacher's detections in the very shape of ground truth (Liu et al. 2021, Unbiased Teacher, section 3.2)."""

from mindspore import Tensor, ops
from mindspore import dtype as mstype


def pseudo_labels(
    detections: tuple[Tensor, Tensor, Tensor, Tensor, Tensor], threshold: float, max_gts: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Detections above a score as ground truth; an image may end up with none and is then trained as background.

    Args:
        detections: boxes [B, K, 4], scores [B, K], labels [B, K], class probabilities [B, K, C], valid [B, K], best first.
        threshold: a detection is kept if its score is greater.
        max_gts: G, rows of ground truth; K must not exceed it.

    Returns:
        gt_boxes [B, G, 4] float32, gt_labels [B, G] int32, gt_valid [B, G] bool, gt_crowd [B, G] bool (all False), without gradient.

    Raises:
        ValueError: if there are more detections than rows.
    """
    boxes, scores, labels, _, valid = detections
    batch, count = scores.shape
    if count > max_gts:
        raise ValueError(f"{count} detections an image do not fit into {max_gts} rows of ground truth")
    kept = ops.logical_and(valid, scores > threshold)
    padding = max_gts - count
    gt_boxes = ops.concat(
        (boxes * kept[..., None].astype(mstype.float32), ops.zeros((batch, padding, 4), mstype.float32)), 1
    )
    gt_labels = ops.concat((ops.where(kept, labels, 0), ops.zeros((batch, padding), mstype.int32)), 1)
    gt_valid = ops.concat((kept, ops.zeros((batch, padding), mstype.bool_)), 1)
    return (
        ops.stop_gradient(gt_boxes),
        gt_labels.astype(mstype.int32),
        gt_valid,
        ops.zeros((batch, max_gts), mstype.bool_),
    )
