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
