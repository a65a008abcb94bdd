"""Post-processing shared by all detectors: from scores per box and class to detections (score threshold, NMS per class, top K).

Axes: B images, N boxes per image, F classes without background, P candidates, pairs of box and class, K detections.
"""

from dataclasses import dataclass

from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts import boxes
from src.parts.nms import keep_masks

MIN_SIDE = 0.01  # pixels; a box with a smaller side after clipping lies outside the image


@dataclass(frozen=True)
class DetectionConfig:
    """Post-processing of scores and boxes.

    Attributes:
        score_threshold: detections have a greater score; nms_iou: IoU threshold of NMS.
        count: K, detections per image; candidates: P, the best pairs of box and class, which are the input of NMS.
    """

    score_threshold: float
    nms_iou: float
    count: int
    candidates: int


def best_pairs(scores: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pairs of box and class with the highest scores, the input of NMS.

    Args:
        scores: [B, N, F] float32; count: P, or all pairs if there are fewer.

    Returns:
        score [B, P] float32, best first; row of the box [B, P] int32; label [B, P] int32 in 1..F.
    """
    batch, _, classes = scores.shape
    flat = scores.reshape(batch, -1)
    score, index = ops.topk(flat, min(count, flat.shape[1]))
    row = ops.floor_divide(index, classes)
    return score, row, index - row * classes + 1


def detections(
    score: Tensor, row: Tensor, label: Tensor, box: Tensor, values: Tensor, config: DetectionConfig
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The candidates that remain after NMS per class, best first.

    Args:
        score, row, label: [B, P] of `best_pairs`; box: [B, P, 4] float32 (x1, y1, x2, y2), clipped to the image.
        values: [B, N, D], values of each box to return with it, such as class probabilities.

    Returns:
        boxes [B, K, 4] float32, scores [B, K] float32, labels [B, K] int32, values of their boxes [B, K, D], valid [B, K]
        bool. Rows that are not valid have score 0.
    """
    # Boxes of each class are shifted by their own offset, so that one NMS treats the classes separately (as torchvision's batched_nms).
    shifted = box + label.astype(mstype.float32)[..., None] * (ops.amax(box, (1, 2), True) + 1.0)
    sides = ops.minimum(box[..., 2] - box[..., 0], box[..., 3] - box[..., 1])
    kept = ops.logical_and(keep_masks(shifted, config.nms_iou), sides >= MIN_SIDE)
    final = ops.where(ops.logical_and(kept, score > config.score_threshold), score, 0.0)

    score, rank = ops.topk(final, min(config.count, final.shape[1]))
    label = ops.gather_elements(label, 1, rank).astype(mstype.int32)
    value = boxes.take_rows(values, ops.gather_elements(row, 1, rank))
    return boxes.take_rows(box, rank), score, label, value, score > 0.0
