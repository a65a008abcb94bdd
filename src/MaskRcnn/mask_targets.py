"""Targets of the mask head: the ground-truth mask of each RoI, cropped to the RoI (He et al. 2017, Mask R-CNN, section 3.1).

Axes: B images, G ground-truth boxes, M cells of a ground-truth mask per side, P RoIs per image, S cells of a target per side.
"""

import numpy as np
from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts import boxes
from src.parts.mask_cells import cell_centres, sample_masks

MIN_SIDE = 1e-3  # pixels; avoids a division by 0 in padding rows
INSIDE = 0.5  # threshold of the resampled mask


def mask_targets(gt_masks: Tensor, gt_boxes: Tensor, gt_row: Tensor, rois: Tensor, size: int) -> Tensor:
    """Masks of the matched objects in the cells of the RoIs; cells outside the object's box are background.

    Args:
        gt_masks: [B, G, M, M] uint8, 1 inside the object, each relative to its box.
        gt_boxes: [B, G, 4] and rois: [B, P, 4] float32 (x1, y1, x2, y2) in pixels of the network input.
        gt_row: [B, P] int32, the object of each RoI; size: S.

    Returns:
        [B, P, S, S] float32, 0 or 1, without gradient.
    """
    batch, count = gt_row.shape
    objects, cells = gt_masks.shape[1:3]
    first = Tensor(np.arange(batch, dtype=np.int32)[:, None] * objects)
    masks = ops.gather(gt_masks.reshape(-1, cells * cells), (gt_row + first).reshape(-1), 0)
    matched = boxes.take_rows(gt_boxes, gt_row).reshape(-1, 4)
    rois = rois.reshape(-1, 4)
    rows = _positions(rois[:, 1], rois[:, 3], matched[:, 1], matched[:, 3], size)
    columns = _positions(rois[:, 0], rois[:, 2], matched[:, 0], matched[:, 2], size)
    values = sample_masks(masks.astype(mstype.float32).reshape(-1, cells, cells), rows, columns)
    return ops.stop_gradient((values > INSIDE).astype(mstype.float32)).reshape(batch, count, size, size)


def _positions(low: Tensor, high: Tensor, box_low: Tensor, box_high: Tensor, size: int) -> Tensor:
    """Centres of cells from `low` to `high` [N], relative to the side from `box_low` to `box_high`: [N, size], 0 to 1 inside."""
    centres = low[:, None] + (high - low)[:, None] * Tensor(cell_centres(size))
    side = ops.maximum(box_high - box_low, Tensor(MIN_SIDE, mstype.float32))
    return (centres - box_low[:, None]) / side[:, None]
