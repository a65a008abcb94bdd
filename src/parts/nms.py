"""Non-maximum suppression (NMS) under static shapes: a mask of the boxes that are kept."""

import numpy as np
from mindspore import Tensor, ops


def keep_mask(boxes: Tensor, iou_threshold: float) -> Tensor:
    """Whether each box is kept by greedy NMS: no kept box before it has a greater IoU with it than `iou_threshold`.

    The operator returns boxes sorted by score, ties in any order, so its scores are descending row numbers.

    Args:
        boxes: [N, 4] float32 (x1, y1, x2, y2), best first.

    Returns:
        bool [N].
    """
    count = boxes.shape[0]
    descending = Tensor(np.arange(count, 0, -1, dtype=np.float32)[:, None] / count)
    return ops.NMSWithMask(iou_threshold)(ops.stop_gradient(ops.concat((boxes, descending), 1)))[2]


def keep_masks(boxes: Tensor, iou_threshold: float) -> Tensor:
    """`keep_mask` of each image of a batch.

    Args:
        boxes: [B, N, 4] float32 (x1, y1, x2, y2), best first.

    Returns:
        bool [B, N].
    """
    masks = ()  # a tuple that is concatenated: lists and stacks do not export to plain ONNX operators
    for image in range(boxes.shape[0]):
        masks = masks + (keep_mask(boxes[image], iou_threshold).reshape(1, -1),)
    return ops.concat(masks, 0)
