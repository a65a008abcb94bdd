"""Non-maximum suppression under static shapes: nothing is dropped, a mask says what stays."""

import numpy as np
from mindspore import Tensor, ops


def keep_mask(boxes: Tensor, iou_threshold: float) -> Tensor:
    """Which boxes no better one overlaps by more than `iou_threshold`.

    The operator sorts by score itself and answers in its own order, ties in any; so it is given the row number as score.

    Args:
        boxes: [N, 4] float32 (x1, y1, x2, y2), best first.

    Returns:
        bool [N].
    """
    count = boxes.shape[0]
    falling = Tensor(np.arange(count, 0, -1, dtype=np.float32)[:, None] / count)
    return ops.NMSWithMask(iou_threshold)(ops.stop_gradient(ops.concat((boxes, falling), 1)))[2]


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
