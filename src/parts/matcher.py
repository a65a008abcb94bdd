"""Which anchor (or proposal) answers for which ground-truth box (Ren et al. 2015, section 3.1.2).

Axes: B images, G ground-truth boxes, A anchors or proposals.
"""

from mindspore import Tensor, ops
from mindspore import dtype as mstype

from src.parts import boxes as box_ops

POSITIVE, NEGATIVE, IGNORED = 1, 0, -1
CROWD_COVER = 0.5
# Stands for a row that is not there: it overlaps nothing, and its area is not 0.
NOWHERE = (-9000.0, -9000.0, -8999.0, -8999.0)


def match(
    boxes: Tensor,
    gt_boxes: Tensor,
    gt_valid: Tensor,
    gt_crowd: Tensor,
    positive_iou: float,
    negative_iou: float,
    lowest_best_iou: float,
) -> tuple[Tensor, Tensor]:
    """Give each box the ground truth it overlaps most, and a state.

    A box is positive at an IoU of `positive_iou` and more, and also if it overlaps one of the ground-truth boxes best of all
    and by at least `lowest_best_iou`; negative below `negative_iou`; ignored in between. A box that would be negative is
    ignored where a crowd region covers half of it.

    Args:
        boxes: [A, 4] float32 (x1, y1, x2, y2), the same for all images, or [B, A, 4].
        gt_boxes: [B, G, 4] float32 in the same pixels; gt_valid, gt_crowd: [B, G] bool; rows with neither are padding.

    Returns:
        matched [B, A] int32: row of the ground truth; state [B, A] int32: POSITIVE, NEGATIVE or IGNORED.
    """
    nowhere = Tensor(NOWHERE, mstype.float32)
    iou_BGA = box_ops.iou(ops.where(gt_valid[..., None], gt_boxes, nowhere), boxes)
    matched_BA, best_iou_BA = ops.ArgMaxWithValue(axis=1)(iou_BGA)
    state_BA = ops.where(best_iou_BA >= positive_iou, POSITIVE, IGNORED)
    state_BA = ops.where(best_iou_BA < negative_iou, NEGATIVE, state_BA)

    covered_BA = box_ops.greatest_cover(ops.where(gt_crowd[..., None], gt_boxes, nowhere), boxes)
    state_BA = ops.where(ops.logical_and(covered_BA >= CROWD_COVER, state_BA == NEGATIVE), IGNORED, state_BA)

    if lowest_best_iou < positive_iou:
        best_box_BG, iou_BG = ops.ArgMaxWithValue(axis=2)(iou_BGA)
        claims_BG = ops.logical_and(gt_valid, iou_BG >= lowest_best_iou)
        matched_BA, state_BA = _claim(matched_BA, state_BA, best_box_BG, claims_BG)
    return matched_BA.astype(mstype.int32), state_BA.astype(mstype.int32)


def _claim(matched_BA: Tensor, state_BA: Tensor, box_BG: Tensor, claims_BG: Tensor) -> tuple[Tensor, Tensor]:
    """Make box_BG positive for its ground truth where claims_BG; the other rows write to a column that is cut off again."""
    batch, count = state_BA.shape
    rows = box_BG.shape[1]
    spare = ops.zeros((batch, 1), mstype.int32)
    target_BG = ops.where(claims_BG, box_BG, count).astype(mstype.int32)
    row_BG = ops.broadcast_to(ops.arange(rows).astype(mstype.int32)[None], (batch, rows))
    matched = ops.tensor_scatter_elements(ops.concat((matched_BA.astype(mstype.int32), spare), 1), target_BG, row_BG, 1)
    state = ops.concat((state_BA.astype(mstype.int32), spare), 1)
    state = ops.tensor_scatter_elements(state, target_BG, ops.full_like(row_BG, POSITIVE), 1)
    return matched[:, :count], state[:, :count]
